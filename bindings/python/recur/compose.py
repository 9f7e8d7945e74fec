"""Modules of modules: one flat vector for all parameters, one optimizer, one file."""

from __future__ import annotations

import copy
import types
from typing import TYPE_CHECKING, Any, Iterable, Iterator

import numpy as np

from . import c, settings
from ._arrays import size
from .cells import Cell
from .layers import Activation, Dropout, Last, LayerNorm, Lazy, Softmax
from .layer import EVALUATE, Layer
from .module import Module, by_names, is_ours
from .parameter import Parameter
from .recurrent import Recurrent
from .state import State

if TYPE_CHECKING:
    from .settings import Context


class Composite(Layer):
    """Parts by name. They are copied into one flat vector, and become windows on it: what they
    had stays in them, their parameter and gradient arrays are new views."""

    def _build(self, kind: Any, names: Any, parts: Any, context: Context | None) -> None:
        for name, part in zip(names, parts):
            if not isinstance(part, Module):
                raise TypeError(f"part {name!r} must be a module, not {type(part).__name__}")
            if has_own_forward(part):
                raise TypeError(
                    f"part {name!r} ({type(part).__name__}) has a forward of its own, and this "
                    f"{type(self).__name__} runs in C: give it to Sequential(...) when that is "
                    "made, or write a Module whose forward calls the parts"
                )
            if isinstance(part, Softmax) and part.dim != -1:
                raise NotImplementedError(
                    f"part {name!r} is Softmax(dim={part.dim}), and this {type(self).__name__} "
                    "runs in C over rows of any number of dimensions: write Softmax(-1), the last"
                )
            if part._parent is not None:
                raise ValueError(
                    f"part {name!r} already belongs to a {type(part._parent).__name__}"
                )
        if self in (module for part in parts for module in part.modules()):
            raise ValueError(f"a {type(self).__name__} cannot be part of itself")
        if len({id(p) for p in parts}) != len(parts):
            raise ValueError("the same module is given twice")
        self._bind(names, parts)
        layers = [part._open() for part in parts]
        self._own(self._make_whole(kind, names, layers, context), context, init=False)
        self._composed, self._random, self._padded = list(zip(names, parts)), None, None
        self._adopt(self._composed)

    def _make_whole(self, kind: Any, names: Any, layers: Any, context: Context | None) -> Any:
        handle = settings.handle_of(context)
        return c.recur_compose_create(handle, kind, len(layers), names, layers)

    def _bind(self, names: Any, parts: Any) -> None:
        for name, part in zip(names, parts):
            if isinstance(part, Lazy) and part.features is None:
                raise ValueError(
                    f"part {name!r} ({type(part).__name__}) does not know its features: give "
                    "features="
                )

    def _named_parts(self) -> Any:
        return list(self.__dict__.get("_composed", ()))

    def _register(self, name: str, part: Any) -> None:
        """A module that is assigned becomes the last part, or takes the place of the part
        of that name."""
        parts = dict(self._named_parts())
        parts[name] = part
        self._rebuild(list(parts), list(parts.values()))

    def _rebuild(self, names: Any, parts: Any) -> None:
        """The same module of other parts, with the parameters and gradients they have.
        Optimizers are made anew."""
        if self._parent is not None:
            if isinstance(self._parent, Composite):
                raise ValueError(
                    f"this {type(self).__name__} is part of a {type(self._parent).__name__}: it "
                    "changes before, not after"
                )
            self._parent._scatter()
        before, mode, context = self._named_parts(), self._mode, self._context
        self.forget()
        for _, part in before:
            part._leave()
        try:
            self._build(self.kind, names, parts, context)
        except BaseException:
            self._build(
                self.kind, [name for name, _ in before], [part for _, part in before], context
            )
            raise
        finally:
            self._mode = mode

    def __len__(self) -> int:
        return len(self.children())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.children())

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return dict(self.named_children())[key]
        if isinstance(key, slice):
            parts = self._named_parts()[key]
            if not isinstance(self, Sequential) or key.step not in (None, 1) or not parts:
                raise IndexError(
                    f"{key} of a {type(self).__name__}: only parts of a Sequential that follow "
                    "each other are a slice"
                )
            return Slice(self, parts)
        return self.children()[key]

    def __getattr__(self, name: str) -> Any:
        for key, part in self.__dict__.get("_composed", ()):
            if key == name:
                return part
        return super().__getattr__(name)

    def release(self) -> None:
        """Gives the memory back; the object is of no use after it."""
        super().release()
        for part in self.children():
            part.release()


