/* test_shards.c - gradients of shards have one sum, bit for bit, whoever has computed them. Ranks
 * are threads here, which hand each other floats over a counter. */
#include <pthread.h>

#include "support/support.h"

enum { MOST_RANKS = 11, MOST_SHARDS = 64 };

/* ---- ranks that are threads ----------------------------------------------------------------- */

/* Floats on their way from one rank to another: the sender waits until they are taken. */
typedef struct mail {
    const float *floats; /* NULL: nothing is on its way */
    int64_t count;
    bool full;
} mail;

typedef struct post {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    mail mail[MOST_RANKS][MOST_RANKS]; /* [from][to] */
    int mistakes;                      /* counts that do not agree */
} post;

typedef struct rank {
    post *post;
    int32_t rank;
    int64_t calls, sent; /* floats */
    int64_t fails_after; /* calls; negative: never */
} rank;

static recur_status by_post(void *user, int32_t other, int64_t send_count, const float *send,
                            int64_t receive_count, float *receive)
{
    rank *r = user;
    post *p = r->post;
    if (r->fails_after >= 0 && r->calls == r->fails_after)
        return recur_fail(RECUR_E_IO, "the line is cut");
    pthread_mutex_lock(&p->lock);
    mail *out = &p->mail[r->rank][other], *in = &p->mail[other][r->rank];
    *out = (mail){ send, send_count, true };
    pthread_cond_broadcast(&p->changed);
    while (!in->full) pthread_cond_wait(&p->changed, &p->lock);
    if (in->count != receive_count)
        p->mistakes++;
    else if (receive_count)
        memcpy(receive, in->floats, (size_t)receive_count * sizeof *receive);
    in->full = false;
    pthread_cond_broadcast(&p->changed);
    while (out->full) pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
    r->calls++;
    r->sent += send_count;
    return RECUR_OK;
}

typedef struct job job;
typedef void work(job *j, recur_shards *shards);
struct job {
    rank at;
    work *work;
    recur_shards_options options;
    const void *given; /* to all ranks */
    float *floats;     /* what the rank makes */
    double *numbers;
    recur_context *ctx;
};

static void *run_rank(void *argument)
{
    job *j = argument;
    recur_shards *shards;
    if (recur_shards_create(j->ctx, &j->options, j->options.ranks > 1 ? by_post : NULL, &j->at,
                            &shards))
        return NULL;
    j->work(j, shards);
    recur_shards_release(shards);
    return j;
}

/* Runs so many ranks, each with arrays of its own. */
static void run_ranks(int32_t ranks, const job *prototype, int64_t floats_each, job *jobs)
{
    post p = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    pthread_t thread[MOST_RANKS];
    for (int32_t r = 0; r < ranks; r++) {
        jobs[r] = *prototype;
        jobs[r].options.rank = r;
        jobs[r].options.ranks = ranks;
        jobs[r].at = (rank){ .post = &p, .rank = r, .fails_after = -1 };
        jobs[r].floats = floats(floats_each);
        jobs[r].numbers = doubles(prototype->options.numbers);
    }
    for (int32_t r = 0; r < ranks; r++)
        assert_int_equal(pthread_create(&thread[r], NULL, run_rank, &jobs[r]), 0);
    for (int32_t r = 0; r < ranks; r++) {
        void *ended = NULL;
        assert_int_equal(pthread_join(thread[r], &ended), 0);
        assert_non_null(ended);
    }
    assert_int_equal(p.mistakes, 0);
}

/* ---- the tree ------------------------------------------------------------------------------- */

/* Gradients [S][count], then numbers of every shard. */
typedef struct values {
    int64_t count, numbers;
    const float *grads;
    const double *number;
} values;

static void tree_of_floats(int64_t first, int64_t size, int64_t count, const float *of, float *to)
{
    if (count) memcpy(to, of + first * count, (size_t)count * sizeof *to);
    if (size == 1) return;
    float *right = floats(count);
    tree_of_floats(first, size / 2, count, of, to);
    tree_of_floats(first + size / 2, size / 2, count, of, right);
    for (int64_t i = 0; i < count; i++) to[i] += right[i];
}

static double tree_of_doubles(int64_t first, int64_t size, const double *of, int64_t stride)
{
    if (size == 1) return of[first * stride];
    return tree_of_doubles(first, size / 2, of, stride) +
           tree_of_doubles(first + size / 2, size / 2, of, stride);
}

