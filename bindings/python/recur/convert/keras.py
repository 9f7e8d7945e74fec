"""From Keras: arrays in the order of get_weights(), and the configuration that serialize gives."""

import numpy as np

from .. import layers
from .._arrays import to_numpy
from ..compose import Sequential
from ..module import Module
from .gates import KERAS, KINDS, reorder

NAMES = {"SimpleRNN": "RNN", "LSTM": "LSTM", "GRU": "GRU"}
ACTIVATIONS = {"relu": layers.ReLU, "tanh": layers.Tanh, "sigmoid": layers.Sigmoid, "softsign": layers.Softsign}
MERGES = {"sum": "sum", "ave": "mean", "mul": "multiply"}


class Weights:
    """The flat list of arrays, taken from the front."""

    def __init__(self, arrays):
        self.arrays, self.taken = [to_numpy(a, f"weights[{i}]") for i, a in enumerate(arrays)], 0

    def take(self, n, what):
        if self.taken + n > len(self.arrays):
            raise ValueError(f"{what} needs {n} arrays, {len(self.arrays) - self.taken} are left")
        self.taken += n
        return self.arrays[self.taken - n : self.taken]


def refuse_unless(right, name, why):
    if not right:
        raise NotImplementedError(f"Keras {name}: {why}")


# By the names that both have. hard_sigmoid is not among them: Keras 2 has 0.2 x + 0.5, Keras 3 x/6 + 0.5, and the configuration does not
# say which.
FUNCTIONS = {"tanh": "tanh", "sigmoid": "sigmoid", "relu": "relu", "softsign": "softsign", "linear": "identity"}


def functions(kind, name, config) -> dict:
    """Activations that are not the kind's own; an LSTM's `activation` is that of the candidate and of the cell state."""
    activation, gate = config.get("activation", "tanh") or "linear", config.get("recurrent_activation", "sigmoid") or "linear"
    for function in (activation,) if kind == "RNN" else (activation, gate):
        refuse_unless(function in FUNCTIONS, name, f"activation {function!r} is out of reach")
    if kind == "RNN":
        return {"nonlinearity": activation} if activation == "relu" else {"activation": FUNCTIONS[activation]} if activation != "tanh" else {}
    found = {"activation": activation, "output_activation": activation if kind == "LSTM" else "tanh", "gate_activation": gate}
    own = {"activation": "tanh", "output_activation": "tanh", "gate_activation": "sigmoid"}
    return {option: FUNCTIONS[function] for option, function in found.items() if function != own[option]}


def recurrent(name, config, weights) -> tuple:
    """(parameters by name without ending, arguments of the layer) of one direction."""
    kind = NAMES[name]
    bias, after = config.get("use_bias", True), config.get("reset_after", kind == "GRU")
    more = {"bias": bias, "batch_first": True, **functions(kind, name, config)}
    refuse_unless(not config.get("return_state"), name, "return_state is out of reach")
    if config.get("recurrent_dropout"):
        more["recurrent_dropout"] = config["recurrent_dropout"]
    kernel, recurrent_kernel, *b = weights.take(3 if bias else 2, name)
    order = KERAS[kind]
    p = {"weight_ih": reorder(kernel.T, order), "weight_hh": reorder(recurrent_kernel.T, order)}
    if bias:
        both = b[0] if b[0].ndim == 2 else np.stack([b[0], np.zeros_like(b[0])])
        p["bias_ih"], p["bias_hh"] = (reorder(row, order) for row in both)
    units = recurrent_kernel.shape[0]
    refuse_unless(config.get("units", units) == units, name, f"units is {config.get('units')}, the arrays have {units}")
    more.update({"reset_after": after} if kind == "GRU" else {})
    return p, (kernel.shape[0], units), more


def one_way(name, config, weights) -> list:
    p, sizes, more = recurrent(name, config, weights)
    direction = "reverse" if config.get("go_backwards") else "forward"
    sequences = config.get("return_sequences", False)
    refuse_unless(
        direction == "forward" or not sequences, name, "go_backwards with return_sequences gives its steps in reverse order"
    )
    part = KINDS[NAMES[name]](*sizes, direction=direction, **more)
    part.load_state_dict({key + "_l0": value for key, value in p.items()})
    return [part] if sequences else [part, layers.Last(direction=direction, batch_first=True)]


