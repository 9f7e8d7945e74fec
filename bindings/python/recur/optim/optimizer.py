"""What all update rules have in common: groups of parameters, options, steps, states."""

from __future__ import annotations

from typing import Any, Callable, Dict

import numpy as np

from .. import c, settings
from .._arrays import floats
from .._numbers import check_number
from .._parameters import arrays_of, is_module, pieces_of

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
