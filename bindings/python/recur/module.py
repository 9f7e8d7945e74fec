"""What all modules have in common: parameters, gradients, modes, passes and their records."""

from __future__ import annotations

import copy
import math
import threading
import types
import weakref
from typing import Any, Callable, Mapping, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from . import _api, c, settings
from ._arrays import F32, floats, here, rows_or_ids, to_numpy, warn_caller
from ._forms import Dense, Packed, Rows
from ._plans import MOST_NUMBERS, MOST_PLANS, PassPlan, StepPlan, planned_array, run_forward
from ._tapes import Held, Pass, Pool
from ._structs import STRUCTS
from .errors import OrderError
from .packed import Layout, is_packed
from .parameter import Parameter, Parameters
from .passes import WAITS, Array, Link, data_of, foreign, link_of, makers_in, plain
from .state import State

if TYPE_CHECKING:
    from .settings import Context
    from ._types import Floats

SCHEMES = {
    name[len("RECUR_INIT_") :].lower(): n
    for name, n in _api.CONSTANTS.items()
    if name.startswith("RECUR_INIT_")
}
PRECISIONS = ("float32", "bfloat16", "int8")  # RECUR_PRECISION_*, by value
PLAYED = (
    "this pass of {} was already played back: a pass is played back once. Add losses that share "
    "it, (l1 + l2).backward(), or "
    "call the module again"
)
UPDATED = (
    "this pass of {} was dropped, because its parameters changed after it: call the module again"
)
EVALUATED = "this pass of {} was dropped by eval(): play passes back before"
UNHELD = (
    "the newest call of this {} was dropped, because nobody held its output and the calls after "
    "it took much memory: hold "
    "its output, and use y.backward(grad)"
)
CROWDED = (
    "this pass of {} was dropped, because more than {} passes waited (recur.settings.set_waiting)"
)
COMPOSED = ("_layer", "flat", "params", "_tensors", "_info", "_state_forms")
INTERNAL = (
    *COMPOSED,
    "_composed",
    "_parent",
    "_grads",
    "_offset",
    "_lock",
    "_pool",
    "_records",
    "_held",
    "_drawn",
    "_padded",
    "_first",
    "_fed",
    "_played",
    "_detached",
    "_random",
    "_context",
    "_planned",
    "_plans",
    "_mode",
    "_seed",
    "_cell",
)
OLD_NAMES = {
    "weight_norm": "norm_weight",
    "bias_norm": "norm_bias",
    "start_h": "h0",
    "start_c": "c0",
}
REFUSED = {
    "cuda": "everything is computed on the CPU; leave cuda() out",
    "half": "everything is computed in float32; leave half() out",
    "double": "everything is computed in float32; leave double() out",
    "bfloat16": "everything is computed in float32; leave bfloat16() out",
    "register_forward_hook": "hooks are not there; write a Module whose forward does it",
    "register_backward_hook": "hooks are not there; chain backward by hand",
    "register_full_backward_hook": "hooks are not there; chain backward by hand",
    "register_buffer": "arrays may be attributes; what shall be saved goes into recur.save({...})",
    "register_parameter": "parameters belong to layers; Linear(1, n, bias=False) has n of them",
    "requires_grad": "to freeze parameters, optimizer.scale(name, lr=0), or give the optimizer "
    "the other modules only",
}
EVALUATE = c.RECUR_TAPE_EVALUATE
FIXED = {
    "p": "make a new Dropout; train(dropout=False) and eval() run without",
    "dropout": "make a new one, and load_state_dict; train(dropout=False) and eval() run without",
}


def precision_of(name: str) -> int:
    """RECUR_PRECISION_* of its name."""
    if name not in PRECISIONS:
        raise ValueError(f"precision is {name!r}: it must be one of {', '.join(PRECISIONS)}")
    return PRECISIONS.index(name)


def holds_modules(value: Any) -> bool:
    values = (
        value.values()
        if isinstance(value, dict)
        else value
        if isinstance(value, (list, tuple))
        else ()
    )
    return any(isinstance(v, Module) or holds_modules(v) for v in values)


def _part_of(whole: Any, name: str) -> Any:
    return dict(whole._named_parts())[name]


def _made_again(what: Any, data: Any = None) -> Any:
    """A module from its pickle: a layer of the library as a tree and a file, or one of the
    user's."""
    if isinstance(what[0], type) and issubclass(what[0], Layer):
        layer = None
        if data is not None:
            layer = c.recur_file_get_model(c.recur_file_open_memory(None, data, len(data)), "")
        return Layer._planted(what, layer)
    kind, attributes = what
    module = object.__new__(kind)
    Module.__init__(module)
    module.__dict__.update(attributes)
    return module


