"""What all modules have in common: children, parameters, gradients, modes, copies."""

from __future__ import annotations

import copy
import types
from typing import Any, Callable, Mapping, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from . import _api, c, settings
from ._arrays import here, to_numpy, warn_caller
from .parameter import Parameter, Parameters

if TYPE_CHECKING:
    pass

SCHEMES = {
    name[len("RECUR_INIT_") :].lower(): n
    for name, n in _api.CONSTANTS.items()
    if name.startswith("RECUR_INIT_")
}
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
    "_record_plans",
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
    **{
        name: "Python runs this module, and only layers of the library have it: its parts do"
        for name in ("snapshot", "quantise", "step", "state", "memory")
    },
    "requires_grad": "to freeze parameters, optimizer.scale(name, lr=0), or give the optimizer "
    "the other modules only",
}


def is_ours(kind: type) -> bool:
    """Whether a class is one of this package, and not of a file of the user's, whose name may begin
    alike."""
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def holds_modules(value: Any) -> bool:
    values = (
        value.values()
        if isinstance(value, dict)
        else value
        if isinstance(value, (list, tuple))
        else ()
    )
    return any(isinstance(v, Module) or holds_modules(v) for v in values)


def _made_again(kind: Any, attributes: Any) -> Any:
    """A module of the user's from its pickle."""
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
    recorded = False  # whether a call is one pass of the library
    flat: npt.NDArray[np.float32]
    params: Mapping[str, Parameter]
    _layer: Any
    _info: Any
    _parent: Any
    _grads: Any
    _tensors: list[Any]
    _state_forms: dict[int, Any]
    _records: Any
    _plans: dict[Any, Any]
    _record_plans: dict[Any, Any]
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
        found: dict[int, Any] = {}
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
        self._layer, self._state_forms = layer, {}
        self._plans, self._record_plans = {}, {}
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
        made: npt.NDArray[Any] = self._grads
        return made

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
        return bool(self._mode != c.RECUR_TAPE_EVALUATE)

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
        parts = [(name, part) for name, part in self.named_modules() if part.recorded]
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
                "use y.detach(), or eval()"
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
        return _made_again, (type(self), self._settings())

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
