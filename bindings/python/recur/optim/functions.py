"""Rates that are functions of the number of steps made."""

from __future__ import annotations

import bisect
import math
from typing import Any

from .. import c
from .._arrays import size
from .._numbers import check_number
from .schedule import Schedule, library_rate, optimizer_of, positive


class StepLR(Schedule):
    """Times gamma every step_size steps.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(1, 1), lr=1.0)
    >>> schedule = recur.StepLR(sgd, 2, gamma=0.5)
    >>> schedule.step(), schedule.step(), sgd.param_groups[0]["lr"]
    (None, None, 0.5)
    """

    def __init__(
        self,
        optimizer: Any,
        step_size: int,
        gamma: float = 0.1,
        last_epoch: int = -1,
        *,
        warm_up: int = 0,
    ) -> None:
        self.step_size, self.gamma, self.warm_up = size(step_size, "step_size"), gamma, warm_up
        super().__init__(optimizer, last_epoch)

    def _rate(self, step: Any, group: Any) -> Any:
        options = {"period": self.step_size, "gamma": self.gamma, "warm_up": self.warm_up}
        return library_rate(c.RECUR_SCHEDULE_STEP, step, self.base_lrs[group], **options)


class ExponentialLR(Schedule):
    """Times gamma every step.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(2, 1), lr=1.0)
    >>> scheduler = recur.ExponentialLR(sgd, gamma=0.5)
    >>> rates = []
    >>> for epoch in range(3):
    ...     scheduler.step()
    ...     rates.append(round(sgd.lr, 4))
    >>> rates
    [0.5, 0.25, 0.125]
    """

    def __init__(
        self, optimizer: Any, gamma: float, last_epoch: int = -1, *, warm_up: int = 0
    ) -> None:
        self.gamma, self.warm_up = gamma, warm_up
        super().__init__(optimizer, last_epoch)

    def _rate(self, step: Any, group: Any) -> Any:
        return library_rate(
            c.RECUR_SCHEDULE_EXPONENTIAL,
            step,
            self.base_lrs[group],
            gamma=self.gamma,
            warm_up=self.warm_up,
        )


class CosineAnnealingLR(Schedule):
    """Half a wave down to eta_min at step T_max, warm-up among the steps; behind it up again, and
    down, as PyTorch's.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(2, 1), lr=1.0)
    >>> scheduler = recur.CosineAnnealingLR(sgd, T_max=2)
    >>> rates = []
    >>> for epoch in range(3):
    ...     scheduler.step()
    ...     rates.append(round(sgd.lr, 4))
    >>> rates
    [0.5, 0.0, 0.5]
    """

    def __init__(
        self,
        optimizer: Any,
        T_max: int,
        eta_min: float = 0.0,
        last_epoch: int = -1,
        *,
        warm_up: int = 0,
    ) -> None:
        self.T_max, self.eta_min, self.warm_up = (
            size(T_max, "T_max"),
            positive(eta_min, "eta_min"),
            warm_up,
        )
        super().__init__(optimizer, last_epoch)

    def _floor(self, group: Any) -> Any:
        return self.eta_min

    def _rate(self, step: Any, group: Any) -> Any:
        if step > self.T_max > self.warm_up:  # the same height of the wave on its first way down
            half = self.T_max - self.warm_up
            behind = (step - self.T_max) % (2 * half)
            step = self.warm_up + abs(half - behind)
        options = {"period": self.T_max, "final_rate": self.eta_min, "warm_up": self.warm_up}
        return library_rate(c.RECUR_SCHEDULE_COSINE, step, self.base_lrs[group], **options)


