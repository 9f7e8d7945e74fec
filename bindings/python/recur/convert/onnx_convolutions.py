"""Convolutions over steps in an ONNX graph, batch normalisation, padding: tensors are [batch]
[channels][steps] there."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import onnx_parts as parts
from .onnx_channels import as_channels, convolution_in_rows, padded_channels
from .onnx_values import Axis, spelled


def alone(node: Any, name: str, default: int) -> int:
    """An attribute for the one axis of steps."""
    told = list(np.ravel(node.attribute(name, [default])))
    if len(told) != 1:
        node.refuse(f"{name} {told} has several axes: one, over steps, is understood")
    return int(told[0])


def convolution(node: Any) -> None:
    """A ConvTime, if it gives a step for each step, or more behind them that are sliced off."""
    weight, bias = node.constant(1), node.constant(2)
    if weight.ndim != 3:
        node.refuse(f"its weight has shape {weight.shape}: one axis, over steps, is understood")
    stride, dilation = alone(node, "strides", 1), alone(node, "dilations", 1)
    groups, kernel = int(node.attribute("group", 1)), weight.shape[2]
    if alone(node, "kernel_shape", kernel) != kernel:
        node.refuse(f"its kernel_shape is not that of its weight, {kernel}")
    channels = as_channels(node)
    if channels is not None:
        pads = pads_of(node, (kernel - 1) * dilation)
        convolution_in_rows(node, channels, (weight, bias, stride, dilation, groups, pads))
        return
    if stride != 1:
        node.refuse("strides above 1 give fewer steps")
    chain, lead, width, at = node.turned(0)
    if at != 1 or len(lead) != 2 or len(lead[1]) != 1 or any(part.reduces for part in chain):
        found = spelled(node.tensor(0).groups)
        node.refuse(f"its input has axes {found}: it needs channels second")
    takes = weight.shape[1] * groups
    if width not in (None, takes):
        node.refuse(f"its input has {width} features and its weights take {takes}")
    steps, before = lead[1][0], (0, 0)
    if steps.padded is not None:
        steps, *before = steps.padded
    left, right = (a + b for a, b in zip(pads_of(node, (kernel - 1) * dilation), before))
    reach = (kernel - 1) * dilation
    more = left + right - reach
    if more < 0 or left > reach:
        node.refuse(
            f"with {left} zeros before and {right} behind, kernel {kernel} and dilation {dilation} "
            f"it gives {more:+d} steps, and the first is that of step {left - reach:+d}: a module "
            f"gives one for each. Pad {reach} in all"
        )
    node.reader.steps_are(node, steps, [a for a in lead[0]])
    options = {"dilation": dilation, "groups": groups, "ahead": reach - left}
    after = steps if more == 0 else longer(steps, more)
    made = parts.ConvTime(weight, bias, options)
    node.made_at((*chain, made), [lead[0], (after,)], weight.shape[0], 1)


def pads_of(node: Any, reach: int) -> tuple[int, int]:
    """Zeros before and behind the steps."""
    auto, pads = node.attribute("auto_pad", "NOTSET"), node.attribute("pads")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        small, large = reach // 2, reach - reach // 2
        return (small, large) if auto == "SAME_UPPER" else (large, small)
    if auto == "VALID" or pads is None:
        return 0, 0
    if len(pads) != 2:
        node.refuse(f"pads {list(pads)} have several axes")
    return int(pads[0]), int(pads[1])


def longer(steps: Axis, more: int) -> Axis:
    """The steps with others behind them, which nobody has asked for."""
    found = Axis(f"{steps.name}+{more}", None if steps.size is None else steps.size + more)
    found.longer = (steps, more)
    return found


def shortened(node: Any, x: Any, at: int, ends: Any) -> Any:
    """The slice that takes away what a convolution gave too much, behind the steps."""
    atom = x.groups[at][0]
    steps, more = atom.longer
    start, end = ends
    right = start == 0 and end in (-more, steps.size) and len(x.groups[at]) == 1
    if not right:
        node.refuse(
            f"a convolution gave {more} steps more than it takes, and this takes {start}:{end}: "
            f"only 0:{-more} is understood"
        )
    return x.on([*x.groups[:at], (steps,), *x.groups[at + 1 :]])


def pad(node: Any) -> None:
    """Zeros around the steps: those of a convolution behind it."""
    mode, value = node.attribute("mode", "constant"), node.attribute("value", 0.0)
    pads = node.attribute("pads")
    pads = node.constant(1) if pads is None else pads
    value = node.constant(2, value)
    axes = node.constant(3)
    found = None if axes is not None or np.any(value) else as_channels(node)
    if found is not None:
        padded_channels(node, found, np.ravel(pads), mode)
        return
    x = node.tensor(0)
    if mode != "constant" or np.any(value):
        node.refuse("it pads with other numbers than 0: it is out of reach over steps")
    axes = range(len(x.groups)) if axes is None else [node.axis(a, len(x.groups)) for a in axes]
    pads = np.ravel(pads)
    pairs = {at: (int(a), int(b)) for at, a, b in zip(axes, pads[: len(axes)], pads[len(axes) :])}
    padded = {at: pair for at, pair in pairs.items() if pair != (0, 0)}
    groups = list(x.groups)
    for at, (left, right) in padded.items():
        atoms = groups[at]
        if len(atoms) != 1 or atoms[0] is x.features or min(left, right) < 0:
            told = spelled(x.groups)
            node.refuse(f"it pads axis {at} of {told}: steps can be padded, with zeros")
        groups[at] = (padded_steps(atoms[0], left, right),)
    node.gives(x.on(groups))


def padded_steps(steps: Axis, left: int, right: int) -> Axis:
    if steps.padded is not None:
        steps, a, b = steps.padded
        left, right = left + a, right + b
    found = Axis(f"{left}+{steps.name}+{right}")
    found.size = None if steps.size is None else steps.size + left + right
    found.padded = (steps, left, right)
    return found


def batch_normalization(node: Any) -> None:
    """A scale and a shift of each channel, folded in double precision."""
    for name in ("momentum", "spatial"):
        node.attribute(name)
    if node.attribute("training_mode", 0):
        node.refuse("it is in training mode: export in eval mode")
    eps = node.attribute("epsilon", 1e-5)
    weight, bias, mean, var = (node.constant(i).astype(np.float64) for i in range(1, 5))
    chain, lead, width, at = node.turned(0)
    if at != 1 or width not in (None, weight.size):
        node.refuse(
            f"its input has axes {spelled(node.tensor(0).groups)}: the features must be axis 1, "
            f"and {weight.size} of them"
        )
    scale = weight / np.sqrt(var + eps)
    before = chain[-1] if chain else None
    both = scale, bias - mean * scale
    if isinstance(before, (parts.Linear, parts.ConvTime)):
        chain = (*chain[:-1], before.scaled(*both))
    else:
        chain = (*chain, parts.Affine(*both))
    node.made_at(chain, lead, weight.size, 1)


__all__ = ["batch_normalization", "convolution", "pad", "shortened"]
