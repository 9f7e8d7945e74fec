"""Learning rates that change, with PyTorch's names, orders, defaults and numbers.

    cosine = CosineAnnealingLR(adam, T_max=epochs)
    for epoch in range(epochs):
        ...
        cosine.step()

What the C library knows (recur_schedule_rate, recur_plateau_step) is computed there.
"""

from __future__ import annotations

import bisect
import math
from typing import Any

from . import c
from ._arrays import size
from ._numbers import check_number
from .optim import Optimizer

UNSAVED = ("optimizer", "lr_lambdas", "_schedulers")


def optimizer_of(optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"an optimizer is needed, not {type(optimizer).__name__}")
    return optimizer


def positive(value: Any, name: str, zero: bool = True) -> float:
    number = check_number(value, name)
    if not (0 <= number < math.inf) or (number == 0 and not zero):
        raise ValueError(
            f"{name} is {value}: it must be {'at least' if zero else 'above'} 0 and finite"
        )
    return number


class Schedule:
    """The rate of a group is a function of `last_epoch`, the number of steps made, and of the
    group's initial_lr.

    A rate that something else has changed since the last step, by hand or by a second schedule,
    goes on from there as PyTorch's does: it is multiplied by what the schedule would have
    multiplied its own with. `last_epoch=k` goes on behind epoch k. Options that are written later,
    such as gamma, take effect at the next step."""

    absolute = False  # whether the rate is set whatever it was before

    def __init__(self, optimizer: Any, last_epoch: int = -1) -> None:
        self.optimizer = optimizer_of(optimizer)
        self.last_epoch = size(last_epoch, "last_epoch", -1)
        groups = optimizer.param_groups
        for group in groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [group["initial_lr"] for group in groups]
        resumed = self.last_epoch >= 0
        self._last_lr = list(self.base_lrs)
        self.last_epoch += 1
        if resumed:
            self._set([self._rate(self.last_epoch, i) for i in range(len(groups))])
        else:
            self._move(None)

    def _rate(self, step: Any, group: Any) -> Any:
        """The rate of a group at a step."""
        raise NotImplementedError

    def _floor(self, group: Any) -> float:
        """What a rate falls to: factors are of what is above."""
        return 0.0

    def _set(self, rates: Any) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates):
            group["lr"] = rate
        self._last_lr = list(rates)

    def _move(self, before: Any) -> None:
        """From the step before (None: from the initial rates) to this one."""
        rates = []
        for i, group in enumerate(self.optimizer.param_groups[: len(self.base_lrs)]):
            rate = self._rate(self.last_epoch, i)
            if not self.absolute:
                old, floor = (
                    self.base_lrs[i] if before is None else self._rate(before, i),
                    self._floor(i),
                )
                if group["lr"] != old:
                    factor = (rate - floor) / (old - floor) if old != floor else 1.0
                    rate = floor + (group["lr"] - floor) * factor
            rates.append(rate)
        self._set(rates)

    def step(self, epoch: Any = None) -> None:
        """One step further, or to an epoch."""
        before = self.last_epoch
        if epoch is None:
            self.last_epoch += 1
            self._move(before)
        else:
            self.last_epoch = size(epoch, "epoch", 0)
            self._set([self._rate(self.last_epoch, i) for i in range(len(self.base_lrs))])

    def get_last_lr(self) -> list[float]:
        """The rates that this schedule has set, one for each group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """What load_state_dict needs to go on from here."""
        return {name: value for name, value in vars(self).items() if name not in UNSAVED}

    def load_state_dict(self, state_dict: Any) -> None:
        """What state_dict() gave; the optimizer gets the rates of then."""
        missing = set(self.state_dict()) - set(state_dict)
        if missing:
            raise ValueError(
                f"the state of a {type(self).__name__} has {', '.join(sorted(missing))}, this one "
                "has not"
            )
        vars(self).update({name: state_dict[name] for name in self.state_dict()})
        self._set(self._last_lr)

    def __repr__(self) -> str:
        rates = ", ".join(f"{rate:g}" for rate in self._last_lr)
        return f"{type(self).__name__}(last_epoch={self.last_epoch}, rates {rates})"


def library_rate(kind: Any, step: Any, rate: Any, **options: Any) -> float:
    """recur_schedule_rate."""
    found = c.recur_schedule_rate(c.exact("recur_schedule", kind, rate=rate, **options), step)
    if found != found:
        raise ValueError(c.recur_last_error())
    made: float = found
    return made


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
        groups = len(optimizer_of(optimizer).param_groups)
        self.lr_lambdas = (
            list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        )
        if len(self.lr_lambdas) != groups or not all(map(callable, self.lr_lambdas)):
            raise ValueError(
                f"lr_lambda must be a function or a list of {groups} functions, one for each group"
            )
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


class OneCycleLR(Schedule):
    """Up to max_lr, and far down; momentum (or beta1) the other way. One step for each batch; Smith
    2018.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(2, 1), lr=1.0)
    >>> scheduler = recur.OneCycleLR(sgd, max_lr=1.0, total_steps=4, cycle_momentum=False)
    >>> rates = []
    >>> for epoch in range(3):
    ...     scheduler.step()
    ...     rates.append(round(sgd.lr, 4))
    >>> rates
    [0.8117, 0.2831, 0.0]
    """

    absolute = True

    def __init__(
        self,
        optimizer: Any,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        groups = optimizer_of(optimizer).param_groups
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("total_steps is missing: give it, or epochs and steps_per_epoch")
            total_steps = size(epochs, "epochs") * size(steps_per_epoch, "steps_per_epoch")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy is {anneal_strategy!r}: it is 'cos' or 'linear'")
        if not 0 <= check_number(pct_start, "pct_start") <= 1:
            raise ValueError(f"pct_start is {pct_start}: it must lie between 0 and 1")
        self.total_steps, self.anneal_strategy = size(total_steps, "total_steps"), anneal_strategy
        self.cycle_momentum = bool(cycle_momentum)
        up = pct_start * self.total_steps
        ends = (
            [up - 1, 2 * up - 2, self.total_steps - 1]
            if three_phase
            else [up - 1, self.total_steps - 1]
        )
        stops = ["initial", "max", "initial", "min"] if three_phase else ["initial", "max", "min"]
        self._phases = [(end, start, stop) for end, start, stop in zip(ends, stops, stops[1:])]
        self._ends = [
            self._ends_of(rate, div_factor, final_div_factor)
            for rate in self._each(max_lr, "max_lr", groups)
        ]
        for group, rates in zip(groups, self._ends):
            if last_epoch == -1:
                group["initial_lr"] = rates["initial"]
        if self.cycle_momentum:
            if not any(name in optimizer.defaults for name in ("momentum", "betas")):
                raise ValueError(
                    f"{type(optimizer).__name__} has no momentum to cycle: cycle_momentum=False"
                )
            low = self._each(base_momentum, "base_momentum", groups)
            high = self._each(max_momentum, "max_momentum", groups)
            self._momenta = [{"initial": h, "max": b, "min": h} for b, h in zip(low, high)]
        super().__init__(optimizer, last_epoch)

    @staticmethod
    def _each(value: Any, name: str, groups: Any) -> list[Any]:
        values = list(value) if isinstance(value, (list, tuple)) else [value] * len(groups)
        if len(values) != len(groups):
            raise ValueError(f"{name} has {len(values)} numbers, there are {len(groups)} groups")
        return [positive(one, name) for one in values]

    @staticmethod
    def _ends_of(rate: Any, div_factor: float, final_div_factor: float) -> dict[Any, Any]:
        initial = rate / positive(div_factor, "div_factor", zero=False)
        return {
            "initial": initial,
            "max": rate,
            "min": initial / positive(final_div_factor, "final_div_factor", zero=False),
        }

    def _between(self, ends: Any, step: Any) -> Any:
        """Where the cycle is between its ends."""
        if step > self.total_steps:
            raise ValueError(
                f"step {step} of a cycle of {self.total_steps}: it is over, make a new one"
            )
        begin = 0.0
        for end, start, stop in self._phases:
            if step <= end or end == self._phases[-1][0]:
                part = (step - begin) / (end - begin) if end != begin else 1.0
                if self.anneal_strategy == "linear":
                    return ends[start] + (ends[stop] - ends[start]) * part
                return ends[stop] + (ends[start] - ends[stop]) / 2 * (1 + math.cos(math.pi * part))
            begin = end

    def _rate(self, step: Any, group: Any) -> Any:
        return self._between(self._ends[group], step)

    def _set(self, rates: Any) -> None:
        super()._set(rates)
        if not self.cycle_momentum:
            return
        for group, ends in zip(self.optimizer.param_groups, self._momenta):
            momentum = self._between(ends, self.last_epoch)
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum


class SequentialLR:
    """One schedule after the other, each from the step of its milestone on.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(1, 1), lr=1.0)
    >>> parts = [recur.LinearLR(sgd, 0.5, total_iters=2), recur.ExponentialLR(sgd, 0.9)]
    >>> warm = recur.SequentialLR(sgd, parts, milestones=[2])
    >>> warm.get_last_lr()
    [0.5]
    """

    def __init__(
        self, optimizer: Any, schedulers: Any, milestones: Any, last_epoch: int = -1
    ) -> None:
        if last_epoch != -1:
            raise NotImplementedError(
                "SequentialLR: last_epoch is not there; load_state_dict goes on where a run stopped"
            )
        self.optimizer, self._schedulers = optimizer_of(optimizer), list(schedulers)
        if len(milestones) != len(self._schedulers) - 1 or not self._schedulers:
            raise ValueError(
                f"{len(self._schedulers)} schedules need {max(len(self._schedulers) - 1, 0)} "
                f"milestones, not {len(milestones)}"
            )
        for one in self._schedulers:
            if one.optimizer is not optimizer or not hasattr(one, "last_epoch"):
                raise ValueError(
                    f"{type(one).__name__} must be a schedule of the same optimizer "
                    "(ReduceLROnPlateau cannot be a part)"
                )
        self.milestones, self.last_epoch = [size(step, "milestones") for step in milestones], 0
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        first = self._schedulers[0]
        for one in self._schedulers:
            one.last_epoch = 0 if one is first else -1
        first._last_lr = list(first.base_lrs)
        first._move(None)
        self._last_lr = first.get_last_lr()

    def step(self) -> None:
        """The next learning rates; called once an epoch."""
        self.last_epoch += 1
        at = bisect.bisect_right(self.milestones, self.last_epoch)
        one = self._schedulers[at]
        if at and self.milestones[at - 1] == self.last_epoch:
            one.step(0)
        else:
            one.step()
        self._last_lr = one.get_last_lr()

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """What load_state_dict needs to go on from here."""
        own = {name: value for name, value in vars(self).items() if name not in UNSAVED}
        return {**own, "_schedulers": [one.state_dict() for one in self._schedulers]}

    def load_state_dict(self, state_dict: Any) -> None:
        """Goes on from a state_dict()."""
        parts = state_dict["_schedulers"]
        if len(parts) != len(self._schedulers):
            raise ValueError(
                f"the state has {len(parts)} schedules, this one {len(self._schedulers)}"
            )
        for one, state in zip(self._schedulers, parts):
            one.load_state_dict(state)
        vars(self).update(
            {name: value for name, value in state_dict.items() if name != "_schedulers"}
        )
        for group, rate in zip(self.optimizer.param_groups, self._last_lr):
            group["lr"] = rate


class ReduceLROnPlateau:
    """Falls by factor when step(value) has seen no better value for more than `patience` times.
    min_lr may have a number for each group.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(2, 1), lr=1.0)
    >>> scheduler = recur.ReduceLROnPlateau(sgd, patience=1)
    >>> for loss in (1.0, 2.0, 2.0, 2.0):
    ...     scheduler.step(loss)
    >>> sgd.lr
    0.1
    """

    optimizer: Any
    _plateaus: list[Any]

    def __init__(
        self,
        optimizer: Any,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: Any = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"mode is 'min' or 'max', threshold_mode 'rel' or 'abs', not {mode!r}, "
                f"{threshold_mode!r}"
            )
        flags = c.RECUR_PLATEAU_MAXIMUM if mode == "max" else 0
        flags |= c.RECUR_PLATEAU_ABSOLUTE if threshold_mode == "abs" else 0
        groups = optimizer_of(optimizer).param_groups
        least = list(min_lr) if isinstance(min_lr, (list, tuple)) else [min_lr] * len(groups)
        if len(least) != len(groups):
            raise ValueError(f"min_lr has {len(least)} numbers, there are {len(groups)} groups")
        options = {
            "flags": flags,
            "factor": factor,
            "threshold": threshold,
            "epsilon": eps,
            "patience": patience,
            "cooldown": cooldown,
        }
        plateaus = [
            c.exact("recur_plateau", rate=g["lr"], min_rate=low, **options)
            for g, low in zip(groups, least)
        ]
        vars(self).update(optimizer=optimizer, _plateaus=plateaus)

    def __setattr__(self, name: str, value: Any) -> Any:
        raise AttributeError(
            f"ReduceLROnPlateau.{name} cannot be written: make a new one, and give it the "
            "state_dict() of this one"
        )

    def step(self, metrics: Any) -> None:
        """The next learning rates; called once an epoch."""
        for plateau, group in zip(self._plateaus, self.optimizer.param_groups):
            plateau.rate = group["lr"]
            c.recur_plateau_step(plateau, metrics)
            group["lr"] = plateau.rate

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What load_state_dict needs to go on from here."""
        state = {
            name: getattr(self._plateaus[0], name)
            for name in ("rate", "best", "improvements", "bad", "cooling")
        }
        return {**state, "rates": self.get_last_lr()}

    def load_state_dict(self, state_dict: Any) -> None:
        """Goes on from a state_dict()."""
        rates = state_dict.get("rates", [state_dict["rate"]])
        for plateau, group, rate in zip(self._plateaus, self.optimizer.param_groups, rates):
            for name in ("best", "improvements", "bad", "cooling"):
                key = (
                    "seen" if name == "improvements" and name not in state_dict else name
                )  # its name in 0.1
                setattr(plateau, name, state_dict[key])
            plateau.rate = group["lr"] = rate
