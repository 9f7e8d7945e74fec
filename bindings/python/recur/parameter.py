"""Parameters as arrays that know their gradient."""

from __future__ import annotations

import weakref
from typing import Any, List

import numpy as np
import numpy.typing as npt

from ._tensor import TensorWords
from .passes import Array


class Parameter(TensorWords):
    """A tensor of a module: a window on its flat vector. `p.grad` is the window on the
    gradients at the same place.

    What NumPy computes of parameters are plain arrays. Writing into one in place is an update:
    passes that wait are dropped.

    >>> import recur
    >>> fc = recur.Linear(2, 1)
    >>> fc.weight.grad
    array([[0., 0.]], dtype=float32)
    """

    _module = None  # a weak reference

    def __array_finalize__(self, other: Any) -> None:
        self._module = getattr(other, "_module", None)

    @classmethod
    def of(cls, view: Any, module: Any) -> Parameter:
        self = view.view(cls)
        self._module = weakref.ref(module)
        made: Parameter = self
        return made

    def _owner(self) -> Any:
        module = self._module() if self._module is not None else None
        if module is not None and self.size:
            at = self.__array_interface__["data"][0] - module.flat.__array_interface__["data"][0]
            if 0 <= at < module.flat.nbytes and self.dtype == np.float32:
                return module, at
        return None, 0

    @property
    def grad(self) -> Array:
        """Its gradient: zeros before the first backward."""
        module, at = self._owner()
        if module is None:
            raise AttributeError(
                "this array is no window on the parameters of a module any more (a copy, or its "
                "module became part of a whole): "
                "take it from net.parameters() again"
            )
        return Array(self.shape, np.float32, module.flat_grad, at, self.strides)

    @grad.setter
    def grad(self, value: Any) -> None:
        self.grad[...] = 0 if value is None else value

    @property
    def requires_grad(self) -> bool:
        return True

    @requires_grad.setter
    def requires_grad(self, value: Any) -> None:
        if not value:
            raise AttributeError(
                "requires_grad cannot be False: to freeze parameters, give them the learning rate "
                "0, optimizer.scale(name, lr=0), or "
                "give the optimizer the other modules only"
            )

    def requires_grad_(self, requires_grad: bool = True) -> Parameter:
        """True is what is there; False is refused with what to do instead."""
        self.requires_grad = requires_grad
        return self

    def detach(self) -> Array:
        """The same numbers without the module: no copy, and no passes are dropped when they are
        written."""
        return self.numpy().view(Array)

    def numpy(self) -> npt.NDArray[Any]:
        """The same as detach(), as an array of NumPy's own type."""
        return np.ndarray.view(self, np.ndarray)

    def _changed(self) -> None:
        module, _ = self._owner()
        if module is not None:
            module.forget()

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        self._changed()

    def __array_ufunc__(
        self, ufunc: Any, method: Any, *inputs: Any, out: Any = None, **more: Any
    ) -> Any:
        if out is not None:
            more["out"] = _plain(out)
        result = getattr(ufunc, method)(*_plain(inputs), **more)
        if out is None:
            return result
        for array in out:
            if isinstance(array, Parameter):
                array._changed()
        return out[0] if len(out) == 1 else out

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        result = function(*_plain(args), **{key: _plain(value) for key, value in kwargs.items()})
        for array in (*args, *kwargs.values()):
            if isinstance(array, Parameter) and function in (
                np.copyto,
                np.put,
                np.place,
                np.putmask,
            ):
                array._changed()
        return result

    def __reduce__(self) -> Any:
        return np.array(self.view(np.ndarray)).__reduce__()

    def __deepcopy__(self, memo: Any) -> Any:
        return np.array(self.view(np.ndarray))

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))


def _plain(value: Any) -> Any:
    if isinstance(value, Parameter):
        return value.view(np.ndarray)
    return type(value)(_plain(v) for v in value) if type(value) in (list, tuple) else value


class Parameters(List[Parameter]):
    """What module.parameters() gives: a list that knows its module, for optimizers."""

    def __init__(self, values: Any, module: Any) -> None:
        super().__init__(values)
        self.module = module
