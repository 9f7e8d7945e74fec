"""What recur has and torch.nn has not, as torch modules. to_torch makes them, from_torch knows
them."""

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
        return a * b if self.way == "multiply" else (a + b) / (2 if self.way == "mean" else 1)

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
