"""Reading ONNX graphs that are one step: a row and the states come in, a row and the new states go
out. Such files are what streaming programs run, frame by frame.

The graph is read for a batch of one sequence, with a size for every axis. Each state input has to
come out again as what a recurrent part makes of it; the module's State holds it from then on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compose import Graph, Sequential
from ..layers import Identity
from .onnx_cells import cells_of
from .onnx_import import Reader, refuse_model
from .onnx_nodes import Node
from .onnx_numbers import Book, Numbers, Source
from .onnx_parts import Stack
from .onnx_step_nodes import MOVES, OPERATORS
from .onnx_values import Constant

MOST_PIECES = 64  # of what a part takes


class Refused:
    """An output of a node that was refused. It matters only if something reads it."""

    def __init__(self, error: NotImplementedError) -> None:
        self.error = error


class StepNode(Node):
    def value(self, i: Any) -> Any:
        value = super().value(i)
        if isinstance(value, Refused):
            raise value.error
        return value

    def codes(self, i: Any) -> Any:
        """Input i as an array of codes; a constant may be zeros only."""
        value = self.value(i)
        if isinstance(value, Numbers):
            return value.codes
        if np.any(value.array):
            self.refuse(f"its input {self.proto.input[i]!r} has constants among the numbers")
        return np.zeros(value.array.shape, np.int64)

    def made_of(self, op: str, width: int, taken: Any, part: Any = None) -> Source:
        """A new source of this node's."""
        found: Source = self.reader.book.add(Source(op, width, taken, part, self))
        return found


