"""What criteria give: numbers that play passes back.

A LossValue is a float, LossValues (of reduction="none") are an array with the gradient of its sum.
Both remember where their y comes from, and `backward()` goes back there.
"""

from __future__ import annotations

import functools
from typing import Any, Iterator, Tuple

import numpy as np
import numpy.typing as npt

from .errors import OrderError
from .passes import (
    Array,
    Foreign,
    Link,
    data_of,
    link_of,
    origin_of,
    plain,
    play_back,
    refuse_retaining,
    required,
)


def number(value: Any) -> Any:
    """A number of NumPy's as one of Python's; anything else is what it is."""
    return value.item() if isinstance(value, (np.generic, np.ndarray)) and not value.ndim else value


class LossValue(float):
    """The value of a loss: a float that can be played back.

    `loss.backward()` fills the gradients of every module between the loss and the data. Losses
    can be added and multiplied by numbers before. `loss, grad = criterion(y, t)` gives value
    and gradient of y, for those who go back by hand.

    >>> import numpy as np, recur
    >>> fc = recur.Linear(2, 1)
    >>> loss = recur.MSELoss()(fc(np.ones((3, 2), np.float32)), np.zeros((3, 1), np.float32))
    >>> (loss / 2).backward()
    >>> bool(fc.grads["bias"].any())
    True
    """

    __array_priority__ = 1000.0  # numbers of NumPy leave arithmetic to it
    _terms: list[Any]  # [(link, gradient, factor, check)]
    _grad: Any

    def __new__(cls, value: Any, terms: Any, grad: Any = None) -> Any:
        self = super().__new__(cls, value)
        self._terms = terms
        self._grad = grad
        return self

    @property
    def grad(self) -> Any:
        """The gradient of what the criterion was given, in its form."""
        if self._grad is None:
            raise AttributeError(
                "a loss that was computed from other losses has no gradient of its own: it has "
                "backward()"
            )
        return self._grad

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Plays back every pass that the loss comes from. Gradients of parameters add up in
        `grads`.

        Raises OrderError where a pass was played back already or dropped, and RuntimeError
        where NumPy computed something
        in between; nothing has been added then."""
        refuse_retaining(retain_graph)
        if not self._terms:
            required(None)
        scale = 1.0 if gradient is None else float(gradient)
        for link, _, factor, check in self._terms:
            required(link)
            check(factor * scale)
        play_back(
            [
                (link, g if factor * scale == 1 else g * np.float32(factor * scale))
                for link, g, factor, _ in self._terms
            ]
        )

    def item(self) -> float:
        """The value as a float of Python."""
        return float(self)

    def detach(self) -> LossValue:
        """The value, without the way back."""
        made: LossValue = LossValue(self, [])
        return made

    def cpu(self) -> LossValue:
        """The loss itself."""
        return self

    def numpy(self) -> float:
        """The value as a float of Python."""
        return float(self)

    def __iter__(self) -> Iterator[Any]:
        return iter((float(self), self.grad))

    def __getitem__(self, index: int) -> Any:
        return (float(self), self.grad)[index]

    def __len__(self) -> int:
        return 2

    def _with(self, value: Any, factor: float, other: Any = ()) -> Any:
        if value is NotImplemented:
            return value
        return LossValue(
            value, [(link, g, f * factor, check) for link, g, f, check in self._terms] + list(other)
        )

    def __add__(self, other: Any) -> Any:
        return self._with(float.__add__(self, number(other)), 1, getattr(other, "_terms", ()))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        terms = [(link, g, -f, check) for link, g, f, check in getattr(other, "_terms", ())]
        return self._with(float.__sub__(self, number(other)), 1, terms)

    def __rsub__(self, other: Any) -> Any:
        return self._with(float.__rsub__(self, number(other)), -1)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, LossValue):
            raise TypeError(
                "a loss times a loss: only sums of losses, and multiples of them, can be played "
                "back"
            )
        return self._with(float.__mul__(self, number(other)), other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, LossValue):
            raise TypeError(
                "a loss divided by a loss: only sums of losses, and multiples of them, can be "
                "played back"
            )
        value = float.__truediv__(self, number(other))
        return value if value is NotImplemented else self._with(value, 1 / float(other))

    def __neg__(self) -> Any:
        return self._with(float.__neg__(self), -1)

    def __pos__(self) -> Any:
        return self

    def __reduce__(self) -> Any:
        return float, (float(self),)

    def __deepcopy__(self, memo: Any) -> float:
        return float(self)


class LossValues(Tuple[Any, Any]):
    """What a criterion with reduction="none" gives: the pair (values, gradient of their sum).

    It can be weighted and reduced as PyTorch's: `(losses * weights).sum().backward()`,
    `losses.mean().backward()`. In other ways it is a tuple, whose `[0]` is the plain array.

    >>> import numpy as np, recur
    >>> fc = recur.Linear(2, 1)
    >>> y = fc(np.ones((3, 2), np.float32))
    >>> losses = recur.MSELoss(reduction="none")(y, np.zeros((3, 1), np.float32))
    >>> losses.shape
    (3, 1)
    >>> losses.mean().backward()
    """

    __array_ufunc__ = None  # weights * losses comes here
    _parts: tuple[Any, Any, Any, Any]

    def __new__(
        cls, values: Any, grad: Any, link: Any, gradient: Any, check: Any, axes: Any = None
    ) -> Any:
        """`axes`: the dimensions that the gradient has and the values have not."""
        self = super().__new__(cls, (values, grad))
        self._parts = link, gradient, check, axes
        return self

    shape = property(lambda self: self[0].shape, doc="That of the values.")
    ndim = property(lambda self: self[0].ndim, doc="That of the values.")
    size = property(lambda self: self[0].size, doc="How many values there are.")
    dtype = property(lambda self: self[0].dtype, doc="float32.")

    def sum(self) -> LossValue:
        """The sum, which has backward()."""
        link, gradient, check, _ = self._parts
        terms = [(link, gradient, 1.0, check)]
        made: LossValue = LossValue(self[0].sum(dtype=np.float64), terms, self[1])
        return made

    def mean(self) -> LossValue:
        """The mean, which has backward()."""
        made: LossValue = self.sum() / max(self[0].size, 1)
        return made

    def __mul__(self, weights: Any) -> LossValues:
        values, (link, gradient, check, axes) = self[0], self._parts
        weights = np.broadcast_to(np.asarray(plain(weights), np.float32), values.shape)
        if check is not no_check:
            raise NotImplementedError(
                "these losses have added the gradients of a layer already, which cannot be "
                "weighted: use weights of rows that the criterion takes, or sum() and mean()"
            )
        wide = weighted(weights, gradient, axes)
        made: LossValues = LossValues(values * weights, plain(wide), link, wide, check, axes)
        return made

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> LossValues:
        return self * (1 / np.asarray(divisor, np.float32))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (int, slice)):
            return super().__getitem__(index)
        raise TypeError(
            "losses are picked by weights: (losses * mask).sum() / mask.sum(), or losses[0] as a "
            "plain array, without a way back"
        )

    def detach(self) -> npt.NDArray[Any]:
        """The values as a plain array."""
        made: npt.NDArray[Any] = self[0]
        return made

    numpy = cpu = detach

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self[0], dtype) if copy else np.asarray(self[0], dtype)

    def backward(self, *_args: Any, **_more: Any) -> Any:
        """Refused: it is the mean or the sum that is played back."""
        raise RuntimeError(
            f"backward of {self[0].size} losses: write losses.mean().backward() or "
            "losses.sum().backward()"
        )

    def __reduce__(self) -> Any:
        return tuple, (tuple(self),)

    def __repr__(self) -> str:
        return repr(self[0])


def weighted(weights: Any, gradient: Any, axes: Any = None) -> Any:
    """The gradient of losses, each times its weight. Where a criterion of the user's does not say
    in which `axes` the gradient has more numbers than losses, the shapes have to tell."""
    gradient = plain(gradient)
    if axes is None:
        axes = () if weights.shape == gradient.shape else missing_axis(weights, gradient)
    return gradient * np.expand_dims(weights, axes)


def missing_axis(weights: Any, gradient: Any) -> Any:
    """The one dimension that losses lack."""
    axes = [
        axis
        for axis in range(gradient.ndim)
        if gradient.shape[:axis] + gradient.shape[axis + 1 :] == weights.shape
    ]
    if len(axes) != 1:
        raise ValueError(
            f"weights of shape {weights.shape} fit a gradient of shape {gradient.shape} in "
            f"{len(axes)} ways: take values, grad = criterion(y, t), multiply grad yourself, and "
            "give it to y.backward(grad)"
        )
    return axes[0]


def no_check(factor: float) -> None:
    """For losses without a layer of their own."""


def added_already(name: str, layer: Any, labels: Any) -> Any:
    """For a criterion that adds the gradients of a layer when it is called: what must hold when
    its value goes back."""
    row = labels[labels >= 0][:1]
    was_there = layer.grads["weight"][row].any()

    def check(factor: float) -> None:
        if factor != 1:
            raise NotImplementedError(
                f"{name} times {factor:g}: it adds the gradients of its layer when it is called, "
                "and they cannot be multiplied "
                "afterwards; divide the learning rate, or use reduction='mean'"
            )
        if was_there and not layer.grads["weight"][row].any():
            raise OrderError(
                f"zero_grad() between {name} and backward() has erased the gradients of the "
                "layer, which the criterion adds: call "
                "zero_grad() before the criterion"
            )

    return check


def tracked(call: Any) -> Any:
    """A criterion's __call__, which gives (value, gradient of y), made one that gives a
    LossValue."""

    @functools.wraps(call)
    def called(self: Any, y: Any, target: Any, *more: Any, **named: Any) -> Any:
        given = y
        if isinstance(data_of(y), Array):
            y = plain(y) if isinstance(y, Array) else type(y).of(plain(y.data), y.layout)
        target = plain(target)
        value, grad = call(self, y, target, *more, **named)
        check = getattr(self, "_before_backward", None)
        check = no_check if check is None else check(target, *more)
        axes = self._more_axes(data_of(grad), data_of(target)) if np.ndim(value) else None
        return loss_value(value, grad, given, target, check, axes)

    return called


def loss_value(
    value: Any, grad: Any, y: Any, target: Any = None, check: Any = no_check, axes: Any = None
) -> Any:
    """What a criterion gives: the value, with the gradient of y and where y comes from. `y` is
    an array, or packed. Values of each row come as they are: (values, gradient of their
    sum)."""
    rows, gradient = data_of(y), data_of(grad)
    made = origin_of(rows)
    link = link_of(rows)
    aimed = link_of(data_of(target))
    if aimed is not None and link is not None:
        name = aimed.node.name if type(aimed) is Link else " and ".join(aimed.modules)
        link = Foreign(
            f"a criterion gives no gradient to its target, which comes from {name} (take "
            "t.detach()), and it",
            [made],
        )
    if made is not None and type(gradient) is np.ndarray:
        tagged = gradient.view(Array)
        tagged._made = Foreign("a criterion", [made], constant=True)
        grad = type(grad).of(tagged, grad.layout) if gradient is not grad else tagged
    if np.ndim(value):
        return LossValues(value, grad, link, gradient, check, axes)
    return LossValue(value, [(link, gradient, 1.0, check)], grad)
