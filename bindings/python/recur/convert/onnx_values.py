"""What an ONNX reader knows of a value: which numbers it holds, and what each of its axes means.

An axis of a tensor is a tuple of atoms (`Axis`): a reshape that joins steps and batch gives one
axis of two atoms, and one that takes them apart again finds them there. A tuple without atoms has
size 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class Axis:
    """An atom: steps, sequences, directions, features. size is None where the model leaves it
    open."""

    def __init__(self, name: str, size: Any = None) -> None:
        self.name, self.size = name, size
        self.padded: Any = None  # (steps, zeros before, zeros behind), where these are more steps
        self.longer: Any = None  # (steps, how many more stand behind), what a convolution gave

    def __repr__(self) -> str:
        return self.name if self.size is None else f"{self.name}={self.size}"


class Product:
    """A size that is known when the model runs: a number times open axes."""

    def __init__(self, factor: float, axes: Any) -> None:
        self.factor, self.axes = factor, tuple(sorted(axes, key=id))

    def __eq__(self, other: Any) -> Any:
        return isinstance(other, Product) and (self.factor, self.axes) == (other.factor, other.axes)

    def __hash__(self) -> Any:
        return hash((self.factor, self.axes))

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Product):
            return Product(self.factor * other.factor, self.axes + other.axes)
        return Product(self.factor * int(other), self.axes)

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return "*".join([str(self.factor)] * (self.factor != 1) + [a.name for a in self.axes])


def size_of(atoms: Any) -> Any:
    """An int, or a Product."""
    known = int(np.prod([a.size for a in atoms if a.size is not None], dtype=np.int64))
    still_open = [a for a in atoms if a.size is None]
    return Product(known, still_open) if still_open else known


def spelled(groups: Any) -> str:
    """Axes for a message: [T][B][D=2 F=4]."""
    return "".join(f"[{' '.join(map(repr, g)) or '1'}]" for g in groups)


class Constant:
    """Numbers that the file holds, or that follow from them."""

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array)


class Dims:
    """Sizes of axes, as an integer array whose elements are ints or Products."""

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array, object)

    @classmethod
    def of(cls, groups: Any) -> Any:
        array = np.empty(len(groups), object)
        array[:] = [size_of(g) for g in groups]
        return cls(array)


class Filled:
    """One number everywhere, in a shape that is known when the model runs: zeros as initial
    state."""

    def __init__(self, value: Any) -> None:
        self.value = float(value)


class Channels:
    """Rows seen as [channels][length], with zeros or mirrored numbers around each channel."""

    def __init__(self, chain: Any, lead: Any, channels: int, length: int) -> None:
        self.chain, self.lead, self.channels, self.length = tuple(chain), lead, channels, length
        self.pads, self.mode = (0, 0), "zeros"

    def padded(self, pads: tuple[int, int], mode: str) -> Any:
        found = Channels(self.chain, self.lead, self.channels, self.length)
        found.pads, found.mode = pads, mode
        return found


class MeanSquare:
    """mean(x²) of the features of some rows, plus eps; of `root`, the root of it. `power` is -1 for
    one by it."""

    def __init__(self, chain: Any, lead: Any, width: int, eps: float = 0) -> None:
        self.chain, self.lead, self.width, self.eps = chain, lead, width, eps
        self.root, self.power = False, 1

    def with_root(self) -> Any:
        found = MeanSquare(self.chain, self.lead, self.width, self.eps)
        found.root = True
        return found

    def by_one(self) -> Any:
        found = self.with_root()
        found.power = -1
        return found


class Lengths:
    """A graph input with the number of steps of each sequence."""

    def __init__(self, name: str) -> None:
        self.name = name


class Slot:
    """Rows of one direction of one recurrent node (what: "y", "h" or "c"), or rows of an initial
    state that the caller gives (owner: the name of the graph input)."""

    def __init__(self, owner: Any, what: str, index: int) -> None:
        self.owner, self.what, self.index = owner, what, index

    def key(self) -> Any:
        return self.owner, self.what, self.index

    def __eq__(self, other: Any) -> Any:
        return isinstance(other, Slot) and self.key() == other.key()

    def __hash__(self) -> Any:
        return hash(self.key())


class Tensor:
    """Numbers that depend on the model's input.

    parts: the chain of parts that gives its features, from the model's input on. groups: its axes.
    features: the atom of the features, None for ids. slots, with the atom `stacked`: the features
    are those of several slots, stacked along that atom, which is None if there is one slot.
    window: only these of the features.
    """

    def __init__(
        self,
        groups: Any,
        features: Any,
        parts: Any = (),
        slots: Any = None,
        stacked: Any = None,
        window: Any = None,
    ) -> None:
        self.groups, self.features, self.parts = tuple(map(tuple, groups)), features, tuple(parts)
        self.slots, self.stacked, self.window = slots, stacked, window
        self.window_part: list[Any] = []  # of one, shared by all views
        if stacked is not None and stacked.size == 1:
            self.settle()

    def settle(self) -> None:
        """Forgets the axis of a single slot where a reshape has joined it with another one."""
        if any(self.stacked in g and len(g) > 1 for g in self.groups):
            groups = [[a for a in g if a is not self.stacked] for g in self.groups]
            self.groups, self.stacked = tuple(map(tuple, groups)), None

    def on(self, groups: Any, **more: Any) -> Any:
        """The same numbers with other axes."""
        kept = dict(parts=self.parts, slots=self.slots, stacked=self.stacked, window=self.window)
        kept.update(more)
        found = Tensor(groups, self.features, **kept)
        found.window_part = self.window_part
        return found

    def as_part(self, made: Any) -> Any:
        """The part that stands for the window: the same one, however often it is read."""
        if not self.window_part:
            self.window_part.append(made)
        return self.window_part[0]

    @property
    def is_ids(self) -> bool:
        return self.features is None

    def lead(self) -> Any:
        """The axes in front of the features, or None if the features are not the last axis
        alone."""
        wanted = [a for a in (self.stacked, self.features) if a is not None]
        last = [a for a in self.groups[-1] if a.size != 1] if self.groups else None
        if last != [a for a in wanted if a.size != 1]:
            return None
        if self.features not in self.groups[-1]:
            return None
        return self.groups[:-1]


def regroup(groups: Any, shape: Any, keep_zero: Any) -> Any:
    """The axes after a Reshape to `shape`, or None where they cannot be told for certain."""
    atoms = [a for g in groups for a in g]
    entries = list(shape)
    if entries.count(-1) > 1:
        return None
    at = entries.index(-1) if -1 in entries else len(entries)
    front, rest = take(atoms, groups, entries[:at], 0, keep_zero)
    if front is None:
        return None
    if at == len(entries):
        if any(a.size != 1 for a in rest):
            return None
        return [*front[:-1], (*front[-1], *rest)] if front and rest else front
    behind = entries[at + 1 :]
    if any(n == 0 for n in behind) and not keep_zero:
        return None
    back, rest = take(rest[::-1], None, behind[::-1], 0, True)
    if back is None:
        return None
    return [*front, tuple(rest[::-1]), *(g[::-1] for g in back[::-1])]


def take(atoms: Any, groups: Any, entries: Any, start: Any, keep_zero: Any) -> Any:
    """Atoms for each entry, one after the other: (axes, atoms that are left)."""
    taken, atoms = [], list(atoms)
    for i, wanted in enumerate(entries):
        if isinstance(wanted, (int, np.integer)) and wanted == 0 and not keep_zero:
            if groups is None or start + i >= len(groups):
                return None, atoms
            wanted = size_of(groups[start + i])
        group: list[Any] = []
        while not group or size_of(group) != wanted:
            if size_of(group) == wanted and not (atoms and atoms[0].size == 1):
                break
            if not atoms:
                return None, atoms
            group.append(atoms.pop(0))
        taken.append(tuple(group))
    return taken, atoms
