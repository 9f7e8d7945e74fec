/* recur/optimizer.h - update rules, clipping and learning rates over time, for a flat vector.
 * Included by recur.h; never alone.
 *
 * Example: one update of two parameters, at the rate of the first of 100 steps.
 *
 *     const recur_optimizer_options options = { .size = sizeof options,
 *                                               .kind = RECUR_OPTIMIZER_ADAM };
 *     const recur_schedule cosine = { .size = sizeof cosine,
 *                                     .kind = RECUR_SCHEDULE_COSINE,
 *                                     .rate = 0.01,
 *                                     .period = 100 };
 *     float params[2] = { 1, 2 };
 *     float grads[2] = { 3, -4 };
 *     recur_optimizer *adam;
 *     TRY(recur_optimizer_create(NULL, &options, 2, &adam));
 *     TRY(recur_optimizer_set_rate(adam, recur_schedule_rate(&cosine, 0)));
 *     recur_clip_norm(grads, 2, 1.0);
 *     TRY(recur_optimizer_step(adam, params, grads, 2, 1.0));
 *     recur_optimizer_release(adam);
 */
#ifndef RECUR_OPTIMIZER_H
#define RECUR_OPTIMIZER_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Update rules; definitions and defaults are PyTorch's. */
enum {
    RECUR_OPTIMIZER_SGD = 1,     /**< rate 0.001; momentum, NESTEROV, dampening                   */
    RECUR_OPTIMIZER_ADAM = 2,    /**< rate 0.001, beta1 0.9, beta2 0.999, epsilon 1e-8; AMSGRAD;
                                      Kingma 2015                                                 */
    RECUR_OPTIMIZER_ADAMW = 3,   /**< the same with weight decay beside the gradient; Loshchilov
                                      2019                                                        */
    RECUR_OPTIMIZER_RMSPROP = 4, /**< rate 0.01, beta2 (alpha) 0.99, epsilon 1e-8; momentum,
                                      CENTRED                                                     */
    RECUR_OPTIMIZER_ADAGRAD = 5, /**< rate 0.01, epsilon 1e-10; rate_decay, accumulator; Duchi
                                      2011                                                        */
    RECUR_OPTIMIZER_ADADELTA = 6, /**< rate 1, beta2 (rho) 0.9, epsilon 1e-6; Zeiler 2012         */
    RECUR_OPTIMIZER_RADAM = 7, /**< as Adam, rectified; DECOUPLED; Liu 2020                     */
    RECUR_OPTIMIZER_NADAM = 8  /**< rate 0.002, momentum_decay 0.004, else as Adam; DECOUPLED;
                                    Dozat 2016                                                  */
};

/** Flags of an optimizer. */
enum {
    RECUR_OPTIMIZER_NESTEROV = 1, /**< SGD with momentum                                          */
    RECUR_OPTIMIZER_AMSGRAD = 2,  /**< Adam, AdamW; Reddi 2018                                    */
    RECUR_OPTIMIZER_CENTRED = 4,  /**< RMSprop; Graves 2013                                       */
    /* 8 is in files of old */
    RECUR_OPTIMIZER_DECOUPLED = 16 /**< RAdam, NAdam: weight decay beside the gradient, as AdamW  */
};

/** Options of an optimizer. */
typedef struct recur_optimizer_options {
    uint32_t size;         /**< sizeof(recur_optimizer_options)                                 */
    int32_t kind;          /**< RECUR_OPTIMIZER_*, required                                     */
    double rate;           /**< learning rate, ≥ 0; 0 = the kind's default                      */
    double momentum;       /**< SGD, RMSprop: [0,1); 0 = none                                   */
    double beta1;          /**< Adam and its kin: [0,1); 0 = 0.9                                */
    double beta2;          /**< Adam's beta2, RMSprop's alpha, Adadelta's rho: [0,1); 0 = the
                                kind's default                                                  */
    double epsilon;        /**< ≥ 0; 0 = the kind's default                                     */
    double weight_decay;   /**< ≥ 0; 0 = none, for AdamW too                                    */
    uint64_t flags;        /**< RECUR_OPTIMIZER_NESTEROV ...                                    */
    double dampening;      /**< SGD with momentum, without NESTEROV: [0,1], the part of a
                                gradient that does not enter the momentum, after the first;
                                0 = none                                                        */
    double rate_decay;     /**< Adagrad: ≥ 0; the rate of step t is
                                rate/(1 + (t-1) rate_decay)                                     */
    double accumulator;    /**< Adagrad: ≥ 0, where its sums of squares begin                   */
    double momentum_decay; /**< NAdam: ≥ 0; 0 = 0.004                                           */
} recur_optimizer_options;

/** Fills in the defaults of a kind: rate, beta1, beta2, epsilon and momentum_decay, as far as it
 * has them.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, a size that no struct has, unknown kind.
 * Threads: free.
 * Since:   0.1
 * @param options is overwritten.
 * @param size sizeof(recur_optimizer_options), as your compiler sees it.
 * @param kind RECUR_OPTIMIZER_*.
 */
