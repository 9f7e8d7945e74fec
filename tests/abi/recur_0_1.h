/* recur_0_1.h - the public interface as it stood when it was fixed, without comments: a program
 * built with it must run with every library of the same soname. It is never changed. */
#ifndef RECUR_0_1_H
#define RECUR_0_1_H

#include <stddef.h>
#include <stdint.h>

typedef int32_t recur_status;
typedef struct recur_context recur_context;
typedef struct recur_packed recur_packed;
typedef struct recur_layer recur_layer;
typedef struct recur_cell recur_cell;
typedef struct recur_state recur_state;
typedef struct recur_tape recur_tape;
typedef struct recur_loss recur_loss;
typedef struct recur_optimizer recur_optimizer;
typedef struct recur_file recur_file;
enum { RECUR_SIZE_EXACT = 1073741824 };
typedef struct recur_tensor {
    uint32_t size;
    int32_t rank;
    int64_t dim[4];
    int64_t offset;
    int64_t count;
    const char *name;
    const char *type;
} recur_tensor;
extern uint32_t recur_version(void);
enum {
    RECUR_OK = 0,
    RECUR_E_ARGUMENT = -1,
    RECUR_E_SHAPE = -2,
    RECUR_E_MEMORY = -3,
    RECUR_E_ORDER = -4,
    RECUR_E_UNSUPPORTED = -5,
    RECUR_E_FORMAT = -6,
    RECUR_E_IO = -7,
    RECUR_E_NUMERIC = -8,
    RECUR_E_MISSING = -9,
    RECUR_E_NOT_FOUND = -10
};
extern const char *recur_status_name(recur_status status);
extern const char *recur_status_text(recur_status status);
extern const char *recur_last_error(void);
enum {
    RECUR_ISA_AUTO = 0,
    RECUR_ISA_REF = 1,
    RECUR_ISA_SSE2 = 2,
    RECUR_ISA_AVX2 = 3,
    RECUR_ISA_AVX512 = 4,
    RECUR_ISA_NEON = 5
};
typedef struct recur_allocator {
    void *(*alloc)(void *user, size_t bytes, size_t align);
    void (*free)(void *user, void *ptr, size_t bytes);
    void *user;
} recur_allocator;
enum { RECUR_CONTEXT_CHECK = 1 };
typedef struct recur_context_options {
    uint32_t size;
    int32_t isa;
    int32_t threads;
    uint32_t flags;
    const recur_allocator *allocator;
    const void *reserved;
    int64_t cache_bytes;
} recur_context_options;
extern recur_status recur_context_options_init(recur_context_options *options, size_t size);
extern recur_status recur_context_create(const recur_context_options *options, recur_context **out);
extern recur_context *recur_context_retain(recur_context *ctx);
extern void recur_context_release(recur_context *ctx);
extern const char *recur_context_isa(const recur_context *ctx);
extern uint64_t recur_random(uint64_t seed, uint64_t counter);
typedef struct recur_sample_options {
    uint32_t size;
    int32_t top_k;
    double top_p;
    double temperature;
} recur_sample_options;
extern recur_status recur_sample_options_init(recur_sample_options *options, size_t size);
extern recur_status recur_sample(const recur_sample_options *options, int64_t rows, int64_t classes,
                                 const float *logits, uint64_t seed, uint64_t counter,
                                 int32_t *ids);
enum { RECUR_LAYOUT_BATCH_FIRST = 0, RECUR_LAYOUT_TIME_FIRST = 1, RECUR_LAYOUT_JOINED = 2 };
extern recur_status recur_packed_create(recur_context *ctx, int64_t batch, const int64_t *lengths,
                                        int64_t steps, recur_packed **out);
extern void recur_packed_release(recur_packed *packed);
extern recur_status recur_packed_reset(recur_packed *packed, int64_t batch, const int64_t *lengths,
                                       int64_t steps);
extern int64_t recur_packed_batch(const recur_packed *packed);
extern int64_t recur_packed_steps(const recur_packed *packed);
extern int64_t recur_packed_rows(const recur_packed *packed);
extern int64_t recur_packed_length(const recur_packed *packed, int64_t sequence);
extern int64_t recur_packed_batch_size(const recur_packed *packed, int64_t step);
extern int64_t recur_packed_row(const recur_packed *packed, int64_t sequence, int64_t step);
extern recur_status recur_packed_pack(const recur_packed *packed, int32_t layout, size_t row_bytes,
                                      const void *from, void *rows);
