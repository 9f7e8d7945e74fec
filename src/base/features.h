/* features.h - what this build has, and what it was built without: the one place that knows.
 *
 *   make           macro             leaves out
 *   TRAIN=none     RECUR_TRAIN=0     backward, recorded passes, losses, optimizers, schedules
 *   BATCH=none     RECUR_BATCH=0     passes over batches, steps of several sequences, and training
 *   FILES=none     RECUR_FILES=0     paths: models and tensors come from memory and go there
 *   THREADS=none   RECUR_THREADS=0   threads of its own, and the C library's
 *   REDUCED=none   RECUR_REDUCED=0   bfloat16 and int8
 *   KINDS="lstm"   RECUR_ONLY_lstm   kinds of recurrence that are not named (cells/list.h), if any
 *                                    is; of types of layers in models (model/types.c), likewise
 *
 * A public function that is left out is still there, and begins with RECUR__NEEDS: it answers with
 * a sentence. Tables of operations have RECUR__IF around what goes: then nobody knows the functions
 * behind it any more, and compiler and linker leave them out. Where a function does one thing of
 * two, RECUR_TRAIN and the like stand in its condition, which the compiler knows. There is no #if
 * but in the two files that need the system's headers, base/threads.c and file/disk.c. */
#ifndef RECUR__FEATURES_H
#define RECUR__FEATURES_H

#ifndef RECUR_BATCH
#define RECUR_BATCH 1
#endif
#if !RECUR_BATCH /* a backward is a pass, too */
#undef RECUR_TRAIN
#define RECUR_TRAIN 0
#endif
#ifndef RECUR_TRAIN
#define RECUR_TRAIN 1
#endif
#ifndef RECUR_FILES
#define RECUR_FILES 1
#endif
#ifndef RECUR_THREADS
#define RECUR_THREADS 1
#endif
#ifndef RECUR_REDUCED
#define RECUR_REDUCED 1
#endif

/* What a table has where this build has TRAIN, BATCH and the like; else NULL. */
#define RECUR__IF(feature, what) (RECUR_##feature ? (what) : NULL)

/* The first line of a public function that a build may be without. */
#define RECUR__NEEDS(feature)                                             \
    do {                                                                  \
        if (!RECUR_##feature) return recur__left_out(__func__, #feature); \
    } while (0)

/* 1 if the macro, which may be written out by other macros, is defined as 1; else 0. */
#define RECUR__IS_ONE(macro)        RECUR__IS_ONE_2(macro)
#define RECUR__IS_ONE_2(value)      RECUR__IS_ONE_3(RECUR__COMMA_##value)
#define RECUR__IS_ONE_3(comma_or_x) RECUR__SECOND(comma_or_x 1, 0, 0)
#define RECUR__SECOND(a, b, ...)    b
#define RECUR__COMMA_1              0,

#endif
