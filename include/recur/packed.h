/* recur/packed.h - the layout of a batch of sequences of different lengths. Included by recur.h;
 * never alone.
 *
 * Lengths 3, 1, 2 (sequences a, b, c), sorted by length (stably), step by step:
 *
 *     time      0     1     2
 *     a         a0    a1    a2           packed rows:  a0 c0 b0 | a1 c1 | a2
 *     c         c0    c1                 batch sizes:     3        2      1
 *     b         b0
 *
 * So there are N = 6 rows and no padding. A dense batch is the layout in which all lengths are T:
 * its rows are exactly a time-major array [T][B]. This is the layout of PyTorch's PackedSequence.
 *
 * Example: these three sequences, of one feature, from a padded array into packed rows.
 *
 *     const int64_t lengths[3] = { 3, 1, 2 };
 *     const float padded[3][3] = { { 1, 2, 3 }, { 4 }, { 5, 6 } };
 *     float rows[6];
 *     recur_packed *packed;
 *     TRY(recur_packed_create(NULL, 3, lengths, 0, &packed));
 *     TRY(recur_packed_pack(packed, RECUR_LAYOUT_BATCH_FIRST, sizeof(float), padded, rows));
 *     printf("%g %g %g\n", rows[0], rows[1], rows[2]);   // 1 5 4
 *     recur_packed_release(packed);
 */
#ifndef RECUR_PACKED_H
#define RECUR_PACKED_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** How an array that is not packed lies in memory. */
enum {
    RECUR_LAYOUT_BATCH_FIRST = 0, /**< [B][T][...], padded                                        */
    RECUR_LAYOUT_TIME_FIRST = 1,  /**< [T][B][...], padded                                        */
    RECUR_LAYOUT_JOINED = 2       /**< [N][...]: sequence after sequence, without padding         */
};

/** The layout of `batch` sequences in the caller's order. A length of 0 is legal: no rows.
 *
 * Shapes:  lengths [batch], each 0 to steps.
 * Memory:  one allocation; lengths are copied.
 * Errors:  ARGUMENT: batch < 0, a negative length, batch or steps over 2^31-1. SHAPE: a length
 *          above steps. MEMORY: also when batch * steps overflows.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param batch number of sequences, B.
 * @param lengths NULL: all are `steps` long.
 * @param steps T of the padded arrays; 0 with lengths: the longest.
 * @param out the layout.
 */
RECUR_NODISCARD recur_status recur_packed_create(recur_context *ctx, int64_t batch,
                                                 const int64_t *lengths, int64_t steps,
                                                 recur_packed **out);

/** Gives a layout back. NULL is allowed.
 *
 * Shapes:  -
 * Memory:  freed at once; nothing keeps a layout alive.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param packed is gone afterwards.
 */
RECUR_API void recur_packed_release(recur_packed *packed);

/** Gives the same object another layout. Records of the old layout can no longer be played back: a
 * backward pass over them is RECUR_E_ORDER.
 *
 * Shapes:  as recur_packed_create.
 * Memory:  reuses its memory if neither batch nor steps exceeds any it had before; else allocates
 *          anew.
 * Errors:  as recur_packed_create; then the layout is as before.
 * Threads: one at a time.
 * Since:   0.1
 * @param packed the object.
 * @param batch number of sequences, B.
 * @param lengths NULL: all are `steps` long.
 * @param steps T of the padded arrays; 0 with lengths: the longest.
 */
RECUR_NODISCARD recur_status recur_packed_reset(recur_packed *packed, int64_t batch,
                                                const int64_t *lengths, int64_t steps);

/** Number of sequences, B. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param packed the layout.
 */
RECUR_API int64_t recur_packed_batch(const recur_packed *packed);

/** Steps of the padded arrays, T. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param packed the layout.
 */
RECUR_API int64_t recur_packed_steps(const recur_packed *packed);

/** Number of packed rows, N: the sum of all lengths. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param packed the layout.
 */
RECUR_API int64_t recur_packed_rows(const recur_packed *packed);

/** Length of a sequence; -1 if there is no such sequence.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param packed the layout.
 * @param sequence in the caller's order, from 0 on.
 */
RECUR_API int64_t recur_packed_length(const recur_packed *packed, int64_t sequence);

/** Sequences that are alive at a step: how many rows the step has; 0 beyond the longest, -1 if step
 * < 0.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param packed the layout.
 * @param step from 0 on.
 */
RECUR_API int64_t recur_packed_batch_size(const recur_packed *packed, int64_t step);

/** The packed row of a step of a sequence; -1 beyond its end. With it inputs and labels are written
 * straight into place.
 *
 * Shapes:  the result is 0 to N-1.
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param packed the layout.
 * @param sequence in the caller's order, from 0 on.
 * @param step of the sequence, from 0 on.
 */
RECUR_API int64_t recur_packed_row(const recur_packed *packed, int64_t sequence, int64_t step);

/** Moves rows of any type (features, ids, labels) from a padded or joined array into packed order.
 *
 * Shapes:  from [B][T] or [T][B] or [N] rows, rows [N] rows, each of row_bytes.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, unknown layout, row_bytes 0.
 * Threads: free.
 * Since:   0.1
 * @param packed the order of the rows.
 * @param layout how `from` lies in memory: RECUR_LAYOUT_*.
 * @param row_bytes size of a row: features times sizeof(float), or sizeof(int32_t) for ids.
 * @param from padded or joined rows.
 * @param rows packed rows.
 */
RECUR_NODISCARD recur_status recur_packed_pack(const recur_packed *packed, int32_t layout,
                                               size_t row_bytes, const void *from, void *rows);

/** The way back: packed rows into a padded or joined array. Padding is left as it is.
 *
 * Shapes:  as recur_packed_pack.
 * Memory:  allocates nothing.
 * Errors:  as recur_packed_pack.
 * Threads: free.
 * Since:   0.1
 * @param packed the order of the rows.
 * @param layout how `to` lies in memory: RECUR_LAYOUT_*.
 * @param row_bytes size of a row.
 * @param rows packed rows.
 * @param to padded or joined rows.
 */
RECUR_NODISCARD recur_status recur_packed_unpack(const recur_packed *packed, int32_t layout,
                                                 size_t row_bytes, const void *rows, void *to);

/** One row per sequence, in the caller's order. A sequence of length 0 gives a row of zero bytes.
 *
 * Shapes:  rows [N] rows, steps [B], to [B] rows, each row of row_bytes.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, row_bytes 0, a step outside its (non-empty) sequence.
 * Threads: free.
 * Since:   0.1
 * @param packed the order of the rows.
 * @param steps which step of each sequence, counted from its end if negative (-1: the last); NULL:
 *        the last of each.
 * @param row_bytes size of a row.
 * @param rows packed rows.
 * @param to the rows taken.
 */
RECUR_NODISCARD recur_status recur_packed_gather(const recur_packed *packed, const int64_t *steps,
                                                 size_t row_bytes, const void *rows, void *to);

#ifdef __cplusplus
}
#endif
#endif
