"""The forms in which a batch comes in, and in which results go back: packed, dense over time,
plain rows, plain numbers, or one step of a cell.

Every form turns the user's array into packed rows [N][...] and rows into the user's form again.
Rows are N, or one for each sequence behind a `last`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._arrays import floats
from .packed import Layout, PackedSequence, as_packed, is_packed


class Packed:
    def __init__(self, value: Any) -> None:
        self.layout = as_packed(value).layout

    def rows(self, value: Any) -> Any:
        return as_packed(value).data

    def shaped(self, rows: Any, per_sequence: Any) -> Any:
        return rows if per_sequence else PackedSequence.of(rows, self.layout)

    def gradient(self, value: Any, width: int, per_sequence: Any) -> Any:
        """dy as rows."""
        if is_packed(value) and not per_sequence:
            value = as_packed(value).data
        rows = self.layout.batch if per_sequence else self.layout.rows
        return floats(value, "grad", (rows, width))

    def state(self, array: Any) -> Any:
        return array

    states = state


class Dense:
    """[T][B]... , [B][T]... with batch_first, or [T]... of one sequence (unbatched)."""

    def __init__(self, shape: Any, ndim: Any, batch_first: bool) -> None:
        self.unbatched = len(shape) == ndim - 1
        if not self.unbatched and len(shape) != ndim:
            raise ValueError(
                f"x must have {ndim} dimensions (or {ndim - 1} for a single sequence), not shape "
                f"{shape}"
            )
        self.batch_first = batch_first and not self.unbatched
        lead = (shape[0], 1) if self.unbatched else shape[:2]
        steps, batch = lead[::-1] if self.batch_first else lead
        self.steps, self.batch = steps, batch
        self.layout = Layout.dense(steps, batch)

    def rows(self, value: Any) -> Any:
        if self.batch_first:
            value = np.ascontiguousarray(value.swapaxes(0, 1))
        return value.reshape(self.layout.rows, *value.shape[1 if self.unbatched else 2 :])

    def shaped(self, rows: Any, per_sequence: Any) -> Any:
        if per_sequence:
            return rows[0] if self.unbatched else rows
        if self.unbatched:
            return rows
        y = rows.reshape(self.steps, self.batch, rows.shape[1])
        return y.swapaxes(0, 1) if self.batch_first else y

    def gradient(self, value: Any, width: int, per_sequence: Any) -> Any:
        if per_sequence:
            shape = (width,) if self.unbatched else (self.batch, width)
            return floats(value, "grad", shape).reshape(self.batch, width)
        lead: tuple[int, ...] = (self.steps, self.batch)
        if self.unbatched or self.batch_first:
            lead = (self.steps,) if self.unbatched else (self.batch, self.steps)
        return self.rows(floats(value, "grad", (*lead, width)))

    def state(self, array: Any) -> Any:
        """[L*D][H] of a single sequence becomes [L*D][1][H]."""
        return array[:, None] if self.unbatched else array

    def states(self, array: Any) -> Any:
        return array[:, 0] if self.unbatched else array


class Rows:
    """Any shape in front: every row stands for itself."""

    def __init__(self, shape: Any, is_ids: bool) -> None:
        self.lead = tuple(shape) if is_ids else tuple(shape[:-1])
        n = math.prod(self.lead)
        self.layout = Layout.dense(1, n)

    def rows(self, value: Any) -> Any:
        return value.reshape(self.layout.rows, *value.shape[len(self.lead) :])

    def shaped(self, rows: Any, per_sequence: Any) -> Any:
        return rows.reshape(*self.lead, rows.shape[1])

    def gradient(self, value: Any, width: int, per_sequence: Any) -> Any:
        return floats(value, "grad", (*self.lead, width)).reshape(-1, width)


class Numbers:
    """Any shape: every number stands for itself, as a row of one."""

    def __init__(self, value: Any) -> None:
        self.packed = Packed(value) if is_packed(value) else None
        self.shape = self.rows_of(value).shape
        width = self.shape[-1] if self.shape else 1
        self.layout = Layout.dense(math.prod(self.shape[:-1]), width)

    def rows_of(self, value: Any) -> Any:
        return value if self.packed is None else self.packed.rows(value)

    def rows(self, value: Any) -> Any:
        return self.rows_of(value).reshape(-1, 1)

    def shaped(self, rows: Any, per_sequence: Any) -> Any:
        y = rows.reshape(self.shape)
        return y if self.packed is None else self.packed.shaped(y, False)

    def gradient(self, value: Any, width: int, per_sequence: Any) -> Any:
        if is_packed(value):
            value = as_packed(value).data
        return floats(value, "grad", self.shape).reshape(-1, 1)


class Step:
    """One step of a cell: rows, or the one of a single sequence (`alone`)."""

    def __init__(self, batch: int, alone: bool) -> None:
        self.alone, self.layout = alone, Layout.dense(1, batch)

    def rows(self, value: Any) -> Any:
        return value.reshape(1, *value.shape) if self.alone else value

    def states(self, array: Any) -> Any:
        return array[0, 0] if self.alone else array[0]