RECUR_NODISCARD recur_status recur_optimizer_options_init(recur_optimizer_options *options,
                                                          size_t size, int32_t kind);

/** An update rule with its moments (zero) for a flat vector of count floats.
 *
 * Shapes:  -
 * Memory:  one allocation.
 * Errors:  ARGUMENT: NULL, unknown kind or flags, count < 0, a number outside its range, an option
 *          that the kind does not have. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param options are copied.
 * @param count length of the vector: recur_layer_param_count.
 * @param out the optimizer.
 */
RECUR_NODISCARD recur_status recur_optimizer_create(recur_context *ctx,
                                                    const recur_optimizer_options *options,
                                                    int64_t count, recur_optimizer **out);

/** Gives an optimizer back. NULL is allowed.
 *
 * Shapes:  -
 * Memory:  freed at once.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param optimizer is gone afterwards.
 */
RECUR_API void recur_optimizer_release(recur_optimizer *optimizer);

/** The learning rate. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param optimizer the optimizer.
 */
RECUR_API double recur_optimizer_rate(const recur_optimizer *optimizer);

/** Sets the learning rate of the steps that follow.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, negative or not finite.
 * Threads: one at a time.
 * Since:   0.1
 * @param optimizer the optimizer.
 * @param rate ≥ 0; with 0 no parameter moves.
 */
RECUR_NODISCARD recur_status recur_optimizer_set_rate(recur_optimizer *optimizer, double rate);

/** Sets the numbers of the steps that follow: rate, momentum, betas and so on. Moments, the number
 * of steps made and ranges stay.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, what recur_optimizer_create refuses, another kind or other flags, a
 *          momentum where there was none or none where there was one, another accumulator.
 * Threads: one at a time.
 * Since:   0.1
 * @param optimizer the optimizer; as it was if the call fails.
 * @param options are copied.
 */
RECUR_NODISCARD recur_status recur_optimizer_set_options(recur_optimizer *optimizer,
                                                         const recur_optimizer_options *options);

/** Multiplies rate and weight decay for a range of the vector, such as a recur_tensor's offset and
 * count. Where ranges overlap, the later call holds.
 *
 * Shapes:  offset + count at most the vector's length.
 * Memory:  may allocate.
 * Errors:  ARGUMENT: NULL, a range outside the vector, a negative or non-finite scale. MEMORY.
 * Threads: one at a time.
 * Since:   0.1
 * @param optimizer the optimizer.
 * @param offset first float of the range.
 * @param count floats of the range.
 * @param rate_scale times the rate; 0 freezes the range, whose moments still follow the gradients.
 * @param decay_scale times the weight decay.
 */
RECUR_NODISCARD recur_status recur_optimizer_scale_range(recur_optimizer *optimizer, int64_t offset,
                                                         int64_t count, double rate_scale,
                                                         double decay_scale);

/** One update: params moves against grads.
 *
 * Shapes:  params [count], grads [count].
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL. SHAPE: another count. NUMERIC: grad_scale not finite. NaN in grads is no
 *          error: it reaches params.
 * Threads: one at a time.
 * Since:   0.1
 * @param optimizer the optimizer.
 * @param params is changed: recur_layer_params.
 * @param grads the gradients of params.
 * @param count length of both, as at creation.
 * @param grad_scale multiplies grads on the way in: 1, or 1/rows of a summed batch.
 */
RECUR_NODISCARD recur_status recur_optimizer_step(recur_optimizer *optimizer, float *params,
                                                  const float *grads, int64_t count,
                                                  double grad_scale);

/** Scales grads so that their L2 norm is at most max_norm, and gives the norm before. A norm that
 * is NaN or infinite comes back and leaves grads alone.
 *
 * Shapes:  grads [count].
 * Memory:  allocates nothing.
 * Errors:  NaN for NULL, a negative count, or a negative or NaN max_norm.
 * Threads: free.
 * Since:   0.1
 * @param grads is scaled.
 * @param count length of grads.
 * @param max_norm 0: only measures.
 */
RECUR_API double recur_clip_norm(float *grads, int64_t count, double max_norm);

/** The same for the largest absolute value (the infinity norm).
 *
 * Shapes:  grads [count].
 * Memory:  allocates nothing.
 * Errors:  as recur_clip_norm.
 * Threads: free.
 * Since:   0.1
 * @param grads is scaled.
 * @param count length of grads.
 * @param max_norm 0: only measures.
 */
RECUR_API double recur_clip_norm_inf(float *grads, int64_t count, double max_norm);

/** Limits every gradient to [-limit, limit]; NaN stays NaN.
 *
 * Shapes:  grads [count].
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, a negative count, limit negative or NaN.
 * Threads: free.
 * Since:   0.1
 * @param grads is changed.
 * @param count length of grads.
 * @param limit ≥ 0; may be infinite.
 */
