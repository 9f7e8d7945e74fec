"""Outputs that know the pass they come from, and losses that play passes back.

Results of modules are Arrays. A module in training mode records each call as a Pass, which its
Arrays remember, and a module that is given one remembers where its input came from. So
`loss.backward()` can go back through every module between the loss and the data:

    loss = criterion(fc(lstm(x)[0][:, -1]), t)
    loss.backward()                         # fills the gradients of fc and lstm

Nodes are passes, and the few ways of moving numbers that are listed in MOVES. Whatever else NumPy
computes of an Array is Foreign: its values are right, and a backward that arrives there is refused
with a sentence.
"""

from __future__ import annotations

import itertools
import weakref
from pickle import PickleBuffer
from typing import Any

import numpy as np
import numpy.typing as npt

from ._tensor import KEYWORDS, TensorWords, extremes, in_words_of_numpy
from .errors import OrderError

F32 = np.dtype(np.float32)
WAITS = ""  # the status of a node that can be played back; any other one says why it cannot
serials = itertools.count()
ndarray = np.ndarray


# ---- where an array comes from ------------------------------------------------------------------


class Node:
    """Something that made arrays of arrays. `memories` are those of its results, `shapes` are their
    shapes as gradients have them, and `links` are where its inputs come from.

    A result is an Array that lies directly in its memory: NumPy puts no array in between. So it
    is the root of everything that is a view of it, whatever the type of the view."""

    __slots__ = ("serial", "status", "memories", "shapes", "links", "__weakref__")

    def __init__(self, memories: Any, shapes: Any, links: Any) -> None:
        self.serial, self.status = next(serials), WAITS
        self.memories, self.shapes, self.links = memories, shapes, links

    def array(self, index: int = 0, shape: Any = None, offset: int = 0) -> Array:
        """Result number `index` as an Array, in another shape if you like. `offset`: where it
        begins in its memory."""
        if shape is None:
            shape = self.shapes[index]
        array = Array(shape, F32, self.memories[index], offset)
        array._made = (self, index)
        array.flags.writeable = False
        return array

    def set_aside(self) -> None:
        """Somebody uses a result and wants no gradients."""

    def play(self, given: Any) -> Any:
        """From the gradients of the results (None: zeros) to pairs of a link and its gradient."""
        raise NotImplementedError


def memory_of(array: Any) -> Any:
    """The memory of a new array, for a result to lie in. NumPy sees through a memoryview to the
    array below, which it does not do through this."""
    contiguous: Any = np.ascontiguousarray(array)
    return PickleBuffer(contiguous)


def root_of(view: Any) -> Any:
    """The array that a view was made of in the end."""
    base = view.base
    while base is not None:
        if isinstance(base, ndarray):
            view = base
        base = getattr(base, "base", None)  # NumPy's as_strided puts an object in between
    return view


class Foreign:
    """The origin of an array that NumPy computed of Arrays. `constant`: its values do not
    depend on theirs."""

    __slots__ = ("what", "modules", "passes", "constant")
    modules: list[str]
    passes: list[Any]

    def __init__(self, what: str, makers: Any, constant: bool = False) -> None:
        self.what, self.constant = what, constant
        known = [maker for maker in makers if isinstance(maker, Foreign)]
        nodes = [maker[0] for maker in makers if type(maker) is tuple]
        self.passes = [weakref.ref(node) for node in nodes] + [
            ref for maker in known for ref in maker.passes
        ]
        names = [node.name for node in nodes] + [name for maker in known for name in maker.modules]
        self.modules = list(dict.fromkeys(names))

    def sentence(self) -> str:
        return f"{self.what} computed it from the output of {' and '.join(self.modules)}"


