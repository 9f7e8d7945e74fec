"""Batches of sequences of different lengths: PyTorch's packing functions over recur_packed."""

from __future__ import annotations

import functools
from typing import Any, Iterator

import numpy as np
import numpy.typing as npt

from . import c
from ._arrays import check_shape, ids, rows_or_ids, size, to_numpy
from .passes import Array, joined, plain, remembered

BATCH_FIRST, TIME_FIRST, JOINED = (
    c.RECUR_LAYOUT_BATCH_FIRST,
    c.RECUR_LAYOUT_TIME_FIRST,
    c.RECUR_LAYOUT_JOINED,
)


class Layout:
    """Lengths of sequences in the caller's order, and where their rows lie when packed. Never
    changes.

    >>> import recur
    >>> layout = recur.Layout([2, 3])
    >>> layout.rows, layout.batch_sizes.tolist()
    (5, [2, 2, 1])
    """

    def __init__(self, lengths: Any, steps: int = 0) -> None:
        lengths = ids(lengths, "lengths").astype(np.int64)
        check_shape(lengths, "lengths", (-1,))
        self.handle = c.recur_packed_create(None, len(lengths), lengths, steps)
        self._fill()

    @classmethod
    def dense(cls, steps: int, batch: int) -> Layout:
        made: Layout = _dense(steps, batch)
        return made

    def alone(self) -> Layout:
        """Sequences of equal length like these, with a handle that nobody else has."""
        made: Layout = self._all(self.steps, self.batch)
        return made

    @classmethod
    def _all(cls, steps: int, batch: int) -> Any:
        self = object.__new__(cls)
        self.handle = c.recur_packed_create(None, batch, None, steps)
        self._fill()
        return self

    def _fill(self) -> None:
        self.batch = c.recur_packed_batch(self.handle)
        self.steps = c.recur_packed_steps(self.handle)
        self.rows = c.recur_packed_rows(self.handle)

    @functools.cached_property
    def lengths(self) -> npt.NDArray[Any]:
        return np.array(
            [c.recur_packed_length(self.handle, b) for b in range(self.batch)], np.int64
        )

    @functools.cached_property
    def batch_sizes(self) -> npt.NDArray[Any]:
        longest = int(self.lengths.max(initial=0))
        return np.array(
            [c.recur_packed_batch_size(self.handle, t) for t in range(longest)], np.int64
        )

    @functools.cached_property
    def sorted_indices(self) -> npt.NDArray[Any]:
        return np.argsort(-self.lengths, kind="stable")

    @functools.cached_property
    def unsorted_indices(self) -> npt.NDArray[Any]:
        return np.argsort(self.sorted_indices, kind="stable")

    def pack(self, form: int, padded: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Rows in packed order, from an array of shape [B][T]..., [T][B]... or [N]...."""
        width = padded.shape[1 if form == JOINED else 2 :]
        rows = np.empty((self.rows, *width), padded.dtype)
        if rows.size:
            c.recur_packed_pack(
                self.handle, form, rows[0].nbytes, np.ascontiguousarray(padded), rows
            )
        made: npt.NDArray[Any] = remembered(padded, rows, lambda g: self.unpack(form, g))
        return made

    def unpack(self, form: int, rows: npt.NDArray[Any], fill: Any = 0) -> npt.NDArray[Any]:
        """The reverse of pack; padding is `fill`."""
        lead = {
            BATCH_FIRST: (self.batch, self.steps),
            TIME_FIRST: (self.steps, self.batch),
            JOINED: (self.rows,),
        }[form]
        padded = np.full((*lead, *rows.shape[1:]), fill, rows.dtype)
        if rows.size:
            c.recur_packed_unpack(
                self.handle, form, rows[0].nbytes, np.ascontiguousarray(rows), padded
            )
        made: npt.NDArray[Any] = remembered(rows, padded, lambda g: self.pack(form, g))
        return made

    def gather(self, rows: npt.NDArray[Any], steps: int | None = None) -> npt.NDArray[Any]:
        """One row of each sequence: its last, or steps[b] (negative: from its end)."""
        given, rows = rows, np.ascontiguousarray(rows)
        if rows.shape[:1] != (self.rows,):
            raise ValueError(f"there are {rows.shape[:1]} rows, the layout has {self.rows}")
        picked = np.empty((self.batch, *rows.shape[1:]), rows.dtype)
        if picked.size:
            c.recur_packed_gather(self.handle, steps, picked[0].nbytes, rows, picked)

        def back(g: Any) -> Any:
            whole = np.zeros_like(rows)
            whole[self.gather(np.arange(self.rows, dtype=np.int32), steps)] = g
            return whole

        made: npt.NDArray[Any] = remembered(given, picked, back)
        return made

    def __repr__(self) -> str:
        return f"Layout({self.batch} sequences, {self.rows} rows)"


@functools.lru_cache(maxsize=32)
def _dense(steps: int, batch: int) -> Any:
    return Layout._all(steps, batch)


class PackedSequence:
    """Rows of a ragged batch in packed order, float32 or int32: PyTorch's data, batch_sizes,
    sorted_indices and unsorted_indices, and `layout`, which knows the lengths.

    >>> import numpy as np, recur
    >>> packed = recur.pack_sequence([np.ones((2, 3)), np.ones((3, 3))], enforce_sorted=False)
    >>> packed.data.shape, packed.lengths.tolist()
    ((5, 3), [2, 3])
    """

    def __init__(
        self, data: Any, batch_sizes: Any, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> None:
        data = data if isinstance(data, Array) else rows_or_ids(data, "data")[0]
        sizes = ids(batch_sizes, "batch_sizes").astype(np.int64)
        check_shape(sizes, "batch_sizes", (-1,))
        if (np.diff(sizes) > 0).any() or (sizes < 0).any() or sizes.sum() != len(data):
            raise ValueError(
                f"batch_sizes must fall and sum to the {len(data)} rows of data, not "
                f"{sizes.tolist()}"
            )
        batch = int(sizes[0]) if len(sizes) else 0
        lengths = (sizes[:, None] > np.arange(batch)).sum(0)
        if sorted_indices is None and unsorted_indices is not None:
            sorted_indices = np.argsort(ids(unsorted_indices, "unsorted_indices"), kind="stable")
        order = (
            np.arange(batch)
            if sorted_indices is None
            else ids(sorted_indices, "sorted_indices").astype(np.int64)
        )
        if order.shape != (batch,) or (np.sort(order) != np.arange(batch)).any():
            raise ValueError(f"sorted_indices must be an order of {batch} sequences")
        own = np.empty(batch, np.int64)
        own[order] = lengths
        self.layout = Layout(own)
        self.data = _reorder(data, sizes, order, self.layout.sorted_indices)

    @classmethod
    def of(cls, data: npt.NDArray[Any], layout: Layout) -> PackedSequence:
        """The same layout around other rows."""
        if data.shape[:1] != (layout.rows,):
            raise ValueError(
                f"data has {len(data) if data.ndim else 0} rows, the layout {layout.rows}"
            )
        self = object.__new__(cls)
        self.data, self.layout = data, layout
        return self

    batch_sizes = property(lambda self: self.layout.batch_sizes)
    sorted_indices = property(lambda self: self.layout.sorted_indices)
    unsorted_indices = property(lambda self: self.layout.unsorted_indices)
    lengths = property(lambda self: self.layout.lengths)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.data, self.batch_sizes, self.sorted_indices, self.unsorted_indices))

    def __repr__(self) -> str:
        return (
            f"PackedSequence({self.layout.batch} sequences, data {self.data.shape} "
            f"{self.data.dtype})"
        )


def _reorder(data: Any, sizes: Any, order: Any, wanted: Any) -> Any:
    """Rows of each step from one order of the sequences into another: sequences of equal length may
    be swapped."""
    if np.array_equal(order, wanted):
        return data
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    index = [start + place[wanted[:n]] for start, n in zip(starts, sizes)]
    return np.ascontiguousarray(data[np.concatenate(index)]) if index else data


def is_packed(value: Any) -> bool:
    """Ours, or torch's."""
    return (
        isinstance(value, PackedSequence)
        or type(value).__name__ == "PackedSequence"
        and hasattr(value, "batch_sizes")
    )


def as_packed(value: Any) -> PackedSequence:
    return (
        value
        if isinstance(value, PackedSequence)
        else PackedSequence(*(to_numpy(v) if v is not None else None for v in value))
    )


def check_order(lengths: Any, enforce_sorted: bool) -> None:
    if enforce_sorted and (np.diff(lengths) > 0).any():
        raise RuntimeError(
            f"lengths must fall when enforce_sorted is True, not {lengths.tolist()}; "
            "enforce_sorted=False takes them in any order"
        )


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """From [T][B]... (or [B][T]... with batch_first). Lengths of 0 are allowed.

    >>> import numpy as np, recur
    >>> packed = recur.pack_padded_sequence(np.zeros((5, 2, 3), np.float32), [5, 2])
    >>> packed.data.shape
    (7, 3)
    """
    padded, _ = rows_or_ids(input, "input")
    lengths = ids(lengths, "lengths").astype(np.int64)
    if padded.ndim < 2:
        raise ValueError(f"input must have at least two dimensions, not shape {padded.shape}")
    batch, steps = padded.shape[:2] if batch_first else padded.shape[1::-1]
    check_shape(lengths, "lengths", (batch,))
    check_order(lengths, enforce_sorted)
    if len(lengths) and (lengths.min() < 0 or lengths.max() > steps):
        raise ValueError(
            f"lengths are {lengths.min()} to {lengths.max()}: they must lie between 0 and "
            f"{steps}, the steps of input"
        )
    longest = int(lengths.max(initial=0))
    layout = Layout(lengths)
    form, shape = BATCH_FIRST if batch_first else TIME_FIRST, padded.shape
    padded = padded[:, :longest] if batch_first else padded[:longest]

    def back(g: Any) -> Any:
        whole = np.zeros(shape, np.float32)
        (whole[:, :longest] if batch_first else whole[:longest])[...] = layout.unpack(form, g)
        return whole

    return PackedSequence.of(remembered(input, plain(layout.pack(form, padded)), back), layout)


def pad_packed_sequence(
    sequence: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Any, ...]:
    """(padded array, lengths).

    >>> import numpy as np, recur
    >>> packed = recur.pack_sequence([np.array([1, 2]), np.array([3])])
    >>> padded, lengths = recur.pad_packed_sequence(packed, batch_first=True)
    >>> padded.tolist(), lengths.tolist()
    ([[1, 2], [3, 0]], [2, 1])
    """
    if not is_packed(sequence):
        raise TypeError(f"a PackedSequence is needed, not {type(sequence).__name__}")
    sequence = as_packed(sequence)
    layout, lengths = sequence.layout, sequence.lengths
    longest = int(lengths.max(initial=0))
    if total_length is not None:
        if size(total_length, "total_length", 0) < longest:
            raise ValueError(
                f"total_length is {total_length}: the longest sequence has {longest} steps"
            )
        layout = Layout(lengths, total_length)
    return layout.unpack(
        BATCH_FIRST if batch_first else TIME_FIRST, sequence.data, padding_value
    ), lengths.copy()


def _sequences(sequences: Any) -> list[Any]:
    arrays = [rows_or_ids(s, f"sequences[{i}]")[0] for i, s in enumerate(sequences)]
    if not arrays:
        raise ValueError("there are no sequences")
    for i, a in enumerate(arrays):
        if not a.ndim or a.shape[1:] != arrays[0].shape[1:] or a.dtype != arrays[0].dtype:
            raise ValueError(
                f"sequences[{i}] is {a.shape} {a.dtype}, the first {arrays[0].shape} "
                f"{arrays[0].dtype}"
            )
    return arrays


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """From a list of arrays of shape [T_b]....

    >>> import numpy as np, recur
    >>> packed = recur.pack_sequence([np.array([1, 2]), np.array([3])])
    >>> packed.data.tolist()
    [1, 3, 2]
    """
    arrays = _sequences(sequences)
    lengths = np.array([len(a) for a in arrays], np.int64)
    check_order(lengths, enforce_sorted)
    layout = Layout(lengths)
    rows = plain(layout.pack(JOINED, np.concatenate(arrays)))
    ends = np.cumsum(lengths)[:-1]
    return PackedSequence.of(
        joined(sequences, rows, lambda g: np.split(layout.unpack(JOINED, g), ends)), layout
    )


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> npt.NDArray[Any]:
    """One array [T][B]... (or [B][T]...) of a list of arrays.

    >>> import numpy as np, recur
    >>> recur.pad_sequence([np.array([1, 2]), np.array([3])], batch_first=True).tolist()
    [[1, 2], [3, 0]]
    """
    if padding_side not in ("right", "left"):
        raise ValueError(f"padding_side is {padding_side!r}: it is 'right' or 'left'")
    arrays = _sequences(sequences)
    longest = max(len(a) for a in arrays)
    padded = np.full((len(arrays), longest, *arrays[0].shape[1:]), padding_value, arrays[0].dtype)
    for row, a in zip(padded, arrays):
        start = 0 if padding_side == "right" else longest - len(a)
        row[start : start + len(a)] = a
    padded = padded if batch_first else np.ascontiguousarray(padded.swapaxes(0, 1))

    def back(g: Any) -> list[Any]:
        g = g if batch_first else g.swapaxes(0, 1)
        return [
            row[: len(a)] if padding_side == "right" else row[longest - len(a) :]
            for row, a in zip(g, arrays)
        ]

    made: npt.NDArray[Any] = joined(sequences, padded, back)
    return made


def unpack_sequence(packed_sequences: Any) -> list[Any]:
    """The list of arrays again, in the caller's order.

    >>> import numpy as np, recur
    >>> packed = recur.pack_sequence([np.array([1, 2]), np.array([3])])
    >>> [sequence.tolist() for sequence in recur.unpack_sequence(packed)]
    [[1, 2], [3]]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The sequences that one array [T][B]... ([B][T]... with batch_first) was padded from.

    >>> import numpy as np, recur
    >>> padded = np.array([[1, 2], [3, 0]])
    >>> [sequence.tolist() for sequence in recur.unpad_sequence(padded, [2, 1], batch_first=True)]
    [[1, 2], [3]]
    """
    padded = to_numpy(padded_sequences, "padded_sequences")
    lengths = ids(lengths, "lengths")
    if padded.ndim < 2:
        raise ValueError(
            f"padded_sequences must have at least two dimensions, not shape {padded.shape}"
        )
    padded = padded if batch_first else padded.swapaxes(0, 1)
    check_shape(lengths, "lengths", padded.shape[:1])
    if len(lengths) and not 0 <= lengths.min() <= lengths.max() <= padded.shape[1]:
        raise ValueError(f"lengths must lie between 0 and {padded.shape[1]}")
    return [
        padded[b, :n] if isinstance(padded, Array) else padded[b, :n].copy()
        for b, n in enumerate(lengths)
    ]
