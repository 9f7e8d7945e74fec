"""A model of Keras as parts that take each other: what flows between its layers, Sequential and
Functional models, masks."""

from __future__ import annotations

from typing import Any

from .. import layers
from ..module import Module
from .keras_config import Layer, Weights
from .keras_layers import BY_ROW, LAYERS, SEVERAL
from .keras_recurrent import NAMES, both_ways, one_way
from .wiring import INPUT, Wires, bind

MODELS = ("Functional", "Model")
# Operations that Keras 3 writes for masks, and the layers that lose one.
MASKS = {"NotEqual", "Any", "LogicalOr", "ExpandDims", "ZerosLike", "OnesLike", "Concatenate"}
UNMASKED = {"RMSNormalization", "ZeroPadding1D", "Flatten"}
PACKED = (
    "pass packed=True, and packed sequences to the module: steps that Keras masks are not in them"
)


class Value:
    """What one layer gives another: rows of part `at`. steps: whether they are steps of sequences
    or one row each, None if nobody knows. zeros: steps that were padded before and behind. of:
    "h" or "c" for a final state."""

    def __init__(self, at: int, width: int | None, steps: bool | None, masked: bool) -> None:
        self.at, self.width, self.steps, self.masked = at, width, steps, masked
        self.zeros = (0, 0)
        self.of = ""

    def state(self, cell: bool = False) -> Value:
        """The same rows, given as a final state; of a cell, the state is c."""
        found = Value(self.at, self.width, False, False)
        found.of = "c" if cell else "h"
        return found

    def with_mask(self) -> Value:
        found = Value(self.at, self.width, self.steps, True)
        return found


class Mask:
    """Which steps count. level 0: none, 1: those of the packed sequences, 2: all."""

    def __init__(self, level: int) -> None:
        self.level = level


