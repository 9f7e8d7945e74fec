/* recur/random.h - counter-based random numbers; drawing ids from logits. Included by recur.h;
 * never alone.
 *
 * There is no generator object and no global state: a number is a pure function of a seed and a
 * counter, the same on every machine, for any number of threads, for ever.
 *
 * Example: one of the two likeliest of three classes, a little more daring than the network.
 *
 *     const float logits[3] = { 1.0f, 0.5f, -2.0f };
 *     recur_sample_options options = { .size = sizeof options, .top_k = 2, .temperature = 1.5 };
 *     int32_t id;
 *     TRY(recur_sample(&options, 1, 3, logits, 42, 0, &id));
 */
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
 * @param seed chooses the stream; neighbouring seeds have nothing in common.
 * @param counter the place in the stream, from 0 on.
 */
RECUR_API uint64_t recur_random(uint64_t seed, uint64_t counter);

/** How to draw from logits. Filters apply in this order: temperature, top_k, top_p. */
typedef struct recur_sample_options {
    uint32_t size;      /**< sizeof(recur_sample_options)                                         */
    int32_t top_k;      /**< keep the k most likely; 0 = all; 1 = greedy, without random numbers  */
    double top_p;       /**< then the fewest whose probabilities sum to it or more, (0,1]; 0 = 1  */
    double temperature; /**< divides the logits first, > 0; 0 = 1                                 */
} recur_sample_options;

/** Fills in the defaults: all classes, temperature 1.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, a size that no struct has.
 * Threads: free.
 * Since:   0.1
 * @param options is overwritten.
 * @param size sizeof(recur_sample_options), as your compiler sees it.
 */
RECUR_NODISCARD recur_status recur_sample_options_init(recur_sample_options *options, size_t size);

/** Draws one id per row from softmax(logits / temperature). Row r uses recur_random(seed, counter +
 * r). Of equal logits the lower id counts as the more likely.
 *
 * Shapes:  logits [rows][classes], ids [rows].
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, negative sizes, an option outside its range. SHAPE: no classes. NUMERIC:
 *          a row with NaN, with +infinity, or with no finite logit at all (-infinity forbids a
 *          class).
 * Threads: free.
 * Since:   0.1
 * @param options NULL: all defaults.
 * @param rows how many ids are drawn.
 * @param classes logits of a row.
 * @param logits of the classes, as a network gives them.
 * @param seed as in recur_random.
 * @param counter of row 0. Add `rows` to it for the next call.
 * @param ids what was drawn, each below classes.
 */
RECUR_NODISCARD recur_status recur_sample(const recur_sample_options *options, int64_t rows,
                                          int64_t classes, const float *logits, uint64_t seed,
                                          uint64_t counter, int32_t *ids);

#ifdef __cplusplus
}
#endif
#endif
