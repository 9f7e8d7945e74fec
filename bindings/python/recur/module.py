"""What all modules have in common: parameters, gradients, modes, passes and their records."""

import collections
import threading
import types
import warnings
import weakref

import numpy as np

from . import _api, c, settings
from ._arrays import floats, rows_or_ids, to_numpy
from ._forms import Dense, Packed, Rows
from ._tapes import Pass, Pool
from .errors import OrderError
from .packed import Layout, is_packed
from .passes import WAITS, Array, Link, data_of, foreign, link_of, makers_in, plain
from .state import State

SCHEMES = {name[len("RECUR_INIT_") :].lower(): n for name, n in _api.CONSTANTS.items() if name.startswith("RECUR_INIT_")}
PLAYED = (
    "this pass of {} was already played back: a pass is played back once. Add losses that share it, (l1 + l2).backward(), or "
    "call the module again"
)
UPDATED = "this pass of {} was dropped, because its parameters changed after it: call the module again"
EVALUATED = "this pass of {} was dropped by eval(): play passes back before"
UNHELD = (
    "the newest call of this {} was dropped, because nobody held its output and the calls after it took much memory: hold "
    "its output, and use y.backward(grad)"
)
CROWDED = "this pass of {} was dropped, because more than {} passes waited (recur.settings.set_waiting)"


