"""Arrays of the user's on their way in: what is accepted, and in which words it is refused."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

F32 = np.dtype(np.float32)
INT32 = np.iinfo(np.int32)
_told: set[str] = set()  # types of which a warning has said that they lose precision
_HERE = os.path.dirname(__file__) + os.sep


def warn_caller(message: str) -> None:
    """A warning that points at the line outside of this package which came here."""
    level = 2
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
        level += 1
    warnings.warn(message, stacklevel=level)


def to_numpy(value: Any, name: str = "x") -> npt.NDArray[Any]:
    """An array without a copy where there is one inside: NumPy's, or a torch tensor's."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu()
        made: npt.NDArray[Any] = (
            value.float() if str(value.dtype) == "torch.bfloat16" else value
        ).numpy()
        return made
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name}: {error}") from None


def floats(value: Any, name: str, shape: Any = None) -> npt.NDArray[Any]:
    """float32, contiguous; -1 in shape stands for any size."""
    array = to_numpy(value, name)
    if array.dtype != F32:
        array = as_float32(array, name, isinstance(value, (list, tuple, int, float)))
    if shape is not None:
        check_shape(array, name, shape)
    return np.ascontiguousarray(array) if array.ndim else array


def as_float32(array: Any, name: str, listed: bool = False) -> npt.NDArray[Any]:
    """float16, bfloat16, float64 and wider, and numbers in lists become float32. Arrays that lose
    digits are told of once; a number that float32 cannot hold is an error. Integers in arrays stay
    ids."""
    kind = array.dtype.kind
    small = array.dtype.name == "bfloat16" or (kind == "f" and array.dtype.itemsize <= F32.itemsize)
    if not small and kind != "f" and not (listed and kind in "iu"):
        raise TypeError(
            f"{name} must be float32, not {array.dtype} ({name}.astype(numpy.float32) converts)"
        )
    with np.errstate(over="ignore"):
        result = array.astype(F32)
    if not small and (np.isinf(result) & np.isfinite(array)).any():
        raise ValueError(
            f"{name} holds {np.abs(array[np.isfinite(array)]).max():g}, which is more than "
            "float32 can hold"
        )
    if not small and not listed and array.dtype not in _told:
        _told.add(array.dtype)
        warn_caller(
            f"{name} is {array.dtype} and is rounded to float32, in which everything is computed; "
            "x.astype(numpy.float32) says that this is meant (there is no second warning)"
        )
    made: npt.NDArray[Any] = result
    return made


def check_shape(array: Any, name: str, shape: Any) -> None:
    if array.ndim != len(shape) or any(n not in (-1, m) for n, m in zip(shape, array.shape)):
        wanted = tuple("any" if n == -1 else n for n in shape)
        raise ValueError(
            f"{name} must have shape {str(wanted).replace(chr(39), '')}, not {array.shape}"
        )


def ids(value: Any, name: str) -> npt.NDArray[Any]:
    """Integers of any type as int32: a copy, which no other thread can change after it has been
    checked."""
    array = to_numpy(value, name)
    if not array.size and isinstance(value, (list, tuple)):
        array = array.astype(np.int32)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, not {array.dtype}")
    if array.size and (int(array.min()) < INT32.min or int(array.max()) > INT32.max):
        raise ValueError(f"{name}: {array.min()} to {array.max()} do not fit into 32 bits")
    return np.array(array, np.int32, order="C", copy=True)


def rows_or_ids(value: Any, name: str = "x") -> tuple[Any, ...]:
    """(array, whether it holds ids): integers are ids, floats are rows."""
    array = to_numpy(value, name)
    if array.dtype.kind in "iu":
        return ids(array, name), True
    if array.dtype != F32:
        array = as_float32(array, name, isinstance(value, (list, tuple)))
    return floats(array, name), False


def size(value: Any, name: str, least: Any = 1) -> int:
    """A whole number in the user's words; the library checks the rest."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, not bool")
    try:
        number = value.__index__()
    except AttributeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}") from None
    if number < least:
        raise ValueError(f"{name} is {number}: it must be at least {least}")
    made: int = number
    return made


def here(where: Any) -> None:
    """Refuses devices and types of numbers that are not there; a module, an array or None may stand
    for what it has."""
    if where is None or isinstance(where, np.ndarray) or hasattr(where, "parameters"):
        return
    name = (
        where.__name__
        if isinstance(where, type)
        else str(where).removeprefix("torch.").split(":")[0]
    )
    if name in ("cpu", "float32"):
        return
    if name in ("float16", "bfloat16", "float64", "half", "double", "float"):
        raise NotImplementedError(
            f"numbers of type {name}: everything is computed in float32; leave it out"
        )
    raise NotImplementedError(
        f"the device {where!r}: everything is computed on the CPU; leave it out, or write 'cpu'"
    )
