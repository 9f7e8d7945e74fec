/* shards.c - gradients of shards, added by one tree: what a rank has of it, and the exchanges with
 * others.
 *
 * A node of the tree is `size` shards from `first` on. Shards of one rank join while they are
 * added, as far as nodes have all of their shards here; so a rank ends with the largest nodes that
 * are its own. Above them a node is a meeting of ranks. Of each number in the vector one rank holds
 * the node's sum, and which one follows from the tree alone:
 *
 *   one rank owns all shards of the node      it holds all numbers
 *   one rank holds it on both sides           it goes on holding it
 *   p holds it left, q right, in a stretch    p gets the first half, q the second
 *
 * Where shares are powers of two, that is recursive halving: at each level a rank meets one other,
 * and sends half of what it holds. In the end each rank holds a part of the sum over all shards,
 * and the same meetings in the opposite order bring it to all. All ranks go through the meetings in
 * one order, so the first that is not done yet always has both of its ranks. */
#include <stdio.h>

#include "kernels/kernels.h"

enum { MOST_SHARDS = 65536, MOST_NUMBERS = 65536, PER_DOUBLE = 4 };

/* A sum that waits: of `size` shards from `first` on. */
typedef struct node {
    int64_t first, size;
} node;
enum { MOST_NODES = 40 }; /* any range of MOST_SHARDS shards has fewer */

struct recur_shards {
    recur_context *ctx;
    size_t bytes;
    const recur__kernels *kernels;
    recur_exchange_function *exchange;
    void *user;
    int64_t S, rank, ranks, count, numbers;
    int64_t next; /* the shard that is added next */
    bool begun;   /* its gradient has a place */
    int64_t nodes;
    node node[MOST_NODES];
    int64_t ld;      /* from one gradient to the next */
    float *grads;    /* [nodes + 1][ld] */
    double *sums;    /* [nodes + 1][numbers] */
    float *received; /* [count / 2] */
    double *received_numbers;
    float *sent_wire, *received_wire; /* doubles on their way */
};

/* ---- the division --------------------------------------------------------------------------- */

static int64_t first_of(const recur_shards *s, int64_t rank) { return rank * s->S / s->ranks; }

/* The last rank that begins at this shard or before. */
static int64_t owner_of(const recur_shards *s, int64_t shard)
{
    return ((shard + 1) * s->ranks - 1) / s->S;
}

int64_t recur_shards_first(const recur_shards *shards, int32_t rank)
{
    return shards && rank >= 0 && rank <= shards->ranks ? first_of(shards, rank) : -1;
}

int64_t recur_shards_sequence(const recur_shards *shards, int64_t sequences, int64_t shard)
{
    if (!shards || sequences < 0 || sequences > RECUR__LARGEST) return -1;
    return shard >= 0 && shard <= shards->S ? shard * sequences / shards->S : -1;
}

/* ---- sums of one rank ----------------------------------------------------------------------- */

/* One more shard: how many nodes there are then, and which. */
static int64_t joined(node *nodes, int64_t count, int64_t shard)
{
    nodes[count] = (node){ shard, 1 };
    while (count > 0 && nodes[count - 1].size == nodes[count].size &&
           nodes[count - 1].first % (2 * nodes[count].size) == 0) {
        count--;
        nodes[count].size *= 2;
    }
    return count + 1;
}

/* The most nodes at a time, with the one that is being made. */
static int64_t most_nodes(const recur_shards *s)
{
    node nodes[MOST_NODES];
    int64_t most = 1, count = 0;
    for (int64_t i = first_of(s, s->rank); i < first_of(s, s->rank + 1); i++) {
        most = recur__max(most, count + 1);
        count = joined(nodes, count, i);
    }
    return most;
}

static float *grads_of(const recur_shards *s, int64_t at) { return s->grads + at * s->ld; }
static double *sums_of(const recur_shards *s, int64_t at) { return s->sums + at * s->numbers; }

static void begin_step(recur_shards *s)
{
    s->next = first_of(s, s->rank);
    s->nodes = 0;
    s->begun = false;
}

