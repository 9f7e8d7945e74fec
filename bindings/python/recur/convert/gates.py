"""Orders of gates: blocks of H rows of the weights, from one framework's order into another's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import c
from ..recurrent import GRU, LSTM, RNN, told_options

# Our blocks (PyTorch's: i f g o, r z n) as places in the other's order.
ONNX = {"RNN": [0], "LSTM": [0, 2, 3, 1], "GRU": [1, 0, 2]}  # i o f c; z r h
KERAS = {"RNN": [0], "LSTM": [0, 1, 2, 3], "GRU": [1, 0, 2]}  # i f c o; z r h
KINDS = {"RNN": RNN, "LSTM": LSTM, "GRU": GRU}


def check_module(module: Any, converter: Any) -> None:
    """Refuses what cannot be written as a whole: a snapshot, and classes that are not recur's
    own."""
    info = module.__dict__.get("_info")
    if info is not None and info.capabilities and not info.capabilities & c.RECUR_CAN_RECORD:
        raise NotImplementedError(
            f"{converter}: this {type(module).__name__} is a snapshot, which has no parameters. "
            "Convert the module that it was made of"
        )
    if type(module).__module__.partition(".")[0] != __name__.partition(".")[0]:
        raise NotImplementedError(
            f"{converter}: {type(module).__name__} is a class of your own, which may compute "
            "something else than the class it is made from. Convert the modules that it uses"
        )
    for part in module.children():
        check_module(part, converter)


def refuse_options(layer: Any, but: Any = ()) -> None:
    """A recurrent layer or cell that computes something else than its kind says would be written as
    another network."""
    found = [name for name in told_options(layer._info) if name not in but]
    if found:
        raise NotImplementedError(f"{', '.join(found)} of a {layer._info.type} is out of reach")


def kind_of(layer: Any) -> str:
    found = [name for name, kind in KINDS.items() if isinstance(layer, kind)]
    if not found:
        raise NotImplementedError(f"a {layer._info.type} is out of reach")
    return found[0]


def reorder(array: Any, order: Any) -> npt.NDArray[Any]:
    """Blocks along the first axis: block i of the result is block order[i]."""
    blocks = np.split(np.asarray(array, np.float32), len(order))
    return np.ascontiguousarray(np.concatenate([blocks[i] for i in order]))


def inverse(order: Any) -> list[Any]:
    return [order.index(i) for i in range(len(order))]


def suffixes(layer: Any, k: Any) -> list[Any]:
    """Endings of the names of layer k's parameters, one for each direction."""
    return [f"_l{k}", f"_l{k}_reverse"] if layer.bidirectional else [f"_l{k}"]