class Module:
    """Base of all modules. `params` and `grads` are arrays by name, views of the flat vectors `flat` and `flat_grad`.

    train() makes passes record, with dropout, for backward(); eval() makes them neither. Outputs of recorded passes are
    Arrays, which know their pass: loss.backward() plays back all passes below a loss. A pass waits for its backward as long
    as somebody holds its output, or until an update of the parameters makes it worthless.
    """

    batch_first = False
    over_time = False  # whether rows of a sequence belong together

    def _own(self, layer, context=None, init=True):
        """Takes a layer of the library."""
        self._set(layer)
        self._context = context
        self._parent = self._grads = None
        self._offset = 0
        self._ready()
        self._mode, self._seed = c.RECUR_TAPE_TRAIN, settings.next_seed()
        if init and self.flat.size:
            c.recur_layer_init(layer, None, c.RECUR_INIT_DEFAULT, 0, self._seed)

    def _ready(self):
        """No pass is recorded yet."""
        self._lock, self._pool = threading.RLock(), Pool()
        self._passes = []  # weak references to those that wait, the newest last
        self._held = collections.deque()  # the newest ones, for backward by hand without an output
        self._drawn, self._random = 0, None

    def _set(self, layer):
        self._layer, self._state_forms = layer, {}
        self._info = c.recur_layer_describe(layer, -1)
        flat = c.recur_layer_params(layer)
        self.flat = np.empty(0, np.float32) if flat is None else flat
        infos = [c.recur_layer_tensor_info(layer, i) for i in range(c.recur_layer_tensor_count(layer))]
        self._tensors = [(t.name, t.offset, t.count, t.dim[: t.rank]) for t in infos] if flat is not None else []
        self.params = self._named(self.flat)

    def _named(self, flat):
        return types.MappingProxyType({name: flat[at : at + n].reshape(shape) for name, at, n, shape in self._tensors})

    def _move(self, parent, layer, offset):
        """Becomes a part of a whole: parameters and gradients are slices of the whole's from now on."""
        self.forget()
        self._parent, self._offset, self._grads = parent, offset, None
        self._pool = Pool()
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
            if not self.training:
                self._drop_passes(EVALUATED)
                self._pool.clear()
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
            self._seed, self._drawn = int(seed), 0
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
        self._drop_passes(UPDATED)
        for part in self.children():
            part._forget()

    def _drop_passes(self, reason):
        with self._lock:
            waiting = [ref() for ref in self._passes]
            for one in waiting:
                if one is not None:
                    one.close(reason.format(one.name))
            self._passes.clear()
            self._held.clear()

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

    # ---- recording ----

    def _context_handle(self):
        return settings.handle_of(self._context)

    def _draws(self) -> bool:
        """Whether passes draw random numbers."""
        if self._random is None:
            info = self._info
            options = ("dropout", "recurrent_dropout", "zoneout_hidden", "zoneout_cell")
            self._random = any(getattr(info, name) for name in options) or any(part._draws() for part in self.children())
        return self._random

    def _tape_for(self, links, state=None):
        """A tape to record on: that of the pass which an initial state comes from, or one for this pass alone."""
        origins = [link.node for link in links if type(link) is Link]
        if state is not None and state.origin is not None:
            origins.append(state.origin())
        for before in origins:
            if type(before) is Pass and before.module is self and before.newest() and before.tape.mode == self._mode:
                before.tape.cut(before.place + 1)
                return before.tape
        self._trim()
        seed = None
        if self._draws():
            seed = c.recur_random(self._seed, self._drawn)
            self._drawn += 1
        return self._pool.take(self._context_handle, self._mode, seed)

    def _trim(self):
        """Lets go of passes that nobody else holds, when they take more memory than settings allow."""
        held = self._held
        expected = held[-1].bytes if held else 0
        total = expected + sum(one.bytes for one in held)
        while held and total > settings.unheld_bytes:
            total -= held.popleft().bytes

    def _remember(self, one, state=None):
        """Puts a new pass on the list of those that wait. The next one with this State follows it on its tape."""
        if state is not None:
            state.origin = weakref.ref(one)
        passes, held, tape = self._passes, self._held, one.tape
        while len(passes) > 1 and passes[-1]() is None and passes[-2]() is None:
            passes.pop()
        passes.append(weakref.ref(one))
        one.bytes = max(tape.bytes() - sum(other.bytes for other in held if other.tape is tape), 0) if one.place else tape.bytes()
        held.append(one)
        if len(passes) > settings.waiting:
            self._drop_oldest()

    def _drop_oldest(self):
        """Keeps the number of waiting passes within the bound."""
        alive = [one for one in (ref() for ref in self._passes) if one is not None]
        if len(alive) <= settings.waiting:
            self._passes = [weakref.ref(one) for one in alive]
            return
        if settings.warn_once("waiting"):
            warnings.warn(
                f"{len(alive)} recorded passes of one {type(self).__name__} wait for their backward, and the oldest are dropped. Use "
                "eval() for passes that need no gradient, y.detach() for results that you keep, or recur.settings.set_waiting",
                stacklevel=4,
            )
        for one in alive[: -settings.waiting]:
            one.close(CROWDED.format(one.name, settings.waiting))

    def _closed(self, one):
        """A pass does not wait any more."""
        if self._held and self._held[-1] is one:
            self._held.pop()
        elif one in self._held:
            self._held.remove(one)
        for at in range(len(self._passes) - 1, -1, -1):
            if self._passes[at]() is one:
                del self._passes[at]
                break

    def _call(self, x, given, state=None, own=False, links=()) -> list:
        """Runs the layer. `given` is what _form made of x; `state` is a State, whose values are results too if it is the
        call's own. Gives [rows of y, final states ...]: Arrays in training, if somebody may ask for their gradients."""
        rows, is_ids, form = given
        layer, run = self._open(), c.recur_layer_forward_ids if is_ids else c.recur_layer_forward
        packed = form.layout.handle
        y = np.empty((c.recur_layer_rows(layer, packed), self._info.output_size), np.float32)
        data, handle = data_of(x), None if state is None else state._handle
        link = None if is_ids else link_of(data)
        if not self.training:
            tape = self._pool.take(self._context_handle, c.RECUR_TAPE_EVALUATE, None)
            run(layer, packed, rows, handle, y, tape.handle)
            return self._untracked([y, *(self._finals(state) if own else ())], (link, *links))
        if type(link) is not Link and not is_ids:
            rows = kept(rows, data)
        with self._lock:
            tape = self._tape_for(links, state)
            run(layer, packed, rows, handle, y, tape.handle)
            finals = self._finals(state) if own else ()
            one = Pass(self, tape, rows, is_ids, form, (y, *finals), (link, *links))
            self._remember(one, None if own else state)
        return [one.array(i) for i in range(len(one.bases))]

    def _finals(self, state):
        return [state[name] for name in self.states]

    def _untracked(self, results, links):
        """Results in evaluation: plain, or with the reason why no gradient goes back to the modules that x comes from."""
        if all(link is None for link in links):
            return results
        return foreign(results, f"{type(self).__name__} in eval mode (train(dropout=False) records without dropout)", links)

    # ---- going back ----

    def _newest(self, grad=None) -> Pass:
        """The pass that backward by hand means: the newest one that waits."""
        if not self._passes:
            raise OrderError(
                f"{type(self).__name__} has no recorded pass: backward follows a call in training mode, "
                "before the parameters are updated"
            )
        newest = self._passes[-1]()
        if newest is None:
            self._passes.pop()
            raise OrderError(UNHELD.format(type(self).__name__))
        makers = makers_in([data_of(grad)])
        origins = {made[0] for made in makers if type(made) is tuple}
        origins |= {ref() for made in makers if type(made) is not tuple for ref in made.passes}
        older = [one for one in origins if type(one) is Pass and one.module is self and one.status == WAITS]
        if older and newest not in older:
            raise OrderError(
                f"backward of {type(self).__name__} means its newest call, and this gradient was computed from the output of an "
                "older one: use loss.backward() or y.backward(grad), which know their pass"
            )
        return newest

    def _back(self, one, dy, dstate, want_dx):
        """Plays a pass back: dx as rows, or None."""
        if one.status != WAITS:
            raise OrderError(one.status)
        layer, packed, grads, tape = self._open(), one.form.layout.handle, self.flat_grad, one.tape
        grads = grads if grads.size else None
        tape.cut(one.place + 1, f"this pass of {one.name} was dropped, because the pass that its state comes from was played back")
        if one.is_ids:
            c.recur_layer_backward_ids(layer, packed, one.rows, dy, dstate, grads, tape.handle)
            dx = None
        else:
            dx = np.empty_like(one.rows) if want_dx else None
            c.recur_layer_backward(layer, packed, one.rows, dy, dstate, dx, grads, tape.handle)
        tape.passes.pop()
        one.close(PLAYED.format(one.name))
        return dx

    def _play(self, one, given):
        """Backward of a pass in a chain: pairs of a link and its gradient."""
        with self._lock:
            dx = self._back(one, given[0], None, one.links[0] is not None)
        return [(one.links[0], data_of(one.form.shaped(dx, False)))] if dx is not None else []

    def _dy(self, one, grad):
        """The user's gradient of y as rows."""
        if grad is None:
            return None
        if hasattr(grad, "batch_sizes"):
            grad = type(grad).of(plain(grad.data), grad.layout) if isinstance(grad.data, Array) else grad
        return one.form.gradient(plain(grad), self._info.output_size, self._able(c.RECUR_CAN_REDUCE_TIME))

    def forward(self, x):
        """y = module(x)."""
        given = self._form(x)
        return given[2].shaped(self._call(x, given)[0], self._able(c.RECUR_CAN_REDUCE_TIME))

    def __call__(self, *args, **more):
        return self.forward(*args, **more)

    def backward(self, grad=None, *, input_grad=True):
        """Gradient of x, from that of y (None: zeros), of the newest recorded call: for going back by hand, module by module.
        Gradients of parameters add up in `grads`. None where x were ids, or with input_grad=False."""
        with self._lock:
            one = self._newest(grad)
            dx = self._back(one, self._dy(one, grad), None, input_grad)
        return None if dx is None else one.form.shaped(dx, False)

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
        self._pool.clear()
        self._passes.clear()
        self._held.clear()

    def extra_repr(self) -> str:
        return ""

    def __repr__(self):
        return f"{type(self).__name__}({self.extra_repr()})"

    def __reduce__(self):
        raise TypeError("modules are not pickled: save(module, path) and load(path, module) keep them in safetensors files")


def kept(rows, data):
    """Rows that stay as they are until backward: a copy, unless nobody else can write into them or the user promised not to."""
    if not settings.copies_inputs or not isinstance(data, np.ndarray) and not hasattr(data, "detach"):
        return rows
    if isinstance(data, np.ndarray) and not np.may_share_memory(rows, data):
        return rows
    return rows.copy()
