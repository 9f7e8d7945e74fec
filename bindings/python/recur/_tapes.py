"""Tapes of the library with the passes recorded on them.

A pass has a tape to itself, unless its initial state comes from the newest pass of a tape: steps of
a loop share one, as the library then repacks the weights once for all of them. A pass lives as long
as somebody may ask for its gradients. When the last pass of a tape is gone, the tape goes back to
the module for the next one.
"""

from __future__ import annotations

import collections
import weakref
from typing import TYPE_CHECKING, Any

from . import c
from .passes import WAITS, Node

if TYPE_CHECKING:
    from .settings import Context


class Tape:
    """A tape, and weak references to the passes on it, from the oldest to the newest."""

    __slots__ = ("handle", "mode", "passes")
    passes: list[Any]

    def __init__(self, context: Context | None) -> None:
        self.handle, self.mode, self.passes = c.recur_tape_create(context), c.RECUR_TAPE_TRAIN, []

    def prepare(self, mode: str, seed: Any = None) -> Tape:
        """An empty tape in this mode; without a seed no pass draws numbers."""
        if self.passes:
            owned = self.handle.owned
            with owned.lock:
                status = c.RAW["recur_tape_reset"](owned)
            if status < 0:
                c.refuse(status)
            self.passes = []
        if mode != self.mode:
            c.recur_tape_set_mode(self.handle, mode)
            self.mode = mode
        if seed is not None:
            c.recur_tape_set_seed(self.handle, seed)
        return self

    def cut(self, count: int, reason: str = "") -> None:
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
        return int(c.RAW["recur_tape_bytes"](self.handle.owned))


class Token:
    """All passes of a tape hold one token: when it dies, the tape is free."""

    __slots__ = ("__weakref__",)


class Lease(weakref.ref):  # type: ignore[type-arg]  # as Python 3.8 has it
    """A weak reference to a token, and its tape."""

    __slots__ = ("tape",)
    tape: Tape


class Pool:
    """Tapes of a module. Those whose passes have died come back through the callback of a weak
    reference, which is a function of list: Python's own code would swallow an interrupt
    there."""

    __slots__ = ("free", "out", "ended")

    def __init__(self) -> None:
        self.free: list[Tape] = []
        self.out: dict[int, Lease] = {}
        self.ended: list[Any] = []

    def take(self, context: Any) -> Tape:
        """A tape that no pass needs; context() is for a new one."""
        while self.ended:
            lease = self.ended.pop()
            if self.out.pop(id(lease), None) is not None:
                self.free.append(lease.tape)
        try:
            return self.free.pop()
        except IndexError:
            return Tape(context())

    def lend(self, tape: Any) -> Token:
        """The token for the passes that will be on a tape."""
        token = Token()
        lease = Lease(token, self.ended.append)
        lease.tape = tape
        self.out[id(lease)] = lease
        return token

    def clear(self) -> None:
        """Gives all memory back. Passes that are out keep their tapes."""
        for kept in (self.free, self.out, self.ended):
            kept.clear()

    def tapes(self) -> list[Any]:
        return self.free + [lease.tape for lease in self.out.values()]


class Held(collections.deque):  # type: ignore[type-arg]  # as Python 3.8 has it
    """Passes that a module holds itself, and the bytes that they take together."""

    bytes = 0

    def append(self, one: Any) -> None:
        super().append(one)
        self.bytes += one.bytes

    def popleft(self) -> Any:
        one = super().popleft()
        self.bytes -= one.bytes
        return one

    def discard(self, one: Any) -> None:
        """Lets go of a pass, if it is here."""
        if self and self[-1] is one:
            self.pop()
        elif one in self:
            self.remove(one)
        else:
            return
        self.bytes -= one.bytes

    def clear(self) -> None:
        super().clear()
        self.bytes = 0


class Pass(Node):
    """What backward needs of a recorded call of a module."""

    __slots__ = ("module", "tape", "token", "place", "rows", "is_ids", "form", "bytes")

    def __init__(
        self,
        module: Any,
        tape: Any,
        token: Any,
        rows: Any,
        is_ids: bool,
        form: Any,
        bases: Any,
        links: Any,
    ) -> None:
        super().__init__(bases, links)
        self.module, self.tape, self.token, self.place = module, tape, token, len(tape.passes)
        self.rows, self.is_ids, self.form = rows, is_ids, form
        tape.passes.append(weakref.ref(self))

    @property
    def name(self) -> str:
        return type(self.module).__name__

    def newest(self) -> bool:
        """Whether no pass that somebody holds lies above this one on its tape."""
        return self.status == WAITS and not any(ref() for ref in self.tape.passes[self.place + 1 :])

    def play(self, given: Any) -> Any:
        return self.module._play(self, given)

    def set_aside(self) -> None:
        """A result is used without gradients: it is meant that none come back."""
        self.module._detached = True

    def close(self, reason: Any) -> None:
        """It cannot be played back any more, for this reason."""
        self.status, self.tape, self.token, self.rows = reason, None, None, None
        self.module._closed(self)
