"""From Keras: a model, a file, or arrays in the order of get_weights() with a configuration.

keras_config reads the entries of a layer, keras_layers and keras_recurrent know what layers
compute, keras_graph how they are wired, keras_files where configuration and arrays come from.
"""

from __future__ import annotations

import copy
import sys
from typing import Any

import numpy as np

from .. import layers, packed
from ..module import Module
from ..recurrent import Recurrent
from . import _verify
from .keras_config import Weights
from .keras_files import Source, source_of
from .keras_graph import Net, Value, shape_in
from .pytorch import first_of
from .wiring import INPUT


def from_keras(
    model: Any,
    config: Any = None,
    *,
    logits: bool = False,
    packed: bool = False,
    verify: bool = True,
) -> Module:
    source = source_of(model, config)
    if not isinstance(source.config, dict) or "class_name" not in source.config:
        raise TypeError(
            "config must be a dict with class_name and config, as "
            "keras.saving.serialize_keras_object gives it"
        )
    arrays = Weights(source.arrays)
    net = Net(arrays, source.version, bool(packed))
    found = net.run(source.config, [Value(INPUT, None, None, False)], logits)
    left = len(arrays.arrays) - arrays.taken
    if left:
        raise ValueError(f"{left} of {len(arrays.arrays)} arrays are left over")
    module = net.module(found).eval()
    if verify:
        Check(source, net, module, logits).run()
    return module


# ---- the check ----------------------------------------------------------------------------------


def in_keras(keras: Any, config: Any) -> Any:
    """The layer that the configuration describes, or None if this Keras cannot make it: one of
    another version, say."""
    config = copy.deepcopy(config)
    makers = {"Sequential": "Sequential", "Functional": "Model", "Model": "Model"}
    try:
        if config["class_name"] in makers:
            return getattr(keras, makers[config["class_name"]]).from_config(config["config"])
        return keras.layers.deserialize(config)
    except Exception:  # noqa: BLE001: whatever it does not like
        return None


def first_shape(config: Any) -> Any:
    """The shape of the input with the batch, or None."""
    inner = config.get("config") or {}
    for spec in [*(inner.get("layers") or [])[:1], config]:
        found = shape_in(spec.get("config") or {})
        if found is not None:
            return found
    return None


class Check:
    """By Keras, if the program has imported it: importing it here would choose its backend."""

    def __init__(self, source: Source, net: Net, module: Any, logits: bool) -> None:
        self.source, self.net, self.module = source, net, module
        self.keras = sys.modules.get("keras")
        self.theirs, self.built = source.model, source.model is not None
        if self.theirs is None and hasattr(self.keras, "layers"):
            self.theirs = in_keras(self.keras, source.config)
        self.softmax = logits and ends_in_softmax(source.config)
        self.rng = _verify.random()
        self.shape: Any = first_shape(source.config) or ()

    def run(self) -> None:
        if self.theirs is not None and hasattr(self.keras, "layers"):
            _verify.check("from_keras", "the Keras layer", _verify.SIZES, self.sample)

    def input(self, steps: int, batch: int) -> Any:
        """Rows or ids, in the shape that Keras wants."""
        start, shape = first_of(self.module), self.shape
        by_id = isinstance(start, layers.Embedding)
        fixed = shape[1] if len(shape) > 2 or by_id and len(shape) > 1 else None
        timed = bool(self.module.over_time) or by_id or len(shape) > 2
        lead = (batch, fixed or steps) if timed else (batch,)
        if by_id:
            return self.rng.integers(1 if self.net.has_mask else 0, start.num_embeddings, lead)
        known = getattr(self.module, "_info", None)
        width = known.input_size if known is not None else self.net.width or 4
        return _verify.numbers(self.rng, *lead, width)

    def sample(self, sizes: Any) -> list[Any]:
        x = self.input(*sizes)
        given, lengths = x, None
        if self.net.has_mask:
            lengths = [x.shape[1], *self.rng.integers(1, x.shape[1] + 1, len(x) - 1)]
            x = np.array(x)
            for row, n in zip(x, lengths):
                row[n:] = self.net.padding or 0
            given = packed.pack_padded_sequence(
                x, lengths, batch_first=True, enforce_sorted=False
            )
        try:
            wanted = self.in_keras(x)
        except Exception:  # noqa: BLE001: sizes or options that this Keras cannot run
            return []
        y, states = self.ours(given, len(x))
        wanted[0], y = self.alike(wanted[0], y, lengths)
        if lengths is None and not self.softmax:
            _verify.keep(self.module, x, wanted[0])
        pairs = [("the output", y, wanted[0])]
        for i, theirs in enumerate(wanted[1:]):
            found = min(states, key=lambda s: _verify.difference(s, theirs))
            pairs.append((f"state {i}", found, theirs))
        return pairs

    def in_keras(self, x: Any) -> list[Any]:
        if not self.built:
            self.theirs(x)
            self.theirs.set_weights(self.source.arrays)
            self.built = True
        found = self.theirs(x, training=False)
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        convert = self.keras.ops.convert_to_numpy  # type: ignore[union-attr]
        return [convert(a) for a in found]

    def ours(self, x: Any, batch: int) -> Any:
        """y, and the rows of all final states."""
        view = _verify.evaluating(self.module)
        if not self.net.states:
            y = view(x)
            return (y[0] if isinstance(y, tuple) and isinstance(self.module, Recurrent) else y), []
        y, state = view(x, self.module.state(batch))
        return y, [row for name, value in state.items() for row in np.asarray(value)]

    def alike(self, theirs: Any, y: Any, lengths: Any) -> Any:
        """Both sides of the steps that count, as probabilities where the softmax was left out."""
        if packed.is_packed(y):
            y = packed.pad_packed_sequence(y, batch_first=True)[0]
            theirs = np.array(theirs)
            for row, n in zip(theirs, lengths):
                row[n:] = 0
        if self.softmax and y.shape == theirs.shape:
            y = np.exp(y - y.max(-1, keepdims=True))
            y /= y.sum(-1, keepdims=True)
        return theirs, y


def ends_in_softmax(spec: Any) -> bool:
    config = spec.get("config") or {}
    inner = config.get("layers") or (
        [config["layer"]] if spec["class_name"] == "TimeDistributed" else []
    )
    if inner:
        return ends_in_softmax(inner[-1])
    return spec["class_name"] == "Softmax" or config.get("activation") == "softmax"