class Link:
    """A view of a result: which one, and where it lies in it. An offset of None: it is the whole
    result, without gaps."""

    __slots__ = ("node", "index", "offset", "shape", "strides")

    def __init__(self, node: Any, index: int, offset: int | None, view: Any) -> None:
        self.node, self.index, self.offset = node, index, offset
        self.shape, self.strides = view.shape, view.strides

    def add(self, grads: Any, gradient: Any) -> None:
        """Adds the gradient of the view to that of the whole result. `grads` has a list for
        each node."""
        gradient = np.asarray(gradient)
        shape = self.node.shapes[self.index]
        sums = grads.setdefault(self.node, [None] * len(self.node.shapes))
        if self.offset is None:
            gradient = gradient.reshape(shape)
            if sums[self.index] is None:
                sums[self.index] = np.array(gradient, np.float32)
            else:
                sums[self.index] += gradient
            return
        if sums[self.index] is None:
            sums[self.index] = np.zeros(shape, np.float32)
        total = sums[self.index]
        if not gradient.size:
            return
        if overlaps(self.shape, self.strides):
            places = np.arange(total.size, dtype=np.int64)
            strides = [2 * stride for stride in self.strides]
            places = ndarray(self.shape, np.int64, places, 2 * self.offset, strides)
            np.add.at(total.reshape(-1), places, gradient)
        else:
            view = ndarray(self.shape, F32, total, self.offset, self.strides)
            np.add(view, gradient, out=view)


def overlaps(shape: Any, strides: Any) -> bool:
    """Whether some numbers of a view may lie at the same place, as those of numpy.broadcast_to
    do."""
    extent = F32.itemsize
    for stride, n in sorted((abs(stride), n) for stride, n in zip(strides, shape)):
        if n > 1:
            if stride < extent:
                return True
            extent += stride * (n - 1)
    return False


def origin_of(value: Any) -> Any:
    """(node, index) of an array that lies in the memory of a result, a Foreign, or None for
    data of the user's own."""
    made = getattr(value, "_made", None)
    if made is None:
        return owner_of(value) if isinstance(value, ndarray) and value.base is not None else None
    if type(made) is Foreign:
        return made
    if not lies_in(value, made):
        return Foreign("a copy that NumPy made", [made])
    return made


def owner_of(view: Any) -> Any:
    """The (node, index) in whose memory an array of NumPy's own type lies, as that of
    numpy.asarray(y) does; or None."""
    root = root_of(view)
    if type(root) is not Array or type(root._made) is not tuple:
        return None
    return root._made if lies_in(view, root._made) else None


def lies_in(view: Any, made: Any) -> bool:
    """Whether a view lies in the memory of (node, index)."""
    node, index = made
    return view.dtype == F32 and root_of(view).base is node.memories[index]


def link_of(value: Any) -> Any:
    """A Link to where a value comes from, a Foreign, or None."""
    made = origin_of(value)
    if type(made) is not tuple:
        return None if made is None or made.constant else made
    node, index = made
    root, offset = root_of(value), None
    if root is not value:
        offset = value.__array_interface__["data"][0] if value.size else 0
        offset -= root.__array_interface__["data"][0] if value.size else 0
    return Link(node, index, offset, value)


# ---- arrays -------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """The same numbers as an array of NumPy's own type; lists and tuples go deep."""
    if isinstance(value, Array):
        return value.view(np.ndarray)
    if type(value) in (list, tuple):
        return type(value)(plain(v) for v in value)
    return value


def data_of(value: Any) -> Any:
    """The rows of a packed sequence; anything else is what it is."""
    return value.data if hasattr(value, "batch_sizes") else value


def makers_in(values: Any) -> list[Any]:
    """Origins of the Arrays among arguments."""
    found = []
    for value in values:
        if isinstance(value, Array):
            made = origin_of(value)
            found += [] if made is None else [made]
        elif type(value) in (list, tuple):
            found += makers_in(value)
    return found


def wrapped(result: Any, what: str, makers: Any, constant: bool = False) -> Any:
    """A result of NumPy as an Array, which knows its origin. What holds no floats, such as masks,
    has none: no gradient goes through it in PyTorch either."""
    if type(result) in (tuple, list):
        return type(result)(wrapped(r, what, makers, constant) for r in result)
    if not isinstance(result, (np.ndarray, np.floating)):
        return result
    if not makers and isinstance(result, np.float64):
        return result  # a float of Python's too
    array = np.asarray(result).view(Array)
    if not makers or array.dtype.kind != "f":
        return array
    for made in makers:
        if type(made) is tuple and lies_in(array, made):
            array._made = made
            return array
    constant = constant or all(type(made) is Foreign and made.constant for made in makers)
    array._made = Foreign(what, makers, constant)
    return array


