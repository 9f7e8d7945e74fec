"""Torch modules that treat every row by itself, or are convolutions: from torch and to torch."""

from __future__ import annotations

from typing import Any

from torch import nn  # type: ignore[import-not-found,unused-ignore]

from .. import convolution, layers
from . import torch_modules as more


def refuse(why: str) -> Any:
    raise NotImplementedError(f"from_torch: {why}")


def plain(kind: Any) -> Any:
    return lambda module, width: kind(features=width)


def elu(module: Any, width: Any) -> Any:
    if module.alpha != 1:
        refuse(f"an ELU with alpha={module.alpha} is out of reach: it is 1 here")
    return layers.ELU(features=width)


def gelu(module: Any, width: Any) -> Any:
    if module.approximate != "none":
        refuse(f"a GELU with approximate={module.approximate!r} is out of reach: it is exact here")
    return layers.GELU(features=width)


def last_axis(module: Any) -> None:
    if module.dim != -1:
        name = type(module).__name__
        refuse(f"a {name} with dim={module.dim} is out of reach: features are the last, dim=-1")


def softmax(module: Any, width: Any) -> Any:
    last_axis(module)
    return layers.Softmax(features=width)


def glu(module: Any, width: Any) -> Any:
    last_axis(module)
    return layers.Merge("gate", features=width)


def prelu(module: Any, width: Any) -> Any:
    if module.num_parameters > 1:
        return layers.PReLU(module.num_parameters)
    if width is None:
        refuse("a PReLU of one weight takes any number of features, and it is not known here")
    return layers.PReLU(1, length=width)


def rms_norm(module: Any, width: Any) -> Any:
    if not module.elementwise_affine:
        refuse("an RMSNorm without a weight is out of reach: elementwise_affine=True has one")
    return layers.RMSNorm(module.normalized_shape, module.eps)


def group_norm(module: Any, width: Any) -> Any:
    if not module.affine:
        refuse("a GroupNorm without a weight is out of reach: affine=True has one")
    length = getattr(module, "length", 1)
    return layers.GroupNorm(module.num_groups, module.num_channels, module.eps, length=length)


def batch_norm(module: Any, width: Any) -> Any:
    if module.training:
        refuse("a BatchNorm1d in training mode is out of reach: call eval() on the whole first")
    if module.running_mean is None:
        refuse("a BatchNorm1d without running statistics depends on the batch: it is out of reach")
    return layers.Affine(module.num_features)


def affine(module: Any, width: Any) -> Any:
    return layers.Affine(module.channels, module.length, module.bias is not None)


def own_prelu(module: Any, width: Any) -> Any:
    return layers.PReLU(module.channels, length=module.length)


def conv_sizes(module: Any) -> tuple[Any, Any, Any]:
    return module.in_channels, module.out_channels, module.kernel_size[0]


def conv_row(module: Any, width: Any) -> Any:
    return convolution.ConvRow(
        *conv_sizes(module),
        stride=module.stride[0],
        dilation=module.dilation[0],
        groups=module.groups,
        bias=module.bias is not None,
        padding=module.pads,
        padding_mode="reflect" if module.mode == "reflect" else "zeros",
        length=module.length,
    )


def conv_time(module: Any, width: Any) -> Any:
    return convolution.ConvTime(
        *conv_sizes(module),
        dilation=module.dilation[0],
        groups=module.groups,
        bias=module.bias is not None,
        ahead=module.ahead,
        batch_first=module.batch_first,
    )


# Classes of recur.convert.torch_modules stand before those of torch that they are made from.
FROM_TORCH: dict[Any, Any] = {
    more.ConvRow: conv_row,
    more.ConvTime: conv_time,
    more.Affine: affine,
    more.PReLU: own_prelu,
    more.GroupNorm: group_norm,
    nn.GroupNorm: group_norm,
    nn.BatchNorm1d: batch_norm,
    nn.RMSNorm: rms_norm,
    nn.PReLU: prelu,
    nn.Softmax: softmax,
    nn.GLU: glu,
    nn.ELU: elu,
    nn.GELU: gelu,
    **{
        getattr(nn, kind.__name__): plain(kind)
        for kind in (layers.ReLU, layers.Tanh, layers.Sigmoid, layers.Softsign)
    },
    nn.SiLU: plain(layers.SiLU),
    nn.Identity: plain(layers.Identity),
}


# ---- to torch -----------------------------------------------------------------------------------


def torch_row(module: Any) -> Any:
    """The torch module, or None if there is none."""
    if isinstance(module, layers.Activation):
        kind = type(module).__name__
        return None if isinstance(module, layers.HardSigmoid) else getattr(nn, kind)()
    if isinstance(module, layers.Softmax):
        return nn.Softmax(-1)
    if isinstance(module, layers.RMSNorm):
        return nn.RMSNorm(module.normalized_shape, module.eps)
    if isinstance(module, layers.GroupNorm):
        sizes = (module.num_groups, module.channels, module.eps)
        return more.GroupNorm(*sizes, length=module.length)
    if isinstance(module, layers.Affine):
        return more.Affine(module.channels, module.length, module.bias_used)
    if isinstance(module, layers.PReLU):
        return more.PReLU(module.channels, module.length)
    return torch_conv(module) if isinstance(module, convolution.Convolution) else None


def torch_conv(module: Any) -> Any:
    ends: dict[str, Any]
    options: dict[str, Any] = {"dilation": module.dilation, "groups": module.groups}
    options["bias"] = module.bias_used
    sizes = (module.in_channels, module.out_channels, module.kernel_size)
    if isinstance(module, convolution.ConvTime):
        ends = {"ahead": module.ahead, "batch_first": module.batch_first}
        return more.ConvTime(*sizes, **ends, **options)
    mode = "reflect" if module.padding_mode == "reflect" else "constant"
    ends = {"length": module.length, "pads": module.padding, "mode": mode}
    return more.ConvRow(*sizes, stride=module.stride, **ends, **options)
