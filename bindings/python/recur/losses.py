"""Losses: loss, grad = criterion(y, target). Definitions are PyTorch's; classes are y's last dimension."""

import threading

import numpy as np

from . import c, settings
from ._arrays import floats, ids, to_numpy
from .layers import Embedding, Linear
from .packed import TIME_FIRST, Layout, PackedSequence, as_packed, is_packed
from .passes import added_already, tracked

REDUCTIONS = {"mean": 0, "sum": c.RECUR_LOSS_SUM}


class Loss:
    """y and target are arrays, or packed sequences of one layout; grad has the form of y."""

    def _create(self, kind, reduction, **options):
        if reduction not in REDUCTIONS:
            raise ValueError(f"reduction is {reduction!r}: it is 'mean' or 'sum'")
        flags = options.pop("flags", 0) | REDUCTIONS[reduction]
        self.reduction = reduction
        self._handle = c.recur_loss_create(None, c.recur_loss_options(kind=kind, flags=flags, **options))

    @tracked
    def __call__(self, y, target, *more):
        if not is_packed(y):
            return self._run(floats(y, "y"), target.data if isinstance(target, PackedSequence) else target, *more)
        y = as_packed(y)
        if is_packed(target):
            target = as_packed(target)
            if not np.array_equal(target.lengths, y.lengths):
                raise ValueError("y and target are packed with different lengths")
            target = target.data
        value, grad = self._run(floats(y.data, "y"), target, *more)
        return value, PackedSequence.of(grad, y.layout)

    def __repr__(self):
        return f"{type(self).__name__}(reduction={self.reduction!r})"


class LabelLoss(Loss):
    def _run(self, y, target):
        if not y.ndim:
            raise ValueError("y must have a dimension of classes")
        labels = ids(target, "target")
        if labels.shape != y.shape[:-1]:
            raise ValueError(f"target must have shape {y.shape[:-1]}, not {labels.shape} (y is {y.shape}, classes last)")
        grad = np.empty_like(y)
        value = c.recur_loss_classes(self._handle, labels.size, y.shape[-1], y, labels, grad)
        return value, grad


def ignoring(index) -> dict:
    return {"flags": c.RECUR_LOSS_IGNORE_INDEX, "ignore_index": index}


def weights(weight, name) -> dict:
    """A vector of weights for the options, and how many there are."""
    if weight is None:
        return {}
    weight = floats(weight, name, (-1,))
    return {name: weight, "classes": len(weight)}


