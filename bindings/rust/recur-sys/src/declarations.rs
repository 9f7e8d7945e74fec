// Written by tools/declarations.py from the headers, not by hand.

pub type recur_status = i32;
pub type recur_trace_function =
    Option<unsafe extern "C" fn(*const recur_trace, *mut core::ffi::c_void)>;
pub type recur_exchange_function =
    Option<unsafe extern "C" fn(*mut core::ffi::c_void, i32, i64, *const f32, i64, *mut f32) -> recur_status>;

pub const RECUR_SIZE_EXACT: i32 = 1073741824;
pub const RECUR_OK: i32 = 0;
pub const RECUR_E_ARGUMENT: i32 = -1;
pub const RECUR_E_SHAPE: i32 = -2;
pub const RECUR_E_MEMORY: i32 = -3;
pub const RECUR_E_ORDER: i32 = -4;
pub const RECUR_E_UNSUPPORTED: i32 = -5;
pub const RECUR_E_FORMAT: i32 = -6;
pub const RECUR_E_IO: i32 = -7;
pub const RECUR_E_NUMERIC: i32 = -8;
pub const RECUR_E_MISSING: i32 = -9;
pub const RECUR_E_NOT_FOUND: i32 = -10;
pub const RECUR_ISA_AUTO: i32 = 0;
pub const RECUR_ISA_REF: i32 = 1;
pub const RECUR_ISA_SSE2: i32 = 2;
pub const RECUR_ISA_AVX2: i32 = 3;
pub const RECUR_ISA_AVX512: i32 = 4;
pub const RECUR_ISA_NEON: i32 = 5;
pub const RECUR_ISA_VEC4: i32 = 6;
pub const RECUR_ISA_AVX2_EXACT: i32 = 7;
pub const RECUR_CONTEXT_CHECK: i32 = 1;
pub const RECUR_CONTEXT_REPRODUCIBLE: i32 = 2;
pub const RECUR_CONTEXT_EXACT: i32 = 4;
pub const RECUR_LAYOUT_BATCH_FIRST: i32 = 0;
pub const RECUR_LAYOUT_TIME_FIRST: i32 = 1;
pub const RECUR_LAYOUT_JOINED: i32 = 2;
pub const RECUR_CELL_RNN_TANH: i32 = 1;
pub const RECUR_CELL_RNN_RELU: i32 = 2;
pub const RECUR_CELL_LSTM: i32 = 3;
pub const RECUR_CELL_GRU: i32 = 4;
pub const RECUR_CELL_GRU_RESET_BEFORE: i32 = 5;
pub const RECUR_CELL_LSTM_PEEPHOLE: i32 = 6;
pub const RECUR_CELL_LSTM_COUPLED: i32 = 7;
pub const RECUR_CELL_RNN_NORM: i32 = 8;
pub const RECUR_CELL_LSTM_NORM: i32 = 9;
pub const RECUR_CELL_GRU_NORM: i32 = 10;
pub const RECUR_CELL_CLOCKWORK: i32 = 11;
pub const RECUR_CELL_INDRNN: i32 = 12;
pub const RECUR_CELL_MINGRU: i32 = 13;
pub const RECUR_CELL_MINLSTM: i32 = 14;
pub const RECUR_CELL_QRNN: i32 = 15;
pub const RECUR_CELL_SRU: i32 = 16;
pub const RECUR_DIRECTION_FORWARD: i32 = 0;
pub const RECUR_DIRECTION_REVERSE: i32 = 1;
pub const RECUR_DIRECTION_BIDIRECTIONAL: i32 = 2;
pub const RECUR_MOST_MODULES: i32 = 16;
pub const RECUR_CONV_TIME: i32 = 1;
pub const RECUR_CONV_ROW: i32 = 2;
pub const RECUR_PADDING_ZEROS: i32 = 0;
pub const RECUR_PADDING_REFLECT: i32 = 1;
pub const RECUR_LAYER_NO_BIAS: i32 = 1;
pub const RECUR_LAYER_CELL_NAMES: i32 = 2;
pub const RECUR_LAYER_UPDATE_NEW: i32 = 4;
pub const RECUR_LAYER_LEARN_INITIAL_STATE: i32 = 8;
pub const RECUR_LAYER_OUTPUT_CELL: i32 = 16;
pub const RECUR_ACTIVATION_TANH: i32 = 1;
pub const RECUR_ACTIVATION_SIGMOID: i32 = 2;
pub const RECUR_ACTIVATION_RELU: i32 = 3;
pub const RECUR_ACTIVATION_HARD_SIGMOID: i32 = 4;
pub const RECUR_ACTIVATION_SOFTSIGN: i32 = 5;
pub const RECUR_ACTIVATION_IDENTITY: i32 = 6;
pub const RECUR_ACTIVATION_SILU: i32 = 7;
pub const RECUR_ACTIVATION_ELU: i32 = 8;
pub const RECUR_ACTIVATION_GELU: i32 = 9;
pub const RECUR_ACTIVATION_POSITIVE: i32 = 10;
pub const RECUR_MERGE_SUM: i32 = 1;
pub const RECUR_MERGE_MEAN: i32 = 2;
pub const RECUR_MERGE_MULTIPLY: i32 = 3;
pub const RECUR_MERGE_GATE: i32 = 4;
pub const RECUR_MERGE_MAGNITUDE: i32 = 5;
pub const RECUR_COMPOSE_SEQUENTIAL: i32 = 1;
pub const RECUR_COMPOSE_GROUP: i32 = 2;
pub const RECUR_COMPOSE_RESIDUAL: i32 = 3;
pub const RECUR_COMPOSE_GRAPH: i32 = 4;
pub const RECUR_PRECISION_FLOAT32: i32 = 0;
pub const RECUR_PRECISION_BFLOAT16: i32 = 1;
pub const RECUR_PRECISION_INT8: i32 = 2;
pub const RECUR_KIND_RECURRENT: i32 = 1;
pub const RECUR_KIND_LINEAR: i32 = 2;
pub const RECUR_KIND_EMBEDDING: i32 = 3;
pub const RECUR_KIND_LAST: i32 = 4;
pub const RECUR_KIND_DROPOUT: i32 = 5;
pub const RECUR_KIND_ACTIVATION: i32 = 6;
pub const RECUR_KIND_COMPOSE: i32 = 7;
pub const RECUR_KIND_NORM: i32 = 8;
pub const RECUR_KIND_MERGE: i32 = 9;
pub const RECUR_KIND_SOFTMAX: i32 = 10;
pub const RECUR_KIND_AFFINE: i32 = 11;
pub const RECUR_KIND_PRELU: i32 = 12;
pub const RECUR_KIND_CONV: i32 = 13;
pub const RECUR_NORM_LAYER: i32 = 0;
pub const RECUR_NORM_RMS: i32 = 1;
pub const RECUR_NORM_GROUP: i32 = 2;
pub const RECUR_CAN_TAKE_ROWS: i32 = 1;
pub const RECUR_CAN_TAKE_IDS: i32 = 2;
pub const RECUR_CAN_STEP: i32 = 4;
pub const RECUR_CAN_RECORD: i32 = 8;
pub const RECUR_CAN_REDUCE_TIME: i32 = 16;
pub const RECUR_INIT_DEFAULT: i32 = 0;
pub const RECUR_INIT_CONSTANT: i32 = 1;
pub const RECUR_INIT_UNIFORM: i32 = 2;
pub const RECUR_INIT_NORMAL: i32 = 3;
pub const RECUR_INIT_XAVIER: i32 = 4;
pub const RECUR_INIT_ORTHOGONAL: i32 = 5;
pub const RECUR_INIT_IDENTITY: i32 = 6;
pub const RECUR_INIT_FORGET_BIAS: i32 = 7;
pub const RECUR_TAPE_TRAIN: i32 = 0;
pub const RECUR_TAPE_EVALUATE: i32 = 1;
pub const RECUR_TAPE_RECORD_NO_DROPOUT: i32 = 2;
pub const RECUR_TRACE_FORWARD: i32 = 1;
pub const RECUR_TRACE_BACKWARD: i32 = 2;
pub const RECUR_MEMORY_ROWS: i32 = 1;
pub const RECUR_MEMORY_IDS: i32 = 2;
pub const RECUR_MEMORY_NO_DROPOUT: i32 = 4;
pub const RECUR_MEMORY_TRACE: i32 = 8;
pub const RECUR_MEMORY_BFLOAT16: i32 = 16;
pub const RECUR_MEMORY_INT8: i32 = 32;
pub const RECUR_LOSS_CROSS_ENTROPY: i32 = 1;
pub const RECUR_LOSS_NLL: i32 = 2;
pub const RECUR_LOSS_CTC: i32 = 3;
pub const RECUR_LOSS_SAMPLED_SOFTMAX: i32 = 4;
pub const RECUR_LOSS_NEGATIVE_SAMPLING: i32 = 5;
pub const RECUR_LOSS_MSE: i32 = 16;
pub const RECUR_LOSS_L1: i32 = 17;
pub const RECUR_LOSS_HUBER: i32 = 18;
pub const RECUR_LOSS_BCE_LOGITS: i32 = 19;
pub const RECUR_LOSS_SUM: i32 = 1;
pub const RECUR_LOSS_IGNORE_INDEX: i32 = 2;
pub const RECUR_LOSS_ZERO_INFINITY: i32 = 4;
pub const RECUR_OPTIMIZER_SGD: i32 = 1;
pub const RECUR_OPTIMIZER_ADAM: i32 = 2;
pub const RECUR_OPTIMIZER_ADAMW: i32 = 3;
pub const RECUR_OPTIMIZER_RMSPROP: i32 = 4;
pub const RECUR_OPTIMIZER_ADAGRAD: i32 = 5;
pub const RECUR_OPTIMIZER_ADADELTA: i32 = 6;
pub const RECUR_OPTIMIZER_RADAM: i32 = 7;
pub const RECUR_OPTIMIZER_NADAM: i32 = 8;
pub const RECUR_OPTIMIZER_NESTEROV: i32 = 1;
pub const RECUR_OPTIMIZER_AMSGRAD: i32 = 2;
pub const RECUR_OPTIMIZER_CENTRED: i32 = 4;
pub const RECUR_OPTIMIZER_DECOUPLED: i32 = 16;
pub const RECUR_SCHEDULE_CONSTANT: i32 = 0;
pub const RECUR_SCHEDULE_STEP: i32 = 1;
pub const RECUR_SCHEDULE_EXPONENTIAL: i32 = 2;
pub const RECUR_SCHEDULE_COSINE: i32 = 3;
pub const RECUR_PLATEAU_MAXIMUM: i32 = 1;
pub const RECUR_PLATEAU_ABSOLUTE: i32 = 2;
pub const RECUR_COMPILE_OWN_MATH: i32 = 1;
pub const RECUR_COMPILE_ARENA: i32 = 2;
pub const RECUR_COMPILE_IDS: i32 = 4;
pub const RECUR_COMPILE_LIBRARY_MATH: i32 = 8;
pub const RECUR_COMPILE_EXACT: i32 = 16;
pub const RECUR_COMPILE_SOURCE: i32 = 1;
pub const RECUR_COMPILE_HEADER: i32 = 2;

