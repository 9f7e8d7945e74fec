"""From and to torch.nn. librecur's parameters have PyTorch's names, shapes and gate orders, so
weights are copied. What a torch module does beside its class's own forward is refused."""

from __future__ import annotations

import collections
import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import cells, layers, recurrent
from ..compose import Graph, Residual, Sequential
from ..module import Module
from . import _verify
from .gates import check_module, refuse_options

KNOWN = (
    "RNN, LSTM, GRU, their cells, Linear, Embedding, LayerNorm, RMSNorm, GroupNorm, BatchNorm1d, "
    "ReLU, Tanh, Sigmoid, Softsign, SiLU, ELU, GELU, PReLU, Softmax, GLU, Identity, Dropout and "
    "Sequential have"
)
HARMLESS = {"__init__", "__init_subclass__", "__annotate__", "__annotate_func__", "__repr__"}
HARMLESS |= {"extra_repr", "reset_parameters"}
HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


def refuse(why: Any) -> Any:
    raise NotImplementedError(f"from_torch: {why}")


def no_counterpart(name: str) -> Any:
    return NotImplementedError(f"{name} has no counterpart here; {KNOWN}")


# ---- from torch ---------------------------------------------------------------------------------


def from_torch(module: Any, verify: bool = True) -> Module:
    import torch  # type: ignore[import-not-found,unused-ignore]
    from torch import nn

    from .torch_conv import Turned, conv_chain, has_channels

    if not isinstance(module, nn.Module):
        raise TypeError(f"from_torch: a torch.nn.Module is needed, not {type(module).__name__}")
    check_parts(module)
    check_parameters(module)
    turned = has_channels(module)
    made = conv_chain(module, class_of) if turned else recur_of(module, None)
    tensors = folded(torch, module)
    arrays = {name: array_of(torch, name, value) for name, value in tensors.items()}
    if arrays:
        made.load_state_dict(arrays)
    if verify:
        theirs = copy.deepcopy(module).to("cpu", torch.float32).eval()
        theirs = Turned(theirs) if turned else theirs
        check("from_torch", "the torch module", made, theirs)
    converted: Module = made.train(module.training)
    return converted


def folded(torch: Any, module: Any) -> dict[str, Any]:
    """The tensors of the module, with the running statistics of a BatchNorm1d in its weight and
    bias."""
    tensors = dict(module.state_dict())
    for name, part in module.named_modules(remove_duplicate=False):
        if not isinstance(part, torch.nn.BatchNorm1d):
            continue
        prefix = f"{name}." if name else ""
        for what in ("running_mean", "running_var", "num_batches_tracked"):
            del tensors[prefix + what]
        mean, var = part.running_mean.double(), part.running_var.double()
        scale = 1 / (var + part.eps).sqrt()
        scale = scale if part.weight is None else part.weight.detach().double() * scale
        shift = 0 if part.bias is None else part.bias.detach().double()
        tensors[prefix + "weight"], tensors[prefix + "bias"] = scale, shift - mean * scale
    return tensors


def where(name: str, part: Any) -> str:
    return f"the {type(part).__name__}" + (f" {name!r}" if name else "")


def check_parts(module: Any) -> None:
    """Refuses what changes the numbers of a part beside its forward."""
    from torch.nn.utils import parametrize  # type: ignore[import-not-found,unused-ignore]

    for name, part in module.named_modules(remove_duplicate=False):
        if parametrize.is_parametrized(part):
            refuse(
                f"{where(name, part)} is parametrized (weight_norm, orthogonal ...): call "
                "torch.nn.utils.parametrize.remove_parametrizations on it first"
            )
        for hooks in HOOKS:
            if getattr(part, hooks, None):
                refuse(
                    f"{where(name, part)} has hooks in {hooks}, which can change its numbers: "
                    "remove them first (for weight_norm and prune there are remove functions)"
                )
        drops = getattr(part, "p", 0) or getattr(part, "dropout", 0)
        if drops and part.training != module.training:
            refuse(
                f"{where(name, part)} is in {'training' if part.training else 'eval'} mode and the "
                "whole is not: call train() or eval() on the whole module"
            )