RECUR_NODISCARD recur_status recur_clip_value(float *grads, int64_t count, double limit);

/** Learning rates as a function of the step; t = step - warm_up. */
enum {
    RECUR_SCHEDULE_CONSTANT = 0,    /**< rate                                                    */
    RECUR_SCHEDULE_STEP = 1,        /**< rate · gamma^floor(t/period)                            */
    RECUR_SCHEDULE_EXPONENTIAL = 2, /**< rate · gamma^(t/period)                                 */
    RECUR_SCHEDULE_COSINE = 3       /**< half a wave down to final_rate; Loshchilov 2017         */
};

/** A schedule. It has no state: the rate of a step is computed from the step, so a run that resumes
 * needs nothing saved. */
typedef struct recur_schedule {
    uint32_t size;     /**< sizeof(recur_schedule)                                              */
    int32_t kind;      /**< RECUR_SCHEDULE_*                                                    */
    double rate;       /**< at the start, or after warm-up; ≥ 0                                 */
    double final_rate; /**< cosine: at the end; ≥ 0                                             */
    double gamma;      /**< step: ≥ 0, 0 = 0.1; exponential: > 0, required                      */
    int64_t period;    /**< step: steps between falls, required; exponential: of one fall, 0 =
                            1; cosine: number of all steps, those of warm_up too, required      */
    int64_t warm_up;   /**< steps of linear rise before: rate/warm_up, 2·rate/warm_up ...; 0 =
                            none                                                                */
} recur_schedule;

/** Fills in the defaults of a kind: gamma 0.1 (step), period 1 (exponential), nothing else.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, a size that no struct has, unknown kind.
 * Threads: free.
 * Since:   0.1
 * @param schedule is overwritten.
 * @param size sizeof(recur_schedule), as your compiler sees it.
 * @param kind RECUR_SCHEDULE_*.
 */
RECUR_NODISCARD recur_status recur_schedule_init(recur_schedule *schedule, size_t size,
                                                 int32_t kind);

/** The learning rate of a step, for recur_optimizer_set_rate.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  NaN, with a sentence in recur_last_error: NULL, unknown kind, a negative step, a number
 *          outside its range or missing, an option that the kind does not have.
 * Threads: free.
 * Since:   0.1
 * @param schedule is not changed.
 * @param step the first is 0.
 */
RECUR_API double recur_schedule_rate(const recur_schedule *schedule, int64_t step);

/** Flags of a plateau. */
enum {
    RECUR_PLATEAU_MAXIMUM = 1, /**< larger values are better (an accuracy); else smaller (a loss) */
    RECUR_PLATEAU_ABSOLUTE = 2 /**< threshold is a difference; else a part of the best value      */
};

/** A learning rate that falls when a value no longer improves; rules and defaults are those of
 * PyTorch's ReduceLROnPlateau. All it knows is in here, for the caller to see and to save. Set
 * rate, and leave the last four members 0. */
typedef struct recur_plateau {
    uint32_t size;        /**< sizeof(recur_plateau)                                            */
    uint32_t flags;       /**< RECUR_PLATEAU_*                                                  */
    double rate;          /**< in: the rate at the start; out: the rate now                     */
    double factor;        /**< of a fall, [0,1); 0 = 0.1                                        */
    double threshold;     /**< what counts as better, ≥ 0; 0 = 1e-4                             */
    double min_rate;      /**< no fall goes below                                               */
    double epsilon;       /**< a smaller fall is none, ≥ 0; 0 = 1e-8                            */
    int64_t patience;     /**< values that may be no better before a fall, ≥ 0; 0 = 10          */
    int64_t cooldown;     /**< values after a fall that do not count                            */
    double best;          /**< state: the best value                                            */
    int64_t improvements; /**< state: how often a value was better than all before; a counter
                               that is full (INT64_MAX) stays so                                */
    int64_t bad;          /**< state: values since then, or since the last fall                 */
    int64_t cooling;      /**< state: values that still do not count                            */
} recur_plateau;

/** Fills in the defaults: factor 0.1, threshold 1e-4, epsilon 1e-8, patience 10. The rate is 0: set
 * it.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, a size that no struct has.
 * Threads: free.
 * Since:   0.1
 * @param plateau is overwritten.
 * @param size sizeof(recur_plateau), as your compiler sees it.
 */
RECUR_NODISCARD recur_status recur_plateau_init(recur_plateau *plateau, size_t size);

/** Takes one more value into account, and sets plateau->rate. NaN is no better than anything.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, unknown flags, a number outside its range, plateau->size too small.
 * Threads: one at a time.
 * Since:   0.1
 * @param plateau its rate and state are changed.
 * @param value such as the validation loss of an epoch.
 */
RECUR_NODISCARD recur_status recur_plateau_step(recur_plateau *plateau, double value);

#ifdef __cplusplus
}
#endif
#endif