extern recur_status recur_packed_unpack(const recur_packed *packed, int32_t layout,
                                        size_t row_bytes, const void *rows, void *to);
extern recur_status recur_packed_gather(const recur_packed *packed, const int64_t *steps,
                                        size_t row_bytes, const void *rows, void *to);
enum {
    RECUR_CELL_RNN_TANH = 1,
    RECUR_CELL_RNN_RELU = 2,
    RECUR_CELL_LSTM = 3,
    RECUR_CELL_GRU = 4,
    RECUR_CELL_GRU_RESET_BEFORE = 5,
    RECUR_CELL_LSTM_PEEPHOLE = 6,
    RECUR_CELL_LSTM_COUPLED = 7,
    RECUR_CELL_RNN_NORM = 8,
    RECUR_CELL_LSTM_NORM = 9,
    RECUR_CELL_GRU_NORM = 10,
    RECUR_CELL_CLOCKWORK = 11,
    RECUR_CELL_INDRNN = 12
};
enum {
    RECUR_DIRECTION_FORWARD = 0,
    RECUR_DIRECTION_REVERSE = 1,
    RECUR_DIRECTION_BIDIRECTIONAL = 2
};
enum { RECUR_MOST_MODULES = 16 };
typedef struct recur_clockwork_options {
    uint32_t size;
    int32_t modules;
    int32_t periods[RECUR_MOST_MODULES];
} recur_clockwork_options;
typedef struct recur_recurrent_options {
    uint32_t size;
    int32_t cell;
    int64_t input_size;
    int64_t hidden_size;
    int64_t num_layers;
    int64_t projection_size;
    int32_t direction;
    uint32_t flags;
    double dropout;
    double recurrent_dropout;
    double zoneout_hidden;
    double zoneout_cell;
    double cell_clip;
    double preactivation_clip;
    int32_t gate_activation;
    int32_t activation;
    int32_t output_activation;
    int32_t reserved;
    const recur_clockwork_options *clockwork;
    const void *reserved_pointer;
} recur_recurrent_options;
extern recur_status recur_recurrent_options_init(recur_recurrent_options *options, size_t size,
                                                 int32_t cell);
extern recur_status recur_recurrent_create(recur_context *ctx,
                                           const recur_recurrent_options *options,
                                           recur_layer **out);
enum {
    RECUR_LAYER_NO_BIAS = 1,
    RECUR_LAYER_CELL_NAMES = 2,
    RECUR_LAYER_UPDATE_NEW = 4,
    RECUR_LAYER_LEARN_INITIAL_STATE = 8,
    RECUR_LAYER_OUTPUT_CELL = 16
};
enum {
    RECUR_ACTIVATION_TANH = 1,
    RECUR_ACTIVATION_SIGMOID = 2,
    RECUR_ACTIVATION_RELU = 3,
    RECUR_ACTIVATION_HARD_SIGMOID = 4,
    RECUR_ACTIVATION_SOFTSIGN = 5,
    RECUR_ACTIVATION_IDENTITY = 6
};
extern recur_status recur_linear_create(recur_context *ctx, int64_t in_features,
                                        int64_t out_features, uint32_t flags, recur_layer **out);
extern recur_status recur_embedding_create(recur_context *ctx, int64_t symbols, int64_t width,
                                           uint32_t flags, recur_layer **out);
extern recur_status recur_last_create(recur_context *ctx, int64_t features, int32_t direction,
                                      recur_layer **out);
extern recur_status recur_dropout_create(recur_context *ctx, int64_t features, double probability,
                                         recur_layer **out);
extern recur_status recur_activation_create(recur_context *ctx, int64_t features, int32_t function,
                                            recur_layer **out);
extern recur_status recur_norm_create(recur_context *ctx, int64_t features, double epsilon,
                                      uint32_t flags, recur_layer **out);
enum { RECUR_MERGE_SUM = 1, RECUR_MERGE_MEAN = 2, RECUR_MERGE_MULTIPLY = 3 };
extern recur_status recur_merge_create(recur_context *ctx, int64_t features, int32_t way,
                                       recur_layer **out);
enum { RECUR_COMPOSE_SEQUENTIAL = 1, RECUR_COMPOSE_GROUP = 2, RECUR_COMPOSE_RESIDUAL = 3 };
extern recur_status recur_compose_create(recur_context *ctx, int32_t kind, int64_t count,
                                         const char *const *names, recur_layer *const *parts,
                                         recur_layer **out);
