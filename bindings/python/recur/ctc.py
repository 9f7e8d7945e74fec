"""Label sequences without times: the loss that trains them, and the decoder that reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import c
from ._arrays import floats, ids, size
from .loss_values import tracked
from .losses import Loss
from .packed import TIME_FIRST, Layout


class CTCLoss(Loss):
    """Label sequences without times: loss, grad = criterion(logits [T][B][C], targets,
    input_lengths, target_lengths).

    targets are [B][S], padded, or joined. Log probabilities serve as logits too: they are their own
    log softmax. A single sequence is [T][C], with targets [S] and lengths that are numbers.
    CTCDecoder reads the labels out again.

    >>> import numpy as np, recur
    >>> y = np.zeros((5, 2, 3), np.float32)                  # [time][batch][classes]
    >>> criterion = recur.CTCLoss()
    >>> bool(criterion(y, [[1, 2], [2, 0]], [5, 4], [2, 1]) > 0)
    True
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        flags = c.RECUR_LOSS_ZERO_INFINITY if zero_infinity else 0
        told = {"blank": blank, "zero_infinity": bool(zero_infinity)}
        self._create(c.RECUR_LOSS_CTC, reduction, told, flags=flags, blank=blank)

    @tracked
    def __call__(self, y: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        y, alone = one_or_more(floats(y, "y"))
        targets = ids(targets, "targets")
        lengths = np.atleast_1d(ids(target_lengths, "target_lengths")).astype(np.int64)
        layout = Layout(np.atleast_1d(ids(input_lengths, "input_lengths")), y.shape[0])
        if layout.batch != y.shape[1] or lengths.shape != (layout.batch,):
            raise ValueError(
                f"y has {y.shape[1]} sequences, input_lengths {layout.batch}, target_lengths "
                f"{lengths.shape}"
            )
        labels = self._joined(targets, lengths)
        rows = layout.pack(TIME_FIRST, y)
        grad = np.empty_like(rows)
        value = c.recur_ctc_loss(
            self._handle, layout.handle, y.shape[2], rows, labels, lengths, grad, None
        )
        if self.reduction == "none":
            value = self._of_each(y, layout.lengths, labels, lengths)
            value = value[0] if alone else value
        grad = layout.unpack(TIME_FIRST, grad)
        return value, grad[:, 0] if alone else grad

    def _more_axes(self, gradient: Any, target: Any) -> Any:
        return (0, 2)  # steps and classes

    @staticmethod
    def _joined(targets: Any, lengths: Any) -> Any:
        if targets.ndim == 2:
            if len(targets) != len(lengths) or lengths.max(initial=0) > targets.shape[1]:
                raise ValueError(
                    f"targets of shape {targets.shape} do not hold {len(lengths)} sequences of "
                    f"lengths {lengths}"
                )
            return np.concatenate(
                [row[: max(n, 0)] for row, n in zip(targets, lengths)] or [targets.ravel()]
            )
        if targets.ndim != 1 or targets.size != lengths.sum():
            raise ValueError(
                f"targets of shape {targets.shape} must be joined, all {lengths.sum()} of "
                "target_lengths one after the other, "
                f"or padded, of shape ({len(lengths)}, any)"
            )
        return targets

    def _of_each(self, y: Any, steps: Any, labels: Any, lengths: Any) -> Any:
        """The cost of every sequence."""
        values, ends = np.empty(len(lengths), np.float32), np.cumsum(lengths)
        for b, end in enumerate(ends):
            own = np.ascontiguousarray(y[: steps[b], b])
            layout = Layout([steps[b]])
            of = labels[end - lengths[b] : end]
            values[b] = c.recur_ctc_loss(
                self._handle, layout.handle, y.shape[2], own, of, lengths[b : b + 1], None, None
            )
        return values


def one_or_more(y: Any) -> tuple[Any, ...]:
    """(y of shape [T][B][C], whether it was a single sequence)."""
    if y.ndim not in (2, 3):
        raise ValueError(
            "y must have shape [T][B][classes], or [T][classes] of a single sequence, not "
            f"{y.shape}"
        )
    return (y[:, None], True) if y.ndim == 2 else (y, False)


class CTCDecoder:
    """What a network that was trained with CTCLoss says: labels, scores = decoder(logits [T][B][C],
    input_lengths).

    labels is a list of arrays, one for each sequence, scores their log probabilities. Without
    beam_width the likeliest class of every step is spelled (greedy); with it the likeliest labels
    are searched, by so many beginnings at once (Hannun 2014).

    >>> import numpy, recur
    >>> y = numpy.zeros((3, 1, 3), numpy.float32)
    >>> y[[0, 1, 2], 0, [2, 2, 1]] = 9
    >>> recur.CTCDecoder()(y)[0][0].tolist()
    [2, 1]
    """

    blank: int
    beam_width: int
    _handle: Any
    _width: int

    def __init__(self, blank: int = 0, beam_width: int | None = None) -> None:
        width = 0 if beam_width is None else size(beam_width, "beam_width")
        handle = c.recur_loss_create(None, c.recur_loss_options(kind=c.RECUR_LOSS_CTC, blank=blank))
        vars(self).update(blank=blank, beam_width=beam_width, _width=width, _handle=handle)

    def __setattr__(self, name: str, value: Any) -> Any:
        raise AttributeError(f"CTCDecoder.{name} cannot be written: make a new one")

    def __call__(self, y: Any, input_lengths: Any = None) -> Any:
        y, alone = one_or_more(floats(y, "y"))
        lengths = (
            np.full(y.shape[1], y.shape[0])
            if input_lengths is None
            else np.atleast_1d(ids(input_lengths, "input_lengths"))
        )
        layout = Layout(lengths, y.shape[0])
        if layout.batch != y.shape[1]:
            raise ValueError(f"y has {y.shape[1]} sequences, input_lengths {layout.batch}")
        labels = np.empty(layout.rows, np.int32)
        rows = layout.pack(TIME_FIRST, y)
        counts, scores = c.recur_ctc_decode(
            self._handle, layout.handle, y.shape[2], rows, self._width, labels, None
        )
        ends = np.cumsum(counts)
        found = [labels[end - n : end].copy() for end, n in zip(ends, counts)]
        return (found[0], float(scores[0])) if alone else (found, scores)

    def __repr__(self) -> str:
        return f"CTCDecoder(blank={self.blank}, beam_width={self.beam_width})"
