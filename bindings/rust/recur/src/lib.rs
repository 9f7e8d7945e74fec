//! Recurrent neural networks on a CPU: librecur, with safe names.
//!
//! A thin face on the C library: every type owns a handle and gives it back, every slice is checked
//! against the shapes that C would trust, and every failure is an [`Error`] with C's sentence. What
//! is not here is in [`sys`], whose functions are those of the headers.
//!
//! ```
//! use recur::{Cell, Layer, Packed};
//! let gru = Layer::recurrent(Cell::Gru, 3, 8, 1)?;
//! let packed = Packed::new(&[2, 1])?;
//! let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
//! let y = gru.forward(&packed, &x)?;
//! assert_eq!(y.len(), 3 * 8);
//! # Ok::<(), recur::Error>(())
//! ```

pub use recur_sys as sys;

use std::ffi::{CStr, CString};
use std::fmt;
use std::mem::size_of;
use std::ptr::{self, NonNull};

// ---- errors -----------------------------------------------------------------------------------

/// A failure: the code of C (`sys::RECUR_E_...`), and its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub code: i32,
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;

fn check(status: i32) -> Result<()> {
    if status == sys::RECUR_OK {
        return Ok(());
    }
    // SAFETY: the sentence of this thread's last failure, which ends with 0.
    let message = unsafe { CStr::from_ptr(sys::recur_last_error()) };
    Err(Error {
        code: status,
        message: message.to_string_lossy().into_owned(),
    })
}

fn wrong<T>(message: String) -> Result<T> {
    Err(Error {
        code: sys::RECUR_E_SHAPE,
        message,
    })
}

fn of_length(what: &str, got: usize, want: usize) -> Result<()> {
    if got == want {
        return Ok(());
    }
    wrong(format!("{what} has {got} numbers; it must have {want}"))
}

fn text(value: &str) -> Result<CString> {
    CString::new(value).map_err(|_| Error {
        code: sys::RECUR_E_ARGUMENT,
        message: format!("{value:?} has a zero byte in it"),
    })
}

/// What a function of C that creates something has put out.
fn created<T>(make: impl FnOnce(*mut *mut T) -> i32) -> Result<NonNull<T>> {
    let mut out = ptr::null_mut();
    check(make(&mut out))?;
    Ok(NonNull::new(out).expect("C said that it had made one"))
}

// ---- layers -----------------------------------------------------------------------------------

/// The kinds of recurrence that need no options of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    RnnTanh,
    RnnRelu,
    Lstm,
    Gru,
}

impl Cell {
    fn code(self) -> i32 {
        match self {
            Cell::RnnTanh => sys::RECUR_CELL_RNN_TANH,
            Cell::RnnRelu => sys::RECUR_CELL_RNN_RELU,
            Cell::Lstm => sys::RECUR_CELL_LSTM,
            Cell::Gru => sys::RECUR_CELL_GRU,
        }
    }
}

/// A network or a part of one. Passes do not change it, so threads may share it; what changes its
/// parameters wants `&mut`.
#[derive(Debug)]
pub struct Layer(NonNull<sys::recur_layer>);

// SAFETY: a layer is const in every pass, and its count of references is atomic (docs/threads.md).
unsafe impl Send for Layer {}
unsafe impl Sync for Layer {}

impl Drop for Layer {
    fn drop(&mut self) {
        // SAFETY: it is ours, and nobody uses it after this.
        unsafe { sys::recur_layer_release(self.0.as_ptr()) }
    }
}

impl Layer {
    /// `num_layers` recurrent layers, one above the other.
    pub fn recurrent(cell: Cell, inputs: i64, hidden: i64, num_layers: i64) -> Result<Layer> {
        // SAFETY: all members may be zero: that asks for the default.
        let mut options: sys::recur_recurrent_options = unsafe { std::mem::zeroed() };
        options.size = size_of::<sys::recur_recurrent_options>() as u32;
        options.cell = cell.code();
        options.input_size = inputs;
        options.hidden_size = hidden;
        options.num_layers = num_layers;
        // SAFETY: options lives through the call; NULL is the default context.
        created(|out| unsafe { sys::recur_recurrent_create(ptr::null_mut(), &options, out) })
            .map(Layer)
    }

