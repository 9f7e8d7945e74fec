"""Handles: objects of the library with the life of Python objects.

A handle and every call that is under way hold an _Owned, which gives the object back when nobody
holds it any more. So a handle may be released while another thread runs on it: the call ends first.
"""

from __future__ import annotations

import _thread
import ctypes
import threading
from typing import Any

from . import _api

# What the headers call "one at a time": calls on the same one wait for each other.
EXCLUSIVE = {"recur_state", "recur_tape", "recur_optimizer", "recur_file", "recur_shards"}


class _Owned(ctypes.c_void_p):
    """A pointer that is given back with its last reference. As an argument, ctypes holds it until
    the call is over."""

    lock: Any  # of what is used by one call at a time, else None

    def hold(self, release: Any, exclusive: bool, keep: Any = None) -> _Owned:
        self.give_back = release
        self.keep = keep  # what it is borrowed from, or what must live as long
        self.lock = threading.Lock() if exclusive else None
        self.users, self.count_lock = 0, threading.Lock()
        return self

    def __del__(self) -> None:
        try:
            value, give_back = self.value, getattr(self, "give_back", None)
            self.value = None
            if value and give_back:
                give_back(ctypes.c_void_p(value))
        except KeyboardInterrupt:
            _interrupt_again()


def _interrupt_again() -> None:
    """Python drops what __del__ raises, an interrupt of the user's too: it comes again a little later,
    when __del__ is over."""
    later = threading.Timer(0.02, _thread.interrupt_main)
    later.daemon = True
    later.start()


class Handle:
    """Base of all handles. Made by the functions of recur.c, never by hand."""

    __slots__ = ("_owned", "_facts", "__weakref__")
    kind = ""
    _owned: Any
    _facts: Any

    def __init__(self, *_args: Any, **_more: Any) -> None:
        raise TypeError(f"a {self.kind or 'handle'} is made by the library's functions only")

    @property
    def owned(self) -> _Owned:
        owned = self._owned
        if owned is None:
            raise RuntimeError(f"this {self.kind} has been released")
        made: _Owned = owned
        return made

    @property
    def released(self) -> bool:
        return self._owned is None

    def release(self) -> None:
        """Gives the object back as soon as no call and no array needs it. Twice is fine."""
        self._owned = None

    def __repr__(self) -> str:
        return f"<{self.kind}{', released' if self.released else ''}>"

    def __reduce__(self) -> Any:
        raise TypeError(
            f"a {self.kind} cannot be copied or pickled; use the library's own functions"
        )


CLASSES = {name: type(name, (Handle,), {"kind": name, "__slots__": ()}) for name in _api.HANDLES}


def make(kind: str, address: int, release: Any, keep: Any = None) -> Handle:
    handle: Handle = object.__new__(CLASSES[kind])
    handle._owned = _Owned(address).hold(release, kind in EXCLUSIVE, keep)
    handle._facts = None
    return handle


class View:
    """What NumPy makes an array of that keeps its memory's owner alive."""

    def __init__(self, owned: _Owned, address: int, count: int):
        self.owned = owned
        self.__array_interface__ = {
            "data": (address, False),
            "shape": (count,),
            "typestr": "<f4",
            "version": 3,
        }
