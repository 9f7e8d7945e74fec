"""Tapes of the library with the passes recorded on them.

A pass has a tape to itself, unless its initial state comes from the newest pass of a tape: steps of a loop share one, as
the library then repacks the weights once for all of them. A pass lives as long as somebody may ask for its gradients. When
the last pass of a tape is gone, the tape goes back to the module for the next one.
"""

import weakref

from . import c
from .passes import WAITS, Node


class Tape:
    """A tape, and weak references to the passes on it, from the oldest to the newest."""

    __slots__ = ("handle", "pool", "mode", "passes", "__weakref__")

    def __init__(self, pool, context):
        self.handle, self.pool = c.recur_tape_create(context), pool
        self.mode, self.passes = c.RECUR_TAPE_TRAIN, []

    def prepare(self, mode, seed) -> "Tape":
        """An empty tape in this mode; seed None: no pass draws numbers."""
        if mode != self.mode:
            c.recur_tape_set_mode(self.handle, mode)
            self.mode = mode
        if seed is not None:
            c.recur_tape_set_seed(self.handle, seed)
        return self

    def cut(self, count, reason="") -> None:
        """Drops the passes above the first `count`; those that somebody holds learn why."""
        dropped = self.passes[count:]
        if not dropped:
            return
        del self.passes[count:]
        c.recur_tape_drop(self.handle, len(dropped))
        for ref in dropped:
            one = ref()
            if one is not None:
                one.close(reason)

    def bytes(self) -> int:
        return c.RAW["recur_tape_bytes"](self.handle.owned)

    def __del__(self):
        handle = getattr(self, "handle", None)
        if handle is not None and not handle.released:
            self.pool.give(handle, self.mode, len(self.passes))


class Pool:
    """Tapes of a module that no pass needs now."""

    __slots__ = ("free", "__weakref__")

    def __init__(self):
        self.free = []

    def give(self, handle, mode, records) -> None:
        self.free.append((handle, mode, records))

    def take(self, context, mode, seed) -> Tape:
        try:
            handle, was, records = self.free.pop()
        except IndexError:
            return Tape(self, context()).prepare(mode, seed)
        tape = object.__new__(Tape)
        tape.handle, tape.pool, tape.mode, tape.passes = handle, self, was, []
        if records:
            c.recur_tape_reset(handle)
        return tape.prepare(mode, seed)

    def clear(self) -> None:
        self.free.clear()


class Pass(Node):
    """What backward needs of a recorded call of a module."""

    __slots__ = ("module", "tape", "place", "rows", "is_ids", "form", "bytes")

    def __init__(self, module, tape, rows, is_ids, form, bases, links):
        super().__init__(bases, links)
        self.module, self.tape, self.place = module, tape, len(tape.passes)
        self.rows, self.is_ids, self.form = rows, is_ids, form
        tape.passes.append(weakref.ref(self))

    @property
    def name(self) -> str:
        return type(self.module).__name__

    def newest(self) -> bool:
        """Whether no pass that somebody holds lies above this one on its tape."""
        return self.status == WAITS and not any(ref() for ref in self.tape.passes[self.place + 1 :])

    def play(self, given):
        return self.module._play(self, given)

    def close(self, reason) -> None:
        """It cannot be played back any more, for this reason."""
        self.status, self.tape, self.rows = reason, None, None
        self.module._closed(self)
