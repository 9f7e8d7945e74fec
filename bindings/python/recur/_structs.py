"""The structs of the headers as ctypes structures that check what is put into them."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from . import _api
from ._handles import CLASSES
from ._numbers import INTEGERS, check_integer, check_number, encode

CALLBACKS = {
    "alloc": ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t),
    "free": ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t),
}
NUMBERS = {
    "const float *": (np.float32, ctypes.POINTER(ctypes.c_float)),
    "const double *": (np.float64, ctypes.POINTER(ctypes.c_double)),
    "const int32_t *": (np.int32, ctypes.POINTER(ctypes.c_int32)),
}


class Struct(ctypes.Structure):
    """Members by keyword; `size` is filled in. Pointers to numbers take arrays, which are copied,
    pointers to handles handles."""

    def __init__(self, **members: Any) -> None:
        super().__init__()
        object.__setattr__(self, "_arrays", {})
        if "size" in self._ctypes:
            members = {"size": ctypes.sizeof(self), **members}
        for name, value in members.items():
            if name not in self._ctypes:
                raise TypeError(
                    f"{type(self).__name__} has no member {name}: it has {', '.join(self._ctypes)}"
                )
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in getattr(self, "_ctypes", {}):
            value = self._checked(name, value)
        super().__setattr__(name, value)

    def _checked(self, name: str, value: Any) -> Any:
        ctype, length = self._ctypes[name]
        where = f"{type(self).__name__}.{name}"
        if length:
            values = [check_integer(v, ctype, where) for v in value]
            if len(values) > length:
                raise ValueError(f"{where} has room for {length} numbers, not {len(values)}")
            fill = 1 if name == "dim" else 0
            return (INTEGERS[ctype] * length)(*values, *[fill] * (length - len(values)))
        if (
            name == "size"
            and ctype == "uint32_t"
            and check_integer(value, ctype, where) > ctypes.sizeof(self)
        ):
            raise ValueError(
                f"{where}: {value} is more than the {ctypes.sizeof(self)} bytes there are"
            )
        if ctype in INTEGERS:
            return check_integer(value, ctype, where)
        if ctype == "double":
            return check_number(value, where)
        if ctype == "const char *":
            return encode(value, where)
        if ctype in NUMBERS:
            return self._array(name, value, *NUMBERS[ctype])
        if ctype[6:-2] in CLASSES:
            return self._handle(name, value, CLASSES[ctype[6:-2]])
        return self._struct(name, value, STRUCTS.get(ctype.removeprefix("const ")[:-2]))

    def _struct(self, name: str, value: Any, pointed: Any) -> Any:
        """A pointer to a struct, or to the first of an array of them; other values stay."""
        if pointed and isinstance(value, pointed):
            self._arrays[name] = value
            return ctypes.pointer(value)
        if pointed and isinstance(value, ctypes.Array) and value._type_ is pointed:
            self._arrays[name] = value
            return ctypes.cast(value, ctypes.POINTER(pointed))
        return value

    def _array(self, name: Any, value: Any, dtype: Any, pointer: Any) -> Any:
        if value is None:
            self._arrays[name] = None
            return None
        self._arrays[name] = array = np.array(value, dtype).ravel()
        return array.ctypes.data_as(pointer)

    def _handle(self, name: Any, value: Any, kind: Any) -> Any:
        if value is not None and not isinstance(value, kind):
            raise TypeError(
                f"{type(self).__name__}.{name}: a {kind.kind} is needed, not {type(value).__name__}"
            )
        self._arrays[name] = value
        return None if value is None else value.owned.value

    def handle(self, name: Any) -> Any:
        """The handle behind a pointer member."""
        return self._arrays.get(name)

    def room(self, name: str) -> int:
        """Numbers behind a pointer member."""
        array = self._arrays.get(name)
        return 0 if array is None else array.size


def _field(ctype: Any, name: Any, length: Any) -> Any:
    if ctype == "function":
        return CALLBACKS[name]
    if length:
        return INTEGERS[ctype] * length
    if ctype in INTEGERS:
        return INTEGERS[ctype]
    pointed = ctype.removeprefix("const ")[:-2]
    if pointed in STRUCTS:  # one that stands before this one in the headers
        return ctypes.POINTER(STRUCTS[pointed])
    simple = {
        "double": ctypes.c_double,
        "const char *": ctypes.c_char_p,
        "void *": ctypes.c_void_p,
        "const void *": ctypes.c_void_p,
    }
    if ctype in NUMBERS:
        return NUMBERS[ctype][1]
    return ctypes.c_void_p if ctype[6:-2] in CLASSES else simple[ctype]


STRUCTS: dict[str, Any] = {}
for _name, _members in _api.STRUCTS.items():
    STRUCTS[_name] = type(
        _name,
        (Struct,),
        {
            "_fields_": [(name, _field(ctype, name, length)) for ctype, name, length in _members],
            "_ctypes": {name: (ctype, length) for ctype, name, length in _members},
        },
    )