def check_parameters(module: Any) -> None:
    """Refuses parameters that stand twice, and those that would be trained here and not there."""
    seen: dict[int, str] = {}
    for name, value in module.named_parameters(remove_duplicate=False):
        if id(value) in seen:
            refuse(
                f"{seen[id(value)]} and {name} are one parameter, and would be two here: give each "
                "part its own (copy.deepcopy) before the module is converted"
            )
        seen[id(value)] = name
        if module.training and not value.requires_grad:
            refuse(
                f"{name} is frozen (requires_grad=False), and would be trained here: convert the "
                "module in eval mode, and freeze with optimizer.scale(name, lr=0)"
            )
        if value._backward_hooks:
            refuse(f"{name} has hooks, which would change its gradient: remove them first")


def array_of(torch: Any, name: str, value: Any) -> npt.NDArray[Any]:
    kinds = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
    if not isinstance(value, torch.Tensor) or value.dtype not in kinds:
        refuse(f"{name} is {getattr(value, 'dtype', type(value).__name__)}: floats are needed")
    if value.is_meta:
        refuse(f"{name} is on the meta device, and has no numbers: load the weights first")
    made: npt.NDArray[Any] = value.detach().to("cpu", torch.float32).numpy()
    return made


def class_of(module: Any, kinds: Any) -> Any:
    """The one of these classes whose methods the module runs, or None. Refuses a subclass that
    overrides one of them."""
    found = next((kind for kind in kinds if isinstance(module, kind)), None)
    if found is None:
        return None
    names = dict(vars(module))
    for kind in type(module).__mro__[: type(module).__mro__.index(found)]:
        names.update(vars(kind))
    own = [name for name in names if name not in HARMLESS and callable(getattr(found, name, None))]
    if own:
        refuse(
            f"{type(module).__name__} has its own {', '.join(own)} in place of {found.__name__}'s, "
            "so it may compute something else. Convert the parts that it uses"
        )
    return found


def recur_of(module: Any, width: Any) -> Any:
    """The recur module, without the weights. width: how many features come in, where it is
    known."""
    from torch import nn

    from . import torch_modules as more
    from .torch_rows import FROM_TORCH

    if class_of(module, (more.Graph,)):
        return graph_of(module)
    kinds = (more.Residual, more.Chain, nn.Sequential)
    found = class_of(module, kinds)
    if found is not None:
        return chain_of(module, found, width)
    if class_of(module, (nn.RNN, nn.LSTM, nn.GRU)):
        return recurrent_of(module)
    if class_of(module, (nn.RNNCell,)):
        return cells.RNNCell(
            module.input_size, module.hidden_size, module.bias, module.nonlinearity
        )
    found = class_of(module, (nn.LSTMCell, nn.GRUCell))
    if found:
        return getattr(cells, found.__name__)(module.input_size, module.hidden_size, module.bias)
    if class_of(module, (nn.Linear,)):
        return layers.Linear(module.in_features, module.out_features, module.bias is not None)
    if class_of(module, (nn.Embedding,)):
        if module.max_norm is not None:
            refuse("an Embedding with max_norm is out of reach")
        if module.scale_grad_by_freq:
            refuse("an Embedding with scale_grad_by_freq trains in another way: it is out of reach")
        return layers.Embedding(module.num_embeddings, module.embedding_dim, module.padding_idx)
    if class_of(module, (nn.Dropout,)):
        return layers.Dropout(module.p, features=width)
    if class_of(module, (nn.LayerNorm,)):
        affine = (module.elementwise_affine, module.bias is not None)
        return layers.LayerNorm(module.normalized_shape, module.eps, *affine)
    found = class_of(module, tuple(FROM_TORCH))
    if found:
        return FROM_TORCH[found](module, width)
    if class_of(module, (more.Merge,)):
        return layers.Merge(module.way, features=width)
    if class_of(module, (more.Last,)):
        turned = {"direction": module.direction, "batch_first": module.batch_first}
        return layers.Last(features=width, **turned)
    raise no_counterpart(f"torch's {type(module).__name__}")


