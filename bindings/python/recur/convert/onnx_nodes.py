"""Nodes of an ONNX graph, one function for each operator: from what is known of a node's inputs to
what is known of its outputs. A function that is not certain refuses the node.

Every input, every attribute and every output that is used has to be asked for: `finish` refuses a
node of which something was left over.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from .. import layers
from . import onnx_parts as parts
from .gates import KINDS
from .onnx_convolutions import batch_normalization, convolution, pad, shortened
from .onnx_channels import channels_of, normalised_groups, rows_of_channels
from .onnx_recurrent import recurrent
from .onnx_values import (
    Axis,
    Channels,
    Constant,
    Dims,
    Filled,
    Lengths,
    MeanSquare,
    Product,
    Slot,
    Tensor,
    regroup,
    size_of,
    spelled,
)

FAR = 2**30  # an end of a Slice above it means the end of the axis
ACTIVATIONS: dict[str, Any] = {"Relu": layers.ReLU, "Tanh": layers.Tanh, "Sigmoid": layers.Sigmoid}
ACTIVATIONS.update(Softsign=layers.Softsign, HardSigmoid=layers.HardSigmoid)
ACTIVATIONS.update(Elu=layers.ELU, Gelu=layers.GELU)
DRAWN: tuple[str, ...] = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli")
DRAWN += ("Multinomial",)


def refuse(node: Any, why: Any) -> NoReturn:
    made = next(filter(None, node.output), "")
    where = f" {node.name!r}" if node.name else f" of {made!r}"
    raise NotImplementedError(f"ONNX {node.op_type} node{where}: {why}")


class Node:
    """One node, with an account of what has been read of it."""

    def __init__(self, reader: Any, proto: Any) -> None:
        self.reader, self.proto = reader, proto
        get = reader.onnx.helper.get_attribute_value
        self.attributes = {a.name: get(a) for a in proto.attribute}
        self.unread = set(self.attributes)
        self.unread_inputs = {i for i, name in enumerate(proto.input) if name}

    @property
    def op(self) -> Any:
        return self.proto.op_type

    def refuse(self, why: Any) -> NoReturn:
        refuse(self.proto, why)

    def attribute(self, name: str, default: Any = None) -> Any:
        self.unread.discard(name)
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def has(self, i: Any) -> bool:
        return i < len(self.proto.input) and bool(self.proto.input[i])

    def value(self, i: Any) -> Any:
        """What is known of input i."""
        self.unread_inputs.discard(i)
        if not self.has(i):
            self.refuse(f"it has no input {i}, or an attribute in its place")
        name = self.proto.input[i]
        if name not in self.reader.values:
            self.refuse(f"its input {name!r} is not made by any node or input before it")
        return self.reader.values[name]

    def constant(self, i: Any, default: Any = None) -> Any:
        """The array of input i; refuses what is not constant."""
        if not self.has(i):
            return default
        value = self.value(i)
        if not isinstance(value, Constant):
            name = self.proto.input[i]
            advice = ""
            if name in self.reader.free:
                advice = f"; pass it with constants={{{name!r}: array}}"
            self.refuse(f"its input {name!r} must be a constant{advice}")
        return value.array

    def tensor(self, i: Any) -> Any:
        """Input i, which must depend on the model's input."""
        value = self.value(i)
        if not isinstance(value, Tensor):
            self.refuse(f"its input {self.proto.input[i]!r} is not understood here")
        return value

    def rows(self, i: Any, width: Any = None) -> Any:
        """Input i as the rows of a chain: (parts, axes in front of the features, width)."""
        return self.plain(self.tensor(i), width)

    def turned(self, i: Any) -> Any:
        """As rows, but the features may be any axis: (parts, axes without them, width, which)."""
        x = self.tensor(i)
        places = [at for at, g in enumerate(x.groups) if x.features in g]
        if not places or len(x.groups) < 2:
            return (*self.plain(x), len(x.groups) - 1)
        at = places[0]
        moved = [*x.groups[:at], *x.groups[at + 1 :], x.groups[at]]
        return (*self.plain(x.on(moved)), at)

    def plain(self, x: Any, width: Any = None) -> Any:
        if x.is_ids:
            self.refuse("it computes with ids: only an embedding takes them")
        lead = x.lead()
        if lead is None:
            self.refuse(
                f"the axes of its input are {spelled(x.groups)}: the features are not its last "
                "axis alone, as a module needs them"
            )
        chain = x.parts if x.slots is None else self.whole(x.slots)
        found = x.features.size
        if x.window is not None:
            begin, end = x.window
            chain, found = (*chain, x.as_part(parts.Window(begin, end - begin))), end - begin
        if found is not None and x.slots is not None:
            found *= len(x.slots)
        if width is not None and found is not None and found != width:
            self.refuse(f"its input has {found} features and its weights take {width}")
        return chain, lead, found

    def whole(self, slots: Any) -> Any:
        """The chain whose features these slots are, all of them in order."""
        layer, what = slots[0].owner, slots[0].what
        if isinstance(layer, str):
            self.refuse(f"it computes with the initial state {layer!r}")
        if len(slots) == 2 and slots[1].owner is not layer:
            layer = self.reader.join(self, slots)
            slots = [Slot(layer, slots[i].what, i) for i in range(2)]
        wanted = [Slot(layer, what, d) for d in range(layer.directions)]
        if list(slots) != wanted or what == "c":
            named = ", ".join(self.reader.told(s) for s in slots)
            self.refuse(f"it reads {named}: a module gives all directions of one layer's h")
        chain = (*layer.before, layer)
        return (*chain, layer.last()) if what == "h" else chain

    def gives(self, value: Any, i: Any = 0) -> None:
        """Sets output i."""
        if i < len(self.proto.output) and self.proto.output[i]:
            self.reader.values[self.proto.output[i]] = value

    def made(self, chain: Any, lead: Any, width: Any) -> None:
        """Sets the output to the rows of a chain."""
        features = Axis("F", width)
        self.gives(Tensor([*lead, (features,)], features, chain))

    def made_at(self, chain: Any, lead: Any, width: Any, at: int) -> None:
        """As made, with the features as axis `at`."""
        features = Axis("F", width)
        groups = list(lead)
        groups.insert(at, (features,))
        self.gives(Tensor(groups, features, chain))

    def axis(self, value: Any, rank: Any) -> Any:
        at = int(value)
        if not -rank <= at < rank:
            self.refuse(f"axis {at} of a tensor of {rank} dimensions")
        return at % rank

    def finish(self) -> None:
        if self.unread:
            self.refuse(f"its attribute {', '.join(sorted(self.unread))} is not understood")
        if self.unread_inputs:
            names = [repr(self.proto.input[i]) for i in sorted(self.unread_inputs)]
            self.refuse(f"its input {', '.join(names)} is not understood")
        for name in self.proto.output:
            if name and name in self.reader.needed and name not in self.reader.values:
                self.refuse(f"its output {name!r} is not understood")


