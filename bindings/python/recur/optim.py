"""Update rules and clipping over the parameters of modules; names, orders and defaults are
PyTorch's.

adam = Adam(net, lr=0.01)                       # or net.parameters()
sgd = SGD([{"params": net.rnn}, {"params": net.fc, "lr": 0.1}], lr=0.01, momentum=0.9)
sgd.param_groups[1]["lr"] /= 2
"""

from __future__ import annotations

from typing import Any, Callable, Dict

import numpy as np

from . import c, settings
from ._arrays import floats
from ._numbers import check_number
from ._parameters import arrays_of, is_module, pieces_of

MOMENTS = {  # PyTorch's names of the moments in a file
    "sgd": {"momentum": "momentum_buffer"},
    "rmsprop": {"v": "square_avg", "mean": "grad_avg", "momentum": "momentum_buffer"},
    "adagrad": {"sum": "sum"},
    "adadelta": {"v": "square_avg", "delta": "acc_delta"},
}
ADAM_MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"}
FLAGS = {
    "nesterov": c.RECUR_OPTIMIZER_NESTEROV,
    "amsgrad": c.RECUR_OPTIMIZER_AMSGRAD,
    "centered": c.RECUR_OPTIMIZER_CENTRED,
    "decoupled_weight_decay": c.RECUR_OPTIMIZER_DECOUPLED,
}
OPTIONS = {
    "lr": "rate",
    "momentum": "momentum",
    "eps": "epsilon",
    "weight_decay": "weight_decay",
    "alpha": "beta2",
    "rho": "beta2",
    "dampening": "dampening",
    "lr_decay": "rate_decay",
    "initial_accumulator_value": "accumulator",
    "momentum_decay": "momentum_decay",
}
HINTS = ("foreach", "fused")  # how PyTorch computes, which changes no number
REFUSED = ("capturable", "differentiable")


def check_hints(kind: Any, hints: Any) -> None:
    for name, value in hints.items():
        if name in REFUSED and not value or name in HINTS:
            continue
        if name in REFUSED:
            raise NotImplementedError(
                f"{kind}: {name}=True is for PyTorch's graphs, which are not there: leave it out"
            )
        raise TypeError(f"{kind} has no option {name!r}")


