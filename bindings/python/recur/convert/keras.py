"""From Keras: arrays in the order of get_weights(), and the configuration that serialize gives.

Every entry of the configuration has to be asked for, or be known to concern training only; a layer
with another one is refused.
"""

from __future__ import annotations

import copy
import sys
from typing import Any

import numpy as np

from .. import layers
from .._arrays import to_numpy
from ..compose import Sequential
from ..module import Module
from . import _verify
from .gates import KERAS, KINDS, reorder
from .pytorch import first_of

NAMES = {"SimpleRNN": "RNN", "LSTM": "LSTM", "GRU": "GRU"}
ACTIVATIONS = {"relu": layers.ReLU, "tanh": layers.Tanh, "sigmoid": layers.Sigmoid}
ACTIVATIONS["softsign"] = layers.Softsign
MERGES = {"sum": "sum", "ave": "mean", "mul": "multiply"}
BY_ROW = ("Dense", "Dropout", "LayerNormalization", "Activation", "Softmax")

# Entries that change no number of a model as it is used.
TRAINING = {"name", "trainable", "seed", "unit_forget_bias", "dropout", "noise_shape"}
SPEED = {"unroll", "implementation", "use_cudnn", "zero_output_for_mask"}  # the last one: of masks
SHAPES = {"batch_input_shape", "batch_shape", "input_shape", "input_length", "build_input_shape"}
IGNORED = TRAINING | SPEED | SHAPES | {"input_dim", "optional"}
ENDINGS = ("_initializer", "_regularizer", "_constraint")
AROUND = {"class_name", "config", "module", "registered_name", "build_config", "compile_config"}
AROUND |= {"name", "inbound_nodes", "shared_object_id"}
PACKAGES = ("keras", "tensorflow", "tf_keras")


class Weights:
    """The flat list of arrays, taken from the front."""

    def __init__(self, arrays: Any) -> None:
        self.arrays = [to_numpy(a, f"weights[{i}]") for i, a in enumerate(arrays)]
        self.taken = 0

    def take(self, n: Any, what: str) -> Any:
        left = len(self.arrays) - self.taken
        if n > left:
            raise ValueError(f"{what} needs {n} arrays, {left} are left")
        self.taken += n
        found = self.arrays[self.taken - n : self.taken]
        for array in found:
            if array.dtype.kind != "f":
                raise TypeError(f"the arrays of {what} must hold floats, not {array.dtype}")
        return found


class Layer:
    """One layer of a configuration, with an account of the entries that have been read."""

    def __init__(self, spec: Any) -> None:
        if not isinstance(spec, dict) or "class_name" not in spec:
            raise TypeError("a layer's configuration must be a dict with class_name and config")
        self.name, self.config = spec["class_name"], spec.get("config") or {}
        self.unread = set(self.config)
        self.refuse_unless(set(spec) <= AROUND, f"{sorted(set(spec) - AROUND)} is not understood")
        package = (spec.get("module") or "keras").partition(".")[0]
        registered = spec.get("registered_name") or self.name
        standard = package in PACKAGES and registered.rpartition(">")[2] == self.name
        standard = standard and registered.partition(">")[0] in ("Keras", self.name)
        self.refuse_unless(standard, f"it is {registered!r} of {package}, not the layer of Keras")
        self.refuse_unless(not spec.get("inbound_nodes"), "graphs of layers are out of reach")

    def refuse_unless(self, right: Any, why: Any) -> None:
        if not right:
            raise NotImplementedError(f"Keras {self.name}: {why}")

    def read(self, key: str, default: Any = None) -> Any:
        self.unread.discard(key)
        return self.config.get(key, default)

    def off(self, *keys: Any, why: str = "is out of reach") -> None:
        """Options that have to be off."""
        for key in keys:
            self.refuse_unless(not self.read(key), f"{key}={self.config.get(key)!r} {why}")

    def finish(self) -> None:
        dtype = self.read("dtype")
        if isinstance(dtype, dict):
            dtype = (dtype.get("config") or {}).get("name")
        if self.name != "InputLayer":
            floats = (None, "float32", "float64")
            self.refuse_unless(
                dtype in floats, f"dtype {dtype!r} is out of reach: it is float32 here"
            )
        left = [k for k in sorted(self.unread - IGNORED) if not k.endswith(ENDINGS)]
        for key in left:
            value = self.config[key]
            self.refuse_unless(
                value is None, f"{key}={value!r} is not known, and may change numbers"
            )


# By the names that both have. hard_sigmoid is not among them: Keras 2 has 0.2 x + 0.5, Keras 3
# x/6 + 0.5, and the configuration does not say which.
FUNCTIONS = {name: name for name in ("tanh", "sigmoid", "relu", "softsign")}
FUNCTIONS["linear"] = "identity"


