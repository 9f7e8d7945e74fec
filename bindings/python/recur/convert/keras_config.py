"""Reading Keras' configurations: an account of the entries of a layer, its arrays, its functions.

Every entry of a configuration has to be asked for, or be known to concern training only; a layer
with another one is refused.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from .. import layers
from .._arrays import to_numpy

# Entries that change no number of a model as it is used.
TRAINING = {"name", "trainable", "seed", "unit_forget_bias", "dropout", "noise_shape", "momentum"}
TRAINING |= {"synchronized", "stddev"}
SPEED = {"unroll", "implementation", "use_cudnn", "zero_output_for_mask"}  # the last one: of masks
SHAPES = {"batch_input_shape", "batch_shape", "input_shape", "input_length", "build_input_shape"}
IGNORED = TRAINING | SPEED | SHAPES | {"input_dim", "optional"}
ENDINGS = ("_initializer", "_regularizer", "_constraint")
AROUND = {"class_name", "config", "module", "registered_name", "build_config", "compile_config"}
AROUND |= {"name", "inbound_nodes", "shared_object_id"}
PACKAGES = ("keras", "tensorflow", "tf_keras")

# Activations of gates and candidates, by the names that both have.
FUNCTIONS = {name: name for name in ("tanh", "sigmoid", "relu", "softsign")}
FUNCTIONS["linear"] = "identity"
# Activations of rows.
ACTIVATIONS: dict[str, Any] = {
    "relu": layers.ReLU,
    "tanh": layers.Tanh,
    "sigmoid": layers.Sigmoid,
    "softsign": layers.Softsign,
    "elu": layers.ELU,
    "gelu": layers.GELU,
    "silu": layers.SiLU,
    "swish": layers.SiLU,
    "softmax": layers.Softmax,
}
HARD = (
    "'hard_sigmoid' is 0.2 x + 0.5 in Keras 2 and x/6 + 0.5 in Keras 3, and this configuration "
    "does not say which of them it is; a file or a model does"
)
HARD_SCALE = 5 / 6  # 0.2 (5/6 x) + 0.5 is that of Keras 3


class Weights:
    """The flat list of arrays, taken from the front."""

    def __init__(self, arrays: Any) -> None:
        self.arrays = [to_numpy(a, f"weights[{i}]") for i, a in enumerate(arrays)]
        self.taken = 0

    def take(self, n: int, what: str) -> list[Any]:
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
    """One layer of a configuration, with an account of the entries that have been read. version:
    of Keras, 2 or 3, or None if nobody knows."""

    def __init__(self, spec: Any, version: int | None = None) -> None:
        if not isinstance(spec, dict) or "class_name" not in spec:
            raise TypeError("a layer's configuration must be a dict with class_name and config")
        self.name, self.config = spec["class_name"], spec.get("config") or {}
        self.version = 3 if version is None and of_keras_3(self.config) else version
        self.unread = set(self.config)
        self.refuse_unless(set(spec) <= AROUND, f"{sorted(set(spec) - AROUND)} is not understood")
        package = (spec.get("module") or "keras").partition(".")[0]
        registered = spec.get("registered_name") or self.name
        standard = package in PACKAGES and registered.rpartition(">")[2] == self.name
        standard = standard and registered.partition(">")[0] in ("Keras", self.name)
        self.refuse_unless(standard, f"it is {registered!r} of {package}, not the layer of Keras")
        self.nodes = spec.get("inbound_nodes") or []

    def refuse_unless(self, right: Any, why: str) -> None:
        if not right:
            told = self.config.get("name")
            raise NotImplementedError(f"Keras {self.name}{f' {told!r}' if told else ''}: {why}")

    def read(self, key: str, default: Any = None) -> Any:
        self.unread.discard(key)
        return self.config.get(key, default)

    def off(self, *keys: str, why: str = "is out of reach") -> None:
        """Options that have to be off."""
        for key in keys:
            self.refuse_unless(not self.read(key), f"{key}={self.config.get(key)!r} {why}")

    def number(self, key: str, default: int) -> int:
        """An option that is a number, or a list of one."""
        told = self.read(key, default)
        told = told[0] if isinstance(told, (list, tuple)) and len(told) == 1 else told
        self.refuse_unless(isinstance(told, int), f"{key} {told!r} is not a number")
        return int(told)

    def inner(self, key: str) -> Layer:
        """The layer that an entry describes."""
        return Layer(self.read(key), self.version)

    def changed(self, **entries: Any) -> Layer:
        """The same layer with other entries."""
        spec = {"class_name": self.name, "config": {**copy.deepcopy(self.config), **entries}}
        return Layer(spec, self.version)

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


def of_keras_3(config: Any) -> bool:
    """Whether the configuration has what only Keras 3 writes."""
    dtype = config.get("dtype")
    return isinstance(dtype, dict) and dtype.get("class_name") == "DTypePolicy"


def function(layer: Layer, key: str, default: str) -> str:
    """An activation of a recurrent layer by recur's name."""
    name = layer.read(key, default)
    name = "linear" if name is None else name
    if name == "hard_sigmoid":
        layer.refuse_unless(layer.version in (2, 3), f"{key}: {HARD}")
        scaled = key == "recurrent_activation" or layer.version == 2
        layer.refuse_unless(scaled, f"{key}: 'hard_sigmoid' of Keras 3 is understood for gates")
        return "hard_sigmoid"
    known = isinstance(name, str) and name in FUNCTIONS
    layer.refuse_unless(known, f"{key} {name!r} is out of reach")
    return FUNCTIONS[name]


def activation(layer: Layer, name: Any, logits: bool) -> list[Any]:
    """The part for an activation; none for a softmax at the end that logits=True leaves out."""
    if name in ("linear", None) or name == "softmax" and logits:
        return []
    if name == "hard_sigmoid":
        layer.refuse_unless(layer.version == 2, f"activation: {HARD}, and only the first is here")
        return [layers.HardSigmoid()]
    known = isinstance(name, str) and name in ACTIVATIONS
    layer.refuse_unless(known, f"activation {name!r} is out of reach")
    return [ACTIVATIONS[name]()]


def loaded(part: Any, **arrays: Any) -> Any:
    """The part with these parameters."""
    shapes = {name: a.shape for name, a in part.state_dict().items()}
    given = {name: np.ascontiguousarray(a, np.float32) for name, a in arrays.items()}
    part.load_state_dict({name: a.reshape(shapes[name]) for name, a in given.items()})
    return part