def stacked(module: Any) -> dict[str, Any]:
    """Arguments that RNN, LSTM and GRU of both libraries share."""
    names = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout")
    return {name: getattr(module, name) for name in (*names, "bidirectional")}


def recurrent_of(module: Any) -> Any:
    from torch import nn

    if isinstance(module, nn.RNN):
        return recurrent.RNN(**stacked(module), nonlinearity=module.nonlinearity)
    if isinstance(module, nn.LSTM):
        return recurrent.LSTM(**stacked(module), proj_size=module.proj_size)
    return recurrent.GRU(**stacked(module))


def chain_of(module: Any, found: Any, width: Any) -> Any:
    """A Sequential. Activations learn their features from the part before them, or after them."""
    from torch import nn

    inner = list(module._modules.items())
    if not inner:
        refuse("an empty Sequential has no counterpart: leave it out")
    for name, part in inner[:-1] if found is nn.Sequential else ():
        if gives_states(part):
            refuse(
                f"torch cannot run this Sequential: its part {name!r} gives (y, state) to the next "
                "one. Convert the parts and put them into a recur.Sequential, which passes on y"
            )
    width = first_width(module) if width is None else width
    parts: dict[str, Any] = collections.OrderedDict()
    for name, part in inner:
        made = recur_of(part, width)
        if getattr(made, "_layer", None) is None:
            refuse(
                f"the features of part {name!r}, {type(part).__name__}, are known from nothing in "
                "this Sequential: convert the parts alone, and give recur's features="
            )
        parts[name], width = made, made._info.output_size
    kind = Residual if found.__name__ == "Residual" else Sequential
    return kind(parts)


def graph_of(module: Any) -> Any:
    """A Graph, whose parts learn their features from what they take."""
    widths, before, parts = {None: module.input_size}, None, {}
    for name, part in module._modules.items():
        sources = module.sources[name]
        taken = sources or [(before, 0, 0)]
        made = recur_of(part, sum(n or widths[p] - b for p, b, n in taken))
        parts[name], widths[name], before = (made, sources or None), made._info.output_size, name
    return Graph(module.input_size, parts)


def gives_states(part: Any) -> bool:
    from torch import nn

    if type(part) is not nn.Sequential:
        return isinstance(part, (nn.RNN, nn.LSTM, nn.GRU))
    return len(part) > 0 and gives_states(part[-1])


def first_width(module: Any) -> Any:
    """The features that a torch module takes, or None if any number will do."""
    from torch import nn

    if isinstance(module, nn.Sequential):
        for part in module._modules.values():
            found = first_width(part)
            if found is not None or type(part).__name__ in ("Merge", "Embedding"):
                return found
        return None
    for name in ("input_size", "in_features", "num_features", "num_channels"):
        if hasattr(module, name) and not hasattr(module, "length"):
            return getattr(module, name)
    return getattr(module, "normalized_shape", (None,))[-1]


# ---- to torch -----------------------------------------------------------------------------------


def to_torch(module: Any, verify: bool = True) -> Any:
    import torch

    if not isinstance(module, Module):
        raise TypeError(f"a recur module is needed, not {type(module).__name__}")
    check_module(module, "to_torch")
    made = torch_of(module)
    with torch.no_grad():
        values = module.state_dict().items()
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in values}
        if tensors:
            made.load_state_dict(tensors)
    if verify:
        check("to_torch", "the recur module", module, made.eval(), swapped=True)
    return made.train(module.training)


