"""Losses: loss, grad = criterion(y, target). Definitions are PyTorch's.

Classes are y's last dimension; where y has three or more, PyTorch's second one is taken too, and
refused only where the shapes fit both (class_dim=1 or -1 says which). With reduction="none" the
values are an array, and grad is the gradient of their sum: multiply both by weights of your own.
The mean of no numbers, such as that of labels of which none counts, is NaN, as PyTorch's; its
gradient is zeros.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable

import numpy as np

from . import c
from ._arrays import floats, ids, to_numpy
from .loss_values import tracked
from .module import is_ours
from .packed import PackedSequence, as_packed, is_packed

NAN = float("nan")
REDUCTIONS = {"mean": 0, "sum": c.RECUR_LOSS_SUM, "none": c.RECUR_LOSS_SUM}


class Loss:
    """y and target are arrays, or packed sequences of one layout; grad has the form of y. What a
    loss was made with can be read, and not written: make a new one."""

    reduction: str
    weight: Any
    _handle: Any
    _fixed: tuple[str, ...]
    _run: Callable[..., Any]

    def __new__(cls, *_args: Any, **more: Any) -> Any:
        for name in ("size_average", "reduce"):
            if name in more:
                raise TypeError(
                    f"{cls.__name__} takes no {name}, a word that PyTorch gave up: write "
                    "reduction='mean', 'sum' or 'none'"
                )
        return super().__new__(cls)

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "__init__" in vars(cls):
            names = [
                name
                for name in inspect.signature(cls.__init__).parameters
                if name not in ("self", "seed")
            ]
            cls._fixed = (
                (*getattr(cls, "_fixed", ()), *names)
                if is_ours(cls)
                else getattr(cls, "_fixed", ())
            )

    def _create(self, kind: Any, reduction: str, told: Any = None, **options: Any) -> Any:
        """Keeps what can be read later (`told`), and makes the loss of the library, if kind is
        one."""
        if reduction not in self.reductions:
            raise ValueError(
                f"reduction is {reduction!r}: it is {', '.join(map(repr, self.reductions))}"
            )
        vars(self).update(told or {}, reduction=reduction)
        flags = options.pop("flags", 0) | REDUCTIONS.get(reduction, c.RECUR_LOSS_SUM)
        if kind:
            options = c.recur_loss_options(kind=kind, flags=flags, **options)
            vars(self).update(_handle=c.recur_loss_create(None, options))

    reductions = tuple(REDUCTIONS)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in getattr(type(self), "_fixed", ()):
            raise AttributeError(
                f"{type(self).__name__}.{name} cannot be written: make a new "
                f"{type(self).__name__}({name}=...)"
            )
        super().__setattr__(name, value)

    @tracked
    def __call__(self, y: Any, target: Any, *more: Any) -> Any:
        if not is_packed(y):
            return self._run(
                floats(y, "y"), target.data if isinstance(target, PackedSequence) else target, *more
            )
        y = as_packed(y)
        if is_packed(target):
            target = as_packed(target)
            if not np.array_equal(target.lengths, y.lengths):
                raise ValueError("y and target are packed with different lengths")
            target = target.data
        value, grad = self._run(floats(y.data, "y"), target, *more)
        return value, PackedSequence.of(grad, y.layout)

    def _reduced(self, costs: Any, slopes: Any, count: int | None = None) -> Any:
        """(value, grad) of costs in double and their derivatives; the mean divides by count."""
        if self.reduction == "none":
            return costs.astype(np.float32), slopes.astype(np.float32)
        divisor = 1 if self.reduction == "sum" else costs.size if count is None else count
        if not divisor:
            return NAN, np.zeros(slopes.shape, np.float32)
        return float(costs.sum() / divisor), (slopes / divisor).astype(np.float32)

    def _more_axes(self, gradient: Any, target: Any) -> Any:
        """The dimensions in which the gradient has more numbers than there are losses, or None
        where the shapes have to tell."""
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(reduction={self.reduction!r})"


# ---- labels --------------------------------------------------------------------------------------


class LabelLoss(Loss):
    """Classes by number, or where the loss has them by probability."""

    probabilities = False
    ignore_index: int
    label_smoothing: float
    _logs: Callable[..., Any]
    _soft: Callable[..., Any]
    _class_dim = _seen = None

    def _classes_last(self, y: Any, target: Any) -> Any:
        """(y, target, where the classes were): with classes as the last dimension."""
        if not y.ndim:
            raise ValueError("y must have a dimension of classes")
        target = to_numpy(target, "target")
        soft = self.probabilities and target.dtype.kind not in "iu" and target.size > 0
        at = self._place(y.shape, target.shape, soft)
        if at == -1:
            return y, target, at
        y = np.ascontiguousarray(np.moveaxis(y, at, -1))
        return y, np.moveaxis(target, at, -1) if soft else target, at

    def _place(self, shape: Any, given: Any, soft: bool) -> Any:
        if len(shape) < 3:
            return -1
        if self._class_dim is not None:
            return self._class_dim
        last, second = shape[:-1] == given, shape[:1] + shape[2:] == given
        if soft:
            last = second = shape == given
        if last and second:
            if self._seen is None:
                raise ValueError(
                    f"y of shape {shape} and target of shape {given} do not tell which dimension "
                    "holds the classes: "
                    f"{type(self).__name__}(class_dim=-1) takes the last, class_dim=1 PyTorch's"
                )
            return self._seen
        if last or second:
            vars(self)["_seen"] = -1 if last else 1
        return 1 if second else -1

    def _more_axes(self, gradient: Any, target: Any) -> Any:
        given = to_numpy(target, "target")
        soft = self.probabilities and given.dtype.kind not in "iu" and given.size > 0
        return self._place(gradient.shape, given.shape, soft)

    def _run(self, y: Any, target: Any) -> Any:
        y, target, at = self._classes_last(y, target)
        if self.probabilities and target.dtype.kind not in "iu" and target.size:
            value, grad = self._soft(y, floats(target, "target", y.shape))
        else:
            value, grad = self._labelled(y, target)
        return value, grad if at == -1 else np.ascontiguousarray(np.moveaxis(grad, -1, at))

    def _labelled(self, y: Any, target: Any) -> Any:
        labels = ids(
            target if target.size or target.dtype.kind in "iu" else target.astype(np.int32),
            "target",
        )
        if labels.shape != y.shape[:-1]:
            raise ValueError(
                f"target must have shape {y.shape[:-1]}, not {labels.shape} (y is {y.shape}, "
                "classes last)"
            )
        grad = np.empty_like(y)
        value = c.recur_loss_classes(self._handle, labels.size, y.shape[-1], y, labels, grad)
        if self.reduction == "none":
            return self._each(y, labels), grad
        if value == 0 and self.reduction == "mean" and not self._counted(labels):
            value = NAN
        return value, grad

    def _counted(self, labels: Any) -> bool:
        """Whether a label counts, with a weight."""
        known = labels[(labels >= 0) & (labels != self.ignore_index)]
        return bool(known.size if self.weight is None else self.weight[known].any())

    def _each(self, y: Any, labels: Any) -> Any:
        """The cost of every label."""
        logs = self._logs(y.astype(np.float64))
        counts = (labels >= 0) & (labels != self.ignore_index)
        weight = np.ones(y.shape[-1]) if self.weight is None else self.weight.astype(np.float64)
        own = np.where(counts, labels, 0)[..., None]
        costs = -np.take_along_axis(logs, own, -1)[..., 0] * weight[own[..., 0]]
        smoothing = getattr(self, "label_smoothing", 0.0)
        if smoothing:
            costs = (1 - smoothing) * costs - smoothing / y.shape[-1] * (logs * weight).sum(-1)
        return np.where(counts, costs, 0).astype(np.float32)


def log_softmax(y: Any) -> Any:
    shifted = y - y.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def ignoring(index: int) -> dict[str, Any]:
    return {"flags": c.RECUR_LOSS_IGNORE_INDEX, "ignore_index": index}


def weights(weight: Any, name: str) -> dict[str, Any]:
    """A vector of weights for the options, and how many there are."""
    if weight is None:
        return {}
    weight = floats(weight, name, (-1,))
    return {name: weight, "classes": len(weight)}


def kept(weight: Any, name: str) -> Any:
    """A copy that nobody can write."""
    if weight is None:
        return None
    weight = np.array(floats(weight, name))
    weight.flags.writeable = False
    return weight


def class_dimension(value: Any) -> Any:
    if value is not None and value not in (-1, 1):
        raise ValueError(
            f"class_dim is {value!r}: it is -1 for the last dimension, 1 for the second, or None"
        )
    return value


class CrossEntropyLoss(LabelLoss):
    """-log softmax(y)[target]; negative labels count for nothing. A float target of y's shape holds
    probabilities.

    >>> import numpy, recur
    >>> y = numpy.zeros((2, 4), numpy.float32)
    >>> value, grad = recur.CrossEntropyLoss()(y, [0, 3])
    >>> round(value, 4), grad.shape
    (1.3863, (2, 4))
    """

    probabilities = True
    _logs = staticmethod(log_softmax)

    def __init__(
        self,
        weight: Any = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        class_dim: int | None = None,
    ) -> None:
        told = {
            "weight": kept(weight, "weight"),
            "ignore_index": ignore_index,
            "label_smoothing": label_smoothing,
        }
        self._create(
            c.RECUR_LOSS_CROSS_ENTROPY,
            reduction,
            {**told, "class_dim": class_dim, "_class_dim": class_dimension(class_dim)},
            smoothing=label_smoothing,
            **ignoring(ignore_index),
            **weights(weight, "class_weight"),
        )

    def _soft(self, y: Any, target: Any) -> Any:
        """Probabilities as targets: q = w ((1 - s) t + s/C), cost -sum(q log p), slope p sum(q) -
        q."""
        wide = target.astype(np.float64)
        q = (1 - self.label_smoothing) * wide + self.label_smoothing / y.shape[-1]
        if self.weight is not None:
            if self.weight.shape != y.shape[-1:]:
                raise ValueError(f"there are {self.weight.size} weights and {y.shape[-1]} classes")
            q = q * self.weight
        logs = log_softmax(y.astype(np.float64))
        costs = -(q * logs).sum(-1)
        return self._reduced(costs, np.exp(logs) * q.sum(-1, keepdims=True) - q)


class NLLLoss(LabelLoss):
    """-y[target] of log probabilities.

    >>> import numpy as np, recur
    >>> y = np.log(np.full((2, 4), 0.25, np.float32))        # [rows][classes]
    >>> round(recur.NLLLoss()(y, [0, 3]).item(), 4)
    1.3863
    """

    _logs = staticmethod(lambda y: y)

    def __init__(
        self,
        weight: Any = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        class_dim: int | None = None,
    ) -> None:
        told = {"weight": kept(weight, "weight"), "ignore_index": ignore_index}
        told.update(class_dim=class_dim, _class_dim=class_dimension(class_dim))
        self._create(
            c.RECUR_LOSS_NLL,
            reduction,
            told,
            **ignoring(ignore_index),
            **weights(weight, "class_weight"),
        )


# ---- values --------------------------------------------------------------------------------------


class ValueLoss(Loss):
    """Every number has its own cost: `_each(y, t)` gives costs and derivatives in double."""

    _each: Callable[..., Any]

    weight = None

    def _run(self, y: Any, target: Any) -> Any:
        target = floats(target, "target", y.shape)
        if self.reduction == "none" or self.weight is not None or "_handle" not in vars(self):
            self._check(y, target)
            costs, slopes = self._each(y.astype(np.float64), target.astype(np.float64))
            if self.weight is not None:
                wide = np.broadcast_to(self.weight, y.shape)
                costs, slopes = costs * wide, slopes * wide
            return self._reduced(costs, slopes)
        width = y.shape[-1] if y.ndim else 1
        grad = np.empty_like(y)
        value = c.recur_loss_values(
            self._handle, y.size // width if width else 0, width, y, target, grad
        )
        return (value if y.size or self.reduction != "mean" else NAN), grad

    def _check(self, y: Any, target: Any) -> None:
        """Refuses numbers that the loss is not for."""


def huber(error: Any, delta: float) -> Any:
    size = np.abs(error)
    return np.where(size <= delta, error * error / 2, delta * (size - delta / 2)), np.clip(
        error, -delta, delta
    )


class MSELoss(ValueLoss):
    """(y - target)^2

    >>> import numpy as np, recur
    >>> y, t = np.array([[0.5, 0.25]], np.float32), np.array([[0.0, 1.0]], np.float32)
    >>> round(recur.MSELoss()(y, t).item(), 4)
    0.4062
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        self._create(c.RECUR_LOSS_MSE, reduction)

    def _each(self, y: Any, t: Any) -> Any:
        return (y - t) ** 2, 2 * (y - t)


