"""Arguments of Python made into arguments of C, one converter for each type the headers use.

A converter takes (value, name) and gives (checked, passed): what the size rules look at, and what
ctypes hands over.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any, Callable, Tuple

import numpy as np

from . import _api
from ._handles import CLASSES
from ._numbers import INTEGERS, check_integer, check_number, encode
from ._structs import STRUCTS

Converter = Callable[[Any, str], Tuple[Any, Any]]

IDS = {"const int32_t *": np.int32, "const int64_t *": np.int64}


def integer(ctype: str) -> Converter:
    return lambda value, name: (number := check_integer(value, ctype, name), number)


def number(value: Any, name: str) -> tuple[Any, Any]:
    checked = check_number(value, name)
    return checked, checked


def text(value: Any, name: str) -> tuple[Any, Any]:
    if isinstance(value, os.PathLike):
        value = os.fsencode(value)
    checked = encode(value, name)
    return checked, checked


def handle(kind: str) -> Converter:
    expected: Any = CLASSES[kind]

    def convert(value: Any, name: str) -> tuple[Any, Any]:
        if value is None:
            return None, None
        if not isinstance(value, expected):
            raise TypeError(f"{name}: a {kind} is needed, not {type(value).__name__}")
        return value, value.owned

    return convert


def array(dtype: Any, writes: bool) -> Converter:
    def convert(value: Any, name: str) -> tuple[Any, Any]:
        if value is None:
            return None, None
        if (
            not isinstance(value, np.ndarray)
            or (dtype is not None and value.dtype != dtype)
            or value.dtype.hasobject
        ):
            wanted = (
                f"an array of {np.dtype(dtype)}"
                if dtype is not None
                else "an array of plain numbers"
            )
            given = (
                f"an array of {value.dtype}"
                if isinstance(value, np.ndarray)
                else type(value).__name__
            )
            raise TypeError(f"{name}: {wanted} is needed, not {given}")
        if not value.flags.c_contiguous:
            raise ValueError(
                f"{name}: its numbers must lie one after the other (numpy.ascontiguousarray), "
                f"strides are {value.strides}"
            )
        if writes and not value.flags.writeable:
            raise ValueError(f"{name}: the array is read-only, and results go there")
        return value, value.__array_interface__["data"][0]

    return convert


def integers(dtype: Any) -> Converter:
    """Ids, lengths: any integers, copied, so that no other thread can change what has been
    checked."""
    limits = np.iinfo(dtype)

    def convert(value: Any, name: str) -> tuple[Any, Any]:
        if value is None:
            return None, None
        given = np.asarray(value)
        if given.size == 0 and given.dtype == np.float64 and not isinstance(value, np.ndarray):
            given = given.astype(dtype)
        if given.dtype.kind not in "iu":
            raise TypeError(f"{name}: integers are needed, not {given.dtype}")
        if given.size and (int(given.min()) < limits.min or int(given.max()) > limits.max):
            raise ValueError(
                f"{name}: {given.min()} to {given.max()} do not fit into {np.dtype(dtype)}"
            )
        copied = np.array(given, dtype, order="C", copy=True)
        return copied, copied.__array_interface__["data"][0]

    return convert


def data(value: Any, name: str) -> tuple[Any, Any]:
    """const void *: bytes of a file, or an array to move rows from."""
    if isinstance(value, np.ndarray):
        return array(None, False)(value, name)
    if value is None:
        return None, None
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"{name}: bytes are needed, not {type(value).__name__}")
    copied = bytes(value)
    return copied, copied


def struct(kind: str) -> Converter:
    expected = STRUCTS[kind]

    def convert(value: Any, name: str) -> tuple[Any, Any]:
        if value is None:
            return None, None
        if isinstance(value, dict):
            value = expected(**value)
        if isinstance(value, ctypes.Array) and value._type_ is expected:
            return value, value
        if not isinstance(value, expected):
            raise TypeError(
                f"{name}: a {kind} (or a dict of its members) is needed, not {type(value).__name__}"
            )
        return value, ctypes.byref(value)

    return convert


def texts(value: Any, name: str) -> tuple[Any, Any]:
    if value is None:
        return None, None
    encoded = [encode(v, name) for v in value]
    return encoded, (ctypes.c_char_p * max(len(encoded), 1))(*encoded)


def handles(kind: str) -> Converter:
    one = handle(kind)

    def convert(value: Any, name: str) -> tuple[Any, Any]:
        if value is None:
            return None, None
        owned = [one(v, f"{name}[{i}]")[1] for i, v in enumerate(value)]
        passed = (ctypes.c_void_p * max(len(owned), 1))(*[o.value if o else None for o in owned])
        passed.keep = owned  # type: ignore[attr-defined]
        return owned, passed

    return convert


def make_converters() -> dict[str, Converter]:
    table = {ctype: integer(ctype) for ctype in INTEGERS}
    table.update(
        {"double": number, "const char *": text, "const char *const *": texts, "const void *": data}
    )
    table.update({"const float *": array(np.float32, False), "float *": array(np.float32, True)})
    table["const double *"] = array(np.float64, False)
    table.update({"int32_t *": array(np.int32, True), "void *": array(None, True)})
    table["char *"] = table["void *"]
    table.update({ctype: integers(dtype) for ctype, dtype in IDS.items()})
    for function in ("recur_trace_function *", "recur_exchange_function *"):
        table[function] = data  # recur.c takes a function itself
    for kind in _api.HANDLES:
        table[f"{kind} *"] = table[f"const {kind} *"] = handle(kind)
        table[f"{kind} *const *"] = handles(kind)
    for kind in _api.STRUCTS:
        table[f"{kind} *"] = table[f"const {kind} *"] = struct(kind)
    return table


CONVERTERS = make_converters()
