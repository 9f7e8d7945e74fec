"""Recurrent cells of a step: those of recurrent nodes, and LSTM cells that an exporter wrote as
products, sums and activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import onnx_parts as parts
from .onnx_numbers import Source, in_order


class Cell:
    """A recurrent layer of one step. x, h_in, c_in: codes of what it takes; h, c: the sources of
    what it gives (c is None where the kind has none)."""

    def __init__(self, layer: Any, x: Any, before: Any, after: Any) -> None:
        self.layer = layer
        x, W = columns(layer.weights[0][0], np.ravel(x))
        self.x, self.layer.weights[0] = x, W[None]
        self.h_in, self.c_in = (None if a is None else np.ravel(a) for a in before)
        self.h, self.c = after


def columns(weight: Any, codes: Any) -> Any:
    """(codes in order, without zeros; the weight with its columns in their order)."""
    ordered, places = in_order(codes)
    found = np.zeros((weight.shape[0], ordered.size), np.float32)
    if ordered.size == codes.size:
        found[:, places] = weight
    else:
        np.add.at(found.T, places, weight.T)
    kept = ordered != 0
    return ordered[kept], found[:, kept]


def cells_of(reader: Any) -> list[Cell]:
    """The LSTM cells that are made of single operations."""
    search = Search(reader)
    found = [search.lstm(source) for source in reader.book.sources if source.op == "multiply"]
    return [cell for cell in found if cell is not None]


class Search:
    """h' = σ(o) tanh(c'), c' = σ(f) c + σ(i) tanh(g), where all gates are affine in x and h."""

    def __init__(self, reader: Any) -> None:
        self.book = reader.book
        self.inputs = [reader.values[name].codes for name in reader.free]
        self.outputs = [reader.output(name) for name in reader.outputs]

    def lstm(self, h: Source) -> Cell | None:
        sides = self.sides(h, "sigmoid", "tanh")
        if sides is None:
            return None
        o, tanh = sides
        c = self.book.whole(tanh.taken, "sum")
        terms = c and self.terms_of_c(c)
        if terms is None:
            return None
        f, i, g, c_in = terms
        gates = [self.gate(a) for a in (i, o, f, g)]  # ONNX's order
        if any(gate is None for gate in gates):
            return None
        return self.cell(gates, (c_in, h, c))

    def terms_of_c(self, c: Source) -> Any:
        """(f, i, g, codes of the old c) of the sum that the new c is."""
        products = [self.book.whole(half, "multiply") for half in c.halves()]
        if None in products:
            return None
        for old, new in (products, products[::-1]):
            fresh = self.sides(new, "sigmoid", "tanh")
            kept = self.kept(old)
            if fresh is not None and kept is not None:
                return kept[0], fresh[0], fresh[1], kept[1]
        return None

    def sides(self, product: Source, *ops: str) -> Any:
        """Both operands of a product, which are whole sources of these ops, in their order."""
        for halves in (product.halves(), product.halves()[::-1]):
            found = [self.book.whole(half, op) for half, op in zip(halves, ops)]
            if None not in found:
                return found
        return None

    def kept(self, product: Source) -> Any:
        """(the gate f, the codes of c) of the product that keeps c."""
        for gate, old in (product.halves(), product.halves()[::-1]):
            source = self.book.whole(gate, "sigmoid")
            if source is not None and old[0] and self.book.of(old[0]).op == "input":
                return source, old
        return None

    def gate(self, activation: Source) -> Any:
        """[(codes, weight)] and the bias of what an activation takes."""
        runs = self.book.runs(activation.taken) if np.all(activation.taken) else []
        if len(runs) != 1:
            return None
        source, begin, count = runs[0]
        affine = self.affine(source)
        if affine is None:
            return None
        rows = slice(begin, begin + count)
        return [(codes, weight[rows]) for codes, weight in affine[0]], affine[1][rows]

    def affine(self, source: Source) -> Any:
        """[(codes, weight)] and the bias of a source that is affine."""
        if source.op == "linear":
            bias = np.zeros(source.width) if source.part.bias is None else source.part.bias
            return [(source.taken, source.part.weight)], np.asarray(bias, np.float32)
        if source.op == "affine":
            inner = self.book.whole(source.taken)
            found = inner and self.affine(inner)
            if found is None:
                return None
            scale, shift = source.part.weight, source.part.bias
            return [(a, w * scale[:, None]) for a, w in found[0]], found[1] * scale + shift
        if source.op != "sum":
            return None
        sides = [self.book.whole(half) for half in source.halves()]
        found = [side and self.affine(side) for side in sides]
        if None in found:
            return None
        return found[0][0] + found[1][0], found[0][1] + found[1][1]

    def cell(self, gates: Any, given: Any) -> Cell | None:
        """The cell, if all gates take the same x and the same old h."""
        c_in, h, c = given
        taken: dict[bytes, list[Any]] = {}
        for terms, _ in gates:
            for codes, weight in terms:
                taken.setdefault(codes.tobytes(), []).append((codes, weight))
        if len(taken) != 2 or any(len(t) != len(gates) for t in taken.values()):
            return None
        pairs = [(t[0][0], np.concatenate([w for _, w in t])) for t in taken.values()]
        old = [i for i, p in enumerate(pairs) if self.renewed(p[0], h)]
        if len(old) != 1:
            return None
        (h_in, R), (x, W) = pairs[old[0]], pairs[1 - old[0]]
        bias = np.concatenate([b for _, b in gates])
        biases = np.concatenate([bias, np.zeros_like(bias)])[None].astype(np.float32)
        weights = [W[None], R[None], biases, None]
        layer = parts.Layer("LSTM", "forward", weights, ())
        return Cell(layer, x, (h_in, c_in), (h, c))

    def renewed(self, codes: Any, h: Source) -> bool:
        """Whether an output of the graph has h where an input of it has these codes (in order)."""
        if codes.size != h.width or not np.all(codes):
            return False
        for after in self.outputs:
            for before in self.inputs:
                if before.shape != after.shape:
                    continue
                places = np.isin(before, codes)
                wanted = h.codes[np.searchsorted(codes, before[places])]
                if wanted.size == codes.size and np.array_equal(after[places], wanted):
                    return True
        return False