class StepReader(Reader):
    def __init__(self, onnx: Any, model: Any, constants: Any, outputs: Any, sizes: Any) -> None:
        super().__init__(onnx, model, constants, outputs)
        self.needed, self.sizes = set(self.outputs), self.known_sizes(sizes)
        self.book = Book()
        self.cells: list[Any] = []
        self.batch_axes: dict[str, int | None] = {}

    def known_sizes(self, sizes: Any) -> dict[str, int]:
        dims = (d for i in self.free.values() for d in i.type.tensor_type.shape.dim)
        names = {d.dim_param for d in dims if d.HasField("dim_param")}
        for name, size in (sizes or {}).items():
            if name not in names or int(size) < 1:
                told = ", ".join(map(repr, sorted(names))) or "none"
                raise ValueError(
                    f"sizes: {name!r} is {size}, and the open axes of the inputs are {told}: "
                    "give each but the batch a number above 0"
                )
        return {name: int(size) for name, size in (sizes or {}).items()}

    # ---- inputs ----------------------------------------------------------------------------------

    def start(self) -> None:
        for name, info in self.free.items():
            self.check_float(info)
            shape = self.shape_of(info)
            source = Source("input", int(np.prod(shape, dtype=np.int64)), [], None, None)
            source.owner = name
            self.book.add(source)
            self.values[name] = Numbers(source.codes.reshape(shape))

    def shape_of(self, info: Any) -> list[int]:
        """Sizes for one sequence: the one axis that stays open is the batch."""
        self.dims(info)
        shape, opened = [], []
        for i, dim in enumerate(info.type.tensor_type.shape.dim):
            known = dim.dim_value if dim.HasField("dim_value") else self.sizes.get(dim.dim_param)
            if known is None:
                opened.append(i)
            shape.append(1 if known is None else int(known))
        if len(opened) > 1:
            dims = info.type.tensor_type.shape.dim
            names = ", ".join(repr(dims[i].dim_param) for i in opened)
            refuse_model(
                f"the input {info.name!r} has the open axes {names}: a step has one, the batch. "
                "Pass the sizes of the others: sizes={name: number}"
            )
        self.batch_axes[info.name] = opened[0] if opened else None
        return shape

    # ---- nodes -----------------------------------------------------------------------------------

    def read(self) -> Any:
        self.check_opset()
        self.start()
        self.run(self.graph.node)
        return self.assemble()

    def run(self, protos: Any) -> None:
        for proto in protos:
            node = StepNode(self, proto)
            try:
                self.run_node(node)
            except NotImplementedError as error:
                for name in filter(None, proto.output):
                    self.values[name] = Refused(error)

    def run_node(self, node: Any) -> None:
        proto = node.proto
        if proto.domain not in ("", "ai.onnx"):
            node.refuse(f"operators of {proto.domain} are out of reach")
        if proto.op_type == "If":
            self.branch(node)
            return
        known = [node.value(i) for i in range(len(proto.input)) if node.has(i)]
        if all(isinstance(value, Constant) for value in known):
            self.fold(proto)
        elif proto.op_type in MOVES:
            MOVES[proto.op_type](node)
        elif proto.op_type in OPERATORS:
            node.unread_inputs = {i for i, name in enumerate(proto.input) if name}
            OPERATORS[proto.op_type](node)
            node.finish()
        else:
            node.refuse("this operator is out of reach in a step")

    def branch(self, node: Any) -> None:
        """Runs the branch that the sizes of the graph choose."""
        taken = "then_branch" if bool(np.all(node.constant(0))) else "else_branch"
        graph = node.attributes[taken]
        to_array = self.onnx.numpy_helper.to_array
        self.values.update({t.name: Constant(to_array(t)) for t in graph.initializer})
        self.run(graph.node)
        for ours, theirs in zip(node.proto.output, graph.output):
            self.values[ours] = self.values[theirs.name]

    def moved(self, node: Any, arrays: Any) -> list[Any]:
        """What the node makes of these arrays: codes move as numbers do."""
        from onnx.reference import (  # type: ignore[import-not-found,unused-ignore]
            ReferenceEvaluator,
        )

        helper, numpy_helper = self.onnx.helper, self.onnx.numpy_helper
        proto = node.proto
        given = dict(zip(proto.input, arrays))
        weights = [numpy_helper.from_array(np.asarray(a), n) for n, a in given.items() if n]
        infos = [helper.make_empty_tensor_value_info(o) for o in proto.output if o]
        graph = helper.make_graph([proto], "move", [], infos, weights)
        model = helper.make_model(graph, opset_imports=list(self.model.opset_import))
        try:
            found: Any = ReferenceEvaluator(model).run(None, {})
        except Exception as error:  # noqa: BLE001: a version of the node that it does not know
            node.refuse(f"the evaluator of the onnx package does not run it: {error}")
        return list(found)

    # ---- the module ------------------------------------------------------------------------------

    def output(self, name: str) -> Any:
        value: Any = self.values.get(name)
        if isinstance(value, Refused):
            raise value.error
        if not isinstance(value, Numbers):
            refuse_model(f"the output {name!r} does not depend on the input: drop it")
        codes: Any = value.codes
        return codes

    def assemble(self) -> Any:
        outputs = {name: self.output(name) for name in self.outputs}
        self.cells += cells_of(self)
        carried = {c: cell for cell in self.cells for c in (cell.h, cell.c) if c is not None}
        rows: dict[str, Any] = {}
        states: dict[str, Any] = {}
        for name, codes in outputs.items():
            owner = self.carried_input(codes, carried)
            (rows if owner is None else states)[name] = (codes, owner)
        mains = [n for n in self.free if n not in {owner for _, owner in states.values()}]
        if len(mains) != 1 or len(rows) != 1:
            refuse_model(
                "a step has one input and one output beside its states, which come out as they "
                f"came in; beside them this graph has the inputs {mains} and outputs {list(rows)}"
            )
        self.main = self.free[mains[0]]
        (self.row, (codes, _)), = rows.items()  # fmt: skip
        return StepModel(self, codes, {name: owner for name, (_, owner) in states.items()})

    def carried_input(self, codes: Any, carried: Any) -> str | None:
        """The state input that this output renews, or None: every number of it has to stand where
        the number stood that it takes the place of."""
        for name in map(str, self.free):
            before = self.values[name].codes
            if before.shape == codes.shape and np.all(codes):
                renewed = np.full(codes.shape, -1)
                for source, cell in carried.items():
                    old = cell.h_in if source is cell.h else cell.c_in
                    inside = (codes >= source.first) & (codes < source.first + source.width)
                    renewed[inside] = old[codes[inside] - source.first]
                if np.array_equal(renewed, before):
                    return name
        return None


