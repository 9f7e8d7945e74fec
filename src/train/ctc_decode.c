/* ctc_decode.c - reading label sequences from the logits of a CTC loss.
 *
 * Greedy: the likeliest class of every step, spelled. Beam search: a step prolongs the beginnings
 * (beams) that were kept. A beam has two probabilities, of the paths that end in the blank (b) and
 * of those that end in its last label (n). With p of the step, and all as logarithms:
 *
 *     stay:     b' = (b ⊕ n) + p(-)       n' = n + p(last)
 *     add c:    n' = (b ⊕ n) + p(c)
 *     add the last label again:   n' = b + p(c), for without a blank between it merges
 *
 * Adding may lead to a beam that is there already; then both are one. Beginnings are nodes of a
 * tree, each there once. */
#include "train/ctc.h"

typedef struct node {
    int64_t parent, first, next; /* nodes: -1 for none; first child, next sibling */
    int32_t label;
} node;

typedef struct beam {
    int64_t node;  /* of an addition: its parent's */
    int32_t added; /* label, or -1: the node itself */
    double b, n, both;
} beam;

typedef struct search {
    const recur_packed *packed;
    int64_t sequence, classes, width;
    const float *y;
    int32_t blank;
    node *tree;
    int64_t nodes;
    beam *now, *next; /* [width], best first */
    int64_t beams, kept;
    int64_t *at_node; /* [nodes]: place of the beam of a node in now, or -1 */
} search;

/* ---- the tree ------------------------------------------------------------------------------- */

static int64_t child_of(const search *q, int64_t parent, int32_t label)
{
    int64_t child = q->tree[parent].first;
    while (child >= 0 && q->tree[child].label != label) child = q->tree[child].next;
    return child;
}

static int64_t grow(search *q, int64_t parent, int32_t label)
{
    int64_t child = child_of(q, parent, label);
    if (child >= 0) return child;
    child = q->nodes++;
    q->tree[child] = (node){
        .parent = parent, .first = -1, .next = q->tree[parent].first, .label = label
    };
    q->tree[parent].first = child;
    q->at_node[child] = -1;
    return child;
}

/* ---- one step ------------------------------------------------------------------------------- */

/* Keeps a candidate among the best; of equal ones the earlier is the better. */
static void offer(search *q, beam candidate)
{
    candidate.both = recur__log_add(candidate.b, candidate.n);
    if (candidate.both == -INFINITY) return;
    int64_t i = q->kept < q->width ? q->kept++ : q->width;
    if (i == q->width && !(candidate.both > q->next[--i].both)) return;
    for (; i > 0 && candidate.both > q->next[i - 1].both; i--) q->next[i] = q->next[i - 1];
    q->next[i] = candidate;
}

/* The log probability that label c is added to a beam. */
static double added(const search *q, const beam *from, int32_t c, double log_p)
{
    const bool again = from->node > 0 && q->tree[from->node].label == c;
    return (again ? from->b : from->both) + log_p;
}

static void offer_stay(search *q, const beam *from, const float *y, double log_sum)
{
    beam candidate = { .node = from->node,
                       .added = -1,
                       .b = from->both + (double)y[q->blank] - log_sum,
                       .n = -INFINITY };
    if (from->node > 0) {
        const node *at = &q->tree[from->node];
        const double log_p = (double)y[at->label] - log_sum;
        candidate.n = from->n + log_p;
        const int64_t parent = q->at_node[at->parent];
        if (parent >= 0)
            candidate.n = recur__log_add(candidate.n, added(q, &q->now[parent], at->label, log_p));
    }
    offer(q, candidate);
}

static void offer_additions(search *q, const beam *from, const float *y, double log_sum)
{
    for (int32_t c = 0; c < q->classes; c++) {
        if (c == q->blank) continue;
        const double n = added(q, from, c, (double)y[c] - log_sum);
        if (q->kept == q->width && !(n > q->next[q->width - 1].both)) continue;
        const int64_t child = child_of(q, from->node, c);
        if (child >= 0 && q->at_node[child] >= 0) continue; /* that beam has it, in offer_stay */
        offer(q, (beam){ .node = from->node, .added = c, .b = -INFINITY, .n = n });
    }
}

static void step(search *q, int64_t t)
{
    const float *y = q->y + recur_packed_row(q->packed, q->sequence, t) * q->classes;
    const double log_sum = recur__log_sum(q->classes, y);
    q->kept = 0;
    for (int64_t i = 0; i < q->beams; i++) offer_stay(q, &q->now[i], y, log_sum);
    for (int64_t i = 0; i < q->beams; i++) offer_additions(q, &q->now[i], y, log_sum);
    for (int64_t i = 0; i < q->beams; i++) q->at_node[q->now[i].node] = -1;
    for (int64_t i = 0; i < q->kept; i++) {
        beam *kept = &q->next[i];
        if (kept->added >= 0) kept->node = grow(q, kept->node, kept->added);
        q->at_node[kept->node] = i;
    }
    beam *const before = q->now;
    q->now = q->next;
    q->next = before;
    q->beams = q->kept;
}

