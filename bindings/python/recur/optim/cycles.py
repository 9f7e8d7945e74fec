"""Rates that go up and down again, with momentum the other way."""

from __future__ import annotations

import math
from typing import Any

from .._arrays import size
from .._numbers import check_number
from .schedule import Schedule, optimizer_of, positive


def each(value: Any, name: str, groups: Any) -> list[float]:
    """One number for each group."""
    values = list(value) if isinstance(value, (list, tuple)) else [value] * len(groups)
    if len(values) != len(groups):
        raise ValueError(f"{name} has {len(values)} numbers, there are {len(groups)} groups")
    return [positive(one, name) for one in values]


def require_momentum(optimizer: Any) -> None:
    if not any(name in optimizer.defaults for name in ("momentum", "betas")):
        raise ValueError(
            f"{type(optimizer).__name__} has no momentum to cycle: cycle_momentum=False"
        )
    if any(group.get("momentum") == 0 for group in optimizer.param_groups):
        raise ValueError(
            f"{type(optimizer).__name__} was made with momentum 0, which stays 0: give it one, "
            "such as momentum=0.9, or the schedule cycle_momentum=False"
        )


def set_momentum(group: Any, momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


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
            for rate in each(max_lr, "max_lr", groups)
        ]
        for group, rates in zip(groups, self._ends):
            if last_epoch == -1:
                group["initial_lr"] = rates["initial"]
        if self.cycle_momentum:
            require_momentum(optimizer)
            low = each(base_momentum, "base_momentum", groups)
            high = each(max_momentum, "max_momentum", groups)
            self._momenta = [{"initial": h, "max": b, "min": h} for b, h in zip(low, high)]
        super().__init__(optimizer, last_epoch)

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
            set_momentum(group, momentum)


MODES: dict[str, Any] = {  # (function of cycle or step, what it is a function of)
    "triangular": (lambda n, gamma: 1.0, "cycle"),
    "triangular2": (lambda n, gamma: 1 / 2.0 ** (n - 1), "cycle"),
    "exp_range": (lambda n, gamma: gamma**n, "iterations"),
}


class CyclicLR(Schedule):
    """Up from base_lr to max_lr and down again, over and over; momentum (or beta1) the other way.
    One step for each batch; Smith 2017. state_dict() leaves scale_fn out.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(2, 1), lr=1.0, momentum=0.9)
    >>> scheduler = recur.CyclicLR(sgd, base_lr=0.1, max_lr=0.5, step_size_up=2)
    >>> rates = []
    >>> for epoch in range(4):
    ...     scheduler.step()
    ...     rates.append(round(sgd.lr, 4))
    >>> rates
    [0.3, 0.5, 0.3, 0.1]
    """

    absolute = True

    def __init__(
        self,
        optimizer: Any,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Any = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ) -> None:
        groups = optimizer_of(optimizer).param_groups
        self._lows = each(base_lr, "base_lr", groups)
        self.max_lrs = each(max_lr, "max_lr", groups)
        if scale_fn is None and mode not in MODES:
            raise ValueError(f"mode is {mode!r}: it is {', '.join(map(repr, MODES))}")
        if scale_mode not in ("cycle", "iterations"):
            raise ValueError(f"scale_mode is {scale_mode!r}: it is 'cycle' or 'iterations'")
        up = size(step_size_up, "step_size_up")
        down = up if step_size_down is None else size(step_size_down, "step_size_down")
        self.total_size, self.step_ratio = up + down, up / (up + down)
        self.mode, self.gamma = mode, check_number(gamma, "gamma")
        self.scale_mode = scale_mode if scale_fn is not None else MODES[mode][1]
        self.lr_lambdas = scale_fn
        self.cycle_momentum = bool(cycle_momentum)
        if self.cycle_momentum:
            require_momentum(optimizer)
            self.base_momentums = each(base_momentum, "base_momentum", groups)
            self.max_momentums = each(max_momentum, "max_momentum", groups)
        if last_epoch == -1:
            for group, rate in zip(groups, self._lows):
                group["lr"] = group["initial_lr"] = rate
        super().__init__(optimizer, last_epoch)
        self.base_lrs = list(self._lows)

    def _height(self, step: Any) -> float:
        """How far the step is from the base (0) to the most (1), and what that is multiplied by."""
        cycle = math.floor(1 + step / self.total_size)
        x = 1 + step / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        n = cycle if self.scale_mode == "cycle" else step
        if self.lr_lambdas is not None:
            return float(height * self.lr_lambdas(n))
        return float(height * MODES[self.mode][0](n, self.gamma))

    def _rate(self, step: Any, group: Any) -> Any:
        low = self._lows[group]
        return low + (self.max_lrs[group] - low) * self._height(step)

    def _set(self, rates: Any) -> None:
        super()._set(rates)
        if not self.cycle_momentum:
            return
        height, momenta = (
            self._height(self.last_epoch),
            zip(self.base_momentums, self.max_momentums),
        )
        for group, (low, high) in zip(self.optimizer.param_groups, momenta):
            set_momentum(group, high - (high - low) * height)
