"""RNN, LSTM and GRU nodes of an ONNX graph: weights, functions, lengths, initial states."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import onnx_parts as parts
from .onnx_values import Axis, Constant, Filled, Lengths, Slot, Tensor, spelled

# What each operator computes where nothing is said: f, g and h of ONNX.
OWN = {"RNN": ["Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}
# Our options for them, by how many there are.
ROLES = {
    1: ["activation"],
    2: ["gate_activation", "activation"],
    3: ["gate_activation", "activation", "output_activation"],
}
# ONNX's names: our function, and the scales that it has. Those of Affine have no default.
FUNCTIONS: dict[str, Any] = {
    "Tanh": ("tanh", {}),
    "Sigmoid": ("sigmoid", {}),
    "Relu": ("relu", {}),
    "Softsign": ("softsign", {}),
    "HardSigmoid": ("hard_sigmoid", {"alpha": 0.2, "beta": 0.5}),
    "Affine": ("identity", {"alpha": 1.0, "beta": 0.0}),
}


def layer_of(node: Any) -> parts.Layer:
    """The layer that a node is by its weights and attributes; refuses what recur has not."""
    direction = node.attribute("direction", "forward")
    W, R, B = (node.constant(i) for i in (1, 2, 3))
    if direction not in parts.DIRECTION_COUNT or W is None or R is None:
        node.refuse("it needs W, R and a direction that exists")
    count, width = parts.DIRECTION_COUNT[direction], R.shape[-1]
    gates = {"RNN": 1, "LSTM": 4, "GRU": 3}[node.op]
    wanted: list[Any] = [(count, gates * width, W.shape[-1]), (count, gates * width, width)]
    wanted += [] if B is None else [(count, 2 * gates * width)]
    given = [a.shape for a in (W, R, B) if a is not None]
    if given != wanted or node.attribute("hidden_size", width) != width:
        node.refuse(f"its weights have shapes {given}, {wanted} are needed")
    P, coupled = peepholes(node, count, width), bool(node.attribute("input_forget", 0))
    more = arguments(node, count)
    weights: Any = [W, R, B, P]
    if P is not None and coupled:
        weights, coupled = uncoupled(node, weights, dict(more)), False
    return parts.Layer(node.op, direction, weights, more, coupled)


def uncoupled(node: Any, weights: Any, given: Any) -> Any:
    """Weights of an LSTM whose forget gate is 1 - i: σ(-z) is 1 - σ(z), and so for the hard
    sigmoid."""
    if given.get("gate_activation", "sigmoid") not in ("sigmoid", "hard_sigmoid"):
        node.refuse("peepholes P with input_forget need a sigmoid as the function of gates")
    found: Any = [None if a is None else np.array(a) for a in weights]
    W, R, B, P = found
    width = R.shape[2]
    i, f = slice(0, width), slice(2 * width, 3 * width)
    for array in [a for a in (W, R, P) if a is not None]:
        array[:, f] = -array[:, i]
    if B is not None:
        halves = B.reshape(B.shape[0], 2, 4 * width)
        halves[:, :, f] = -halves[:, :, i]
        B = halves.reshape(B.shape)
    return [W, R, B, P]


def recurrent(node: Any) -> None:
    layout = node.attribute("layout", 0)
    layer = layer_of(node)
    W, count, width = layer.weights[0], layer.directions, layer.width
    chain, lead, _ = node.rows(0, W.shape[-1])
    if len(lead) != 2 or any(part.reduces for part in chain):
        node.refuse(f"its input has axes {spelled(node.tensor(0).groups)}: it needs three")
    steps, batch = node.reader.time_axes(node, lead[::-1] if layout else lead)
    layer.before, layer.lengths = chain, lengths_of(node)
    for place, what in zip((5, 6), layer.states):
        slots = initial_state(node, place, layer, batch, bool(layout))
        if slots:
            layer.initial[what] = slots
    node.reader.layers.append(layer)
    leads = ([(steps,), None, (batch,)], [None, (batch,)], [None, (batch,)])
    if layout:
        leads = ([(batch,), (steps,), None], [(batch,), None], [(batch,), None])
    for i, what in enumerate(("y", *layer.states)):
        stacked, features = Axis("D", count), Axis("F", width)
        groups = [(stacked,) if g is None else g for g in leads[i]] + [(features,)]
        slots = [Slot(layer, what, d) for d in range(count)]
        node.gives(Tensor(groups, features, slots=slots, stacked=stacked), i)


def peepholes(node: Any, count: int, width: int) -> Any:
    P = node.constant(7)
    if P is not None and (node.op != "LSTM" or P.shape != (count, 3 * width)):
        node.refuse(f"its peepholes P have shape {P.shape}, {(count, 3 * width)} is needed")
    return P


def arguments(node: Any, count: int) -> tuple[Any, ...]:
    """Arguments of the recur layer beyond its sizes; refuses what it does not compute."""
    found = activations(node, count)
    clip = node.attribute("clip")
    if clip:
        found["preactivation_clip"] = float(clip)
    if node.op == "GRU":
        found["reset_after"] = bool(node.attribute("linear_before_reset", 0))
    return tuple(found.items())


def activations(node: Any, count: int) -> dict[str, Any]:
    """The functions of a node, as far as they are not the usual ones."""
    usual = OWN[node.op]
    given = [v.decode() for v in node.attribute("activations", [])] or usual * count
    names = given[: len(usual)]
    if given != names * count or len(names) != len(usual):
        node.refuse(f"activations {given} are out of reach: both directions have the same here")
    scales = {name: list(node.attribute("activation_" + name, [])) for name in ("alpha", "beta")}
    for name in given:
        if name not in FUNCTIONS:
            node.refuse(
                f"the activation {name} is out of reach: {', '.join(FUNCTIONS)} are understood"
            )
        for scale, fixed in FUNCTIONS[name][1].items():
            if name == "Affine" and not scales[scale]:
                node.refuse(f"the activation Affine has no {scale}: what it computes is not told")
            number = scales[scale].pop(0) if scales[scale] else fixed
            if not np.isclose(number, fixed, rtol=1e-6):
                node.refuse(f"{scale} {number:g} of {name} is out of reach: it is {fixed} here")
    if any(scales.values()):
        node.refuse(f"its activations {given} take no such activation_alpha or activation_beta")
    if node.op == "RNN" and names[0] in ("Tanh", "Relu"):
        return {"nonlinearity": names[0].lower()}
    roles = ROLES[len(names)]
    return {role: FUNCTIONS[name][0] for role, name, own in zip(roles, names, usual) if name != own}


def lengths_of(node: Any) -> Any:
    if not node.has(4):
        return None
    value = node.value(4)
    if not isinstance(value, Lengths):
        node.refuse(
            "constant lengths are out of reach: leave sequence_lens an input of the model, and "
            "pass packed sequences to the module"
        )
    return value.name


def initial_state(node: Any, place: Any, layer: Any, batch: Any, layout: Any) -> list[Any]:
    """The slots of the graph input that gives the initial state, or [] for zeros."""
    if not node.has(place):
        return []
    value = node.value(place)
    if isinstance(value, Filled) and value.value == 0:
        return []
    if isinstance(value, Constant) and not np.any(value.array):
        return []
    why = "an initial state that is neither zero nor an input of the model is out of reach"
    if not isinstance(value, Tensor) or value.slots is None:
        node.refuse(why)
    owners = [s.owner for s in value.slots]
    if not all(isinstance(owner, str) for owner in owners):
        node.refuse(why)
    count = len(value.slots)
    order = [value.groups.index(g) for g in value.groups if value.stacked in g]
    at = 1 if layout else 0
    if len(value.groups) != 3 or order != [at] or count != layer.directions:
        node.refuse(f"its initial state has axes {spelled(value.groups)}")
    if value.features not in value.groups[2] or value.features.size not in (None, layer.width):
        node.refuse(f"its initial state has axes {spelled(value.groups)}")
    return list(value.slots)
