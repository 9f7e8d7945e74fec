/* recur/base.h - versions, handles, options, named tensors. Included by recur.h; never alone.
 *
 * Example: options are structs that begin with their size. A zero asks for the default:
 *
 *     recur_optimizer_options adam = { .size = sizeof adam, .kind = RECUR_OPTIMIZER_ADAM };
 *     recur_optimizer *optimizer;
 *     TRY(recur_optimizer_create(NULL, &adam, 100, &optimizer));
 *     recur_optimizer_release(optimizer);
 *
 * or they are filled in by a function, and then a zero that you write is a zero:
 *
 *     TRY(recur_optimizer_options_init(&adam, sizeof adam, RECUR_OPTIMIZER_ADAM));
 *     adam.beta1 = 0;
 *     TRY(recur_optimizer_create(NULL, &adam, 100, &optimizer));
 *     recur_optimizer_release(optimizer);
 *     if (recur_version() < RECUR_VERSION) puts("the library is older than this header");
 */
#ifndef RECUR_BASE_H
#define RECUR_BASE_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif

/** The version of this header; recur_version() gives that of the library that runs. */
#define RECUR_VERSION_MAJOR 0
#define RECUR_VERSION_MINOR 1
#define RECUR_VERSION_PATCH 0

/** The three in one number, to be compared. */
#define RECUR_VERSION (RECUR_VERSION_MAJOR << 16 | RECUR_VERSION_MINOR << 8 | RECUR_VERSION_PATCH)

/* RECUR_STATIC: define it where you use the static library: functions are then called directly.
 * They are hidden either way, so that a plug-in with the library in it exports none of them. On
 * Windows it is needed: without it, functions are taken from the DLL. */
/* RECUR_PREFIX: define it as the beginning of names, such as my_, where you use a library that was
 * built with the same prefix: recur_version then stands for my_recur_version. */
#if !defined(__GNUC__)
#define RECUR__NODISCARD
#else
#define RECUR__NODISCARD __attribute__((warn_unused_result))
#endif
/** @def RECUR_API
 * Marks a public function. */
/** @def RECUR_NODISCARD
 * Marks a public function whose status must not be ignored. */
#if defined(_WIN32) || defined(__CYGWIN__)
#if defined(RECUR_STATIC)
#define RECUR_API extern
#elif defined(RECUR__DLL) /* the library itself is being compiled */
#define RECUR_API extern __declspec(dllexport)
#else
#define RECUR_API extern __declspec(dllimport)
#endif
#elif !defined(__GNUC__)
#define RECUR_API extern
#elif defined(RECUR_STATIC)
#define RECUR_API extern __attribute__((visibility("hidden")))
#else
#define RECUR_API extern __attribute__((visibility("default")))
#endif
#define RECUR_NODISCARD RECUR_API RECUR__NODISCARD

#ifdef __cplusplus
extern "C" {
#endif

/** RECUR_OK or one of RECUR_E_*; see recur/status.h. */
typedef int32_t recur_status;

/** @name Handles
 * The nine nouns. All are opaque; each is made by a create function (a layer by that of its kind)
 * and given back with its release function.
 * @{ */
typedef struct recur_context recur_context;     /**< allocator, instruction set, threads     */
typedef struct recur_packed recur_packed;       /**< layout of a ragged batch                */
typedef struct recur_layer recur_layer;         /**< maps rows to rows; owns parameters      */
typedef struct recur_cell recur_cell;           /**< one step of a recurrence                */
typedef struct recur_state recur_state;         /**< hidden state between calls              */
typedef struct recur_tape recur_tape;           /**< record of forward passes, and scratch   */
typedef struct recur_loss recur_loss;           /**< value and gradient of a loss            */
typedef struct recur_optimizer recur_optimizer; /**< update rule with its moments            */
typedef struct recur_shards recur_shards;       /**< gradients of a batch in fixed parts     */
typedef struct recur_file recur_file;           /**< a safetensors container                 */
/** @} */

/** Marks, beside the size in the first member of an options struct, that every member is meant as
 * it stands, zeros too. All functions called recur_..._init set it. */
enum { RECUR_SIZE_EXACT = 1073741824 };

/** A named array: a parameter of a layer, a part of a state, a tensor of a file.
 * Filled in by the library, which writes no more than `size` bytes of it. */
typedef struct recur_tensor {
    uint32_t size;    /**< in: sizeof(recur_tensor)                                          */
    int32_t rank;     /**< 0 to 4                                                            */
    int64_t dim[4];   /**< shape; unused ones are 1                                          */
    int64_t offset;   /**< index of its first float in its owner's flat vector; 0 in a file  */
    int64_t count;    /**< number of elements: the product of dim                            */
    const char *name; /**< such as "rnn.weight_ih_l0"; lives as long as the object asked     */
    const char *type; /**< element type: "F32"; in a file also "F64", "F16", "BF16", "I64" … */
} recur_tensor;

/** Version of the library that runs: major << 16 | minor << 8 | patch.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 */
RECUR_API uint32_t recur_version(void);

#ifdef __cplusplus
}
#endif
#endif