# ---- nodes that move numbers --------------------------------------------------------------------


def identity(node: Any) -> None:
    node.gives(node.value(0))


def dropout(node: Any) -> None:
    for name in ("ratio", "seed"):
        node.attribute(name)
    node.constant(1)
    training = node.constant(2)
    if training is not None and np.any(training):
        node.refuse("it drops numbers in the exported model: export in eval mode")
    node.gives(node.value(0))


def cast(node: Any) -> None:
    types, to = node.reader.onnx.TensorProto, node.attribute("to")
    node.attribute("saturate")
    value = node.value(0)
    integers = (types.INT32, types.INT64)
    whole = isinstance(value, (Dims, Lengths)) or isinstance(value, Tensor) and value.is_ids
    if to not in (integers if whole else (types.FLOAT,)):
        names = f"{'integers' if whole else 'float32'} to {types.DataType.Name(to)}"
        node.refuse(f"a cast of {names} is out of reach: numbers are float32 here")
    node.gives(value)


def transpose(node: Any) -> None:
    x = node.value(0)
    perm = node.attribute("perm")
    if isinstance(x, Filled):
        node.gives(x)
        return
    x = node.tensor(0)
    order = list(range(len(x.groups))[::-1] if perm is None else perm)
    if sorted(order) != list(range(len(x.groups))):
        node.refuse(f"perm {order} does not fit axes {spelled(x.groups)}")
    node.gives(x.on([x.groups[i] for i in order]))


def given_axes(node: Any, place: Any) -> Any:
    """Axes of Squeeze and Unsqueeze: an attribute before opset 13, an input since."""
    axes = node.attribute("axes")
    return axes if axes is not None else node.constant(place)


def squeeze(node: Any) -> None:
    x = node.value(0)
    axes = given_axes(node, 1)
    if isinstance(x, Filled):
        node.gives(x)
        return
    if isinstance(x, Dims):
        if x.array.shape != (1,):
            node.refuse("it squeezes more than one size")
        node.gives(Dims(x.array[0]))
        return
    x = node.tensor(0)
    if axes is None:
        node.refuse("it names no axes, so what it does depends on the batch: give it axes")
    at = {node.axis(i, len(x.groups)) for i in np.ravel(axes)}
    for i in at:
        if size_of(x.groups[i]) != 1:
            node.refuse(f"axis {i} of {spelled(x.groups)} is not known to have size 1")
    left = [g for i, g in enumerate(x.groups) if i not in at]
    gone = x.stacked is not None and not any(x.stacked in g for g in left)
    node.gives(x.on(left, stacked=None if gone else x.stacked))


def unsqueeze(node: Any) -> None:
    x = node.value(0)
    axes = given_axes(node, 1)
    if isinstance(x, Filled):
        node.gives(x)
        return
    if isinstance(x, Dims):
        if x.array.ndim or list(np.ravel(axes)) not in ([0], [-1]):
            node.refuse("only a single size can get an axis")
        node.gives(Dims(x.array.reshape(1)))
        return
    x = node.tensor(0)
    groups, rank = list(x.groups), len(x.groups) + np.size(axes)
    for i in sorted(node.axis(i, rank) for i in np.ravel(axes)):
        groups.insert(i, ())
    node.gives(x.on(groups))


