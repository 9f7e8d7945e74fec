// Package recur trains and runs recurrent neural networks with librecur.
//
// Handles free what they hold in C when they are collected, or when Close is called. A Layer may be
// used by several goroutines at once as long as none changes its parameters; every other handle
// belongs to one goroutine at a time.
package recur

// #include <recur.h>
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Error is what the library refused, and why.
type Error struct {
	Code    int
	Message string
}

func (e *Error) Error() string { return e.Message }

// call runs one function of C. The sentence of a failure belongs to the thread that called, so the
// goroutine stays on it until the sentence is copied.
func call(function func() C.recur_status) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	status := function()
	if status == C.RECUR_OK {
		return nil
	}
	return &Error{int(status), C.GoString(C.recur_last_error())}
}

func ofLength(name string, has, wanted int) error {
	if has == wanted {
		return nil
	}
	message := fmt.Sprintf("%s has %d numbers; it must have %d", name, has, wanted)
	return &Error{int(C.RECUR_E_SHAPE), message}
}

func floats(x []float32) *C.float {
	if len(x) == 0 {
		return nil
	}
	return (*C.float)(unsafe.Pointer(&x[0]))
}

func ints(x []int32) *C.int32_t {
	if len(x) == 0 {
		return nil
	}
	return (*C.int32_t)(unsafe.Pointer(&x[0]))
}

// ---- layers --------------------------------------------------------------------------------------

// Cell is a kind of recurrence.
type Cell int32

const (
	RNNTanh Cell = C.RECUR_CELL_RNN_TANH
	RNNReLU Cell = C.RECUR_CELL_RNN_RELU
	LSTM    Cell = C.RECUR_CELL_LSTM
	GRU     Cell = C.RECUR_CELL_GRU
)

// Layer is a network or a part of one.
type Layer struct{ c *C.recur_layer }

func newLayer(make func(out **C.recur_layer) C.recur_status) (*Layer, error) {
	l := &Layer{}
	if err := call(func() C.recur_status { return make(&l.c) }); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(l, (*Layer).Close)
	return l, nil
}

// Close frees the layer, which must not be used after it.
func (l *Layer) Close() {
	C.recur_layer_release(l.c)
	l.c = nil
}

// Recurrent makes numLayers recurrent layers, one above the other.
func Recurrent(cell Cell, inputs, hidden, numLayers int) (*Layer, error) {
	var options C.recur_recurrent_options
	options.size = C.uint32_t(unsafe.Sizeof(options))
	options.cell = C.int32_t(cell)
	options.input_size = C.int64_t(inputs)
	options.hidden_size = C.int64_t(hidden)
	options.num_layers = C.int64_t(numLayers)
	return newLayer(func(out **C.recur_layer) C.recur_status {
		return C.recur_recurrent_create(nil, &options, out)
	})
}

// Linear makes y = W x + b.
func Linear(inputs, outputs int) (*Layer, error) {
	return newLayer(func(out **C.recur_layer) C.recur_status {
		return C.recur_linear_create(nil, C.int64_t(inputs), C.int64_t(outputs), 0, out)
	})
}

// Last gives one row per sequence: the output of its last step.
func Last(features int) (*Layer, error) {
	return newLayer(func(out **C.recur_layer) C.recur_status {
		return C.recur_last_create(nil, C.int64_t(features), C.RECUR_DIRECTION_FORWARD, out)
	})
}

// Part is a layer of a chain, with the name that its parameters begin with.
type Part struct {
	Name  string
	Layer *Layer
}

// Sequential makes a chain, each part of which takes what the one before gives.
func Sequential(parts ...Part) (*Layer, error) {
	size := C.size_t(len(parts)+1) * C.size_t(unsafe.Sizeof(uintptr(0)))
	names := (**C.char)(C.calloc(1, size)) // in memory of C: they hold pointers
	layers := (**C.recur_layer)(C.calloc(1, size))
	defer C.free(unsafe.Pointer(names))
	defer C.free(unsafe.Pointer(layers))
	for i, part := range parts {
		name := C.CString(part.Name)
		defer C.free(unsafe.Pointer(name))
		unsafe.Slice(names, len(parts))[i] = name
		unsafe.Slice(layers, len(parts))[i] = part.Layer.c
	}
	l, err := newLayer(func(out **C.recur_layer) C.recur_status {
		return C.recur_compose_create(nil, C.RECUR_COMPOSE_SEQUENTIAL, C.int64_t(len(parts)), names,
			layers, out)
	})
	runtime.KeepAlive(parts)
	return l, err
}

// Open reads the network of a model file.
func Open(path string) (*Layer, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	return newLayer(func(out **C.recur_layer) C.recur_status {
		return C.recur_model_open(nil, name, out)
	})
}

