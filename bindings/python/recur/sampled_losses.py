"""Losses of output layers of very many classes, which compute the rows of a few of them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from . import c, settings
from ._arrays import floats, ids, to_numpy
from .layers import Embedding, Linear
from .loss_values import added_already
from .losses import NAN, Loss, ignoring


def amounts(counts: Any, shape: Any) -> npt.NDArray[Any]:
    """Counts, whole numbers or not, as floats."""
    array = to_numpy(counts, "counts")
    return floats(array.astype(np.float32) if array.dtype.kind in "iu" else array, "counts", shape)


class SampledLoss(Loss):
    """For output layers of very many classes: loss, grad = criterion(h, target, layer).

    h are the rows below the layer (a Linear, or an Embedding whose vectors are the weights), grad
    is theirs; the layer's own gradients are added to layer.grads. Only the rows of targets and of
    drawn classes are computed. A class is drawn by counts**power, or log-uniform without counts,
    for classes by falling frequency. Numbers of the same seed and counter are the same for ever;
    the counter goes on with every call. Evaluate with CrossEntropyLoss of layer(h).
    """

    kind: Any
    each_row: Any
    ignore_index: int

    reductions = ("mean", "sum")

    def __init__(
        self,
        classes: int,
        samples: int,
        counts: Any = None,
        *,
        power: float | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        seed: int | None = None,
    ) -> None:
        if power is not None and counts is None:
            raise ValueError("power is for counts: there are none")
        if power == 0:
            raise ValueError(
                "power is 0: it must be positive (equal counts draw all classes alike)"
            )
        drawn = {} if counts is None else {"counts": amounts(counts, (classes,))}
        told = {
            "classes": classes,
            "samples": samples,
            "power": power,
            "ignore_index": ignore_index,
        }
        self._create(
            self.kind,
            reduction,
            told,
            classes=classes,
            samples=samples,
            power=power or 0,
            **drawn,
            **ignoring(ignore_index),
        )
        self.seed, self.counter = settings.next_seed() if seed is None else seed, 0
        self._samples, self._lock = samples, threading.Lock()

    def _run(self, h: Any, target: Any, layer: Any) -> Any:
        if not isinstance(layer, (Linear, Embedding)):
            raise TypeError(f"layer must be a Linear or an Embedding, not {type(layer).__name__}")
        if not h.ndim:
            raise ValueError("h must have a dimension of features")
        labels = ids(target, "target")
        if labels.shape != h.shape[:-1]:
            raise ValueError(
                f"target must have shape {h.shape[:-1]}, not {labels.shape} (h is {h.shape}, "
                "features last)"
            )
        layer._open()
        if layer.params["weight"].shape[1] != h.shape[-1]:
            raise ValueError(
                f"h has {h.shape[-1]} features, the vectors of the layer "
                f"{layer.params['weight'].shape[1]}"
            )
        with self._lock:
            counter = self.counter
            self.counter += self._samples * (labels.size if self.each_row else 1)
        grad = np.empty_like(h)
        numbers = (self.seed, counter, grad, layer.flat_grad, None)
        value = c.recur_loss_sampled(
            self._handle, labels.size, h.shape[-1], h, labels, layer.flat, layer.flat.size, *numbers
        )
        counted = ((labels >= 0) & (labels != self.ignore_index)).any()
        return (value if counted or self.reduction != "mean" else NAN), grad

    def _before_backward(self, target: Any, layer: Any) -> Any:
        return added_already(type(self).__name__, layer, ids(target, "target").ravel())


class SampledSoftmaxLoss(SampledLoss):
    """Cross-entropy over the target and classes that are drawn for all rows at once.

    >>> import numpy as np, recur
    >>> criterion, layer = recur.SampledSoftmaxLoss(1000, 16), recur.Linear(8, 1000)
    >>> h = np.ones((4, 8), np.float32)                      # [rows][features]
    >>> bool(criterion(h, [1, 2, 3, 4], layer) > 0)
    True
    """

    kind, each_row = c.RECUR_LOSS_SAMPLED_SOFTMAX, False


class NegativeSamplingLoss(SampledLoss):
    """-log sigmoid of the target's logit, and of minus those of classes that are drawn for each
    row.

    >>> import numpy as np, recur
    >>> criterion, layer = recur.NegativeSamplingLoss(1000, 5), recur.Embedding(1000, 8)
    >>> h = np.ones((4, 8), np.float32)                      # [rows][features]
    >>> bool(criterion(h, [1, 2, 3, 4], layer) > 0)
    True
    """

    kind, each_row = c.RECUR_LOSS_NEGATIVE_SAMPLING, True
