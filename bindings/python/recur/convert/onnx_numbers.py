"""Numbers of an ONNX graph that is one step, each followed by itself.

A tensor is an array of codes, one for each of its numbers: which vector holds the number, and at
which place. What moves numbers (transpose, reshape, slice, concat, pad ...) then moves codes, and
nothing has to be said of axes. The code 0 is the number 0.
"""

from __future__ import annotations

import bisect
from typing import Any

import numpy as np


class Numbers:
    """A tensor of the graph, for a batch of one sequence."""

    def __init__(self, codes: Any) -> None:
        self.codes = np.asarray(codes, np.int64)


class Source:
    """A vector of `width` numbers that something gives: op names what, taken: the codes of what it
    takes, part: what it becomes in the module, if it can be in one."""

    def __init__(self, op: str, width: int, taken: Any, part: Any, node: Any) -> None:
        self.op, self.width, self.part, self.node = op, width, part, node
        self.taken = np.asarray(taken, np.int64).ravel()
        self.first = 0  # the code of its first number
        self.owner: Any = None  # of a state: the graph's input; of h and c: the cell

    @property
    def codes(self) -> Any:
        return np.arange(self.first, self.first + self.width)

    def halves(self) -> Any:
        """What a source of two operands takes."""
        return np.split(self.taken, 2)


class Book:
    """All sources, in the order in which they are computed."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.firsts: list[int] = []
        self.end = 2  # no run of codes goes on from 0

    def add(self, source: Source) -> Source:
        source.first = self.end
        self.end += source.width + 1  # a gap, so no run of codes goes on into the next source
        self.sources.append(source)
        self.firsts.append(source.first)
        return source

    def of(self, code: Any) -> Source:
        """The source of a code that is not 0."""
        return self.sources[bisect.bisect_right(self.firsts, int(code)) - 1]

    def runs(self, codes: Any) -> list[tuple[Source, int, int]]:
        """(source, begin, count) of each stretch of codes that follow each other."""
        codes = np.ravel(codes)
        pieces = np.split(codes, np.flatnonzero(np.diff(codes) != 1) + 1)
        found = []
        for piece in pieces:
            source = self.of(piece[0])
            found.append((source, int(piece[0]) - source.first, piece.size))
        return found

    def whole(self, codes: Any, *ops: str) -> Source | None:
        """The source that these codes are, all of it in order, if it is one of these ops."""
        codes = np.ravel(codes)
        if not codes.size or not codes[0]:
            return None
        source = self.of(codes[0])
        fits = np.array_equal(codes, source.codes) and (not ops or source.op in ops)
        return source if fits else None


def in_order(codes: Any) -> Any:
    """(codes from the smallest on, each once; for each number its place among them)."""
    sorted_codes, places = np.unique(codes, return_inverse=True)
    return sorted_codes, places.reshape(np.shape(codes))
