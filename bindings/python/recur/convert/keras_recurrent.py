"""Recurrent layers of Keras: SimpleRNN, LSTM, GRU, RNN of their cells, Bidirectional."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import layers
from .gates import KERAS, KINDS, reorder
from .keras_config import HARD_SCALE, Layer, Weights, function

NAMES = {"SimpleRNN": "RNN", "LSTM": "LSTM", "GRU": "GRU"}
CELLS = {name + "Cell": kind for name, kind in NAMES.items()}
MERGES = {"sum": "sum", "ave": "mean", "mul": "multiply"}
STEPS_TURNED = "go_backwards with return_sequences gives its steps in reverse order"


def functions(layer: Layer, kind: str) -> dict[str, Any]:
    """Activations that are not the kind's own. An LSTM's `activation` is that of the candidate and
    of the cell state."""
    activation = function(layer, "activation", "tanh")
    if kind == "RNN":
        own: dict[str, Any] = {"tanh": {}, "relu": {"nonlinearity": "relu"}}
        return dict(own.get(activation, {"activation": activation}))
    found = {
        "activation": activation,
        "gate_activation": function(layer, "recurrent_activation", "sigmoid"),
    }
    found["output_activation"] = activation if kind == "LSTM" else "tanh"
    usual = {"activation": "tanh", "output_activation": "tanh", "gate_activation": "sigmoid"}
    return {option: name for option, name in found.items() if name != usual[option]}


class Direction:
    """What one SimpleRNN, LSTM or GRU computes: parameters by name without ending, sizes, and the
    arguments of the recur layer. `layer` says how it runs; `cell` what it computes."""

    def __init__(self, layer: Layer, weights: Weights, cell: Layer | None = None) -> None:
        self.layer, self.cell = layer, cell or layer
        self.kind = NAMES.get(layer.name) or CELLS[self.cell.name]
        self.sequences = bool(layer.read("return_sequences", False))
        self.states = bool(layer.read("return_state", False))
        self.backwards = bool(layer.read("go_backwards", False))
        layer.off("stateful", why="is out of reach: pass a State instead")
        layer.off("time_major", why="is out of reach: transpose the input, and leave it out")
        bias = bool(self.cell.read("use_bias", True))
        kernel, recurrent, *b = weights.take(3 if bias else 2, self.cell.name)
        after = self.reset_after(b[0] if bias else None) if self.kind == "GRU" else False
        self.units = self.check_shapes(kernel, recurrent, b, after)
        self.sizes = (kernel.shape[0], self.units)
        self.more = {"bias": bias, "batch_first": True, **functions(self.cell, self.kind)}
        if self.kind == "GRU":
            self.more["reset_after"] = after
        if self.cell.read("recurrent_dropout"):
            self.more["recurrent_dropout"] = self.cell.config["recurrent_dropout"]
        order = KERAS[self.kind]
        matrices = {"weight_ih": kernel, "weight_hh": recurrent}
        self.arrays = {name: reorder(a.T, order) for name, a in matrices.items()}
        if bias:
            rows = b[0] if b[0].ndim == 2 else np.stack([b[0], np.zeros_like(b[0])])
            for name, row in zip(("bias_ih", "bias_hh"), rows):
                self.arrays[name] = reorder(row, order)
        hard = self.more.get("gate_activation") == "hard_sigmoid"
        if hard and self.cell.version == 3:
            self.arrays = {name: self.harder(a) for name, a in self.arrays.items()}
        self.cell.finish()
        layer.finish()

    def harder(self, array: Any) -> Any:
        """The rows of all gates times 5/6: recur's hard sigmoid is then that of Keras 3."""
        gates = [0, 1, 3] if self.kind == "LSTM" else [0, 1]
        blocks = np.array(array, np.float64).reshape(len(KERAS[self.kind]), self.units, -1)
        blocks[gates] *= HARD_SCALE
        return blocks.reshape(array.shape).astype(np.float32)

    def check_shapes(self, kernel: Any, recurrent: Any, b: list[Any], after: bool) -> int:
        """The number of units; refuses arrays of other shapes."""
        gates = len(KERAS[self.kind])
        units = int(recurrent.shape[0]) if recurrent.ndim else 0
        wanted: list[Any] = [(kernel.shape[0] if kernel.ndim else 0, gates * units)]
        wanted.append((units, gates * units))
        wanted += [(2, gates * units) if after else (gates * units,)] if b else []
        given = [a.shape for a in (kernel, recurrent, *b)]
        self.cell.refuse_unless(given == wanted, f"its arrays have shapes {given}, not {wanted}")
        told = self.cell.read("units", units)
        self.cell.refuse_unless(told == units, f"units is {told}, the arrays have {units}")
        return units

    def reset_after(self, bias: Any) -> bool:
        """Keras before 2.1 has no such entry, and resets before the product; the bias has two rows
        where the reset is after it."""
        told = self.cell.read("reset_after")
        self.cell.refuse_unless(
            told is not None or bias is not None,
            "it has neither reset_after nor a bias, so what it computes is not known: add "
            "reset_after to its configuration (False for models of Keras before 2.1)",
        )
        return bool(bias.ndim == 2) if told is None else bool(told)

    @property
    def way(self) -> str:
        return "reverse" if self.backwards else "forward"

    def part(self) -> Any:
        """The layer of this direction alone."""
        made = KINDS[self.kind](*self.sizes, direction=self.way, **self.more)
        made.load_state_dict({name + "_l0": value for name, value in self.arrays.items()})
        return made

    def end(self) -> Any:
        return layers.Last(direction=self.way, batch_first=True)


