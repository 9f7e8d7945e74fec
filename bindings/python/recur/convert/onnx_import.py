"""Reading ONNX: a chain of RNN, LSTM and GRU nodes, linear ones and activations becomes a recur module.

Every value on the way from the graph's input is followed with the names of its axes: T steps, B batch, D directions,
F features; so Transpose, Squeeze and Reshape, which exporters put between the layers, are understood by what they do.
"""

import numpy as np

from .. import layers
from ..compose import Sequential
from ..module import Module
from .gates import KINDS, ONNX, reorder

PLAIN = {"RNN": {"Tanh": "tanh", "Relu": "relu"}, "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}
ACTIVATIONS = {"Relu": layers.ReLU, "Tanh": layers.Tanh, "Sigmoid": layers.Sigmoid}
SKIPPED = ("Identity", "Dropout", "Cast")


class Value:
    """A value of the graph that depends on its input: the parts that made it, and its axes. `final` marks Y_h and Y_c."""

    def __init__(self, parts, axes, final=False):
        self.parts, self.axes, self.final = parts, axes, final

    def on(self, axes):
        return Value(self.parts, axes, self.final)


def refuse(node, why):
    where = f" {node.name!r}" if node.name else ""
    raise NotImplementedError(f"ONNX {node.op_type} node{where}: {why}")


class Reader:
    def __init__(self, onnx, graph, constants):
        self.onnx, self.graph = onnx, graph
        to_array = onnx.numpy_helper.to_array
        self.known = {t.name: to_array(t) for t in graph.initializer}
        self.known.update({k: np.asarray(v) for k, v in (constants or {}).items()})
        self.values, self.batch_first, self.by_id = {}, False, False

    def attributes(self, node):
        get = self.onnx.helper.get_attribute_value
        values = {a.name: get(a) for a in node.attribute}
        return {k: v.decode() if isinstance(v, bytes) else v for k, v in values.items()}

    def constant(self, node, index, needed=True):
        name = node.input[index] if index < len(node.input) else ""
        if not name:
            return None
        if name not in self.known and needed:
            refuse(node, f"its input {name!r} must be a constant; pass it with constants={{{name!r}: array}}")
        return self.known.get(name)

    # ---- the input -----------------------------------------------------------------------------------

    def start(self):
        free = [i for i in self.graph.input if i.name not in self.known]
        users = {name: n for n in reversed(self.graph.node) for name in n.input[:2]}
        free = [i for i in free if i.name in users]
        main = [i for i in free if not self.is_state(i.name)]
        if len(main) != 1:
            names = ", ".join(i.name for i in main) or "none"
            raise NotImplementedError(f"the model must have one input beside initial states and lengths; it has {names}")
        info = main[0]
        tensor = info.type.tensor_type
        rank = len(tensor.shape.dim)
        self.by_id = tensor.elem_type in (self.onnx.TensorProto.INT32, self.onnx.TensorProto.INT64)
        self.values[info.name] = Value([], self.input_axes(info.name, rank + self.by_id))

    def is_state(self, name):
        """Whether a value is read only as initial state or lengths, maybe cut in pieces first."""
        for node in self.graph.node:
            for place, used in enumerate(node.input):
                if used == name and not (node.op_type in KINDS and place >= 4):
                    if (
                        node.op_type not in ("Slice", "Split", "Unsqueeze", "Gather", "Squeeze")
                        or place > 0
                        or not all(self.is_state(out) for out in node.output)
                    ):
                        return False
        return True

    def input_axes(self, name, rank):
        """[T][B][F] unless the way to the first recurrent node swaps the first two axes."""
        recurrent = any(n.op_type in KINDS for n in self.graph.node)
        if rank == 2 and not recurrent:
            return "BF"
        if rank != 3:
            raise NotImplementedError(f"the input {name!r} has {rank} dimensions: steps, batch and features are understood")
        for node in self.graph.node:
            if node.op_type == "Transpose" and list(self.attributes(node).get("perm", []))[:2] == [1, 0]:
                self.batch_first = True
                return "BTF"
            if node.op_type in KINDS:
                self.batch_first = bool(self.attributes(node).get("layout", 0))
                return "BTF" if self.batch_first else "TBF"
        return "TBF"

    # ---- nodes ---------------------------------------------------------------------------------------

    def read(self):
        self.start()
        for node in self.graph.node:
            if node.op_type == "Constant":
                self.known[node.output[0]] = self.constant_node(node)
                continue
            x = self.values.get(node.input[0]) if node.input else None
            if node.op_type == "Gather" and x is None and node.input[1] in self.values:
                self.embedding(node)
            elif x is not None or any(i in self.values for i in node.input):
                self.node(node, x)
            elif all(i in self.known for i in node.input if i):
                self.fold(node)
        wanted = [self.values[o.name] for o in self.graph.output if o.name in self.values]
        return self.assemble(wanted)

    def constant_node(self, node):
        attributes = self.attributes(node)
        if "value" in attributes:
            return self.onnx.numpy_helper.to_array(attributes["value"])
        return np.array(next(iter(attributes.values())))

    def fold(self, node):
        """A node of constants: what exporters leave of weights."""
        from onnx.reference import ReferenceEvaluator

        names = [i for i in node.input if i]
        graph = self.onnx.helper.make_graph(
            [node], "fold", [], [self.onnx.helper.make_empty_tensor_value_info(o) for o in node.output],
            [self.onnx.numpy_helper.from_array(self.known[n], n) for n in dict.fromkeys(names)],
        )  # fmt: skip
        model = self.onnx.helper.make_model(graph, opset_imports=list(self.opsets))
        self.known.update(zip(node.output, ReferenceEvaluator(model).run(None, {})))

    def node(self, node, x):
        method = getattr(self, node.op_type.lower(), None) if node.op_type in READ else None
        if node.op_type in KINDS:
            self.recurrent(node, x)
        elif node.op_type in ACTIVATIONS:
            self.values[node.output[0]] = Value([*x.parts, ACTIVATIONS[node.op_type]()], x.axes, x.final)
        elif node.op_type in SKIPPED:
            self.values[node.output[0]] = x
        elif method and (x is not None or node.op_type == "Concat" or node.op_type == "Add"):
            method(node, x)
        elif node.op_type != "Shape":
            refuse(node, "this operator is out of reach")

    def transpose(self, node, x):
        perm = self.attributes(node).get("perm") or range(len(x.axes))[::-1]
        self.values[node.output[0]] = x.on("".join(x.axes[i] for i in perm))

    def squeeze(self, node, x):
        axes = self.attributes(node).get("axes")
        axes = self.constant(node, 1) if axes is None else axes
        where = [i % len(x.axes) for i in axes] if axes is not None else [x.axes.index("D")] if "D" in x.axes else []
        if [x.axes[i] for i in where] != ["D"] or self.directions(x) != 1:
            refuse(node, "only the axis of directions can be squeezed, where there is one direction")
        self.values[node.output[0]] = x.on(x.axes.replace("D", ""))

    def reshape(self, node, x):
        shape = [int(n) for n in self.constant(node, 1)]
        axes = x.axes.replace("DF", "F")
        if len(shape) != len(axes) or shape[-1] not in (-1, self.width(x)):
            refuse(node, f"a reshape of axes {x.axes} to {shape} is out of reach")
        self.values[node.output[0]] = x.on(axes)

    def flatten(self, node, x):
        if x.axes not in ("BF", "BDF"):
            refuse(node, f"a flatten of axes {x.axes} is out of reach")
        self.values[node.output[0]] = x.on("BF")

    def slice(self, node, x):
        """Only the whole of an axis, or the last step."""
        starts, ends, axes = (self.constant(node, i) for i in (1, 2, 3))
        if len(starts) == 1 and axes is not None and x.axes[int(axes[0])] == "T" and starts[0] == -1 and ends[0] > 2**30:
            refuse(node, "a slice of the last step keeps its axis; use a Gather, or Y_h")
        refuse(node, "slices are out of reach")

    def gather(self, node, x):
        """One step of all: the last, or the first."""
        axis = self.attributes(node).get("axis", 0) % len(x.axes)
        index = self.constant(node, 1)
        direction = {-1: "forward", 0: "reverse"}.get(int(index)) if index is not None and index.ndim == 0 else None
        if x.final and x.axes[axis] == "D" and index is not None and index.ndim == 0 and self.directions(x) == 1:
            self.values[node.output[0]] = x.on(x.axes.replace("D", ""))
        elif x.axes[axis] == "T" and direction and not x.final:
            parts = [*x.parts, layers.Last(direction=direction, batch_first=self.batch_first)]
            self.values[node.output[0]] = Value(parts, x.axes.replace("T", ""))
        else:
            refuse(node, f"a gather of axis {x.axes[axis]} is out of reach")

    def embedding(self, node):
        x, weight = self.values[node.input[1]], self.constant(node, 0)
        if self.attributes(node).get("axis", 0) != 0 or weight.ndim != 2 or x.parts or not self.by_id:
            refuse(node, "only the rows of a matrix, picked by the model's input, are understood")
        part = layers.Embedding(*weight.shape)
        part.load_state_dict({"weight": weight})
        self.values[node.output[0]] = Value([part], x.axes)

    # ---- linear --------------------------------------------------------------------------------------

    def linear(self, node, x, weight, bias):
        if x.axes[-1] != "F" or "D" in x.axes:
            refuse(node, f"its input has axes {x.axes}: features must come last")
        part = layers.Linear(weight.shape[1], weight.shape[0], bias is not None)
        state = {"weight": weight} if bias is None else {"weight": weight, "bias": np.broadcast_to(bias, weight.shape[:1])}
        part.load_state_dict(state)
        self.values[node.output[0]] = Value([*x.parts, part], x.axes, x.final)

    def matmul(self, node, x):
        weight = self.constant(node, 1)
        if weight.ndim != 2:
            refuse(node, f"its weight has {weight.ndim} dimensions")
        self.linear(node, x, weight.T, None)

    def gemm(self, node, x):
        a = self.attributes(node)
        if a.get("transA"):
            refuse(node, "transA is out of reach")
        weight, bias = self.constant(node, 1), self.constant(node, 2)
        weight = (weight if a.get("transB") else weight.T) * np.float32(a.get("alpha", 1))
        self.linear(node, x, weight, bias if bias is None else bias.reshape(-1) * np.float32(a.get("beta", 1)))

    def add(self, node, x):
        """The bias behind a MatMul."""
        place = 1 if x is not None else 0
        x = x if x is not None else self.values[node.input[1]]
        bias, before = self.constant(node, place), x.parts[-1] if x.parts else None
        if not isinstance(before, layers.Linear) or before.bias_used or bias.size not in (1, before.out_features):
            refuse(node, "only the bias of a linear layer can be added")
        self.linear(node, Value(x.parts[:-1], x.axes, x.final), before.params["weight"], bias.reshape(-1))

    def concat(self, node, x):
        """Final states of all layers: the newest stands for them."""
        found = [self.values[i] for i in node.input if i in self.values]
        if not all(v.final for v in found) or len(found) != len(node.input):
            refuse(node, "only final states can be joined")
        self.values[node.output[0]] = max(found, key=lambda v: len(v.parts))

    # ---- recurrent -----------------------------------------------------------------------------------

    def recurrent(self, node, x):
        a = self.attributes(node)
        layout = a.get("layout", 0)
        if x is None or x.axes != ("BTF" if layout else "TBF") or x.final:
            refuse(node, f"its input has axes {x.axes if x else 'none'}: {'BTF' if layout else 'TBF'} is needed")
        self.check(node, a)
        W, R, B = (self.constant(node, i) for i in (1, 2, 3))
        direction = a.get("direction", "forward")
        more = {"direction": direction, "bias": B is not None, "batch_first": self.batch_first}
        if node.op_type == "GRU":
            more["reset_after"] = bool(a.get("linear_before_reset", 0))
        if node.op_type == "RNN":
            more["nonlinearity"] = PLAIN["RNN"][(a.get("activations") or [b"Tanh"])[0].decode()]
        part = KINDS[node.op_type](W.shape[2], R.shape[2], **more)
        order = ONNX[node.op_type]
        state = {}
        for d, end in enumerate(["_l0", "_l0_reverse"][: len(W)]):
            state["weight_ih" + end], state["weight_hh" + end] = reorder(W[d], order), reorder(R[d], order)
            if B is not None:
                state["bias_ih" + end], state["bias_hh" + end] = (reorder(b, order) for b in np.split(B[d], 2))
        part.load_state_dict(state)
        parts = [*x.parts, part]
        axes = ("BTDF", "BDF") if layout else ("TDBF", "DBF")
        for name, axis, final in zip(node.output, axes, (False, True)):  # what reads Y_c is not understood
            if name:
                self.values[name] = Value(parts, axis, final)

    def check(self, node, a):
        if len(node.input) > 7 and node.input[7]:
            refuse(node, "peepholes (P) are out of reach")
        for name in ("clip", "input_forget"):
            if a.get(name):
                refuse(node, f"{name} is out of reach")
        given = [v.decode() for v in a.get("activations", [])]
        allowed, D = PLAIN[node.op_type], 2 if a.get("direction") == "bidirectional" else 1
        if node.op_type == "RNN":
            fits = all(g in allowed for g in given) and len(set(given)) <= 1
        else:
            fits = given in ([], allowed * D)
        if not fits or a.get("activation_alpha") or a.get("activation_beta"):
            refuse(node, f"activations {given} are out of reach")
        if self.constant(node, 4, needed=False) is not None:
            refuse(node, "constant lengths are out of reach: use packed sequences")
        for name in node.input[5:7]:
            if name and not self.plain_state(name):
                refuse(node, "an initial state that is neither zero nor an input of the model is out of reach")

    def plain_state(self, name) -> bool:
        """Zeros, or a piece of a graph input, which the caller passes to the module as its state."""
        if name in self.known:
            return not np.any(self.known[name])
        maker = next((n for n in self.graph.node if name in n.output), None)
        if maker is None:
            return True
        if maker.op_type == "ConstantOfShape":
            value = self.attributes(maker).get("value")
            return value is None or not np.any(self.onnx.numpy_helper.to_array(value))
        pieces = ("Expand", "Slice", "Split", "Unsqueeze", "Squeeze", "Gather", "Identity", "Reshape", "Cast")
        return maker.op_type in pieces and self.plain_state(maker.input[0])

    # ---- the module ----------------------------------------------------------------------------------

    def source(self, x):
        return next((p for p in reversed(x.parts) if hasattr(p, "num_layers")), None)

    def directions(self, x):
        part = self.source(x)
        return 2 if part is not None and part.bidirectional else 1

    def width(self, x):
        for part in reversed(x.parts):
            if getattr(part, "_layer", None) is not None and part._info.output_size:
                return part._info.output_size
        return 0

    def assemble(self, wanted):
        """The longest chain among the outputs; a final state behind it stands for `Last`."""
        if not wanted:
            raise NotImplementedError("no output of the model depends on its input through layers that are understood")
        value = max(wanted, key=lambda v: (len(v.parts), not v.final))
        parts = list(value.parts)
        at = max((i for i, p in enumerate(parts) if hasattr(p, "num_layers")), default=None)
        if value.final and at is not None and len(parts) > 1:
            parts.insert(at + 1, layers.Last(direction=parts[at].direction, batch_first=self.batch_first))
        parts = merge(parts)
        return parts[0] if len(parts) == 1 else Sequential(*parts)


READ = ("Transpose", "Squeeze", "Reshape", "Flatten", "Slice", "Gather", "MatMul", "Gemm", "Add", "Concat")


def alike(a, b) -> bool:
    """Whether b can be the next layer of the stack a."""
    same = ("hidden_size", "direction", "bias", "reset_after", "nonlinearity")
    return type(a) is type(b) and all(getattr(a, n, None) == getattr(b, n, None) for n in same)


def merge(parts) -> list:
    """Recurrent layers of one kind that follow each other become one of several layers, as PyTorch writes them."""
    merged: list[list] = []
    for part in parts:
        if merged and hasattr(part, "num_layers") and hasattr(merged[-1][0], "num_layers") and alike(merged[-1][0], part):
            merged[-1].append(part)
        else:
            merged.append([part])
    return [stack(group) if len(group) > 1 else group[0] for group in merged]


def stack(group) -> Module:
    a = group[0]
    more = {n: getattr(a, n) for n in ("reset_after", "nonlinearity") if hasattr(a, n)}
    whole = type(a)(a.input_size, a.hidden_size, len(group), bias=a.bias, batch_first=a.batch_first, direction=a.direction, **more)
    state = {name.replace("_l0", f"_l{k}"): v for k, part in enumerate(group) for name, v in part.params.items()}
    whole.load_state_dict(state)
    return whole


def from_onnx(model, constants=None) -> Module:
    import onnx

    if not isinstance(model, onnx.ModelProto):
        model = onnx.load(model)
    reader = Reader(onnx, model.graph, constants)
    reader.opsets = model.opset_import
    return reader.read().eval()