static void add_own(const job *j, recur_shards *shards)
{
    const values *v = j->given;
    const int32_t r = j->options.rank;
    for (int64_t s = recur_shards_first(shards, r); s < recur_shards_first(shards, r + 1); s++) {
        float *grads = recur_shards_gradient(shards);
        if (!grads) return;
        if (v->count) memcpy(grads, v->grads + s * v->count, (size_t)v->count * sizeof *grads);
        if (recur_shards_add(shards, v->number + s * v->numbers)) return;
    }
}

static void sum_values(job *j, recur_shards *shards)
{
    for (int step = 0; step < 2; step++) { /* a second step finds nothing of the first */
        add_own(j, shards);
        if (recur_shards_sum(shards, j->floats, j->numbers)) return;
    }
}

static void one_division(int32_t S, int32_t ranks, const values *v)
{
    job jobs[MOST_RANKS];
    const job prototype = { .work = sum_values,
                            .options = { .size = sizeof prototype.options,
                                         .shards = S,
                                         .count = v->count,
                                         .numbers = v->numbers },
                            .given = v };
    float *want = floats(v->count);
    trying("%d shards, %d ranks, %lld floats", (int)S, (int)ranks, (long long)v->count);
    tree_of_floats(0, S, v->count, v->grads, want);
    run_ranks(ranks, &prototype, v->count, jobs);
    for (int32_t r = 0; r < ranks; r++) {
        check_same("sum", v->count, jobs[r].floats, want);
        for (int64_t i = 0; i < v->numbers; i++)
            assert_true(jobs[r].numbers[i] == tree_of_doubles(0, S, v->number + i, v->numbers));
    }
}

static void every_division_gives_the_sum_of_the_tree(void **state)
{
    static const int64_t counts[] = { 0, 1, 2, 3, 7, 64, 333 };
    (void)state;
    dice(4);
    for (int32_t S = 1; S <= MOST_SHARDS; S *= 2)
        for (int32_t ranks = 1; ranks <= S && ranks <= MOST_RANKS; ranks++)
            for (int c = 0; c < COUNT(counts); c++) {
                values v = { .count = counts[c], .numbers = c % 4 };
                double *number = doubles(S * v.numbers);
                v.grads = randoms(S * v.count, 1);
                for (int64_t i = 0; i < S * v.numbers; i++) number[i] = (double)between(-1, 1) / 3;
                v.number = number;
                one_division(S, ranks, &v);
                give_back();
            }
}

/* Halves of halves: less than a vector there, and less than a vector back. */
static void powers_of_two_send_two_vectors_at_most(void **state)
{
    (void)state;
    enum { COUNT_OF = 1 << 12 };
    dice(5);
    const values v = { .count = COUNT_OF, .grads = randoms(8 * COUNT_OF, 1) };
    for (int32_t ranks = 1, rounds = 0; ranks <= 8; ranks *= 2, rounds++) {
        job jobs[MOST_RANKS];
        const job prototype = {
            .work = sum_values,
            .options = { .size = sizeof prototype.options, .shards = 8, .count = COUNT_OF },
            .given = &v
        };
        run_ranks(ranks, &prototype, COUNT_OF, jobs);
        for (int32_t r = 0; r < ranks; r++) {
            assert_int_equal(jobs[r].at.calls, 2 * 2 * rounds); /* of two steps */
            assert_int_equal(jobs[r].at.sent, 2 * 2 * (COUNT_OF - COUNT_OF / ranks));
        }
    }
    give_back();
}

/* Infinities, NaN, zeros and numbers of every size go over the wire as they are. */
static void numbers_arrive_bit_for_bit(void **state)
{
    static const double NUMBERS[8] = { 0.0, 1e-320, -1.5, 3e300, 0.1, 1.0 / 3, 7e-9, 123456789 };
    (void)state;
    for (int64_t at = 0; at < 8; at++) {
        double number[4] = { NUMBERS[at], 0, 0, 0 };
        const values v = { .numbers = 1, .number = number };
        one_division(4, 4, &v);
        number[0] = (double)INFINITY;
        one_division(4, 3, &v);
    }
}

/* ---- gather --------------------------------------------------------------------------------- */

