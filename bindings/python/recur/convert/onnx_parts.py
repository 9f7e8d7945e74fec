"""What an ONNX graph becomes: a chain of parts, which are then made into recur modules."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import convolution, layers, recurrent
from ..compose import Residual, Sequential
from .gates import KINDS, ONNX, reorder
from .wiring import INPUT, Wires

DIRECTION_COUNT = {"forward": 1, "reverse": 1, "bidirectional": 2}


class Plain:
    """A part without anything to find out: `make` gives the module."""

    reduces = over_time = False

    def __init__(self, make: Any) -> None:
        self.make_alone = make

    def make(self, batch_first: bool) -> Any:
        return self.make_alone()


class Function(Plain):
    """An activation, by the operator that it was."""

    def __init__(self, op: str, make: Any) -> None:
        super().__init__(make)
        self.op = op


class Linear(Plain):
    def __init__(self, weight: Any, bias: Any) -> None:
        self.weight, self.bias = np.asarray(weight, np.float32), bias

    def make(self, batch_first: bool) -> Any:
        part = layers.Linear(self.weight.shape[1], self.weight.shape[0], self.bias is not None)
        arrays = {"weight": self.weight}
        if self.bias is not None:
            arrays["bias"] = np.broadcast_to(self.bias, self.weight.shape[:1]).astype(np.float32)
        part.load_state_dict(arrays)
        return part

    def scaled(self, scale: Any, shift: Any) -> Any:
        """The same part with its outputs times scale, plus shift: one number for each."""
        bias = shift if self.bias is None else self.bias * scale + shift
        return Linear(self.weight * scale[:, None], bias)


class Affine(Plain):
    """weight x + bias, with a weight and a bias for each of `channels` stretches of a row."""

    def __init__(self, weight: Any, bias: Any, length: int = 1) -> None:
        self.weight, self.bias = (np.asarray(a, np.float32) for a in (weight, bias))
        self.length = length

    def make(self, batch_first: bool) -> Any:
        part = layers.Affine(self.weight.size, self.length)
        part.load_state_dict({"weight": self.weight, "bias": self.bias})
        return part

    def scaled(self, scale: Any, shift: Any) -> Any:
        """As that of a linear part."""
        both = by_channel(scale, shift, self.weight.size)
        if both is None:
            return None
        return Affine(self.weight * both[0], self.bias * both[0] + both[1], self.length)


class LayerNorm(Plain):
    def __init__(self, weight: Any, bias: Any, eps: float) -> None:
        self.weight, self.bias = (np.asarray(a, np.float32) for a in (weight, bias))
        self.eps = float(str(np.float32(eps)))  # 1e-05, and not 9.999999747378752e-06

    def make(self, batch_first: bool) -> Any:
        part = layers.LayerNorm(self.weight.size, self.eps)
        part.load_state_dict({"weight": self.weight, "bias": self.bias})
        return part

    def scaled(self, scale: Any, shift: Any) -> Any:
        """As that of a linear part."""
        return LayerNorm(self.weight * scale, self.bias * scale + shift, self.eps)


class GroupNorm(Plain):
    """Of rows that are [channels][length], in groups of channels; a scale and a shift for each
    number."""

    def __init__(self, groups: int, weight: Any, bias: Any, eps: float) -> None:
        self.groups, self.eps = groups, float(str(np.float32(eps)))
        self.weight, self.bias = (np.asarray(a, np.float32) for a in (weight, bias))

    def make(self, batch_first: bool) -> Any:
        part = layers.GroupNorm(self.groups, self.weight.size, self.eps)
        part.load_state_dict({"weight": self.weight, "bias": self.bias})
        return part

    def scaled(self, scale: Any, shift: Any) -> Any:
        """As that of a linear part."""
        both = self.weight * scale, self.bias * scale + shift
        return GroupNorm(self.groups, *both, self.eps)


class RMSNorm(Plain):
    def __init__(self, weight: Any, eps: float) -> None:
        self.weight, self.eps = np.asarray(weight, np.float32), float(str(np.float32(eps)))

    def make(self, batch_first: bool) -> Any:
        part = layers.RMSNorm(self.weight.size, self.eps)
        part.load_state_dict({"weight": self.weight})
        return part

    def scaled(self, scale: Any, shift: Any) -> Any:
        """As that of a linear part; it has no shift."""
        return RMSNorm(self.weight * scale, self.eps)


class ConvRow(Plain):
    """A convolution inside a row; options: those of recur.ConvRow."""

    def __init__(self, weight: Any, bias: Any, options: Any) -> None:
        self.weight, self.options = np.asarray(weight, np.float32), dict(options)
        self.bias = None if bias is None else np.asarray(bias, np.float32)

    def make(self, batch_first: bool) -> Any:
        out, of_group, kernel = self.weight.shape
        sizes = (of_group * self.options["groups"], out, kernel)
        part = convolution.ConvRow(*sizes, bias=self.bias is not None, **self.options)
        bias = {} if self.bias is None else {"bias": self.bias}
        part.load_state_dict({"weight": self.weight, **bias})
        return part

    def scaled(self, scale: Any, shift: Any) -> Any:
        """As that of a linear part, or None where the numbers differ inside of a channel."""
        both = by_channel(scale, shift, self.weight.shape[0])
        if both is None:
            return None
        bias = both[1] if self.bias is None else self.bias * both[0] + both[1]
        return ConvRow(self.weight * both[0][:, None, None], bias, self.options)


class ConvTime(Plain):
    """A convolution over steps; options: those of recur.ConvTime."""

    over_time = True

    def __init__(self, weight: Any, bias: Any, options: Any) -> None:
        self.weight, self.options = np.asarray(weight, np.float32), dict(options)
        self.bias = None if bias is None else np.asarray(bias, np.float32)

    def make(self, batch_first: bool) -> Any:
        out, of_group, kernel = self.weight.shape
        sizes = (of_group * self.options["groups"], out, kernel)
        more = {"bias": self.bias is not None, "batch_first": batch_first, **self.options}
        part = convolution.ConvTime(*sizes, **more)
        bias = {} if self.bias is None else {"bias": self.bias}
        part.load_state_dict({"weight": self.weight, **bias})
        return part

    def scaled(self, scale: Any, shift: Any) -> Any:
        """The same part with its outputs times scale, plus shift: one number for each."""
        bias = shift if self.bias is None else self.bias * scale + shift
        return ConvTime(self.weight * scale[:, None, None], bias, self.options)


def by_channel(scale: Any, shift: Any, channels: int) -> Any:
    """Both with one number for each channel, or None where they differ inside of a channel."""
    rows = [a.reshape(channels, -1) for a in (scale, shift)]
    if any(np.any(a != a[:, :1]) for a in rows):
        return None
    return [a[:, 0] for a in rows]


class Merge(Plain):
    def __init__(self, way: str, width: Any) -> None:
        self.way, self.width = way, width

    def make(self, batch_first: bool) -> Any:
        return layers.Merge(self.way, features=self.width)


class Last(Plain):
    """by_step: it was read from a step of y, and not from a final state."""

    reduces = over_time = True

    def __init__(self, direction: str | None, width: Any, by_step: Any) -> None:
        self.direction, self.width, self.by_step = direction, width, by_step

    def make(self, batch_first: bool) -> Any:
        more = {"batch_first": batch_first, "features": self.width}
        return layers.Last(direction=self.direction, **more)


class Around:
    """A chain whose input is added to its output."""

    reduces = False

    def __init__(self, parts: Any) -> None:
        self.parts = tuple(parts)
        self.over_time = any(p.over_time for p in parts)


class Fork:
    """Chains from the input on whose rows are joined: side by side (way None), or number by number.
    It begins a chain of its own. A part that stands in several chains is one part."""

    def __init__(self, chains: Any, way: str | None, width: int) -> None:
        self.chains, self.way, self.width = [tuple(c) for c in chains], way, width
        self.reduces = any(p.reduces for c in self.chains for p in c)
        self.over_time = any(p.over_time for c in self.chains for p in c)

    def make(self, batch_first: bool) -> Any:
        if self.way is None:
            return layers.Identity(features=self.width)
        return layers.Merge(self.way, features=2 * self.width)


class Squares(Plain):
    """The squares of all features. They have a meaning in an RMS normalisation alone."""

    def __init__(self, width: Any) -> None:
        self.width = width

    def make(self, batch_first: bool) -> Any:
        raise NotImplementedError("from_onnx: squares are out of reach outside of an RMS norm")


class Window(Plain):
    """Some of the features."""

    def __init__(self, begin: int, count: int) -> None:
        self.begin, self.count = begin, count

    def make(self, batch_first: bool) -> Any:
        return layers.Identity(features=self.count)


class Layer:
    """One RNN, LSTM or GRU node; `arguments` are those of the recur layer."""

    reduces = False
    over_time = True

    def __init__(
        self, kind: Any, direction: str, weights: Any, arguments: Any, coupled: bool = False
    ) -> None:
        self.kind, self.direction, self.arguments = kind, direction, arguments
        self.weights = weights  # W, R, B and P in ONNX's order; B and P may be None
        self.coupled = coupled  # f = 1 - i
        self.before: Any = ()
        self.lengths: Any = None
        self.initial: dict[str, Any] = {}
        self.own_last: Last | None = None

    @property
    def directions(self) -> int:
        return DIRECTION_COUNT[self.direction]

    @property
    def states(self) -> tuple[Any, ...]:
        states: tuple[Any, ...] = self.module.states
        return states

    @property
    def module(self) -> Any:
        """The class that it becomes."""
        if self.coupled:
            return recurrent.CoupledLSTM
        return KINDS[self.kind] if self.weights[3] is None else recurrent.PeepholeLSTM

    @property
    def width(self) -> int:
        return int(self.weights[1].shape[2])

    def last(self) -> Last:
        """The part that stands for its final states: one, however often they are read."""
        if self.own_last is None:
            self.own_last = Last(self.direction, self.width * self.directions, False)
        return self.own_last

    def owners(self) -> dict[str, Any]:
        """The graph inputs that give the initial state."""
        return {what: slots[0].owner for what, slots in self.initial.items()}

    def parameters(self, k: Any) -> dict[str, Any]:
        """Arrays by the names of layer k."""
        W, R, B, P = self.weights
        found = {}
        for d, end in enumerate([f"_l{k}", f"_l{k}_reverse"][: self.directions]):
            found["weight_ih" + end] = self.gates(W[d])
            found["weight_hh" + end] = self.gates(R[d])
            if B is not None:
                bias_ih, bias_hh = np.split(B[d], 2)
                found["bias_ih" + end] = self.gates(bias_ih)
                found["bias_hh" + end] = self.gates(bias_hh)
            if P is not None:
                found["weight_peephole" + end] = reorder(P[d], [0, 2, 1])  # i o f there
        return found

    def gates(self, array: Any) -> Any:
        """Blocks of rows in our order; where f = 1 - i ours has f alone, of the negated rows of
        i."""
        ours = reorder(array, ONNX[self.kind])
        if not self.coupled:
            return ours
        i, _, g, o = np.split(ours, 4)
        return np.concatenate([-i, g, o])

    def alike(self, other: Any) -> bool:
        """Whether the other one computes the same function of other weights of the same size."""
        mine = (self.module, self.width, self.weights[2] is None, self.arguments, self.lengths)
        return mine == (
            other.module,
            other.width,
            other.weights[2] is None,
            other.arguments,
            other.lengths,
        )


def joined(forward: Any, reverse: Any) -> Any:
    """A bidirectional node in place of two that read the same rows."""
    pairs = zip(forward.weights, reverse.weights)
    weights = [None if a is None else np.concatenate([a, b]) for a, b in pairs]
    both = Layer(forward.kind, "bidirectional", weights, forward.arguments, forward.coupled)
    both.before, both.lengths = forward.before, forward.lengths
    return both


class Stack:
    """Nodes that follow each other and become one recur layer of num_layers."""

    def __init__(self, layer: Any) -> None:
        self.nodes = [layer]
        self.module: Any = None

    def slots(self, what: str) -> list[Any]:
        return [(node, what, d) for node in self.nodes for d in range(node.directions)]

    def initial(self, what: str) -> list[Any]:
        """The rows of initial state in the order of the layer, or [] for zeros."""
        return [slot for node in self.nodes for slot in node.initial.get(what, [])]

    def takes(self, layer: Any, apart: Any) -> bool:
        """Whether the node can be the next layer of the stack. apart: pairs that stay apart."""
        a = self.nodes[-1]
        if a.direction != layer.direction or not a.alike(layer) or (a, layer) in apart:
            return False
        return bool(a.owners() == layer.owners())

    def make(self, batch_first: bool) -> Any:
        first = self.nodes[0]
        sizes = (first.weights[0].shape[2], first.width, len(self.nodes))
        more = {"direction": first.direction, "bias": first.weights[2] is not None}
        self.module = first.module(*sizes, batch_first=batch_first, **more, **dict(first.arguments))
        arrays = {}
        for k, node in enumerate(self.nodes):
            arrays.update(node.parameters(k))
        self.module.load_state_dict(arrays)
        return self.module


def build(parts: Any, batch_first: bool, apart: Any, path: str = "") -> tuple[Any, ...]:
    """(modules, {prefix of the names of a state: Stack})."""
    grouped: list[Any] = []
    for part in parts:
        if isinstance(part, Layer) and grouped and isinstance(grouped[-1], Stack):
            if grouped[-1].takes(part, apart):
                grouped[-1].nodes.append(part)
                continue
        grouped.append(Stack(part) if isinstance(part, Layer) else part)
    modules, stacks = [], {}
    for i, part in enumerate(grouped):
        if isinstance(part, Around):
            inner, found = build(part.parts, batch_first, apart, f"{path}{i}.")
            modules.append(Residual(*inner))
            stacks.update(found)
            continue
        modules.append(part.make(batch_first))
        if isinstance(part, Stack):
            stacks[f"{path}{i}."] = part
    return modules, stacks


def inside(parts: Any) -> Any:
    """All parts, those of forks and of what is around them too."""
    for part in parts:
        yield part
        chains = part.chains if isinstance(part, Fork) else [getattr(part, "parts", ())]
        for chain in chains:
            yield from inside(chain)


def followers(parts: Any, found: dict[int, set[int]], by: int = 0) -> dict[int, set[int]]:
    """Which parts take the output of each part, all by their id; `by` takes that of the last."""
    for part, after in zip(parts, [*map(id, parts[1:]), by]):
        found.setdefault(id(part), set()).add(after)
        chains = part.chains if isinstance(part, Fork) else [getattr(part, "parts", ())]
        for chain in chains:
            followers(chain, found, id(part))
    return found


class Wired:
    """A module of parts that are no chain. apart: pairs of layers that stay apart."""

    def __init__(self, batch_first: bool, chain: Any, apart: Any) -> None:
        self.wires, self.batch_first, self.apart = Wires(), batch_first, apart
        self.known: dict[int, int] = {}  # by the id of a part: where it stands
        self.stacks: dict[int, Stack] = {}
        self.chain, self.followers = chain, followers(chain, {})

    def run(self, chain: Any, at: int) -> int:
        """Adds what is not there yet; gives the last part."""
        for i, part in enumerate(chain):
            if id(part) not in self.known:
                run = self.stacked(chain[i:]) if isinstance(part, Layer) else [part]
                found = self.add(run, at)
                self.known.update({id(one): found for one in run})
            at = self.known[id(part)]
        return at

    def stacked(self, chain: Any) -> list[Any]:
        """The layers at the front that become one, for nobody else takes what is between them."""
        stack = Stack(chain[0])
        for before, part in zip(chain, chain[1:]):
            alone = self.followers[id(before)] == {id(part)}
            if not (isinstance(part, Layer) and alone and stack.takes(part, self.apart)):
                break
            stack.nodes.append(part)
        return stack.nodes

    def add(self, run: list[Any], at: int) -> int:
        part = run[0]
        if isinstance(part, Fork):
            ends = [self.run(chain, INPUT) for chain in part.chains]
            return self.wires.add(part.make(self.batch_first), *ends)
        if isinstance(part, Around):
            end = self.run(part.parts, at)
            return self.wires.add(layers.Merge("sum"), end, at)
        if isinstance(part, Window):
            return self.wires.add(part.make(False), (at, part.begin, part.count))
        stack = Stack(part) if isinstance(part, Layer) else None
        if stack is not None:
            stack.nodes = run
        made = (stack or part).make(self.batch_first)
        found = self.wires.add(made, at)
        if stack is not None:
            self.stacks[found] = stack
        return found

    def module(self, width: Any) -> tuple[Any, ...]:
        end = self.run(self.chain, INPUT)
        made = self.wires.module(end, width)
        return made, {self.wires.prefixes[at]: s for at, s in self.stacks.items()}


def module_of(parts: Any, batch_first: bool, apart: Any, width: Any = None) -> tuple[Any, ...]:
    if any(isinstance(part, (Fork, Window)) for part in inside(parts)):
        return Wired(batch_first, parts, apart).module(width)
    modules, stacks = build(parts, batch_first, apart)
    if len(modules) > 1:
        return Sequential(*modules), stacks
    shortened = {name.partition(".")[2]: stack for name, stack in stacks.items()}
    return modules[0], shortened