class Net:
    """What collects the parts of a model."""

    def __init__(self, weights: Weights, version: int | None, packed: bool) -> None:
        self.weights, self.version, self.packed = weights, version, packed
        self.wires = Wires()
        self.logits = self.has_mask = False
        self.padding: float | None = None  # the number in a masked step
        self.states: list[Value] = []
        self.width: int | None = None

    # ---- what layers ask for -------------------------------------------------------------------

    def part(self, part: Any, x: Value, steps: bool | None = None) -> Value:
        """The output of a new part."""
        if x.of == "c":
            raise NotImplementedError("from_keras: a layer takes the state c: it is out of reach")
        if x.zeros != (0, 0):
            raise NotImplementedError("from_keras: ZeroPadding1D must stand before a convolution")
        bind(part, x.width)
        at = self.wires.add(part, x.at)
        known = getattr(part, "_info", None)
        width = int(known.output_size) if known is not None else x.width
        return Value(at, width, x.steps if steps is None else steps, x.masked)

    def chain(self, parts: list[Any], x: Value) -> Value:
        for part in parts:
            x = self.part(part, x)
        return x

    def joined(self, mode: str, given: list[Value], layer: Layer | None = None) -> Value:
        """Rows side by side, or added, multiplied, averaged."""
        widths = [v.width for v in given]
        if any(v.of == "c" or v.zeros != (0, 0) or v.width is None for v in given):
            raise NotImplementedError("from_keras: it joins rows whose features are not known")
        same = mode == "concat" or len(set(widths)) == 1
        right = same and len({v.steps for v in given}) == 1
        right = right and not (mode == "ave" and len(given) > 2)
        if not right:
            where = "from_keras" if layer is None else f"Keras {layer.name}"
            raise NotImplementedError(f"{where}: rows of {widths} features cannot be joined so")
        known = [w or 0 for w in widths]
        if mode == "concat":
            part: Any = layers.Identity(features=sum(known))
            return self.side_by_side(part, given, sum(known))
        first = given[0]
        for other in given[1:]:
            way = {"sum": "sum", "mul": "multiply", "ave": "mean"}[mode]
            part = layers.Merge(way, features=2 * known[0])
            first = self.side_by_side(part, [first, other], known[0])
        return first

    def side_by_side(self, part: Any, given: list[Value], width: int) -> Value:
        at = self.wires.add(part, *(v.at for v in given))
        return Value(at, width, given[0].steps, all(v.masked for v in given))

    def pad(self, x: Value, pair: Any) -> Value:
        found = Value(x.at, x.width, x.steps, False)
        found.zeros = (x.zeros[0] + pair[0], x.zeros[1] + pair[1])
        return found

    def zeros_before(self, x: Value) -> tuple[int, int]:
        return x.zeros

    def without_zeros(self, x: Value) -> Value:
        return Value(x.at, x.width, x.steps, x.masked)

    # ---- masks ---------------------------------------------------------------------------------

    def needs_packed(self, layer: Layer, what: str, x: Value) -> None:
        layer.refuse_unless(self.packed, f"{what} is out of reach for dense arrays: {PACKED}")
        layer.refuse_unless(x.at == INPUT, "a mask that is computed inside is out of reach")
        self.has_mask = True

    def check_mask(self, layer: Layer, x: Value) -> None:
        """Refuses what would see the steps that other layers leave out."""
        layer.refuse_unless(
            x.masked or not self.has_mask,
            "it sees the steps that layers before it mask, for no mask reaches it",
        )

    # ---- layers --------------------------------------------------------------------------------

    def run(self, spec: Any, given: list[Any], logits: bool) -> Any:
        """What a layer gives: a Value, or several."""
        layer = Layer(spec, self.version)
        self.logits = logits
        if layer.name == "Sequential":
            found = self.sequential(layer, given, logits)
        elif layer.name in MODELS:
            found = self.functional(layer, given, logits)
        elif layer.name in SEVERAL:
            found = SEVERAL[layer.name](self, layer, given)
        else:
            layer.refuse_unless(len(given) == 1, "it takes several inputs: it is out of reach")
            found = self.single(layer, given[0])
        layer.finish()
        return found

    def single(self, layer: Layer, x: Value) -> Any:
        name = layer.name
        if name in NAMES or name == "RNN":
            return one_way(self, layer, x)
        if name == "Bidirectional":
            return both_ways(self, layer, x)
        if name == "InputLayer":
            layer.off("sparse", "ragged")
            return self.input_of(layer, x)
        if name == "TimeDistributed":
            inner = layer.read("layer")
            right = isinstance(inner, dict) and inner.get("class_name") in BY_ROW
            told = (inner or {}).get("class_name")
            layer.refuse_unless(right, f"{told} inside is out of reach")
            return self.run(inner, [x], self.logits)
        layer.refuse_unless(name in LAYERS, "this layer is out of reach")
        if "Conv1D" in name:
            layer.refuse_unless(not self.has_mask, "it sees steps that are masked")
        y = LAYERS[name](self, layer, x)
        if name in UNMASKED and isinstance(y, Value):
            y.masked = False
        return y

    def input_of(self, layer: Layer, x: Value) -> Value:
        """The input, with what the layer knows of its shape."""
        shape = shape_in(layer.config)
        if x.at != INPUT or shape is None:
            return x
        steps = len(shape) == 3 if len(shape) in (2, 3) else None
        width = shape[-1] if len(shape) > 1 else None
        kind = str(layer.config.get("dtype") or "float32")
        if kind.startswith(("int", "uint")):
            steps, width = len(shape) == 2, None
        self.width = self.width or width
        return Value(INPUT, width, steps, x.masked)

    def sequential(self, layer: Layer, given: list[Any], logits: bool) -> Any:
        inner = layer.read("layers")
        layer.refuse_unless(len(given) == 1, "it takes several inputs: it is out of reach")
        x = given[0]
        if inner and isinstance(inner[0], dict) and x.at == INPUT and x.width is None:
            x = self.input_of(Layer(inner[0], self.version), x)
        for i, spec in enumerate(inner):
            layer.refuse_unless(not isinstance(x, list), "a layer inside has several outputs")
            x = self.run(spec, [x], logits and i == len(inner) - 1)
        return x

    def functional(self, layer: Layer, given: list[Any], logits: bool) -> Any:
        """A graph of layers, in the order in which they can run."""
        specs = {spec_name(s): s for s in layer.read("layers")}
        ins, outs = (ends_of(layer.read(k)) for k in ("input_layers", "output_layers"))
        layer.refuse_unless(
            len(ins) == len(given) == 1, f"it has {len(ins)} inputs: a module has one"
        )
        for name, spec in specs.items():
            count = len(spec.get("inbound_nodes") or [])
            told = f"{spec.get('class_name')} {name!r}"
            layer.refuse_unless(count < 2, f"{told} is used {count} times: once is understood")
        known: dict[str, Any] = {}
        ends = {name for name, _ in outs}
        for name in ordered(specs):
            spec, last = specs[name], logits and name in ends
            taken = given if name == ins[0][0] else self.taken(spec, known, layer)
            found: Any = self.operation(spec, taken) or self.run(spec, taken, last)
            known[name] = found if isinstance(found, list) else [found]
        found = [known[name][place] for name, place in outs]
        return found if len(found) > 1 else found[0]

    def operation(self, spec: Any, taken: list[Any]) -> Mask | None:
        """What an operation on masks gives; None if it is something else."""
        name = spec.get("class_name")
        on_masks = bool(taken) and all(isinstance(v, Mask) for v in taken)
        if name == "NotEqual" and len(taken) == 2 and isinstance(taken[0], Value):
            right = taken[0].at == INPUT and self.packed
            if not right:
                raise NotImplementedError(f"Keras NotEqual: a mask: {PACKED}")
            self.has_mask, self.padding = True, float(taken[1])
            return Mask(1)
        if name in ("ZerosLike", "OnesLike") and on_ops(spec):
            return Mask(0 if name == "ZerosLike" else 2)
        if name in MASKS and on_masks:
            return Mask(max(v.level for v in taken))
        if any(isinstance(v, Mask) for v in taken):
            raise NotImplementedError(f"Keras {name}: it computes with masks")
        return None

    def taken(self, spec: Any, known: dict[str, Any], whole: Layer) -> list[Any]:
        """The values that a layer takes, by its one node."""
        nodes = spec.get("inbound_nodes") or []
        name = f"{spec.get('class_name')} {spec_name(spec)!r}"
        whole.refuse_unless(nodes, f"{name} takes nothing: it is out of reach")
        args, kwargs = arguments(nodes[0])
        found = [self.argument(a, known, whole, name) for a in args]
        for key, value in kwargs.items():
            if key == "mask" and value is not None:
                mask = self.argument(value, known, whole, name)
                for v in found:
                    v.masked = isinstance(mask, Mask) and mask.level == 1
            elif key != "training" and value is not None:
                whole.refuse_unless(False, f"{name} is called with {key}={value!r}")
        constant = spec.get("class_name") == "NotEqual"
        fine = all(isinstance(v, (Value, Mask)) for v in found) or constant
        whole.refuse_unless(fine and found, f"{name} is called with numbers among its inputs")
        return found

    def argument(self, given: Any, known: dict[str, Any], whole: Layer, name: str) -> Any:
        """A value that was computed, or a constant as it is."""
        place = history(given)
        if place is None:
            return given
        whole.refuse_unless(place[1] == 0, f"{name} takes a second use of {place[0]!r}")
        found = known[place[0]][place[2]]
        if isinstance(found, Value):
            copied = Value(found.at, found.width, found.steps, found.masked)
            copied.zeros, copied.of = found.zeros, found.of
            return copied
        return found

    # ---- the module ----------------------------------------------------------------------------

    def module(self, found: Any) -> Module:
        """The module whose y is the first of the outputs; others have to be final states."""
        found = found if isinstance(found, list) else [found]
        rows = [v for v in found if isinstance(v, Value) and not v.of]
        if len(rows) != 1 or found[0] is not rows[0]:
            raise NotImplementedError(
                f"from_keras: the model has {len(rows)} outputs beside final states, and a module "
                "gives one: make a Keras model of one of them"
            )
        if rows[0].at == INPUT and self.width is None:
            raise ValueError("the configuration has no layers")
        if rows[0].zeros != (0, 0):
            raise NotImplementedError("from_keras: ZeroPadding1D must stand before a convolution")
        self.states = found[1:]
        if rows[0].at == INPUT:  # all layers are for training only
            return layers.Identity(features=self.width)
        return self.wires.module(rows[0].at, self.width)