class ParamGroup(Dict[str, Any]):
    """The options of some parameters by PyTorch's names. What is written takes effect at the next
    step."""

    _optimizer: Any

    def _bind(self, optimizer: Any) -> Any:
        object.__setattr__(self, "_optimizer", optimizer)
        return self

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def update(self, *given: Any, **more: Any) -> None:
        new = dict(*given, **more)
        if "params" in new and new["params"] is not self.get("params"):
            raise ValueError(
                "the parameters of a group are fixed: make a new optimizer, or use add_param_group"
            )
        self._optimizer._change(self, {**self, **new})
        dict.update(self, new)

    def setdefault(self, name: str, value: Any = None) -> Any:
        if name not in self:
            self[name] = value
        return self[name]

    def __delitem__(self, name: str) -> Any:
        raise TypeError(
            f"{name!r} cannot be taken out of a group of parameters: write another value"
        )

    def pop(self, name: str, *default: Any) -> None:
        del self[name]

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class Optimizer:
    """step() moves parameters against their gradients.

    `params` is a module, its parameters (net.parameters(), or some of them), or a list of groups:
    dicts with "params" and options that differ from the others. `param_groups[0]["lr"]`, and every
    other option there, may be read and written between steps; `lr` is short for it."""

    kind: Any = 0
    defaults: dict[str, Any]
    param_groups: list[ParamGroup]
    _pieces: list[Any]

    def __init__(self, params: Any, options: Any, hints: Any = None) -> None:
        name = type(self).__name__
        check_hints(name, hints or {})
        vars(self).update(defaults=options, param_groups=[], _pieces=[])
        if isinstance(params, dict):
            params = [params]
        groups = (
            params
            if isinstance(params, (list, tuple)) and params and isinstance(params[0], dict)
            else [{"params": params}]
        )
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: Any) -> None:
        """More parameters, with options of their own: {"params": net.fc, "lr": 0.1}."""
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise TypeError(f'a group is a dict with "params", not {param_group!r}')
        arrays = arrays_of(param_group["params"])
        group = {**self.defaults, **param_group, "params": arrays}
        unknown = set(group) - set(self.defaults) - {"params", "initial_lr", *HINTS, *REFUSED}
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no option {', '.join(sorted(unknown))}: it has "
                f"{', '.join(self.defaults)}"
            )
        pieces = pieces_of(arrays)
        if not arrays and is_module(param_group["params"]):
            param_group["params"]._open()
        taken = [(p.module, p.offset, p.count) for p, _, _ in self._pieces]
        made = []
        options = self._c_options(group)
        for piece, members in pieces:
            for module, offset, count in taken:
                if (
                    module is piece.module
                    and offset < piece.offset + piece.count
                    and piece.offset < offset + count
                ):
                    raise ValueError(
                        "a parameter is in two groups, or twice in one: each may be there once"
                    )
            taken.append((piece.module, piece.offset, piece.count))
            piece.handle = c.recur_optimizer_create(None, options, piece.count)
            made.append(piece)
        if not pieces:  # a module without parameters
            c.recur_optimizer_create(None, options, 0)
        bound = ParamGroup(group)._bind(self)
        self.param_groups.append(bound)
        self._pieces += [(piece, bound, members) for piece, members in pieces]

    # ---- options ---------------------------------------------------------------------------------

    def _c_options(self, group: Any) -> Any:
        """The C options of a group."""
        members, flags = {}, 0
        for name in self.defaults:
            value = group[name]
            if name == "betas":
                if not isinstance(value, (tuple, list)) or len(value) != 2:
                    raise TypeError(f"betas must be two numbers, not {value!r}")
                members["beta1"], members["beta2"] = (
                    self._number(value[0], "betas[0]"),
                    self._number(value[1], "betas[1]"),
                )
            elif name in FLAGS:
                flags |= FLAGS[name] if value else 0
            elif name != "maximize":
                members[OPTIONS[name]] = self._number(value, name)
        return c.exact("recur_optimizer_options", self.kind, flags=flags, **members)

    @staticmethod
    def _number(value: Any, name: str) -> Any:
        number = check_number(value, name)
        if number != number:
            raise ValueError(f"{name} is {value}: it must be a number")
        return number

    def _change(self, group: Any, new: Any) -> None:
        if all(new.get(name) is group.get(name) for name in self.defaults):
            return
        options = self._c_options(new)
        for piece, own, _ in self._pieces:
            if own is group:
                c.recur_optimizer_set_options(piece.handle, options)

    @property
    def lr(self) -> float:
        return float(self.param_groups[0]["lr"])

    @lr.setter
    def lr(self, rate: float) -> None:
        if len(self.param_groups) > 1:
            raise AttributeError(
                f"there are {len(self.param_groups)} groups: write param_groups[i]['lr']"
            )
        self.param_groups[0]["lr"] = rate

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "lr" and name in (*self.defaults, "defaults", "param_groups"):
            raise AttributeError(
                f"{type(self).__name__}.{name} cannot be written: "
                f"optimizer.param_groups[0][{name!r}] can"
            )
        super().__setattr__(name, value)

    @property
    def module(self) -> Any:
        """The module whose parameters these are, if it is one."""
        modules = list({id(piece.module): piece.module for piece, _, _ in self._pieces}.values())
        return modules[0] if len(modules) == 1 else None

    def scale(self, match: str | None, lr: float = 1.0, weight_decay: float = 1.0) -> None:
        """Own multiples of learning rate and weight decay for the tensors whose name contains
        match; lr=0 freezes them."""
        found, names = [], []
        for piece, _, _ in self._pieces:
            for name, offset, count, _ in piece.module._tensors:
                if piece.offset <= offset and offset + count <= piece.offset + piece.count:
                    names.append(name)
                    if match in name:
                        found.append((piece, offset - piece.offset, count))
        if not found:
            raise ValueError(
                f"no parameter's name contains {match!r}: there are {', '.join(names)}"
            )
        for piece, offset, count in found:
            c.recur_optimizer_scale_range(piece.handle, offset, count, lr, weight_decay)

    # ---- steps -----------------------------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        for piece, _, _ in self._pieces:
            piece.grads[:] = 0

    def step(self, closure: Callable[[], Any] | None = None, grad_scale: float = 1.0) -> Any:
        """One update. Passes that still wait for their backward are dropped: it would be wrong
        after the update. A closure is called first, as PyTorch does, and its result comes back."""
        if closure is not None and not callable(closure):
            closure, grad_scale = None, closure
        result = closure() if closure is not None else None
        for piece, group, _ in self._pieces:
            scale = -grad_scale if group.get("maximize") else grad_scale
            c.recur_optimizer_step(piece.handle, piece.values, piece.grads, piece.count, scale)
        for module in {id(piece.module): piece.module for piece, _, _ in self._pieces}.values():
            module.forget()
        return result

    # ---- keeping ---------------------------------------------------------------------------------

    def _handles(self, prefix: str) -> list[Any]:
        """What a file keeps: one optimizer of the library for each piece, with its prefix."""
        if len(self._pieces) == 1:
            return [(prefix, self._pieces[0][0].handle)]
        return [(f"{prefix}{i}.", piece.handle) for i, (piece, _, _) in enumerate(self._pieces)]

    def _numbers(self) -> Any:
        """Of each group: where its parameters begin among all of them."""
        starts, at = {}, 0
        for group in self.param_groups:
            starts[id(group)] = at
            at += len(group["params"])
        return starts

    def state_dict(self) -> dict[str, Any]:
        """PyTorch's form: {"state": {number: {"step", "exp_avg", ...}}, "param_groups": [...]},
        with copies of the moments."""
        starts, state = self._numbers(), {}
        for piece, group, members in self._pieces:
            file, names, steps = _moments(piece.handle)
            if steps == 0:
                continue
            for index, first in members:
                shape = group["params"][index].shape
                count = int(np.prod(shape, dtype=np.int64))
                moments = {
                    ours: values[first : first + count].reshape(shape).copy()
                    for ours, values in file.items()
                }
                state[starts[id(group)] + index] = {
                    "step": steps,
                    **{names[ours]: m for ours, m in moments.items()},
                }
        groups = []
        for group in self.param_groups:
            first = starts[id(group)]
            groups.append({**group, "params": list(range(first, first + len(group["params"])))})
        return {"state": dict(sorted(state.items())), "param_groups": groups}

    def load_state_dict(self, state_dict: Any) -> None:
        """What state_dict() gave, or PyTorch's of the same parameters: all of it, or an error and
        nothing."""
        groups, state, starts = state_dict["param_groups"], state_dict["state"], self._numbers()
        theirs = [len(group["params"]) for group in groups]
        if theirs != [len(group["params"]) for group in self.param_groups]:
            ours = [len(group["params"]) for group in self.param_groups]
            raise ValueError(
                f"the state is of groups of {theirs} parameters, the optimizer has groups of {ours}"
            )
        options = []
        for own, group in zip(self.param_groups, groups):
            known = {name: group[name] for name in (*self.defaults, "initial_lr") if name in group}
            self._c_options({**own, **known})
            options.append(known)
        order = [number for group in groups for number in group["params"]]
        files = [
            (piece.handle, self._file_of(piece, group, members, state, order, starts))
            for piece, group, members in self._pieces
        ]
        for own, known in zip(self.param_groups, options):
            own.update(known)
        for handle, file in files:
            c.recur_file_get_optimizer(file, "", handle)

    def _file_of(
        self, piece: Any, group: Any, members: Any, state: Any, order: Any, starts: Any
    ) -> Any:
        """A file in memory with the moments of a piece."""
        moments, names, _ = _moments(piece.handle)
        steps = set()
        for values in moments.values():
            values[:] = group.get("initial_accumulator_value", 0)
        for index, first in members:
            number = order[starts[id(group)] + index]
            given = state.get(number, {})
            steps.add(int(given.get("step", 1 if given else 0)))
            shape = group["params"][index].shape
            for ours, values in moments.items():
                value = given.get(names[ours]) if given else None
                if given and value is None:
                    raise ValueError(
                        f"the state of parameter {number} has no {names[ours]}, which "
                        f"{type(self).__name__} needs"
                    )
                if value is not None:
                    part = floats(value, names[ours], shape)
                    values[first : first + part.size] = part.ravel()
        if len(steps) > 1:
            raise ValueError(
                f"neighbouring parameters have made {sorted(steps)} steps: here all of a group "
                "make the same"
            )
        return _file_with(piece.handle, moments, steps.pop())

    def __repr__(self) -> str:
        count = sum(piece.count for piece, _, _ in self._pieces)
        groups = f" in {len(self.param_groups)} groups" if len(self.param_groups) > 1 else ""
        return f"{type(self).__name__}(lr={self.lr:g}, {count} parameters{groups})"