class MultiStepLR(Schedule):
    """Times gamma at each of some steps.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(2, 1), lr=1.0)
    >>> scheduler = recur.MultiStepLR(sgd, milestones=[2, 3], gamma=0.1)
    >>> rates = []
    >>> for epoch in range(3):
    ...     scheduler.step()
    ...     rates.append(round(sgd.lr, 4))
    >>> rates
    [1.0, 0.1, 0.01]
    """

    def __init__(
        self, optimizer: Any, milestones: Any, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = sorted(size(step, "milestones", 0) for step in milestones)
        self.gamma = positive(gamma, "gamma")
        super().__init__(optimizer, last_epoch)

    def _rate(self, step: Any, group: Any) -> Any:
        return self.base_lrs[group] * self.gamma ** bisect.bisect_right(self.milestones, step)


class ConstantLR(Schedule):
    """Times factor for the first total_iters steps.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(2, 1), lr=1.0)
    >>> scheduler = recur.ConstantLR(sgd, factor=0.5, total_iters=2)
    >>> rates = []
    >>> for epoch in range(3):
    ...     scheduler.step()
    ...     rates.append(round(sgd.lr, 4))
    >>> rates
    [0.5, 1.0, 1.0]
    """

    def __init__(
        self, optimizer: Any, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 <= check_number(factor, "factor") <= 1:
            raise ValueError(f"factor is {factor}: it must lie between 0 and 1")
        self.factor, self.total_iters = factor, size(total_iters, "total_iters", 0)
        super().__init__(optimizer, last_epoch)

    def _rate(self, step: Any, group: Any) -> Any:
        return self.base_lrs[group] * (self.factor if step < self.total_iters else 1)


class LinearLR(Schedule):
    """Times a factor that goes from start_factor to end_factor in total_iters steps: to warm up.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(1, 1), lr=1.0)
    >>> recur.LinearLR(sgd, start_factor=0.25, total_iters=3).get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Any,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if (
            not 0 < check_number(start_factor, "start_factor") <= 1
            or not 0 <= check_number(end_factor, "end_factor") <= 1
        ):
            raise ValueError(
                f"start_factor is {start_factor}, end_factor {end_factor}: they must lie above 0 "
                "and up to 1"
            )
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = size(total_iters, "total_iters")
        super().__init__(optimizer, last_epoch)

    def _rate(self, step: Any, group: Any) -> Any:
        part = min(step, self.total_iters) / self.total_iters
        return self.base_lrs[group] * (
            self.start_factor + (self.end_factor - self.start_factor) * part
        )


class PolynomialLR(Schedule):
    """Down to 0 at step total_iters, by a power of the steps that are left.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(2, 1), lr=1.0)
    >>> scheduler = recur.PolynomialLR(sgd, total_iters=4)
    >>> rates = []
    >>> for epoch in range(3):
    ...     scheduler.step()
    ...     rates.append(round(sgd.lr, 4))
    >>> rates
    [0.75, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Any, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters, self.power = size(total_iters, "total_iters"), positive(power, "power")
        super().__init__(optimizer, last_epoch)

    def _rate(self, step: Any, group: Any) -> Any:
        return (
            self.base_lrs[group]
            * (1 - min(step, self.total_iters) / self.total_iters) ** self.power
        )


def functions_of(optimizer: Any, given: Any) -> list[Any]:
    """One function for each group."""
    groups = len(optimizer_of(optimizer).param_groups)
    functions = list(given) if isinstance(given, (list, tuple)) else [given] * groups
    if len(functions) != groups or not all(map(callable, functions)):
        raise ValueError(
            f"lr_lambda must be a function or a list of {groups} functions, one for each group"
        )
    return functions


class LambdaLR(Schedule):
    """The initial rate times a function of the step: one function, or one for each group.
    state_dict() leaves them out.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(2, 1), lr=1.0)
    >>> scheduler = recur.LambdaLR(sgd, lambda epoch: 1 / (1 + epoch))
    >>> rates = []
    >>> for epoch in range(3):
    ...     scheduler.step()
    ...     rates.append(round(sgd.lr, 4))
    >>> rates
    [0.5, 0.3333, 0.25]
    """

    absolute = True

    def __init__(self, optimizer: Any, lr_lambda: Any, last_epoch: int = -1) -> None:
        self.lr_lambdas = functions_of(optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def _rate(self, step: Any, group: Any) -> Any:
        return self.base_lrs[group] * self.lr_lambdas[group](step)


class CosineAnnealingWarmRestarts(Schedule):
    """Half a wave down in T_0 steps, then from the top again, each time T_mult times as long;
    Loshchilov and Hutter 2017. step(epoch) takes parts of epochs too.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(2, 1), lr=1.0)
    >>> scheduler = recur.CosineAnnealingWarmRestarts(sgd, T_0=2)
    >>> rates = []
    >>> for epoch in range(3):
    ...     scheduler.step()
    ...     rates.append(round(sgd.lr, 4))
    >>> rates
    [0.5, 1.0, 0.5]
    """

    absolute = True

    def __init__(
        self, optimizer: Any, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_0, self.T_mult, self.eta_min = (
            size(T_0, "T_0"),
            size(T_mult, "T_mult"),
            positive(eta_min, "eta_min"),
        )
        super().__init__(optimizer, last_epoch)

    def _rate(self, step: Any, group: Any) -> Any:
        length = self.T_0
        if self.T_mult == 1:
            step %= length
        while step >= length:
            step -= length
            length *= self.T_mult
        return (
            self.eta_min
            + (self.base_lrs[group] - self.eta_min) * (1 + math.cos(math.pi * step / length)) / 2
        )

    def step(self, epoch: Any = None) -> None:
        """The next learning rates; called once an epoch."""
        if epoch is None:
            return super().step()
        if not positive(epoch, "epoch") >= 0:
            raise ValueError(f"epoch is {epoch}: it must be at least 0")
        self.last_epoch = math.floor(epoch)
        self._set([self._rate(epoch, i) for i in range(len(self.base_lrs))])


class MultiplicativeLR(Schedule):
    """The rate of the step before times a function of the step: one function, or one for each
    group. state_dict() leaves them out.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(2, 1), lr=1.0)
    >>> scheduler = recur.MultiplicativeLR(sgd, lambda epoch: 0.5)
    >>> rates = []
    >>> for epoch in range(3):
    ...     scheduler.step()
    ...     rates.append(round(sgd.lr, 4))
    >>> rates
    [0.5, 0.25, 0.125]
    """

    absolute = True

    def __init__(self, optimizer: Any, lr_lambda: Any, last_epoch: int = -1) -> None:
        self.lr_lambdas = functions_of(optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def _rate(self, step: Any, group: Any) -> Any:
        return self.optimizer.param_groups[group]["lr"] * self.lr_lambdas[group](step)

    def _move(self, before: Any) -> None:
        if before is None:  # the first rates are the initial ones
            self._set([group["lr"] for group in self.optimizer.param_groups])
        else:
            super()._move(before)
