/* recur/memory.h - how many bytes a layer takes, asked before it is run. Included by recur.h; never
 * alone.
 *
 * The numbers are those that the allocator of the context will be asked for, to the byte. A
 * training loop with n records that wait at the same time takes
 *
 *     layer + layout + tape + n record + max(training, inference)    and kept, if n > 1
 *
 * after recur_tape_reserve(tape, layer, packed, n), and beside that `state` for each state, the
 * optimizer's moments, and the arrays of the caller: gradients (parameters once more), x, y, dy.
 *
 * Example: what one record takes.
 *
 *     recur_memory memory = { .size = sizeof memory };
 *     recur_layer *fc;
 *     recur_packed *rows;
 *     TRY(recur_linear_create(NULL, 100, 10, 0, &fc));
 *     TRY(recur_packed_create(NULL, 32, NULL, 1, &rows));
 *     TRY(recur_layer_memory(fc, rows, 0, &memory));
 *     printf("%lld bytes\n", (long long)memory.record);
 *     recur_packed_release(rows);
 *     recur_layer_release(fc);
 */
#ifndef RECUR_MEMORY_H
#define RECUR_MEMORY_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Which passes are asked about. */
enum {
    RECUR_MEMORY_ROWS = 1,       /**< on rows of floats; with neither this nor the next: on all that
                                      the layer takes                                             */
    RECUR_MEMORY_IDS = 2,        /**< on ids                                                      */
    RECUR_MEMORY_NO_DROPOUT = 4, /**< recorded in RECUR_TAPE_RECORD_NO_DROPOUT, not in
                                      RECUR_TAPE_TRAIN                                            */
    RECUR_MEMORY_TRACE = 8,      /**< on a tape with a trace                                      */
    RECUR_MEMORY_BFLOAT16 = 16,  /**< `snapshot` is one of RECUR_PRECISION_BFLOAT16               */
    RECUR_MEMORY_INT8 = 32       /**< `snapshot` is one of RECUR_PRECISION_INT8                   */
};

/** Bytes that a layer takes with one layout. Filled in by recur_layer_memory. */
typedef struct recur_memory {
    uint32_t size;      /**< in: sizeof(recur_memory)                                             */
    uint32_t flags;     /**< as they were given                                                   */
    int64_t layer;      /**< the layer itself, parameters included; of a part: what it would take
                             alone                                                                */
    int64_t parameters; /**< the flat vector in it; gradients and each moment of an optimizer take
                             as many again                                                        */
    int64_t snapshot;   /**< a snapshot of it                                                     */
    int64_t state;      /**< a state for the layout's sequences; 0 if there are none              */
    int64_t layout;     /**< the layout                                                           */
    int64_t tape;       /**< a tape without what follows                                          */
    int64_t kept;       /**< repacked weights and deferred gradient rows, held by a tape while
                             single steps await backward; 0 if the layout has more steps          */
    int64_t record;     /**< one recorded pass, from its forward to its backward; 0 of a snapshot */
    int64_t training;   /**< scratch of a recorded pass, forward and backward, on a tape; 0 of a
                             snapshot                                                             */
    int64_t inference;  /**< scratch of a pass that is not recorded, on a tape or without one     */
    int64_t checkpoint; /**< in: as recur_tape_checkpoint was or will be called; 0: not           */
} recur_memory;

/** How many bytes a layer takes with a layout: exactly what the library will ask the allocator for.
 * recur_tape_reserve with n passes takes n records, `kept` if n > 1, and the larger one of training
 * and inference. A tape that grows by itself may take more for its records, in blocks of 16 KiB at
 * least. `record` grows linearly with the rows N of the layout; scratch with N, or with B where no
 * history is needed.
 *
 * A group is not run as a whole: its kept, record, training and inference are 0. Ask about the
 * parts that you run.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, unknown flags, both precisions, out->size too small, a checkpoint
 *          that is negative or 1. UNSUPPORTED: ROWS or IDS, which the layer does not take; a
 *          checkpoint of a layer that looks at later steps, or with TRACE. MEMORY: a number
 *          overflows: no machine can run this batch.
 * Threads: free.
 * Since:   0.1
 * @param layer the layer.
 * @param packed the layout.
 * @param flags RECUR_MEMORY_*; 0: every pass, as recur_tape_reserve makes room for without a trace.
 * @param out is filled in; set its size before.
 */
RECUR_NODISCARD recur_status recur_layer_memory(const recur_layer *layer,
                                                const recur_packed *packed, uint32_t flags,
                                                recur_memory *out);

#ifdef __cplusplus
}
#endif
#endif