def has_own_forward(module: Any) -> bool:
    """Whether Python runs the module: its forward is not that of a layer of this package."""
    if not isinstance(module, Layer):
        return True
    kinds: list[Any] = [k for k in type(module).__mro__ if is_ours(k)]
    return type(module).forward is not kinds[0].forward


def named(args: Any) -> tuple[Any, ...]:
    """(names, parts) of PyTorch's two forms: modules one after the other, or a dict."""
    if len(args) == 1 and hasattr(args[0], "items"):
        return [str(k) for k in args[0]], list(args[0].values())
    return [str(i) for i in range(len(args))], list(args)


class Sequential(Composite):
    """A chain: every part takes the rows of the one before. y = net(x), or y, state = net(x,
    state) with a State. It runs in C as one layer; with a module of yours among the parts, which
    has a forward of its own, you get a Chain, which runs them one by one.

    Last, Dropout, Merge and activations take their number of features from the part before them.

    >>> import numpy as np, recur
    >>> net = recur.Sequential(recur.GRU(3, 8), recur.Last(), recur.Linear(8, 2))
    >>> net(np.zeros((5, 4, 3), np.float32)).shape               # [time][batch][features]
    (4, 2)
    """

    kind = c.RECUR_COMPOSE_SEQUENTIAL

    def __new__(cls, *parts: Any, **more: Any) -> Any:
        if cls is Sequential and any(
            isinstance(part, Module) and has_own_forward(part) for part in named(parts)[1]
        ):
            return Chain(*parts, **more)
        return super().__new__(cls)

    def __init__(self, *parts: Any, context: Context | None = None) -> None:
        names, parts = named(parts)
        if not parts:
            raise ValueError(f"a {type(self).__name__} needs at least one part")
        self._build(self.kind, names, parts, context)

    def _build(self, kind: Any, names: Any, parts: Any, context: Context | None) -> None:
        super()._build(kind, names, parts, context)
        self.__dict__["over_time"] = any(p.over_time for p in parts)
        self.batch_first = any(p.batch_first for p in parts)

    def append(self, module: Module) -> Sequential:
        """One more part at the end. Optimizers of the whole are made anew afterwards."""
        return self.insert(len(self), module)

    def extend(self, modules: Iterable[Module]) -> Sequential:
        """More parts at the end."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Sequential:
        """One more part before that index; parts whose names are their numbers are numbered
        again."""
        names, parts = [name for name, _ in self._named_parts()], self.children()
        numbered = names == [str(i) for i in range(len(names))]
        names.insert(index, str(len(names)))
        parts.insert(index, module)
        self._rebuild([str(i) for i in range(len(parts))] if numbered else names, parts)
        return self

    def _bind(self, names: Any, parts: Any) -> None:
        if isinstance(parts[0], Lazy) and parts[0].features is None:
            super()._bind(names[:1], parts[:1])
        bind_chain(names, parts)

    def forward(self, x: Any = None, state: Any = None, **more: Any) -> Any:
        """y = net(x), or y, state = net(x, state) with a State, which is changed: gradients
        do not go through it."""
        if more or x is None:
            x, state = by_names(self, x, state, more, ("input", "hx"))
        if state is None:
            return super().forward(x)
        if not isinstance(state, State):
            raise TypeError(f"state must be a State (net.state(batch)), not {type(state).__name__}")
        if type(state) is State and self._mode == EVALUATE and isinstance(x, np.ndarray):
            known = self._planned_pass(x, state)
            if known is not None:
                return known
        given = self._form(x)
        y = self._call(x, given, state)[0]
        return given[2].shaped(y, self._able(c.RECUR_CAN_REDUCE_TIME)), state

    def backward(self, grad: Any = None, grad_state: Any = None, *, input_grad: bool = True) -> Any:
        """Gradient of x; with a State as gradient of the final state: (gradient of x, that
        of the initial state)."""
        if grad_state is None:
            return super().backward(grad, input_grad=input_grad)
        if not isinstance(grad_state, State):
            raise TypeError(
                f"grad_state must be a State (net.state(batch)), not {type(grad_state).__name__}"
            )
        with self._lock:
            one = self._newest(grad)
            dx = self._back(one, self._dy(one, grad), grad_state._handle, input_grad)
        return None if dx is None else one.form.shaped(dx, False), grad_state


def bind_chain(names: Any, parts: Any) -> None:
    """Each part learns from those before it what it was not told. What follows a module of the
    user's at once, learns it from its first input."""
    unbound = [p for p in parts if isinstance(p, Last) and p.features is None]
    timed = [p for p in parts if p.over_time and p not in unbound]
    if len({p.batch_first for p in timed}) > 1:
        raise ValueError("some parts are batch_first and some are not")
    width: Any = None
    before: list[Any] = []
    for name, part in zip(names, parts):
        if isinstance(part, Cell):
            raise ValueError(
                f"part {name!r} is a cell: a Sequential runs over time and needs RNN, LSTM or GRU"
            )
        if has_own_forward(part):
            width, before = None, [part]
            continue
        if isinstance(part, Lazy) and part.features is None:
            if isinstance(part, Last) and part.direction is None:
                part.__dict__["direction"] = direction_after(name, before)
            if timed:
                part.batch_first = timed[0].batch_first
            if width is not None:
                part.bind(width)
        if part._layer is not None:
            width = part._info.output_size
        before.append(part)