def directions_of(layer: Layer, weights: Weights) -> list[Direction]:
    """What a recurrent layer computes: several where it has a list of cells."""
    if layer.name != "RNN":
        return [Direction(layer, weights)]
    outer = layer.inner("cell")
    cells = [outer]
    if outer.name == "StackedRNNCells":
        cells = [Layer(spec, layer.version) for spec in outer.read("cells")]
        outer.finish()
        layer.refuse_unless(not layer.read("return_state"), "states of stacked cells: out of reach")
        layer.refuse_unless(not layer.read("go_backwards"), "go_backwards of stacked cells")
    for cell in cells:
        layer.refuse_unless(cell.name in CELLS, f"a {cell.name} is out of reach: cells of its own")
    return [Direction(layer, weights, cell) for cell in cells]


def one_way(net: Any, layer: Layer, x: Any) -> Any:
    """The values that a recurrent layer gives."""
    net.check_mask(layer, x)
    found = directions_of(layer, net.weights)
    last = found[-1]
    layer.refuse_unless(not last.backwards or not last.sequences, STEPS_TURNED)
    for it in found:
        x = net.part(it.part(), x)
    y = x if last.sequences else net.part(last.end(), x, steps=False)
    if not last.states:
        return y
    h = net.part(last.end(), x, steps=False) if last.sequences else y
    return [y, h.state()] + ([x.state(True)] if last.kind == "LSTM" else [])


def both_ways(net: Any, layer: Layer, x: Any) -> Any:
    """The values of a Bidirectional: one layer where both directions are alike."""
    net.check_mask(layer, x)
    mode = layer.read("merge_mode", "concat")
    known = mode == "concat" or isinstance(mode, str) and mode in MERGES
    layer.refuse_unless(known, f"merge_mode {mode!r} is out of reach")
    forward, told = layer.inner("layer"), layer.read("backward_layer")
    known = forward.name in NAMES or forward.name == "RNN"
    layer.refuse_unless(known, f"{forward.name} inside: only recurrent layers are understood")
    turned = not forward.config.get("go_backwards", False)
    backward = forward.changed(go_backwards=turned)
    backward = backward if told is None else layer.inner("backward_layer")
    (there, *more), (back, *others) = (directions_of(d, net.weights) for d in (forward, backward))
    layer.refuse_unless(not more + others, "stacked cells in both directions are out of reach")
    layer.refuse_unless(not there.states and not back.states, "return_state is out of reach")
    layer.refuse_unless(
        there.backwards != back.backwards, "both of its layers run in the same direction"
    )
    layer.refuse_unless(there.sequences == back.sequences, "its layers differ in return_sequences")
    layer.refuse_unless(not (there.backwards and there.sequences), STEPS_TURNED)
    if alike(there, back):
        return together(net, mode, (there, back), x)
    return apart(net, mode, (there, back), x)


def alike(there: Direction, back: Direction) -> bool:
    """Whether one bidirectional layer is both."""
    same = (there.kind, there.sizes, there.more) == (back.kind, back.sizes, back.more)
    return same and back.backwards


def together(net: Any, mode: str, pair: Any, x: Any) -> Any:
    there, back = pair
    state = {name + "_l0": value for name, value in there.arrays.items()}
    state.update({name + "_l0_reverse": value for name, value in back.arrays.items()})
    part = KINDS[there.kind](*there.sizes, bidirectional=True, **there.more)
    part.load_state_dict(state)
    y = net.part(part, x)
    if not there.sequences:
        y = net.part(layers.Last(direction="bidirectional", batch_first=True), y, steps=False)
    return net.part(layers.Merge(MERGES[mode]), y) if mode in MERGES else y


def apart(net: Any, mode: str, pair: Any, x: Any) -> Any:
    """Two layers side by side."""
    found = []
    for it in pair:
        y = net.part(it.part(), x)
        found.append(y if it.sequences else net.part(it.end(), y, steps=False))
    return net.joined(mode if mode in MERGES else "concat", found)