extern recur_status recur_layer_child(const recur_layer *layer, const char *name, recur_layer **out,
                                      int64_t *offset);
enum { RECUR_PRECISION_FLOAT32 = 0 };
extern recur_status recur_layer_snapshot(const recur_layer *layer, int32_t precision,
                                         recur_layer **out);
extern recur_status recur_layer_copy(const recur_layer *layer, recur_layer **out);
extern recur_layer *recur_layer_retain(recur_layer *layer);
extern void recur_layer_release(recur_layer *layer);
enum {
    RECUR_KIND_RECURRENT = 1,
    RECUR_KIND_LINEAR = 2,
    RECUR_KIND_EMBEDDING = 3,
    RECUR_KIND_LAST = 4,
    RECUR_KIND_DROPOUT = 5,
    RECUR_KIND_ACTIVATION = 6,
    RECUR_KIND_COMPOSE = 7,
    RECUR_KIND_NORM = 8,
    RECUR_KIND_MERGE = 9
};
enum {
    RECUR_CAN_TAKE_ROWS = 1,
    RECUR_CAN_TAKE_IDS = 2,
    RECUR_CAN_STEP = 4,
    RECUR_CAN_RECORD = 8,
    RECUR_CAN_REDUCE_TIME = 16
};
typedef struct recur_layer_info {
    uint32_t size;
    int32_t kind;
    int64_t input_size;
    int64_t output_size;
    int64_t hidden_size;
    int64_t num_layers;
    int64_t parts;
    int64_t offset;
    double dropout;
    int32_t variant;
    int32_t direction;
    uint32_t flags;
    uint32_t capabilities;
    const char *name;
    const char *type;
    int64_t projection_size;
    double recurrent_dropout;
    double zoneout_hidden;
    double zoneout_cell;
    double cell_clip;
    double preactivation_clip;
    int32_t gate_activation;
    int32_t activation;
    int32_t output_activation;
    int32_t reserved;
    double epsilon;
    const recur_clockwork_options *clockwork;
    const void *reserved_pointer;
} recur_layer_info;
extern recur_status recur_layer_describe(const recur_layer *layer, int64_t part,
                                         recur_layer_info *out);
extern int64_t recur_layer_rows(const recur_layer *layer, const recur_packed *packed);
extern int64_t recur_layer_param_count(const recur_layer *layer);
extern float *recur_layer_params(recur_layer *layer);
extern int64_t recur_layer_tensor_count(const recur_layer *layer);
extern recur_status recur_layer_tensor_info(const recur_layer *layer, int64_t index,
                                            recur_tensor *out);
enum {
    RECUR_INIT_DEFAULT = 0,
    RECUR_INIT_CONSTANT = 1,
    RECUR_INIT_UNIFORM = 2,
    RECUR_INIT_NORMAL = 3,
    RECUR_INIT_XAVIER = 4,
    RECUR_INIT_ORTHOGONAL = 5,
    RECUR_INIT_IDENTITY = 6,
    RECUR_INIT_FORGET_BIAS = 7
};
extern recur_status recur_layer_init(recur_layer *layer, const char *match, int32_t scheme,
                                     double value, uint64_t seed);
extern recur_status recur_layer_forward(const recur_layer *layer, const recur_packed *packed,
                                        const float *x, recur_state *state, float *y,
                                        recur_tape *tape);
extern recur_status recur_layer_forward_ids(const recur_layer *layer, const recur_packed *packed,
                                            const int32_t *ids, recur_state *state, float *y,
                                            recur_tape *tape);
extern recur_status recur_layer_backward(const recur_layer *layer, const recur_packed *packed,
                                         const float *x, const float *dy, recur_state *dstate,
                                         float *dx, float *dparams, recur_tape *tape);
extern recur_status recur_layer_backward_ids(const recur_layer *layer, const recur_packed *packed,
                                             const int32_t *ids, const float *dy,
                                             recur_state *dstate, float *dparams, recur_tape *tape);
extern recur_status recur_layer_step(const recur_layer *layer, const float *x, recur_state *state,
                                     float *y, recur_tape *tape);
extern recur_status recur_layer_step_ids(const recur_layer *layer, const int32_t *ids,
                                         recur_state *state, float *y, recur_tape *tape);
extern recur_status recur_layer_step_backward(const recur_layer *layer, const float *x,
                                              const float *dy, recur_state *dstate, float *dx,
                                              float *dparams, recur_tape *tape);
