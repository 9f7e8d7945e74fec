"""Parameters for optimizers and clipping, which take `net.parameters()` as well as `net`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .parameter import Parameter


def owner_of(array: Any, name: str) -> tuple[Any, ...]:
    """(root module, offset in its flat vector) of a parameter, or of a part of one."""
    module, at = array._owner() if isinstance(array, Parameter) else (None, 0)
    if module is None or not array.flags.c_contiguous:
        raise TypeError(
            f"{name} must be a parameter of a module (net.parameters() has them), not "
            f"{describe(array)}"
        )
    offset = at // array.itemsize
    while module._parent is not None:
        module, offset = module._parent, offset + module._offset
    return module, offset


def describe(value: Any) -> str:
    return (
        f"an array of shape {value.shape} of its own"
        if isinstance(value, np.ndarray)
        else type(value).__name__
    )


class Piece:
    """Neighbouring parameters of one module: a part of its flat vector."""

    def __init__(self, module: Any, offset: int, count: int) -> None:
        self.module, self.offset, self.count = module, offset, count

    @property
    def values(self) -> npt.NDArray[Any]:
        self.module._open()
        made: npt.NDArray[Any] = self.module.flat[self.offset : self.offset + self.count]
        return made

    @property
    def grads(self) -> npt.NDArray[Any]:
        self.module._open()
        made: npt.NDArray[Any] = self.module.flat_grad[self.offset : self.offset + self.count]
        return made


def is_module(value: Any) -> bool:
    from .module import Module  # module.py comes after this file

    return isinstance(value, Module)


def arrays_of(params: Any) -> list[Any]:
    """The parameters of a module, of several, of a list of arrays or of names and arrays."""
    if is_module(params):
        return list(params.parameters())
    if isinstance(params, np.ndarray):
        return [params]
    if not hasattr(params, "__iter__") or isinstance(params, (str, dict)):
        raise TypeError(
            "a module or its parameters are needed (Adam(net), Adam(net.parameters())), not "
            f"{type(params).__name__}"
        )
    arrays = []
    for one in params:
        one = (
            one[1] if isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str) else one
        )
        arrays += arrays_of(one) if is_module(one) else [one]
    return arrays


def pieces_of(arrays: Any) -> list[Any]:
    """The pieces that parameters make, each with the parameters in it: [(Piece, [(index, first
    number in it)])]."""
    pieces: list[Any] = []
    for index, array in enumerate(arrays):
        module, offset = owner_of(array, f"parameter {index}")
        last = pieces[-1][0] if pieces else None
        if last is not None and last.module is module and last.offset + last.count == offset:
            pieces[-1][1].append((index, last.count))
            last.count += array.size
        else:
            pieces.append((Piece(module, offset, array.size), [(index, 0)]))
    return pieces