def torch_of(module: Any) -> Any:
    from torch import nn

    from . import torch_modules as more
    from .torch_rows import torch_row

    if isinstance(module, Graph):
        inner = {name: torch_of(part) for name, part in module.named_children()}
        return more.Graph(module.input_size, inner, module._sources)
    if isinstance(module, Sequential):
        kind = more.Residual if isinstance(module, Residual) else more.Chain
        parts = ((name, torch_of(part)) for name, part in module.named_children())
        return kind(collections.OrderedDict(parts))
    if isinstance(module, (recurrent.Recurrent, cells.Cell)):
        return torch_recurrent(module)
    if isinstance(module, layers.Linear):
        return nn.Linear(module.in_features, module.out_features, module.bias_used)
    if isinstance(module, layers.Embedding):
        return nn.Embedding(module.num_embeddings, module.embedding_dim, module.padding_idx)
    if isinstance(module, layers.Dropout):
        return nn.Dropout(module.p)
    if isinstance(module, layers.LayerNorm):
        return nn.LayerNorm(module.normalized_shape, module.eps, bias=module.bias_used)
    if isinstance(module, layers.Merge):
        return more.Merge(module.way)
    row = torch_row(module)
    if row is not None:
        return row
    if isinstance(module, layers.Last):
        return more.Last(module.direction or "forward", module.batch_first)
    raise no_counterpart(type(module).__name__)


def torch_recurrent(module: Any) -> Any:
    from torch import nn

    refuse_options(module, but=("projection_size",))
    name = type(module).__name__
    if not hasattr(nn, name):
        raise no_counterpart(name)
    if getattr(module, "direction", "") == "reverse" or not getattr(module, "reset_after", True):
        raise NotImplementedError(
            "torch has no reverse-only layer, and no GRU with reset_after=False"
        )
    more = {"nonlinearity": module.nonlinearity} if hasattr(module, "nonlinearity") else {}
    if isinstance(module, cells.Cell):
        return getattr(nn, name)(module.input_size, module.hidden_size, module.bias, **more)
    if isinstance(module, recurrent.LSTM):
        more["proj_size"] = module.proj_size
    return getattr(nn, name)(**stacked(module), **more)


# ---- the check ----------------------------------------------------------------------------------


def first_of(module: Any) -> Any:
    return first_of(module.children()[0]) if isinstance(module, Sequential) else module


def samples_for(module: Any) -> list[Any]:
    """(x, state) in the forms that the module takes; state is None where it has none."""
    rng, start = _verify.random(), first_of(module)
    info = getattr(module, "_info", None)
    width = info.input_size if info is not None else 4
    found: list[tuple[Any, Any]] = []
    for steps, batch in _verify.SIZES:
        lead: tuple[int, ...] = (batch,)
        if module.over_time:
            lead = (batch, steps) if module.batch_first else (steps, batch)
        if isinstance(start, layers.Embedding):
            x = rng.integers(0, start.num_embeddings, lead)
        else:
            x = _verify.numbers(rng, *lead, width)
        found.append((x, None))
        if isinstance(module, recurrent.Recurrent):
            zeros = module.state(batch)
            values = [_verify.numbers(rng, *zeros.shape(name)) for name in module.states]
        elif isinstance(module, cells.Cell):
            values = [_verify.numbers(rng, batch, module.hidden_size) for _ in module.states]
        else:
            continue
        found.append((x, tuple(values) if len(values) > 1 else values[0]))
    return found


def leaves(value: Any) -> list[Any]:
    """The arrays in a result: y, (y, h), (y, (h, c)), (h, c)."""
    return [leaf for v in value for leaf in leaves(v)] if isinstance(value, tuple) else [value]


def check(converter: Any, other: Any, module: Any, theirs: Any, swapped: bool = False) -> None:
    """Runs samples through a recur module and a torch one, which is in eval mode."""
    import torch

    view = _verify.evaluating(module)

    def run(sample: Any) -> list[Any]:
        x, state = sample
        given: list[Any] = [torch.from_numpy(a) for a in (x, *leaves(state)) if a is not None]
        if len(given) > 2:
            given[1:] = [tuple(given[1:])]
        with torch.no_grad():
            ended = leaves(theirs(*given))
        if state is None and not swapped and not isinstance(module, cells.Cell):
            _verify.keep(module, x, ended[0])
        ours = leaves(view(x) if state is None else view(x, state))
        pairs = [(a, b.numpy()) for a, b in zip(ours, ended)]
        names = [f"output {i}" for i in range(len(pairs))]
        return [(n, *(pair[::-1] if swapped else pair)) for n, pair in zip(names, pairs)]

    _verify.check(converter, other, samples_for(module), run)