def foreign(results: Any, what: str, links: Any) -> list[Any]:
    """Results of a module that were computed in a way that no gradient goes back."""
    makers = [
        (link.node, link.index) if type(link) is Link else link
        for link in links
        if link is not None
    ]
    return [wrapped(result, what, makers) for result in results]


class Array(TensorWords):
    """A result of a module: a NumPy array with some words of PyTorch's tensors. That of a module
    in training mode remembers the pass it comes from.

    Slices, transposes and reshapes of it remember too, and so do numpy.stack and
    numpy.concatenate. Other results of NumPy hold the right numbers, but no gradient goes
    through them. The array is read-only then, because backward relies on it: `y.detach()` gives a
    copy to write into.

    >>> import numpy as np, recur
    >>> fc = recur.Linear(2, 1)
    >>> y = fc(np.ones((3, 2), np.float32))
    >>> y[0].backward(np.ones(1))
    >>> fc.grads["weight"]
    array([[1., 1.]], dtype=float32)
    >>> fc.eval()(np.ones((3, 2), np.float32)).argmax(dim=1).tolist()
    [0, 0, 0]
    """

    _made: Any = None  # (node, index), or a Foreign; None: no gradient goes anywhere from here

    def __array_finalize__(self, other: Any) -> None:
        if type(other) is Array:
            self._made = other._made

    def __array_ufunc__(
        self, ufunc: Any, method: Any, *inputs: Any, out: Any = None, **more: Any
    ) -> Any:
        makers = makers_in(inputs)
        what = f"numpy.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
        if out is not None:
            self._refuse_out(out, what, makers)
            more["out"] = plain(out)
        if "where" in more:
            more["where"] = plain(more["where"])
        result = getattr(ufunc, method)(*plain(inputs), **more)
        if out is not None:
            return out[0] if len(out) == 1 else out
        return wrapped(result, what, makers)

    @staticmethod
    def _refuse_out(out: Any, what: str, makers: Any) -> None:
        for array in out:
            if isinstance(array, Array) and not array.flags.writeable:
                raise ValueError(
                    f"{what} would write into the output of a module, which backward needs as it "
                    "is: take a new array "
                    "(y = y + 1 in place of y += 1), or write into y.detach()"
                )
            if (
                array is not None
                and getattr(array, "_made", None) is None
                and array.dtype.kind == "f"
                and makers
            ):
                raise TypeError(
                    f"{what} would write what it computed from the output of "
                    f"{' and '.join(Foreign(what, makers).modules)} into "
                    "an array that cannot remember it: use y.detach() if no gradient shall go "
                    "back there"
                )

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__
        makers = makers_in((*args, *kwargs.values()))
        if name in MOVES and makers:
            moved = MOVES[name](*args, **kwargs)
            if moved is not None:
                return moved
        if name in THROUGH:
            return super().__array_function__(function, types, args, kwargs)
        if name in ("copyto", "put", "place", "putmask", "put_along_axis") and makers:
            self._refuse_out([args[0]] if args else [kwargs.get("dst")], f"numpy.{name}", makers)
        result = function(*plain(args), **{key: plain(value) for key, value in kwargs.items()})
        return wrapped(result, f"numpy.{name}", makers, constant=name.endswith("_like"))

    def __getitem__(self, key: Any) -> Any:
        if type(key) is tuple and any(isinstance(k, Array) for k in key):
            key = plain(key)
        result = super().__getitem__(key)
        if type(self._made) is not tuple:
            return result
        if isinstance(result, np.floating):  # a number, as a view of it
            result = super().__getitem__((*key, ...) if type(key) is tuple else (key, ...))
        if isinstance(result, Array) and not lies_like(result, self):
            return wrapped(plain(result), "indexing with arrays", [self._made])
        return result

    def __setitem__(self, key: Any, value: Any) -> None:
        if not self.flags.writeable:
            raise ValueError(
                "the output of a module in training mode is read-only, because backward needs it "
                "as it is: write into y.detach()"
            )
        super().__setitem__(key, value)

    def reshape(self, *shape: Any, **more: Any) -> Any:
        """As numpy.ndarray.reshape. Gradients go through it."""
        moved = super().reshape(*shape, **more)
        if self._made is None or type(self._made) is Foreign or lies_like(moved, self):
            return moved
        return (
            reordered(self, plain(moved), lambda g, back=self.shape: g.reshape(back))
            if not more
            else moved
        )

    def ravel(self, order: Any = "C") -> Any:
        """As numpy.ndarray.ravel. Gradients go through it."""
        if order == "C":
            return self.reshape(-1)
        return wrapped(plain(super().ravel(order)), "ravel", makers_in([self]))

    def _flatten_in(self, order: Any) -> Any:
        if order == "C" and self._made is not None:
            return self.reshape(-1)
        return wrapped(super()._flatten_in(order), "flatten", makers_in([self]))

    # ---- what tensors of PyTorch have ----

    def detach(self) -> Array:
        """A copy that may be written into. No gradient goes through it."""
        made: Array = self.numpy().view(Array)
        return made

    def numpy(self) -> npt.NDArray[Any]:
        """The same as detach(), as an array of NumPy's own type."""
        if type(self._made) is tuple:
            self._made[0].set_aside()
        return np.array(self.view(np.ndarray))

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Plays back every pass that this array comes from, from the gradient of it; one
        number needs none."""
        refuse_retaining(retain_graph)
        if gradient is None:
            if self.size != 1:
                raise ValueError(
                    f"this array has shape {self.shape}: backward needs its gradient, "
                    "y.backward(grad)"
                )
            gradient = np.ones(self.shape, np.float32)
        gradient = np.asarray(gradient, np.float32)
        if gradient.shape != self.shape:
            raise ValueError(f"the gradient must have shape {self.shape}, not {gradient.shape}")
        play_back([(required(link_of(self)), gradient)])

    @property
    def requires_grad(self) -> bool:
        return self._made is not None

    def __reduce__(self) -> Any:
        return self.numpy().__reduce__()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.detach()

    def __hash__(self) -> int:  # type: ignore[override]  # NumPy says None
        if self.ndim:
            raise TypeError("unhashable type: 'Array'")
        return hash(self.item())

    def __round__(self, digits: Any = None) -> Any:
        return round(self.item(), digits)

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray)) if self.ndim else repr(self.view(np.ndarray)[()])

    def __str__(self) -> str:
        return str(self.view(np.ndarray))


def lies_like(view: Any, other: Any) -> bool:
    """Whether a result of a method is a view of the same memory."""
    made = other._made
    return type(made) is not tuple or lies_in(view, made)


def _named(name: str) -> Any:
    method = getattr(np.ndarray, name)

    def call(self: Any, *args: Any, **more: Any) -> Any:
        if more and not KEYWORDS.keys().isdisjoint(more):
            if name in ("max", "min") and "dim" in more:
                return extremes(self, name, more)
            more = in_words_of_numpy(name, more)
        result = method(
            self.view(np.ndarray),
            *plain(args),
            **{key: plain(value) for key, value in more.items()},
        )
        return wrapped(result, f"{name}()", makers_in([self, *args]))

    call.__name__, call.__doc__ = name, f"As numpy.ndarray.{name}. No gradient goes through it."
    return call


for _name in (
    "copy",
    "astype",
    "take",
    "repeat",
    "dot",
    "choose",
    "compress",
    "cumsum",
    "cumprod",
    "clip",
    "mean",
    "std",
    "var",
    "sum",
    "prod",
    "max",
    "min",
    "round",
    "trace",
    "__copy__",
    "all",
    "any",
    "argmax",
    "argmin",
    "argsort",
):
    setattr(Array, _name, _named(_name))


# ---- numbers that were moved --------------------------------------------------------------------


class Moved(Node):
    """Numbers that lie elsewhere now. `back` gives the gradient of each input from that of the
    result."""

    __slots__ = ("back", "name")

    def __init__(self, result: Any, inputs: Any, back: Any) -> None:
        links = [link_of(value) for value in inputs]
        super().__init__((memory_of(result),), (result.shape,), links)
        self.back = back
        nodes = [link.node.name for link in self.links if type(link) is Link]
        self.name = nodes[0] if nodes else "a module"

    def play(self, given: Any) -> Any:
        return zip(self.links, self.back(given[0]))


def reordered(array: Any, result: Any, back: Any) -> Array:
    """An Array for the numbers of another one, in another order."""
    return Moved(result, [array], lambda g: [back(g)]).array()


def remembered(source: Any, result: Any, back: Any) -> Any:
    """`result`, computed by moving the numbers of `source`, as an Array if `source` comes from
    a pass."""
    made = origin_of(source)
    if made is None or result.dtype != F32:
        return result
    return (
        reordered(source, result, back)
        if type(made) is tuple
        else wrapped(result, made.what, [made])
    )


def joined(sources: Any, result: Any, back: Any) -> Any:
    """The same for a result whose numbers come from several arrays."""
    sources = list(sources)
    if result.dtype != F32 or all(origin_of(source) is None for source in sources):
        return result
    return Moved(result, sources, back).array()


def _joins(arrays: Any, out: Any = None, dtype: Any = None, casting: str = "same_kind") -> bool:
    """Whether an option of NumPy's wishes for more than moving floats."""
    return (
        out is None
        and dtype in (None, F32)
        and all(isinstance(a, np.ndarray) and a.dtype == F32 for a in arrays)
    )


