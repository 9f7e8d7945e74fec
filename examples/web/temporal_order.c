/* temporal_order.c - the network behind the page: which two of X and Y does a string hold, and in
 * which order? (../temporal_order.c says more of the task.) JavaScript calls the functions named
 * web_..., which give nothing back but numbers.
 *
 * Strings come one after the other from recur_random, and are never seen twice. */
#include <emscripten.h>
#include <recur.h>
#include <string.h>

enum { SYMBOLS = 8, CLASSES = 4, LONGEST = 80, BATCH = 64, TESTED = 512 };

typedef struct string {
    int64_t length;
    int32_t ids[LONGEST], label;
} string;

static struct {
    recur_layer *net;
    recur_packed *packed;
    recur_tape *tape;
    recur_loss *loss;
    recur_optimizer *optimizer;
    int64_t count;  /* of parameters */
    int64_t middle; /* where the second X or Y stands: at 20 to 50 */
    uint64_t drawn; /* numbers so far */
} web;

static string batch[TESTED];
static int64_t lengths[TESTED];
static int32_t ids[TESTED * LONGEST], labels[TESTED];
static float logits[TESTED * CLASSES], dlogits[TESTED * CLASSES], grads[1 << 16];
static float answer[CLASSES];

/* Leaves the function with 0, and the sentence for web_error, if a call fails. */
#define TRY(call)           \
    do {                    \
        if (call) return 0; \
    } while (0)

EMSCRIPTEN_KEEPALIVE const char *web_error(void) { return recur_last_error(); }
EMSCRIPTEN_KEEPALIVE const char *web_set(void) { return recur_context_isa(NULL); }

/* ---- strings -------------------------------------------------------------------------------- */

/* recur_random(seed, counter) */
static int64_t below(uint64_t seed, int64_t n)
{
    return (int64_t)(recur_random(seed, web.drawn++) % (uint64_t)n);
}

static void draw(string *s, uint64_t seed)
{
    enum { E, X = 5, B = 7 }; /* a b c d are 1 to 4, Y is 6 */
    const int32_t first = (int32_t)below(seed, 2), second = (int32_t)below(seed, 2);
    s->label = 2 * first + second;
    s->length = web.middle + 20 + below(seed, 11);
    for (int64_t t = 1; t < s->length - 1; t++) s->ids[t] = 1 + (int32_t)below(seed, 4);
    s->ids[0] = E;
    s->ids[5 + below(seed, 6)] = X + first;
    s->ids[web.middle + below(seed, 11)] = X + second;
    s->ids[s->length - 1] = B;
}

/* Packs n strings of `batch`. */
static int load(int64_t n)
{
    for (int64_t b = 0; b < n; b++) lengths[b] = batch[b].length;
    TRY(recur_packed_reset(web.packed, n, lengths, 0));
    for (int64_t b = 0; b < n; b++) {
        for (int64_t t = 0; t < lengths[b]; t++)
            ids[recur_packed_row(web.packed, b, t)] = batch[b].ids[t];
        labels[b] = batch[b].label;
    }
    return 1;
}

/* ---- the network ---------------------------------------------------------------------------- */

static void release(void)
{
    recur_layer_release(web.net);
    recur_packed_release(web.packed);
    recur_tape_release(web.tape);
    recur_loss_release(web.loss);
    recur_optimizer_release(web.optimizer);
    memset(&web, 0, sizeof web);
}

static int make_net(int cell, int hidden, uint64_t seed)
{
    static const char *const names[] = { "rnn", "last", "fc" };
    const recur_recurrent_options rnn = {
        .size = sizeof rnn, .cell = cell, .input_size = SYMBOLS, .hidden_size = hidden
    };
    recur_layer *part[3] = { NULL, NULL, NULL };
    const recur_status status = recur_recurrent_create(NULL, &rnn, &part[0]) ||
                                recur_last_create(NULL, hidden, RECUR_DIRECTION_FORWARD,
                                                  &part[1]) ||
                                recur_linear_create(NULL, hidden, CLASSES, 0, &part[2]) ||
                                recur_compose_create(NULL, RECUR_COMPOSE_SEQUENTIAL, 3, names, part,
                                                     &web.net);
    for (int i = 0; i < 3; i++) recur_layer_release(part[i]);
    TRY(status);
    TRY(recur_layer_init(web.net, NULL, RECUR_INIT_DEFAULT, 0, seed));
    if (cell != RECUR_CELL_RNN_TANH)
        TRY(recur_layer_init(web.net, "rnn.*", RECUR_INIT_FORGET_BIAS, 1, 0));
    web.count = recur_layer_param_count(web.net);
    return web.count <= (int64_t)(sizeof grads / sizeof *grads);
}

