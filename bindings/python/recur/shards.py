"""Training by several processes, with the same bits for any number of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import c
from ._arrays import floats


class Shards:
    """The gradients of a batch in S shards, a power of two, which are added by one tree, whichever
    rank has computed them. Every rank adds those of `own` in their order, then calls sum.

    `exchange(rank, send, receive)` sends one float32 array to another rank and fills another with
    what comes from there; with mpi4py:

        world = MPI.COMM_WORLD
        shards = recur.Shards(
            16, net.flat_grad.size, numbers=1, rank=world.rank, ranks=world.size,
            exchange=lambda rank, send, receive: world.Sendrecv(send, rank, 0, receive, rank, 0),
        )

    >>> import numpy as np, recur
    >>> shards = recur.Shards(4, 2, numbers=1)
    >>> for shard in shards.own:
    ...     shards.add(np.full(2, shard, np.float32), shard * 0.5)
    >>> grads = np.empty(2, np.float32)
    >>> shards.sum(grads)
    array([3.])
    >>> grads
    array([6., 6.], dtype=float32)
    >>> [list(shards.sequences(6, shard)) for shard in shards.own]
    [[0], [1, 2], [3], [4, 5]]
    """

    def __init__(
        self,
        shards: int,
        count: int,
        numbers: int = 0,
        rank: int = 0,
        ranks: int = 1,
        exchange: Any = None,
        context: Any = None,
    ) -> None:
        options = c.recur_shards_options(
            shards=shards, rank=rank, ranks=ranks, count=count, numbers=numbers
        )
        ctx = context._handle if context is not None else None
        self._handle = c.recur_shards_create(ctx, options, exchange)
        self.shards, self.count, self.numbers = shards, count, numbers
        self.rank, self.ranks = rank, ranks
        first = (c.recur_shards_first(self._handle, r) for r in (rank, rank + 1))
        self.own = range(*first)

    def sequences(self, sequences: int, shard: int) -> range:
        """Which of so many sequences a shard has."""
        if not 0 <= shard < self.shards or not 0 <= sequences < 2**31:
            raise ValueError(
                f"shard {shard} of {sequences} sequences: there are {self.shards} shards, and "
                "sequences are from 0 to 2^31 - 1"
            )
        ends = (c.recur_shards_sequence(self._handle, sequences, s) for s in (shard, shard + 1))
        return range(*ends)

    def add(self, grads: Any, *numbers: float) -> None:
        """Adds the gradient of the next of this rank's shards, and its numbers."""
        if len(numbers) != self.numbers:
            raise ValueError(f"{len(numbers)} numbers: a shard has {self.numbers}")
        vector = floats(grads, "grads", (self.count,))
        place = c.recur_shards_gradient(self._handle)
        if self.count:
            place[:] = vector
        c.recur_shards_add(self._handle, [float(number) for number in numbers])

    def sum(self, grads: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Puts the sum over all shards of all ranks into grads, and gives that of the numbers."""
        numbers: npt.NDArray[np.float64] = c.recur_shards_sum(self._handle, grads)
        return numbers

    def gather(self, values: npt.NDArray[np.float32]) -> None:
        """Fills in the rows values[shard] of all other ranks; this rank's have to be there."""
        if values.ndim == 0 or values.shape[0] != self.shards:
            raise ValueError(f"values has shape {values.shape}: a row for each of {self.shards}")
        c.recur_shards_gather(self._handle, values.size // self.shards, values)

    def reset(self) -> None:
        """Forgets what was added since the last sum."""
        c.recur_shards_reset(self._handle)

    def __repr__(self) -> str:
        own = f"{self.own.start} to {self.own.stop - 1}"
        return f"Shards({own} of {self.shards}; rank {self.rank} of {self.ranks})"
