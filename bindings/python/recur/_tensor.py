"""What arrays of this package have of PyTorch's tensors: methods, and the keywords dim and keepdim.

The arithmetic stays NumPy's. Where PyTorch means other numbers by the same words, as by max(dim=)
and std(dim=), the result is PyTorch's, or the call is refused.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ._arrays import here
from ._missing import refuse_of_tensor

KEYWORDS = {"dim": "axis", "keepdim": "keepdims"}
TYPES = {"double": "float64", "long": "int64", "int": "int32", "bool": "bool"}
ONE_LESS = (
    "{}(dim=) divides by one less than the count in PyTorch, and by the count in NumPy: write "
    "{}(axis={}, ddof=1), or ddof=0"
)


class Extremes(NamedTuple):
    """What max(dim=) and min(dim=) give, as in PyTorch."""

    values: Any
    indices: Any


class Size(int):
    """The number of elements; called, PyTorch's size: y.size(0), y.size()."""

    _shape: tuple[int, ...]

    def __call__(self, dim: int | None = None) -> Any:
        return self._shape if dim is None else self._shape[dim]


def in_words_of_numpy(name: str, more: dict[str, Any]) -> dict[str, Any]:
    """Keywords of a reduction, with NumPy's names."""
    if "dim" in more and name in ("std", "var"):
        raise TypeError(ONE_LESS.format(name, name, more["dim"]))
    return {KEYWORDS.get(key, key): value for key, value in more.items()}


def extremes(array: Any, name: str, more: dict[str, Any]) -> Extremes:
    """max(dim=) or min(dim=)."""
    axis: Any = more.get("dim")
    keeps = bool(more.get("keepdim"))
    others = set(more) - {"dim", "keepdim"}
    if others:
        raise TypeError(f"{name}(dim=) takes dim and keepdim, not {', '.join(sorted(others))}")
    where = getattr(array, f"arg{name}")(axis)
    return Extremes(
        getattr(array, name)(axis, keepdims=keeps), np.expand_dims(where, axis) if keeps else where
    )


class TensorWords(np.ndarray):
    """Base of arrays that also go by the words of PyTorch."""

    @property
    def size(self) -> Size:
        """How many numbers there are; called, the shape or one number of it."""
        made = Size(super().size)
        made._shape = self.shape
        return made

    def dim(self) -> int:
        """The number of dimensions."""
        return self.ndim

    def numel(self) -> int:
        """How many numbers there are."""
        return int(super().size)

    def to(self, *args: Any, **more: Any) -> Any:
        """The array itself, for the device "cpu" and the type float32; others are refused."""
        for value in (*args, *more.values()):
            if not isinstance(value, bool):
                here(value)
        return self.float()

    def cpu(self) -> Any:
        """The array itself: everything is on the CPU."""
        return self

    def contiguous(self) -> Any:
        """The array itself: modules take every order of memory."""
        return self

    def float(self) -> Any:
        """The array itself if it is float32, else its numbers as float32."""
        return self if self.dtype == np.float32 else self.astype(np.float32)

    def permute(self, *dims: Any) -> Any:
        """The dimensions in another order, as transpose of NumPy's."""
        return self.transpose(dims[0] if len(dims) == 1 else dims)

    def unsqueeze(self, dim: int) -> Any:
        """One more dimension, of size 1."""
        places: list[Any] = [slice(None)] * self.ndim
        places.insert(dim if dim >= 0 else dim + self.ndim + 1, None)
        return self[tuple(places)]

    def squeeze(self, axis: Any = None, dim: Any = None) -> Any:
        """As numpy.ndarray.squeeze."""
        return super().squeeze(dim if axis is None else axis)

    def flatten(self, order: Any = "C", end_dim: int = -1, *, start_dim: Any = None) -> Any:
        """The dimensions from start_dim to end_dim as one: flatten(1) gives a row for each element
        of a batch. With an order, "C" or "F", as numpy.ndarray.flatten."""
        if isinstance(order, str) and start_dim is None and end_dim == -1:
            return self._flatten_in(order)
        first = start_dim if start_dim is not None else 0 if isinstance(order, str) else order
        if not self.ndim:
            return self.reshape(1)
        first, last = range(self.ndim)[first], range(self.ndim)[end_dim]
        if first > last:
            raise ValueError(f"flatten({first}, {last}) of shape {self.shape}: start after end")
        return self.reshape((*self.shape[:first], -1, *self.shape[last + 1 :]))

    def _flatten_in(self, order: Any) -> Any:
        return super().flatten(order)

    def view(self, *of: Any, **more: Any) -> Any:
        """As numpy.ndarray.view, of a type; with a shape, as reshape."""
        if of and (len(of) > 1 or isinstance(of[0], (int, np.integer, tuple, list))):
            return self.reshape(*of)
        return super().view(*of, **more)

    def transpose(self, *axes: Any) -> Any:
        """As numpy.ndarray.transpose. Two dimensions of more than one mean another thing in
        PyTorch: they are refused."""
        if len(axes) == 2 and self.ndim != 1 and axes[0] is not None:
            raise TypeError(
                f"transpose{axes} swaps two dimensions in PyTorch, and names all of them in NumPy: "
                f"write y.swapaxes{axes}, or y.transpose({axes})"
            )
        return super().transpose(*axes)

    def __getattr__(self, name: str) -> Any:
        return refuse_of_tensor(self, name)


def _typed(name: str, dtype: str) -> Any:
    def call(self: Any) -> Any:
        return self.astype(dtype)

    call.__name__, call.__doc__ = name, f"The numbers as {dtype}."
    return call


for _name, _dtype in TYPES.items():
    setattr(TensorWords, _name, _typed(_name, _dtype))
