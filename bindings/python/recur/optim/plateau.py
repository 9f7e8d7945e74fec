"""Rates that fall when nothing gets better."""

from __future__ import annotations

from typing import Any

from .. import c
from .schedule import optimizer_of


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
