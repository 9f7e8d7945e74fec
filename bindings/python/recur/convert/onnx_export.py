"""Writing ONNX: one RNN, LSTM or GRU node for each layer, Gemm or MatMul for linear layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import convolution, layers
from .._arrays import size
from ..compose import Graph as Wired
from ..compose import Residual, Sequential
from ..recurrent import Recurrent
from .gates import ONNX, check_module, inverse, kind_of, refuse_options, reorder, suffixes

DIRECTIONS = {"forward": "forward", "reverse": "reverse", "bidirectional": "bidirectional"}


class Graph:
    """Nodes and weights while they are collected; `x` names the value the next layer takes."""

    def __init__(self, onnx: Any, states: Any, lengths: Any) -> None:
        self.onnx, self.helper = onnx, onnx.helper
        self.opset = 17
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.states = states
        self.lengths = "lengths" if lengths else ""
        self.timed = self.batch_first = False
        self.x, self.finals = (
            "x",
            None,
        )  # finals: Y_h [D][B][H] of the layer that gave x, if it is one
        self.count = 0

    def name(self, what: str) -> str:
        self.count += 1
        return f"{what}_{self.count}"

    def add(self, op: Any, inputs: Any, outputs: Any = 1, **attributes: Any) -> Any:
        names = (
            [self.name(op.lower()) for _ in range(outputs)] if isinstance(outputs, int) else outputs
        )
        self.nodes.append(
            self.helper.make_node(op, inputs, names, name=self.name(op), **attributes)
        )
        return names[0] if len(names) == 1 else names

    def weight(self, what: str, array: Any) -> Any:
        name = self.name(what)
        self.weights.append(self.onnx.numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def integers(self, *values: Any) -> Any:
        return self.weight("shape", np.array(values, np.int64))


def node_weights(layer: Any, k: Any) -> list[Any]:
    """W [D][G*H][in], R [D][G*H][H], B [D][2*G*H] of one layer in ONNX's order of gates."""
    order = inverse(ONNX[kind_of(layer)])
    p, ends = layer.params, suffixes(layer, k)
    W = np.stack([reorder(p["weight_ih" + s], order) for s in ends])
    R = np.stack([reorder(p["weight_hh" + s], order) for s in ends])
    if not layer.bias:
        return [W, R]
    B = np.stack(
        [np.concatenate([reorder(p[b + s], order) for b in ("bias_ih", "bias_hh")]) for s in ends]
    )
    return [W, R, B]


def initial(graph: Any, layer: Any, prefix: str, k: Any) -> list[Any]:
    """Rows of h0 (and c0) that belong to layer k."""
    D = 2 if layer.bidirectional else 1
    at = [graph.integers(k * D), graph.integers((k + 1) * D), graph.integers(0)]
    return [graph.add("Slice", [prefix + s + "0", *at]) for s in layer.states]


def recurrent(graph: Any, layer: Any, prefix: str) -> None:
    refuse_options(layer)
    kind = kind_of(layer)
    attributes = {"hidden_size": layer.hidden_size, "direction": DIRECTIONS[layer.direction]}
    if kind == "GRU":
        attributes["linear_before_reset"] = int(layer.reset_after)
    if kind == "RNN":
        attributes["activations"] = [layer.nonlinearity.capitalize()] * (
            2 if layer.bidirectional else 1
        )
    finals = []
    for k in range(layer.num_layers):
        names = [graph.weight(n, w) for n, w in zip("WRB", node_weights(layer, k))] + [""]
        starts = initial(graph, layer, prefix, k) if graph.states else []
        inputs = [graph.x, *names[:3], graph.lengths, *starts]
        while not inputs[-1]:
            inputs.pop()
        y, *last = graph.add(kind, inputs, 1 + len(layer.states), **attributes)
        finals.append(last)
        y = graph.add("Transpose", [y], perm=[0, 2, 1, 3])  # [T][D][B][H] to [T][B][D][H]
        graph.x = graph.add("Reshape", [y, graph.integers(0, 0, -1)])
    graph.finals = finals[-1][0]
    for s, parts in zip(layer.states, zip(*finals)):
        graph.add("Concat", list(parts), [f"{prefix}{s}n"], axis=0)
    batch, rows = "batch", layer.num_layers * (2 if layer.bidirectional else 1)
    for s in layer.states:
        if graph.states:
            graph.inputs.append((f"{prefix}{s}0", np.float32, [rows, batch, layer.hidden_size]))
        graph.outputs.append((f"{prefix}{s}n", [rows, batch, layer.hidden_size]))