def direction_after(name: str, before: Any) -> str:
    """Where the whole sequence has been seen, after these parts."""
    flat = [
        p for part in before for p in (part.children() if isinstance(part, Sequential) else [part])
    ]
    while flat and isinstance(flat[-1], (Dropout, Activation, LayerNorm)):
        flat.pop()
    if flat and isinstance(flat[-1], Recurrent):
        made: str = flat[-1].direction
        return made
    if any(has_own_forward(p) for p in flat):
        raise ValueError(
            f"part {name!r} (Last) follows a module of yours: give it a direction, Last('forward')"
        )
    if any(isinstance(p, Recurrent) and p.direction != "forward" for p in flat):
        raise ValueError("Last does not follow a recurrent layer at once: give its direction")
    return "forward"


class Slice(Sequential):
    """Some parts of a Sequential that follow each other: net[1:3]. They stay parts of it, with
    its parameters.

    It runs its parts one by one. For a layer of its own, with parameters of its own, take
    copy.deepcopy(net[1:3])."""

    def __init__(self, whole: Any, parts: Any) -> None:
        self._composed, self._parent, self._layer = parts, whole, None
        self._context = self._grads = self._seed = None
        self._ready()
        self._mode = whole._mode
        sizes = [part.flat.size for _, part in parts]
        self._offset = next((part._offset for _, part in parts if part.flat.size), 0)
        self.flat = whole.flat[self._offset : self._offset + sum(sizes)]
        self._info = types.SimpleNamespace(
            capabilities=c.RECUR_CAN_RECORD,
            input_size=width_of(parts[0][1], "input_size"),
            output_size=width_of(parts[-1][1], "output_size"),
        )
        self._tensors = [
            (f"{name}.{tensor}", at + part._offset - self._offset, count, shape)
            for name, part in parts
            for tensor, at, count, shape in part._tensors
        ]
        self.params = types.MappingProxyType(
            {name: Parameter.of(view, whole) for name, view in self._views(self.flat).items()}
        )

    def _open(self) -> Any:
        raise NotImplementedError(
            "a slice of a Sequential has no layer of its own: copy.deepcopy(net[1:3]) makes one, "
            "with parameters of its own; optimizers "
            "take the whole"
        )

    def forward(self, x: Any = None, state: Any = None, **more: Any) -> Any:
        x, state = by_names(self, x, state, more, ("input",))
        if state is not None:
            raise TypeError("a slice of a Sequential takes no State: run its parts")
        return run_parts(self, x)

    def state_dict(self) -> dict[str, Any]:
        """What load_state_dict needs to go on from here."""
        return dict(self.params)

    def _rebuild(self, names: Any, parts: Any) -> Any:
        raise TypeError("a slice of a Sequential cannot be changed: its parts belong to the whole")

    def __deepcopy__(self, memo: Any) -> Any:
        return Sequential({name: copy.deepcopy(part) for name, part in self._composed})

    def __reduce__(self) -> Any:
        return copy.deepcopy(self).__reduce__()

    def __repr__(self) -> str:
        return super().__repr__().replace("Slice", "Sequential", 1)


class Residual(Sequential):
    """A chain whose input is added to its output: y = x + chain(x).

    >>> import numpy as np, recur
    >>> net = recur.Residual(recur.Linear(3, 3).init_("constant", 0.0))
    >>> net(np.ones((2, 3), np.float32)).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """

    kind = c.RECUR_COMPOSE_RESIDUAL


def width_of(part: Any, side: str) -> int:
    """Features of a part; 0 if it does not know."""
    return int(getattr(part._info, side)) if part._has_parameters() or part.recorded else 0