/* ---- one sequence --------------------------------------------------------------------------- */

/* The labels from the root to a node. */
static int64_t spell(const search *q, int64_t at, int32_t *labels)
{
    int64_t length = 0;
    for (int64_t i = at; i > 0; i = q->tree[i].parent) length++;
    for (int64_t i = at, k = length; i > 0; i = q->tree[i].parent) labels[--k] = q->tree[i].label;
    return length;
}

static int64_t search_beams(search *q, int32_t *labels, double *score)
{
    q->tree[0] = (node){ .parent = -1, .first = -1, .next = -1, .label = -1 };
    q->nodes = 1;
    q->at_node[0] = 0;
    q->now[0] = (beam){ .node = 0, .added = -1, .b = 0, .n = -INFINITY, .both = 0 };
    q->beams = 1;
    for (int64_t t = 0; t < recur_packed_length(q->packed, q->sequence); t++) step(q, t);
    *score = q->now[0].both;
    return spell(q, q->now[0].node, labels);
}

static int64_t likeliest_path(const search *q, int32_t *labels, double *score)
{
    int64_t length = 0, before = q->blank;
    *score = 0;
    for (int64_t t = 0; t < recur_packed_length(q->packed, q->sequence); t++) {
        const float *y = q->y + recur_packed_row(q->packed, q->sequence, t) * q->classes;
        int64_t best = 0;
        for (int64_t c = 1; c < q->classes; c++)
            if (y[c] > y[best]) best = c;
        *score += (double)y[best] - recur__log_sum(q->classes, y);
        if (best != q->blank && best != before) labels[length++] = (int32_t)best;
        before = best;
    }
    return length;
}

/* ---- the batch ------------------------------------------------------------------------------ */

/* A step adds a node for every beam at most. Measures while the carver has no base. */
static void lay_out(recur__carver *carver, search *q)
{
    int64_t longest = 0;
    for (int64_t b = 0; b < recur_packed_batch(q->packed); b++)
        longest = recur__max(longest, recur_packed_length(q->packed, b));
    const int64_t grown = recur__times(longest, q->width), nodes = grown < 0 ? -1 : grown + 1;
    q->tree = recur__carve(carver, nodes, sizeof *q->tree);
    q->at_node = recur__carve(carver, nodes, sizeof *q->at_node);
    q->now = recur__carve(carver, q->width, sizeof *q->now);
    q->next = recur__carve(carver, q->width, sizeof *q->next);
}

static recur_status check_rows(int64_t rows, int64_t classes, const float *y)
{
    for (int64_t r = 0; r < rows; r++)
        if (!isfinite(recur__log_sum(classes, y + r * classes)))
            return recur__fail(RECUR_E_NUMERIC,
                               "recur_ctc_decode: row %lld of %lld has NaN, +infinity, or no "
                               "finite logit among its %lld",
                               (long long)r, (long long)rows, (long long)classes);
    return RECUR_OK;
}

static void decode(search *q, int32_t *labels, int64_t *lengths, double *scores)
{
    for (q->sequence = 0; q->sequence < recur_packed_batch(q->packed); q->sequence++) {
        double score;
        const int64_t length = q->width ? search_beams(q, labels, &score)
                                        : likeliest_path(q, labels, &score);
        lengths[q->sequence] = length;
        if (scores) scores[q->sequence] = score;
        labels = RECUR__BEHIND(labels, length);
    }
}

recur_status recur_ctc_decode(const recur_loss *loss, const recur_packed *packed, int64_t classes,
                              const float *y, int64_t width, int32_t *labels,
                              int64_t *label_lengths, double *scores, recur_tape *tape)
{
    RECUR__NOT_NULL(loss);
    RECUR__NOT_NULL(packed);
    if (recur_packed_rows(packed)) {
        RECUR__NOT_NULL(y);
        RECUR__NOT_NULL(labels);
    }
    if (recur_packed_batch(packed)) RECUR__NOT_NULL(label_lengths);
    RECUR__CHECK(recur__ctc_check(__func__, loss, packed, classes));
    if (width < 0 || width > RECUR__LARGEST)
        return recur__fail(RECUR_E_ARGUMENT, "recur_ctc_decode: width is %lld", (long long)width);
    RECUR__CHECK(check_rows(recur_packed_rows(packed), classes, y));
    search q = {
        .packed = packed, .classes = classes, .width = width, .y = y, .blank = loss->blank
    };
    if (width == 0) {
        decode(&q, labels, label_lengths, scores);
        return RECUR_OK;
    }
    recur__carver carver = { 0 };
    lay_out(&carver, &q);
    const size_t bytes = carver.used;
    void *memory = recur__loss_borrow(loss, tape, bytes);
    if (!memory) return recur__no_memory(bytes);
    carver = (recur__carver){ .base = memory };
    lay_out(&carver, &q);
    decode(&q, labels, label_lengths, scores);
    recur__loss_return(loss, tape, memory, bytes);
    return RECUR_OK;
}
