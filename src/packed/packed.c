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
        return recur__fail(RECUR_E_ARGUMENT, "a batch of %lld sequences of %lld steps: both must lie between 0 and %d",
                           (long long)batch, (long long)*steps, RECUR__LARGEST);
    *longest = lengths || batch == 0 ? 0 : *steps;
    int64_t rows = lengths ? 0 : batch * *steps;
    for (int64_t b = 0; lengths && b < batch; b++) {
        if (lengths[b] < 0 || lengths[b] > RECUR__LARGEST)
            return recur__fail(RECUR_E_ARGUMENT, "sequence %lld has length %lld: it must lie between 0 and %d", (long long)b,
                               (long long)lengths[b], RECUR__LARGEST);
        if (*steps && lengths[b] > *steps)
            return recur__fail(RECUR_E_SHAPE, "sequence %lld has length %lld, but there are %lld steps", (long long)b,
                               (long long)lengths[b], (long long)*steps);
        *longest = recur__max(*longest, lengths[b]);
        rows += lengths[b];
    }
    if (rows > RECUR__LARGEST)
        return recur__fail(RECUR_E_MEMORY, "a layout of %lld rows: there may be at most %d", (long long)rows, RECUR__LARGEST);
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
    p->serial = recur__serial();
}

recur_status recur_packed_reset(recur_packed *packed, int64_t batch, const int64_t *lengths, int64_t steps)
{
    RECUR__NOT_NULL(packed);
    int64_t longest = 0;
    RECUR__TRY(check(batch, lengths, &steps, &longest));
    if (!packed->memory || batch > packed->most_batch || longest > packed->most_steps) {
        const int64_t B = recur__max(batch, packed->most_batch), T = recur__max(longest, packed->most_steps);
        recur__carver carver = { 0 };
        recur_packed moved = *packed;
        lay_out(&carver, B, T, &moved);
        const size_t bytes = carver.used;
        void *memory = recur__alloc(packed->ctx, bytes);
        if (!memory) return recur__no_memory(bytes);
        carver = (recur__carver){ .base = memory };
        lay_out(&carver, B, T, &moved);
        recur__free(packed->ctx, packed->memory, packed->bytes);
        *packed = moved;
        packed->memory = memory, packed->bytes = bytes;
        packed->most_batch = B, packed->most_steps = T;
    }
    packed->batch = batch, packed->steps = steps, packed->longest = longest;
    fill(packed, lengths);
    return RECUR_OK;
}

recur_status recur_packed_create(recur_context *ctx, int64_t batch, const int64_t *lengths, int64_t steps, recur_packed **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    recur_packed *packed = recur__alloc(ctx, sizeof *packed);
    if (!packed) return recur__no_memory(sizeof *packed);
    *packed = (recur_packed){ .ctx = recur__context_retain(ctx) };
    const recur_status status = recur_packed_reset(packed, batch, lengths, steps);
    if (status) recur_packed_release(packed);
    else *out = packed;
    return status;
}

void recur_packed_release(recur_packed *packed)
{
    if (!packed) return;
    recur_context *ctx = packed->ctx;
    recur__free(ctx, packed->memory, packed->bytes);
    recur__free(ctx, packed, sizeof *packed);
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