// Save writes structure and parameters; a file of that name is replaced at once, or stays.
func (l *Layer) Save(path string) error {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	defer runtime.KeepAlive(l)
	return call(func() C.recur_status { return C.recur_model_save(l.c, name, nil) })
}

// Init draws the parameters anew, as is usual for each kind.
func (l *Layer) Init(seed uint64) error {
	defer runtime.KeepAlive(l)
	return call(func() C.recur_status {
		return C.recur_layer_init(l.c, nil, C.RECUR_INIT_DEFAULT, 0, C.uint64_t(seed))
	})
}

// Params is the layer's flat vector itself, not a copy. It lives as long as the layer.
func (l *Layer) Params() []float32 {
	count := int(C.recur_layer_param_count(l.c))
	return unsafe.Slice((*float32)(unsafe.Pointer(C.recur_layer_params(l.c))), count)
}

// Sizes are the features of a row that goes in, and of one that comes out.
func (l *Layer) Sizes() (inputs, outputs int, err error) {
	var info C.recur_layer_info
	info.size = C.uint32_t(unsafe.Sizeof(info))
	err = call(func() C.recur_status { return C.recur_layer_describe(l.c, -1, &info) })
	runtime.KeepAlive(l)
	return int(info.input_size), int(info.output_size), err
}

func (l *Layer) outputs(packed *Packed) (int, error) {
	_, outputs, err := l.Sizes()
	return int(C.recur_layer_rows(l.c, packed.c)) * outputs, err
}

// Input is what goes into a pass: packed rows, or symbols for a layer that takes them.
type Input struct {
	Rows []float32
	IDs  []int32
}

func (l *Layer) check(packed *Packed, input Input) error {
	if input.IDs != nil {
		return ofLength("IDs", len(input.IDs), packed.Rows())
	}
	inputs, _, err := l.Sizes()
	if err != nil {
		return err
	}
	return ofLength("Rows", len(input.Rows), packed.Rows()*inputs)
}

// Forward computes the outputs of all rows. With a tape it is recorded for Backward; tape may be
// nil.
func (l *Layer) Forward(packed *Packed, input Input, tape *Tape) ([]float32, error) {
	if err := l.check(packed, input); err != nil {
		return nil, err
	}
	count, err := l.outputs(packed)
	if err != nil {
		return nil, err
	}
	y := make([]float32, count)
	err = call(func() C.recur_status {
		if input.IDs != nil {
			return C.recur_layer_forward_ids(l.c, packed.c, ints(input.IDs), nil, floats(y), tape.in())
		}
		return C.recur_layer_forward(l.c, packed.c, floats(input.Rows), nil, floats(y), tape.in())
	})
	runtime.KeepAlive(l)
	runtime.KeepAlive(packed)
	runtime.KeepAlive(tape)
	return y, err
}

// Backward adds the gradients of the parameters to grads, for the newest record of the tape.
func (l *Layer) Backward(packed *Packed, input Input, dy, grads []float32, tape *Tape) error {
	if err := l.check(packed, input); err != nil {
		return err
	}
	count, err := l.outputs(packed)
	if err != nil {
		return err
	}
	if err := ofLength("dy", len(dy), count); err != nil {
		return err
	}
	if err := ofLength("grads", len(grads), len(l.Params())); err != nil {
		return err
	}
	err = call(func() C.recur_status {
		if input.IDs != nil {
			return C.recur_layer_backward_ids(l.c, packed.c, ints(input.IDs), floats(dy), nil,
				floats(grads), tape.in())
		}
		return C.recur_layer_backward(l.c, packed.c, floats(input.Rows), floats(dy), nil, nil,
			floats(grads), tape.in())
	})
	runtime.KeepAlive(l)
	runtime.KeepAlive(packed)
	runtime.KeepAlive(tape)
	return err
}

// ---- batches, states, tapes ----------------------------------------------------------------------

// Packed is the layout of a batch: rows in the order of time, without padding.
type Packed struct{ c *C.recur_packed }

// NewPacked makes the layout of sequences of these lengths.
func NewPacked(lengths []int64) (*Packed, error) {
	p := &Packed{}
	var first *C.int64_t
	if len(lengths) > 0 {
		first = (*C.int64_t)(unsafe.Pointer(&lengths[0]))
	}
	err := call(func() C.recur_status {
		return C.recur_packed_create(nil, C.int64_t(len(lengths)), first, 0, &p.c)
	})
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(p, (*Packed).Close)
	return p, nil
}

// Close frees the layout.
func (p *Packed) Close() {
	C.recur_packed_release(p.c)
	p.c = nil
}

