/* packed.c - lengths → order, batch sizes, offsets: a counting sort, so linear in B and T. */
#include "packed/packed.h"

/* Measures, or carves the arrays out of memory; a step more than T, because starts has one. */
static void lay_out(recur__carver *carver, int64_t batch, int64_t steps, recur_packed *p)
{
    p->lengths = recur__carve(carver, batch, sizeof(int64_t));
    p->order = recur__carve(carver, batch, sizeof(int64_t));
    p->place = recur__carve(carver, batch, sizeof(int64_t));
    p->sizes = recur__carve(carver, steps + 1, sizeof(int64_t));
    p->starts = recur__carve(carver, steps + 1, sizeof(int64_t));
}

/* Checks a layout and finds T and the longest sequence. */
static recur_status check(int64_t batch, const int64_t *lengths, int64_t *steps, int64_t *longest)
{
    if (batch < 0 || batch > RECUR__LARGEST || *steps < 0 || *steps > RECUR__LARGEST)
        return recur__fail(
            RECUR_E_ARGUMENT,
            "a batch of %lld sequences of %lld steps: both must lie between 0 and %d",
            (long long)batch, (long long)*steps, RECUR__LARGEST);
    *longest = lengths || batch == 0 ? 0 : *steps;
    int64_t rows = lengths ? 0 : batch * *steps;
    for (int64_t b = 0; lengths && b < batch; b++) {
        if (lengths[b] < 0 || lengths[b] > RECUR__LARGEST)
            return recur__fail(RECUR_E_ARGUMENT,
                               "sequence %lld has length %lld: it must lie between 0 and %d",
                               (long long)b, (long long)lengths[b], RECUR__LARGEST);
        if (*steps && lengths[b] > *steps)
            return recur__fail(RECUR_E_SHAPE,
                               "sequence %lld has length %lld, but there are %lld steps",
                               (long long)b, (long long)lengths[b], (long long)*steps);
        *longest = recur__max(*longest, lengths[b]);
        rows += lengths[b];
    }
    if (rows > RECUR__LARGEST)
        return recur__fail(RECUR_E_MEMORY, "a layout of %lld rows: there may be at most %d",
                           (long long)rows, RECUR__LARGEST);
    if (*steps == 0) *steps = *longest;
    return RECUR_OK;
}

/* Fills the arrays; lengths NULL: all T. */
static void fill(recur_packed *p, const int64_t *lengths)
{
    const int64_t B = p->batch, T = p->longest;
    int64_t *next = p->starts; /* while sorting: the next place for each length */
    memset(p->sizes, 0, (size_t)(T + 1) * sizeof *p->sizes);
    for (int64_t b = 0; b < B; b++) {
        p->lengths[b] = lengths ? lengths[b] : p->steps;
        p->sizes[p->lengths[b]]++;
    }
    for (int64_t t = T, longer = 0; t >= 0; t--) { /* sizes[t] = sequences longer than t */
        const int64_t equal = p->sizes[t];
        p->sizes[t] = next[t] = longer;
        longer += equal;
    }
    p->in_order = true;
    for (int64_t b = 0; b < B; b++) {
        const int64_t place = next[p->lengths[b]]++;
        p->place[b] = place;
        p->order[place] = b;
        p->in_order &= place == b;
    }
    p->starts[0] = 0;
    for (int64_t t = 0; t < T; t++) p->starts[t + 1] = p->starts[t] + p->sizes[t];
    p->rows = p->starts[T];
    p->dense = p->rows > 0 && p->rows == B * T;
    p->serial = recur__serial();
}

/* Other arrays, with room for at least what the old ones had. */
static recur_status grow(recur_packed *packed, int64_t batch, int64_t steps)
{
    recur_packed moved = *packed;
    moved.most_batch = recur__max(batch, packed->most_batch);
    moved.most_steps = recur__max(steps, packed->most_steps);
    recur__carver carver = { 0 };
    lay_out(&carver, moved.most_batch, moved.most_steps, &moved);
    moved.grown_bytes = carver.used;
    moved.grown = recur__alloc(packed->ctx, carver.used);
    if (!moved.grown) return recur__no_memory(carver.used);
    carver = (recur__carver){ .base = moved.grown };
    lay_out(&carver, moved.most_batch, moved.most_steps, &moved);
    recur__free(packed->ctx, packed->grown, packed->grown_bytes);
    *packed = moved;
    return RECUR_OK;
}

recur_status recur_packed_reset(recur_packed *packed, int64_t batch, const int64_t *lengths,
                                int64_t steps)
{
    RECUR__NOT_NULL(packed);
    int64_t longest = 0;
    RECUR__CHECK(check(batch, lengths, &steps, &longest));
    if (batch > packed->most_batch || steps > packed->most_steps)
        RECUR__CHECK(grow(packed, batch, steps));
    packed->batch = batch, packed->steps = steps, packed->longest = longest;
    fill(packed, lengths);
    return RECUR_OK;
}

recur_status recur_packed_create(recur_context *ctx, int64_t batch, const int64_t *lengths,
                                 int64_t steps, recur_packed **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    int64_t longest = 0;
    RECUR__CHECK(check(batch, lengths, &steps, &longest));
    recur_packed made = { .batch = batch,
                          .steps = steps,
                          .longest = longest,
                          .most_batch = batch,
                          .most_steps = steps },
                 *packed;
    recur__carver carver = { 0 };
    recur__carve(&carver, 1, sizeof made);
    lay_out(&carver, batch, steps, &made);
    made.bytes = carver.used;
    carver = (recur__carver){ .base = recur__alloc(ctx, made.bytes) };
    if (!carver.base) return recur__no_memory(made.bytes);
    packed = recur__carve(&carver, 1, sizeof made);
    lay_out(&carver, batch, steps, &made);
    made.ctx = recur__context_retain(ctx);
    *packed = made;
    fill(packed, lengths);
    *out = packed;
    return RECUR_OK;
}

void recur_packed_release(recur_packed *packed)
{
    if (!packed) return;
    recur_context *ctx = packed->ctx;
    recur__free(ctx, packed->grown, packed->grown_bytes);
    recur__free(ctx, packed, packed->bytes);
    recur_context_release(ctx);
}

int64_t recur_packed_batch(const recur_packed *packed) { return packed ? packed->batch : 0; }
int64_t recur_packed_steps(const recur_packed *packed) { return packed ? packed->steps : 0; }
int64_t recur_packed_rows(const recur_packed *packed) { return packed ? packed->rows : 0; }

int64_t recur_packed_length(const recur_packed *packed, int64_t sequence)
{
    return packed && sequence >= 0 && sequence < packed->batch ? packed->lengths[sequence] : -1;
}

int64_t recur_packed_batch_size(const recur_packed *packed, int64_t step)
{
    if (!packed || step < 0) return -1;
    return step < packed->longest ? packed->sizes[step] : 0;
}

int64_t recur_packed_row(const recur_packed *packed, int64_t sequence, int64_t step)
{
    if (step < 0 || step >= recur_packed_length(packed, sequence)) return -1;
    return packed->starts[step] + packed->place[sequence];
}