enum { WIDTH = 5 };

static void gather_own(job *j, recur_shards *shards)
{
    const int32_t r = j->options.rank;
    const float *all = j->given;
    const int64_t from = recur_shards_first(shards, r) * WIDTH,
                  to = recur_shards_first(shards, r + 1) * WIDTH;
    memcpy(j->floats + from, all + from, (size_t)(to - from) * sizeof *all);
    if (recur_shards_gather(shards, WIDTH, j->floats)) j->floats[0] = NAN;
}

static void every_rank_gathers_all(void **state)
{
    (void)state;
    dice(6);
    for (int32_t S = 1; S <= 16; S *= 2)
        for (int32_t ranks = 1; ranks <= S && ranks <= MOST_RANKS; ranks++) {
            job jobs[MOST_RANKS];
            const job prototype = { .work = gather_own,
                                    .options = { .size = sizeof prototype.options, .shards = S },
                                    .given = randoms(S * WIDTH, 1) };
            trying("%d shards, %d ranks", (int)S, (int)ranks);
            run_ranks(ranks, &prototype, S * WIDTH, jobs);
            for (int32_t r = 0; r < ranks; r++)
                check_same("gathered", S * WIDTH, jobs[r].floats, prototype.given);
            give_back();
        }
}

/* ---- divisions ------------------------------------------------------------------------------ */

static void shards_and_sequences_are_divided_evenly(void **state)
{
    (void)state;
    const recur_shards_options options = { .size = sizeof options, .shards = 16 };
    for (int32_t ranks = 1; ranks <= 16; ranks++) {
        recur_shards *shards;
        recur_shards_options o = options;
        o.ranks = ranks;
        o.rank = ranks - 1;
        OK(recur_shards_create(NULL, &o, by_post, NULL, &shards));
        assert_int_equal(recur_shards_first(shards, 0), 0);
        assert_int_equal(recur_shards_first(shards, ranks), 16);
        for (int32_t r = 0; r < ranks; r++) {
            const int64_t own = recur_shards_first(shards, r + 1) - recur_shards_first(shards, r);
            assert_true(own == 16 / ranks || own == 16 / ranks + 1);
        }
        for (int64_t n = 0; n < 40; n++) {
            assert_int_equal(recur_shards_sequence(shards, n, 0), 0);
            assert_int_equal(recur_shards_sequence(shards, n, 16), n);
            for (int64_t s = 0; s < 16; s++) {
                const int64_t own = recur_shards_sequence(shards, n, s + 1) -
                                    recur_shards_sequence(shards, n, s);
                assert_true(own == n / 16 || own == n / 16 + 1);
            }
        }
        assert_true(
            recur_shards_first(shards, -1) < 0 && recur_shards_first(shards, ranks + 1) < 0 &&
            recur_shards_sequence(shards, -1, 0) < 0 && recur_shards_sequence(shards, 1, 17) < 0);
        recur_shards_release(shards);
    }
    assert_true(recur_shards_first(NULL, 0) < 0 && recur_shards_sequence(NULL, 1, 0) < 0);
}

/* ---- training ------------------------------------------------------------------------------- */

enum { I = 7, H = 24, CLASSES = 5, T = 12, SEQUENCES = 21, STEPS = 5 };

typedef struct data {
    const float *x;        /* [SEQUENCES][T][I] */
    const int32_t *labels; /* [SEQUENCES] */
} data;

typedef struct student {
    recur_layer *net;
    recur_optimizer *optimizer;
    recur_loss *loss;
    recur_tape *tape;
    recur_packed *packed;
} student;

static recur_layer *network(recur_context *ctx)
{
    static const char *const names[] = { "lstm", "drop", "gru", "last", "head" };
    const recur_recurrent_options lstm = { .size = sizeof lstm,
                                           .cell = RECUR_CELL_LSTM,
                                           .input_size = I,
                                           .hidden_size = H,
                                           .num_layers = 2,
                                           .dropout = 0.1 };
    const recur_recurrent_options gru = { .size = sizeof gru,
                                          .cell = RECUR_CELL_GRU_NORM,
                                          .input_size = H,
                                          .hidden_size = H,
                                          .recurrent_dropout = 0.2 };
    recur_layer *part[5], *net;
    if (recur_recurrent_create(ctx, &lstm, &part[0]) ||
        recur_dropout_create(ctx, H, 0.2, &part[1]) ||
        recur_recurrent_create(ctx, &gru, &part[2]) ||
        recur_last_create(ctx, H, RECUR_DIRECTION_FORWARD, &part[3]) ||
        recur_linear_create(ctx, H, CLASSES, 0, &part[4]) ||
        recur_compose_create(ctx, RECUR_COMPOSE_SEQUENTIAL, 5, names, part, &net) ||
        recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, 7))
        return NULL;
    for (int i = 0; i < 5; i++) recur_layer_release(part[i]);
    return net;
}

