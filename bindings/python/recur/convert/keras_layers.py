"""Layers of Keras that are no recurrent ones. Each function takes what collects the parts, the
account of a layer and its input, and gives its output."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import convolution, layers
from .keras_config import Layer, activation, loaded


def dense(net: Any, layer: Layer, x: Any) -> Any:
    bias = layer.read("use_bias", True)
    kernel, *b = net.weights.take(2 if bias else 1, "Dense")
    units = layer.read("units", kernel.shape[-1])
    right = kernel.ndim == 2 and units == kernel.shape[-1]
    layer.refuse_unless(right, f"units is {units}, its array has shape {kernel.shape}")
    part = layers.Linear(kernel.shape[0], kernel.shape[1], bias)
    y = net.part(loaded(part, weight=kernel.T, **({"bias": b[0]} if bias else {})), x)
    return net.chain(activation(layer, layer.read("activation", "linear"), net.logits), y)


def embedding(net: Any, layer: Layer, x: Any) -> Any:
    masked = layer.read("mask_zero")
    if masked:
        net.needs_packed(layer, "mask_zero=True", x)
    (matrix,) = net.weights.take(1, layer.name)
    told = tuple(layer.read(k, n) for k, n in zip(("input_dim", "output_dim"), matrix.shape))
    layer.refuse_unless(told == matrix.shape, f"it is {told}, its array has shape {matrix.shape}")
    y = net.part(loaded(layers.Embedding(*matrix.shape), weight=matrix), x, steps=True)
    y.masked = bool(masked)
    return y


def masking(net: Any, layer: Layer, x: Any) -> Any:
    net.needs_packed(layer, "a mask", x)
    net.padding = float(layer.read("mask_value", 0.0))
    return x.with_mask()


def last_axis(layer: Layer, x: Any) -> None:
    axis = layer.read("axis", -1)
    axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
    rank = {True: 3, False: 2}.get(x.steps)
    right = axis == -1 or rank is not None and axis == rank - 1
    layer.refuse_unless(right, f"axis {axis!r} is out of reach: features are the last axis")


def layer_norm(net: Any, layer: Layer, x: Any) -> Any:
    center = layer.read("center", True)
    last_axis(layer, x)
    own = layer.read("scale", True) and not layer.read("rms_scaling")
    layer.refuse_unless(own, "it needs a scale of its own, and a mean")
    gamma, *beta = net.weights.take(2 if center else 1, layer.name)
    part = layers.LayerNorm(gamma.size, layer.read("epsilon", 1e-3), bias=center)
    return net.part(loaded(part, weight=gamma, **({"bias": beta[0]} if center else {})), x)


def rms_norm(net: Any, layer: Layer, x: Any) -> Any:
    last_axis(layer, x)
    (gamma,) = net.weights.take(1, layer.name)
    return net.part(
        loaded(layers.RMSNorm(gamma.size, layer.read("epsilon", 1e-6)), weight=gamma), x
    )


def batch_norm(net: Any, layer: Layer, x: Any) -> Any:
    """As in inference: a scale and a shift for each feature, folded in double precision."""
    last_axis(layer, x)
    layer.off("renorm", "virtual_batch_size", "adjustment")
    for key in ("renorm_clipping", "renorm_momentum"):  # of what is off
        layer.read(key)
    scale, center = layer.read("scale", True), layer.read("center", True)
    arrays = net.weights.take(2 + bool(scale) + bool(center), layer.name)
    *affine, mean, variance = (np.asarray(a, np.float64) for a in arrays)
    gamma = affine.pop(0) if scale else np.ones_like(mean)
    beta = affine.pop(0) if center else np.zeros_like(mean)
    weight = gamma / np.sqrt(variance + layer.read("epsilon", 1e-3))
    return net.part(
        loaded(layers.Affine(mean.size), weight=weight, bias=beta - mean * weight), x
    )


def group_norm(net: Any, layer: Layer, x: Any) -> Any:
    last_axis(layer, x)
    layer.refuse_unless(
        x.steps is False, "over steps it takes its mean over all of them: it is out of reach"
    )
    both = layer.read("scale", True) and layer.read("center", True)
    layer.refuse_unless(both, "it needs scale and center")
    gamma, beta = net.weights.take(2, layer.name)
    groups = layer.number("groups", 32)
    groups = gamma.size if groups == -1 else groups
    part = layers.GroupNorm(groups, gamma.size, layer.read("epsilon", 1e-3))
    return net.part(loaded(part, weight=gamma, bias=beta), x)


def rescaling(net: Any, layer: Layer, x: Any) -> Any:
    scale, offset = layer.read("scale"), layer.read("offset", 0.0)
    width = width_of(layer, x)
    weight, bias = (np.broadcast_to(np.asarray(a, np.float32), (width,)) for a in (scale, offset))
    return net.part(loaded(layers.Affine(width), weight=weight, bias=bias), x)


def width_of(layer: Layer, x: Any) -> int:
    layer.refuse_unless(x.width, "how many features it takes is not known: give an input shape")
    return int(x.width)


# ---- convolutions -------------------------------------------------------------------------------


def padding_of(net: Any, layer: Layer, x: Any, reach: int) -> int:
    """How far a convolution looks ahead; refuses one that gives another number of steps."""
    layer.refuse_unless(x.steps is not False, "its input has no steps")
    layer.refuse_unless(layer.number("strides", 1) == 1, "strides above 1 give fewer steps")
    right = layer.read("data_format", "channels_last") in (None, "channels_last")
    layer.refuse_unless(right, "data_format is channels_first: features are the last axis here")
    padding = layer.read("padding", "valid")
    left, ahead = {
        "causal": (reach, 0),
        "same": (reach // 2, reach - reach // 2),
    }.get(padding, net.zeros_before(x))
    layer.refuse_unless(
        left + ahead == reach,
        f"padding {padding!r} with {left} zeros before and {ahead} behind gives "
        f"{left + ahead - reach:+d} steps: padding='causal' or 'same' give one for each",
    )
    return int(ahead)


def conv(net: Any, layer: Layer, x: Any) -> Any:
    bias = bool(layer.read("use_bias", True))
    kernel, *b = net.weights.take(2 if bias else 1, layer.name)
    groups = layer.number("groups", 1)
    size, dilation = layer.number("kernel_size", kernel.shape[0]), layer.number("dilation_rate", 1)
    told = (size, layer.number("filters", kernel.shape[-1]))
    given = (kernel.shape[0], kernel.shape[-1])
    layer.refuse_unless(kernel.ndim == 3 and told == given, f"its array is {kernel.shape}")
    ahead = padding_of(net, layer, x, (size - 1) * dilation)
    sizes = (kernel.shape[1] * groups, kernel.shape[2], size, dilation, groups, bias)
    part = convolution.ConvTime(*sizes, ahead=ahead, batch_first=True)
    y = net.part(
        loaded(part, weight=kernel.transpose(2, 1, 0), **({"bias": b[0]} if bias else {})),
        net.without_zeros(x),
    )
    return net.chain(activation(layer, layer.read("activation", "linear"), net.logits), y)


def depthwise(net: Any, layer: Layer, x: Any) -> Any:
    bias = bool(layer.read("use_bias", True))
    kernel, *b = net.weights.take(2 if bias else 1, layer.name)
    y = by_channel(net, layer, x, kernel, b[0] if bias else None)
    return net.chain(activation(layer, layer.read("activation", "linear"), net.logits), y)


def by_channel(net: Any, layer: Layer, x: Any, kernel: Any, bias: Any) -> Any:
    """A convolution of each channel by itself: kernel is [kernel][channels][multiplier]."""
    layer.refuse_unless(kernel.ndim == 3, f"its array is {kernel.shape}")
    size, channels, many = kernel.shape
    told = (layer.number("kernel_size", size), layer.number("depth_multiplier", many))
    layer.refuse_unless(told == (size, many), f"it is {told}, its array is {kernel.shape}")
    dilation = layer.number("dilation_rate", 1)
    ahead = padding_of(net, layer, x, (size - 1) * dilation)
    sizes = (channels, channels * many, size, dilation, channels, bias is not None)
    part = convolution.ConvTime(*sizes, ahead=ahead, batch_first=True)
    weight = kernel.transpose(1, 2, 0)
    return net.part(
        loaded(part, weight=weight, **({} if bias is None else {"bias": bias})),
        net.without_zeros(x),
    )


def separable(net: Any, layer: Layer, x: Any) -> Any:
    bias = bool(layer.read("use_bias", True))
    deep, points, *b = net.weights.take(3 if bias else 2, layer.name)
    filters = layer.number("filters", points.shape[-1])
    right = points.ndim == 3 and points.shape[0] == 1 and filters == points.shape[-1]
    layer.refuse_unless(right, f"its second array is {points.shape}")
    y = by_channel(net, layer, x, deep, None)
    part = layers.Linear(points.shape[1], points.shape[2], bias)
    y = net.part(loaded(part, weight=points[0].T, **({"bias": b[0]} if bias else {})), y)
    return net.chain(activation(layer, layer.read("activation", "linear"), net.logits), y)


def zero_padding(net: Any, layer: Layer, x: Any) -> Any:
    told = layer.read("padding", 1)
    pair = (told, told) if isinstance(told, int) else tuple(told)
    right = len(pair) == 2 and all(isinstance(n, int) for n in pair) and x.steps is not False
    layer.refuse_unless(right, f"padding {told!r} is out of reach")
    last = layer.read("data_format") in (None, "channels_last")
    layer.refuse_unless(last, "data_format is channels_first: features are the last axis here")
    return net.pad(x, pair)


# ---- activations --------------------------------------------------------------------------------


def named(net: Any, layer: Layer, x: Any) -> Any:
    return net.chain(activation(layer, layer.read("activation"), net.logits), x)


def softmax(net: Any, layer: Layer, x: Any) -> Any:
    last_axis(layer, x)
    return net.chain(activation(layer, "softmax", net.logits), x)


def elu(net: Any, layer: Layer, x: Any) -> Any:
    alpha = layer.read("alpha", 1.0)
    layer.refuse_unless(alpha == 1, f"alpha={alpha} is out of reach: it is 1 here")
    return net.part(layers.ELU(), x)


def sloped(net: Any, layer: Layer, x: Any, slopes: Any) -> Any:
    """A PReLU: max(x, 0) + slope min(x, 0)."""
    width = width_of(layer, x)
    return net.part(
        loaded(layers.PReLU(width), weight=np.broadcast_to(np.ravel(slopes), (width,))), x
    )


def relu(net: Any, layer: Layer, x: Any) -> Any:
    layer.off("max_value", "threshold")
    slope = layer.read("negative_slope", 0.0)
    return sloped(net, layer, x, slope) if slope else net.part(layers.ReLU(), x)


def leaky_relu(net: Any, layer: Layer, x: Any) -> Any:
    own = layer.read("alpha", 0.3)
    return sloped(net, layer, x, layer.read("negative_slope", own))


def prelu(net: Any, layer: Layer, x: Any) -> Any:
    layer.read("shared_axes")
    (alpha,) = net.weights.take(1, layer.name)
    flat = alpha.size in (1, alpha.shape[-1])
    layer.refuse_unless(
        flat,
        f"its slopes are {alpha.shape}, for each step another: shared_axes=[1] has them for all",
    )
    return sloped(net, layer, x, alpha)


# ---- several inputs, and none -------------------------------------------------------------------


def merged(net: Any, layer: Layer, given: Any) -> Any:
    return net.joined({"Add": "sum", "Multiply": "mul", "Average": "ave"}[layer.name], given, layer)


def concatenated(net: Any, layer: Layer, given: Any) -> Any:
    last_axis(layer, given[0])
    return net.joined("concat", given, layer)


def nothing(net: Any, layer: Layer, x: Any) -> Any:
    """What does nothing outside of training."""
    for key in ("rate", "l1", "l2", "name"):
        layer.read(key)
    return x


def dropout(net: Any, layer: Layer, x: Any) -> Any:
    return net.part(layers.Dropout(layer.read("rate", 0.5)), x)


def flatten(net: Any, layer: Layer, x: Any) -> Any:
    layer.read("data_format")
    layer.refuse_unless(x.steps is False, "steps in one row are out of reach")
    return x


LAYERS: dict[str, Any] = {
    "Dense": dense,
    "Embedding": embedding,
    "Masking": masking,
    "LayerNormalization": layer_norm,
    "RMSNormalization": rms_norm,
    "BatchNormalization": batch_norm,
    "GroupNormalization": group_norm,
    "Rescaling": rescaling,
    "Conv1D": conv,
    "DepthwiseConv1D": depthwise,
    "SeparableConv1D": separable,
    "ZeroPadding1D": zero_padding,
    "Activation": named,
    "Softmax": softmax,
    "ELU": elu,
    "ReLU": relu,
    "LeakyReLU": leaky_relu,
    "PReLU": prelu,
    "Dropout": dropout,
    "Flatten": flatten,
    **dict.fromkeys(("SpatialDropout1D", "GaussianNoise", "GaussianDropout"), nothing),
    **dict.fromkeys(("AlphaDropout", "ActivityRegularization"), nothing),
}
SEVERAL: dict[str, Any] = {
    **dict.fromkeys(("Add", "Multiply", "Average"), merged),
    "Concatenate": concatenated,
}
BY_ROW = {"Dense", "Dropout", "LayerNormalization", "RMSNormalization", "BatchNormalization"}
BY_ROW |= {"Activation", "Softmax", "ELU", "ReLU", "LeakyReLU", "Rescaling"}