def sizes_of(node: Any, i: Any) -> Any:
    """A shape that is an input: ints and Products."""
    value = node.value(i)
    if isinstance(value, Constant):
        return [int(n) for n in np.ravel(value.array)]
    if isinstance(value, Dims):
        return list(np.ravel(value.array))
    node.refuse(f"its shape {node.proto.input[i]!r} is not understood")


def reshape(node: Any) -> None:
    x = node.value(0)
    shape, keep_zero = sizes_of(node, 1), bool(node.attribute("allowzero", 0))
    if isinstance(x, Filled):
        node.gives(x)
        return
    if isinstance(x, Dims):
        if shape not in ([-1], [x.array.size]):
            node.refuse("sizes can only be put into a row")
        node.gives(Dims(x.array.reshape(-1)))
        return
    if isinstance(x, Channels):
        rows_of_channels(node, x, shape)
        return
    x = node.tensor(0)
    groups = regroup(x.groups, shape, keep_zero)
    if groups is None and channels_of(node, x, shape):
        return
    if groups is None:
        node.refuse(f"a reshape of axes {spelled(x.groups)} to {shape} cannot be told for certain")
    node.gives(x.on(groups))


def flatten(node: Any) -> None:
    x = node.tensor(0)
    rank = len(x.groups)
    at = int(node.attribute("axis", 1))
    at = at + rank if at < 0 else at
    halves = (x.groups[:at], x.groups[at:])
    node.gives(x.on([tuple(a for g in half for a in g) for half in halves]))


def shape(node: Any) -> None:
    x = node.tensor(0)
    first, end = node.attribute("start", 0), node.attribute("end")
    node.gives(Dims.of(x.groups[slice(first, end)]))


def expand(node: Any) -> None:
    value, _ = node.value(0), sizes_of(node, 1)
    if isinstance(value, Constant) and np.all(value.array == value.array.flat[0]):
        value = Filled(value.array.flat[0])
    if not isinstance(value, Filled):
        node.refuse("only a single number can be spread over a shape")
    node.gives(value)


def constant_of_shape(node: Any) -> None:
    sizes_of(node, 0)
    value = node.attribute("value")
    value = 0.0 if value is None else node.reader.onnx.numpy_helper.to_array(value).reshape(())
    node.gives(Filled(value))


# ---- a part of an axis -------------------------------------------------------------------------


def cut(node: Any, x: Any, at: Any, start: Any, end: Any) -> Any:
    """Tensor x with [start, end) of axis `at`, which has a known size."""
    total = size_of(x.groups[at])
    if (start, end) == (0, total):
        return x
    if x.slots is not None and x.groups[at] == (x.stacked,):
        stacked = Axis("D", end - start)
        groups = [*x.groups[:at], (stacked,), *x.groups[at + 1 :]]
        return x.on(groups, slots=x.slots[start:end], stacked=stacked)
    if at == len(x.groups) - 1 and x.lead() is not None and not x.is_ids and x.window is None:
        chain, lead, width = node.plain(x)
        if width == total:
            features = Axis("F", width)
            return Tensor([*lead, (features,)], features, chain, window=(start, end))
    node.refuse(f"a part of axis {at} of {spelled(x.groups)} is out of reach")


def one_step(node: Any, x: Any, at: Any, index: int) -> Any:
    """Tensor x at one step: the last, or the first. The axis of steps stays, with size 1."""
    chain, lead, width = node.plain(x)
    if any(part.reduces for part in chain):
        node.refuse("it picks from rows that have no steps any more")
    total, group = size_of(x.groups[at]), x.groups[at]
    if index == -1 or isinstance(total, int) and index == total - 1:
        direction = "forward"
    elif index == 0:
        direction = "reverse"
    else:
        node.refuse(f"it picks step {index}: only the last and the first are understood")
    if len(group) != 1 or at >= len(lead):
        node.refuse(f"a step of axes {spelled(x.groups)} is out of reach")
    node.reader.steps_are(node, group[0], [a for g in lead for a in g if a is not group[0]])
    features = Axis("F", width)
    groups = [*lead[:at], (), *lead[at + 1 :], (features,)]
    return Tensor(groups, features, (*chain, parts.Last(direction, width, True)))


def slice_(node: Any) -> None:
    x = node.value(0)
    old = [node.attribute(name) for name in ("starts", "ends", "axes")]
    new = [node.constant(i) for i in (1, 2, 3, 4)]
    starts, ends, axes = (a if a is not None else b for a, b in zip(old, new))
    steps = new[3]
    if isinstance(x, Filled):
        node.gives(x)
        return
    starts, ends = np.ravel(starts), np.ravel(ends)
    axes = range(len(starts)) if axes is None else np.ravel(axes)
    if steps is not None and np.any(np.asarray(steps) != 1):
        node.refuse(f"steps {np.ravel(steps).tolist()} are out of reach")
    if isinstance(x, Dims):
        if len(starts) != 1:
            node.refuse("sizes have one axis")
        node.gives(Dims(x.array[int(starts[0]) : int(ends[0])]))
        return
    x = node.tensor(0)
    for start, end, axis in zip(starts, ends, axes):
        at = node.axis(axis, len(x.groups))
        x = sliced(node, x, at, int(start), int(end))
    node.gives(x)


