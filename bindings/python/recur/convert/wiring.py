"""Parts in an order, each with what it takes: what a converter collects, and the module of it.

A stretch in which every part takes all of the part before it is a chain. Where parts take something
else, they and their sources become a Graph in this chain.
"""

from __future__ import annotations

from typing import Any

from .. import layers
from ..compose import Graph, Sequential
from ..module import Module

INPUT = -1  # of the whole, among the numbers of parts


class Wires:
    """Parts, and for each the numbers of the parts that it takes, side by side."""

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.takes: list[list[tuple[int, int, int]]] = []
        self.prefixes: dict[int, str] = {}  # of the names in the module, for each part

    def add(self, part: Any, *taken: Any) -> int:
        """The number of a new part. It takes the parts of these numbers, or with (number, begin,
        count) some of their features."""
        self.parts.append(part)
        self.takes.append([t if isinstance(t, tuple) else (t, 0, 0) for t in taken])
        return len(self.parts) - 1

    def used(self, end: int) -> list[int]:
        """The parts that `end` depends on, in order."""
        found, waiting = set(), [end]
        while waiting:
            at = waiting.pop()
            if at != INPUT and at not in found:
                found.add(at)
                waiting += [t for t, _, _ in self.takes[at]]
        return sorted(found)

    def stretches(self, end: int) -> list[list[int]]:
        """The used parts in groups: nothing behind a group takes anything in it but its last."""
        found: list[list[int]] = [[]]
        used = self.used(end)
        for place, at in enumerate(used):
            found[-1].append(at)
            later = [t for other in used[place + 1 :] for t, _, _ in self.takes[other]]
            if all(t >= at for t in later) and place + 1 < len(used):
                found.append([])
        return found

    def module(self, end: int, width: int | None) -> Module:
        """The module whose output is that of part `end`. width: of the input, if it is known."""
        made: list[Module] = []
        before = INPUT
        stretches = self.stretches(end)
        for i, stretch in enumerate(stretches):
            prefix = f"{i}." if len(stretches) > 1 else ""
            if len(stretch) == 1 and self.takes[stretch[0]] == [(before, 0, 0)]:
                part = self.parts[stretch[0]]
                bind(part, width)
                made.append(part)
                self.prefixes[stretch[0]] = prefix
            else:
                made.append(self.graph(stretch, before, width))
                self.prefixes.update({at: f"{prefix}{n}." for n, at in enumerate(stretch)})
            before, width = stretch[-1], output_of(made[-1], width)
        if len(made) == 1:
            return made[0]
        bind_first(made)
        return Sequential(*made)

    def graph(self, stretch: list[int], before: int, width: int | None) -> Graph:
        """A Graph of some parts; `before` is its input."""
        names = {at: str(i) for i, at in enumerate(stretch)}
        names[before] = None  # type: ignore[assignment]
        parts = {}
        for at in stretch:
            taken = [(names[t], begin, count) for t, begin, count in self.takes[at]]
            parts[names[at]] = (self.parts[at], taken)
            first = getattr(self.parts[at], "_info", None)
            if width is None and first is not None and self.takes[at] == [(before, 0, 0)]:
                width = first.input_size
        if width is None:
            raise NotImplementedError(
                "how many features the input has is not known: give the model an input shape"
            )
        return Graph(width, parts)


def bind(part: Any, width: int | None) -> None:
    """Gives a part without weights its features, if they are known."""
    if width and isinstance(part, layers.Lazy) and part._layer is None:
        part.bind(width)


def output_of(part: Any, width: int | None) -> int | None:
    """Features that a part gives; None if they are not known yet."""
    lazy = isinstance(part, layers.Lazy) and part._layer is None
    return width if lazy else int(part._info.output_size)


def bind_first(parts: Any) -> None:
    """Gives activations and dropout in front of all others the features of the part behind them."""
    width = None
    for part in reversed(parts):
        if getattr(part, "_layer", None) is not None:
            width = None if isinstance(part, layers.Embedding) else part._info.input_size
        elif width and isinstance(part, (layers.Activation, layers.Dropout)):
            if all(getattr(p, "_layer", None) is None for p in parts[: parts.index(part)]):
                part.bind(width)
        else:
            width = None
