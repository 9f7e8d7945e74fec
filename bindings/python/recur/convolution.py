"""Convolutions over time, and inside a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import c, settings
from ._arrays import size
from .layer import Layer

if TYPE_CHECKING:
    from .settings import Context


class Convolution(Layer):
    """Base of both: weight is [out_channels][in_channels / groups][kernel_size], as PyTorch's."""

    in_channels: int
    out_channels: int
    kernel_size: int

    def _make(self, bias: bool, context: Context | None, **options: int) -> None:
        self.bias_used = bool(bias)
        self._own(
            c.recur_conv_create(
                settings.handle_of(context),
                c.recur_conv_options(
                    flags=0 if bias else c.RECUR_LAYER_NO_BIAS,
                    in_channels=self.in_channels,
                    out_channels=self.out_channels,
                    kernel=self.kernel_size,
                    **options,
                ),
            ),
            context,
        )

    def _take(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        self.in_channels = size(in_channels, "in_channels")
        self.out_channels = size(out_channels, "out_channels")
        self.kernel_size = size(kernel_size, "kernel_size")

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return f"{self.in_channels}, {self.out_channels}, {self.kernel_size}"


class ConvTime(Convolution):
    """A convolution over the steps of a sequence: y of a step depends on x of that step and of
    (kernel_size - 1) dilation steps before it. With ahead it looks at so many steps behind it,
    too; then it does not go step by step.

    x [T][B][in_channels], or [B][T][in_channels] with batch_first, gives y of the same form.

    >>> import numpy as np, recur
    >>> conv = recur.ConvTime(1, 1, 2).init_("constant", 1.0)
    >>> conv(np.array([[[1.0]], [[2.0]], [[3.0]]], np.float32)).ravel().tolist()
    [2.0, 4.0, 6.0]
    """

    over_time = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        ahead: int = 0,
        batch_first: bool = False,
        context: Context | None = None,
    ) -> None:
        self._take(in_channels, out_channels, kernel_size)
        self.dilation, self.groups = size(dilation, "dilation"), size(groups, "groups")
        self.ahead, self.batch_first = size(ahead, "ahead", 0), bool(batch_first)
        self._make(
            bias,
            context,
            axis=c.RECUR_CONV_TIME,
            dilation=self.dilation,
            groups=self.groups,
            pad_after=self.ahead,
        )


class ConvRow(Convolution):
    """A convolution inside a row, which is [in_channels][length]. padding: numbers before and
    behind each channel, or a pair of both, zeros or (padding_mode="reflect") the channel
    mirrored.

    x [..., in_channels * length] gives y [..., out_channels * out_length]. With length 1 and
    kernel_size 1 it is a linear layer whose features are in groups.

    >>> import numpy as np, recur
    >>> conv = recur.ConvRow(1, 2, 3, length=8, stride=2, padding=1)
    >>> conv(np.zeros((5, 8), np.float32)).shape, conv.out_length
    ((5, 8), 4)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: Any = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        length: int = 1,
        context: Context | None = None,
    ) -> None:
        self._take(in_channels, out_channels, kernel_size)
        modes = {"zeros": c.RECUR_PADDING_ZEROS, "reflect": c.RECUR_PADDING_REFLECT}
        if padding_mode not in modes:
            raise ValueError(f"padding_mode is {padding_mode!r}: it is {' or '.join(modes)}")
        pair = tuple(padding) if hasattr(padding, "__len__") else (padding, padding)
        if len(pair) != 2:
            raise ValueError(f"padding is {padding!r}: it is a number, or one for either end")
        self.padding = (size(pair[0], "padding", 0), size(pair[1], "padding", 0))
        self.stride, self.dilation = size(stride, "stride"), size(dilation, "dilation")
        self.groups, self.length = size(groups, "groups"), size(length, "length")
        self.padding_mode = padding_mode
        self._make(
            bias,
            context,
            axis=c.RECUR_CONV_ROW,
            padding=modes[padding_mode],
            length=self.length,
            stride=self.stride,
            dilation=self.dilation,
            groups=self.groups,
            pad_before=self.padding[0],
            pad_after=self.padding[1],
        )

    @property
    def out_length(self) -> int:
        """Numbers in a channel of y."""
        return int(self._info.output_size) // self.out_channels

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return f"{super().extra_repr()}, length={self.length}"