def last(graph: Any, layer: Any) -> None:
    """Y_h right behind a recurrent layer of the same direction; else the last or the first step."""
    direction = layer.direction or "forward"
    if graph.finals and direction == graph.direction:
        y = graph.add("Transpose", [graph.finals], perm=[1, 0, 2])
        graph.x = graph.add("Reshape", [y, graph.integers(0, -1)])
    elif graph.lengths or direction == "bidirectional":
        raise NotImplementedError(
            f"Last({direction!r}) cannot be written to ONNX here: put it right behind the "
            "recurrent layer"
        )
    else:
        step = graph.weight("step", np.array(-1 if direction == "forward" else 0, np.int64))
        graph.x = graph.add("Gather", [graph.x, step], axis=0)
    graph.timed = False


def linear(graph: Any, layer: Any) -> None:
    p = layer.params
    if graph.timed:
        graph.x = graph.add("MatMul", [graph.x, graph.weight("weight", p["weight"].T)])
        if layer.bias_used:
            graph.x = graph.add("Add", [graph.x, graph.weight("bias", p["bias"])])
    else:
        inputs = [graph.x, graph.weight("weight", p["weight"])] + (
            [graph.weight("bias", p["bias"])] if layer.bias_used else []
        )
        graph.x = graph.add("Gemm", inputs, transB=1)


def norm(graph: Any, layer: Any) -> None:
    if graph.opset < 17:
        raise NotImplementedError(f"LayerNorm needs opset 17, not {graph.opset}")
    inputs = [graph.x, *(graph.weight(name, value) for name, value in layer.params.items())]
    graph.x = graph.add("LayerNormalization", inputs, axis=-1, epsilon=layer.eps)


def merged(graph: Any, layer: Any) -> None:
    half = layer._info.output_size
    a, b = graph.add("Split", [graph.x, graph.integers(half, half)], 2, axis=-1)
    if layer.way == "gate":
        b = graph.add("Sigmoid", [b])
    if layer.way == "magnitude":
        squares = [graph.add("Mul", [half, half]) for half in (a, b)]
        graph.x = graph.add("Sqrt", [graph.add("Add", squares)])
        return
    ways = {"sum": "Add", "mean": "Mean", "multiply": "Mul", "gate": "Mul"}
    graph.x = graph.add(ways[layer.way], [a, b])


def by_channel(graph: Any, layer: Any) -> None:
    """Affine and PReLU: a number for each channel is one for each of its numbers."""
    numbers = {name: np.repeat(a, layer.length) for name, a in layer.params.items()}
    weight = graph.weight("weight", numbers["weight"])
    if isinstance(layer, layers.PReLU):
        graph.x = graph.add("PRelu", [graph.x, weight])
        return
    graph.x = graph.add("Mul", [graph.x, weight])
    if layer.bias_used:
        graph.x = graph.add("Add", [graph.x, graph.weight("bias", numbers["bias"])])


def activation(graph: Any, layer: Any) -> None:
    kind = type(layer).__name__
    if kind == "SiLU":
        graph.x = graph.add("Mul", [graph.x, graph.add("Sigmoid", [graph.x])])
        return
    if kind == "GELU" and graph.opset < 20:
        raise NotImplementedError(f"GELU needs opset 20, not {graph.opset}")
    names = {"ReLU": "Relu", "ELU": "Elu", "GELU": "Gelu"}
    graph.x = graph.add(names.get(kind, kind), [graph.x])


def conv_time(graph: Any, layer: Any) -> None:
    """Over steps; ONNX has [batch][channels][steps]."""
    p, reach = layer.params, (layer.kernel_size - 1) * layer.dilation
    inputs = [graph.add("Transpose", [graph.x], perm=[1, 2, 0])]
    inputs += [graph.weight(name, p[name]) for name in ("weight", "bias") if name in p]
    more = {"dilations": [layer.dilation], "group": layer.groups}
    more["pads"] = [reach - layer.ahead, layer.ahead]
    y = graph.add("Conv", inputs, kernel_shape=[layer.kernel_size], **more)
    graph.x = graph.add("Transpose", [y], perm=[2, 0, 1])


def flat_again(graph: Any, y: Any, x: Any) -> Any:
    """Rows of y, as many and in the axes of x."""
    count = 2 if graph.timed else 1
    ends = [graph.integers(0), graph.integers(count)]
    front = graph.add("Slice", [graph.add("Shape", [x]), *ends])
    shape = graph.add("Concat", [front, graph.integers(-1)], axis=0)
    return graph.add("Reshape", [y, shape])