#[repr(C)]
pub struct recur_cell {
    _private: [u8; 0],
}

#[repr(C)]
pub struct recur_context {
    _private: [u8; 0],
}

#[repr(C)]
pub struct recur_file {
    _private: [u8; 0],
}

#[repr(C)]
pub struct recur_layer {
    _private: [u8; 0],
}

#[repr(C)]
pub struct recur_loss {
    _private: [u8; 0],
}

#[repr(C)]
pub struct recur_optimizer {
    _private: [u8; 0],
}

#[repr(C)]
pub struct recur_packed {
    _private: [u8; 0],
}

#[repr(C)]
pub struct recur_shards {
    _private: [u8; 0],
}

#[repr(C)]
pub struct recur_state {
    _private: [u8; 0],
}

#[repr(C)]
pub struct recur_tape {
    _private: [u8; 0],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_tensor {
    pub size: u32,
    pub rank: i32,
    pub dim: [i64; 4],
    pub offset: i64,
    pub count: i64,
    pub name: *const core::ffi::c_char,
    pub r#type: *const core::ffi::c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_allocator {
    pub alloc: Option<unsafe extern "C" fn(*mut core::ffi::c_void, usize, usize) -> *mut core::ffi::c_void>,
    pub free: Option<unsafe extern "C" fn(*mut core::ffi::c_void, *mut core::ffi::c_void, usize)>,
    pub user: *mut core::ffi::c_void,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_context_options {
    pub size: u32,
    pub isa: i32,
    pub threads: i32,
    pub flags: u32,
    pub allocator: *const recur_allocator,
    pub reserved: *const core::ffi::c_void,
    pub cache_bytes: i64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_sample_options {
    pub size: u32,
    pub top_k: i32,
    pub top_p: f64,
    pub temperature: f64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_clockwork_options {
    pub size: u32,
    pub modules: i32,
    pub periods: [i32; 16],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_recurrent_options {
    pub size: u32,
    pub cell: i32,
    pub input_size: i64,
    pub hidden_size: i64,
    pub num_layers: i64,
    pub projection_size: i64,
    pub direction: i32,
    pub flags: u32,
    pub dropout: f64,
    pub recurrent_dropout: f64,
    pub zoneout_hidden: f64,
    pub zoneout_cell: f64,
    pub cell_clip: f64,
    pub preactivation_clip: f64,
    pub gate_activation: i32,
    pub activation: i32,
    pub output_activation: i32,
    pub reserved: i32,
    pub clockwork: *const recur_clockwork_options,
    pub reserved_pointer: *const core::ffi::c_void,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_conv_options {
    pub size: u32,
    pub axis: i32,
    pub flags: u32,
    pub padding: i32,
    pub in_channels: i64,
    pub out_channels: i64,
    pub kernel: i64,
    pub length: i64,
    pub stride: i64,
    pub dilation: i64,
    pub groups: i64,
    pub pad_before: i64,
    pub pad_after: i64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_source {
    pub part: *const core::ffi::c_char,
    pub reserved: *const core::ffi::c_void,
    pub begin: i64,
    pub count: i64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_graph_part {
    pub name: *const core::ffi::c_char,
    pub layer: *const recur_layer,
    pub sources: *const recur_source,
    pub reserved: *const core::ffi::c_void,
    pub source_count: i64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_layer_info {
    pub size: u32,
    pub kind: i32,
    pub input_size: i64,
    pub output_size: i64,
    pub hidden_size: i64,
    pub num_layers: i64,
    pub parts: i64,
    pub offset: i64,
    pub dropout: f64,
    pub variant: i32,
    pub direction: i32,
    pub flags: u32,
    pub capabilities: u32,
    pub name: *const core::ffi::c_char,
    pub r#type: *const core::ffi::c_char,
    pub projection_size: i64,
    pub recurrent_dropout: f64,
    pub zoneout_hidden: f64,
    pub zoneout_cell: f64,
    pub cell_clip: f64,
    pub preactivation_clip: f64,
    pub gate_activation: i32,
    pub activation: i32,
    pub output_activation: i32,
    pub reserved: i32,
    pub epsilon: f64,
    pub clockwork: *const recur_clockwork_options,
    pub conv: *const recur_conv_options,
    pub channels: i64,
    pub groups: i64,
    pub source_count: i64,
    pub reserved_count: i64,
    pub sources: *const recur_source,
    pub reserved_pointer: *const core::ffi::c_void,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_trace {
    pub size: u32,
    pub event: i32,
    pub layer: i32,
    pub reverse: i32,
    pub rows: i64,
    pub steps: i64,
    pub hidden_size: i64,
    pub gates: i64,
    pub h_stride: i64,
    pub part: *const core::ffi::c_char,
    pub gate: *const f32,
    pub c: *const f32,
    pub h: *const f32,
    pub dh: *const f32,
    pub norm: *const f64,
    pub packed: *const recur_packed,
    pub recurrent: *const recur_layer,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_memory {
    pub size: u32,
    pub flags: u32,
    pub layer: i64,
    pub parameters: i64,
    pub snapshot: i64,
    pub state: i64,
    pub layout: i64,
    pub tape: i64,
    pub kept: i64,
    pub record: i64,
    pub training: i64,
    pub inference: i64,
    pub checkpoint: i64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_quantise_options {
    pub size: u32,
    pub precision: i32,
    pub packed: *const recur_packed,
    pub x: *const f32,
    pub ids: *const i32,
    pub reserved: *const core::ffi::c_void,
    pub most_y: f64,
    pub most_state: f64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_quantised {
    pub name: *const core::ffi::c_char,
    pub unused: *const core::ffi::c_void,
    pub weight_error: f64,
    pub y_error: f64,
    pub state_error: f64,
    pub precision: i32,
    pub reserved: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_quantise_report {
    pub size: u32,
    pub count: i32,
    pub matrix: *mut recur_quantised,
    pub reserved: *const core::ffi::c_void,
    pub y_error: f64,
    pub state_error: f64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_loss_options {
    pub size: u32,
    pub kind: i32,
    pub flags: u32,
    pub ignore_index: i32,
    pub smoothing: f64,
    pub delta: f64,
    pub classes: i64,
    pub class_weight: *const f32,
    pub positive_weight: *const f32,
    pub blank: i32,
    pub reserved: i32,
    pub samples: i64,
    pub power: f64,
    pub counts: *const f32,
    pub reserved_pointer: *const core::ffi::c_void,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_optimizer_options {
    pub size: u32,
    pub kind: i32,
    pub rate: f64,
    pub momentum: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    pub weight_decay: f64,
    pub flags: u64,
    pub dampening: f64,
    pub rate_decay: f64,
    pub accumulator: f64,
    pub momentum_decay: f64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_schedule {
    pub size: u32,
    pub kind: i32,
    pub rate: f64,
    pub final_rate: f64,
    pub gamma: f64,
    pub period: i64,
    pub warm_up: i64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_plateau {
    pub size: u32,
    pub flags: u32,
    pub rate: f64,
    pub factor: f64,
    pub threshold: f64,
    pub min_rate: f64,
    pub epsilon: f64,
    pub patience: i64,
    pub cooldown: i64,
    pub best: f64,
    pub improvements: i64,
    pub bad: i64,
    pub cooling: i64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_shards_options {
    pub size: u32,
    pub shards: i32,
    pub rank: i32,
    pub ranks: i32,
    pub count: i64,
    pub numbers: i64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_model_sample {
    pub size: u32,
    pub flags: u32,
    pub tolerance: f64,
    pub packed: *const recur_packed,
    pub x: *const f32,
    pub ids: *const i32,
    pub y: *const f32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct recur_compile_options {
    pub size: u32,
    pub flags: u32,
    pub precision: i32,
    pub reserved: i32,
    pub name: *const core::ffi::c_char,
    pub sample: *const recur_model_sample,
    pub reserved_pointer: *const core::ffi::c_void,
}

extern "C" {
    pub fn recur_activation_create(ctx: *mut recur_context, features: i64, function: i32, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_affine_create(ctx: *mut recur_context, channels: i64, length: i64, flags: u32, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_cell_create(ctx: *mut recur_context, options: *const recur_recurrent_options, out: *mut *mut recur_cell) -> recur_status;
    pub fn recur_cell_from_layer(layer: *mut recur_layer, out: *mut *mut recur_cell) -> recur_status;
    pub fn recur_cell_layer(cell: *const recur_cell) -> *mut recur_layer;
    pub fn recur_cell_release(cell: *mut recur_cell);
    pub fn recur_cell_step(cell: *const recur_cell, x: *const f32, state: *mut recur_state, y: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_cell_step_backward(cell: *const recur_cell, x: *const f32, dy: *const f32, dstate: *mut recur_state, dx: *mut f32, dparams: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_cell_step_backward_ids(cell: *const recur_cell, ids: *const i32, dy: *const f32, dstate: *mut recur_state, dparams: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_cell_step_ids(cell: *const recur_cell, ids: *const i32, state: *mut recur_state, y: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_clip_norm(grads: *mut f32, count: i64, max_norm: f64) -> f64;
    pub fn recur_clip_norm_inf(grads: *mut f32, count: i64, max_norm: f64) -> f64;
    pub fn recur_clip_value(grads: *mut f32, count: i64, limit: f64) -> recur_status;
    pub fn recur_compile_c(layer: *const recur_layer, options: *const recur_compile_options, path: *const core::ffi::c_char) -> recur_status;
    pub fn recur_compile_c_memory(layer: *const recur_layer, options: *const recur_compile_options, file: i32, text: *mut core::ffi::c_char, bytes: *mut usize) -> recur_status;
    pub fn recur_compose_create(ctx: *mut recur_context, kind: i32, count: i64, names: *const *const core::ffi::c_char, parts: *const *mut recur_layer, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_context_create(options: *const recur_context_options, out: *mut *mut recur_context) -> recur_status;
    pub fn recur_context_isa(ctx: *const recur_context) -> *const core::ffi::c_char;
    pub fn recur_context_options_init(options: *mut recur_context_options, size: usize) -> recur_status;
    pub fn recur_context_release(ctx: *mut recur_context);
    pub fn recur_context_retain(ctx: *mut recur_context) -> *mut recur_context;
    pub fn recur_conv_create(ctx: *mut recur_context, options: *const recur_conv_options, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_ctc_decode(loss: *const recur_loss, packed: *const recur_packed, classes: i64, y: *const f32, width: i64, labels: *mut i32, label_lengths: *mut i64, scores: *mut f64, tape: *mut recur_tape) -> recur_status;
    pub fn recur_ctc_loss(loss: *const recur_loss, packed: *const recur_packed, classes: i64, y: *const f32, labels: *const i32, label_lengths: *const i64, value: *mut f64, dy: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_dropout_create(ctx: *mut recur_context, features: i64, probability: f64, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_embedding_create(ctx: *mut recur_context, symbols: i64, width: i64, flags: u32, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_fail(status: recur_status, sentence: *const core::ffi::c_char) -> recur_status;
    pub fn recur_file_add(file: *mut recur_file, info: *const recur_tensor, from: *const f32) -> recur_status;
    pub fn recur_file_all_used(file: *const recur_file) -> recur_status;
    pub fn recur_file_find(file: *const recur_file, name: *const core::ffi::c_char, out: *mut recur_tensor) -> recur_status;
    pub fn recur_file_get_layer(file: *mut recur_file, prefix: *const core::ffi::c_char, layer: *mut recur_layer) -> recur_status;
    pub fn recur_file_get_model(file: *mut recur_file, prefix: *const core::ffi::c_char, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_file_get_optimizer(file: *mut recur_file, prefix: *const core::ffi::c_char, optimizer: *mut recur_optimizer) -> recur_status;
    pub fn recur_file_get_state(file: *mut recur_file, prefix: *const core::ffi::c_char, state: *mut recur_state) -> recur_status;
    pub fn recur_file_metadata(file: *const recur_file, key: *const core::ffi::c_char) -> *const core::ffi::c_char;
    pub fn recur_file_metadata_count(file: *const recur_file) -> i64;
    pub fn recur_file_metadata_key(file: *const recur_file, index: i64) -> *const core::ffi::c_char;
    pub fn recur_file_open(ctx: *mut recur_context, path: *const core::ffi::c_char, out: *mut *mut recur_file) -> recur_status;
    pub fn recur_file_open_memory(ctx: *mut recur_context, data: *const core::ffi::c_void, bytes: usize, out: *mut *mut recur_file) -> recur_status;
    pub fn recur_file_put_layer(file: *mut recur_file, prefix: *const core::ffi::c_char, layer: *const recur_layer) -> recur_status;
    pub fn recur_file_put_model(file: *mut recur_file, prefix: *const core::ffi::c_char, layer: *const recur_layer, sample: *const recur_model_sample) -> recur_status;
    pub fn recur_file_put_optimizer(file: *mut recur_file, prefix: *const core::ffi::c_char, optimizer: *const recur_optimizer) -> recur_status;
    pub fn recur_file_put_state(file: *mut recur_file, prefix: *const core::ffi::c_char, state: *const recur_state) -> recur_status;
    pub fn recur_file_read(file: *mut recur_file, name: *const core::ffi::c_char, to: *mut f32, count: i64) -> recur_status;
    pub fn recur_file_release(file: *mut recur_file);
    pub fn recur_file_set_metadata(file: *mut recur_file, key: *const core::ffi::c_char, value: *const core::ffi::c_char) -> recur_status;
    pub fn recur_file_set_type(file: *mut recur_file, r#type: *const core::ffi::c_char) -> recur_status;
    pub fn recur_file_tensor_count(file: *const recur_file) -> i64;
    pub fn recur_file_tensor_info(file: *const recur_file, index: i64, out: *mut recur_tensor) -> recur_status;
    pub fn recur_file_write(file: *const recur_file, path: *const core::ffi::c_char) -> recur_status;
    pub fn recur_file_write_memory(file: *const recur_file, data: *mut core::ffi::c_void, bytes: *mut usize) -> recur_status;
    pub fn recur_graph_create(ctx: *mut recur_context, input_size: i64, count: i64, parts: *const recur_graph_part, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_group_norm_create(ctx: *mut recur_context, channels: i64, length: i64, groups: i64, epsilon: f64, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_import_nam(ctx: *mut recur_context, path: *const core::ffi::c_char, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_import_nam_memory(ctx: *mut recur_context, data: *const core::ffi::c_void, bytes: usize, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_import_rtneural(ctx: *mut recur_context, path: *const core::ffi::c_char, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_import_rtneural_memory(ctx: *mut recur_context, data: *const core::ffi::c_void, bytes: usize, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_last_create(ctx: *mut recur_context, features: i64, direction: i32, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_last_error() -> *const core::ffi::c_char;
    pub fn recur_layer_backward(layer: *const recur_layer, packed: *const recur_packed, x: *const f32, dy: *const f32, dstate: *mut recur_state, dx: *mut f32, dparams: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_layer_backward_ids(layer: *const recur_layer, packed: *const recur_packed, ids: *const i32, dy: *const f32, dstate: *mut recur_state, dparams: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_layer_child(layer: *const recur_layer, name: *const core::ffi::c_char, out: *mut *mut recur_layer, offset: *mut i64) -> recur_status;
    pub fn recur_layer_copy(layer: *const recur_layer, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_layer_describe(layer: *const recur_layer, part: i64, out: *mut recur_layer_info) -> recur_status;
    pub fn recur_layer_forward(layer: *const recur_layer, packed: *const recur_packed, x: *const f32, state: *mut recur_state, y: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_layer_forward_ids(layer: *const recur_layer, packed: *const recur_packed, ids: *const i32, state: *mut recur_state, y: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_layer_init(layer: *mut recur_layer, r#match: *const core::ffi::c_char, scheme: i32, value: f64, seed: u64) -> recur_status;
    pub fn recur_layer_memory(layer: *const recur_layer, packed: *const recur_packed, flags: u32, out: *mut recur_memory) -> recur_status;
    pub fn recur_layer_param_count(layer: *const recur_layer) -> i64;
    pub fn recur_layer_params(layer: *mut recur_layer) -> *mut f32;
    pub fn recur_layer_release(layer: *mut recur_layer);
    pub fn recur_layer_retain(layer: *mut recur_layer) -> *mut recur_layer;
    pub fn recur_layer_rows(layer: *const recur_layer, packed: *const recur_packed) -> i64;
    pub fn recur_layer_snapshot(layer: *const recur_layer, precision: i32, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_layer_step(layer: *const recur_layer, x: *const f32, state: *mut recur_state, y: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_layer_step_backward(layer: *const recur_layer, x: *const f32, dy: *const f32, dstate: *mut recur_state, dx: *mut f32, dparams: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_layer_step_backward_ids(layer: *const recur_layer, ids: *const i32, dy: *const f32, dstate: *mut recur_state, dparams: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_layer_step_ids(layer: *const recur_layer, ids: *const i32, state: *mut recur_state, y: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_layer_tensor_count(layer: *const recur_layer) -> i64;
    pub fn recur_layer_tensor_info(layer: *const recur_layer, index: i64, out: *mut recur_tensor) -> recur_status;
    pub fn recur_linear_create(ctx: *mut recur_context, in_features: i64, out_features: i64, flags: u32, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_loss_classes(loss: *const recur_loss, rows: i64, classes: i64, y: *const f32, labels: *const i32, value: *mut f64, dy: *mut f32) -> recur_status;
    pub fn recur_loss_create(ctx: *mut recur_context, options: *const recur_loss_options, out: *mut *mut recur_loss) -> recur_status;
    pub fn recur_loss_options_init(options: *mut recur_loss_options, size: usize, kind: i32) -> recur_status;
    pub fn recur_loss_release(loss: *mut recur_loss);
    pub fn recur_loss_sampled(loss: *const recur_loss, rows: i64, features: i64, h: *const f32, labels: *const i32, params: *const f32, count: i64, seed: u64, counter: u64, value: *mut f64, dh: *mut f32, dparams: *mut f32, tape: *mut recur_tape) -> recur_status;
    pub fn recur_loss_values(loss: *const recur_loss, rows: i64, features: i64, y: *const f32, target: *const f32, value: *mut f64, dy: *mut f32) -> recur_status;
    pub fn recur_merge_create(ctx: *mut recur_context, features: i64, way: i32, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_model_open(ctx: *mut recur_context, path: *const core::ffi::c_char, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_model_open_in_place(ctx: *mut recur_context, data: *const core::ffi::c_void, bytes: usize, precision: i32, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_model_open_memory(ctx: *mut recur_context, data: *const core::ffi::c_void, bytes: usize, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_model_sample_init(sample: *mut recur_model_sample, size: usize) -> recur_status;
    pub fn recur_model_save(layer: *const recur_layer, path: *const core::ffi::c_char, sample: *const recur_model_sample) -> recur_status;
    pub fn recur_norm_create(ctx: *mut recur_context, features: i64, epsilon: f64, flags: u32, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_optimizer_create(ctx: *mut recur_context, options: *const recur_optimizer_options, count: i64, out: *mut *mut recur_optimizer) -> recur_status;
    pub fn recur_optimizer_options_init(options: *mut recur_optimizer_options, size: usize, kind: i32) -> recur_status;
    pub fn recur_optimizer_rate(optimizer: *const recur_optimizer) -> f64;
    pub fn recur_optimizer_release(optimizer: *mut recur_optimizer);
    pub fn recur_optimizer_scale_range(optimizer: *mut recur_optimizer, offset: i64, count: i64, rate_scale: f64, decay_scale: f64) -> recur_status;
    pub fn recur_optimizer_set_options(optimizer: *mut recur_optimizer, options: *const recur_optimizer_options) -> recur_status;
    pub fn recur_optimizer_set_rate(optimizer: *mut recur_optimizer, rate: f64) -> recur_status;
    pub fn recur_optimizer_step(optimizer: *mut recur_optimizer, params: *mut f32, grads: *const f32, count: i64, grad_scale: f64) -> recur_status;
    pub fn recur_packed_batch(packed: *const recur_packed) -> i64;
    pub fn recur_packed_batch_size(packed: *const recur_packed, step: i64) -> i64;
    pub fn recur_packed_create(ctx: *mut recur_context, batch: i64, lengths: *const i64, steps: i64, out: *mut *mut recur_packed) -> recur_status;
    pub fn recur_packed_gather(packed: *const recur_packed, steps: *const i64, row_bytes: usize, rows: *const core::ffi::c_void, to: *mut core::ffi::c_void) -> recur_status;
    pub fn recur_packed_length(packed: *const recur_packed, sequence: i64) -> i64;
    pub fn recur_packed_pack(packed: *const recur_packed, layout: i32, row_bytes: usize, from: *const core::ffi::c_void, rows: *mut core::ffi::c_void) -> recur_status;
    pub fn recur_packed_release(packed: *mut recur_packed);
    pub fn recur_packed_reset(packed: *mut recur_packed, batch: i64, lengths: *const i64, steps: i64) -> recur_status;
    pub fn recur_packed_row(packed: *const recur_packed, sequence: i64, step: i64) -> i64;
    pub fn recur_packed_rows(packed: *const recur_packed) -> i64;
    pub fn recur_packed_steps(packed: *const recur_packed) -> i64;
    pub fn recur_packed_unpack(packed: *const recur_packed, layout: i32, row_bytes: usize, rows: *const core::ffi::c_void, to: *mut core::ffi::c_void) -> recur_status;
    pub fn recur_plateau_init(plateau: *mut recur_plateau, size: usize) -> recur_status;
    pub fn recur_plateau_step(plateau: *mut recur_plateau, value: f64) -> recur_status;
    pub fn recur_prelu_create(ctx: *mut recur_context, channels: i64, length: i64, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_quantise(layer: *const recur_layer, options: *const recur_quantise_options, out: *mut *mut recur_layer, report: *mut recur_quantise_report) -> recur_status;
    pub fn recur_quantise_params(layer: *const recur_layer, precision: i32, from: *const f32, to: *mut f32) -> recur_status;
    pub fn recur_random(seed: u64, counter: u64) -> u64;
    pub fn recur_recurrent_create(ctx: *mut recur_context, options: *const recur_recurrent_options, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_recurrent_options_init(options: *mut recur_recurrent_options, size: usize, cell: i32) -> recur_status;
    pub fn recur_rms_norm_create(ctx: *mut recur_context, features: i64, epsilon: f64, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_sample(options: *const recur_sample_options, rows: i64, classes: i64, logits: *const f32, seed: u64, counter: u64, ids: *mut i32) -> recur_status;
    pub fn recur_sample_options_init(options: *mut recur_sample_options, size: usize) -> recur_status;
    pub fn recur_schedule_init(schedule: *mut recur_schedule, size: usize, kind: i32) -> recur_status;
    pub fn recur_schedule_rate(schedule: *const recur_schedule, step: i64) -> f64;
    pub fn recur_shards_add(shards: *mut recur_shards, numbers: *const f64) -> recur_status;
    pub fn recur_shards_create(ctx: *mut recur_context, options: *const recur_shards_options, exchange: recur_exchange_function, user: *mut core::ffi::c_void, out: *mut *mut recur_shards) -> recur_status;
    pub fn recur_shards_first(shards: *const recur_shards, rank: i32) -> i64;
    pub fn recur_shards_gather(shards: *mut recur_shards, width: i64, values: *mut f32) -> recur_status;
    pub fn recur_shards_gradient(shards: *mut recur_shards) -> *mut f32;
    pub fn recur_shards_release(shards: *mut recur_shards);
    pub fn recur_shards_reset(shards: *mut recur_shards) -> recur_status;
    pub fn recur_shards_sequence(shards: *const recur_shards, sequences: i64, shard: i64) -> i64;
    pub fn recur_shards_sum(shards: *mut recur_shards, grads: *mut f32, numbers: *mut f64) -> recur_status;
    pub fn recur_softmax_create(ctx: *mut recur_context, features: i64, out: *mut *mut recur_layer) -> recur_status;
    pub fn recur_state_batch(state: *const recur_state) -> i64;
    pub fn recur_state_copy(to: *mut recur_state, from: *const recur_state) -> recur_status;
    pub fn recur_state_count(state: *const recur_state) -> i64;
    pub fn recur_state_create(layer: *const recur_layer, batch: i64, out: *mut *mut recur_state) -> recur_status;
    pub fn recur_state_gather(to: *mut recur_state, from: *const recur_state, sequences: *const i64) -> recur_status;
    pub fn recur_state_read(state: *const recur_state, offset: i64, count: i64, to: *mut f32) -> recur_status;
    pub fn recur_state_release(state: *mut recur_state);
    pub fn recur_state_reset(state: *mut recur_state, sequence: i64) -> recur_status;
    pub fn recur_state_tensor_count(state: *const recur_state) -> i64;
    pub fn recur_state_tensor_info(state: *const recur_state, index: i64, out: *mut recur_tensor) -> recur_status;
    pub fn recur_state_write(state: *mut recur_state, offset: i64, count: i64, from: *const f32) -> recur_status;
    pub fn recur_status_name(status: recur_status) -> *const core::ffi::c_char;
    pub fn recur_status_text(status: recur_status) -> *const core::ffi::c_char;
    pub fn recur_tape_add_gradients(tape: *mut recur_tape, layer: *const recur_layer, dparams: *mut f32) -> recur_status;
    pub fn recur_tape_bytes(tape: *const recur_tape) -> usize;
    pub fn recur_tape_checkpoint(tape: *mut recur_tape, steps: i64) -> recur_status;
    pub fn recur_tape_create(ctx: *mut recur_context, out: *mut *mut recur_tape) -> recur_status;
    pub fn recur_tape_defer_gradients(tape: *mut recur_tape, on: i32) -> recur_status;
    pub fn recur_tape_drop(tape: *mut recur_tape, records: i64) -> recur_status;
    pub fn recur_tape_records(tape: *const recur_tape) -> i64;
    pub fn recur_tape_release(tape: *mut recur_tape);
    pub fn recur_tape_reserve(tape: *mut recur_tape, layer: *const recur_layer, packed: *const recur_packed, passes: i64) -> recur_status;
    pub fn recur_tape_reset(tape: *mut recur_tape) -> recur_status;
    pub fn recur_tape_set_mode(tape: *mut recur_tape, mode: i32) -> recur_status;
    pub fn recur_tape_set_seed(tape: *mut recur_tape, seed: u64) -> recur_status;
    pub fn recur_tape_trace(tape: *mut recur_tape, function: recur_trace_function, user: *mut core::ffi::c_void) -> recur_status;
    pub fn recur_version() -> u32;
}
