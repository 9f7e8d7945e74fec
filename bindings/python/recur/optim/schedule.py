"""What all schedules have in common. What the C library knows of them (recur_schedule_rate,
recur_plateau_step) is computed there."""

from __future__ import annotations

import math
from typing import Any

from .. import c
from .._arrays import size
from .._numbers import check_number
from .optimizer import Optimizer

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