float *recur_shards_gradient(recur_shards *shards)
{
    if (!shards) {
        recur__fail(RECUR_E_ARGUMENT, "%s: shards is NULL", __func__);
        return NULL;
    }
    if (shards->next == first_of(shards, shards->rank + 1)) {
        recur__fail(RECUR_E_ORDER,
                    "%s: rank %lld has added all of its %lld shards; call recur_shards_sum",
                    __func__, (long long)shards->rank,
                    (long long)(shards->next - first_of(shards, shards->rank)));
        return NULL;
    }
    float *grads = grads_of(shards, shards->nodes);
    memset(grads, 0, (size_t)shards->count * sizeof *grads);
    shards->begun = true;
    return grads;
}

recur_status recur_shards_add(recur_shards *shards, const double *numbers)
{
    RECUR__NOT_NULL(shards);
    recur_shards *s = shards;
    if (s->numbers) RECUR__NOT_NULL(numbers);
    if (!s->begun)
        return recur__fail(RECUR_E_ORDER,
                           "recur_shards_add: shard %lld has no gradient yet; call "
                           "recur_shards_gradient first",
                           (long long)s->next);
    if (s->numbers) memcpy(sums_of(s, s->nodes), numbers, (size_t)s->numbers * sizeof *numbers);
    const int64_t before = s->nodes, after = joined(s->node, before, s->next);
    for (int64_t i = before; i >= after; i--) {
        s->kernels->elementwise->add(s->count, grads_of(s, i), grads_of(s, i - 1));
        for (int64_t k = 0; k < s->numbers; k++) sums_of(s, i - 1)[k] += sums_of(s, i)[k];
    }
    s->nodes = after;
    s->next++;
    s->begun = false;
    return RECUR_OK;
}

/* ---- who holds what ------------------------------------------------------------------------- */

/* Numbers [begin, end) of a vector, whose sum at a node one rank holds, among his nodes in that
 * which begins with this shard. */
typedef struct stretch {
    int64_t begin, end, rank, first;
} stretch;

/* A stretch of a meeting: who holds it left and right; the left one gets what is before middle. */
typedef struct meeting {
    int64_t begin, middle, end;
    stretch left, right;
} meeting;

static meeting meeting_at(const recur_shards *s, int64_t n, node of, int64_t e);

static bool has_one_owner(const recur_shards *s, node of)
{
    return owner_of(s, of.first) == owner_of(s, of.first + of.size - 1);
}

/* The stretch of a vector of n numbers in which number e lies. */
static stretch stretch_at(const recur_shards *s, int64_t n, node of, int64_t e)
{
    if (has_one_owner(s, of)) return (stretch){ 0, n, owner_of(s, of.first), of.first };
    const meeting m = meeting_at(s, n, of, e);
    if (m.left.rank == m.right.rank) return (stretch){ m.begin, m.end, m.left.rank, m.left.first };
    if (e < m.middle) return (stretch){ m.begin, m.middle, m.left.rank, m.left.first };
    return (stretch){ m.middle, m.end, m.right.rank, m.right.first };
}

static meeting meeting_at(const recur_shards *s, int64_t n, node of, int64_t e)
{
    const int64_t half = of.size / 2;
    meeting m = { .left = stretch_at(s, n, (node){ of.first, half }, e),
                  .right = stretch_at(s, n, (node){ of.first + half, half }, e) };
    m.begin = recur__max(m.left.begin, m.right.begin);
    m.end = recur__min(m.left.end, m.right.end);
    m.middle = m.begin + (m.end - m.begin) / 2;
    return m;
}

/* ---- vectors on their way ------------------------------------------------------------------- */

/* What goes up and down the tree: the gradients or the numbers of all nodes. */
typedef struct vector {
    recur_shards *s;
    bool doubles;
    int64_t n;
    void *sum; /* [n] of all shards: the caller's */
} vector;

static int64_t node_beginning_with(const recur_shards *s, int64_t first)
{
    int64_t i = 0;
    while (s->node[i].first != first) i++;
    return i;
}

/* Number e of one of this rank's nodes. */
static void *at_node(const vector *v, int64_t first, int64_t e)
{
    const int64_t i = node_beginning_with(v->s, first);
    if (v->doubles) return sums_of(v->s, i) + e;
    return grads_of(v->s, i) + e;
}

static void *at_sum(const vector *v, int64_t e)
{
    if (v->doubles) return (double *)v->sum + e;
    return (float *)v->sum + e;
}

static void *place_received(const vector *v)
{
    if (v->doubles) return v->s->received_numbers;
    return v->s->received;
}