def function(layer: Any, key: str, default: Any) -> Any:
    """An activation by recur's name."""
    name = layer.read(key, default)
    name = "linear" if name is None else name
    known = isinstance(name, str) and name in FUNCTIONS
    layer.refuse_unless(known, f"{key} {name!r} is out of reach")
    return FUNCTIONS[name]


def functions(layer: Any, kind: Any) -> dict[str, Any]:
    """Activations that are not the kind's own. An LSTM's `activation` is that of the candidate and
    of the cell state."""
    activation = function(layer, "activation", "tanh")
    if kind == "RNN":
        own = {"tanh": {}, "relu": {"nonlinearity": "relu"}}
        return own.get(activation, {"activation": activation})
    found = {
        "activation": activation,
        "gate_activation": function(layer, "recurrent_activation", "sigmoid"),
    }
    found["output_activation"] = activation if kind == "LSTM" else "tanh"
    own = {"activation": "tanh", "output_activation": "tanh", "gate_activation": "sigmoid"}
    return {option: name for option, name in found.items() if name != own[option]}


class Direction:
    """What one SimpleRNN, LSTM or GRU computes: parameters by name without ending, sizes, and the
    arguments of the recur layer."""

    def __init__(self, layer: Any, weights: Any) -> None:
        self.layer, kind = layer, NAMES[layer.name]
        bias = bool(layer.read("use_bias", True))
        self.sequences = bool(layer.read("return_sequences", False))
        self.backwards = bool(layer.read("go_backwards", False))
        layer.off("return_state")
        layer.off("stateful", why="is out of reach: pass a State instead")
        layer.off("time_major", why="is out of reach: transpose the input, and leave it out")
        kernel, recurrent, *b = weights.take(3 if bias else 2, layer.name)
        gates = len(KERAS[kind])
        units = recurrent.shape[0] if recurrent.ndim else 0
        after = self.reset_after(b[0] if bias else None) if kind == "GRU" else False
        wanted = [(kernel.shape[0] if kernel.ndim else 0, gates * units), (units, gates * units)]
        wanted += [(2, gates * units) if after else (gates * units,)] if bias else []
        given = [a.shape for a in (kernel, recurrent, *b)]
        layer.refuse_unless(given == wanted, f"its arrays have shapes {given}, not {wanted}")
        told = layer.read("units", units)
        layer.refuse_unless(told == units, f"units is {told}, the arrays have {units}")
        self.sizes = (kernel.shape[0], units)
        self.more = {"bias": bias, "batch_first": True, **functions(layer, kind)}
        if kind == "GRU":
            self.more["reset_after"] = after
        if layer.read("recurrent_dropout"):
            self.more["recurrent_dropout"] = layer.config["recurrent_dropout"]
        order = KERAS[kind]
        matrices = {"weight_ih": kernel, "weight_hh": recurrent}
        self.arrays = {name: reorder(a.T, order) for name, a in matrices.items()}
        if bias:
            rows = b[0] if b[0].ndim == 2 else np.stack([b[0], np.zeros_like(b[0])])
            for name, row in zip(("bias_ih", "bias_hh"), rows):
                self.arrays[name] = reorder(row, order)
        layer.finish()

    def reset_after(self, bias: bool) -> bool:
        """Keras before 2.1 has no such entry, and resets before the product; the bias has two rows
        where the reset is after it."""
        told = self.layer.read("reset_after")
        self.layer.refuse_unless(
            told is not None or bias is not None,
            "it has neither reset_after nor a bias, so what it computes is not known: add "
            "reset_after to its configuration (False for models of Keras before 2.1)",
        )
        return bias.ndim == 2 if told is None else bool(told)


def one_way(layer: Any, weights: Any) -> list[Any]:
    it = Direction(layer, weights)
    direction = "reverse" if it.backwards else "forward"
    why = "go_backwards with return_sequences gives its steps in reverse order"
    layer.refuse_unless(not it.backwards or not it.sequences, why)
    part = KINDS[NAMES[layer.name]](*it.sizes, direction=direction, **it.more)
    part.load_state_dict({name + "_l0": value for name, value in it.arrays.items()})
    if it.sequences:
        return [part]
    return [part, layers.Last(direction=direction, batch_first=True)]