/* A new network: cell is RECUR_CELL_*, distance is how far apart the two symbols are, at most 45.
 * 1, or 0 for a failure. */
EMSCRIPTEN_KEEPALIVE int web_create(int cell, int hidden, int distance, int seed)
{
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                               .kind = RECUR_LOSS_CROSS_ENTROPY };
    const recur_optimizer_options adam = { .size = sizeof adam,
                                           .kind = RECUR_OPTIMIZER_ADAM,
                                           .rate = 0.01 };
    release();
    web.middle = 5 + (distance < 15 ? 15 : distance > 40 ? 40 : distance);
    if (!make_net(cell, hidden, (uint64_t)seed)) return 0;
    TRY(recur_packed_create(NULL, TESTED, NULL, LONGEST, &web.packed));
    TRY(recur_tape_create(NULL, &web.tape));
    TRY(recur_loss_create(NULL, &cross_entropy, &web.loss));
    TRY(recur_optimizer_create(NULL, &adam, web.count, &web.optimizer));
    return 1;
}

/* Learns from so many batches of new strings; the mean loss, or 0 for a failure. */
EMSCRIPTEN_KEEPALIVE double web_train(int batches)
{
    double sum = 0;
    for (int i = 0; i < batches; i++) {
        double loss = 0;
        for (int b = 0; b < BATCH; b++) draw(&batch[b], 1);
        if (!load(BATCH)) return 0;
        TRY(recur_layer_forward_ids(web.net, web.packed, ids, NULL, logits, web.tape));
        TRY(recur_loss_classes(web.loss, BATCH, CLASSES, logits, labels, &loss, dlogits));
        memset(grads, 0, (size_t)web.count * sizeof *grads);
        TRY(recur_layer_backward_ids(web.net, web.packed, ids, dlogits, NULL, grads, web.tape));
        recur_clip_norm(grads, web.count, 1);
        TRY(recur_optimizer_step(web.optimizer, recur_layer_params(web.net), grads, web.count, 1));
        sum += loss;
    }
    return sum / batches;
}

static int best(const float *row)
{
    int most = 0;
    for (int c = 1; c < CLASSES; c++)
        if (row[c] > row[most]) most = c;
    return most;
}

/* The share of strings that it tells, of 512 that it has not seen. */
EMSCRIPTEN_KEEPALIVE double web_accuracy(void)
{
    const uint64_t drawn = web.drawn;
    int right = 0;
    web.drawn = 0;
    for (int b = 0; b < TESTED; b++) draw(&batch[b], 2);
    web.drawn = drawn;
    if (!load(TESTED)) return 0;
    TRY(recur_layer_forward_ids(web.net, web.packed, ids, NULL, logits, NULL));
    for (int b = 0; b < TESTED; b++) right += best(logits + b * CLASSES) == labels[b];
    return (double)right / TESTED;
}

/* What it says of a string of "EabcdXYB": four probabilities, for XX, XY, YX and YY. Other letters
 * are left out. NULL for a failure. */
EMSCRIPTEN_KEEPALIVE const float *web_answer(const char *text)
{
    static const char letters[] = "EabcdXYB";
    string *s = &batch[0];
    s->length = 0;
    for (; *text && s->length < LONGEST; text++) {
        const char *at = strchr(letters, *text);
        if (at) s->ids[s->length++] = (int32_t)(at - letters);
    }
    if (s->length == 0 || !load(1)) return NULL;
    TRY(recur_layer_forward_ids(web.net, web.packed, ids, NULL, logits, NULL));
    recur_layer *softmax = NULL;
    recur_state *state = NULL;
    const recur_status status = recur_softmax_create(NULL, CLASSES, &softmax) ||
                                recur_state_create(softmax, 1, &state) ||
                                recur_layer_step(softmax, logits, state, answer, NULL);
    recur_state_release(state);
    recur_layer_release(softmax);
    return status ? NULL : answer;
}

/* A string that it has not seen, for web_answer. */
EMSCRIPTEN_KEEPALIVE const char *web_string(void)
{
    static char text[LONGEST + 1];
    string s;
    draw(&s, 3);
    for (int64_t t = 0; t < s.length; t++) text[t] = "EabcdXYB"[s.ids[t]];
    text[s.length] = '\0';
    return text;
}