def conv_row(graph: Any, layer: Any) -> None:
    """Inside of rows; ONNX has [rows][channels][length]."""
    p, x = layer.params, graph.x
    y = graph.add("Reshape", [x, graph.integers(-1, layer.in_channels, layer.length)])
    pads = list(layer.padding)
    if layer.padding_mode == "reflect" and any(pads):
        ends = graph.integers(0, 0, pads[0], 0, 0, pads[1])
        y, pads = graph.add("Pad", [y, ends], mode="reflect"), [0, 0]
    inputs = [y, *(graph.weight(name, p[name]) for name in ("weight", "bias") if name in p)]
    more = {"strides": [layer.stride], "dilations": [layer.dilation], "group": layer.groups}
    y = graph.add("Conv", inputs, kernel_shape=[layer.kernel_size], pads=pads, **more)
    graph.x = flat_again(graph, y, x)


def group_norm(graph: Any, layer: Any) -> None:
    """A layer normalisation of each group, then a scale and a shift for each channel."""
    if graph.opset < 17:
        raise NotImplementedError(f"GroupNorm needs opset 17, not {graph.opset}")
    x, size = graph.x, layer.channels * layer.length // layer.num_groups
    y = graph.add("Reshape", [x, graph.integers(-1, layer.num_groups, size)])
    inputs = [y, graph.weight("ones", np.ones(size, np.float32))]
    y = graph.add("LayerNormalization", inputs, axis=-1, epsilon=layer.eps)
    numbers = {name: np.repeat(a, layer.length) for name, a in layer.params.items()}
    y = graph.add("Mul", [flat_again(graph, y, x), graph.weight("weight", numbers["weight"])])
    graph.x = graph.add("Add", [y, graph.weight("bias", numbers["bias"])])


def rms_norm(graph: Any, layer: Any) -> None:
    """x / √(mean of x² + eps), times the weight."""
    squares, axes = graph.add("Mul", [graph.x, graph.x]), {"axes": [-1]}
    inputs = [squares, graph.integers(-1)] if graph.opset >= 18 else [squares]
    mean = graph.add("ReduceMean", inputs, keepdims=1, **({} if graph.opset >= 18 else axes))
    eps = graph.weight("eps", np.array(layer.eps, np.float32))
    root = graph.add("Sqrt", [graph.add("Add", [mean, eps])])
    y = graph.add("Div", [graph.x, root])
    graph.x = graph.add("Mul", [y, graph.weight("weight", layer.params["weight"])])


def wired(graph: Any, layer: Any, prefix: str) -> None:
    """Parts that take each other: pieces of rows, side by side."""
    known: dict[Any, Any] = {None: (graph.x, graph.timed, None)}
    before: Any = None
    for name, part in layer.named_children():
        sources = layer._sources[name] or [(before, 0, 0)]
        taken = [piece(graph, known[p][0], begin, count) for p, begin, count in sources]
        graph.x = taken[0] if len(taken) == 1 else graph.add("Concat", taken, axis=-1)
        whole = sources == [(sources[0][0], 0, 0)]
        _, graph.timed, finals = known[sources[0][0]]
        graph.finals, graph.direction = finals if whole and finals else (None, "")
        write(graph, part, f"{prefix}{name}_")
        finals = (graph.finals, graph.direction) if graph.finals else None
        known[name], before = (graph.x, graph.timed, finals), name
    graph.finals = None


def piece(graph: Any, x: Any, begin: int, count: int) -> Any:
    """Some of the features; a count of 0 is all that follow."""
    if not begin and not count:
        return x
    ends = [begin, begin + count if count else 2**31 - 1, -1]
    return graph.add("Slice", [x, *(graph.integers(n) for n in ends)])