extern recur_status recur_layer_step_backward_ids(const recur_layer *layer, const int32_t *ids,
                                                  const float *dy, recur_state *dstate,
                                                  float *dparams, recur_tape *tape);
extern recur_status recur_cell_create(recur_context *ctx, const recur_recurrent_options *options,
                                      recur_cell **out);
extern recur_status recur_cell_from_layer(recur_layer *layer, recur_cell **out);
extern void recur_cell_release(recur_cell *cell);
extern recur_layer *recur_cell_layer(const recur_cell *cell);
extern recur_status recur_cell_step(const recur_cell *cell, const float *x, recur_state *state,
                                    float *y, recur_tape *tape);
extern recur_status recur_cell_step_ids(const recur_cell *cell, const int32_t *ids,
                                        recur_state *state, float *y, recur_tape *tape);
extern recur_status recur_cell_step_backward(const recur_cell *cell, const float *x,
                                             const float *dy, recur_state *dstate, float *dx,
                                             float *dparams, recur_tape *tape);
extern recur_status recur_cell_step_backward_ids(const recur_cell *cell, const int32_t *ids,
                                                 const float *dy, recur_state *dstate,
                                                 float *dparams, recur_tape *tape);
extern recur_status recur_state_create(const recur_layer *layer, int64_t batch, recur_state **out);
extern void recur_state_release(recur_state *state);
extern int64_t recur_state_batch(const recur_state *state);
extern recur_status recur_state_reset(recur_state *state, int64_t sequence);
extern recur_status recur_state_copy(recur_state *to, const recur_state *from);
extern recur_status recur_state_gather(recur_state *to, const recur_state *from,
                                       const int64_t *sequences);
extern int64_t recur_state_count(const recur_state *state);
extern int64_t recur_state_tensor_count(const recur_state *state);
extern recur_status recur_state_tensor_info(const recur_state *state, int64_t index,
                                            recur_tensor *out);
extern recur_status recur_state_read(const recur_state *state, int64_t offset, int64_t count,
                                     float *to);
extern recur_status recur_state_write(recur_state *state, int64_t offset, int64_t count,
                                      const float *from);
enum { RECUR_TAPE_TRAIN = 0, RECUR_TAPE_EVALUATE = 1, RECUR_TAPE_RECORD_NO_DROPOUT = 2 };
extern recur_status recur_tape_create(recur_context *ctx, recur_tape **out);
extern void recur_tape_release(recur_tape *tape);
extern recur_status recur_tape_set_mode(recur_tape *tape, int32_t mode);
extern recur_status recur_tape_set_seed(recur_tape *tape, uint64_t seed);
extern recur_status recur_tape_reserve(recur_tape *tape, const recur_layer *layer,
                                       const recur_packed *packed, int64_t passes);
extern recur_status recur_tape_reset(recur_tape *tape);
extern recur_status recur_tape_drop(recur_tape *tape, int64_t records);
extern recur_status recur_tape_defer_gradients(recur_tape *tape, int32_t on);
extern recur_status recur_tape_add_gradients(recur_tape *tape, const recur_layer *layer,
                                             float *dparams);
enum { RECUR_TRACE_FORWARD = 1, RECUR_TRACE_BACKWARD = 2 };
typedef struct recur_trace {
    uint32_t size;
    int32_t event;
    int32_t layer;
    int32_t reverse;
    int64_t rows;
    int64_t steps;
    int64_t hidden_size;
    int64_t gates;
    int64_t h_stride;
    const char *part;
    const float *gate;
    const float *c;
    const float *h;
    const float *dh;
    const double *norm;
    const recur_packed *packed;
    const recur_layer *recurrent;
} recur_trace;
typedef void recur_trace_function(const recur_trace *trace, void *user);
extern recur_status recur_tape_trace(recur_tape *tape, recur_trace_function *function, void *user);
extern int64_t recur_tape_records(const recur_tape *tape);
extern size_t recur_tape_bytes(const recur_tape *tape);
enum {
    RECUR_MEMORY_ROWS = 1,
    RECUR_MEMORY_IDS = 2,
    RECUR_MEMORY_NO_DROPOUT = 4,
    RECUR_MEMORY_TRACE = 8
};
typedef struct recur_memory {
    uint32_t size;
    uint32_t flags;
    int64_t layer;
    int64_t parameters;
    int64_t snapshot;
    int64_t state;
    int64_t layout;
    int64_t tape;
    int64_t kept;
    int64_t record;
    int64_t training;
    int64_t inference;
} recur_memory;
extern recur_status recur_layer_memory(const recur_layer *layer, const recur_packed *packed,
                                       uint32_t flags, recur_memory *out);
