/* support.h - what the tests share: checks with facts in them, guarded arrays, dice, a counting
 * allocator, one whole pass.
 *
 * Includes CMocka in the order it wants. Tests are single-threaded, so these helpers may keep state
 * of their own. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recur.h"
#include "naive/naive.h"
#include "support/system.h"

#define COUNT(array) ((int64_t)(sizeof(array) / sizeof *(array)))

/* A test whose arrays are checked and given back afterwards. */
#define TEST(function) cmocka_unit_test_teardown(function, support_teardown)
int support_teardown(void **state);

/* ---- checks (check.c) ----------------------------------------------------------------------- */

/* What is being tried, for the message of a failing check. */
void trying(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The call must succeed. */
#define OK(call) support_ok((call), #call, __FILE__, __LINE__)
void support_ok(recur_status status, const char *call, const char *file, int line);

/* The call must fail with the code and a new sentence that contains every word of `words` ("4 3";
 * numbers as a whole). */
#define FAILS(code, call, words)                                           \
    do {                                                                   \
        support_forget();                                                  \
        support_fails((code), (call), (words), #call, __FILE__, __LINE__); \
    } while (0)
void support_forget(void);
void support_fails(recur_status code, recur_status got, const char *words, const char *call,
                   const char *file, int line);

/* |got - want| ≤ absolute + relative |want| + of_largest max|want|. */
typedef struct tolerance {
    double absolute, relative, of_largest;
} tolerance;

extern const tolerance OUTPUTS;   /* what float32 arithmetic gives in a forward pass */
extern const tolerance GRADIENTS; /* and in a backward pass */

void check_doubles(const char *what, int64_t count, const double *got, const double *want,
                   tolerance allowed);
void check_close(const char *what, int64_t count, const float *got, const double *want,
                 tolerance allowed);
void check_near(const char *what, int64_t count, const float *got, const float *want,
                tolerance allowed);
/* Compares bit for bit. */
void check_same(const char *what, int64_t count, const float *got, const float *want);

/* ---- arrays that live until the end of the test, with guards behind them (arrays.c) --------- */

void *bytes_of(int64_t count, size_t size); /* filled with 0xFF, so that a float there is NaN */
float *floats(int64_t count);               /* NaN */
float *zeros(int64_t count);
float *copy_of(int64_t count, const float *from);
double *doubles(int64_t count); /* zeros */
double *widen(int64_t count, const float *from);
void give_back(void); /* checks all guards, frees all arrays */

/* ---- dice (arrays.c) ------------------------------------------------------------------------ */

void dice(uint64_t seed);
int64_t below(int64_t n);                          /* 0 ... n-1 */
float between(double low, double high);            /* uniform */
float *randoms(int64_t count, double scale);       /* uniform in ±scale */
int32_t *random_ids(int64_t count, int64_t below); /* [count] */

/* ---- contexts (contexts.c) ------------------------------------------------------------------ */

/* An allocator that counts, checks and can fail. What it gives is filled with NaN. */
typedef struct counter {
    int64_t allocations, blocks; /* ever made, now alive */
    size_t bytes, most;    /* now alive, and the most that were: set it to bytes to begin anew */
    int64_t until_failure; /* so many still succeed; negative: all do */
    bool once;             /* only one fails, then all succeed */
    int64_t refusals;      /* how often it failed */
    int64_t mistakes; /* frees with another number of bytes or of unknown memory, and writes behind
                         the end */
} counter;

recur_context *counting_context(counter *c, int isa); /* NULL: the machine lacks it */

enum { LAST_ISA = RECUR_ISA_AVX2_EXACT };

/* For every instruction set of this machine: for (recur_context *ctx = NULL; (ctx =
   next_context(ctx));). Releasing one checks that everything made from it was given back. */
recur_context *next_context(recur_context *before);
recur_context *reference_context(void); /* RECUR_ISA_REF; give it to close_context */
void close_context(recur_context *ctx); /* as next_context checks */

/* ---- kinds (kinds.c) ------------------------------------------------------------------------ */

/* A kind of recurrence, and options that a test does not choose itself: all but sizes and
 * direction. */
typedef struct kind_row {
    int cell;
    const char *name; /* of the first four PyTorch's */
    recur_recurrent_options with;
} kind_row;

/* Every kind once without options, then with some. */
enum { PLAIN = 16, ROWS = 45 };
extern const kind_row KINDS[ROWS];
bool has_kink(int cell); /* h' = max(0, ...) */
bool has_U(int cell);    /* so it may have recurrent dropout */

/* Options of a clockwork, which last as long as the program. periods: [modules]; NULL: the default.
 */
const recur_clockwork_options *clockwork(int32_t modules, const int32_t *periods);

/* A clockwork gets as many modules as divide H. */
recur_recurrent_options options_of(const kind_row *kind, int64_t I, int64_t H, int64_t L,
                                   int direction, uint32_t flags);
recur_layer *recurrent_of(recur_context *ctx, const kind_row *kind, int64_t I, int64_t H, int64_t L,
                          int direction, uint32_t flags);
recur_layer *recurrent(recur_context *ctx, int cell, int64_t I, int64_t H, int64_t L, int direction,
                       uint32_t flags);
naive_recurrent textbook_of(const recur_recurrent_options *options);

/* A state: h, which is blocks [B][width], then c, where there is one, blocks [B][H]. */
typedef struct state_shape {
    int64_t blocks, width, h, floats; /* L*D; P or H; floats of h; of both */
} state_shape;
state_shape shape_of(const recur_recurrent_options *options, int64_t B);
/* Counters of a clockwork are valid. */
float *random_state(const recur_recurrent_options *options, int64_t B, double scale);

/* ---- models and passes (models.c) ----------------------------------------------------------- */

void randomize(recur_layer *layer, double scale); /* parameters uniform in ±scale */
/* Makes a layer of named parts, and releases the parts. */
recur_layer *chain(recur_context *ctx, int kind, int64_t count, const char *const *names,
                   recur_layer **parts);
recur_packed *layout(recur_context *ctx, int64_t B, const int64_t *lengths, int64_t T);

recur_tensor tensor_of(const recur_layer *layer, const char *name); /* fails if there is none */
recur_layer_info info_of(const recur_layer *layer, int64_t part);

/* One pass with all that goes in and all that comes out. Outputs are made by run_*. */
typedef struct run {
    const recur_packed *packed;
    const float *x; /* or */
    const int32_t *ids;
    /* the flat initial state and the gradient of the final one; NULL: no state object */
    const float *s0, *dsn;
    const float *dy;
    int mode; /* RECUR_TAPE_* */
    uint64_t seed;
    int64_t checkpoint;        /* of run_both: recur_tape_checkpoint */
    float *y, *sn;             /* out */
    float *dx, *ds0, *dparams; /* out of run_both */
} run;

/* Runs forward without a tape. */
void run_forward(const recur_layer *layer, run *r);
/* Runs forward and backward with a tape. */
void run_both(recur_context *ctx, const recur_layer *layer, run *r);

/* Calls visit with every kind of layer that can be streamed, with parameters of zero, small and
 * large. The layer is the visitor's. (streamable.c) */
typedef void visit_layer(recur_context *ctx, const char *what, recur_layer *layer);
void visit_streamable(recur_context *ctx, visit_layer *visit);

/* ---- files (files.c) ------------------------------------------------------------------------ */

recur_file *new_file(recur_context *ctx);
/* Writes the file to memory, opens that, and releases the first one. */
recur_file *again(recur_context *ctx, recur_file *file);
/* The bytes of a file: a header, and so many zero bytes behind it. */
unsigned char *file_bytes(const char *header, size_t buffer, size_t *bytes);
/* Takes the checksum out of a file in memory, as other programs leave it out. */
void drop_checksum(unsigned char *data);

/* ---- padded and packed (models.c) ----------------------------------------------------------- */

/* The gather of a padded or joined array, and its way back (padding: zeros). */
float *packed_of(const recur_packed *packed, int layout, int64_t width, const float *from);
float *unpacked(const recur_packed *packed, int layout, int64_t width, const float *rows);

#endif