    pub fn linear(inputs: i64, outputs: i64) -> Result<Layer> {
        created(|out| unsafe { sys::recur_linear_create(ptr::null_mut(), inputs, outputs, 0, out) })
            .map(Layer)
    }

    pub fn embedding(symbols: i64, width: i64) -> Result<Layer> {
        created(|out| unsafe {
            sys::recur_embedding_create(ptr::null_mut(), symbols, width, 0, out)
        })
        .map(Layer)
    }

    /// One row per sequence: the output of its last step.
    pub fn last(features: i64) -> Result<Layer> {
        created(|out| unsafe {
            let forward = sys::RECUR_DIRECTION_FORWARD;
            sys::recur_last_create(ptr::null_mut(), features, forward, out)
        })
        .map(Layer)
    }

    /// A chain: each part takes what the one before gives. The names begin those of the parameters.
    pub fn sequential(parts: Vec<(&str, Layer)>) -> Result<Layer> {
        let names = parts
            .iter()
            .map(|(name, _)| text(name))
            .collect::<Result<Vec<_>>>()?;
        let pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let layers: Vec<_> = parts.iter().map(|(_, layer)| layer.0.as_ptr()).collect();
        // SAFETY: both arrays have as many members, and C keeps the parts that it takes alive.
        created(|out| unsafe {
            sys::recur_compose_create(
                ptr::null_mut(),
                sys::RECUR_COMPOSE_SEQUENTIAL,
                layers.len() as i64,
                pointers.as_ptr(),
                layers.as_ptr() as *const _,
                out,
            )
        })
        .map(Layer)
    }

    /// The network of a model file.
    pub fn open(path: &str) -> Result<Layer> {
        let path = text(path)?;
        created(|out| unsafe { sys::recur_model_open(ptr::null_mut(), path.as_ptr(), out) })
            .map(Layer)
    }

    /// Writes structure and parameters; a file of that name is replaced at once, or stays.
    pub fn save(&self, path: &str) -> Result<()> {
        let path = text(path)?;
        check(unsafe { sys::recur_model_save(self.0.as_ptr(), path.as_ptr(), ptr::null()) })
    }

    /// Draws the parameters anew, as is usual for each kind.
    pub fn init(&mut self, seed: u64) -> Result<()> {
        check(unsafe {
            let scheme = sys::RECUR_INIT_DEFAULT;
            sys::recur_layer_init(self.0.as_ptr(), ptr::null(), scheme, 0.0, seed)
        })
    }

    pub fn params(&self) -> &[f32] {
        // SAFETY: the flat vector lives as long as the layer, and only &mut changes it.
        unsafe {
            let count = sys::recur_layer_param_count(self.0.as_ptr()) as usize;
            std::slice::from_raw_parts(sys::recur_layer_params(self.0.as_ptr()), count)
        }
    }