enum {
    RECUR_LOSS_CROSS_ENTROPY = 1,
    RECUR_LOSS_NLL = 2,
    RECUR_LOSS_CTC = 3,
    RECUR_LOSS_SAMPLED_SOFTMAX = 4,
    RECUR_LOSS_NEGATIVE_SAMPLING = 5,
    RECUR_LOSS_MSE = 16,
    RECUR_LOSS_L1 = 17,
    RECUR_LOSS_HUBER = 18,
    RECUR_LOSS_BCE_LOGITS = 19
};
enum { RECUR_LOSS_SUM = 1, RECUR_LOSS_IGNORE_INDEX = 2, RECUR_LOSS_ZERO_INFINITY = 4 };
typedef struct recur_loss_options {
    uint32_t size;
    int32_t kind;
    uint32_t flags;
    int32_t ignore_index;
    double smoothing;
    double delta;
    int64_t classes;
    const float *class_weight;
    const float *positive_weight;
    int32_t blank;
    int32_t reserved;
    int64_t samples;
    double power;
    const float *counts;
    const void *reserved_pointer;
} recur_loss_options;
extern recur_status recur_loss_options_init(recur_loss_options *options, size_t size, int32_t kind);
extern recur_status recur_loss_create(recur_context *ctx, const recur_loss_options *options,
                                      recur_loss **out);
extern void recur_loss_release(recur_loss *loss);
extern recur_status recur_loss_classes(const recur_loss *loss, int64_t rows, int64_t classes,
                                       const float *y, const int32_t *labels, double *value,
                                       float *dy);
extern recur_status recur_loss_values(const recur_loss *loss, int64_t rows, int64_t features,
                                      const float *y, const float *target, double *value,
                                      float *dy);
extern recur_status recur_ctc_loss(const recur_loss *loss, const recur_packed *packed,
                                   int64_t classes, const float *y, const int32_t *labels,
                                   const int64_t *label_lengths, double *value, float *dy,
                                   recur_tape *tape);
extern recur_status recur_ctc_decode(const recur_loss *loss, const recur_packed *packed,
                                     int64_t classes, const float *y, int64_t width,
                                     int32_t *labels, int64_t *label_lengths, double *scores,
                                     recur_tape *tape);
extern recur_status recur_loss_sampled(const recur_loss *loss, int64_t rows, int64_t features,
                                       const float *h, const int32_t *labels, const float *params,
                                       int64_t count, uint64_t seed, uint64_t counter,
                                       double *value, float *dh, float *dparams, recur_tape *tape);
enum {
    RECUR_OPTIMIZER_SGD = 1,
    RECUR_OPTIMIZER_ADAM = 2,
    RECUR_OPTIMIZER_ADAMW = 3,
    RECUR_OPTIMIZER_RMSPROP = 4,
    RECUR_OPTIMIZER_ADAGRAD = 5,
    RECUR_OPTIMIZER_ADADELTA = 6,
    RECUR_OPTIMIZER_RADAM = 7,
    RECUR_OPTIMIZER_NADAM = 8
};
enum {
    RECUR_OPTIMIZER_NESTEROV = 1,
    RECUR_OPTIMIZER_AMSGRAD = 2,
    RECUR_OPTIMIZER_CENTRED = 4,
    RECUR_OPTIMIZER_DECOUPLED = 16
};
typedef struct recur_optimizer_options {
    uint32_t size;
    int32_t kind;
    double rate;
    double momentum;
    double beta1;
    double beta2;
    double epsilon;
    double weight_decay;
    uint64_t flags;
    double dampening;
    double rate_decay;
    double accumulator;
    double momentum_decay;
} recur_optimizer_options;
extern recur_status recur_optimizer_options_init(recur_optimizer_options *options, size_t size,
                                                 int32_t kind);
extern recur_status recur_optimizer_create(recur_context *ctx,
                                           const recur_optimizer_options *options, int64_t count,
                                           recur_optimizer **out);
extern void recur_optimizer_release(recur_optimizer *optimizer);
extern double recur_optimizer_rate(const recur_optimizer *optimizer);
extern recur_status recur_optimizer_set_rate(recur_optimizer *optimizer, double rate);
extern recur_status recur_optimizer_set_options(recur_optimizer *optimizer,
                                                const recur_optimizer_options *options);
extern recur_status recur_optimizer_scale_range(recur_optimizer *optimizer, int64_t offset,
                                                int64_t count, double rate_scale,
                                                double decay_scale);