def _concatenate(arrays: Any, axis: Any = 0, **more: Any) -> Any:
    if axis is None or not _joins(arrays, **more):
        return None
    result = np.concatenate(plain(list(arrays)), axis)
    ends = np.cumsum([a.shape[axis] for a in arrays])[:-1]
    return Moved(result, arrays, lambda g: np.split(g, ends, axis)).array()


def _stack(arrays: Any, axis: Any = 0, **more: Any) -> Any:
    if not _joins(arrays, **more):
        return None
    result = np.stack(plain(list(arrays)), axis)
    return Moved(result, arrays, lambda g: np.moveaxis(g, axis, 0)).array()


def _reshape(a: Any, *shape: Any, **more: Any) -> Any:
    return a.reshape(*shape) if isinstance(a, Array) and not more else None


def _ravel(a: Any, order: Any = "C") -> Any:
    return a.ravel(order) if isinstance(a, Array) else None


MOVES: dict[str, Any] = {
    "concatenate": _concatenate,
    "stack": _stack,
    "reshape": _reshape,
    "ravel": _ravel,
}
THROUGH = (
    "vstack",
    "hstack",
    "column_stack",
    "dstack",
    "row_stack",
)  # NumPy makes these of the moves


# ---- going back ---------------------------------------------------------------------------------