/* to += from */
static void add(const vector *v, int64_t n, const void *from, void *to)
{
    if (!v->doubles) v->s->kernels->elementwise->add(n, from, to);
    for (int64_t i = 0; v->doubles && i < n; i++) ((double *)to)[i] += ((const double *)from)[i];
}

static recur_status exchange_floats(const recur_shards *s, int64_t rank, int64_t send_count,
                                    const float *send, int64_t receive_count, float *receive)
{
    const uint64_t failures = recur__failures();
    const recur_status status = s->exchange(s->user, (int32_t)rank, send_count, send, receive_count,
                                            receive);
    if (!status) return RECUR_OK;
    if (recur__failures() == failures)
        recur__fail(status, "the function gave %s and no sentence", recur_status_name(status));
    char where[160];
    snprintf(where, sizeof where,
             "rank %lld of %lld could not send %lld floats to rank %lld and receive %lld",
             (long long)s->rank, (long long)s->ranks, (long long)send_count, (long long)rank,
             (long long)receive_count);
    return recur__fail_in(where, status);
}

/* A double goes as four whole numbers, which every machine and every network has as floats. */
static void to_wire(int64_t n, const double *from, float *wire)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &from[i], sizeof bits);
        for (int k = 0; k < PER_DOUBLE; k++) *wire++ = (float)(bits >> 16 * k & 0xFFFF);
    }
}

static void from_wire(int64_t n, const float *wire, double *to)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t bits = 0;
        for (int k = 0; k < PER_DOUBLE; k++) bits |= (uint64_t)*wire++ << 16 * k;
        memcpy(&to[i], &bits, sizeof bits);
    }
}

static recur_status swap(const vector *v, int64_t rank, int64_t send_count, const void *send,
                         int64_t receive_count, void *receive)
{
    const recur_shards *s = v->s;
    if (!v->doubles) return exchange_floats(s, rank, send_count, send, receive_count, receive);
    to_wire(send_count, send, s->sent_wire);
    RECUR__CHECK(exchange_floats(s, rank, PER_DOUBLE * send_count, s->sent_wire,
                                 PER_DOUBLE * receive_count, s->received_wire));
    from_wire(receive_count, s->received_wire, receive);
    return RECUR_OK;
}

/* ---- up and down the tree ------------------------------------------------------------------- */

static recur_status meet_up(const vector *v, const meeting *m)
{
    const recur_shards *s = v->s;
    const int64_t before = m->middle - m->begin, after = m->end - m->middle;
    if (m->left.rank == m->right.rank) {
        if (m->left.rank == s->rank)
            add(v, m->end - m->begin, at_node(v, m->right.first, m->begin),
                at_node(v, m->left.first, m->begin));
        return RECUR_OK;
    }
    if (m->left.rank == s->rank) {
        RECUR__CHECK(swap(v, m->right.rank, after, at_node(v, m->left.first, m->middle), before,
                          place_received(v)));
        add(v, before, place_received(v), at_node(v, m->left.first, m->begin));
    }
    if (m->right.rank == s->rank) {
        RECUR__CHECK(swap(v, m->left.rank, before, at_node(v, m->right.first, m->begin), after,
                          place_received(v)));
        add(v, after, place_received(v), at_node(v, m->right.first, m->middle));
    }
    return RECUR_OK;
}

static recur_status meet_down(const vector *v, const meeting *m)
{
    const recur_shards *s = v->s;
    const int64_t before = m->middle - m->begin, after = m->end - m->middle;
    void *first = at_sum(v, m->begin), *second = at_sum(v, m->middle);
    if (m->left.rank == m->right.rank) return RECUR_OK;
    if (m->left.rank == s->rank) return swap(v, m->right.rank, before, first, after, second);
    if (m->right.rank == s->rank) return swap(v, m->left.rank, after, second, before, first);
    return RECUR_OK;
}

/* Whether this rank has shards of a node, and others have, too. */
static bool takes_part(const recur_shards *s, node of)
{
    return !has_one_owner(s, of) && owner_of(s, of.first) <= s->rank &&
           s->rank <= owner_of(s, of.first + of.size - 1);
}

static recur_status go_up(const vector *v)
{
    const recur_shards *s = v->s;
    for (int64_t size = 2; size <= s->S; size *= 2)
        for (int64_t first = 0; first < s->S; first += size) {
            const node of = { first, size };
            meeting m = { 0 };
            for (int64_t e = 0; takes_part(s, of) && e < v->n; e = m.end) {
                m = meeting_at(s, v->n, of, e);
                RECUR__CHECK(meet_up(v, &m));
            }
        }
    return RECUR_OK;
}