class CrossEntropyLoss(LabelLoss):
    """-log softmax(y)[target]; negative labels count for nothing."""

    def __init__(self, weight=None, *, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        self._create(
            c.RECUR_LOSS_CROSS_ENTROPY,
            reduction,
            smoothing=label_smoothing,
            **ignoring(ignore_index),
            **weights(weight, "class_weight"),
        )


class NLLLoss(LabelLoss):
    """-y[target] of log probabilities."""

    def __init__(self, weight=None, *, ignore_index=-100, reduction="mean"):
        self._create(c.RECUR_LOSS_NLL, reduction, **ignoring(ignore_index), **weights(weight, "class_weight"))


class ValueLoss(Loss):
    def _run(self, y, target):
        target = floats(target, "target", y.shape)
        width = y.shape[-1] if y.ndim else 1
        grad = np.empty_like(y)
        value = c.recur_loss_values(self._handle, y.size // width if width else 0, width, y, target, grad)
        return value, grad


class MSELoss(ValueLoss):
    """(y - target)^2"""

    def __init__(self, *, reduction="mean"):
        self._create(c.RECUR_LOSS_MSE, reduction)


class L1Loss(ValueLoss):
    """|y - target|"""

    def __init__(self, *, reduction="mean"):
        self._create(c.RECUR_LOSS_L1, reduction)


class HuberLoss(ValueLoss):
    """e^2/2 up to delta, then delta (|e| - delta/2)."""

    def __init__(self, reduction="mean", delta=1.0):
        if delta == 0:
            raise ValueError("delta is 0: it must be positive")
        self._create(c.RECUR_LOSS_HUBER, reduction, delta=delta)


class BCEWithLogitsLoss(ValueLoss):
    """Binary cross-entropy of sigmoid(y) with target in [0, 1]."""

    def __init__(self, *, reduction="mean", pos_weight=None):
        self._create(c.RECUR_LOSS_BCE_LOGITS, reduction, **weights(pos_weight, "positive_weight"))


def amounts(counts, shape) -> np.ndarray:
    """Counts, whole numbers or not, as floats."""
    array = to_numpy(counts, "counts")
    return floats(array.astype(np.float32) if array.dtype.kind in "iu" else array, "counts", shape)


class SampledLoss(Loss):
    """For output layers of very many classes: loss, grad = criterion(h, target, layer).

    h are the rows below the layer (a Linear, or an Embedding whose vectors are the weights), grad is theirs; the layer's
    own gradients are added to layer.grads. Only the rows of targets and of drawn classes are computed. A class is drawn by
    counts**power, or log-uniform without counts, for classes by falling frequency. Numbers of the same seed and counter are
    the same for ever; the counter goes on with every call. Evaluate with CrossEntropyLoss of layer(h).
    """

    def __init__(self, classes, samples, counts=None, *, power=None, ignore_index=-100, reduction="mean", seed=None):
        if power is not None and counts is None:
            raise ValueError("power is for counts: there are none")
        if power == 0:
            raise ValueError("power is 0: it must be positive (equal counts draw all classes alike)")
        drawn = {} if counts is None else {"counts": amounts(counts, (classes,))}
        self._create(self.kind, reduction, classes=classes, samples=samples, power=power or 0, **drawn, **ignoring(ignore_index))
        self.seed, self.counter = settings.next_seed() if seed is None else seed, 0
        self._samples, self._lock = samples, threading.Lock()

    def _run(self, h, target, layer):
        if not isinstance(layer, (Linear, Embedding)):
            raise TypeError(f"layer must be a Linear or an Embedding, not {type(layer).__name__}")
        if not h.ndim:
            raise ValueError("h must have a dimension of features")
        labels = ids(target, "target")
        if labels.shape != h.shape[:-1]:
            raise ValueError(f"target must have shape {h.shape[:-1]}, not {labels.shape} (h is {h.shape}, features last)")
        layer._open()
        if layer.params["weight"].shape[1] != h.shape[-1]:
            raise ValueError(f"h has {h.shape[-1]} features, the vectors of the layer {layer.params['weight'].shape[1]}")
        with self._lock:
            counter = self.counter
            self.counter += self._samples * (labels.size if self.each_row else 1)
        grad = np.empty_like(h)
        numbers = (self.seed, counter, grad, layer.flat_grad, None)
        value = c.recur_loss_sampled(
            self._handle, labels.size, h.shape[-1], h, labels, layer.flat, layer.flat.size, *numbers
        )
        return value, grad


    def _before_backward(self, target, layer):
        return added_already(type(self).__name__, layer, ids(target, "target").ravel())


class SampledSoftmaxLoss(SampledLoss):
    """Cross-entropy over the target and classes that are drawn for all rows at once."""

    kind, each_row = c.RECUR_LOSS_SAMPLED_SOFTMAX, False


class NegativeSamplingLoss(SampledLoss):
    """-log sigmoid of the target's logit, and of minus those of classes that are drawn for each row."""

    kind, each_row = c.RECUR_LOSS_NEGATIVE_SAMPLING, True


class CTCLoss(Loss):
    """Label sequences without times: loss, grad = criterion(logits [T][B][C], targets, input_lengths, target_lengths).

    targets are [B][S], padded, or joined. Log probabilities serve as logits too: they are their own log softmax.
    """

    def __init__(self, blank=0, *, reduction="mean", zero_infinity=False):
        flags = c.RECUR_LOSS_ZERO_INFINITY if zero_infinity else 0
        self._create(c.RECUR_LOSS_CTC, reduction, flags=flags, blank=blank)

    @tracked
    def __call__(self, y, targets, input_lengths, target_lengths):
        y, lengths = floats(y, "y"), ids(target_lengths, "target_lengths").astype(np.int64)
        if y.ndim != 3:
            raise ValueError(f"y must have shape [T][B][classes], not {y.shape}")
        layout, targets = Layout(input_lengths, y.shape[0]), ids(targets, "targets")
        if layout.batch != y.shape[1] or lengths.shape != (layout.batch,):
            raise ValueError(f"y has {y.shape[1]} sequences, input_lengths {layout.batch}, target_lengths {lengths.shape}")
        if targets.ndim == 2:
            if len(targets) != layout.batch or lengths.max(initial=0) > targets.shape[1]:
                raise ValueError(f"targets of shape {targets.shape} do not hold {layout.batch} sequences of lengths {lengths}")
            targets = np.concatenate([row[: max(n, 0)] for row, n in zip(targets, lengths)] or [targets.ravel()])
        rows = layout.pack(TIME_FIRST, y)
        grad = np.empty_like(rows)
        value = c.recur_ctc_loss(self._handle, layout.handle, y.shape[2], rows, targets, lengths, grad, None)
        return value, layout.unpack(TIME_FIRST, grad)