class Graph(Sequential):
    """Parts that take each other's output. Each is a module, which takes all of the part before
    it, or (module, sources): names of parts before it, None for the graph's input, or (name, begin,
    count) for some of the features; they stand side by side. The last part's output is the graph's.

    A skip, a mask, a sum of branches are sources of a Merge; Identity with several sources gives
    them side by side.

    >>> import numpy as np, recur
    >>> net = recur.Graph(4, {
    ...     "rnn": recur.LSTM(4, 4),
    ...     "mask": recur.Sigmoid(),
    ...     "out": (recur.Merge("multiply"), ["mask", None]),
    ... })
    >>> net(np.zeros((5, 2, 4), np.float32)).shape
    (5, 2, 4)
    """

    kind = c.RECUR_COMPOSE_GRAPH

    def __init__(self, input_size: int, parts: Any, *, context: Context | None = None) -> None:
        if not hasattr(parts, "items") or not len(parts):
            raise ValueError("a Graph needs a dict of parts, at least one")
        self.input_size = size(input_size, "input_size")
        given = {str(k): v if isinstance(v, tuple) else (v, None) for k, v in parts.items()}
        self._sources = {name: sources_of(name, v[1:]) for name, v in given.items()}
        self._build(self.kind, list(given), [v[0] for v in given.values()], context)

    def _make_whole(self, kind: Any, names: Any, layers: Any, context: Context | None) -> Any:
        spelled = []  # keeps what the array below points to
        for name, layer in zip(names, layers):
            sources = [c.recur_source(part=p, begin=b, count=n) for p, b, n in self._sources[name]]
            array = (c.recur_source * len(sources))(*sources) if sources else None
            spelled.append(
                c.recur_graph_part(
                    name=name, layer=layer, sources=array, source_count=len(sources)
                )
            )
        parts = (c.recur_graph_part * len(spelled))(*spelled)
        handle = settings.handle_of(context)
        return c.recur_graph_create(handle, self.input_size, len(spelled), parts)

    def _width(self, widths: dict[Any, int], sources: Any) -> int | None:
        """Features of these sources together; None if one is not there, which C refuses."""
        if any(part not in widths for part, _, _ in sources):
            return None
        total: int = sum(count or widths[part] - begin for part, begin, count in sources)
        return total

    def _bind(self, names: Any, parts: Any) -> None:
        widths: dict[Any, int] = {None: self.input_size}
        before: Any = None
        for name, part in zip(names, parts):
            if isinstance(part, Lazy) and part._layer is None:
                if isinstance(part, Last) and part.direction is None:
                    raise ValueError(f"part {name!r} (Last) of a Graph needs a direction")
                width = self._width(widths, self._sources[name] or [(before, 0, 0)])
                if width is None:
                    super()._bind([name], [part])
                part.bind(width)
            widths[name], before = part._info.output_size, name

    def _rebuild(self, names: Any, parts: Any) -> None:
        if list(names) != [name for name, _ in self._named_parts()]:
            raise TypeError("the parts of a Graph stay as they are: make a new one")
        super()._rebuild(names, parts)

    def insert(self, index: int, module: Module) -> Sequential:
        """Refused: a part says what it takes when the graph is made."""
        raise TypeError("the parts of a Graph stay as they are: make a new one")

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            raise IndexError("a Graph has no slices: its parts take more than the one before")
        return super().__getitem__(key)


def sources_of(name: str, given: Any) -> list[tuple[str | None, int, int]]:
    """(part, begin, count) of each source of a part; [] for the part before it."""
    if len(given) != 1:
        raise ValueError(f"part {name!r} is (module, sources), not a tuple of {len(given) + 1}")
    found = []
    for one in [] if given[0] is None else given[0]:
        part, begin, count = one if isinstance(one, tuple) else (one, 0, 0)
        if not (part is None or isinstance(part, str)):
            raise TypeError(f"a source of part {name!r} is {part!r}: it is a name, or None")
        found.append((part, size(begin, "begin", 0), size(count, "count", 0)))
    return found


