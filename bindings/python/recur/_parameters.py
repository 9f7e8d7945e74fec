"""Which module an array of parameters belongs to: optimizers and clipping take `net.parameters()`
as well as `net`."""

import weakref

import numpy as np

_modules = weakref.WeakSet()


def remember(module) -> None:
    """Called when a module gets its parameters."""
    _modules.add(module)


def address_of(array) -> int:
    return array.__array_interface__["data"][0]


def owner_of(array, name) -> tuple:
    """(root module, offset in its flat vector) of a view of parameters."""
    if isinstance(array, np.ndarray) and array.dtype == np.float32 and array.flags.c_contiguous:
        for module in list(_modules):
            flat = module.flat
            if module._parent is None and flat.size:
                offset, rest = divmod(address_of(array) - address_of(flat), flat.itemsize)
                if rest == 0 and 0 <= offset and offset + array.size <= flat.size:
                    return module, offset
    raise TypeError(
        f"{name} must be a parameter of a module (net.parameters() has them), not {describe(array)}"
    )


def describe(value) -> str:
    return (
        f"an array of shape {value.shape} of its own"
        if isinstance(value, np.ndarray)
        else type(value).__name__
    )


class Piece:
    """Neighbouring parameters of one module: a part of its flat vector."""

    def __init__(self, module, offset, count):
        self.module, self.offset, self.count = module, offset, count

    @property
    def values(self) -> np.ndarray:
        self.module._open()
        return self.module.flat[self.offset : self.offset + self.count]

    @property
    def grads(self) -> np.ndarray:
        self.module._open()
        return self.module.flat_grad[self.offset : self.offset + self.count]


def is_module(value) -> bool:
    from .module import Module  # module.py comes after this file

    return isinstance(value, Module)


def arrays_of(params) -> list:
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


def pieces_of(arrays) -> list:
    """The pieces that parameters make, each with the parameters in it: [(Piece, [(index, first
    number in it)])]."""
    pieces = []
    for index, array in enumerate(arrays):
        module, offset = owner_of(array, f"parameter {index}")
        last = pieces[-1][0] if pieces else None
        if last is not None and last.module is module and last.offset + last.count == offset:
            pieces[-1][1].append((index, last.count))
            last.count += array.size
        else:
            pieces.append((Piece(module, offset, array.size), [(index, 0)]))
    return pieces