class StepModel:
    """A module that was read from a step, and where the graph's states are in its State."""

    def __init__(self, reader: Any, codes: Any, states: Any) -> None:
        self.reader, self.states = reader, states  # {output: input}
        self.book, self.main = reader.book, reader.main.name
        self.cell_of = {id(cell.h): cell for cell in reader.cells}
        self.names: dict[int, str] = {}  # of the parts, by the id of their source
        self.module = self.build(np.ravel(codes))
        self.places = self.find_places()

    def build(self, codes: Any) -> Any:
        plan = [self.piece(s) for s in self.chosen(codes)]
        last = self.book.whole(codes)
        if last is None or not plan or last is not plan[-1][0]:
            plan.append((None, None, codes))
        chained, before = True, self.input_codes()
        for source, _, taken in plan:
            chained = chained and np.array_equal(taken, before)
            before = source.codes if source is not None else codes
        self.names = {id(source): str(i) for i, (source, _, _) in enumerate(plan)}
        modules = [Identity() if part is None else part.make(False) for _, part, _ in plan]
        if chained and len(modules) == 1:
            self.names = {id(plan[0][0]): ""}
            return modules[0]
        if chained:
            return Sequential(*modules)
        sources = [self.taken_by(source, taken) for source, _, taken in plan]
        parts = {str(i): pair for i, pair in enumerate(zip(modules, sources))}
        return Graph(self.input_codes().size, parts)

    def batches(self) -> tuple[int, ...]:
        """Batches to try: where an input has no open axis there is one sequence."""
        opened = all(at is not None for at in self.reader.batch_axes.values())
        return (1, 3) if opened else (1,)

    def input_codes(self) -> Any:
        return self.reader.values[self.main].codes.ravel()

    def piece(self, source: Any) -> Any:
        """(source, part, codes that it takes)."""
        cell = self.cell_of.get(id(source))
        if cell is not None:
            return source, Stack(cell.layer), cell.x
        if source.part is None:
            source.node.refuse(
                "it has no meaning outside of a normalisation, a magnitude or a recurrent cell"
            )
        return source, source.part, source.taken

    def chosen(self, codes: Any) -> list[Any]:
        """The sources that the output depends on, each before those that take it."""
        found: dict[int, Any] = {}
        waiting = [(None, codes)]
        while waiting:
            by, taken = waiting.pop()
            if not np.all(taken):
                self.refuse_at(by, "zeros are among the numbers that it takes")
            for source, _, _ in self.book.runs(taken):
                if source.op == "input":
                    if source.owner != self.main:
                        self.refuse_at(by, f"it computes with the state {source.owner!r}")
                elif source.op == "c":
                    self.refuse_at(by, "it computes with the c of a recurrent node")
                elif id(source) not in found:
                    found[id(source)] = source
                    waiting.append((source, self.piece(source)[2]))
        return sorted(found.values(), key=lambda s: s.first)

    def refuse_at(self, source: Any, why: str) -> None:
        if source is None:
            refuse_model(f"the output {self.reader.row!r}: {why}")
        source.node.refuse(why)

    def taken_by(self, source: Any, taken: Any) -> list[Any]:
        runs = self.book.runs(taken)
        if len(runs) > MOST_PIECES:
            self.refuse_at(source, f"it takes numbers in another order ({len(runs)} pieces)")
        return [
            (None if s.op == "input" else self.names[id(s)], begin, count)
            for s, begin, count in runs
        ]

    def find_places(self) -> dict[str, tuple[Any, Any]]:
        """{name in a State: codes in the graph's inputs}. Every state belongs to a part."""
        found, seen = {}, []
        for cell in self.reader.cells:
            name = self.names.get(id(cell.h))
            if name is None:
                continue
            prefix = f"{name}." if name else ""
            found[prefix + "h"] = cell.h_in
            seen.append(cell.h_in)
            if cell.c is not None:
                found[prefix + "c"] = cell.c_in
                seen.append(cell.c_in)
        for name in self.states.values():
            inside = np.isin(self.reader.values[name].codes, np.concatenate([*seen, [0]]))
            if not np.all(inside):
                refuse_model(f"the state {name!r} holds numbers that the output does not depend on")
        return found


def is_step(reader: Any) -> bool:
    """Whether a graph may be one step: several inputs come in, and as many go out."""
    count = len(reader.free)
    return count > 1 and len(reader.outputs) == count


__all__ = ["StepModel", "StepReader", "is_step"]
