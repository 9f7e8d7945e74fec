"""Learning rates that change: PyTorch's names and argument orders over recur_schedule_rate and recur_plateau_step.

cosine = CosineAnnealingLR(adam, T_max=epochs, warm_up=5)
for epoch in range(epochs): ...; cosine.step()
"""

from . import c
from ._arrays import size
from .optim import Optimizer


def optimizer_of(optimizer) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"an optimizer is needed, not {type(optimizer).__name__}")
    return optimizer


class Schedule:
    """The rate is a function of `last_epoch`, the number of steps made: set it to go on where a run stopped."""

    def _create(self, optimizer, kind, last_epoch, **options):
        self.optimizer, self.last_epoch = optimizer_of(optimizer), size(last_epoch, "last_epoch", 0)
        self._schedule = c.exact("recur_schedule", kind, rate=optimizer.lr, **options)
        self._apply()

    def _apply(self):
        rate = c.recur_schedule_rate(self._schedule, self.last_epoch)
        if rate != rate:
            raise ValueError(c.recur_last_error())
        self.optimizer.lr = rate

    def step(self) -> None:
        self.last_epoch += 1
        self._apply()

    def get_last_lr(self) -> list:
        return [self.optimizer.lr]


class StepLR(Schedule):
    """Times gamma every step_size steps."""

    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=0, *, warm_up=0):
        options = {"period": size(step_size, "step_size"), "gamma": gamma, "warm_up": warm_up}
        self._create(optimizer, c.RECUR_SCHEDULE_STEP, last_epoch, **options)


class ExponentialLR(Schedule):
    """Times gamma every step."""

    def __init__(self, optimizer, gamma, last_epoch=0, *, warm_up=0):
        self._create(optimizer, c.RECUR_SCHEDULE_EXPONENTIAL, last_epoch, gamma=gamma, warm_up=warm_up)


class CosineAnnealingLR(Schedule):
    """Half a wave down to eta_min at step T_max, warm-up among the steps."""

    def __init__(self, optimizer, T_max, eta_min=0.0, last_epoch=0, *, warm_up=0):
        options = {"period": size(T_max, "T_max"), "final_rate": eta_min, "warm_up": warm_up}
        self._create(optimizer, c.RECUR_SCHEDULE_COSINE, last_epoch, **options)


class ReduceLROnPlateau:
    """Falls by factor when step(value) has seen no better value for more than `patience` times."""

    def __init__(self, optimizer, mode="min", factor=0.1, patience=10, threshold=1e-4, threshold_mode="rel", cooldown=0, min_lr=0.0,
                 eps=1e-8):  # fmt: skip
        self.optimizer = optimizer_of(optimizer)
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(f"mode is 'min' or 'max', threshold_mode 'rel' or 'abs', not {mode!r}, {threshold_mode!r}")
        flags = c.RECUR_PLATEAU_MAXIMUM if mode == "max" else 0
        flags |= c.RECUR_PLATEAU_ABSOLUTE if threshold_mode == "abs" else 0
        self._plateau = c.exact(
            "recur_plateau",
            flags=flags,
            rate=optimizer.lr,
            factor=factor,
            threshold=threshold,
            min_rate=min_lr,
            epsilon=eps,
            patience=patience,
            cooldown=cooldown,
        )

    def step(self, metrics) -> None:
        self._plateau.rate = self.optimizer.lr
        c.recur_plateau_step(self._plateau, metrics)
        self.optimizer.lr = self._plateau.rate

    def get_last_lr(self) -> list:
        return [self.optimizer.lr]

    def state_dict(self) -> dict:
        return {name: getattr(self._plateau, name) for name in ("rate", "best", "improvements", "bad", "cooling")}

    def load_state_dict(self, state_dict) -> None:
        for name in self.state_dict():
            key = "seen" if name == "improvements" and name not in state_dict else name  # its name in 0.1
            setattr(self._plateau, name, state_dict[key])
        self.optimizer.lr = self._plateau.rate
