/* recur.h - recurrent neural networks in C: training and inference on a CPU.
 *
 *   #include <recur.h>        cc app.c $(pkg-config --cflags --libs recur)
 *
 * This is the only header a program includes. The nouns, one header each:
 *
 *   recur/base.h       versions, handles, options, what a named tensor is
 *   recur/status.h     errors are values: codes, names, the last sentence
 *   recur/context.h    allocator, instruction set, threads
 *   recur/random.h     counter-based random numbers; drawing ids from logits
 *   recur/packed.h     the layout of a batch of sequences of different lengths
 *   recur/recurrent.h  cells over time: kinds of recurrence and their options
 *   recur/convolution.h  convolutions over time, and inside a row
 *   recur/graph.h      layers whose parts take each other's output
 *   recur/layer.h      anything that maps rows to rows: making, parameters, passes
 *   recur/cell.h       one step of a recurrence, for loops written by hand
 *   recur/state.h      hidden state between calls
 *   recur/tape.h       what backward needs from forward, and scratch memory
 *   recur/memory.h     how many bytes a layer takes, asked before it is run
 *   recur/loss.h       value and gradient of a loss; reading label sequences
 *   recur/optimizer.h  update rules, clipping and learning rates over time, for a flat vector
 *   recur/file.h       safetensors files
 *   recur/model.h      whole networks as files, structure included
 *   recur/prefix.h     names of functions that begin as you like, for programs with two libraries
 *
 * Conventions of every function
 *   - Data is float32, row-major. In shapes: T time, B batch, N packed rows, I input, H hidden,
 *     L layers, D directions (1 or 2), G gates. Counts are int64_t, bytes size_t.
 *   - A fallible function returns recur_status: RECUR_OK (0), or a negative code and a sentence in
 *     recur_last_error(). On failure outputs are unspecified, but handles are as before the call.
 *     recur/status.h says of each code what to do about it. MEMORY, without more words: the
 *     allocator gave nothing; free something or ask for less, and call again.
 *   - Out-parameters come last; a create function sets its own to NULL on failure.
 *   - The caller's arrays are borrowed for the call only, need no alignment and must not overlap
 *     unless a function says so.
 *   - A context argument may be NULL: the default context. An array of no elements may be NULL.
 *   - release(NULL) does nothing. Handles may be released in any order.
 *   - An options struct starts with its size; zero in any other member means the default:
 *     C:   recur_x_options o = { .size = sizeof o };
 *     C++: recur_x_options o = {}; o.size = sizeof o;
 *     After recur_x_options_init(&o, sizeof o) the defaults are written out, and a zero is a zero.
 *   - TRY(call) in examples stands for your own check of a status: whatever a program does then.
 *   - "Threads: free" means: may run on any number of threads at once, as long as nobody writes to
 *     what the call reads. "one at a time" names the handle that must not be shared.
 *
 * Example: an LSTM over two sequences of three and two steps, written packed: the rows of step 0,
 * then those of step 1, and so on.
 *
 *     const recur_recurrent_options options = { .size = sizeof options,
 *                                               .cell = RECUR_CELL_LSTM,
 *                                               .input_size = 1,
 *                                               .hidden_size = 4 };
 *     const int64_t lengths[] = { 3, 2 };
 *     const float x[5 * 1] = { 10, 20, 11, 21, 12 };
 *     float y[5 * 4];
 *     recur_layer *lstm;
 *     recur_packed *packed;
 *     TRY(recur_recurrent_create(NULL, &options, &lstm));
 *     TRY(recur_layer_init(lstm, NULL, RECUR_INIT_DEFAULT, 0, 1));
 *     TRY(recur_packed_create(NULL, 2, lengths, 0, &packed));
 *     TRY(recur_layer_forward(lstm, packed, x, NULL, y, NULL));
 *     recur_packed_release(packed);
 *     recur_layer_release(lstm);
 */
#ifndef RECUR_H
#define RECUR_H

#include <stddef.h>
#include <stdint.h>

#include "recur/prefix.h"
#include "recur/base.h"
#include "recur/status.h"
#include "recur/context.h"
#include "recur/random.h"
#include "recur/packed.h"
#include "recur/recurrent.h"
#include "recur/convolution.h"
#include "recur/graph.h"
#include "recur/layer.h"
#include "recur/cell.h"
#include "recur/state.h"
#include "recur/tape.h"
#include "recur/memory.h"
#include "recur/quantise.h"
#include "recur/loss.h"
#include "recur/optimizer.h"
#include "recur/shards.h"
#include "recur/file.h"
#include "recur/model.h"
#include "recur/import.h"
#include "recur/compile.h"

#endif