def sliced(node: Any, x: Any, at: Any, start: Any, end: Any) -> Any:
    total = size_of(x.groups[at])
    if x.groups[at] and x.groups[at][0].longer is not None:
        return shortened(node, x, at, (start, end))
    if isinstance(total, Product):
        if start == 0 and end > FAR:
            return x
        if start == -1 and end > FAR or (start, end) == (0, 1):
            return one_step(node, x, at, start)
        node.refuse(f"a slice {start}:{end} of axis {at} of {spelled(x.groups)} is out of reach")
    start, end, _ = slice(start, end).indices(total)
    if end <= start:
        node.refuse("its slice is empty")
    atoms = set(x.groups[at]) - {x.stacked, x.features}
    if end - start == 1 < total and atoms and not x.is_ids:
        return one_step(node, x, at, start)
    return cut(node, x, at, start, end)


def split(node: Any) -> None:
    x = node.value(0)
    count = len(node.proto.output)
    axis = node.attribute("axis", 0)
    sizes, given = node.attribute("split"), node.attribute("num_outputs")
    sizes = node.constant(1) if sizes is None else sizes
    if isinstance(x, Filled):
        for i in range(count):
            node.gives(x, i)
        return
    x = node.tensor(0)
    at = node.axis(axis, len(x.groups))
    total = size_of(x.groups[at])
    if isinstance(total, Product) or given not in (None, count):
        node.refuse(f"a split of axis {at} of {spelled(x.groups)} is out of reach")
    if sizes is None:
        each = -(-total // count)
        sizes = [each] * (count - 1) + [total - each * (count - 1)]
    start = 0
    for i, size in enumerate(int(n) for n in np.ravel(sizes)):
        node.gives(cut(node, x, at, start, start + size), i)
        start += size
    if start != total:
        node.refuse(f"its pieces have {start} of {total} numbers")


def gather(node: Any) -> None:
    axis, data, index = node.attribute("axis", 0), node.value(0), node.value(1)
    if isinstance(index, Tensor):
        embedding(node, axis)
        return
    index = node.constant(1)
    if isinstance(data, Filled):
        node.gives(data)
        return
    if isinstance(data, Dims):
        if axis not in (0, -1) or data.array.ndim != 1:
            node.refuse("sizes have one axis")
        node.gives(Dims(data.array[index.astype(np.int64)]))
        return
    x = node.tensor(0)
    at = node.axis(axis, len(x.groups))
    if x.slots is not None and x.groups[at] == (x.stacked,) and index.ndim < 2:
        slots = [x.slots[int(i)] for i in np.ravel(index)]
        stacked = Axis("D", len(slots)) if index.ndim else None
        middle = [(stacked,)] if index.ndim else []
        groups = [*x.groups[:at], *middle, *x.groups[at + 1 :]]
        node.gives(x.on(groups, slots=slots, stacked=stacked))
        return
    if index.ndim or x.is_ids or at == len(x.groups) - 1:
        node.refuse(f"a gather of axis {at} of {spelled(x.groups)} is out of reach")
    y = one_step(node, x, at, int(index))
    node.gives(y.on([g for i, g in enumerate(y.groups) if i != at]))


def embedding(node: Any, axis: Any) -> None:
    weight, x = node.constant(0), node.tensor(1)
    if axis != 0 or weight.ndim != 2 or weight.dtype.kind != "f" or not x.is_ids:
        node.refuse("only the rows of a matrix, picked by the model's input, are understood")

    def make() -> Any:
        part = layers.Embedding(*weight.shape)
        part.load_state_dict({"weight": np.asarray(weight, np.float32)})
        return part

    node.reader.symbols = weight.shape[0]
    node.made((parts.Plain(make),), x.groups, weight.shape[1])


# ---- sizes --------------------------------------------------------------------------------------


def concat(node: Any) -> None:
    axis = node.attribute("axis")
    values = [node.value(i) for i in range(len(node.proto.input))]
    if all(isinstance(v, Filled) and v.value == values[0].value for v in values):
        node.gives(values[0])
    elif all(isinstance(v, (Dims, Constant)) for v in values) and axis in (0, -1):
        node.gives(Dims(np.concatenate([np.asarray(v.array, object) for v in values])))
    elif all(isinstance(v, Tensor) and not v.is_ids for v in values):
        joined_tensors(node, axis, values)
    else:
        node.refuse("what it joins is out of reach")


def joined_tensors(node: Any, axis: Any, values: Any) -> None:
    rank = len(values[0].groups)
    at = node.axis(axis, rank)
    if any(len(v.groups) != rank for v in values):
        node.refuse("it joins tensors of several ranks")
    if at == rank - 1 and all(v.window is not None for v in values) and two_ends(node, values):
        return
    if any(v.slots is None or v.window is not None for v in values) or side_by_side(values, at):
        forked(node, None, at)
        return
    widths = {v.features.size for v in values}
    whole = at == rank - 1 and all(v.lead() is not None for v in values)
    others = [
        [g for i, g in enumerate(v.groups) if i != at and v.features not in g] for v in values
    ]
    if len(widths) != 1 or any(o != others[0] for o in others):
        node.refuse(f"it joins axes {' and '.join(spelled(v.groups) for v in values)}")
    slots = [s for v in values for s in v.slots]
    stacked, features = Axis("D", len(slots)), Axis("F", widths.pop())
    if whole:
        groups = [*values[0].groups[:-1], (stacked, features)]
    else:
        for v in values:
            atoms = [a for a in v.groups[at] if a.size != 1]
            if atoms not in ([], [v.stacked]) or v.stacked not in (None, *v.groups[at]):
                node.refuse(f"it joins axis {at} of {spelled(v.groups)}")
        places = {next(i for i, g in enumerate(v.groups) if v.features in g) for v in values}
        place = places.pop()
        if places or len(values[0].groups[place]) != 1 or place == at:
            node.refuse(f"it joins axes {' and '.join(spelled(v.groups) for v in values)}")
        groups = list(values[0].groups)
        groups[at], groups[place] = (stacked,), (features,)
    node.gives(Tensor(groups, features, slots=slots, stacked=stacked))


def side_by_side(values: Any, at: int) -> bool:
    """Whether these are whole outputs of different layers, with features as axis `at`."""
    owners = {id(s.owner) for v in values for s in v.slots}
    whole = all(
        v.slots[0].what == "y" and v.features in v.groups[at] and not isinstance(s.owner, str)
        for v in values
        for s in v.slots
    )
    if not whole or len(owners) != len(values):
        return False
    return len({(s.owner.direction, id(s.owner.before)) for v in values for s in v.slots}) == 1


def two_ends(node: Any, values: Any) -> bool:
    """The first half of the last step and the second half of the first: all of a bidirectional
    layer has been read there."""
    a, b = values[0], values[-1]
    fits = len(values) == 2 and a.groups[:-1] == b.groups[:-1] and halves(a, b)
    ends = [v.parts[-1] for v in values]
    fits = fits and all(isinstance(end, parts.Last) and end.by_step for end in ends)
    if not fits or [e.direction for e in ends] != ["forward", "reverse"]:
        return False
    chain = a.parts[:-1]
    if not same_chain(chain, b.parts[:-1]):
        return False
    width = a.features.size
    node.made((*chain, parts.Last("bidirectional", width, True)), a.groups[:-1], width)
    return True


def halves(a: Any, b: Any) -> bool:
    """Whether a and b are windows on the first and on the second half of the features."""
    if a.window is None or b.window is None or a.features.size != b.features.size:
        return False
    width = a.features.size
    return (a.window, b.window) == ((0, width // 2), (width // 2, width)) and width % 2 == 0


def same_chain(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(p is q for p, q in zip(a, b))


def product_of_sizes(node: Any, a: Any, b: Any) -> None:
    a, b = (np.asarray(v.array, object) for v in (a, b))
    node.gives(Dims(a * b))


def equal(node: Any) -> None:
    a, b = (node.value(i) for i in range(2))
    if not (isinstance(a, (Dims, Constant)) and isinstance(b, (Dims, Constant))):
        node.refuse("only sizes can be compared")
    pairs = np.broadcast(np.asarray(a.array, object), np.asarray(b.array, object))
    found = [told_equal(node, p, q) for p, q in pairs]
    node.gives(Constant(np.array(found, bool).reshape(pairs.shape)))


def told_equal(node: Node, p: float, q: Any) -> bool:
    numbers = [n for n in (p, q) if not isinstance(n, Product)]
    if len(numbers) == 2:
        return bool(p == q)
    if len(numbers) == 1 and numbers[0] < 0:
        return False  # a size is never below 0
    if not numbers and p == q:
        return True
    node.refuse(f"whether {p} equals {q} depends on the batch")


def where(node: Any) -> None:
    condition = node.constant(0)
    a, b = (node.value(i) for i in (1, 2))
    if not (isinstance(a, (Dims, Constant)) and isinstance(b, (Dims, Constant))):
        node.refuse("only sizes can be chosen")
    picked = np.where(condition, np.asarray(a.array, object), np.asarray(b.array, object))
    node.gives(Dims(picked))


# ---- nodes that compute -------------------------------------------------------------------------


def activation(node: Any) -> None:
    kind = ACTIVATIONS[node.op]
    if node.op == "HardSigmoid":
        slope, offset = node.attribute("alpha", 0.2), node.attribute("beta", 0.5)
        if not np.allclose([slope, offset], [0.2, 0.5], rtol=1e-6):
            node.refuse(f"it is {slope:.6g} x + {offset:.6g}: HardSigmoid is 0.2 x + 0.5 here")
    if node.attribute("approximate", "none") != "none":
        node.refuse("GELU is not approximated here")
    if node.op == "Elu" and node.attribute("alpha", 1.0) != 1.0:
        node.refuse(f"its alpha is {node.attribute('alpha'):.6g}: ELU has alpha 1 here")
    chain, lead, width, at = node.turned(0)
    made = parts.Function(node.op, lambda: kind(features=width))
    node.made_at((*chain, made), lead, width, at)


def softmax(node: Any) -> None:
    chain, lead, width = node.rows(0)
    told = -1 if node.reader.opset >= 13 else 1  # where the node does not say
    if node.axis(node.attribute("axis", told), len(lead) + 1) != len(lead):
        node.refuse("only the last axis, the features, can be a softmax")
    node.made((*chain, parts.Plain(lambda: layers.Softmax(features=width))), lead, width)


def by_feature(node: Any, array: Any, width: Any, place: Any) -> Any:
    """A constant as one number for each feature; refuses one that differs from row to row. place:
    (which axis the features are, how many axes there are)."""
    at, rank = place
    array = np.asarray(array)
    if width is None:
        node.refuse("how many features it takes is not known")
    if array.ndim > rank:
        node.refuse(f"an array of shape {array.shape} gives the rows more dimensions")
    shape = [1] * (rank - array.ndim) + list(array.shape)
    if shape[at] not in (1, width) or array.size != shape[at]:
        node.refuse(f"an array of shape {array.shape} has no number for each of {width} features")
    return np.broadcast_to(array.reshape(-1), (width,)).astype(np.float32)


def prelu(node: Any) -> None:
    chain, lead, width, at = node.turned(0)
    slopes = by_feature(node, node.constant(1), width, (at, len(lead) + 1))

    def make() -> Any:
        part = layers.PReLU(width)
        part.load_state_dict({"weight": slopes})
        return part

    node.made_at((*chain, parts.Plain(make)), lead, width, at)


def leaky_relu(node: Any) -> None:
    slope = node.attribute("alpha", 0.01)
    chain, lead, width, at = node.turned(0)
    if width is None:
        node.refuse("how many features it takes is not known")

    def make() -> Any:
        part = layers.PReLU(width)
        part.load_state_dict({"weight": np.full(width, slope, np.float32)})
        return part

    node.made_at((*chain, parts.Plain(make)), lead, width, at)


def scaled(node: Any, place: int) -> None:
    """Rows times a constant: a weight for each feature."""
    number = node.constant(1 - place)
    chain, lead, width, at = node.turned(place)
    weight = by_feature(node, number, width, (at, len(lead) + 1))
    before = chain[-1] if chain else None
    if isinstance(before, (parts.RMSNorm, parts.GroupNorm)):
        made: Any = before.scaled(weight, 0 * weight)
        node.made_at((*chain[:-1], made), lead, width, at)
        return
    node.made_at((*chain, parts.Affine(weight, 0 * weight)), lead, width, at)


def layer_normalization(node: Any) -> None:
    node.attribute("stash_type")
    if isinstance(node.value(0), Channels):
        normalised_groups(node, node.value(0))
        return
    x = node.tensor(0)
    at = node.axis(node.attribute("axis", -1), len(x.groups))
    chain, lead, width = node.rows(0)
    scale, bias, eps = node.constant(1), node.constant(2), node.attribute("epsilon", 1e-5)
    arrays = [scale] if bias is None else [scale, bias]
    if at != len(lead) or any(a.ndim != 1 or a.size != scale.size for a in arrays):
        node.refuse("only the last axis can be normalised, with a scale of its size")
    if width not in (None, scale.size):
        node.refuse(f"its input has {width} features and its scale {scale.size}")

    def make() -> Any:
        shortest = float(str(np.float32(eps)))  # 1e-05, and not 9.999999747378752e-06
        part = layers.LayerNorm(scale.size, shortest, bias=bias is not None)
        names = zip(("weight", "bias"), arrays)
        part.load_state_dict({name: np.asarray(a, np.float32) for name, a in names})
        return part

    node.made((*chain, parts.Plain(make)), lead, scale.size)


def matmul(node: Any) -> None:
    if not isinstance(node.value(0), Tensor):
        node.refuse("its first input must be the rows, and its second the weight")
    weight = node.constant(1)
    if weight.ndim != 2:
        node.refuse(f"its weight has {weight.ndim} dimensions, 2 are understood")
    chain, lead, _ = node.rows(0, weight.shape[0])
    if not lead:
        node.refuse("it multiplies a single row")
    node.made((*chain, parts.Linear(weight.T, None)), lead, weight.shape[1])


def gemm(node: Any) -> None:
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    weight, bias = node.constant(1), node.constant(2)
    if node.attribute("transA", 0):
        node.refuse("transA is out of reach")
    weight = weight if node.attribute("transB", 0) else weight.T
    weight = np.asarray(weight * np.float32(alpha), np.float32)
    if bias is not None:
        bias = as_bias(node, bias, weight.shape[0]) * np.float32(beta)
    chain, lead, _ = node.rows(0, weight.shape[1])
    node.made((*chain, parts.Linear(weight, bias)), lead, weight.shape[0])


def as_bias(node: Any, array: Any, width: Any) -> Any:
    """The array as one number for each feature; refuses one that differs from row to row."""
    array = np.asarray(array)
    if array.size != 1 and (array.size != width or array.shape[-1] != width):
        node.refuse(f"an array of shape {array.shape} is no bias of {width} features")
    return np.broadcast_to(array.reshape(-1), (width,))


def add(node: Any) -> None:
    a, b = node.value(0), node.value(1)
    if isinstance(a, MeanSquare) or isinstance(b, MeanSquare):
        with_eps(node, 0 if isinstance(a, MeanSquare) else 1)
        return
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        added(node, a, b)
        return
    place = 1 if isinstance(a, Tensor) else 0
    chain, lead, width, at = node.turned(1 - place)
    before: Any = chain[-1] if chain else None
    width = before.weight.shape[0] if isinstance(before, parts.Linear) else width
    bias = by_feature(node, node.constant(place), width, (at, len(lead) + 1))
    one = np.ones_like(bias)
    takes = isinstance(before, (parts.Affine, parts.GroupNorm))
    if takes or isinstance(before, parts.Linear) and before.bias is None:
        chain = (*chain[:-1], before.scaled(one, bias))
    else:
        chain = (*chain, parts.Affine(one, bias))
    node.made_at(chain, lead, width, at)


def added(node: Any, a: Any, b: Any) -> None:
    if merged(node, a, b, "sum"):
        return
    first, lead, width, at = node.turned(0)
    second, other_lead, other_width, other_at = node.turned(1)
    if len(first) > len(second):
        first, second = second, first
    inner = second[len(first) :]
    if not inner or not same_chain(first, second[: len(first)]):
        forked(node, "sum")
        return
    fits = (lead, at) == (other_lead, other_at)
    if not fits or None not in (width, other_width) and width != other_width:
        node.refuse(f"it adds axes {spelled(a.groups)} and {spelled(b.groups)}")
    if any(part.reduces for part in inner):
        node.refuse("the axes of what it adds differ")
    width = other_width if width is None else width
    node.made_at((*first, parts.Around(inner)), lead, width, at)


def forked(node: Any, way: str | None, join: int | None = None) -> None:
    """The output is that of several chains: number by number, or side by side along axis `join`."""
    found = [node.turned(i) for i in range(len(node.proto.input))]
    chains, given_leads, widths, places = zip(*found)
    leads = [[tuple(a for a in g if a.size != 1) for g in lead] for lead in given_leads]
    same = all((lead, at) == (leads[0], places[0]) for lead, at in zip(leads, places))
    if not same or None in widths or join not in (None, places[0]):
        node.refuse(
            "it joins rows of "
            + " and ".join(spelled(node.tensor(i).groups) for i in range(len(found)))
        )
    if way is not None and (len(set(widths)) != 1 or len(widths) != 2):
        node.refuse(f"it joins rows of {' and '.join(map(str, widths))} features number by number")
    width = sum(widths) if way is None else widths[0]
    node.made_at((parts.Fork(chains, way, width),), found[0][1], width, places[0])


def merged(node: Any, a: Any, b: Any, way: str) -> bool:
    """Sets the output to a Merge, if a and b are the two halves of some rows."""
    if a.is_ids or b.is_ids or a.groups[:-1] != b.groups[:-1]:
        return False
    width = a.features.size
    if halves(a, b) and same_chain(a.parts, b.parts):
        node.made((*a.parts, parts.Merge(way, width)), a.groups[:-1], width // 2)
        return True
    single = all(v.slots is not None and len(v.slots) == 1 and v.window is None for v in (a, b))
    if not single or None in (a.lead(), b.lead()) or a.slots[0].index > b.slots[0].index:
        return False
    if a.slots[0].owner is b.slots[0].owner and a.slots == b.slots:
        return False
    chain = node.whole([*a.slots, *b.slots])
    node.made((*chain, parts.Merge(way, 2 * width)), a.lead(), width)
    return True


def mul(node: Any) -> None:
    a, b = node.value(0), node.value(1)
    if all(isinstance(v, (Dims, Constant)) for v in (a, b)):
        product_of_sizes(node, a, b)
    elif isinstance(b, MeanSquare) or isinstance(a, MeanSquare):
        rms_norm(node, 0 if isinstance(b, MeanSquare) else 1, -1)
    elif isinstance(a, Tensor) and isinstance(b, Tensor):
        if not gated(node, a, b) and not merged(node, a, b, "multiply"):
            forked(node, "multiply")
    else:
        place = 0 if isinstance(a, Tensor) else 1
        x = node.tensor(place)
        if x.parts and isinstance(x.parts[-1], parts.Merge) and x.parts[-1].way == "sum":
            halved(node, place, 0.5)
        else:
            scaled(node, place)


def gated(node: Any, a: Any, b: Any) -> bool:
    """Sets the output to a SiLU, if b is σ(a)."""
    plain = not a.is_ids and not b.is_ids and a.window is None and b.window is None
    if not plain or b.slots is not None or not b.parts:
        return False
    last = b.parts[-1]
    if not isinstance(last, parts.Function) or last.op != "Sigmoid":
        return False
    chain, lead, width, at = node.turned(0 if node.value(0) is a else 1)
    at_b = [g for g in b.groups if b.features not in g]
    if not same_chain(chain, b.parts[:-1]) or list(lead) != at_b:
        return False
    node.made_at((*chain, parts.Plain(lambda: layers.SiLU(features=width))), lead, width, at)
    return True


def div(node: Any) -> None:
    if isinstance(node.value(1), MeanSquare):
        rms_norm(node, 0, 1)
        return
    halved(node, 0, 2)


def halved(node: Any, place: Any, number: Any) -> None:
    """(a + b) / 2: a mean where a sum was."""
    factor = node.constant(1 - place)
    chain, lead, width = node.rows(place)
    before: Any = chain[-1] if chain else None
    if not isinstance(before, parts.Merge) or before.way != "sum" or factor.ndim > len(lead) + 1:
        node.refuse("rows can be scaled only where two halves were added, to give their mean")
    if factor.size != 1 or float(factor.reshape(())) != number:
        node.refuse(f"it scales the sum of two halves by {np.ravel(factor)[:3].tolist()}")
    node.made((*chain[:-1], parts.Merge("mean", before.width)), lead, width)


def mean(node: Any) -> None:
    values = [node.value(i) for i in range(len(node.proto.input))]
    if len(values) != 2 or not all(isinstance(v, Tensor) for v in values):
        node.refuse("only the mean of two halves of rows is understood")
    if not merged(node, values[0], values[1], "mean"):
        forked(node, "mean")


def reduce_mean(node: Any) -> None:
    """The mean of squares of the features, of which an RMS normalisation is made."""
    axes = given_axes(node, 1)
    node.attribute("noop_with_empty_axes")
    chain, lead, width = node.rows(0)
    last = axes is not None and [node.axis(a, len(lead) + 1) for a in np.ravel(axes)] == [len(lead)]
    inner: Any = chain[-1] if chain else None
    square = len(chain) == 1 and is_fork(inner, "multiply") and same_chain(*inner.chains)
    square = square or isinstance(inner, parts.Squares)
    if not last or not node.attribute("keepdims", 1) or not square or width is None:
        node.refuse("only the mean of squares of all features, for an RMS norm, is understood")
    before = chain[:-1] if isinstance(inner, parts.Squares) else inner.chains[0]
    node.gives(MeanSquare(before, lead, width))


def power(node: Any) -> None:
    if np.any(node.constant(1) != 2):
        node.refuse("of powers, squares are understood")
    chain, lead, width, at = node.turned(0)
    node.made_at((*chain, parts.Squares(width)), lead, width, at)


def reciprocal(node: Any) -> None:
    value = node.value(0)
    if not isinstance(value, MeanSquare) or not value.root:
        node.refuse("one by a root of a mean of squares, for an RMS norm, is understood")
    node.gives(value.by_one())


def with_eps(node: Any, place: int) -> None:
    """The mean of squares plus a constant."""
    value, number = node.value(place), node.constant(1 - place)
    if np.size(number) != 1 or value.root or value.eps:
        node.refuse("only one number can be added to a mean of squares")
    eps = float(np.ravel(number)[0])
    node.gives(MeanSquare(value.chain, value.lead, value.width, eps))


def rms_norm(node: Any, x: int, power: int) -> None:
    """Rows by the root of their own mean of squares."""
    value = node.value(1 - x)
    chain, lead, width = node.rows(x)
    same = same_chain(chain, value.chain) and lead == value.lead and width == value.width
    if not same or not value.root or value.power != power:
        node.refuse("only rows by the root of the mean of their own squares are understood")
    made = parts.RMSNorm(np.ones(width, np.float32), value.eps)
    node.made((*chain, made), lead, width)


def sqrt(node: Any) -> None:
    """√(a² + b²), or the root of a mean of squares."""
    value = node.value(0)
    if isinstance(value, MeanSquare):
        node.gives(value.with_root())
        return
    chain, lead, width, at = node.turned(0)
    outer: Any = chain[-1] if chain else None
    sides = [c[0] for c in outer.chains if len(c) == 1] if is_fork(outer, "sum") else []
    squares = [s.chains[0] for s in sides if is_fork(s, "multiply") and same_chain(*s.chains)]
    if len(chain) != 1 or len(squares) != 2:
        node.refuse("only the root of a sum of two squares is understood")
    joined = parts.Fork(squares, None, 2 * width)
    node.made_at((joined, parts.Merge("magnitude", 2 * width)), lead, width, at)


def is_fork(part: Any, way: str) -> bool:
    return isinstance(part, parts.Fork) and part.way == way


OPERATORS = {
    "Conv": convolution,
    "BatchNormalization": batch_normalization,
    "Pad": pad,
    "LeakyRelu": leaky_relu,
    "Identity": identity,
    "Dropout": dropout,
    "Cast": cast,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Reshape": reshape,
    "Flatten": flatten,
    "Shape": shape,
    "Expand": expand,
    "ConstantOfShape": constant_of_shape,
    "Slice": slice_,
    "Split": split,
    "Gather": gather,
    "Concat": concat,
    "Equal": equal,
    "Where": where,
    "LayerNormalization": layer_normalization,
    "MatMul": matmul,
    "Gemm": gemm,
    "Add": add,
    "Mul": mul,
    "Div": div,
    "Mean": mean,
    "Sqrt": sqrt,
    "ReduceMean": reduce_mean,
    "Pow": power,
    "Reciprocal": reciprocal,
    "Softmax": softmax,
    "PRelu": prelu,
    **dict.fromkeys(ACTIVATIONS, activation),
    **dict.fromkeys(KINDS, recurrent),
}
