"""Numbers and texts on their way into C: what does not fit is an error, never cut off."""

from __future__ import annotations

import ctypes
import numbers
import operator
from typing import Any

INTEGERS = {
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "recur_status": ctypes.c_int32,
}


def _range(ctype: Any) -> Any:
    bits = 8 * ctypes.sizeof(INTEGERS[ctype])
    unsigned = ctype.startswith("u") or ctype == "size_t"
    return (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


RANGES = {ctype: _range(ctype) for ctype in INTEGERS}


def check_integer(value: Any, ctype: str, name: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: an integer is needed, not {type(value).__name__}") from None
    low, high = RANGES[ctype]
    if not low <= number <= high:
        raise ValueError(f"{name}: {number} does not fit into {ctype} ({low} to {high})")
    return number


def check_number(value: Any, name: str) -> float:
    if not isinstance(value, numbers.Real) and not hasattr(value, "__float__"):
        raise TypeError(f"{name}: a number is needed, not {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name}: {value} is too large for a double") from None


def encode(text: Any, name: str) -> Any:
    """UTF-8 for C; None stays None."""
    if text is None:
        return None
    if isinstance(text, str):
        try:
            text = text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{name}: {error}") from None
    if not isinstance(text, bytes):
        raise TypeError(f"{name}: a str is needed, not {type(text).__name__}")
    if b"\0" in text:
        raise ValueError(f"{name}: a text for C cannot hold a zero byte")
    return text
