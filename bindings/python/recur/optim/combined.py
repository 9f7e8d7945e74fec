"""Schedules that are made of others."""

from __future__ import annotations

import bisect
from typing import Any

from .._arrays import size
from .schedule import UNSAVED, optimizer_of


def check_part(one: Any, optimizer: Any) -> None:
    if one.optimizer is not optimizer or not hasattr(one, "last_epoch"):
        raise ValueError(
            f"{type(one).__name__} must be a schedule of the same optimizer "
            "(ReduceLROnPlateau cannot be a part)"
        )


def states_of(whole: Any) -> dict[str, Any]:
    """The state of a schedule with those of its parts."""
    own = {name: value for name, value in vars(whole).items() if name not in UNSAVED}
    return {**own, "_schedulers": [one.state_dict() for one in whole._schedulers]}


def load_states(whole: Any, state: Any) -> None:
    parts = state["_schedulers"]
    if len(parts) != len(whole._schedulers):
        raise ValueError(f"the state has {len(parts)} schedules, this one {len(whole._schedulers)}")
    for one, own in zip(whole._schedulers, parts):
        one.load_state_dict(own)
    vars(whole).update({name: value for name, value in state.items() if name != "_schedulers"})
    for group, rate in zip(whole.optimizer.param_groups, whole._last_lr):
        group["lr"] = rate


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
            check_part(one, optimizer)
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
        return states_of(self)

    def load_state_dict(self, state_dict: Any) -> None:
        """Goes on from a state_dict()."""
        load_states(self, state_dict)


class ChainedScheduler:
    """Several schedules at once: each multiplies the rate that the one before has left.

    >>> import recur
    >>> sgd = recur.SGD(recur.Linear(1, 1), lr=1.0)
    >>> parts = [recur.ConstantLR(sgd, 0.5, total_iters=2), recur.ExponentialLR(sgd, 0.9)]
    >>> both = recur.ChainedScheduler(parts)
    >>> both.step()
    >>> round(sgd.lr, 4)
    0.45
    """

    def __init__(self, schedulers: Any, optimizer: Any = None) -> None:
        self._schedulers = list(schedulers)
        if not self._schedulers:
            raise ValueError("a ChainedScheduler needs at least one schedule")
        self.optimizer = optimizer_of(optimizer or self._schedulers[0].optimizer)
        for one in self._schedulers:
            check_part(one, self.optimizer)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def step(self) -> None:
        """The next learning rates; called once an epoch."""
        for one in self._schedulers:
            one.step()
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """What load_state_dict needs to go on from here."""
        return states_of(self)

    def load_state_dict(self, state_dict: Any) -> None:
        """Goes on from a state_dict()."""
        load_states(self, state_dict)
