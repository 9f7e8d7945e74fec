"""Tapes of the library with the passes recorded on them.

A pass has a tape to itself, unless its initial state comes from the newest pass of a tape: steps of
a loop share one, as the library then repacks the weights once for all of them. A pass lives as long
as somebody may ask for its gradients. When no pass of a tape waits any more, the module records the
next one on it.
"""

from __future__ import annotations

import collections
import weakref
from typing import TYPE_CHECKING, Any

from . import c
from .passes import WAITS, Node, serials

if TYPE_CHECKING:
    from .settings import Context


reset = c.bare("recur_tape_reset")
ref_to = weakref.ref


class Tape:
    """A tape, and weak references to the passes on it, from the oldest to the newest. `clean`:
    no record can be on it."""

    __slots__ = ("handle", "mode", "passes", "clean")
    passes: list[Any]

    def __init__(self, context: Context | None) -> None:
        self.handle, self.mode, self.passes = c.recur_tape_create(context), c.RECUR_TAPE_TRAIN, []
        self.clean = True

    def prepare(self, mode: str, seed: Any = None) -> Tape:
        """An empty tape in this mode; without a seed no pass draws numbers."""
        if not self.clean:
            status = reset(self.handle._owned)
            if status < 0:
                c.refuse(status)
            self.passes, self.clean = [], True
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

    def idle(self) -> bool:
        """Whether nobody holds a pass that waits here."""
        for ref in reversed(self.passes):
            one = ref()
            if one is not None and not one.status:  # WAITS
                return False
        return True


class Pool:
    """Tapes of a module: `free` for passes without a record, `used` for the others, of which the
    one that was taken longest ago comes first. A tape is taken again when none of its passes waits
    any more. Who records has the lock of the module."""

    __slots__ = ("free", "used")

    def __init__(self) -> None:
        self.free: list[Tape] = []
        self.used: collections.deque[Tape] = collections.deque()

    def take(self, context: Any) -> Tape:
        """A tape for a pass without a record, which goes back to `free`; context() is for a new
        one."""
        try:
            return self.free.pop()
        except IndexError:
            return Tape(context())

    def record(self, context: Any) -> Tape:
        """A tape to record on: one of the two that were taken longest ago, or a new one."""
        used = self.used
        for _ in (1, 2):
            if not used:
                break
            tape = used[0]
            used.rotate(-1)
            if not tape.passes or tape.idle():
                return tape
        tape = Tape(context())
        used.append(tape)
        return tape

    def clear(self) -> None:
        """Gives all memory back. Passes that are out keep their tapes."""
        self.free.clear()
        self.used.clear()

    def tapes(self) -> list[Any]:
        return [*self.free, *self.used]


class Held(collections.deque):  # type: ignore[type-arg]  # as Python 3.8 has it
    """Passes that a module holds itself, the newest last, and the bytes that they take together."""

    bytes = 0

    def keep_within(self, bytes: int) -> None:
        """Lets go of the oldest ones, down to so many bytes."""
        while self and self.bytes > bytes:
            self.bytes -= self.popleft().bytes

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

    __slots__ = ("module", "tape", "place", "rows", "is_ids", "form", "bytes")

    def __init__(
        self,
        module: Any,
        tape: Any,
        rows: Any,
        is_ids: bool,
        form: Any,
        memories: Any,
        shapes: Any,
        links: Any,
    ) -> None:
        self.serial, self.status = next(serials), WAITS  # as Node does; a call of it takes longer
        self.memories, self.shapes, self.links = memories, shapes, links
        passes = tape.passes
        self.module, self.tape, self.place = module, tape, len(passes)
        self.rows, self.is_ids, self.form = rows, is_ids, form
        self.bytes = 0  # not yet known
        passes.append(ref_to(self))

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
        self.status, self.tape, self.rows = reason, None, None
        self.module._closed(self)
