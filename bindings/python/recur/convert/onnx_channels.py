"""Rows that an ONNX graph sees as [channels][length]: a reshape makes channels of features, then
come padding and a convolution, or a normalisation of groups, and a reshape back."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import onnx_parts as parts
from .onnx_values import Axis, Channels, Product, Tensor, size_of


def covers(front: Any, lead: Any) -> bool:
    """Whether these entries of a shape stand for the axes in front of the features."""
    if list(front) == [-1] or len(front) == len(lead) and all(
        not isinstance(n, Product) and n == 0 for n in front
    ):
        return True
    return len(front) == len(lead) and all(n == size_of(g) for n, g in zip(front, lead))


def channels_of(node: Any, x: Any, shape: Any) -> bool:
    """Sets the output to channels, if the shape takes features apart."""
    known = not x.is_ids and x.lead() is not None and len(shape) > 2
    if not known or any(isinstance(n, Product) for n in shape[-2:]):
        return False
    chain, lead, width = node.plain(x)
    channels, length = (int(n) for n in shape[-2:])
    if width is None or channels * length != width or not covers(shape[:-2], lead):
        return False
    node.gives(Channels(chain, lead, channels, length))
    return True


def as_channels(node: Any) -> Any:
    """Input 0 as channels, also where a reshape had nothing to take apart; None if it is not."""
    x = node.value(0)
    if isinstance(x, Channels):
        return x
    if not isinstance(x, Tensor) or x.is_ids or len(x.groups) != 3:
        return None
    chain, lead, width, at = node.turned(0)
    one = [a for a in lead[1] if a.size != 1] == []
    if width is None or not one or at not in (1, 2):
        return None
    lead = [(a,) for a in lead[0]]
    return Channels(chain, lead, *((width, 1) if at == 1 else (1, width)))


def rows_of_channels(node: Any, x: Any, shape: Any) -> None:
    """The reshape back to rows."""
    width = x.channels * x.length
    right = len(shape) > 1 and shape[-1] in (-1, width) and covers(shape[:-1], x.lead)
    if not right or x.pads != (0, 0):
        node.refuse(f"a reshape of [{x.channels}][{x.length}] to {shape} is out of reach")
    lead = list(x.lead)
    if len(shape) - 1 != len(lead):
        lead = [tuple(a for g in lead for a in g)]
    features = Axis("F", width)
    node.gives(Tensor([*lead, (features,)], features, x.chain))


def padded_channels(node: Any, x: Any, pads: Any, mode: str) -> None:
    """Numbers around each channel. pads: before and behind of each of the axes."""
    rank = len(pads) // 2
    before, behind = pads[:rank], pads[rank:]
    fits = not np.any(before[:-1]) and not np.any(behind[:-1]) and x.pads == (0, 0)
    if not fits or mode not in ("constant", "reflect"):
        node.refuse(f"it pads with mode {mode!r} and pads {list(pads)}: it is out of reach")
    pair = int(before[-1]), int(behind[-1])
    node.gives(x.padded(pair, "zeros" if mode == "constant" else "reflect"))


def convolution_in_rows(node: Any, x: Any, given: Any) -> None:
    """A ConvRow. given: weight, bias, stride, dilation, groups, pads of the node."""
    weight, bias, stride, dilation, groups, pads = given
    if x.pads != (0, 0) and pads != (0, 0):
        node.refuse("it pads what was padded before")
    if weight.shape[1] * groups != x.channels:
        node.refuse(f"its input has {x.channels} channels, its weights {weight.shape[1] * groups}")
    pads = pads if x.pads == (0, 0) else x.pads
    options = {"stride": stride, "dilation": dilation, "groups": groups, "padding": pads}
    options.update(padding_mode=x.mode, length=x.length)
    reach = (weight.shape[2] - 1) * dilation
    length = (x.length + sum(pads) - reach - 1) // stride + 1
    if length < 1:
        node.refuse(f"its kernel reaches over {reach + 1} numbers, and a channel has {x.length}")
    made = parts.ConvRow(weight, bias, options)
    node.gives(Channels((*x.chain, made), x.lead, weight.shape[0], length))


def normalised_groups(node: Any, x: Any) -> None:
    """A layer normalisation of [groups][numbers]; scale and shift come behind it."""
    scale, bias, eps = node.constant(1), node.constant(2), node.attribute("epsilon", 1e-5)
    plain = np.all(scale == 1) and (bias is None or not np.any(bias))
    if node.attribute("axis", -1) not in (-1, len(x.lead) + 1) or not plain or x.pads != (0, 0):
        node.refuse("only groups without a scale of their own can be normalised")
    width = x.channels * x.length
    ones = np.ones(width, np.float32)
    made = parts.GroupNorm(x.channels, ones, 0 * ones, eps)
    node.gives(Channels((*x.chain, made), x.lead, x.channels, x.length))