def both_ways(layer: Any, weights: Any) -> list[Any]:
    mode = layer.read("merge_mode", "concat")
    known = mode == "concat" or isinstance(mode, str) and mode in MERGES
    layer.refuse_unless(known, f"merge_mode {mode!r} is out of reach")
    forward, told = Layer(layer.read("layer")), layer.read("backward_layer")
    right = forward.name in NAMES
    layer.refuse_unless(
        right, f"{forward.name} inside: only SimpleRNN, LSTM and GRU are understood"
    )
    there = Direction(forward, weights)
    layer.refuse_unless(not there.backwards, "go_backwards is out of reach")
    backward = (
        Layer(told)
        if told is not None
        else Layer({"class_name": forward.name, "config": forward.config})
    )
    layer.refuse_unless(backward.name == forward.name, f"its backward_layer is a {backward.name}")
    back = Direction(backward, weights)
    turned = told is None or back.backwards
    layer.refuse_unless(turned, "its backward_layer has no go_backwards")
    for what in ("sizes", "sequences", "more"):
        a, b = getattr(there, what), getattr(back, what)
        layer.refuse_unless(a == b, f"its layers differ, {a} forward and {b} backward")
    state = {name + "_l0": value for name, value in there.arrays.items()}
    state.update({name + "_l0_reverse": value for name, value in back.arrays.items()})
    part = KINDS[NAMES[forward.name]](*there.sizes, bidirectional=True, **there.more)
    part.load_state_dict(state)
    found = [part]
    if not there.sequences:
        found.append(layers.Last(direction="bidirectional", batch_first=True))
    return found + ([layers.Merge(MERGES[mode])] if mode in MERGES else [])


def normalised(layer: Any, weights: Any) -> list[Any]:
    center, axis = layer.read("center", True), layer.read("axis", -1)
    layer.refuse_unless(
        axis in (-1, [-1]), f"axis {axis!r} is out of reach: the last one is normalised"
    )
    own = layer.read("scale", True) and not layer.read("rms_scaling")
    layer.refuse_unless(own, "it needs a scale of its own, and a mean")
    gamma, *beta = weights.take(2 if center else 1, layer.name)
    part = layers.LayerNorm(gamma.size, layer.read("epsilon", 1e-3), bias=center)
    part.load_state_dict({"weight": gamma, **({"bias": beta[0]} if center else {})})
    return [part]


def dense(layer: Any, weights: Any, logits: Any) -> list[Any]:
    bias = layer.read("use_bias", True)
    kernel, *b = weights.take(2 if bias else 1, "Dense")
    units = layer.read("units", kernel.shape[-1])
    right = kernel.ndim == 2 and units == kernel.shape[-1]
    layer.refuse_unless(right, f"units is {units}, its array has shape {kernel.shape}")
    part = layers.Linear(*kernel.shape, bias)
    arrays = {"weight": np.ascontiguousarray(kernel.T)}
    part.load_state_dict({**arrays, **({"bias": b[0]} if bias else {})})
    return [part, *activation(layer, layer.read("activation", "linear"), logits)]


def activation(layer: Any, name: str, logits: Any) -> list[Any]:
    """The part for an activation; none for a softmax that logits=True leaves out."""
    if name in ("linear", None) or name == "softmax" and logits:
        return []
    why = "a softmax is part of the loss here: logits=True leaves one out at the end of the model"
    layer.refuse_unless(name != "softmax", why)
    known = isinstance(name, str) and name in ACTIVATIONS
    layer.refuse_unless(known, f"activation {name!r} is out of reach")
    return [ACTIVATIONS[name]()]


def embedding(layer: Any, weights: Any) -> list[Any]:
    layer.off("mask_zero", why="is out of reach: use packed sequences")
    (matrix,) = weights.take(1, layer.name)
    told = tuple(layer.read(k, n) for k, n in zip(("input_dim", "output_dim"), matrix.shape))
    layer.refuse_unless(told == matrix.shape, f"it is {told}, its array has shape {matrix.shape}")
    part = layers.Embedding(*matrix.shape)
    part.load_state_dict({"weight": matrix})
    return [part]


def sequential(layer: Any, weights: Any, logits: Any) -> list[Any]:
    inner, found = layer.read("layers"), []
    for i, spec in enumerate(inner):
        found += parts_of(Layer(spec), weights, logits and i == len(inner) - 1)
    return found


def by_row(layer: Any, weights: Any, logits: Any) -> list[Any]:
    """A layer for every step: what treats rows one by one needs no wrapper here."""
    inner = Layer(layer.read("layer"))
    layer.refuse_unless(inner.name in BY_ROW, f"{inner.name} inside is out of reach")
    return parts_of(inner, weights, logits)


def parts_of(layer: Any, weights: Any, logits: Any) -> list[Any]:
    found = parts_by_name(layer, weights, logits)
    layer.finish()
    return found


