"""Nodes of an ONNX graph that is one step: what moves numbers, and what computes with a row."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import layers
from . import onnx_parts as parts
from .onnx_cells import Cell, columns
from .onnx_nodes import ACTIVATIONS
from .onnx_numbers import Numbers, in_order
from .onnx_recurrent import layer_of
from .onnx_values import Constant

# ---- nodes that move numbers --------------------------------------------------------------------


def moves(node: Any) -> None:
    """Codes move as the numbers would."""
    arrays = [node.value(i) if node.has(i) else None for i in range(len(node.proto.input))]
    joins = node.op == "Concat"
    given = [
        None if a is None else node.codes(i) if joins or isinstance(a, Numbers) else a.array
        for i, a in enumerate(arrays)
    ]
    if any(isinstance(a, Numbers) for a in arrays[1:]) and not joins:
        node.refuse("how it moves numbers depends on the numbers")
    for i, array in enumerate(node.reader.moved(node, given)):
        node.gives(Numbers(array), i)


def pad(node: Any) -> None:
    mode, value = node.attribute("mode", "constant"), node.attribute("value", 0.0)
    if mode == "constant" and (value or np.any(node.constant(2, 0.0))):
        node.refuse("it pads with another number than 0")
    moves(node)


def cast(node: Any) -> None:
    types, to = node.reader.onnx.TensorProto, node.attribute("to")
    if to != types.FLOAT:
        node.refuse(f"a cast to {types.DataType.Name(to)} is out of reach: numbers are float32")
    node.gives(node.value(0))


def dropout(node: Any) -> None:
    if np.any(node.constant(2, False)):
        node.refuse("it drops numbers in the exported model: export in eval mode")
    node.gives(node.value(0))


def told(node: Any) -> None:
    """Shape and Size: every size is known."""
    found = node.reader.moved(node, [node.codes(0)])
    node.gives(Constant(found[0]))


# ---- number by number ---------------------------------------------------------------------------


def elementwise(node: Any, op: str, make: Any, codes: Any = None) -> None:
    """make(features=...) of each number by itself."""
    taken, places = in_order(node.codes(0) if codes is None else codes)
    source = node.made_of(op, taken.size, taken, parts.Plain(lambda: make(features=taken.size)))
    node.gives(Numbers(source.first + places))


def activation(node: Any) -> None:
    elementwise(node, node.op.lower(), ACTIVATIONS[node.op])


def hard_sigmoid(node: Any) -> None:
    slope, offset = node.attribute("alpha", 0.2), node.attribute("beta", 0.5)
    if not np.allclose([slope, offset], [0.2, 0.5], rtol=1e-6):
        node.refuse(f"it is {slope:.6g} x + {offset:.6g}: HardSigmoid is 0.2 x + 0.5 here")
    elementwise(node, "hardsigmoid", layers.HardSigmoid)


def elu(node: Any) -> None:
    if node.attribute("alpha", 1.0) != 1.0:
        node.refuse("ELU has alpha 1 here")
    elementwise(node, "elu", layers.ELU)


def gelu(node: Any) -> None:
    if node.attribute("approximate", "none") != "none":
        node.refuse("GELU is not approximated here")
    elementwise(node, "gelu", layers.GELU)


def leaky(node: Any) -> None:
    slope = node.attribute("alpha", 0.01)
    prelu_with(node, np.full(node.codes(0).shape, slope, np.float32))


def prelu(node: Any) -> None:
    prelu_with(node, spread(node, node.constant(1), node.codes(0).shape))


def prelu_with(node: Any, slopes: Any) -> None:
    taken, places = in_order(node.codes(0))
    weight = np.zeros(taken.size, np.float32)
    weight[places] = slopes
    if not np.array_equal(weight[places], slopes):
        node.refuse("it takes one number with several slopes")

    def make() -> Any:
        part = layers.PReLU(taken.size)
        part.load_state_dict({"weight": weight})
        return part

    source = node.made_of("prelu", taken.size, taken, parts.Plain(make))
    node.gives(Numbers(source.first + places))


def softmax(node: Any) -> None:
    codes = node.codes(0)
    axis = node.attribute("axis", -1)
    at = node.axis(axis, codes.ndim)
    if codes.shape[at] != codes.size:
        node.refuse(f"a softmax over axis {at} of {codes.shape} has several sums in a row")
    elementwise(node, "softmax", layers.Softmax)


# ---- sums and products --------------------------------------------------------------------------


def spread(node: Any, array: Any, shape: Any) -> Any:
    """A constant in the shape of the row."""
    try:
        return np.broadcast_to(np.asarray(array, np.float32), shape)
    except ValueError:
        node.refuse(f"a constant of shape {np.shape(array)} makes {shape} larger")


def scaled(node: Any, codes: Any, scale: Any, shift: Any) -> None:
    """Numbers times scale, plus shift; both have the shape of the codes."""
    if not np.any(shift) and np.all(scale == 1):
        node.gives(Numbers(codes))
        return
    taken, places = in_order(codes)
    if taken.size != codes.size or not taken[0]:
        node.refuse("it takes a number twice, or zeros")
    both = np.zeros((2, taken.size), np.float32)
    both[0][places], both[1][places] = scale, shift
    before = node.reader.book.whole(taken)
    op, part = "affine", parts.Affine(*both)
    if before is not None and hasattr(before.part, "scaled"):
        found = before.part.scaled(*both)
        if found is not None:
            op, part, taken = before.op, found, before.taken
    source = node.made_of(op, codes.size, taken, part)
    node.gives(Numbers(source.first + places))


def two(node: Any) -> Any:
    """Both operands, each an array of codes or of numbers, in their common shape."""
    values = [node.value(i) for i in range(2)]
    found = [v.codes if isinstance(v, Numbers) else v.array for v in values]
    try:
        shape = np.broadcast_shapes(*(a.shape for a in found))
    except ValueError:
        node.refuse(f"shapes {found[0].shape} and {found[1].shape} do not fit")
    return [np.broadcast_to(a, shape) for a in found], [isinstance(v, Numbers) for v in values]


def joined(node: Any, op: str, way: str | None, a: Any, b: Any) -> Any:
    """A source that takes two rows, number by number; in the order of a."""
    order = np.argsort(np.ravel(a), kind="stable")
    places = np.empty(order.size, np.int64)
    places[order] = np.arange(order.size)
    taken = np.concatenate([np.ravel(a)[order], np.ravel(b)[order]])
    part = None if way is None else parts.Merge(way, taken.size)
    source = node.made_of(op, order.size, taken, part)
    node.gives(Numbers((source.first + places).reshape(np.shape(a))))
    return source


def add(node: Any) -> None:
    (a, b), drawn = two(node)
    if all(drawn):
        joined(node, "sum", "sum", a, b)
        return
    codes, number = (a, b) if drawn[0] else (b, a)
    scaled(node, codes, np.ones(codes.shape, np.float32), number)


def sub(node: Any) -> None:
    (a, b), drawn = two(node)
    if all(drawn):
        joined(node, "difference", None, a, b)
        return
    if drawn[0]:
        scaled(node, a, np.ones(a.shape, np.float32), -b)
    else:
        scaled(node, b, np.full(b.shape, -1, np.float32), a)


def mul(node: Any) -> None:
    (a, b), drawn = two(node)
    if all(drawn):
        joined(node, "multiply", "multiply", a, b)
        return
    codes, number = (a, b) if drawn[0] else (b, a)
    scaled(node, codes, number, np.zeros(codes.shape, np.float32))


def neg(node: Any) -> None:
    codes = node.codes(0)
    scaled(node, codes, np.full(codes.shape, -1, np.float32), np.zeros(codes.shape, np.float32))


def div(node: Any) -> None:
    (a, b), drawn = two(node)
    if all(drawn):
        normalised(node, a, b)
        return
    if drawn[1]:
        node.refuse("a number divided by the row is out of reach")
    scaled(node, a, 1 / b, np.zeros(a.shape, np.float32))


def power(node: Any) -> None:
    if np.any(node.constant(1) != 2):
        node.refuse("of powers, squares are understood")
    codes = node.codes(0)
    joined(node, "multiply", "multiply", codes, codes)


# ---- magnitudes and means -----------------------------------------------------------------------


def squared(book: Any, codes: Any) -> Any:
    """The codes of a, where these are all of a²."""
    source = book.whole(codes, "multiply")
    halves = source.halves() if source is not None else (0, 1)
    return halves[0] if np.array_equal(*halves) else None


def sqrt(node: Any) -> None:
    """√(a² + b²) is a magnitude; another root belongs to a normalisation."""
    codes, book = node.codes(0), node.reader.book
    source = book.whole(np.sort(np.ravel(codes)), "sum")
    sides = [squared(book, half) for half in source.halves()] if source is not None else [None]
    if any(side is None for side in sides):
        taken, places = in_order(codes)
        found = node.made_of("root", taken.size, taken)
    else:
        places = codes - source.first
        taken = np.concatenate([side for side in sides if side is not None])
        part = parts.Merge("magnitude", taken.size)
        found = node.made_of("magnitude", source.width, taken, part)
    node.gives(Numbers(found.first + places))


def reduce_mean(node: Any) -> None:
    codes = node.codes(0)
    axes = node.attribute("axes")
    axes = node.constant(1) if axes is None else axes
    keep = bool(node.attribute("keepdims", 1))
    node.attribute("noop_with_empty_axes")
    axes = range(codes.ndim) if axes is None else np.ravel(axes)
    at = tuple(node.axis(i, codes.ndim) for i in axes)
    count = int(np.prod([codes.shape[i] for i in at]))
    if count == 1:
        node.gives(Numbers(codes if keep else codes.reshape(np.delete(codes.shape, at))))
        return
    if count != codes.size:
        node.refuse("the mean of a part of a row is out of reach")
    source = node.made_of("mean", 1, codes)
    shape = [1] * (codes.ndim if keep else codes.ndim - len(at))
    node.gives(Numbers(np.full(shape, source.first)))


def centred(book: Any, codes: Any) -> Any:
    """The codes of x, where these are all of x - mean(x)."""
    source = book.whole(codes, "difference")
    if source is None:
        return None
    x, mean = source.halves()
    found = book.whole(mean[:1], "mean")
    fits = found is not None and np.all(mean == mean[0]) and np.array_equal(found.taken, x)
    return x if fits else None


def normalised(node: Any, a: Any, b: Any) -> None:
    """(x - mean(x)) / √(mean((x - mean(x))²) + eps): a layer normalisation."""
    book = node.reader.book
    why = "of quotients of rows, layer normalisations are understood"
    x = centred(book, np.ravel(a))
    root = book.whole(np.ravel(b)[:1], "root")
    if x is None or root is None or np.any(b != np.ravel(b)[0]):
        node.refuse(why)
    shifted = book.whole(root.taken, "affine")
    mean = shifted and book.whole(shifted.taken, "mean")
    inner = mean and squared(book, mean.taken)
    if inner is None or not np.array_equal(centred(book, inner), x) or shifted.part.weight[0] != 1:
        node.refuse(why)
    ones = np.ones(x.size, np.float32)
    part = parts.LayerNorm(ones, 0 * ones, float(shifted.part.bias[0]))
    source = node.made_of("norm", x.size, x, part)
    node.gives(Numbers(source.codes.reshape(np.shape(a))))


def layer_normalization(node: Any) -> None:
    node.attribute("stash_type")
    codes = node.codes(0)
    at = node.axis(node.attribute("axis", -1), codes.ndim)
    if int(np.prod(codes.shape[at:])) != codes.size:
        node.refuse(f"it normalises parts of a row of shape {codes.shape}")
    scale, bias = np.ravel(node.constant(1)), np.ravel(node.constant(2, np.zeros(1)))
    part = parts.LayerNorm(
        np.broadcast_to(scale, (codes.size,)),
        np.broadcast_to(bias, (codes.size,)),
        node.attribute("epsilon", 1e-5),
    )
    source = node.made_of("norm", codes.size, codes, part)
    node.gives(Numbers(source.codes.reshape(codes.shape)))


def batch_normalization(node: Any) -> None:
    for name in ("momentum", "spatial"):
        node.attribute(name)
    if node.attribute("training_mode", 0):
        node.refuse("it is in training mode: export in eval mode")
    codes, eps = node.codes(0), node.attribute("epsilon", 1e-5)
    weight, bias, mean, var = (node.constant(i).astype(np.float64) for i in range(1, 5))
    scale = weight / np.sqrt(var + eps)
    shape = [1, -1] + [1] * (codes.ndim - 2)
    both = (scale.reshape(shape), (bias - mean * scale).reshape(shape))
    scaled(node, codes, *(spread(node, a, codes.shape) for a in both))


# ---- products with weights ----------------------------------------------------------------------


def linear(node: Any, codes: Any, weight: Any, bias: Any) -> Any:
    taken, weight = columns(weight, np.ravel(codes))
    return node.made_of("linear", weight.shape[0], taken, parts.Linear(weight, bias))


def matmul(node: Any) -> None:
    codes, weight = node.codes(0), node.constant(1)
    if weight.ndim != 2 or codes.shape[-1:] != weight.shape[:1] or codes.size != weight.shape[0]:
        node.refuse(f"a product of shapes {codes.shape} and {weight.shape} is not one row")
    source = linear(node, codes, weight.T, None)
    node.gives(Numbers(source.codes.reshape(*codes.shape[:-1], -1)))


def gemm(node: Any) -> None:
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    codes, weight, bias = node.codes(0), node.constant(1), node.constant(2)
    if node.attribute("transA", 0):
        node.refuse("transA is out of reach")
    weight = weight if node.attribute("transB", 0) else weight.T
    if codes.size != weight.shape[1]:
        node.refuse(f"a product of shapes {codes.shape} and {weight.shape[::-1]} is not one row")
    if bias is not None:
        bias = np.broadcast_to(np.ravel(bias), weight.shape[:1]) * np.float32(beta)
    source = linear(node, codes, weight * np.float32(alpha), bias)
    node.gives(Numbers(source.codes.reshape(1, -1)))


def conv(node: Any) -> None:
    codes, weight, bias = node.codes(0), node.constant(1), node.constant(2)
    if weight.ndim != 3 or codes.ndim != 3 or codes.shape[0] != 1:
        node.refuse(f"it is not one row [1][channels][length], but has shape {codes.shape}")
    groups, stride = node.attribute("group", 1), node.attribute("strides", [1])[0]
    dilation, kernel = node.attribute("dilations", [1])[0], weight.shape[2]
    if list(node.attribute("kernel_shape", [kernel])) != [kernel]:
        node.refuse(f"its kernel_shape is not that of its weight, {kernel}")
    pads = padding(node, codes.shape[2], stride, (kernel - 1) * dilation + 1)
    inner, mode, pads = unpadded(node, codes[0], pads)
    if codes.shape[1] != weight.shape[1] * groups:
        node.refuse(f"it takes {weight.shape[1] * groups} channels and gets {codes.shape[1]}")
    options = {"stride": stride, "dilation": dilation, "groups": groups, "length": inner.shape[1]}
    options.update(padding=pads, padding_mode=mode)
    part = parts.ConvRow(weight, bias, options)
    out = (inner.shape[1] + sum(pads) - (kernel - 1) * dilation - 1) // stride + 1
    if out < 1:
        node.refuse(f"its kernel is longer than a row of {inner.shape[1]}")
    source = node.made_of("conv", weight.shape[0] * out, inner, part)
    node.gives(Numbers(source.codes.reshape(1, -1, out)))


def padding(node: Any, length: int, stride: int, reach: int) -> tuple[int, int]:
    """Zeros before and behind."""
    auto, pads = node.attribute("auto_pad", "NOTSET"), node.attribute("pads", [0, 0])
    if auto in ("NOTSET", "VALID"):
        return (int(pads[0]), int(pads[1])) if auto == "NOTSET" else (0, 0)
    total = max((-(-length // stride) - 1) * stride + reach - length, 0)
    small, large = total // 2, total - total // 2
    return (small, large) if auto == "SAME_UPPER" else (large, small)


def unpadded(node: Any, codes: Any, pads: Any) -> Any:
    """(codes without padding, its mode, how much): a Pad before the convolution is seen in what it
    made of the codes."""
    first = codes[0]
    steps = np.concatenate([[True], np.diff(first) != 1, [True]])
    stretches = list(zip(np.flatnonzero(steps)[:-1], np.flatnonzero(steps)[1:]))
    real = [s for s in stretches if first[s[0]] != 0]
    begin, end = max(real or stretches, key=lambda s: s[1] - s[0])
    own = (int(begin), int(first.size - end))
    inner = codes[:, begin:end]
    if own == (0, 0):
        return inner, "zeros", pads
    if np.array_equal(codes, np.pad(inner, ((0, 0), own))):
        return inner, "zeros", (own[0] + pads[0], own[1] + pads[1])
    if max(own) < inner.shape[1] and pads == (0, 0):
        if np.array_equal(codes, np.pad(inner, ((0, 0), own), "reflect")):
            return inner, "reflect", own
    return codes, "zeros", pads


# ---- recurrent nodes ----------------------------------------------------------------------------


def recurrent(node: Any) -> None:
    if node.attribute("layout", 0):
        node.refuse("layout 1 is out of reach in a step")
    if node.has(4):
        node.refuse("lengths are out of reach in a step")
    layer = layer_of(node)
    x, width = node.codes(0), layer.width
    if layer.directions != 1 or layer.direction != "forward":
        node.refuse(f"its direction is {layer.direction}: a step goes forward")
    if x.ndim != 3 or x.shape[:2] != (1, 1):
        node.refuse(f"it takes {x.shape[0]} steps of {x.shape[1]} sequences: a step is one of one")
    before = [before_of(node, place) for place, _ in zip((5, 6), layer.states)]
    after: list[Any] = [node.made_of(what, width, [], None) for what in layer.states]
    fill = [None] * (2 - len(before))
    node.reader.cells.append(Cell(layer, x, before + fill, after + fill))
    node.gives(Numbers(after[0].codes.reshape(1, 1, 1, width)), 0)
    for i, one in enumerate(after):
        node.gives(Numbers(one.codes.reshape(1, 1, width)), i + 1)


def before_of(node: Any, place: int) -> Any:
    value: Any = node.value(place) if node.has(place) else None
    if not isinstance(value, Numbers):
        node.refuse(
            "it begins with the same state in every step: its initial state must be an input"
        )
    return value.codes


MOVES = {
    **dict.fromkeys(("Identity", "Transpose", "Squeeze", "Unsqueeze", "Reshape"), moves),
    **dict.fromkeys(("Flatten", "Slice", "Split", "Gather", "Concat", "Expand"), moves),
    **dict.fromkeys(("Shape", "Size"), told),
    "Dropout": dropout,
    "Cast": cast,
    "Pad": pad,
}

OPERATORS = {
    **dict.fromkeys(("Relu", "Tanh", "Sigmoid", "Softsign"), activation),
    **dict.fromkeys(("RNN", "LSTM", "GRU"), recurrent),
    "HardSigmoid": hard_sigmoid,
    "Elu": elu,
    "Gelu": gelu,
    "LeakyRelu": leaky,
    "PRelu": prelu,
    "Softmax": softmax,
    "Add": add,
    "Sub": sub,
    "Mul": mul,
    "Div": div,
    "Neg": neg,
    "Pow": power,
    "Sqrt": sqrt,
    "ReduceMean": reduce_mean,
    "LayerNormalization": layer_normalization,
    "BatchNormalization": batch_normalization,
    "MatMul": matmul,
    "Gemm": gemm,
    "Conv": conv,
}