static bool student_begins(recur_context *ctx, student *a)
{
    const recur_loss_options sum = { .size = sizeof sum,
                                     .kind = RECUR_LOSS_CROSS_ENTROPY,
                                     .flags = RECUR_LOSS_SUM };
    const recur_optimizer_options adam = { .size = sizeof adam,
                                           .kind = RECUR_OPTIMIZER_ADAM,
                                           .rate = 0.01 };
    a->net = network(ctx);
    return a->net && !recur_loss_create(ctx, &sum, &a->loss) && !recur_tape_create(ctx, &a->tape) &&
           !recur_packed_create(ctx, 1, NULL, T, &a->packed) &&
           !recur_optimizer_create(ctx, &adam, recur_layer_param_count(a->net), &a->optimizer);
}

static void student_ends(student *a)
{
    recur_layer_release(a->net);
    recur_optimizer_release(a->optimizer);
    recur_loss_release(a->loss);
    recur_tape_release(a->tape);
    recur_packed_release(a->packed);
}

/* Sequences [from, to) of a step: their gradient, and their loss. */
static bool learn_shard(student *a, const data *d, uint64_t step, int64_t from, int64_t to,
                        float *grads, double *loss)
{
    float x[T * SEQUENCES * I], y[SEQUENCES * CLASSES], dy[SEQUENCES * CLASSES];
    *loss = 0;
    if (from == to) return true;
    return !recur_packed_reset(a->packed, to - from, NULL, T) &&
           !recur_packed_pack(a->packed, RECUR_LAYOUT_BATCH_FIRST, I * sizeof(float),
                              d->x + from * T * I, x) &&
           !recur_tape_set_seed(a->tape, recur_random(step, (uint64_t)from)) &&
           !recur_layer_forward(a->net, a->packed, x, NULL, y, a->tape) &&
           !recur_loss_classes(a->loss, to - from, CLASSES, y, d->labels + from, loss, dy) &&
           !recur_layer_backward(a->net, a->packed, x, dy, NULL, NULL, grads, a->tape);
}

/* A few steps; the parameters, then the losses. */
static void train(job *j, recur_shards *shards)
{
    const int32_t r = j->options.rank;
    student a = { 0 };
    float *grads = malloc((size_t)j->options.count * sizeof *grads);
    bool good = grads && student_begins(j->ctx, &a);
    for (uint64_t step = 0; good && step < STEPS; step++) {
        for (int64_t s = recur_shards_first(shards, r);
             good && s < recur_shards_first(shards, r + 1); s++) {
            double loss;
            good = learn_shard(&a, j->given, step, recur_shards_sequence(shards, SEQUENCES, s),
                               recur_shards_sequence(shards, SEQUENCES, s + 1),
                               recur_shards_gradient(shards), &loss) &&
                   !recur_shards_add(shards, &loss);
        }
        good = good && !recur_shards_sum(shards, grads, j->numbers) &&
               recur_clip_norm(grads, j->options.count, 5) >= 0 &&
               !recur_optimizer_step(a.optimizer, recur_layer_params(a.net), grads,
                                     j->options.count, 1.0 / SEQUENCES);
        if (good) j->floats[j->options.count + (int64_t)step] = (float)j->numbers[0];
    }
    if (good)
        memcpy(j->floats, recur_layer_params(a.net), (size_t)j->options.count * sizeof(float));
    student_ends(&a);
    free(grads);
}