def _moments(handle: Any) -> tuple[Any, ...]:
    """(moments by the library's names, PyTorch's names, steps made) of an optimizer of the
    library."""
    file = c.recur_file_open_memory(settings.handle_of(None), None, 0)
    c.recur_file_put_optimizer(file, "", handle)
    kind, steps = c.recur_file_metadata(file, "kind"), int(c.recur_file_metadata(file, "step"))
    moments = {}
    for i in range(c.recur_file_tensor_count(file)):
        info = c.recur_file_tensor_info(file, i)
        moments[info.name] = np.empty(info.count, np.float32)
        c.recur_file_read(file, info.name, moments[info.name], info.count)
    return moments, MOMENTS.get(kind, ADAM_MOMENTS), steps


def _file_with(handle: Any, moments: Any, steps: int) -> Any:
    """A file in memory as that of an optimizer of the library, with other moments."""
    old = c.recur_file_open_memory(settings.handle_of(None), None, 0)
    c.recur_file_put_optimizer(old, "", handle)
    file = c.recur_file_open_memory(settings.handle_of(None), None, 0)
    for key in ("kind", "flags", "count"):
        c.recur_file_set_metadata(file, key, c.recur_file_metadata(old, key))
    c.recur_file_set_metadata(file, "step", str(steps))
    for name, values in moments.items():
        c.recur_file_add(file, c.recur_tensor(name=name, rank=1, dim=values.shape), values)
    return file


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