extern recur_status recur_optimizer_step(recur_optimizer *optimizer, float *params,
                                         const float *grads, int64_t count, double grad_scale);
extern double recur_clip_norm(float *grads, int64_t count, double max_norm);
extern double recur_clip_norm_inf(float *grads, int64_t count, double max_norm);
extern recur_status recur_clip_value(float *grads, int64_t count, double limit);
enum {
    RECUR_SCHEDULE_CONSTANT = 0,
    RECUR_SCHEDULE_STEP = 1,
    RECUR_SCHEDULE_EXPONENTIAL = 2,
    RECUR_SCHEDULE_COSINE = 3
};
typedef struct recur_schedule {
    uint32_t size;
    int32_t kind;
    double rate;
    double final_rate;
    double gamma;
    int64_t period;
    int64_t warm_up;
} recur_schedule;
extern recur_status recur_schedule_init(recur_schedule *schedule, size_t size, int32_t kind);
extern double recur_schedule_rate(const recur_schedule *schedule, int64_t step);
enum { RECUR_PLATEAU_MAXIMUM = 1, RECUR_PLATEAU_ABSOLUTE = 2 };
typedef struct recur_plateau {
    uint32_t size;
    uint32_t flags;
    double rate;
    double factor;
    double threshold;
    double min_rate;
    double epsilon;
    int64_t patience;
    int64_t cooldown;
    double best;
    int64_t improvements;
    int64_t bad;
    int64_t cooling;
} recur_plateau;
extern recur_status recur_plateau_init(recur_plateau *plateau, size_t size);
extern recur_status recur_plateau_step(recur_plateau *plateau, double value);
extern recur_status recur_file_open(recur_context *ctx, const char *path, recur_file **out);
extern recur_status recur_file_open_memory(recur_context *ctx, const void *data, size_t bytes,
                                           recur_file **out);
extern void recur_file_release(recur_file *file);
extern recur_status recur_file_write(const recur_file *file, const char *path);
extern recur_status recur_file_write_memory(const recur_file *file, void *data, size_t *bytes);
extern int64_t recur_file_tensor_count(const recur_file *file);
extern recur_status recur_file_tensor_info(const recur_file *file, int64_t index,
                                           recur_tensor *out);
extern recur_status recur_file_find(const recur_file *file, const char *name, recur_tensor *out);
extern recur_status recur_file_read(recur_file *file, const char *name, float *to, int64_t count);
extern recur_status recur_file_add(recur_file *file, const recur_tensor *info, const float *from);
extern int64_t recur_file_metadata_count(const recur_file *file);
extern const char *recur_file_metadata_key(const recur_file *file, int64_t index);
extern const char *recur_file_metadata(const recur_file *file, const char *key);
extern recur_status recur_file_set_metadata(recur_file *file, const char *key, const char *value);
extern recur_status recur_file_put_layer(recur_file *file, const char *prefix,
                                         const recur_layer *layer);
extern recur_status recur_file_get_layer(recur_file *file, const char *prefix, recur_layer *layer);
extern recur_status recur_file_put_optimizer(recur_file *file, const char *prefix,
                                             const recur_optimizer *optimizer);
extern recur_status recur_file_get_optimizer(recur_file *file, const char *prefix,
                                             recur_optimizer *optimizer);
extern recur_status recur_file_put_state(recur_file *file, const char *prefix,
                                         const recur_state *state);
extern recur_status recur_file_get_state(recur_file *file, const char *prefix, recur_state *state);
extern recur_status recur_file_all_used(const recur_file *file);
typedef struct recur_model_sample {
    uint32_t size;
    uint32_t flags;
    double tolerance;
    const recur_packed *packed;
    const float *x;
    const int32_t *ids;
    const float *y;
} recur_model_sample;
extern recur_status recur_model_sample_init(recur_model_sample *sample, size_t size);
extern recur_status recur_model_save(const recur_layer *layer, const char *path,
                                     const recur_model_sample *sample);
extern recur_status recur_model_open(recur_context *ctx, const char *path, recur_layer **out);
extern recur_status recur_model_open_memory(recur_context *ctx, const void *data, size_t bytes,
                                            recur_layer **out);
extern recur_status recur_file_put_model(recur_file *file, const char *prefix,
                                         const recur_layer *layer,
                                         const recur_model_sample *sample);
extern recur_status recur_file_get_model(recur_file *file, const char *prefix, recur_layer **out);

#endif
