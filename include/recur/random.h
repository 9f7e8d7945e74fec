/* recur/random.h - counter-based random numbers; drawing ids from logits. Included by recur.h; never alone.
 *
 * There is no generator object and no global state: a number is a pure function of a seed and a
 * counter, the same on every machine, for any number of threads, for ever. */
#ifndef RECUR_RANDOM_H
#define RECUR_RANDOM_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** The counter-th 64 random bits of the stream `seed`.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 */
RECUR_API uint64_t recur_random(uint64_t seed, uint64_t counter);

/** How to draw from logits. Filters apply in this order: temperature, top_k, top_p. */
typedef struct recur_sample_options {
    uint32_t size;      /**< sizeof(recur_sample_options)                                           */
    int32_t top_k;      /**< keep the k most likely; 0 = all; 1 = greedy (no random number is used) */
    double top_p;       /**< then the fewest whose probabilities sum to at least top_p, in (0,1]; 0 = 1 */
    double temperature; /**< divides the logits first, > 0; 0 = 1                                   */
} recur_sample_options;

/** Draws one id per row from softmax(logits / temperature). Row r uses recur_random(seed, counter + r).
 * Of equal logits the lower id counts as the more likely.
 *
 * Shapes:  logits [rows][classes], ids [rows].
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, negative sizes or options, top_p > 1. SHAPE: no classes. NUMERIC: a row
 *          with NaN, with +infinity, or with no finite logit at all (-infinity forbids a class).
 * Threads: free.
 * Since:   0.1
 * @param options NULL: all defaults.
 */
RECUR_NODISCARD recur_status recur_sample(const recur_sample_options *options, int64_t rows, int64_t classes,
                                    const float *logits, uint64_t seed, uint64_t counter, int32_t *ids);

#ifdef __cplusplus
}
#endif
#endif