/* Ranks and threads change no bit, in each mode of arithmetic. */
static void training_has_the_same_bits(uint32_t flags)
{
    static const int32_t divisions[] = { 1, 2, 3, 4, 8 };
    dice(8);
    const data d = { randoms(SEQUENCES * T * I, 1), random_ids(SEQUENCES, CLASSES) };
    recur_layer *net = network(NULL);
    const int64_t P = recur_layer_param_count(net);
    const float *want = NULL;
    for (int i = 0; i < COUNT(divisions); i++)
        for (int32_t threads = 1; threads <= 3; threads += 2) {
            const recur_context_options options = { .size = sizeof options,
                                                    .threads = threads,
                                                    .flags = flags };
            job jobs[MOST_RANKS];
            job prototype = { .work = train,
                              .options = { .size = sizeof prototype.options,
                                           .shards = 8,
                                           .count = P,
                                           .numbers = 1 },
                              .given = &d };
            OK(recur_context_create(&options, &prototype.ctx));
            trying("%d ranks of %d threads, flags %u", (int)divisions[i], (int)threads, flags);
            run_ranks(divisions[i], &prototype, P + STEPS, jobs);
            if (!want) want = jobs[0].floats;
            for (int32_t r = 0; r < divisions[i]; r++)
                check_same("parameters and losses", P + STEPS, jobs[r].floats, want);
            recur_context_release(prototype.ctx);
        }
    for (int64_t k = 0; k < P + STEPS; k++) assert_true(isfinite(want[k]));
    assert_true(want[P + STEPS - 1] < want[P]); /* it learns */
    recur_layer_release(net);
}

static void training_does_not_depend_on_ranks_or_threads(void **state)
{
    (void)state;
    training_has_the_same_bits(RECUR_CONTEXT_REPRODUCIBLE);
    training_has_the_same_bits(RECUR_CONTEXT_EXACT);
}

/* ---- errors --------------------------------------------------------------------------------- */

static void mistakes_have_sentences(void **state)
{
    (void)state;
    recur_shards *shards;
    float grads[3];
    double number = 1;
    recur_shards_options o = { .size = sizeof o, .shards = 6 };
    FAILS(RECUR_E_ARGUMENT, recur_shards_create(NULL, NULL, NULL, NULL, &shards), "options");
    FAILS(RECUR_E_ARGUMENT, recur_shards_create(NULL, &o, NULL, NULL, NULL), "out");
    FAILS(RECUR_E_ARGUMENT, recur_shards_create(NULL, &o, NULL, NULL, &shards), "6 power");
    o.shards = 131072;
    FAILS(RECUR_E_ARGUMENT, recur_shards_create(NULL, &o, NULL, NULL, &shards), "131072 65536");
    o = (recur_shards_options){ .size = sizeof o, .shards = 4, .ranks = 5 };
    FAILS(RECUR_E_ARGUMENT, recur_shards_create(NULL, &o, by_post, NULL, &shards), "5 4");
    o.ranks = 2;
    o.rank = 2;
    FAILS(RECUR_E_ARGUMENT, recur_shards_create(NULL, &o, by_post, NULL, &shards), "rank 2");
    o.rank = 1;
    FAILS(RECUR_E_ARGUMENT, recur_shards_create(NULL, &o, NULL, NULL, &shards), "exchange 2");
    o.count = -1;
    FAILS(RECUR_E_ARGUMENT, recur_shards_create(NULL, &o, by_post, NULL, &shards), "count -1");
    o.count = INT64_MAX / 8;
    FAILS(RECUR_E_MEMORY, recur_shards_create(NULL, &o, by_post, NULL, &shards), "");
    o = (recur_shards_options){ .size = sizeof o, .shards = 2, .count = 3, .numbers = 1 };
    OK(recur_shards_create(NULL, &o, NULL, NULL, &shards));
    FAILS(RECUR_E_ORDER, recur_shards_add(shards, &number), "shard 0");
    FAILS(RECUR_E_ORDER, recur_shards_sum(shards, grads, &number), "2");
    assert_non_null(recur_shards_gradient(shards));
    FAILS(RECUR_E_ARGUMENT, recur_shards_add(shards, NULL), "numbers");
    OK(recur_shards_add(shards, &number));
    assert_non_null(recur_shards_gradient(shards));
    OK(recur_shards_add(shards, &number));
    assert_null(recur_shards_gradient(shards));
    assert_non_null(strstr(recur_last_error(), "recur_shards_sum"));
    FAILS(RECUR_E_ARGUMENT, recur_shards_sum(shards, NULL, &number), "grads");
    FAILS(RECUR_E_ARGUMENT, recur_shards_sum(shards, grads, NULL), "numbers");
    OK(recur_shards_sum(shards, grads, &number));
    assert_true(number == 2);
    assert_non_null(recur_shards_gradient(shards));
    OK(recur_shards_add(shards, &number));
    OK(recur_shards_reset(shards));
    FAILS(RECUR_E_ORDER, recur_shards_sum(shards, grads, &number), "2");
    FAILS(RECUR_E_ARGUMENT, recur_shards_gather(shards, -1, grads), "-1");
    FAILS(RECUR_E_ARGUMENT, recur_shards_gather(shards, 1, NULL), "values");
    recur_shards_release(shards);
    recur_shards_release(NULL);
    assert_null(recur_shards_gradient(NULL));
    FAILS(RECUR_E_ARGUMENT, recur_shards_add(NULL, NULL), "shards");
    FAILS(RECUR_E_ARGUMENT, recur_shards_sum(NULL, NULL, NULL), "shards");
    FAILS(RECUR_E_ARGUMENT, recur_shards_reset(NULL), "shards");
}

