"""What recur has and torch.nn has not, as torch modules. to_torch makes them, from_torch knows
them."""

# mypy: disable-error-code="import-not-found,misc"
# Where torch is not installed, its classes are Any to mypy.

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Chain(nn.Sequential):
    """recur's Sequential: recurrent layers pass on y without their states."""

    def forward(self, x: Any) -> Any:
        for part in self:
            x = part(x)
            x = x[0] if isinstance(part, (nn.RNN, nn.LSTM, nn.GRU)) else x
        return x


class Residual(Chain):
    """recur's Residual: the input is added to the output of the chain."""

    def forward(self, x: Any) -> Any:
        y = super().forward(x)
        if isinstance(y, nn.utils.rnn.PackedSequence):
            return y._replace(data=x.data + y.data)
        return x + y


class Merge(nn.Module):
    """recur's Merge: the two halves of each row become one."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way

    def forward(self, x: Any) -> Any:
        a, b = x.chunk(2, -1)
        if self.way in ("sum", "mean"):
            return (a + b) / (2 if self.way == "mean" else 1)
        if self.way == "magnitude":
            return (a * a + b * b).sqrt()
        return a * (b.sigmoid() if self.way == "gate" else b)

    def extra_repr(self) -> str:
        return f"way={self.way!r}"


class Last(nn.Module):
    """recur's Last: dense arrays and packed sequences."""

    def __init__(self, direction: str | None, batch_first: bool) -> None:
        super().__init__()
        self.direction, self.batch_first = direction, batch_first

    def forward(self, x: Any) -> Any:
        if isinstance(x, nn.utils.rnn.PackedSequence):
            x, lengths = nn.utils.rnn.pad_packed_sequence(x)
            end = x[lengths - 1, torch.arange(x.shape[1])]
        else:
            x = x.transpose(0, 1) if self.batch_first and x.dim() == 3 else x
            end = x[-1]
        widths = {"forward": x.shape[-1], "reverse": 0, "bidirectional": x.shape[-1] // 2}
        half = widths[self.direction or "forward"]
        return torch.cat([end[..., :half], x[0][..., half:]], -1)

    def extra_repr(self) -> str:
        return f"direction={self.direction!r}, batch_first={self.batch_first}"


class Graph(nn.ModuleDict):
    """recur's Graph. sources: for each part (name or None for the input, begin, count), and [] for
    the part before it; a count of 0 is all that follows."""

    def __init__(self, input_size: int, parts: Any, sources: Any) -> None:
        super().__init__(parts)
        self.input_size, self.sources = input_size, sources

    def forward(self, x: Any) -> Any:
        known: dict[str | None, Any] = {None: x}
        before = None
        for name, part in self.items():
            sources = self.sources[name] or [(before, 0, 0)]
            taken = [known[p][..., b : b + n if n else None] for p, b, n in sources]
            y = part(torch.cat(taken, -1))
            known[name] = y[0] if isinstance(part, (nn.RNN, nn.LSTM, nn.GRU)) else y
            before = name
        return known[before]


class Affine(nn.Module):
    """recur's Affine: rows are [channels][length]."""

    def __init__(self, channels: int, length: int, bias: bool) -> None:
        super().__init__()
        self.channels, self.length = channels, length
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x: Any) -> Any:
        y = x * self.weight.repeat_interleave(self.length)
        return y if self.bias is None else y + self.bias.repeat_interleave(self.length)


class PReLU(nn.Module):
    """recur's PReLU: rows are [channels][length]."""

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        self.channels, self.length = channels, length
        self.weight = nn.Parameter(torch.full((channels,), 0.25))

    def forward(self, x: Any) -> Any:
        return torch.where(x > 0, x, x * self.weight.repeat_interleave(self.length))


class GroupNorm(nn.GroupNorm):
    """recur's GroupNorm: rows are [channels][length]."""

    def __init__(self, groups: int, channels: int, eps: float, length: int) -> None:
        super().__init__(groups, channels, eps)
        self.length = length

    def forward(self, x: Any) -> Any:
        rows = x.reshape(-1, self.num_channels, self.length)
        return super().forward(rows).reshape(x.shape)


class ConvRow(nn.Conv1d):
    """recur's ConvRow: rows are [in_channels][length]. pads: numbers before and behind."""

    def __init__(self, *sizes: Any, length: int, pads: Any, mode: str, **more: Any) -> None:
        super().__init__(*sizes, **more)
        self.length, self.pads, self.mode = length, tuple(pads), mode

    def forward(self, x: Any) -> Any:
        rows = x.reshape(-1, self.in_channels, self.length)
        padded = nn.functional.pad(rows, self.pads, self.mode)
        return super().forward(padded).reshape(*x.shape[:-1], -1)


class ConvTime(nn.Conv1d):
    """recur's ConvTime: x is [T][B][in_channels], or [B][T][in_channels] with batch_first."""

    def __init__(self, *sizes: Any, ahead: int, batch_first: bool, **more: Any) -> None:
        super().__init__(*sizes, **more)
        self.ahead, self.batch_first = ahead, batch_first

    def forward(self, x: Any) -> Any:
        order = (0, 2, 1) if self.batch_first else (1, 2, 0)
        back = (0, 2, 1) if self.batch_first else (2, 0, 1)
        behind = (self.kernel_size[0] - 1) * self.dilation[0] - self.ahead
        padded = nn.functional.pad(x.permute(order), (behind, self.ahead))
        return super().forward(padded).permute(back)