    pub fn params_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in params, and we are the only ones.
        unsafe {
            let count = sys::recur_layer_param_count(self.0.as_ptr()) as usize;
            std::slice::from_raw_parts_mut(sys::recur_layer_params(self.0.as_ptr()), count)
        }
    }

    /// Features of a row that goes in, and of one that comes out.
    pub fn sizes(&self) -> Result<(usize, usize)> {
        // SAFETY: zeros are a valid info; C fills in no more than `size` bytes.
        let mut info: sys::recur_layer_info = unsafe { std::mem::zeroed() };
        info.size = size_of::<sys::recur_layer_info>() as u32;
        check(unsafe { sys::recur_layer_describe(self.0.as_ptr(), -1, &mut info) })?;
        Ok((info.input_size as usize, info.output_size as usize))
    }

    fn outputs(&self, packed: &Packed) -> Result<usize> {
        let rows = unsafe { sys::recur_layer_rows(self.0.as_ptr(), packed.0.as_ptr()) };
        Ok(rows as usize * self.sizes()?.1)
    }

    /// y of packed rows x, without a record.
    pub fn forward(&self, packed: &Packed, x: &[f32]) -> Result<Vec<f32>> {
        self.pass(packed, Input::Rows(x), None)
    }

    /// y of symbols, for a layer that begins with an embedding or takes ids.
    pub fn forward_ids(&self, packed: &Packed, ids: &[i32]) -> Result<Vec<f32>> {
        self.pass(packed, Input::Ids(ids), None)
    }

    /// As `forward` or `forward_ids`, and recorded for `backward`.
    pub fn record(&self, packed: &Packed, input: Input, tape: &mut Tape) -> Result<Vec<f32>> {
        self.pass(packed, input, Some(tape))
    }

    fn check_input(&self, packed: &Packed, input: Input) -> Result<()> {
        match input {
            Input::Rows(x) => of_length("x", x.len(), packed.rows() * self.sizes()?.0),
            Input::Ids(ids) => of_length("ids", ids.len(), packed.rows()),
        }
    }

    fn pass(&self, packed: &Packed, input: Input, tape: Option<&mut Tape>) -> Result<Vec<f32>> {
        self.check_input(packed, input)?;
        let mut y = vec![0.0; self.outputs(packed)?];
        let tape = tape.map_or(ptr::null_mut(), |tape| tape.0.as_ptr());
        let (layer, packed) = (self.0.as_ptr(), packed.0.as_ptr());
        // SAFETY: the lengths of input and y are those that C reads and writes.
        check(unsafe {
            match input {
                Input::Rows(x) => {
                    let x = x.as_ptr();
                    sys::recur_layer_forward(
                        layer,
                        packed,
                        x,
                        ptr::null_mut(),
                        y.as_mut_ptr(),
                        tape,
                    )
                }
                Input::Ids(ids) => {
                    let ids = ids.as_ptr();
                    let y = y.as_mut_ptr();
                    sys::recur_layer_forward_ids(layer, packed, ids, ptr::null_mut(), y, tape)
                }
            }
        })?;
        Ok(y)
    }

    /// Adds the gradients of the parameters to grads, for the newest record of the tape.
    pub fn backward(
        &self,
        packed: &Packed,
        input: Input,
        dy: &[f32],
        grads: &mut [f32],
        tape: &mut Tape,
    ) -> Result<()> {
        self.check_input(packed, input)?;
        of_length("dy", dy.len(), self.outputs(packed)?)?;
        of_length("grads", grads.len(), self.params().len())?;
        let (layer, packed, tape) = (self.0.as_ptr(), packed.0.as_ptr(), tape.0.as_ptr());
        let (dy, grads) = (dy.as_ptr(), grads.as_mut_ptr());
        let none = ptr::null_mut();
        // SAFETY: as in pass.
        check(unsafe {
            match input {
                Input::Rows(x) => {
                    let x = x.as_ptr();
                    sys::recur_layer_backward(
                        layer,
                        packed,
                        x,
                        dy,
                        none,
                        ptr::null_mut(),
                        grads,
                        tape,
                    )
                }
                Input::Ids(ids) => {
                    let ids = ids.as_ptr();
                    sys::recur_layer_backward_ids(layer, packed, ids, dy, none, grads, tape)
                }
            }
        })
    }
}

/// What goes into a pass.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    Rows(&'a [f32]),
    Ids(&'a [i32]),
}

// ---- batches, states, tapes ---------------------------------------------------------------------

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $handle:ident, $release:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(NonNull<sys::$handle>);

        // SAFETY: one thread at a time uses it, and `&mut` sees to that.
        unsafe impl Send for $name {}

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: it is ours, and nobody uses it after this.
                unsafe { sys::$release(self.0.as_ptr()) }
            }
        }
    };
}

handle!(
    /// The layout of a batch: rows of sequences of different lengths, in the order of time.
    Packed, recur_packed, recur_packed_release);
handle!(
    /// The hidden state of streams, which steps change.
    State, recur_state, recur_state_release);
handle!(
    /// What a recorded pass leaves for its backward.
    Tape, recur_tape, recur_tape_release);
handle!(Loss, recur_loss, recur_loss_release);
handle!(Optimizer, recur_optimizer, recur_optimizer_release);

impl Packed {
    pub fn new(lengths: &[i64]) -> Result<Packed> {
        let count = lengths.len() as i64;
        // SAFETY: lengths has so many members.
        created(|out| unsafe {
            sys::recur_packed_create(ptr::null_mut(), count, lengths.as_ptr(), 0, out)
        })
        .map(Packed)
    }

    /// Rows of all sequences together.
    pub fn rows(&self) -> usize {
        unsafe { sys::recur_packed_rows(self.0.as_ptr()) as usize }
    }