/* What this rank holds of the sum over all shards. */
static void take_held(const vector *v)
{
    const recur_shards *s = v->s;
    const size_t size = v->doubles ? sizeof(double) : sizeof(float);
    stretch held = { 0 };
    for (int64_t e = 0; e < v->n; e = held.end) {
        held = stretch_at(s, v->n, (node){ 0, s->S }, e);
        if (held.rank == s->rank)
            memcpy(at_sum(v, held.begin), at_node(v, held.first, held.begin),
                   (size_t)(held.end - held.begin) * size);
    }
}

static recur_status go_down(const vector *v)
{
    const recur_shards *s = v->s;
    for (int64_t size = s->S; size >= 2; size /= 2)
        for (int64_t first = s->S - size; first >= 0; first -= size) {
            const node of = { first, size };
            meeting m = { 0 };
            for (int64_t e = v->n; takes_part(s, of) && e > 0; e = m.begin) {
                m = meeting_at(s, v->n, of, e - 1);
                RECUR__CHECK(meet_down(v, &m));
            }
        }
    return RECUR_OK;
}

static recur_status sum_vector(const vector *v)
{
    RECUR__CHECK(go_up(v));
    take_held(v);
    return go_down(v);
}

recur_status recur_shards_sum(recur_shards *shards, float *grads, double *numbers)
{
    RECUR__NOT_NULL(shards);
    if (shards->count) RECUR__NOT_NULL(grads);
    if (shards->numbers) RECUR__NOT_NULL(numbers);
    const int64_t end = first_of(shards, shards->rank + 1);
    if (shards->next < end)
        return recur__fail(RECUR_E_ORDER,
                           "recur_shards_sum: rank %lld has %lld shards, of which the last %lld "
                           "were not added",
                           (long long)shards->rank,
                           (long long)(end - first_of(shards, shards->rank)),
                           (long long)(end - shards->next));
    const vector gradients = { shards, false, shards->count, grads };
    const vector values = { shards, true, shards->numbers, numbers };
    recur_status status = sum_vector(&values);
    if (!status) status = sum_vector(&gradients);
    begin_step(shards);
    return status;
}

recur_status recur_shards_reset(recur_shards *shards)
{
    RECUR__NOT_NULL(shards);
    begin_step(shards);
    return RECUR_OK;
}

/* ---- bringing together ---------------------------------------------------------------------- */

/* Shards of ranks [from, to), and those of no rank where there are no more ranks. */
static node shards_of(const recur_shards *s, int64_t from, int64_t to)
{
    const int64_t first = first_of(s, from);
    return (node){ first, first_of(s, recur__min(to, s->ranks)) - first };
}

/* Up to rank 0: rank r gets what the `step` ranks from r + step on have, where r is a multiple of
 * 2 step. */
static recur_status gather_up(const recur_shards *s, int64_t width, float *values)
{
    for (int64_t step = 1; step < s->ranks; step *= 2) {
        const int64_t other = s->rank + step;
        if (s->rank % (2 * step)) {
            const node own = shards_of(s, s->rank, other);
            return exchange_floats(s, s->rank - step, own.size * width, values + own.first * width,
                                   0, NULL);
        }
        if (other >= s->ranks) continue;
        const node from = shards_of(s, other, other + step);
        RECUR__CHECK(
            exchange_floats(s, other, 0, NULL, from.size * width, values + from.first * width));
    }
    return RECUR_OK;
}

/* Back, everything to everyone. */
static recur_status spread(const recur_shards *s, int64_t width, float *values)
{
    const int64_t all = s->S * width;
    int64_t step = 1;
    while (step < s->ranks && s->rank % (2 * step) == 0) step *= 2;
    if (s->rank) RECUR__CHECK(exchange_floats(s, s->rank - step, 0, NULL, all, values));
    for (step /= 2; step >= 1; step /= 2)
        if (s->rank + step < s->ranks)
            RECUR__CHECK(exchange_floats(s, s->rank + step, all, values, 0, NULL));
    return RECUR_OK;
}

