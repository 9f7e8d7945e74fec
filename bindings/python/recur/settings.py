"""Seeds and contexts: what new modules are made with."""

from __future__ import annotations

import os
import threading
from typing import Any

from . import c

_lock = threading.Lock()
_seed, _drawn = int.from_bytes(os.urandom(8), "little"), 0
_context = None
copies_inputs = True  # of recorded passes
unheld_bytes = 16 << 20  # that passes take whose output nobody holds
waiting = 1024  # passes of a module
_warned: set[str] = set()


def set_input_copies(copies: bool) -> None:
    """Whether recorded passes copy their input. False is a promise that arrays given to modules
    stay as they are until backward; it saves the copy."""
    global copies_inputs
    copies_inputs = bool(copies)


def set_waiting(passes: int = 1024, unheld_bytes: int = 16 << 20) -> None:
    """How many recorded passes of a module may wait for their backward: beyond that the oldest are
    dropped, with one warning. Passes whose output nobody holds may take `unheld_bytes` in each
    module (the newest one always stays)."""
    if passes < 1 or unheld_bytes < 0:
        raise ValueError(
            f"passes is {passes} and unheld_bytes {unheld_bytes}: at least 1 and 0 are needed"
        )
    globals().update(waiting=int(passes), unheld_bytes=int(unheld_bytes))


def warn_once(what: str) -> bool:
    """Whether this has not been warned of before."""
    if what in _warned:
        return False
    _warned.add(what)
    return True


def manual_seed(seed: int) -> None:
    """Makes runs repeatable: without it the seed is the system's, another one in each process. New
    modules draw their start values, and the masks of their dropout, from this seed, in the order
    they are made.

    >>> import recur
    >>> recur.manual_seed(1)
    >>> first = recur.Linear(2, 2)
    >>> recur.manual_seed(1)
    >>> bool((recur.Linear(2, 2).weight == first.weight).all())
    True
    """
    global _seed, _drawn
    c.recur_random(seed, 0)  # refuses what is no seed
    with _lock:
        _seed, _drawn = int(seed), 0


def next_seed() -> int:
    global _drawn
    with _lock:
        _drawn += 1
        made: int = c.recur_random(_seed, _drawn)
        return made


class Context:
    """Instruction set ("ref", "sse2", "avx2", "avx512", "neon", "vec4", "avx2_exact", or None for
    the best) and the most threads of a pass. With reproducible=True no BLAS computes gradients, so
    that their bits depend on none, nor on its number of threads. With exact=True all bits are the
    same on every processor: one of the sets that agree computes ("sse2", "avx2_exact", "vec4").

    >>> import recur
    >>> recur.GRU(3, 4, context=recur.Context(isa="ref", threads=2))
    GRU(3, 4)
    """

    def __init__(
        self,
        isa: str | None = None,
        threads: int = 1,
        *,
        reproducible: bool = False,
        exact: bool = False,
    ) -> None:
        code = (
            getattr(c, f"RECUR_ISA_{isa.upper()}", None)
            if isinstance(isa, str)
            else 0
            if isa is None
            else None
        )
        if code is None:
            raise ValueError(
                f"isa is {isa!r}: it is None, 'ref', 'sse2', 'avx2', 'avx512', 'neon', 'vec4' or "
                "'avx2_exact'"
            )
        flags = c.RECUR_CONTEXT_REPRODUCIBLE if reproducible else 0
        flags |= c.RECUR_CONTEXT_EXACT if exact else 0
        self.handle = c.recur_context_create(
            c.recur_context_options(isa=code, threads=threads, flags=flags)
        )
        self._threads = threads

    @property
    def threads(self) -> int:
        """The most threads of a pass. Fixed when the Context is made."""
        return self._threads

    @property
    def isa(self) -> str:
        """The instruction set that was chosen."""
        made: str = c.recur_context_isa(self.handle)
        return made

    def __repr__(self) -> str:
        return f"Context(isa={self.isa!r}, threads={self.threads})"


def set_default_context(context: Context | None) -> None:
    """Modules made from now on use this Context (None: the library's own, one thread).

    >>> import recur
    >>> recur.set_default_context(recur.Context(threads=2))
    >>> recur.set_default_context(None)
    """
    global _context
    if context is not None and not isinstance(context, Context):
        raise TypeError(f"a Context is needed, not {type(context).__name__}")
    _context = context


def set_num_threads(threads: int) -> None:
    """The most threads a pass of modules made from now on may use.

    >>> import recur
    >>> recur.set_num_threads(2)
    >>> net = recur.GRU(3, 4)
    >>> recur.set_default_context(None)                          # the library's own again
    """
    set_default_context(Context(threads=threads))


def handle_of(context: Context | None) -> Any:
    """The C handle of a Context, of the default one for None."""
    if context is not None and not isinstance(context, Context):
        raise TypeError(f"context must be a recur.Context, not {type(context).__name__}")
    context = context or _context
    return context.handle if context else None