def write(graph: Any, layer: Any, prefix: str = "") -> None:
    if isinstance(layer, Wired):
        wired(graph, layer, prefix)
        return
    if isinstance(layer, Sequential):
        before = graph.x
        for name, part in layer.named_children():
            write(graph, part, f"{prefix}{name}_" if prefix or count_recurrent(layer) > 1 else "")
        if isinstance(layer, Residual):
            graph.x, graph.finals = graph.add("Add", [before, graph.x]), None
    elif isinstance(layer, Recurrent):
        recurrent(graph, layer, prefix)
        graph.direction = layer.direction
        return
    elif isinstance(layer, layers.Last):
        last(graph, layer)
    elif isinstance(layer, layers.Linear):
        linear(graph, layer)
    elif isinstance(layer, layers.LayerNorm):
        norm(graph, layer)
    elif isinstance(layer, layers.Merge):
        merged(graph, layer)
    elif isinstance(layer, convolution.ConvTime):
        conv_time(graph, layer)
    elif isinstance(layer, convolution.ConvRow):
        conv_row(graph, layer)
    elif isinstance(layer, layers.GroupNorm):
        group_norm(graph, layer)
    elif isinstance(layer, layers.RMSNorm):
        rms_norm(graph, layer)
    elif isinstance(layer, layers.Embedding):
        graph.x = graph.add("Gather", [graph.weight("weight", layer.params["weight"]), graph.x])
    elif isinstance(layer, layers.Activation):
        activation(graph, layer)
    elif isinstance(layer, layers.Softmax):
        graph.x = graph.add("Softmax", [graph.x], axis=-1)
    elif isinstance(layer, (layers.Affine, layers.PReLU)):
        by_channel(graph, layer)
    elif not isinstance(layer, layers.Dropout):
        raise NotImplementedError(f"{type(layer).__name__} cannot be written to ONNX")
    if not isinstance(layer, (layers.Dropout, Sequential)):
        graph.finals = None


def count_recurrent(layer: Any) -> int:
    if isinstance(layer, Sequential):
        return sum(count_recurrent(part) for part in layer.children())
    return int(isinstance(layer, Recurrent))


def first(layer: Any) -> Any:
    """The part that takes the input, if it is one: an embedding takes ids."""
    return first(layer.children()[0]) if isinstance(layer, Sequential) else layer


def to_onnx(
    module: Any,
    path: Any = None,
    *,
    states: bool = False,
    lengths: bool = False,
    opset: Any = 17,
    verify: bool = True,
) -> Any:
    import onnx  # type: ignore[import-not-found,unused-ignore]

    module._open()
    check_module(module, "to_onnx")
    if isinstance(module, layers.Lazy):
        module.require_features()
    if not count_recurrent(module) and (lengths or states):
        raise ValueError(
            f"to_onnx({'lengths' if lengths else 'states'}=True): this {type(module).__name__} "
            "has no recurrent layer, which alone would read it: leave it out"
        )
    opset = size(opset, "opset", 13)
    graph = Graph(onnx, states, lengths)
    graph.opset = opset
    graph.timed, graph.batch_first = module.over_time, module.batch_first
    axes = ["batch", "steps"] if graph.batch_first else ["steps", "batch"]
    axes = axes if module.over_time else ["rows"]
    start = first(module)
    by_id = isinstance(start, layers.Embedding)
    graph.inputs.append(
        (
            "x",
            np.int64 if by_id else np.float32,
            axes if by_id else [*axes, module._info.input_size],
        )
    )
    if lengths:
        graph.inputs.append(("lengths", np.int32, ["batch"]))
    if graph.timed and graph.batch_first:
        graph.x = graph.add("Transpose", [graph.x], perm=[1, 0] if by_id else [1, 0, 2])
    write(graph, module)
    if graph.timed and graph.batch_first:
        graph.x = graph.add("Transpose", [graph.x], perm=[1, 0, 2])
    graph.add("Identity", [graph.x], ["y"])
    shape = axes if graph.timed or not module.over_time else ["batch"]
    graph.outputs.insert(0, ("y", [*shape, module._info.output_size]))
    model = assemble(graph, opset)
    if verify:
        from . import onnx_check

        onnx_check.check_writing(onnx, module, model, start.num_embeddings if by_id else 0)
    if path is not None:
        onnx.save(model, path)
    return model


def assemble(graph: Any, opset: Any) -> Any:
    h, np_type = graph.helper, graph.helper.np_dtype_to_tensor_dtype
    inputs = [
        h.make_tensor_value_info(name, np_type(np.dtype(t)), shape)
        for name, t, shape in graph.inputs
    ]
    outputs = [
        h.make_tensor_value_info(name, np_type(np.dtype(np.float32)), shape)
        for name, shape in graph.outputs
    ]
    made = h.make_graph(graph.nodes, "recur", inputs, outputs, graph.weights)
    model = h.make_model(
        made, producer_name="librecur", opset_imports=[h.make_opsetid("", opset)], ir_version=8
    )
    graph.onnx.checker.check_model(model)
    return model