class L1Loss(ValueLoss):
    """|y - target|

    >>> import numpy as np, recur
    >>> y, t = np.array([[0.5, 0.25]], np.float32), np.array([[0.0, 1.0]], np.float32)
    >>> round(recur.L1Loss()(y, t).item(), 4)
    0.625
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        self._create(c.RECUR_LOSS_L1, reduction)

    def _each(self, y: Any, t: Any) -> Any:
        return np.abs(y - t), np.sign(y - t)


class HuberLoss(ValueLoss):
    """e^2/2 up to delta, then delta (|e| - delta/2).

    >>> import numpy as np, recur
    >>> y, t = np.array([[0.5, 0.25]], np.float32), np.array([[0.0, 1.0]], np.float32)
    >>> round(recur.HuberLoss(delta=0.5)(y, t).item(), 4)
    0.1875
    """

    delta: float

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if delta == 0:
            raise ValueError("delta is 0: it must be positive")
        self._create(c.RECUR_LOSS_HUBER, reduction, {"delta": delta}, delta=delta)

    def _each(self, y: Any, t: Any) -> Any:
        return huber(y - t, self.delta)


class SmoothL1Loss(ValueLoss):
    """e^2/(2 beta) below beta, then |e| - beta/2: HuberLoss over beta. With beta=0 it is L1Loss.

    >>> import numpy as np, recur
    >>> y, t = np.array([[0.5, 0.25]], np.float32), np.array([[0.0, 1.0]], np.float32)
    >>> round(recur.SmoothL1Loss(beta=0.5)(y, t).item(), 4)
    0.375
    """

    beta: float

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        if not 0 <= beta < np.inf:
            raise ValueError(f"beta is {beta}: it must be at least 0 and finite")
        self._create(0, reduction, {"beta": beta})

    def _each(self, y: Any, t: Any) -> Any:
        if self.beta == 0:
            return np.abs(y - t), np.sign(y - t)
        costs, slopes = huber(y - t, self.beta)
        return costs / self.beta, slopes / self.beta


class BCEWithLogitsLoss(ValueLoss):
    """Binary cross-entropy of sigmoid(y) with target in [0, 1]. weight is for each number,
    pos_weight for each class.

    >>> import numpy as np, recur
    >>> y, t = np.array([[0.5, 0.25]], np.float32), np.array([[0.0, 1.0]], np.float32)
    >>> round(recur.BCEWithLogitsLoss(pos_weight=[2.0, 2.0])(y, t).item(), 3)
    1.063
    """

    pos_weight: Any

    def __init__(
        self, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None
    ) -> None:
        told = {"weight": kept(weight, "weight"), "pos_weight": kept(pos_weight, "pos_weight")}
        self._create(
            c.RECUR_LOSS_BCE_LOGITS, reduction, told, **weights(pos_weight, "positive_weight")
        )

    def _each(self, y: Any, t: Any) -> Any:
        balance = (
            1.0 if self.pos_weight is None else 1 + (self.pos_weight.astype(np.float64) - 1) * t
        )
        e = np.exp(-np.abs(y))
        of_minus = np.where(y >= 0, e / (1 + e), 1 / (1 + e))
        return (1 - t) * y + balance * (np.log1p(e) + np.maximum(-y, 0)), 1 - t - balance * of_minus


class BCELoss(ValueLoss):
    """Binary cross-entropy of probabilities y with target in [0, 1]; logarithms are at least -100,
    as PyTorch's. BCEWithLogitsLoss of the numbers before the sigmoid has more digits.

    >>> import numpy as np, recur
    >>> y, t = np.array([[0.5, 0.25]], np.float32), np.array([[0.0, 1.0]], np.float32)
    >>> round(recur.BCELoss()(y, t).item(), 4)
    1.0397
    """

    def __init__(self, weight: Any = None, *, reduction: str = "mean") -> None:
        self._create(0, reduction, {"weight": kept(weight, "weight")})

    def _check(self, y: Any, target: Any) -> None:
        if y.size and not (np.isnan(y) | ((y >= 0) & (y <= 1))).all():
            raise ValueError(
                f"y goes from {y.min():g} to {y.max():g}: BCELoss takes probabilities, "
                "BCEWithLogitsLoss any numbers"
            )

    def _each(self, y: Any, t: Any) -> Any:
        with np.errstate(divide="ignore"):
            yes, no = np.maximum(np.log(y), -100), np.maximum(np.log1p(-y), -100)
        return -(t * yes + (1 - t) * no), (y - t) / np.maximum(y * (1 - y), 1e-12)


class KLDivLoss(ValueLoss):
    """target (log target - y) of log probabilities y; with log_target the target is a logarithm
    too. reduction="batchmean" divides the sum by y's first dimension, which makes it the divergence
    of the mean row.

    >>> import numpy, recur
    >>> y = numpy.log(numpy.full((1, 2), 0.5, numpy.float32))
    >>> round(recur.KLDivLoss(reduction="batchmean")(y, numpy.array([[1, 0]], numpy.float32))[0], 4)
    0.6931
    """

    log_target: bool

    reductions = (*REDUCTIONS, "batchmean")

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        self._create(0, reduction, {"log_target": bool(log_target)})

    def _each(self, y: Any, t: Any) -> Any:
        if self.log_target:
            return np.exp(t) * (t - y), -np.exp(t)
        return np.where(
            t > 0, t * np.log(np.where(t > 0, t, 1)), np.where(t < 0, np.nan, 0)
        ) - t * y, -t

    def _reduced(self, costs: Any, slopes: Any, count: int | None = None) -> Any:
        return super()._reduced(
            costs, slopes, len(costs) if self.reduction == "batchmean" and costs.ndim else None
        )
