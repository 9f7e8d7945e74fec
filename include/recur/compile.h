/* recur/compile.h - a layer as C: one file of C99 and a header, for machines that have no place for
 * this library. Included by recur.h; never alone.
 *
 * What is written has constant weights, a plain struct for the state, and the functions
 *
 *     void NAME_init(NAME_state *state);                       before the first step
 *     void NAME_step(NAME_state *state, const float *x, float *y);
 *     void NAME_run(NAME_state *state, int32_t steps, const float *x, float *y);
 *
 * It allocates nothing, has no recursion, and calls nothing but expf and tanhf, or nothing at all.
 * With -DNAME_SELF_TEST it has a main that runs the sample. docs/microcontrollers.md has the rest.
 *
 * Example: an LSTM as lstm.c and lstm.h.
 *
 *     const recur_recurrent_options options = { .size = sizeof options,
 *                                               .cell = RECUR_CELL_LSTM,
 *                                               .input_size = 3,
 *                                               .hidden_size = 8 };
 *     const recur_compile_options how = { .size = sizeof how, .name = "lstm" };
 *     recur_layer *lstm;
 *     TRY(recur_recurrent_create(NULL, &options, &lstm));
 *     TRY(recur_layer_init(lstm, NULL, RECUR_INIT_DEFAULT, 0, 1));
 *     TRY(recur_compile_c(lstm, &how, "lstm.c"));
 *     recur_layer_release(lstm);
 */
#ifndef RECUR_COMPILE_H
#define RECUR_COMPILE_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Flags of recur_compile_options. */
enum {
    RECUR_COMPILE_OWN_MATH = 1, /**< exp and tanh are functions of the file, in whole numbers: no
                                     library is wanted, and results are rounded once. INT8 has them
                                     unless LIBRARY_MATH is set                                   */
    RECUR_COMPILE_ARENA = 2,    /**< what a step takes beside the state is a struct of the caller's,
                                     NAME_scratch, behind the state in the arguments; without this
                                     it is on the stack                                           */
    RECUR_COMPILE_IDS = 4,      /**< NAME_step takes an id, also where the layer takes rows; a layer
                                    that takes ids only does so in any case                      */
    RECUR_COMPILE_LIBRARY_MATH = 8, /**< INT8 with expf and tanhf of the C library, and sums in
                                     float: faster where there is a floating-point unit, but not the
                                     same bits; a number that falls to the other side of a half is
                                     off by 1/127 of the largest of its row                       */
    RECUR_COMPILE_EXACT = 16 /**< the bits of a context with RECUR_CONTEXT_EXACT, in float and in
                                  INT8, GELU too, on any machine with IEEE floats: exp and tanh are
                                  functions of the file in float, which with a floating-point unit
                                  take a tenth of what those of OWN_MATH take                     */
};

/** Which text recur_compile_c_memory writes. */
enum {
    RECUR_COMPILE_SOURCE = 1, /**< NAME.c, which includes NAME.h                                  */
    RECUR_COMPILE_HEADER = 2  /**< NAME.h                                                         */
};

/** How a layer becomes C. */
typedef struct recur_compile_options {
    uint32_t size;                    /**< sizeof(recur_compile_options)                          */
    uint32_t flags;                   /**< RECUR_COMPILE_*                                        */
    int32_t precision;                /**< RECUR_PRECISION_FLOAT32; or _INT8: the matrices, states
                                           and outputs of a snapshot of this precision on
                                           RECUR_ISA_REF, to the bit (but for GELU, which is within
                                           1e-6, and with LIBRARY_MATH), or with EXACT of such a
                                           snapshot in an exact context                           */
    int32_t reserved;                 /**< 0                                                      */
    const char *name;                 /**< what all names begin with: letters, digits and _;
                                           NULL: "model"                                          */
    const recur_model_sample *sample; /**< for the self-test: its y is not read, as it is computed
                                           anew in this precision; NULL: there is none            */
    const void *reserved_pointer;     /**< NULL                                                   */
} recur_compile_options;

/** Writes a layer as C, to path and to a header beside it, which has .h in the place of .c. Each of
 * the two is replaced as recur_file_write does.
 *
 * Shapes:  x of a step is [input_size], y [output_size]; they must not overlap.
 * Memory:  twice the text.
 * Errors:  ARGUMENT: NULL, a path that does not end in .c, a name that is not one of C, unknown
 *          flags or precision, a sample without layout or input. UNSUPPORTED: a snapshot: compile
 *          the layer that it was made of; a layer that does not step (it looks ahead in time, has a
 *          `last` or is a group); more numbers than an int32_t counts. NUMERIC: a parameter that is
 *          NaN or infinite. NOT_FOUND, IO: as recur_file_write. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param layer is not changed.
 * @param options NULL: the defaults.
 * @param path where the source goes.
 */
RECUR_NODISCARD recur_status recur_compile_c(const recur_layer *layer,
                                             const recur_compile_options *options,
                                             const char *path);

/** The same into memory, one of the two texts.
 *
 * Shapes:  text [*bytes], with a 0 at its end.
 * Memory:  small; with a sample as much as running it takes.
 * Errors:  as recur_compile_c; ARGUMENT: another file than SOURCE and HEADER. SHAPE: the room is
 *          too small; *bytes says what is needed.
 * Threads: free.
 * Since:   0.1
 * @param layer is not changed.
 * @param options NULL: the defaults.
 * @param file RECUR_COMPILE_SOURCE or RECUR_COMPILE_HEADER.
 * @param text where to; NULL: only measures.
 * @param bytes in: the room at text; out: what is needed.
 */
RECUR_NODISCARD recur_status recur_compile_c_memory(const recur_layer *layer,
                                                    const recur_compile_options *options,
                                                    int32_t file, char *text, size_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