// Rows is the number of rows of all sequences.
func (p *Packed) Rows() int { return int(C.recur_packed_rows(p.c)) }

// Row is the row of a step of a sequence.
func (p *Packed) Row(sequence, step int) int {
	return int(C.recur_packed_row(p.c, C.int64_t(sequence), C.int64_t(step)))
}

// Tape keeps what Backward needs of recorded passes.
type Tape struct{ c *C.recur_tape }

// NewTape makes an empty tape.
func NewTape() (*Tape, error) {
	t := &Tape{}
	if err := call(func() C.recur_status { return C.recur_tape_create(nil, &t.c) }); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(t, (*Tape).Close)
	return t, nil
}

// Close frees the tape.
func (t *Tape) Close() {
	C.recur_tape_release(t.c)
	t.c = nil
}

func (t *Tape) in() *C.recur_tape {
	if t == nil {
		return nil
	}
	return t.c
}

// State is what stays of a stream between its steps.
type State struct {
	layer *Layer
	c     *C.recur_state
}

// NewState makes the state of so many streams at their beginning.
func NewState(layer *Layer, batch int) (*State, error) {
	s := &State{layer: layer}
	err := call(func() C.recur_status {
		return C.recur_state_create(layer.c, C.int64_t(batch), &s.c)
	})
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(s, (*State).Close)
	return s, nil
}

// Close frees the state.
func (s *State) Close() {
	C.recur_state_release(s.c)
	s.c = nil
}

// Step goes one step on with every stream: x [batch][inputs] in, y [batch][outputs] out.
func (s *State) Step(x, y []float32) error {
	inputs, outputs, err := s.layer.Sizes()
	if err != nil {
		return err
	}
	batch := int(C.recur_state_batch(s.c))
	if err := ofLength("x", len(x), batch*inputs); err != nil {
		return err
	}
	if err := ofLength("y", len(y), batch*outputs); err != nil {
		return err
	}
	defer runtime.KeepAlive(s)
	return call(func() C.recur_status {
		return C.recur_layer_step(s.layer.c, floats(x), s.c, floats(y), nil)
	})
}

// ---- training ------------------------------------------------------------------------------------

// CrossEntropy returns the mean loss of rows of logits, and its gradient.
func CrossEntropy(y []float32, labels []int32) (float64, []float32, error) {
	if len(labels) == 0 || len(y)%len(labels) != 0 {
		message := fmt.Sprintf("y has %d numbers for %d labels", len(y), len(labels))
		return 0, nil, &Error{int(C.RECUR_E_SHAPE), message}
	}
	var options C.recur_loss_options
	var loss *C.recur_loss
	options.size = C.uint32_t(unsafe.Sizeof(options))
	options.kind = C.RECUR_LOSS_CROSS_ENTROPY
	err := call(func() C.recur_status { return C.recur_loss_create(nil, &options, &loss) })
	if err != nil {
		return 0, nil, err
	}
	defer C.recur_loss_release(loss)
	var value C.double
	dy := make([]float32, len(y))
	err = call(func() C.recur_status {
		return C.recur_loss_classes(loss, C.int64_t(len(labels)), C.int64_t(len(y)/len(labels)),
			floats(y), ints(labels), &value, floats(dy))
	})
	return float64(value), dy, err
}

// ClipNorm scales grads to at most this norm, and returns the norm that they had.
func ClipNorm(grads []float32, norm float64) float64 {
	return float64(C.recur_clip_norm(floats(grads), C.int64_t(len(grads)), C.double(norm)))
}

// Optimizer changes parameters along their gradients.
type Optimizer struct{ c *C.recur_optimizer }

// Adam makes an optimizer of so many parameters.
func Adam(rate float64, count int) (*Optimizer, error) {
	var options C.recur_optimizer_options
	options.size = C.uint32_t(unsafe.Sizeof(options))
	options.kind = C.RECUR_OPTIMIZER_ADAM
	options.rate = C.double(rate)
	o := &Optimizer{}
	err := call(func() C.recur_status {
		return C.recur_optimizer_create(nil, &options, C.int64_t(count), &o.c)
	})
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(o, (*Optimizer).Close)
	return o, nil
}

// Close frees the optimizer.
func (o *Optimizer) Close() {
	C.recur_optimizer_release(o.c)
	o.c = nil
}

// Step changes params by one update.
func (o *Optimizer) Step(params, grads []float32) error {
	if err := ofLength("grads", len(grads), len(params)); err != nil {
		return err
	}
	defer runtime.KeepAlive(o)
	return call(func() C.recur_status {
		return C.recur_optimizer_step(o.c, floats(params), floats(grads), C.int64_t(len(params)), 1)
	})
}