def parts_by_name(layer: Any, weights: Any, logits: Any) -> list[Any]:
    name = layer.name
    if name in NAMES:
        return one_way(layer, weights)
    with_weights = {
        "Bidirectional": both_ways,
        "Embedding": embedding,
        "LayerNormalization": normalised,
    }
    if name in with_weights:
        return with_weights[name](layer, weights)
    at_the_end = {"Sequential": sequential, "TimeDistributed": by_row, "Dense": dense}
    if name in at_the_end:
        return at_the_end[name](layer, weights, logits)
    if name == "Dropout":
        return [layers.Dropout(layer.read("rate", 0.5))]
    if name == "Activation":
        return activation(layer, layer.read("activation"), logits)
    if name == "Softmax":
        layer.refuse_unless(
            layer.read("axis", -1) == -1, "another axis than the last is out of reach"
        )
        return activation(layer, "softmax", logits)
    layer.refuse_unless(name == "InputLayer", "this layer is out of reach")
    layer.off("sparse", "ragged")
    return []


def from_keras(weights: Any, config: Any, *, logits: bool = False, verify: bool = True) -> Module:
    if not isinstance(config, dict) or "class_name" not in config:
        raise TypeError(
            "config must be a dict with class_name and config, as "
            "keras.saving.serialize_keras_object gives it"
        )
    arrays = Weights(weights)
    parts = parts_of(Layer(config), arrays, logits)
    left = len(arrays.arrays) - arrays.taken
    if left:
        raise ValueError(f"{left} of {len(arrays.arrays)} arrays are left over")
    if not parts:
        raise ValueError("the configuration has no layers")
    if len(parts) > 1:
        bind_first(parts)
    module = parts[0] if len(parts) == 1 else Sequential(*parts)
    if verify:
        check(module.eval(), config, arrays.arrays)
    return module.eval()


def bind_first(parts: Any) -> None:
    """Gives activations and dropout in front of all others the features of the part behind them."""
    width = None
    for part in reversed(parts):
        if getattr(part, "_layer", None) is not None:
            width = None if isinstance(part, layers.Embedding) else part._info.input_size
        elif width and isinstance(part, (layers.Activation, layers.Dropout)):
            if all(getattr(p, "_layer", None) is None for p in parts[: parts.index(part)]):
                part.bind(width)
        else:
            width = None


# ---- the check ----------------------------------------------------------------------------------


def in_keras(keras: Any, config: Any) -> Any:
    """The layer that the configuration describes, or None if this Keras cannot make it: one of
    another version, say."""
    config = copy.deepcopy(config)
    try:
        if config["class_name"] == "Sequential":
            return keras.Sequential.from_config(config["config"])
        return keras.layers.deserialize(config)
    except Exception:  # noqa: BLE001: whatever it does not like
        return None


def fixed_steps(config: Any) -> Any:
    """The number of steps that the model wants, or None."""
    first = (config.get("config") or {}).get("layers") or [config]
    inner = first[0].get("config") or {}
    shape = inner.get("batch_shape") or inner.get("batch_input_shape") or (None, None)
    return shape[1] if len(shape) > 1 and shape[1] else None


def check(module: Any, config: Any, arrays: Any) -> None:
    """By Keras, if the program has imported it: importing it here would choose its backend."""
    keras = sys.modules.get("keras")
    theirs = in_keras(keras, config) if hasattr(keras, "layers") else None
    if theirs is None:
        return
    rng, start, steps = _verify.random(), first_of(module), fixed_steps(config)
    width = getattr(module, "_info", None) and module._info.input_size or 4
    built = []

    def run(sizes: Any) -> list[Any]:
        lead = (sizes[1], steps or sizes[0]) if module.over_time else (sizes[1],)
        if isinstance(start, layers.Embedding):
            lead = lead if module.over_time else (sizes[1], steps or sizes[0])
            x = rng.integers(0, start.num_embeddings, lead)
        else:
            x = _verify.numbers(rng, *lead, width)
        try:
            if not built:
                theirs(x)
                theirs.set_weights(arrays)
                built.append(True)
            wanted = keras.ops.convert_to_numpy(theirs(x, training=False))
        except Exception:  # noqa: BLE001: sizes or options that this Keras cannot run
            return []
        ours = _verify.evaluating(module)(x)
        ours = ours[0] if isinstance(ours, tuple) else ours
        if ends_in_softmax(config) and ours.shape == wanted.shape:
            ours = np.exp(ours - ours.max(-1, keepdims=True))
            ours /= ours.sum(-1, keepdims=True)
        return [("the output", ours, wanted)]

    _verify.check("from_keras", "the Keras layer", _verify.SIZES, run)


def ends_in_softmax(spec: Any) -> bool:
    config = spec.get("config") or {}
    inner = config.get("layers") or (
        [config["layer"]] if spec["class_name"] == "TimeDistributed" else []
    )
    if inner:
        return ends_in_softmax(inner[-1])
    return spec["class_name"] == "Softmax" or config.get("activation") == "softmax"