    /// Where step t of a sequence lies.
    pub fn row(&self, sequence: i64, t: i64) -> usize {
        unsafe { sys::recur_packed_row(self.0.as_ptr(), sequence, t) as usize }
    }
}

impl State {
    /// Of so many streams, at their beginning.
    pub fn new(layer: &Layer, streams: i64) -> Result<State> {
        created(|out| unsafe { sys::recur_state_create(layer.0.as_ptr(), streams, out) }).map(State)
    }

    /// One step of all streams: x and y are [streams][features]. It allocates nothing.
    pub fn step(&mut self, layer: &Layer, x: &[f32], y: &mut [f32]) -> Result<()> {
        let (inputs, outputs) = layer.sizes()?;
        let streams = unsafe { sys::recur_state_batch(self.0.as_ptr()) as usize };
        of_length("x", x.len(), streams * inputs)?;
        of_length("y", y.len(), streams * outputs)?;
        // SAFETY: the lengths are those that C reads and writes; it checks that state fits layer.
        check(unsafe {
            let (layer, state) = (layer.0.as_ptr(), self.0.as_ptr());
            sys::recur_layer_step(layer, x.as_ptr(), state, y.as_mut_ptr(), ptr::null_mut())
        })
    }
}

impl Tape {
    pub fn new() -> Result<Tape> {
        created(|out| unsafe { sys::recur_tape_create(ptr::null_mut(), out) }).map(Tape)
    }
}

// ---- learning -----------------------------------------------------------------------------------

impl Loss {
    pub fn cross_entropy() -> Result<Loss> {
        // SAFETY: zeros ask for the defaults.
        let mut options: sys::recur_loss_options = unsafe { std::mem::zeroed() };
        options.size = size_of::<sys::recur_loss_options>() as u32;
        options.kind = sys::RECUR_LOSS_CROSS_ENTROPY;
        created(|out| unsafe { sys::recur_loss_create(ptr::null_mut(), &options, out) }).map(Loss)
    }

    /// The loss of rows y [labels][classes], and its gradient.
    pub fn classes(&mut self, y: &[f32], labels: &[i32]) -> Result<(f64, Vec<f32>)> {
        if labels.is_empty() || y.len() % labels.len() != 0 {
            return wrong(format!(
                "y has {} numbers for {} labels",
                y.len(),
                labels.len()
            ));
        }
        let (rows, classes) = (labels.len() as i64, (y.len() / labels.len()) as i64);
        let (mut value, mut dy) = (0.0, vec![0.0; y.len()]);
        // SAFETY: y and dy are [rows][classes], labels is [rows].
        check(unsafe {
            let (loss, labels, dy) = (self.0.as_ptr(), labels.as_ptr(), dy.as_mut_ptr());
            sys::recur_loss_classes(loss, rows, classes, y.as_ptr(), labels, &mut value, dy)
        })?;
        Ok((value, dy))
    }
}

impl Optimizer {
    pub fn adam(rate: f64, count: usize) -> Result<Optimizer> {
        // SAFETY: zeros ask for the defaults.
        let mut options: sys::recur_optimizer_options = unsafe { std::mem::zeroed() };
        options.size = size_of::<sys::recur_optimizer_options>() as u32;
        options.kind = sys::RECUR_OPTIMIZER_ADAM;
        options.rate = rate;
        created(|out| unsafe {
            sys::recur_optimizer_create(ptr::null_mut(), &options, count as i64, out)
        })
        .map(Optimizer)
    }

    pub fn step(&mut self, params: &mut [f32], grads: &[f32]) -> Result<()> {
        of_length("grads", grads.len(), params.len())?;
        // SAFETY: C checks that this is the optimizer's number of parameters.
        check(unsafe {
            let count = params.len() as i64;
            let (params, grads) = (params.as_mut_ptr(), grads.as_ptr());
            sys::recur_optimizer_step(self.0.as_ptr(), params, grads, count, 1.0)
        })
    }
}

/// Scales grads so that their norm is at most `most`; the norm before.
pub fn clip_norm(grads: &mut [f32], most: f64) -> f64 {
    unsafe { sys::recur_clip_norm(grads.as_mut_ptr(), grads.len() as i64, most) }
}