static recur_status silent(void *user, int32_t other, int64_t send_count, const float *send,
                           int64_t receive_count, float *receive)
{
    (void)user;
    (void)other;
    (void)send_count;
    (void)send;
    (void)receive_count;
    (void)receive;
    return RECUR_E_IO;
}

static void an_exchange_that_fails_is_reported(void **state)
{
    (void)state;
    float grads[10], all[2] = { 0 };
    const recur_shards_options o = { .size = sizeof o, .shards = 2, .ranks = 2, .count = 10 };
    rank cut = { .fails_after = 0 };
    recur_shards *shards;
    OK(recur_shards_create(NULL, &o, by_post, &cut, &shards));
    assert_non_null(recur_shards_gradient(shards));
    OK(recur_shards_add(shards, NULL));
    FAILS(RECUR_E_IO, recur_shards_sum(shards, grads, NULL), "rank 0 of 2 5 1 line cut");
    FAILS(RECUR_E_ORDER, recur_shards_sum(shards, grads, NULL), "1"); /* they are lost */
    FAILS(RECUR_E_IO, recur_shards_gather(shards, 1, all), "rank 0 of 2 1 line cut");
    recur_shards_release(shards);
    OK(recur_shards_create(NULL, &o, silent, NULL, &shards));
    FAILS(RECUR_E_IO, recur_shards_gather(shards, 1, all), "no sentence RECUR_E_IO");
    recur_shards_release(shards);
}

static void memory_is_what_is_promised(void **state)
{
    (void)state;
    enum { COUNT_OF = 1 << 16 };
    for (int32_t ranks = 1; ranks <= 8; ranks *= 2) {
        counter c = { .until_failure = -1 };
        recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
        const recur_shards_options o = {
            .size = sizeof o, .shards = 8, .ranks = ranks, .count = COUNT_OF
        };
        int64_t waiting = 1;
        recur_shards *shards;
        for (int32_t share = 8 / ranks; share > 1; share /= 2) waiting++;
        const size_t before = c.bytes;
        const int64_t allocations = c.allocations;
        OK(recur_shards_create(ctx, &o, by_post, NULL, &shards));
        assert_int_equal(c.allocations, allocations + 1);
        const double vectors = (double)(c.bytes - before) / (COUNT_OF * sizeof(float));
        assert_true(fabs(vectors - (double)waiting - (ranks > 1 ? 0.5 : 0)) < 0.01);
        recur_shards_release(shards);
        c.until_failure = 0;
        FAILS(RECUR_E_MEMORY, recur_shards_create(ctx, &o, by_post, NULL, &shards), "allocator");
        c.until_failure = -1;
        close_context(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_division_gives_the_sum_of_the_tree),
        TEST(powers_of_two_send_two_vectors_at_most),
        TEST(numbers_arrive_bit_for_bit),
        TEST(every_rank_gathers_all),
        TEST(shards_and_sequences_are_divided_evenly),
        TEST(training_does_not_depend_on_ranks_or_threads),
        TEST(mistakes_have_sentences),
        TEST(an_exchange_that_fails_is_reported),
        TEST(memory_is_what_is_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