def refuse_retaining(retain_graph: bool) -> None:
    if retain_graph:
        raise NotImplementedError(
            "retain_graph: a pass is played back once. Add the losses, (l1 + l2).backward(), or "
            "call the module again"
        )


def required(link: Any) -> Link:
    """A Link, or the reason why there is none."""
    if link is None:
        raise RuntimeError(
            "backward: these numbers come from no recorded pass. Give the criterion the output of "
            "a module in training mode: "
            "net.train(), or net.train(dropout=False), then net(x)"
        )
    if type(link) is Foreign:
        raise RuntimeError(
            f"backward: no gradient goes through this array, because {link.sentence()}. Compute "
            "it with modules (Linear, Residual, "
            "Merge, activations), use y.detach() if no gradient shall go back there, or chain "
            "backward by hand: compute its "
            "gradient and give it to y.backward(grad)"
        )
    made: Link = link
    return made


def nodes_below(links: Any) -> list[Any]:
    """All nodes that gradients of these links reach, each before those that it was made of."""
    found, waiting = {}, list(links)
    while waiting:
        node = required(waiting.pop()).node
        if node in found:
            continue
        if node.status != WAITS:
            raise OrderError(node.status)
        found[node] = True
        waiting += [link for link in node.links if link is not None]
    return sorted(found, key=lambda node: -node.serial)


def play_back(terms: Any) -> None:
    """Plays back every pass that the terms, pairs of a Link and a gradient, come from. Nothing
    happens unless all of it can be done."""
    order = nodes_below([link for link, _ in terms])
    grads: dict[Any, Any] = {}
    for link, gradient in terms:
        link.add(grads, gradient)
    for node in order:
        for link, gradient in node.play(grads.pop(node)):
            if link is not None:
                link.add(grads, gradient)
