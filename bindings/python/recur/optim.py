"""Update rules and clipping over the flat vector of a module; names, orders and defaults are PyTorch's."""

import numpy as np

from . import c
from ._numbers import check_number
from .module import Module


def module_of(params) -> Module:
    if not isinstance(params, Module):
        raise TypeError(f"a module is needed (Adam(net, lr=...)), not {type(params).__name__}; Group makes one of several")
    params._open()
    return params


class Optimizer:
    """step() moves the parameters of a module against its gradients. `lr` may be changed between steps."""

    def _create(self, module, kind, lr, flags=0, **options):
        self.module = module_of(module)
        for name, value in {"lr": lr, **options}.items():
            if check_number(value, name) != value:
                raise ValueError(f"{name} is {value}: it must be a number")
        options = c.exact("recur_optimizer_options", kind, rate=lr, flags=flags, **options)
        self._handle = c.recur_optimizer_create(None, options, self.module.flat.size)

    @property
    def lr(self) -> float:
        return c.recur_optimizer_rate(self._handle)

    @lr.setter
    def lr(self, rate):
        c.recur_optimizer_set_rate(self._handle, rate)

    def scale(self, match, lr=1.0, weight_decay=1.0) -> None:
        """Own multiples of learning rate and weight decay for the tensors whose name contains match; lr=0 freezes them."""
        found = [t for t in self.module._tensors if match in t[0]]
        if not found:
            raise ValueError(f"no parameter's name contains {match!r}: there are {', '.join(self.module.params)}")
        for _, offset, count, _ in found:
            c.recur_optimizer_scale_range(self._handle, offset, count, lr, weight_decay)

    def zero_grad(self, set_to_none=True) -> None:
        self.module.zero_grad()

    def step(self, grad_scale=1.0) -> None:
        """One update. Passes that still wait for their backward are dropped: it would be wrong after the update."""
        module = self.module
        module._open()
        c.recur_optimizer_step(self._handle, module.flat, module.flat_grad, module.flat.size, grad_scale)
        module.forget()

    def __repr__(self):
        return f"{type(self).__name__}(lr={self.lr:g}, {self.module.flat.size} parameters)"


def adam_flags(betas, amsgrad):
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise TypeError(f"betas must be two numbers, not {betas!r}")
    return {"flags": c.RECUR_OPTIMIZER_AMSGRAD if amsgrad else 0, "beta1": betas[0], "beta2": betas[1]}


class SGD(Optimizer):
    def __init__(self, params, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
        if dampening:
            raise NotImplementedError("SGD: dampening is not there")
        flags = c.RECUR_OPTIMIZER_NESTEROV if nesterov else 0
        self._create(params, c.RECUR_OPTIMIZER_SGD, lr, flags, momentum=momentum, weight_decay=weight_decay)


class Adam(Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False):
        more = adam_flags(betas, amsgrad)
        self._create(params, c.RECUR_OPTIMIZER_ADAM, lr, epsilon=eps, weight_decay=weight_decay, **more)


class AdamW(Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False):
        more = adam_flags(betas, amsgrad)
        self._create(params, c.RECUR_OPTIMIZER_ADAMW, lr, epsilon=eps, weight_decay=weight_decay, **more)


class RMSprop(Optimizer):
    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
        flags = c.RECUR_OPTIMIZER_CENTRED if centered else 0
        self._create(params, c.RECUR_OPTIMIZER_RMSPROP, lr, flags, beta2=alpha, epsilon=eps, weight_decay=weight_decay,
                     momentum=momentum)  # fmt: skip


class Adagrad(Optimizer):
    def __init__(self, params, lr=1e-2, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10):
        if lr_decay or initial_accumulator_value:
            raise NotImplementedError("Adagrad: lr_decay and initial_accumulator_value are not there")
        self._create(params, c.RECUR_OPTIMIZER_ADAGRAD, lr, weight_decay=weight_decay, epsilon=eps)


class Adadelta(Optimizer):
    def __init__(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0):
        self._create(params, c.RECUR_OPTIMIZER_ADADELTA, lr, beta2=rho, epsilon=eps, weight_decay=weight_decay)


def clip_grad_norm_(parameters, max_norm, norm_type=2.0) -> float:
    """Scales the gradients of a module so that their norm is at most max_norm; gives the norm before."""
    grads = module_of(parameters).flat_grad
    if norm_type not in (2, 2.0, float("inf"), "inf"):
        raise ValueError(f"norm_type is {norm_type}: it is 2 or inf")
    if not check_number(max_norm, "max_norm") >= 0:
        raise ValueError(f"max_norm is {max_norm}: it must be at least 0")
    if max_norm == 0:
        raise ValueError("max_norm is 0: nothing would be left; zero_grad() empties gradients, grad_norm() measures them")
    return (c.recur_clip_norm if norm_type == 2 else c.recur_clip_norm_inf)(grads, grads.size, max_norm)


def grad_norm(parameters, norm_type=2.0) -> float:
    """The norm of the gradients of a module."""
    grads = module_of(parameters).flat_grad
    return (c.recur_clip_norm_inf if norm_type in (np.inf, "inf") else c.recur_clip_norm)(grads, grads.size, 0)


def clip_grad_value_(parameters, clip_value) -> None:
    """Limits every gradient of a module to [-clip_value, clip_value]."""
    grads = module_of(parameters).flat_grad
    c.recur_clip_value(grads, grads.size, clip_value)
