"""The update rules; names, orders and defaults are PyTorch's."""

from __future__ import annotations

from typing import Any

from .. import c
from .optimizer import Optimizer


class SGD(Optimizer):
    """p -= lr g, where g is grad + weight_decay p, or with momentum
    m = momentum m + (1 - dampening) g and p -= lr m.

    >>> import recur
    >>> recur.SGD(recur.Linear(2, 1), lr=0.1, momentum=0.9)
    SGD(lr=0.1, 3 parameters)
    """

    kind = c.RECUR_OPTIMIZER_SGD

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        **hints: Any,
    ) -> None:
        options = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
        }
        super().__init__(params, {**options, "nesterov": nesterov, "maximize": maximize}, hints)

    def _c_options(self, group: Any) -> Any:
        options = super()._c_options(group)
        if group["dampening"] and not group["momentum"]:
            options.dampening = 0  # PyTorch's: without momentum it has no effect
        return options


class AdamLike(Optimizer):
    """Two moments: exp_avg of the gradients, exp_avg_sq of their squares."""

    def __init__(
        self,
        params: Any,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        more: Any,
        hints: Any,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**options, **more}, hints)


class Adam(AdamLike):
    """Kingma and Ba 2015; amsgrad: Reddi 2018.

    >>> import recur
    >>> net = recur.Linear(2, 1)
    >>> recur.Adam(net.parameters(), lr=0.01).param_groups[0]["betas"]
    (0.9, 0.999)
    """

    kind = c.RECUR_OPTIMIZER_ADAM

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **hints: Any,
    ) -> None:
        if hints.pop("decoupled_weight_decay", False):
            raise ValueError(
                "Adam with decoupled_weight_decay is AdamW: write AdamW(params, weight_decay=...)"
            )
        super().__init__(
            params, lr, betas, eps, weight_decay, {"amsgrad": amsgrad, "maximize": maximize}, hints
        )


class AdamW(AdamLike):
    """Adam with weight decay beside the gradient; Loshchilov and Hutter 2019.

    >>> import numpy as np, recur
    >>> fc = recur.Linear(2, 1)
    >>> optimizer = recur.AdamW(fc.parameters(), lr=0.01, weight_decay=0.1)
    >>> recur.MSELoss()(fc(np.ones((3, 2), np.float32)), np.zeros((3, 1), np.float32)).backward()
    >>> before = fc.weight.copy()
    >>> optimizer.step()
    >>> bool((fc.weight != before).all())
    True
    """

    kind = c.RECUR_OPTIMIZER_ADAMW

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **hints: Any,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, {"amsgrad": amsgrad, "maximize": maximize}, hints
        )


class RAdam(AdamLike):
    """Adam that begins without its second moment, until that is known well enough; Liu 2020.

    >>> import numpy as np, recur
    >>> fc = recur.Linear(2, 1)
    >>> optimizer = recur.RAdam(fc.parameters(), lr=0.01, betas=(0.9, 0.99))
    >>> recur.MSELoss()(fc(np.ones((3, 2), np.float32)), np.zeros((3, 1), np.float32)).backward()
    >>> before = fc.weight.copy()
    >>> optimizer.step()
    >>> bool((fc.weight != before).all())
    True
    """

    kind = c.RECUR_OPTIMIZER_RADAM

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **hints: Any,
    ) -> None:
        more = {"decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize}
        super().__init__(params, lr, betas, eps, weight_decay, more, hints)


class NAdam(AdamLike):
    """Adam with Nesterov's momentum; Dozat 2016.

    >>> import numpy as np, recur
    >>> fc = recur.Linear(2, 1)
    >>> optimizer = recur.NAdam(fc.parameters(), lr=0.01)
    >>> recur.MSELoss()(fc(np.ones((3, 2), np.float32)), np.zeros((3, 1), np.float32)).backward()
    >>> before = fc.weight.copy()
    >>> optimizer.step()
    >>> bool((fc.weight != before).all())
    True
    """

    kind = c.RECUR_OPTIMIZER_NADAM

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **hints: Any,
    ) -> None:
        more = {
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, lr, betas, eps, weight_decay, more, hints)


class RMSprop(Optimizer):
    """p -= lr g / (sqrt(mean square of g) + eps); Hinton 2012. centered: Graves 2013.

    >>> import numpy as np, recur
    >>> fc = recur.Linear(2, 1)
    >>> optimizer = recur.RMSprop(fc.parameters(), lr=0.01, momentum=0.9)
    >>> recur.MSELoss()(fc(np.ones((3, 2), np.float32)), np.zeros((3, 1), np.float32)).backward()
    >>> before = fc.weight.copy()
    >>> optimizer.step()
    >>> bool((fc.weight != before).all())
    True
    """

    kind = c.RECUR_OPTIMIZER_RMSPROP

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
        **hints: Any,
    ) -> None:
        options = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
        }
        super().__init__(params, {**options, "centered": centered, "maximize": maximize}, hints)


class Adagrad(Optimizer):
    """p -= lr / (1 + (step - 1) lr_decay) g / (sqrt(sum of squares of g) + eps); Duchi 2011.

    >>> import numpy as np, recur
    >>> fc = recur.Linear(2, 1)
    >>> optimizer = recur.Adagrad(fc.parameters(), lr=0.01)
    >>> recur.MSELoss()(fc(np.ones((3, 2), np.float32)), np.zeros((3, 1), np.float32)).backward()
    >>> before = fc.weight.copy()
    >>> optimizer.step()
    >>> bool((fc.weight != before).all())
    True
    """

    kind = c.RECUR_OPTIMIZER_ADAGRAD

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        **hints: Any,
    ) -> None:
        options = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay}
        more = {
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, {**options, **more}, hints)


class Adadelta(Optimizer):
    """Steps as large as those before, over the root mean square of g; Zeiler 2012.

    >>> import numpy as np, recur
    >>> fc = recur.Linear(2, 1)
    >>> optimizer = recur.Adadelta(fc.parameters(), lr=1.0)
    >>> recur.MSELoss()(fc(np.ones((3, 2), np.float32)), np.zeros((3, 1), np.float32)).backward()
    >>> before = fc.weight.copy()
    >>> optimizer.step()
    >>> bool((fc.weight != before).all())
    True
    """

    kind = c.RECUR_OPTIMIZER_ADADELTA

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **hints: Any,
    ) -> None:
        options = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**options, "maximize": maximize}, hints)


class Adamax(Optimizer):
    """Adam with the largest gradient in place of the mean square. It is not there: a call says
    what to type instead.

    >>> import recur
    >>> recur.Adamax(recur.Linear(2, 1))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    NotImplementedError: Adamax is not there: write Adam(params, lr, betas, amsgrad=True) ...
    """

    def __init__(self, params: Any, *_args: Any, **_more: Any) -> None:
        raise NotImplementedError(
            "Adamax is not there: write Adam(params, lr, betas, amsgrad=True) in its place, whose "
            "second moment never falls either"
        )
