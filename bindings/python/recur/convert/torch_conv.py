"""Torch chains of Conv1d. Torch has [B][channels][T] there and recur [B][T][channels], so the chain
is converted as a whole: every part has to be one that knows its channels or needs none."""

from __future__ import annotations

import collections
from typing import Any

from torch import nn  # type: ignore[import-not-found,unused-ignore]

from .. import convolution, layers
from ..compose import Sequential
from . import torch_modules as more
from .torch_rows import FROM_TORCH, batch_norm, refuse

EACH = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Softsign, nn.SiLU, nn.ELU, nn.GELU, nn.Identity, nn.PReLU)
PADS = (nn.ZeroPad1d, nn.ConstantPad1d)


def is_conv(module: Any) -> bool:
    own = (more.ConvRow, more.ConvTime)
    return isinstance(module, nn.Conv1d) and not isinstance(module, own)


def has_channels(module: Any) -> bool:
    """Whether a module is a Conv1d, or a chain with one."""
    if isinstance(module, nn.Sequential):
        return any(is_conv(part) for part in module)
    return is_conv(module)


class Turned(nn.Module):  # type: ignore[misc,unused-ignore]
    """A module of [B][channels][T] that takes and gives [B][T][channels]."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Any) -> Any:
        return self.inner(x.transpose(1, 2)).transpose(1, 2)


def conv_of(module: Any, before: tuple[int, int]) -> Any:
    """A ConvTime, if with all its zeros the convolution gives a step for each step."""
    if module.stride[0] != 1:
        refuse(f"a Conv1d with stride={module.stride[0]} gives fewer steps: it is out of reach")
    if module.padding_mode != "zeros":
        refuse(f"a Conv1d with padding_mode={module.padding_mode!r} over time is out of reach")
    kernel, dilation = module.kernel_size[0], module.dilation[0]
    reach = (kernel - 1) * dilation
    own = module.padding if isinstance(module.padding, str) else module.padding[0]
    ends = {"valid": (0, 0), "same": (reach // 2, reach - reach // 2)}.get(own, (own, own))
    left, right = (a + b for a, b in zip(before, ends))
    if left + right != reach:
        refuse(
            f"a Conv1d of kernel {kernel}, dilation {dilation} with {left} zeros before and "
            f"{right} behind gives {left + right - reach:+d} steps: recur's gives one for each, so "
            f"pad {reach} in all, as nn.ZeroPad1d(({reach}, 0)) does for a causal one"
        )
    return convolution.ConvTime(
        module.in_channels,
        module.out_channels,
        kernel,
        dilation,
        module.groups,
        module.bias is not None,
        ahead=right,
        batch_first=True,
    )


def pads_of(module: Any) -> tuple[int, int]:
    if getattr(module, "value", 0):
        refuse(f"a ConstantPad1d with {module.value} is out of reach: recur's pads with zeros")
    left, right = module.padding
    if min(left, right) < 0:
        refuse(f"padding {(left, right)} takes steps away: it is out of reach")
    return int(left), int(right)


def conv_chain(module: Any, class_of: Any) -> Any:
    """The module for a Conv1d, or for a Sequential with some."""
    if class_of(module, (nn.Conv1d,)):
        return conv_of(module, (0, 0))
    class_of(module, (nn.Sequential,))
    parts: dict[str, Any] = collections.OrderedDict()
    width, waiting = None, (0, 0)
    for name, part in module._modules.items():
        if class_of(part, PADS):
            left, right = pads_of(part)
            waiting = (waiting[0] + left, waiting[1] + right)
            continue
        if class_of(part, (nn.Conv1d,)):
            made, waiting = conv_of(part, waiting), (0, 0)
        else:
            made = by_channel(part, class_of, width)
        if waiting != (0, 0):
            refuse(f"part {name!r}: padding must stand right before a Conv1d")
        parts[name], width = made, made._info.output_size
    if waiting != (0, 0):
        refuse("the last part pads: padding must stand right before a Conv1d")
    return Sequential(parts)


def by_channel(part: Any, class_of: Any, width: Any) -> Any:
    """A part between convolutions, which treats every step by itself."""
    if class_of(part, (nn.BatchNorm1d,)):
        return batch_norm(part, width)
    found = class_of(part, (*EACH, nn.Dropout))
    if not found or width is None:
        refuse(
            f"a {type(part).__name__} {'before' if found else 'in a chain with'} a Conv1d is out "
            "of reach: Conv1d, padding, BatchNorm1d, PReLU, Dropout and activations are understood"
        )
    if found is nn.Dropout:
        return layers.Dropout(part.p, features=width)
    return FROM_TORCH[found](part, width)
