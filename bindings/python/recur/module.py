"""What all modules have in common: parameters, gradients, modes, passes and their records."""

import threading
import types

import numpy as np

from . import _api, c, settings
from ._arrays import floats, rows_or_ids, to_numpy
from ._forms import Dense, Packed, Rows
from ._parameters import remember
from .errors import OrderError
from .packed import Layout, is_packed
from .state import State

SCHEMES = {name[len("RECUR_INIT_") :].lower(): n for name, n in _api.CONSTANTS.items() if name.startswith("RECUR_INIT_")}


class Record:
    """What backward needs of a recorded pass, beside the tape."""

    def __init__(self, rows, is_ids, form):
        self.rows, self.is_ids, self.form = rows, is_ids, form


class Module:
    """Base of all modules. `params` and `grads` are arrays by name, views of the flat vectors `flat` and `flat_grad`.

    train() makes passes record, with dropout, for backward(); eval() makes them neither. A pass is recorded until its
    backward, or until an update of the parameters makes it worthless.
    """

    batch_first = False
    over_time = False  # whether rows of a sequence belong together

    def _own(self, layer, context=None, init=True):
        """Takes a layer of the library."""
        self._set(layer)
        self._context = context
        self._parent = self._grads = self._tape = None
        self._offset = 0
        self._records, self._scratch, self._lock = [], [], threading.RLock()
        self._mode, self._seed = c.RECUR_TAPE_TRAIN, settings.next_seed()
        if init and self.flat.size:
            c.recur_layer_init(layer, None, c.RECUR_INIT_DEFAULT, 0, self._seed)

    def _set(self, layer):
        self._layer, self._state_forms = layer, {}
        self._info = c.recur_layer_describe(layer, -1)
        flat = c.recur_layer_params(layer)
        self.flat = np.empty(0, np.float32) if flat is None else flat
        infos = [c.recur_layer_tensor_info(layer, i) for i in range(c.recur_layer_tensor_count(layer))]
        self._tensors = [(t.name, t.offset, t.count, t.dim[: t.rank]) for t in infos] if flat is not None else []
        self.params = self._named(self.flat)
        remember(self)

    def _named(self, flat):
        return types.MappingProxyType({name: flat[at : at + n].reshape(shape) for name, at, n, shape in self._tensors})

    def _move(self, parent, layer, offset):
        """Becomes a part of a whole: parameters and gradients are slices of the whole's from now on."""
        self.forget()
        self._parent, self._offset, self._grads, self._tape = parent, offset, None, None
        self._scratch = []
        self._set(layer)

    def _open(self):
        layer = self.__dict__.get("_layer")
        if layer is None:
            raise RuntimeError(f"this {type(self).__name__} has no layer: its __init__ was not run")
        if layer.released:
            raise RuntimeError(f"this {type(self).__name__} has been released")
        return layer

    # ---- parameters ------------------------------------------------------------------------------

    @property
    def flat_grad(self) -> np.ndarray:
        """All gradients, in the order of `flat`."""
        if self._grads is None:
            if self._parent is None:
                self._grads = np.zeros(self.flat.size, np.float32)
            else:
                self._grads = self._parent.flat_grad[self._offset : self._offset + self.flat.size]
        return self._grads

    @property
    def grads(self):
        """Gradients by name."""
        return self._named(self.flat_grad)

    def parameters(self) -> list:
        return list(self.params.values())

    def named_parameters(self) -> list:
        return list(self.params.items())

    def __getattr__(self, name):
        params = self.__dict__.get("params", {})
        if name in params:
            return params[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __setattr__(self, name, value):
        if name in self.__dict__.get("params", {}):
            view = self.params[name]
            view[...] = floats(value, name, view.shape)
            self.forget()
        else:
            super().__setattr__(name, value)

    def zero_grad(self, set_to_none=True) -> None:
        self.flat_grad[:] = 0

    def init_(self, scheme="default", value=0.0, match=None, seed=None) -> "Module":
        """Start values: "default" (PyTorch's), "constant", "uniform", "normal", "xavier", "orthogonal", "identity",
        "forget_bias"; only of the tensors whose whole name fits match ("rnn.*": all of rnn; * is any characters, ? is one)."""
        if scheme not in SCHEMES:
            raise ValueError(f"scheme is {scheme!r}: it is one of {', '.join(SCHEMES)}")
        c.recur_layer_init(self._open(), match, SCHEMES[scheme], value, settings.next_seed() if seed is None else seed)
        self.forget()
        return self

    def reset_parameters(self) -> None:
        if self.flat.size:
            self.init_()

    def state_dict(self) -> dict:
        """Parameters by name: views, as PyTorch's are. Copy what must not change."""
        self._open()
        return dict(self.params)

    def load_state_dict(self, state_dict, strict=True):
        """Copies arrays or tensors into the parameters: all of them, or nothing and an error that names what is wrong.
        Without strict, names that only one side has are left out; both lists come back."""
        self._open()
        if not hasattr(state_dict, "items"):
            raise TypeError(f"a dict of arrays by name is needed, not {type(state_dict).__name__}")
        given = {name: to_numpy(value, str(name)) for name, value in state_dict.items()}
        missing = [name for name in self.params if name not in given]
        unexpected = [name for name in given if name not in self.params]
        wrong = []
        for name, view in self.params.items():
            if name in given and given[name].shape != view.shape:
                wrong.append(f"{name} has shape {given[name].shape}, {view.shape} is needed")
            elif name in given and given[name].dtype.kind != "f":
                raise TypeError(f"{name} must hold floats, not {given[name].dtype}")
        if strict and missing:
            wrong.append(f"missing: {', '.join(missing)}")
        if strict and unexpected:
            wrong.append(f"unexpected: {', '.join(map(str, unexpected))}")
        if wrong:
            raise RuntimeError(f"load_state_dict of {type(self).__name__}: " + "; ".join(wrong))
        for name, view in self.params.items():
            if name in given:
                view[...] = given[name]
        self.forget()
        return types.SimpleNamespace(missing_keys=missing, unexpected_keys=unexpected)

    # ---- modes -----------------------------------------------------------------------------------

    @property
    def training(self) -> bool:
        return self._mode != c.RECUR_TAPE_EVALUATE

    def train(self, mode=True, dropout=True) -> "Module":
        """Passes record. dropout=False: without dropout, for gradients of the model as it is used."""
        wanted = (c.RECUR_TAPE_TRAIN if dropout else c.RECUR_TAPE_RECORD_NO_DROPOUT) if mode else c.RECUR_TAPE_EVALUATE
        if wanted != c.RECUR_TAPE_EVALUATE and not self._able(c.RECUR_CAN_RECORD) and self._info.capabilities:
            raise RuntimeError(f"this {type(self).__name__} is a snapshot: it cannot be trained")
        with self._lock:
            self._mode = wanted
            if self._tape is not None and self.training:
                c.recur_tape_set_mode(self._tape, wanted)
        for part in self.children():
            part.train(mode, dropout)
        return self

    def eval(self) -> "Module":
        return self.train(False)

    def children(self) -> list:
        return []

    def manual_seed(self, seed: int) -> "Module":
        """Dropout masks of the passes that follow depend on this seed and on how many have been recorded since."""
        c.recur_random(seed, 0)
        with self._lock:
            self._seed = int(seed)
            if self._tape is not None:
                c.recur_tape_set_seed(self._tape, self._seed)
        return self

    def _able(self, bit) -> bool:
        return bool(self._info.capabilities & bit)

    def forget(self) -> None:
        """Drops the passes that wait for their backward, in all parts and wholes too."""
        top = self
        while top._parent is not None:
            top = top._parent
        top._forget()

    def _forget(self):
        with self._lock:
            if self._tape is not None and not self._tape.released:
                c.recur_tape_reset(self._tape)
            self._records.clear()
        for part in self.children():
            part._forget()

    # ---- passes ----------------------------------------------------------------------------------

    def _form(self, x):
        """(rows, whether they are ids, form) of what the user gave."""
        if is_packed(x):
            form = Packed(x)
            rows, is_ids = rows_or_ids(form.rows(x), "x")
        else:
            array, is_ids = rows_or_ids(x, "x")
            form = Dense(array.shape, 2 if is_ids else 3, self.batch_first) if self.over_time else None
            if form is None:
                if not is_ids and not array.ndim:
                    raise ValueError(f"x must have at least one dimension for {type(self).__name__}")
                form = Rows(array.shape, is_ids)
            width = array.shape[-1] if not is_ids else None
            self._check_width(width)
            rows = np.ascontiguousarray(form.rows(array))
        self._check_width(None if is_ids else rows.shape[-1])
        if rows.ndim != (1 if is_ids else 2):
            raise ValueError(f"x must be {'ids' if is_ids else 'rows'}, its data have shape {rows.shape}")
        return rows, is_ids, form

    def _check_width(self, width):
        if width is not None and width != self._info.input_size and self._info.input_size:
            raise ValueError(f"x has {width} features, {type(self).__name__} takes {self._info.input_size}")

    def _tape_for_training(self):
        if self._tape is None:
            tape = c.recur_tape_create(settings.handle_of(self._context))
            c.recur_tape_set_mode(tape, self._mode)
            c.recur_tape_set_seed(tape, self._seed)
            self._tape = tape
        return self._tape

    def _scratch_tape(self):
        """Scratch of passes that do not record: as many as there are threads at once."""
        try:
            return self._scratch.pop()
        except IndexError:
            tape = c.recur_tape_create(settings.handle_of(self._context))
            c.recur_tape_set_mode(tape, c.RECUR_TAPE_EVALUATE)
            return tape

    def _forward(self, rows, is_ids, form, state):
        """y as rows; in training the pass is recorded."""
        layer, run = self._open(), c.recur_layer_forward_ids if is_ids else c.recur_layer_forward
        packed = form.layout.handle
        y = np.empty((c.recur_layer_rows(layer, packed), self._info.output_size), np.float32)
        if not self.training:
            tape = self._scratch_tape()
            run(layer, packed, rows, state, y, tape)
            self._scratch.append(tape)
            return y
        with self._lock:
            run(layer, packed, rows, state, y, self._tape_for_training())
            self._records.append(Record(rows, is_ids, form))
        return y

    def _newest(self) -> Record:
        if not self._records:
            raise OrderError(
                f"{type(self).__name__} has no recorded pass: backward follows a call in training mode, "
                "before the parameters are updated"
            )
        return self._records[-1]

    def _backward(self, record, dy, dstate, want_dx):
        """dx as rows, or None."""
        layer, packed, grads = self._open(), record.form.layout.handle, self.flat_grad
        grads = grads if grads.size else None
        if record.is_ids:
            c.recur_layer_backward_ids(layer, packed, record.rows, dy, dstate, grads, self._tape)
            dx = None
        else:
            dx = np.empty_like(record.rows) if want_dx else None
            c.recur_layer_backward(layer, packed, record.rows, dy, dstate, dx, grads, self._tape)
        self._records.pop()
        return dx

    def _play_back(self, grad, dstate_of, want_dx):
        """Backward of the newest pass: (dx in the form of x, record, gradients of states)."""
        with self._lock:
            record = self._newest()
            per_sequence = self._able(c.RECUR_CAN_REDUCE_TIME)
            dy = None if grad is None else record.form.gradient(grad, self._info.output_size, per_sequence)
            dstate = dstate_of(record)
            dx = self._backward(record, dy, dstate, want_dx)
        return None if dx is None else record.form.shaped(dx, False), record, dstate

    def __call__(self, x):
        rows, is_ids, form = self._form(x)
        return form.shaped(self._forward(rows, is_ids, form, None), self._able(c.RECUR_CAN_REDUCE_TIME))

    def backward(self, grad=None, *, input_grad=True):
        """Gradient of x, from that of y (None: zeros), of the newest recorded call. Gradients of parameters add up in
        `grads`. None where x were ids, or with input_grad=False."""
        return self._play_back(grad, lambda record: None, input_grad)[0]

    def memory(self, lengths, flags=0) -> types.SimpleNamespace:
        """Bytes that the library takes for this module and a batch of sequences of these lengths (or a Layout): parameters,
        snapshot, state, record, scratch of training and of inference ...; recur_memory in C. flags: c.RECUR_MEMORY_*."""
        layout = lengths if isinstance(lengths, Layout) else Layout(lengths)
        return c.recur_layer_memory(self._open(), layout.handle, flags)

    # ---- streaming, copies, the end ----------------------------------------------------------------

    def state(self, batch: int) -> State:
        """A fresh state for that many sequences."""
        return State(self, batch)

    def step(self, x, state: State, out=None) -> np.ndarray:
        """One step of every stream of a state: x [B][I] or ids [B]. No dropout, nothing is recorded."""
        if not isinstance(state, State):
            raise TypeError(f"state must be a State (module.state(batch)), not {type(state).__name__}")
        rows, is_ids = rows_or_ids(x, "x")
        wanted = (state.batch,) if is_ids else (state.batch, self._info.input_size)
        if rows.shape != wanted:
            raise ValueError(f"x must have shape {wanted}, not {rows.shape}")
        y = np.empty((state.batch, self._info.output_size), np.float32) if out is None else out
        if out is not None and getattr(out, "shape", None) != (state.batch, self._info.output_size):
            raise ValueError(f"out must be an array of shape {(state.batch, self._info.output_size)}")
        step = c.recur_layer_step_ids if is_ids else c.recur_layer_step
        step(self._open(), rows, state._handle, y, None)
        return y

    def snapshot(self) -> "Module":
        """An immutable copy that runs fastest, for any number of threads; it has no parameters and records nothing."""
        copy = object.__new__(type(self))
        kept = {k: v for k, v in self.__dict__.items() if k not in ("_parts", "_names")}
        copy.__dict__.update(kept)
        copy._own(c.recur_layer_snapshot(self._open(), c.RECUR_PRECISION_FLOAT32), self._context, init=False)
        copy._mode = c.RECUR_TAPE_EVALUATE
        return copy

    def release(self) -> None:
        """Gives the memory back as soon as no view needs it. Calls after this raise RuntimeError."""
        self._layer.release()
        self._scratch.clear()
        self._records.clear()

    def extra_repr(self) -> str:
        return ""

    def __repr__(self):
        return f"{type(self).__name__}({self.extra_repr()})"

    def __reduce__(self):
        raise TypeError("modules are not pickled: save(module, path) and load(path, module) keep them in safetensors files")