recur_status recur_shards_gather(recur_shards *shards, int64_t width, float *values)
{
    RECUR__NOT_NULL(shards);
    if (width < 0 || recur__times(shards->S, width) < 0)
        return recur__fail(RECUR_E_ARGUMENT, "recur_shards_gather: width is %lld",
                           (long long)width);
    if (width) RECUR__NOT_NULL(values);
    if (width == 0 || shards->ranks == 1) return RECUR_OK;
    RECUR__CHECK(gather_up(shards, width, values));
    return spread(shards, width, values);
}

/* ---- making --------------------------------------------------------------------------------- */

static recur_status check_options(const recur_shards_options *o, bool exchanges)
{
    if (o->shards < 1 || o->shards > MOST_SHARDS || o->shards & (o->shards - 1))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_shards_create: %d shards; it must be a power of two of at most "
                           "%d",
                           (int)o->shards, (int)MOST_SHARDS);
    if (o->ranks < 1 || o->ranks > o->shards || o->rank < 0 || o->rank >= o->ranks)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_shards_create: rank %d of %d, with %d shards; a rank needs a "
                           "shard, and ranks count from 0",
                           (int)o->rank, (int)o->ranks, (int)o->shards);
    if (o->count < 0 || o->numbers < 0 || o->numbers > MOST_NUMBERS)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_shards_create: count is %lld, numbers is %lld; they must not be "
                           "negative, and numbers at most %d",
                           (long long)o->count, (long long)o->numbers, (int)MOST_NUMBERS);
    if (o->ranks > 1 && !exchanges)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_shards_create: exchange is NULL, but there are %d ranks",
                           (int)o->ranks);
    return RECUR_OK;
}

/* The handle, then its vectors. NULL while measuring. */
static recur_shards *lay_out(recur__carver *carver, const recur_shards *prototype)
{
    recur_shards *s = recur__carve(carver, 1, sizeof *s);
    const int64_t most = most_nodes(prototype);
    const int64_t ld = (recur__max(prototype->count, 1) + 15) / 16 * 16; /* of none a place, too */
    const int64_t half = prototype->ranks > 1 ? prototype->count / 2 + 1 : 0;
    const int64_t few = prototype->ranks > 1 ? prototype->numbers : 0;
    float *grads = recur__carve(carver, recur__times(most, ld), sizeof *grads);
    double *sums = recur__carve(carver, most * prototype->numbers, sizeof *sums);
    float *received = recur__carve(carver, half, sizeof *received);
    double *received_numbers = recur__carve(carver, few, sizeof *received_numbers);
    float *wire[2];
    for (int i = 0; i < 2; i++) wire[i] = recur__carve(carver, PER_DOUBLE * few, sizeof *wire[i]);
    if (!s) return NULL;
    *s = *prototype;
    s->ld = ld;
    s->grads = grads;
    s->sums = sums;
    s->received = received;
    s->received_numbers = received_numbers;
    s->sent_wire = wire[0];
    s->received_wire = wire[1];
    return s;
}

recur_status recur_shards_create(recur_context *ctx, const recur_shards_options *options,
                                 recur_exchange_function *exchange, void *user, recur_shards **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(options);
    recur_shards_options o;
    RECUR__CHECK(recur__take("recur_shards_options", options, &o, sizeof o));
    if (o.shards == 0) o.shards = 1;
    if (o.ranks == 0) o.ranks = 1;
    RECUR__CHECK(check_options(&o, exchange));
    if (o.count > INT64_MAX - 15) return recur__no_memory(SIZE_MAX);
    const recur_shards prototype = { .kernels = recur__kernels_of(ctx),
                                     .exchange = exchange,
                                     .user = user,
                                     .S = o.shards,
                                     .rank = o.rank,
                                     .ranks = o.ranks,
                                     .count = o.count,
                                     .numbers = o.numbers };
    recur__carver measure = { 0 };
    lay_out(&measure, &prototype);
    recur__carver carver = { .base = recur__alloc(ctx, measure.used) };
    if (!carver.base) return recur__no_memory(measure.used);
    recur_shards *s = lay_out(&carver, &prototype);
    s->ctx = recur__context_retain(ctx);
    s->bytes = measure.used;
    begin_step(s);
    *out = s;
    return RECUR_OK;
}

void recur_shards_release(recur_shards *shards)
{
    if (!shards) return;
    recur_context *ctx = shards->ctx;
    recur__free(ctx, shards, shards->bytes);
    recur_context_release(ctx);
}