# ---- the form of configurations -----------------------------------------------------------------


def spec_name(spec: Any) -> str:
    return str(spec.get("name") or (spec.get("config") or {}).get("name"))


def shape_in(config: Any) -> Any:
    """The shape of the input with the batch, or None."""
    for key in ("batch_shape", "batch_input_shape"):
        if config.get(key) is not None:
            return tuple(config[key])
    return (None, *config["input_shape"]) if config.get("input_shape") is not None else None


def on_ops(spec: Any) -> bool:
    return "ops" in str(spec.get("module"))


def ends_of(told: Any) -> list[tuple[str, int]]:
    """[(layer, output)] of "input_layers" and "output_layers"."""
    if isinstance(told, dict):
        told = list(told.values())
    if told and isinstance(told[0], str):
        told = [told]
    return [(str(t[0]), int(t[2])) for t in told]


def history(given: Any) -> Any:
    """(layer, use, output) of a tensor in a configuration, or None."""
    if isinstance(given, dict) and given.get("class_name") == "__keras_tensor__":
        name, use, output = given["config"]["keras_history"]
        return str(name), int(use), int(output)
    old = isinstance(given, (list, tuple)) and len(given) in (3, 4) and isinstance(given[0], str)
    return (str(given[0]), int(given[1]), int(given[2])) if old else None


def arguments(node: Any) -> tuple[list[Any], dict[str, Any]]:
    """What a layer is called with: of Keras 3, or a list [name, use, output, kwargs] for each
    tensor of Keras 2."""
    if isinstance(node, dict):
        return flat(node.get("args") or []), dict(node.get("kwargs") or {})
    more: dict[str, Any] = {}
    for one in node:
        if len(one) > 3:
            more.update(one[3])
    return list(node), more


def flat(args: Any) -> list[Any]:
    found = []
    for one in args:
        found += flat(one) if isinstance(one, (list, tuple)) and history(one) is None else [one]
    return found


def ordered(specs: dict[str, Any]) -> list[str]:
    """Names of layers so that each comes behind what it takes. Where several could come next, the
    order of the configuration holds, which is that of the arrays."""
    found: list[str] = []
    waiting = list(specs)
    while waiting:
        for name in waiting:
            needed = needs(specs[name])
            if all(n in found for n in needed):
                break
        else:
            raise ValueError(f"from_keras: the layers {waiting} take each other in a circle")
        found.append(name)
        waiting.remove(name)
    return found


def needs(spec: Any) -> set[str]:
    names = set()
    for node in spec.get("inbound_nodes") or []:
        args, kwargs = arguments(node)
        names |= {h[0] for h in map(history, [*args, *kwargs.values()]) if h}
    return names