# ---- clipping ------------------------------------------------------------------------------------


def _gradients(parameters: Any) -> list[Any]:
    """The gradients of a module, or of parameters, as pieces."""
    if is_module(parameters) and "_layer" in vars(parameters):
        parameters._open()
        return [parameters.flat_grad]
    return [piece.grads for piece, _ in pieces_of(arrays_of(parameters))]


def _norm(pieces: Any, norm_type: float | str) -> float:
    order = float(np.inf) if norm_type == "inf" else check_number(norm_type, "norm_type")
    if order != order:
        raise ValueError(f"norm_type is {norm_type}: it is a number, such as 2, 1 or inf")
    pieces = [piece for piece in pieces if piece.size]
    if order == 2:
        parts = [c.recur_clip_norm(piece, piece.size, 0) for piece in pieces]
        return parts[0] if len(parts) == 1 else float(np.sqrt(sum(part * part for part in parts)))
    if order == np.inf:
        return max((c.recur_clip_norm_inf(piece, piece.size, 0) for piece in pieces), default=0.0)
    sizes = np.abs(np.concatenate(pieces or [np.zeros(0, np.float32)]), dtype=np.float64)
    if order == -np.inf:
        return float(sizes.min(initial=np.inf)) if sizes.size else 0.0
    if order == 0:
        return float(np.count_nonzero(sizes))
    with np.errstate(divide="ignore"):
        return float((sizes**order).sum() ** (1 / order))


def grad_norm(parameters: Any, norm_type: float | str = 2.0) -> float:
    """The norm of the gradients of a module, or of parameters, as one vector: norm_type is 2, 1,
    inf or any other number.

    >>> import recur
    >>> net = recur.Linear(4, 1, bias=False)
    >>> net.flat_grad[:] = [1, 2, 3, 4]
    >>> recur.grad_norm(net, 1)
    10.0
    """
    return _norm(_gradients(parameters), norm_type)


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float | str = 2.0,
    error_if_nonfinite: bool = False,
    foreach: Any = None,
) -> float:
    """Scales the gradients of a module, or of parameters, so that their norm is at most max_norm;
    gives the norm before.

    A norm that is not finite leaves gradients alone, or with error_if_nonfinite is an error.

    >>> import numpy as np, recur
    >>> fc = recur.Linear(2, 1)
    >>> fc.flat_grad[:] = [3.0, 4.0, 0.0]
    >>> float(recur.clip_grad_norm_(fc.parameters(), 1.0))
    5.0
    >>> fc.flat_grad.round(2).tolist() == np.array([0.6, 0.8, 0.0], np.float32).tolist()
    True
    """
    pieces = _gradients(parameters)
    if not check_number(max_norm, "max_norm") >= 0:
        raise ValueError(f"max_norm is {max_norm}: it must be at least 0")
    if max_norm == 0:
        raise ValueError(
            "max_norm is 0: nothing would be left; zero_grad() empties gradients, grad_norm() "
            "measures them"
        )
    if len(pieces) == 1 and norm_type in (2, np.inf, "inf"):
        run = c.recur_clip_norm if norm_type == 2 else c.recur_clip_norm_inf
        norm = run(pieces[0], pieces[0].size, 0 if error_if_nonfinite else max_norm)
    else:
        norm = _norm(pieces, norm_type)
    if error_if_nonfinite:
        if not np.isfinite(norm):
            raise RuntimeError(
                f"the norm of the gradients is {norm}: they are left alone (error_if_nonfinite)"
            )
        return clip_grad_norm_(parameters, max_norm, norm_type)
    scale = max_norm / (norm + 1e-6)
    if not (len(pieces) == 1 and norm_type in (2, np.inf, "inf")) and scale < 1:
        for piece in pieces:
            piece *= np.float32(scale)
    made: float = norm
    return made


def clip_grad_value_(parameters: Any, clip_value: float, foreach: Any = None) -> None:
    """Limits every gradient of a module, or of parameters, to [-clip_value, clip_value].

    >>> import numpy as np, recur
    >>> fc = recur.Linear(2, 1)
    >>> fc.flat_grad[:] = [3.0, 4.0, 0.0]
    >>> recur.clip_grad_value_(fc.parameters(), 3.5)
    >>> fc.flat_grad.tolist()
    [3.0, 3.5, 0.0]
    """
    for piece in _gradients(parameters):
        c.recur_clip_value(piece, piece.size, clip_value)
