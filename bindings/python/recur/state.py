"""Hidden state between calls."""

from __future__ import annotations

from typing import Any, Iterator

import numpy as np
import numpy.typing as npt

from . import c
from ._arrays import floats


class State:
    """h (and c) of every recurrent part of a module, for a number of sequences in the caller's
    order. Read and written by copy: state["h"], state["rnn.c"] = array.

    >>> import numpy as np, recur
    >>> net = recur.LSTM(3, 4)
    >>> state = net.state(batch=2)
    >>> y = net.step(np.ones((2, 3), np.float32), state)
    >>> state
    State(h (1, 2, 4), c (1, 2, 4); batch 2)
    >>> state.reset()
    >>> bool(state["h"].any())
    False
    """

    def __init__(self, module: Any, batch: int) -> None:
        self._handle = c.recur_state_create(module._open(), batch)
        self._plan: Any = None  # of its streaming steps
        self.origin = None  # a weak reference to the recorded pass that wrote it last
        self.batch = c.recur_state_batch(self._handle)
        known = module._state_forms  # by batch: what the last few states of the module look like
        if self.batch not in known:
            if len(known) >= 16:
                known.clear()
            known[self.batch] = self._look()
        self._tensors = known.get(self.batch) or self._look()

    def _look(self) -> dict[Any, Any]:
        infos = [
            c.recur_state_tensor_info(self._handle, i)
            for i in range(c.recur_state_tensor_count(self._handle))
        ]
        return {t.name: (t.offset, t.dim[: t.rank]) for t in infos}

    def keys(self) -> Any:
        """The names."""
        return self._tensors.keys()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def items(self) -> list[Any]:
        """Names with what they stand for."""
        return [(name, self[name]) for name in self._tensors]

    def _find(self, name: str) -> Any:
        if name not in self._tensors:
            raise KeyError(
                f"the state has no tensor {name!r}: it has {', '.join(self._tensors) or 'none'}"
            )
        return self._tensors[name]

    def shape(self, name: str) -> tuple[Any, ...]:
        """The shape of a tensor of the state."""
        made: tuple[Any, ...] = self._find(name)[1]
        return made

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        offset, shape = self._find(name)
        out = np.empty(shape, np.float32)
        self._move("recur_state_read", offset, out)
        return out

    def _move(self, what: str, offset: int, array: Any) -> None:
        """Reads into an array whose size is known to be right, or writes from it."""
        owned = self._handle.owned
        with owned.lock:
            address = array.__array_interface__["data"][0]
            status = c.RAW[what](owned, offset, array.size, address)
        if status < 0:
            c.refuse(status)

    def __setitem__(self, name: str, values: Any) -> None:
        offset, shape = self._find(name)
        values = floats(values, name, shape)
        self._move("recur_state_write", offset, values)

    def reset(self, sequence: int = -1) -> None:
        """Back to the initial state: one sequence, or all."""
        c.recur_state_reset(self._handle, sequence)

    def copy_(self, other: State) -> State:
        """Takes the values of another state."""
        if not isinstance(other, State):
            raise TypeError(f"a State is needed, not {type(other).__name__}")
        c.recur_state_copy(self._handle, other._handle)
        return self

    def gather_(self, other: State, sequences: Any) -> State:
        """Sequence b takes the values of sequence sequences[b] of another state: for beam
        search."""
        if not isinstance(other, State):
            raise TypeError(f"a State is needed, not {type(other).__name__}")
        which = np.ascontiguousarray(sequences, np.int64)
        if which.shape != (self.batch,):
            raise ValueError(f"sequences must have shape {(self.batch,)}, not {which.shape}")
        c.recur_state_gather(self._handle, other._handle, which)
        return self

    def release(self) -> None:
        """Gives the memory back; the object is of no use after it."""
        self._plan = None
        self._handle.release()

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {shape}" for name, (_, shape) in self._tensors.items())
        return f"State({shapes or 'none'}; batch {self.batch})"