class Group(Composite):
    """Parts that you run yourself, such as encoder and decoder: group = Group(encoder=...,
    decoder=...).

    >>> import recur
    >>> group = recur.Group(encoder=recur.GRU(3, 4), decoder=recur.GRU(4, 4))
    >>> adam = recur.Adam(group)
    >>> group.encoder.hidden_size, len(group)
    (4, 2)
    """

    kind = c.RECUR_COMPOSE_GROUP

    def __init__(self, *parts: Any, context: Context | None = None, **more: Any) -> None:
        names, parts = named(parts)
        self._build(self.kind, [*names, *more], [*parts, *more.values()], context)

    def forward(self, *_args: Any, **_more: Any) -> Any:
        """Refused: the parts are run, not the group."""
        raise TypeError("a Group is not run: run its parts")

    def backward(self, *_args: Any, **_more: Any) -> Any:
        """Refused, with what to do instead."""
        raise TypeError("a Group is not run: run its parts")


class ModuleList(Module):
    """Modules in a list, for a Module of yours: its forward runs them.

    >>> import recur
    >>> layers = recur.ModuleList([recur.Linear(3, 3), recur.Linear(3, 2)])
    >>> len(layers), list(layers.params)
    (2, ['0.weight', '0.bias', '1.weight', '1.bias'])
    """

    def __init__(self, modules: Any = ()) -> None:
        super().__init__()
        self.extend(modules)

    def append(self, module: Module) -> ModuleList:
        """One more at the end."""
        if not isinstance(module, Module):
            raise TypeError(f"a module is needed, not {type(module).__name__}")
        setattr(self, str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """More at the end."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """One more before that index."""
        found = list(self._children.values())
        found.insert(index, module)
        self._scatter()
        self._children.clear()
        self.extend(found)

    def __len__(self) -> int:
        return len(self._children)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._children.values())

    def __getitem__(self, index: int) -> Any:
        found = list(self._children.values())[index]
        return found

    def __setitem__(self, index: int, module: Any) -> None:
        setattr(self, list(self._children)[index], module)


class Chain(ModuleList):
    """What Sequential(...) gives where a part has a forward of its own: Python runs the parts one
    by one. Each takes what the one before gives, and of a recurrent layer y.

    >>> import numpy as np, recur
    >>> class Half(recur.Module):
    ...     def forward(self, x):
    ...         return x[..., ::2]
    >>> net = recur.Sequential(recur.Linear(3, 4), Half(), recur.Linear(2, 1))
    >>> net(np.zeros((5, 3), np.float32)).shape
    (5, 1)
    """

    def __init__(self, *parts: Any, context: Context | None = None) -> None:
        names, parts = named(parts)
        if len({id(part) for part in parts}) != len(parts):
            raise ValueError("the same module is given twice")
        for name, part in zip(names, parts):
            if not isinstance(part, Module):
                raise TypeError(f"part {name!r} must be a module, not {type(part).__name__}")
        bind_chain(names, parts)
        super().__init__()
        for name, part in zip(names, parts):
            self.add_module(name, part)

    def forward(self, x: Any = None, **more: Any) -> Any:
        """y = net(x)."""
        x, _ = by_names(self, x, None, more, ("input",))
        return run_parts(self, x)

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice):
            return super().__getitem__(index)
        parts = list(self._children.items())[index]
        if index.step not in (None, 1) or not parts:
            raise IndexError(f"{index} of a Sequential: parts that follow each other are a slice")
        return Slice(self, parts)

    def __repr__(self) -> str:
        return super().__repr__().replace("Chain", "Sequential", 1)


def run_parts(parts: Any, x: Any) -> Any:
    """Runs parts one after the other."""
    for part in parts:
        x = part(x)
        if isinstance(part, Recurrent):
            x = x[0]
    return x


class ModuleDict(Module):
    """Modules by name, for a Module of yours: its forward runs them.

    >>> import recur
    >>> heads = recur.ModuleDict({"a": recur.Linear(3, 1), "b": recur.Linear(3, 2)})
    >>> list(heads.keys())
    ['a', 'b']
    """

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        for name, module in dict(modules or {}).items():
            self[name] = module

    def __setitem__(self, name: str, module: Any) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"a module is needed, not {type(module).__name__}")
        setattr(self, name, module)

    def __getitem__(self, name: str) -> Any:
        return self._children[name]

    def __delitem__(self, name: str) -> None:
        delattr(self, name)

    def __contains__(self, name: str) -> bool:
        return name in self._children

    def __iter__(self) -> Iterator[Any]:
        return iter(self._children)

    def __len__(self) -> int:
        return len(self._children)

    def keys(self) -> Any:
        """The names."""
        return self._children.keys()

    def values(self) -> Any:
        """The modules."""
        return self._children.values()

    def items(self) -> Any:
        """Names with what they stand for."""
        return self._children.items()