class Module:
    """Base of all modules, and of yours: children, parameters, gradients, modes.

    A module of your own makes its children in __init__, behind super().__init__(), and calls
    them in forward. They are registered when they are assigned; lists of them go into a
    ModuleList. The gradients come from loss.backward().

    `params` and `grads` are arrays by name, views of the flat vectors `flat` and `flat_grad`.
    train() makes passes record, with dropout; eval() makes them neither.

    >>> import numpy as np, recur
    >>> class Net(recur.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.rnn = recur.GRU(3, 8, batch_first=True)
    ...         self.fc = recur.Linear(8, 2)
    ...
    ...     def forward(self, x):
    ...         y, h = self.rnn(x)
    ...         return self.fc(y[:, -1])
    >>> net = Net()
    >>> adam = recur.Adam(net, lr=0.01)
    >>> loss = recur.CrossEntropyLoss()(net(np.zeros((4, 5, 3), np.float32)), [0, 1, 0, 1])
    >>> loss.backward()
    >>> adam.step()
    >>> list(net.params)[:2]
    ['rnn.weight_ih_l0', 'rnn.weight_hh_l0']
    """

    batch_first = False
    over_time = False  # whether rows of a sequence belong together
    flat: npt.NDArray[np.float32]
    params: Mapping[str, Parameter]
    _layer: Any
    _info: Any
    _parent: Any
    _grads: Any
    _tensors: list[Any]
    _state_forms: dict[int, Any]
    _records: list[Any]
    _held: Any
    _random: Any
    _padded: Any
    _seed: Any
    _context: Any

    def __init__(self) -> None:
        self.__dict__["_children"] = {}
        self._parent = self._grads = None
        self._offset = 0
        self._mode = c.RECUR_TAPE_TRAIN

    # ---- children -------------------------------------------------------------------------------

    def _named_parts(self) -> list[Any]:
        """Children with their names; one that has two names comes once."""
        found = {}
        for name, part in self.__dict__.get("_children", {}).items():
            found.setdefault(id(part), (name, part))
        return list(found.values())

    def named_children(self) -> list[Any]:
        """(name, module) of the modules just below this one."""
        return self._named_parts()

    def children(self) -> list[Any]:
        """The modules just below this one."""
        return [part for _, part in self._named_parts()]

    def named_modules(self, prefix: str = "") -> list[Any]:
        """(name, module) of this module, whose name is "", and of all below it."""
        found = [(prefix, self)]
        for name, part in self._named_parts():
            found += part.named_modules(f"{prefix}.{name}" if prefix else name)
        return found

    def modules(self) -> list[Any]:
        """This module and all below it."""
        return [module for _, module in self.named_modules()]

    def get_submodule(self, target: str) -> Module:
        """The module of a dotted name: "encoder.rnn"."""
        module = self
        for name in target.split(".") if target else []:
            found = dict(module.__dict__.get("_children", {}) or module._named_parts())
            if name not in found:
                raise AttributeError(
                    f"{type(module).__name__} has no child {name!r}: it has "
                    f"{', '.join(found) or 'none'}"
                )
            module = found[name]
        return module

    def apply(self, fn: Callable[[Module], Any]) -> Module:
        """Calls fn(module) for all modules below this one, and then for this one."""
        for part in self.children():
            part.apply(fn)
        fn(self)
        return self

    def add_module(self, name: str, module: Module) -> None:
        """The same as an assignment to that name."""
        setattr(self, name, module)

    register_module = add_module

    def _register(self, name: str, part: Any) -> None:
        if "_children" not in self.__dict__:
            raise AttributeError(
                f"call super().__init__() in {type(self).__name__}.__init__ before modules are "
                "assigned"
            )
        if name in dir(type(self)):
            raise KeyError(
                f"a child of {type(self).__name__} cannot be called {name!r}: this is a name of "
                "the class"
            )
        if not name or "." in name:
            raise KeyError(f"a module cannot have the name {name!r}")
        if part is self or self in part.modules():
            raise ValueError(f"child {name!r} would contain itself")
        self.__dict__.pop(name, None)
        old = self._children.get(name)
        self._children[name] = part
        if old is not part:
            self._scatter()

    def _scatter(self) -> None:
        """The children have changed: parts and wholes compose anew when they are asked for
        parameters next."""
        if "_layer" not in self.__dict__:
            return
        if self._parent is not None:
            self._parent._scatter()
        self.forget()
        for part in self.__dict__.pop("_composed", ()):
            part[1]._leave()
        for name in COMPOSED:
            self.__dict__.pop(name, None)
        self._grads = None

    def _leave(self) -> None:
        """Becomes a root. Its parameters are those it had in the whole, with their gradients."""
        if "_children" in self.__dict__:
            for _, part in self.__dict__.get("_composed", ()):
                part._leave()
            for name in ("_composed", *COMPOSED):
                self.__dict__.pop(name, None)
            self._parent, self._offset, self._grads = None, 0, None
        else:
            grads = self.flat_grad.copy()
            self._grads = None
            self._move(None, c.recur_layer_copy(self._open()), 0)
            self._grads = grads

    def _compose(self) -> None:
        """Copies the parameters of all children into one flat vector, whose windows they become."""
        parts = [(name, part) for name, part in self._named_parts() if part._has_parameters()]
        inside = self.modules()
        parts = [
            (name, part)
            for name, part in parts
            if part._parent is None or part._parent not in inside
        ]
        for name, part in parts:
            if part._parent is not None:
                raise ValueError(
                    f"child {name!r} of {type(self).__name__} already belongs to a "
                    f"{type(part._parent).__name__}: a module has one whole"
                )
        self._composed = parts
        if not parts:
            self._layer, self._state_forms, self._tensors = None, {}, []
            self._info = types.SimpleNamespace(
                capabilities=c.RECUR_CAN_RECORD, input_size=0, output_size=0
            )
            self.flat, self.params = np.empty(0, np.float32), types.MappingProxyType({})
            return
        context = getattr(parts[0][1], "_context", None)
        names, layers = [name for name, _ in parts], [part._open() for _, part in parts]
        kind = c.RECUR_COMPOSE_GROUP
        self._set(
            c.recur_compose_create(settings.handle_of(context), kind, len(parts), names, layers)
        )
        self._adopt(parts)

    def _adopt(self, parts: Any) -> None:
        for name, part in parts:
            part._move(self, *c.recur_layer_child(self._layer, name))

    def _has_parameters(self) -> bool:
        return self.flat.size > 0

    def _move(self, parent: Any, layer: Any, offset: int) -> None:
        """Becomes a part of a whole: parameters and gradients are slices of the whole's
        from now on."""
        grads = self._grads
        self.forget()
        self._parent, self._offset, self._grads = parent, offset, None
        self._set(layer)
        if grads is not None and grads.any():
            self.flat_grad[:] = grads
        self._adopt(self.__dict__.get("_composed", ()))

    def _set(self, layer: Any) -> None:
        self._layer, self._state_forms, self._plans = layer, {}, {}
        self._info = c.recur_layer_describe(layer, -1)
        flat = c.recur_layer_params(layer)
        self.flat = np.empty(0, np.float32) if flat is None else flat
        infos = [
            c.recur_layer_tensor_info(layer, i) for i in range(c.recur_layer_tensor_count(layer))
        ]
        self._tensors = (
            [(t.name, t.offset, t.count, t.dim[: t.rank]) for t in infos]
            if flat is not None
            else []
        )
        params = {name: Parameter.of(view, self) for name, view in self._views(self.flat).items()}
        self.params = types.MappingProxyType(params)

    def _views(self, flat: Any) -> dict[str, Any]:
        return {name: flat[at : at + n].reshape(shape) for name, at, n, shape in self._tensors}

    def _open(self) -> Any:
        layer = self.__dict__.get("_layer")
        if layer is None and "_children" in self.__dict__:
            layer = self._layer
            if layer is None:
                raise RuntimeError(f"this {type(self).__name__} has no parameters")
        if layer is None:
            raise RuntimeError(f"this {type(self).__name__} has no layer: its __init__ was not run")
        if layer.released:
            raise RuntimeError(f"this {type(self).__name__} has been released")
        return layer

    # ---- parameters ------------------------------------------------------------------------------

    @property
    def flat_grad(self) -> npt.NDArray[Any]:
        """All gradients, in the order of `flat`."""
        size = self.flat.size  # may compose, and bring gradients with it
        if self._grads is None:
            if self._parent is None:
                self._grads = np.zeros(size, np.float32)
            else:
                self._grads = self._parent.flat_grad[self._offset : self._offset + size]
        return self._grads

    @property
    def grads(self) -> Any:
        """Gradients by name."""
        return types.MappingProxyType(self._views(self.flat_grad))

    def parameters(self) -> Parameters:
        """All parameters: a list that knows its module, for Adam(net.parameters()).
        `p.grad` is the gradient of each."""
        return Parameters(self.params.values(), self)

    def named_parameters(self) -> list[Any]:
        """(name, parameter) of all parameters."""
        return list(self.params.items())

    def __getattr__(self, name: str) -> Any:
        inside = self.__dict__
        if name in inside.get("_children", ()):
            return inside["_children"][name]
        if name in COMPOSED and "_children" in inside:
            self._compose()
            return inside[name]
        if name in inside.get("params", ()):
            return inside["params"][name]
        if name in REFUSED:
            raise AttributeError(f"{type(self).__name__} has no {name}: {REFUSED[name]}")
        if "_children" not in inside and "_layer" not in inside:
            raise AttributeError(
                f"{type(self).__name__} has no attribute {name!r}. Was super().__init__() called "
                "in its __init__?"
            )
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        names = [name for name, _ in self._named_parts()]
        return sorted({*object.__dir__(self), *names, *self.__dict__.get("params", ())})

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        elif isinstance(value, Module):
            self._register(name, value)
        else:
            self._set_public(name, value)

    def _set_public(self, name: str, value: Any) -> None:
        """An attribute of the user's that is no module."""
        if holds_modules(value):
            raise TypeError(
                f"{name} of {type(self).__name__} is a {type(value).__name__} with modules in it, "
                "whose parameters would not be "
                "found: give it a ModuleList, or a ModuleDict"
            )
        if name in self.__dict__.get("_children", ()):
            if value is not None:
                raise TypeError(
                    f"{name} of {type(self).__name__} is a module: it can be another module or None"
                )
            del self._children[name]
            self._scatter()
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name in self.__dict__.get("_children", ()):
            del self._children[name]
            self._scatter()
        else:
            object.__delattr__(self, name)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Gradients become zeros."""
        self.flat_grad[:] = 0

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """True is what is there; False is refused with what to do instead."""
        if not requires_grad:
            raise NotImplementedError(REFUSED["requires_grad"])
        return self

    def init_(
        self,
        scheme: str = "default",
        value: float = 0.0,
        match: str | None = None,
        seed: int | None = None,
    ) -> Module:
        """Start values: "default" (PyTorch's), "constant", "uniform", "normal", "xavier",
        "orthogonal", "identity", "forget_bias"; only of the tensors whose whole name fits
        match ("rnn.*": all of rnn; * is any characters, ? is one)."""
        if scheme not in SCHEMES:
            raise ValueError(f"scheme is {scheme!r}: it is one of {', '.join(SCHEMES)}")
        c.recur_layer_init(
            self._open(),
            match,
            SCHEMES[scheme],
            value,
            settings.next_seed() if seed is None else seed,
        )
        for module in self.modules():
            module._clear_padding()
        self.forget()
        return self

    def reset_parameters(self) -> None:
        """Start values, drawn anew."""
        if self.flat.size:
            self.init_()

    def state_dict(self) -> dict[str, Any]:
        """Parameters by name: views, as PyTorch's are. Copy what must not change."""
        self._open()
        return dict(self.params)

    def load_state_dict(self, state_dict: Any, strict: bool = True) -> Any:
        """Copies arrays or tensors into the parameters: all of them, or nothing and an
        error that names what is wrong. Without strict, names that only one side has are
        left out; both lists come back. Names of version 0.1 are known."""
        self._open()
        if not hasattr(state_dict, "items"):
            raise TypeError(f"a dict of arrays by name is needed, not {type(state_dict).__name__}")
        given = {name: to_numpy(value, str(name)) for name, value in state_dict.items()}
        given = {self._name_now(name): value for name, value in given.items()}
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

    def _name_now(self, name: str) -> Any:
        """The name of a tensor that had another one in version 0.1."""
        whole, dot, last = str(name).rpartition(".")
        for old, new in OLD_NAMES.items():
            if (
                name not in self.params
                and last.startswith(old)
                and f"{whole}{dot}{new}{last[len(old) :]}" in self.params
            ):
                return f"{whole}{dot}{new}{last[len(old) :]}"
        return name

    # ---- modes -----------------------------------------------------------------------------------

    @property
    def training(self) -> bool:
        """Whether passes record. train() and eval() change it."""
        return self._mode != c.RECUR_TAPE_EVALUATE

    @training.setter
    def training(self, value: Any) -> Any:
        raise AttributeError(
            "training cannot be written: call train() or eval(), which reach the children too"
        )

    def train(self, mode: bool = True, dropout: bool = True) -> Module:
        """Passes record. dropout=False: without dropout, for gradients of the model as it
        is used."""
        self._set_mode(
            (c.RECUR_TAPE_TRAIN if dropout else c.RECUR_TAPE_RECORD_NO_DROPOUT)
            if mode
            else c.RECUR_TAPE_EVALUATE
        )
        for part in self.children():
            part.train(mode, dropout)
        return self

    def _set_mode(self, mode: str) -> None:
        self._mode = mode

    def eval(self) -> Module:
        """Passes neither record nor drop out, and those that wait are dropped."""
        return self.train(False)

    def manual_seed(self, seed: int) -> Module:
        """Dropout masks of the passes that follow depend on this seed and on how many have
        been recorded since: each module below this one gets a seed of its own from it."""
        for i, part in enumerate(self.children()):
            part.manual_seed(c.recur_random(seed, i))
        return self

    def _clear_padding(self) -> None:
        """Zeros where an Embedding has padding."""

    def _able(self, bit: Any) -> bool:
        return bool(self._info.capabilities & bit)

    def forget(self) -> None:
        """Drops the passes that wait for their backward, in all parts and wholes too."""
        top = self
        while top._parent is not None:
            top = top._parent
        top._tell_of_lost_passes()
        top._forget()

    def _tell_of_lost_passes(self) -> None:
        """A warning, once, when no gradients came to a part, and they came to another one
        that ran later on an array of the user's: NumPy may have carried the output of the
        first there, as in out[t] = y."""
        parts = [(name, part) for name, part in self.named_modules() if isinstance(part, Layer)]
        latest = max((part._fed for _, part in parts), default=-1)
        lost = [
            name
            for name, part in parts
            if part._tensors and part._first < latest and not part._played and not part._detached
        ]
        if lost and settings.warn_once("lost"):
            warn_caller(
                f"{', '.join(repr(name) for name in lost)} of {type(self).__name__} ran in "
                "training mode, and no backward came to it, as "
                "it came to other parts: its parameters get no gradient. If its output went "
                "through an array of your own (out[t] = y, "
                "numpy.array(y)), use numpy.stack or y itself; if no gradient is meant to come, "
                "use y.detach(), or eval()",
            )

    def _forget(self) -> None:
        for part in self.children():
            part._forget()

    # ---- calls ----------------------------------------------------------------------------------

    def __call__(self, *args: Any, **more: Any) -> Any:
        if "_layer" not in self.__dict__ and "_children" in self.__dict__:
            self._compose()  # now, because it drops passes
        return self.forward(*args, **more)

    def forward(self, *args: Any, **more: Any) -> Any:
        """What a call does: written in each module."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, x)")

    def backward(self, *_args: Any, **_more: Any) -> Any:
        """Refused, with what to do instead."""
        raise TypeError(
            f"a {type(self).__name__} is not played back by itself: use loss.backward(), or "
            "y.backward(grad) on its output"
        )

    def to(self, *args: Any, **more: Any) -> Module:
        """Only what is there already is accepted: the device "cpu" and the type float32."""
        for value in (*args, *more.values()):
            if not isinstance(value, bool):
                here(value)
        return self

    def cpu(self) -> Module:
        """The module itself: everything is on the CPU."""
        return self

    def float(self) -> Module:
        """The module itself: everything is float32."""
        return self

    def release(self) -> None:
        """Gives the memory back as soon as no view needs it. Calls after this raise
        RuntimeError."""
        for part in self.children():
            part.release()
        if self.__dict__.get("_layer") is not None:
            self._layer.release()

    # ---- copies ---------------------------------------------------------------------------------

    def __copy__(self) -> Any:
        raise TypeError(
            "a module has its parameters to itself: copy.deepcopy(net) makes a copy with "
            "parameters of its own"
        )

    def _settings(self) -> dict[str, Any]:
        """Attributes without what belongs to the layer of the library."""
        return {name: value for name, value in self.__dict__.items() if name not in INTERNAL}

    def __deepcopy__(self, memo: Any) -> Any:
        other = object.__new__(type(self))
        memo[id(self)] = other
        Module.__init__(other)
        other.__dict__.update(copy.deepcopy(self._settings(), memo), _mode=self._mode)
        return other

    def __reduce__(self) -> Any:
        return _made_again, ((type(self), self._settings()),)

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return ""

    def __repr__(self) -> str:
        lines = [
            f"  ({name}): " + repr(part).replace("\n", "\n  ")
            for name, part in self.named_children()
        ]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


class Layer(Module):
    """Base of the modules that are a layer of the library: their calls are recorded passes.

    Outputs of recorded passes are Arrays, which know their pass. A pass waits for its backward
    as long as somebody holds its output, or until an update of the parameters makes it
    worthless.
    """

    def _own(self, layer: Any, context: Context | None = None, init: bool = True) -> None:
        """Takes a layer of the library."""
        self._set(layer)
        self._context = context
        self._parent = self._grads = None
        self._offset = 0
        self._ready()
        self._mode, self._seed = c.RECUR_TAPE_TRAIN, settings.next_seed()
        if init and self.flat.size:
            c.recur_layer_init(layer, None, c.RECUR_INIT_DEFAULT, 0, self._seed)

    def _ready(self) -> None:
        """No pass is recorded yet."""
        self._lock, self._pool, self._plans = threading.RLock(), Pool(), {}
        self._records = []  # weak references to the passes that wait, the newest last
        self._held = Held()  # the newest ones, for backward by hand without an output
        self._drawn, self._random, self._padded = 0, None, None
        self._count_anew()

    def _count_anew(self) -> None:
        """What has happened since the last update: the first pass, the last one played back
        that ran on plain arrays."""
        self._first, self._fed, self._played, self._detached = math.inf, -1, False, False

    def _move(self, parent: Any, layer: Any, offset: int) -> None:
        super()._move(parent, layer, offset)
        self._pool = Pool()

    def _set_public(self, name: str, value: Any) -> None:
        inside = self.__dict__
        if name in inside.get("params", ()):
            view = self.params[name]
            view[...] = floats(value, name, view.shape)
            self.forget()
        elif "_mode" not in inside or name in ("batch_first", "flat", "params", "training"):
            super()._set_public(name, value)
        elif name in inside or isinstance(getattr(type(self), name, None), property):
            raise AttributeError(
                f"{name} of a {type(self).__name__} is fixed when it is made: "
                f"{FIXED.get(name, 'make a new one')}"
            )
        elif isinstance(value, np.ndarray) and type(self).__module__.startswith(__package__):
            raise AttributeError(
                f"{type(self).__name__} has no parameter {name!r}: it has "
                f"{', '.join(self.params) or 'none'}"
            )
        else:
            super()._set_public(name, value)

    def _register(self, name: str, part: Any) -> Any:
        raise AttributeError(
            f"a {type(self).__name__} takes no module {name!r} as an attribute: write a Module "
            "that has both, or use a Sequential"
        )

    def _set_mode(self, mode: str) -> None:
        if (
            mode != c.RECUR_TAPE_EVALUATE
            and not self._able(c.RECUR_CAN_RECORD)
            and self._info.capabilities
        ):
            raise RuntimeError(f"this {type(self).__name__} is a snapshot: it cannot be trained")
        with self._lock:
            self._mode = mode
            if not self.training:
                self._drop_passes(EVALUATED)
                self._pool.clear()

    def manual_seed(self, seed: int) -> Module:
        """Dropout masks of the passes that follow depend on this seed and on how many have
        been recorded since."""
        c.recur_random(seed, 0)
        with self._lock:
            self._seed, self._drawn = int(seed), 0
        return self

    def _forget(self) -> None:
        self._drop_passes(UPDATED)
        self._count_anew()
        for part in self.children():
            part._forget()

    def _drop_passes(self, reason: Any) -> None:
        with self._lock:
            waiting = [ref() for ref in self._records]
            for one in waiting:
                if one is not None:
                    one.close(reason.format(one.name))
            self._records.clear()
            self._held.clear()

    # ---- passes ----------------------------------------------------------------------------------

    def _form(self, x: Any) -> Any:
        """(rows, whether they are ids, form) of what the user gave."""
        if is_packed(x):
            form = Packed(x)
            rows, is_ids = rows_or_ids(form.rows(x), "x")
        else:
            array, is_ids = rows_or_ids(x, "x")
            form = (
                Dense(array.shape, 2 if is_ids else 3, self.batch_first) if self.over_time else None
            )
            if form is None:
                if not is_ids and not array.ndim:
                    raise ValueError(
                        f"x must have at least one dimension for {type(self).__name__}"
                    )
                form = Rows(array.shape, is_ids)
            width = array.shape[-1] if not is_ids else None
            self._check_width(width)
            rows = np.ascontiguousarray(form.rows(array))
        self._check_width(None if is_ids else rows.shape[-1])
        if rows.ndim != (1 if is_ids else 2):
            raise ValueError(
                f"x must be {'ids' if is_ids else 'rows'}, its data have shape {rows.shape}"
            )
        return rows, is_ids, form

    def _check_width(self, width: int | None) -> None:
        if width is not None and width != self._info.input_size and self._info.input_size:
            raise ValueError(
                f"x has {width} features, {type(self).__name__} takes {self._info.input_size}"
            )

    # ---- recording ----

    def _context_handle(self) -> Any:
        return settings.handle_of(self._context)

    def _draws(self) -> bool:
        """Whether passes draw random numbers."""
        if self._random is None:
            info = self._info
            options = ("dropout", "recurrent_dropout", "zoneout_hidden", "zoneout_cell")
            self._random = any(getattr(info, name) for name in options) or any(
                part._draws() for part in self.children()
            )
        return self._random

    def _tape_for(self, links: Any, state: Any = None) -> Any:
        """(tape to record on, its token): those of the pass which an initial state comes
        from, or for this pass alone."""
        origins = [link.node for link in links if type(link) is Link]
        if state is not None and state.origin is not None:
            origins.append(state.origin())
        for before in origins:
            if (
                type(before) is Pass
                and before.module is self
                and before.newest()
                and before.tape.mode == self._mode
            ):
                before.tape.cut(before.place + 1)
                return before.tape, before.token
        self._trim()
        seed = None
        if self._draws():
            seed = c.recur_random(self._seed, self._drawn)
            self._drawn += 1
        tape = self._pool.take(self._context_handle).prepare(self._mode, seed)
        return tape, self._pool.lend(tape)

    def _trim(self) -> None:
        """Lets go of passes that nobody else holds, when they take more memory than
        settings allow."""
        held = self._held
        expected = held[-1].bytes if held else 0
        while held and expected + held.bytes > settings.unheld_bytes:
            held.popleft()

    def _remember(self, one: Any, state: Any = None) -> None:
        """Puts a new pass on the list of those that wait. The next one with this State
        follows it on its tape."""
        if state is not None:
            state.origin = weakref.ref(one)
        passes, held, tape = self._records, self._held, one.tape
        self._first = min(self._first, one.serial)
        while len(passes) > 1 and passes[-1]() is None and passes[-2]() is None:
            passes.pop()
        passes.append(weakref.ref(one))
        one.bytes = (
            max(tape.bytes() - sum(other.bytes for other in held if other.tape is tape), 0)
            if one.place
            else tape.bytes()
        )
        held.append(one)
        if len(passes) > settings.waiting:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Keeps the number of waiting passes within the bound."""
        alive = [one for one in (ref() for ref in self._records) if one is not None]
        if len(alive) <= settings.waiting:
            self._records = [weakref.ref(one) for one in alive]
            return
        if settings.warn_once("waiting"):
            warn_caller(
                f"{len(alive)} recorded passes of one {type(self).__name__} wait for their "
                "backward, and the oldest are dropped. Use "
                "eval() for passes that need no gradient, y.detach() for results that you keep, "
                "or recur.settings.set_waiting",
            )
        for one in alive[: -settings.waiting]:
            one.close(CROWDED.format(one.name, settings.waiting))

    def _closed(self, one: Any) -> None:
        """A pass does not wait any more."""
        self._held.discard(one)
        for at in range(len(self._records) - 1, -1, -1):
            if self._records[at]() is one:
                del self._records[at]
                break

    def _call(
        self, x: Any, given: Any, state: Any = None, own: bool = False, links: Any = ()
    ) -> list[Any]:
        """Runs the layer. `given` is what _form made of x; `state` is a State, whose values
        are results too if it is the call's own. Gives [rows of y, final states ...]: Arrays
        in training, if somebody may ask for their gradients."""
        rows, is_ids, form = given
        layer, layout, data = self._open(), form.layout, data_of(x)
        run = c.RAW["recur_layer_forward_ids" if is_ids else "recur_layer_forward"]
        out_rows = c.RAW["recur_layer_rows"](layer.owned, layout.handle.owned)
        y = np.empty((out_rows, self._info.output_size), np.float32)
        link = None if is_ids else link_of(data)
        if not self.training:
            tape = self._pool.take(self._context_handle).prepare(EVALUATE)
            run_forward(run, layer, layout, rows, state, y, tape)
            self._pool.free.append(tape)
            if planned_array(x):
                self._plan_pass(x, form, rows, y)
            return self._untracked([y, *(self._finals(state) if own else ())], (link, *links))
        if type(link) is not Link and not is_ids:
            rows = kept(rows, data)
        with self._lock:
            tape, token = self._tape_for(links, state)
            run_forward(run, layer, layout, rows, state, y, tape)
            finals = self._finals(state) if own else ()
            one = Pass(self, tape, token, rows, is_ids, form, (y, *finals), (link, *links))
            self._remember(one, None if own else state)
        return [one.array(i) for i in range(len(one.bases))]

    def _plan_pass(self, x: Any, form: Any, rows: Any, y: Any) -> None:
        """Makes the plan of a shape when it comes for the second time."""
        plans = self._plans
        if not x.size or not y.size or x.size + y.size > MOST_NUMBERS:
            return
        known = plans.get(x.shape)
        if known is not None and known.fits(self):
            return
        if x.shape not in plans:
            if len(plans) >= MOST_PLANS:
                plans.clear()
            plans[x.shape] = None
            return
        per_sequence = self._able(c.RECUR_CAN_REDUCE_TIME)
        plans[x.shape] = PassPlan(self, form, rows, y, per_sequence)

    def _planned_pass(self, x: Any, state: Any = None) -> Any:
        """What a call in evaluation gives, if there is a plan for it: y, and with a State this
        too. None: it goes the general way."""
        plan = self._plans.get(x.shape)
        if plan is None or not planned_array(x):
            return None
        owned = plan.take(self)  # held until the call is over
        if owned is None:
            return None
        pool = self._pool
        try:
            tape = pool.take(self._context_handle).prepare(EVALUATE)
            if state is None:
                result = plan.run(x, tape.handle._owned)
            else:
                result = plan.run_with(x, state, tape.handle._owned), state
        finally:
            plan.lock.release()
        pool.free.append(tape)
        return result

    def _finals(self, state: Any) -> list[Any]:
        return [state[name] for name in self.states]

    def _untracked(self, results: Any, links: Any) -> Any:
        """Results in evaluation: plain, or with the reason why no gradient goes back to the
        modules that x comes from."""
        if all(link is None for link in links):
            return results
        return foreign(
            results,
            f"{type(self).__name__} in eval mode (train(dropout=False) records without dropout)",
            links,
        )

    # ---- going back ----

    def _newest(self, grad: Any = None) -> Pass:
        """The pass that backward by hand means: the newest one that waits."""
        if not self._records:
            raise OrderError(
                f"{type(self).__name__} has no recorded pass: backward follows a call in training "
                "mode, "
                "before the parameters are updated"
            )
        newest = self._records[-1]()
        if newest is None:
            self._records.pop()
            raise OrderError(UNHELD.format(type(self).__name__))
        makers = makers_in([data_of(grad)])
        origins = {made[0] for made in makers if type(made) is tuple}
        origins |= {ref() for made in makers if type(made) is not tuple for ref in made.passes}
        older = [
            one
            for one in origins
            if type(one) is Pass and one.module is self and one.status == WAITS
        ]
        if older and newest not in older:
            raise OrderError(
                f"backward of {type(self).__name__} means its newest call, and this gradient was "
                "computed from the output of an "
                "older one: use loss.backward() or y.backward(grad), which know their pass"
            )
        return newest

    def _back(self, one: Any, dy: Any, dstate: Any, want_dx: bool) -> Any:
        """Plays a pass back: dx as rows, or None."""
        if one.status != WAITS:
            raise OrderError(one.status)
        layer, packed, grads, tape = self._open(), one.form.layout.handle, self.flat_grad, one.tape
        grads = grads if grads.size else None
        padding = [(vector, vector.copy()) for vector in self._padding()]
        tape.cut(
            one.place + 1,
            f"this pass of {one.name} was dropped, because the pass that its state comes from was "
            "played back",
        )
        if one.is_ids:
            c.recur_layer_backward_ids(layer, packed, one.rows, dy, dstate, grads, tape.handle)
            dx = None
        else:
            dx = np.empty_like(one.rows) if want_dx else None
            c.recur_layer_backward(layer, packed, one.rows, dy, dstate, dx, grads, tape.handle)
        for vector, before in padding:
            vector[:] = before
        self._was_played(one)
        return dx

    def _was_played(self, one: Any) -> None:
        """The record of a pass is gone, its gradients are added."""
        one.tape.passes.pop()
        self._played = True
        if any(link is None for link in one.links[one.is_ids :]):
            self._fed = max(self._fed, one.serial)
        one.close(PLAYED.format(one.name))

    def _padding(self) -> list[Any]:
        """Gradients that stay as they are: those of vectors for padding."""
        if self._padded is None:
            self._padded = [
                module
                for module in self.modules()
                if getattr(module, "padding_idx", None) is not None
            ]
        return [module.grads["weight"][module.padding_idx] for module in self._padded]

    def _play(self, one: Any, given: Any) -> Any:
        """Backward of a pass in a chain: pairs of a link and its gradient."""
        with self._lock:
            dx = self._back(one, given[0], None, one.links[0] is not None)
        return [(one.links[0], data_of(one.form.shaped(dx, False)))] if dx is not None else []

    def _dy(self, one: Any, grad: Any) -> Any:
        """The user's gradient of y as rows."""
        if grad is None:
            return None
        if hasattr(grad, "batch_sizes"):
            grad = (
                type(grad).of(plain(grad.data), grad.layout)
                if isinstance(grad.data, Array)
                else grad
            )
        return one.form.gradient(
            plain(grad), self._info.output_size, self._able(c.RECUR_CAN_REDUCE_TIME)
        )

    def forward(self, x: Any = None, **more: Any) -> Any:
        """y = module(x): the class says what x is."""
        if type(x) is np.ndarray and not more and self._mode == EVALUATE:
            y = self._planned_pass(x)
            if y is not None:
                return y
        if more or x is None:
            x, _ = by_names(self, x, None, more, ("input",))
        given = self._form(x)
        return given[2].shaped(self._call(x, given)[0], self._able(c.RECUR_CAN_REDUCE_TIME))

    def backward(self, grad: Any = None, *, input_grad: bool = True) -> Any:
        """Gradient of x, from that of y (None: zeros), of the newest recorded call: for
        going back by hand, module by module. Gradients of parameters add up in `grads`.
        None where x were ids, or with input_grad=False."""
        with self._lock:
            one = self._newest(grad)
            dx = self._back(one, self._dy(one, grad), None, input_grad)
        return None if dx is None else one.form.shaped(dx, False)

    def memory(self, lengths: Any, flags: Any = 0) -> types.SimpleNamespace:
        """Bytes that the library takes for this module and a batch of sequences of these
        lengths (or a Layout): parameters, snapshot, state, record, scratch of training and
        of inference ...; recur_memory in C. flags: c.RECUR_MEMORY_*."""
        layout = lengths if isinstance(lengths, Layout) else Layout(lengths)
        return c.recur_layer_memory(self._open(), layout.handle, flags)

    # ---- streaming, copies, the end -------------------------------------------------------------

    def state(self, batch: int) -> State:
        """A fresh state for that many sequences."""
        return State(self, batch)

    def step(self, x: Any, state: State, out: Floats | None = None) -> npt.NDArray[Any]:
        """One step of every stream of a state: x [B][I] or ids [B]. No dropout, nothing is
        recorded."""
        if type(state) is State and type(x) is np.ndarray and x.dtype is F32:
            plan, layer = state._plan, self._layer
            if (
                plan is not None
                and plan.layer() is layer
                and plan.x_shape == x.shape
                and state._handle._owned is plan.owned
                and (out is None or plan.takes(out))
            ):
                owned = layer._owned  # held until the call is over
                if owned is not None:
                    return plan.run(x, out)
        if not isinstance(state, State):
            raise TypeError(
                f"state must be a State (module.state(batch)), not {type(state).__name__}"
            )
        rows, is_ids = rows_or_ids(x, "x")
        wanted = (state.batch,) if is_ids else (state.batch, self._info.input_size)
        if rows.shape != wanted:
            raise ValueError(f"x must have shape {wanted}, not {rows.shape}")
        y = np.empty((state.batch, self._info.output_size), np.float32) if out is None else out
        if out is not None and getattr(out, "shape", None) != (state.batch, self._info.output_size):
            raise ValueError(
                f"out must be an array of shape {(state.batch, self._info.output_size)}"
            )
        step = c.recur_layer_step_ids if is_ids else c.recur_layer_step
        step(self._open(), rows, state._handle, y, None)
        if not is_ids and rows.size + y.size <= MOST_NUMBERS:
            state._plan = StepPlan(self._open(), state, self._info)
        return y

    def snapshot(self, precision: str = "float32") -> Module:
        """An immutable copy that runs fastest, for any number of threads; it has no
        parameters and records nothing. precision: "float32", or "bfloat16" or "int8" for
        matrices of fewer bits, which pay from about 128 units on; `quantise` measures what
        they cost."""
        return self._frozen(c.recur_layer_snapshot(self._open(), precision_of(precision)))

    def _frozen(self, layer: Any) -> Module:
        """A module like this one around a snapshot."""
        frozen = object.__new__(type(self))
        frozen.__dict__.update(self._settings())
        frozen._own(layer, self._context, init=False)
        frozen._mode = c.RECUR_TAPE_EVALUATE
        return frozen

    def quantise(
        self, x: Any, precision: str = "int8", most_y: float = 0.0, most_state: float = 0.0
    ) -> tuple[Module, types.SimpleNamespace]:
        """(snapshot, report): a snapshot with matrices of fewer bits, and how far it is off
        float32 on the batch x. With a bound (most_y, most_state: the largest difference in
        the output, and in the state after the last step) the parts that cost most get
        float32, until the bound holds.

        report.y_error and report.state_error are those of the snapshot; report.matrices has
        for each matrix its name, precision, weight_error (of its numbers, a part of their
        root mean square), and the y_error and state_error of its part alone."""
        rows, is_ids, form = self._form(x)
        options = {
            "precision": precision_of(precision),
            "packed": form.layout.handle,
            "ids" if is_ids else "x": rows,
            "most_y": most_y,
            "most_state": most_state,
        }
        layer = self._open()
        matrices = (STRUCTS["recur_quantised"] * c.recur_layer_tensor_count(layer))()
        report = c.recur_quantise_report(count=len(matrices), matrix=matrices)
        snapshot = c.recur_quantise(layer, c.recur_quantise_options(**options), report)
        told = [
            types.SimpleNamespace(
                name=m.name.decode(),
                precision=PRECISIONS[m.precision],
                weight_error=m.weight_error,
                y_error=m.y_error,
                state_error=m.state_error,
            )
            for m in matrices[: report.count]
        ]
        return self._frozen(snapshot), types.SimpleNamespace(
            y_error=report.y_error, state_error=report.state_error, matrices=told
        )

    def release(self) -> None:
        """Gives the memory back as soon as no view needs it. Calls after this raise
        RuntimeError."""
        self._plans.clear()
        self._layer.release()
        self._pool.clear()
        self._records.clear()
        self._held.clear()

    # ---- copies ----

    def _tree(self, memo: Any = None) -> tuple[Any, ...]:
        """What a module and its parts are beside their layers. With a memo (of deepcopy) it
        shares nothing with them."""
        attributes = self._settings() if memo is None else copy.deepcopy(self._settings(), memo)
        context = None if memo is None else self._context
        parts = [(name, part._tree(memo)) for name, part in self.__dict__.get("_composed", ())]
        return type(self), attributes, (self._mode, self._seed, self._drawn), context, parts

    @staticmethod
    def _planted(tree: Any, layer: Any) -> Layer:
        """The module of a tree, around a layer (of a whole: its parts are found in it), or
        around none."""
        kind, attributes, (mode, seed, drawn), context, parts = tree
        module = object.__new__(kind)
        module.__dict__.update(
            attributes,
            _layer=None,
            params={},
            _tensors=[],
            _context=context,
            _planned=context,
            _parent=None,
            _grads=None,
            _offset=0,
        )
        module._ready()
        module.__dict__.update(_mode=mode, _seed=seed, _drawn=drawn)
        if parts:
            module._composed = [(name, Layer._planted(part, None)) for name, part in parts]
        if layer is not None:
            module._set(layer)
            module._adopt(module.__dict__.get("_composed", ()))
        return module

    def __deepcopy__(self, memo: Any) -> Any:
        if memo and isinstance(
            self._parent, Layer
        ):  # one of several things that are copied, with the whole perhaps
            copy.deepcopy(self._parent, memo)
            return memo[id(self)]
        layer = None if self._layer is None else c.recur_layer_copy(self._open())
        other = Layer._planted(self._tree(memo), layer)
        memo.update({id(old): new for old, new in zip(self.modules(), other.modules())})
        if self._grads is not None:
            other.flat_grad[:] = self._grads
        return other

    def __reduce__(self) -> Any:
        if not self._able(c.RECUR_CAN_RECORD) and self._info.capabilities:
            raise TypeError("a snapshot is not pickled: pickle the module that it was made of")
        if isinstance(self._parent, Layer):
            return _part_of, (
                self._parent,
                next(name for name, part in self._parent._named_parts() if part is self),
            )
        if self._layer is None:
            return _made_again, (self._tree(), None)
        file = c.recur_file_open_memory(None, None, 0)
        c.recur_file_put_model(file, "", self._open(), None)
        return _made_again, (self._tree(), c.recur_file_write_memory(file))


def by_names(module: Any, x: Any, state: Any, more: Any, names: Any) -> Any:
    """(x, state) of a call with PyTorch's names: input= and hx=."""
    for name, value in more.items():
        if name not in names:
            raise TypeError(
                f"{type(module).__name__} takes no argument {name!r} when it is called: it takes "
                f"{', '.join(names)}"
            )
        if (x if name == "input" else state) is not None:
            raise TypeError(f"{type(module).__name__} was given {name!r} twice")
        x, state = (value, state) if name == "input" else (x, value)
    if x is None:
        raise TypeError(f"{type(module).__name__} needs its input")
    return x, state


def kept(rows: Any, data: Any) -> Any:
    """Rows that stay as they are until backward: a copy, unless nobody else can write into them
    or the user promised not to."""
    if (
        not settings.copies_inputs
        or not isinstance(data, np.ndarray)
        and not hasattr(data, "detach")
    ):
        return rows
    if isinstance(data, np.ndarray) and not np.may_share_memory(rows, data):
        return rows
    return rows.copy()