def both_ways(config, weights) -> list:
    inner = config["layer"]
    name = inner["class_name"]
    refuse_unless(name in NAMES, f"Bidirectional({name})", "only SimpleRNN, LSTM and GRU are understood")
    mode = config.get("merge_mode", "concat")
    refuse_unless(mode == "concat" or mode in MERGES, "Bidirectional", f"merge_mode {mode!r} is out of reach")
    refuse_unless(not inner["config"].get("go_backwards"), "Bidirectional", "go_backwards is out of reach")
    state = {}
    for ending in ("_l0", "_l0_reverse"):
        p, sizes, more = recurrent(name, inner["config"], weights)
        state.update({key + ending: value for key, value in p.items()})
    part = KINDS[NAMES[name]](*sizes, bidirectional=True, **more)
    part.load_state_dict(state)
    sequences = inner["config"].get("return_sequences", False)
    last = [] if sequences else [layers.Last(direction="bidirectional", batch_first=True)]
    return [part, *last] + ([layers.Merge(MERGES[mode])] if mode in MERGES else [])


def normalised(config, weights) -> list:
    name, center = "LayerNormalization", config.get("center", True)
    axis = config.get("axis", -1)
    refuse_unless(axis in (-1, [-1]), name, f"axis {axis!r} is out of reach: the last one is normalised")
    refuse_unless(config.get("scale", True) and not config.get("rms_scaling"), name, "it needs a scale of its own, and a mean")
    gamma, *beta = weights.take(2 if center else 1, name)
    part = layers.LayerNorm(gamma.size, config.get("epsilon", 1e-3), bias=center)
    part.load_state_dict({"weight": gamma, **({"bias": beta[0]} if center else {})})
    return [part]


def dense(config, weights, logits) -> list:
    bias, activation = config.get("use_bias", True), config.get("activation", "linear")
    kernel, *b = weights.take(2 if bias else 1, "Dense")
    part = layers.Linear(*kernel.shape, bias)
    part.load_state_dict({"weight": np.ascontiguousarray(kernel.T), **({"bias": b[0]} if bias else {})})
    if activation in ("linear", None) or activation == "softmax" and logits:
        return [part]
    refuse_unless(activation != "softmax", "Dense", "a softmax is part of the loss here: pass logits=True, which leaves it out")
    refuse_unless(activation in ACTIVATIONS, "Dense", f"activation {activation!r} is out of reach")
    return [part, ACTIVATIONS[activation]()]


def parts_of(layer, weights, logits) -> list:
    name, config = layer["class_name"], layer.get("config", {})
    if name == "Sequential":
        return [p for inner in config["layers"] for p in parts_of(inner, weights, logits)]
    if name in NAMES:
        return one_way(name, config, weights)
    if name == "Bidirectional":
        return both_ways(config, weights)
    if name == "TimeDistributed":
        return parts_of(config["layer"], weights, logits)
    if name == "Dense":
        return dense(config, weights, logits)
    if name == "Embedding":
        refuse_unless(not config.get("mask_zero"), name, "mask_zero is out of reach: use packed sequences")
        (matrix,) = weights.take(1, name)
        part = layers.Embedding(*matrix.shape)
        part.load_state_dict({"weight": matrix})
        return [part]
    if name == "LayerNormalization":
        return normalised(config, weights)
    if name == "Dropout":
        return [layers.Dropout(config.get("rate", 0.5))]
    if name == "Activation" and config.get("activation") in ACTIVATIONS:
        return [ACTIVATIONS[config["activation"]]()]
    refuse_unless(name == "InputLayer", name, "this layer is out of reach")
    return []


def from_keras(weights, config, *, logits=False) -> Module:
    if not isinstance(config, dict) or "class_name" not in config:
        raise TypeError("config must be a dict with class_name and config, as keras.saving.serialize_keras_object gives it")
    arrays = Weights(weights)
    parts = parts_of(config, arrays, logits)
    if arrays.taken != len(arrays.arrays):
        raise ValueError(f"{len(arrays.arrays) - arrays.taken} of {len(arrays.arrays)} arrays are left over")
    if not parts:
        raise ValueError("the configuration has no layers")
    module = parts[0] if len(parts) == 1 else Sequential(*parts)
    return module.eval()
