"""Reading ONNX: a graph becomes a recur module, or is refused.

The reader goes through the nodes from the inputs on and keeps, for every value, what its axes are
and which chain of parts gives its features (`onnx_values`, `onnx_nodes`). At the end the outputs
say which chain the module is. Every node that an output depends on has to be explained by that
module, with all its attributes and inputs; so do all inputs and outputs of the graph.
"""

from __future__ import annotations

from typing import Any, Iterator, NoReturn

import numpy as np

from ..module import Module
from .gates import KINDS
from .onnx_nodes import DRAWN, OPERATORS, Node, refuse
from .onnx_parts import Around, Fork, Last, Layer, inside, joined, module_of
from .onnx_values import Axis, Constant, Lengths, Slot, Tensor, spelled

OLDEST = 7  # of the opsets: before it, Add had axes of its own, and Dropout dropped
PIECES = ("Slice", "Split", "Unsqueeze", "Gather", "Squeeze", "Identity", "Cast")


def refuse_model(why: Any) -> NoReturn:
    raise NotImplementedError(f"from_onnx: {why}")


def array_of(to_array: Any, weight: Any) -> Any:
    try:
        return to_array(weight)
    except Exception as error:  # noqa: BLE001: of NumPy's or the onnx package's
        raise NotImplementedError(f"from_onnx: weight {weight.name!r}: {error}") from error


class Reader:
    def __init__(self, onnx: Any, model: Any, constants: Any, outputs: Any) -> None:
        self.onnx, self.model, self.graph = onnx, model, model.graph
        to_array = onnx.numpy_helper.to_array
        given = {k: np.asarray(v) for k, v in (constants or {}).items()}
        arrays = {t.name: array_of(to_array, t) for t in self.graph.initializer}
        self.check_names(given, arrays)
        self.values: dict[str, Any] = {k: Constant(v) for k, v in {**arrays, **given}.items()}
        self.free = {i.name: i for i in self.graph.input if i.name not in self.values}
        self.check_order()
        self.dropped = outputs is not None
        self.outputs = self.chosen(outputs)
        self.users: dict[str, list[Any]] = {}
        self.needed = self.find_needed()
        self.steps: Any = None
        self.batch: Any = None
        self.main: Any = None
        self.symbols = 0  # of an embedding
        self.layers: list[Any] = []
        self.pairs: dict[tuple[Layer, Layer], Layer] = {}

    def check_order(self) -> None:
        """Nodes stand behind those whose outputs they take, so there is no circle."""
        known = {"", *self.values, *self.free}
        for node in self.graph.node:
            for name in node.input:
                if name not in known:
                    refuse(node, f"it takes {name!r}, which nothing before it gives")
            known.update(node.output)

    def check_names(self, given: Any, arrays: Any) -> None:
        known = {i.name for i in self.graph.input} | set(arrays)
        for name in given:
            if name not in known:
                raise ValueError(f"constants: the model has no input {name!r}")

    def chosen(self, outputs: Any) -> list[Any]:
        names = [o.name for o in self.graph.output]
        if outputs is None:
            return names
        wanted: list[Any] = [outputs] if isinstance(outputs, str) else list(outputs)
        for name in wanted:
            if name not in names:
                raise ValueError(f"the model has no output {name!r}: it has {', '.join(names)}")
        return wanted

    def find_needed(self) -> set[str]:
        """Values that the outputs depend on."""
        needed = set(self.outputs)
        for node in reversed(self.graph.node):
            if needed.intersection(node.output):
                needed.update(i for i in node.input if i)
        self.nodes = [n for n in self.graph.node if needed.intersection(n.output)]
        for node in self.nodes:
            for place, name in enumerate(node.input):
                self.users.setdefault(name, []).append((node, place))
        return needed

    # ---- inputs of the graph -------------------------------------------------------------------

    def start(self) -> None:
        """Gives every input its role: rows (or ids), initial state, or lengths."""
        rows = []
        for name, info in self.free.items():
            if name not in self.users and name not in self.outputs:
                self.refuse_unused(name)
            elif self.is_lengths(name):
                self.values[name] = Lengths(name)
            elif self.is_state(name):
                self.values[name] = self.state_input(info)
            else:
                rows.append(info)
        if len(rows) != 1:
            names = ", ".join(repr(i.name) for i in rows) or "none"
            refuse_model(
                "the model must have one input beside initial states and lengths; it has "
                f"{names}. Pass arrays for inputs that are weights: constants={{name: array}}"
            )
        self.main = rows[0]
        self.values[self.main.name] = self.input_rows(self.main)

    def refuse_unused(self, name: str) -> None:
        read_elsewhere = any(name in n.input for n in self.graph.node)
        if not (self.dropped and read_elsewhere):
            refuse_model(
                f"no output depends on the input {name!r}. Was it lost when the model was "
                "exported? Export the model again, or without this input"
            )

    def is_lengths(self, name: str) -> bool:
        used = self.users.get(name, [])
        plain = {"Cast", "Identity"}
        return bool(used) and all(
            n.op_type in KINDS and place == 4 or n.op_type in plain and self.is_lengths(n.output[0])
            for n, place in used
        )

    def is_state(self, name: str) -> bool:
        """Whether a value is read only as an initial state, maybe cut in pieces first."""
        used = self.users.get(name, [])
        return bool(used) and all(
            n.op_type in KINDS and place in (5, 6)
            or n.op_type in PIECES and place == 0
            and all(self.is_state(o) for o in n.output if o in self.needed)
            for n, place in used
        )  # fmt: skip

    def dims(self, info: Any) -> list[Any]:
        """Sizes of an input: ints, or None where the model leaves one open."""
        tensor = info.type.tensor_type
        if not info.type.HasField("tensor_type") or not tensor.HasField("shape"):
            refuse_model(f"the input {info.name!r} has no shape: the number of its axes is needed")
        return [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]

    def state_input(self, info: Any) -> Tensor:
        dims = self.dims(info)
        self.check_float(info)
        if len(dims) != 3:
            refuse_model(f"the initial state {info.name!r} has {len(dims)} dimensions, not 3")
        count = dims[0]
        if count is None:
            nodes = [n for n, place in self.users[info.name] if place in (5, 6)]
            if len(nodes) != 1:
                refuse_model(f"the initial state {info.name!r} has an open number of layers")
            given = [a.s for a in nodes[0].attribute if a.name == "direction"]
            count = 2 if given == [b"bidirectional"] else 1
        stacked, batch, features = Axis("D", count), Axis("B", dims[1]), Axis("F", dims[2])
        slots = [Slot(info.name, "initial", i) for i in range(count)]
        groups = [(stacked,), (batch,), (features,)]
        return Tensor(groups, features, slots=slots, stacked=stacked)

    def check_float(self, info: Any) -> None:
        types = self.onnx.TensorProto
        if info.type.tensor_type.elem_type != types.FLOAT:
            kind = types.DataType.Name(info.type.tensor_type.elem_type)
            refuse_model(
                f"the input {info.name!r} is {kind}: rows are FLOAT (float32) here, and ids INT64 "
                "or INT32. Convert the model to float32 first"
            )

    def input_rows(self, info: Any) -> Tensor:
        types, dims = self.onnx.TensorProto, self.dims(info)
        if info.type.tensor_type.elem_type in (types.INT32, types.INT64):
            axes = [Axis(f"axis {i}", n) for i, n in enumerate(dims)]
            self.lead = axes
            return Tensor([(a,) for a in axes], None)
        self.check_float(info)
        if not dims:
            refuse_model(f"the input {info.name!r} is a single number")
        *lead, features = [Axis(f"axis {i}", n) for i, n in enumerate(dims)]
        features.name, self.lead = "F", lead
        return Tensor([*((a,) for a in lead), (features,)], features)

    # ---- nodes -----------------------------------------------------------------------------------

    @property
    def opset(self) -> int:
        known = [o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx")]
        return int(max(known, default=0))

    def check_opset(self) -> None:
        old = [o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx")]
        if any(version < OLDEST for version in old):
            refuse_model(
                f"the model has opset {old[0]}, and operators had other meanings before {OLDEST}: "
                "convert it with onnx.version_converter first"
            )
        if self.graph.sparse_initializer:
            refuse_model("sparse initializers are out of reach: make them dense")

    def read(self) -> Any:
        self.check_opset()
        self.start()
        for proto in self.nodes:
            if proto.domain not in ("", "ai.onnx"):
                refuse(proto, f"operators of {proto.domain} are out of reach")
            if any(a.HasField("g") or a.graphs for a in proto.attribute):
                refuse(proto, "graphs inside of a node are out of reach")
            if all(isinstance(self.values.get(i), Constant) for i in proto.input if i):
                self.fold(proto)
            elif proto.op_type not in OPERATORS:
                refuse(proto, "this operator is out of reach")
            else:
                node = Node(self, proto)
                try:
                    OPERATORS[proto.op_type](node)
                except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
                    refuse(proto, f"its inputs and attributes do not fit each other: {error!r}")
                node.finish()
        return self.assemble()

    def fold(self, proto: Any) -> None:
        """A node of constants: what exporters leave of weights."""
        from onnx.reference import (  # type: ignore[import-not-found,unused-ignore]
            ReferenceEvaluator,
        )

        if proto.op_type in DRAWN:
            refuse(proto, "it draws random numbers")
        helper, numpy_helper = self.onnx.helper, self.onnx.numpy_helper
        names = dict.fromkeys(i for i in proto.input if i)
        weights = [numpy_helper.from_array(self.values[n].array, n) for n in names]
        outputs = [o for o in proto.output if o]
        infos = [helper.make_empty_tensor_value_info(o) for o in outputs]
        graph = helper.make_graph([proto], "fold", [], infos, weights)
        model = helper.make_model(graph, opset_imports=list(self.model.opset_import))
        try:
            found = ReferenceEvaluator(model).run(None, {})
        except Exception as error:  # noqa: BLE001: of NumPy's or the evaluator's
            refuse(proto, f"its constants do not fit each other: {error}")
        self.values.update({o: Constant(v) for o, v in zip(outputs, found)})

    def steps_are(self, node: Any, steps: Any, others: Any) -> None:
        """Settles which axis is the steps. Raises when it was another one before."""
        if self.steps is None:
            others = [a for a in others if a.size != 1] or others
            if len(others) > 1:
                node.refuse(f"it has several axes beside the steps: {others}")
            self.steps, self.batch = steps, others[0] if others else None
        elif steps is not self.steps:
            node.refuse(f"it takes {steps} for the steps; for other nodes {self.steps} is it")

    def time_axes(self, node: Any, lead: Any) -> tuple[Any, ...]:
        """(atom of the steps, atom of the batch) of a recurrent node's input."""
        atoms = []
        for group, name, known in zip(lead, "TB", (self.steps, self.batch)):
            real = [a for a in group if a.size != 1] or list(group[:1])
            if not real:  # an axis that an Unsqueeze made
                real = [known if known is not None and known.size == 1 else Axis(name, 1)]
            if len(real) > 1:
                node.refuse(f"its input has axes {spelled(lead)}")
            atoms.append(real[0])
        self.steps_are(node, atoms[0], [atoms[1]])
        if self.batch is not atoms[1]:
            node.refuse(f"it takes {atoms[1]} for the batch; for other nodes {self.batch} is it")
        return tuple(atoms)

    def join(self, node: Any, slots: Any) -> Layer:
        """The bidirectional layer that two nodes make together."""
        a, b = (s.owner for s in slots)
        fits = isinstance(a, Layer) and isinstance(b, Layer)
        fits = fits and (a.direction, b.direction) == ("forward", "reverse") and a.alike(b)
        fits = fits and slots[0].what == slots[1].what and not a.initial and not b.initial
        fits = fits and a.weights[0].shape == b.weights[0].shape
        if (
            not fits
            or len(a.before) != len(b.before)
            or any(p is not q for p, q in zip(a.before, b.before))
        ):
            named = " and ".join(self.told(s) for s in slots)
            node.refuse(f"it joins {named}, which are not the two directions of one layer")
        if (a, b) not in self.pairs:
            self.pairs[a, b] = joined(a, b)
        return self.pairs[a, b]

    def told(self, slot: Any) -> str:
        """A slot for a message."""
        if isinstance(slot.owner, str):
            return f"row {slot.index} of {slot.owner!r}"
        if slot.owner not in self.layers:
            return f"{slot.what} of a {slot.owner.kind}, direction {slot.index}"
        place = self.layers.index(slot.owner)
        return f"{slot.what} of {slot.owner.kind} {place}, direction {slot.index}"

    # ---- the module ------------------------------------------------------------------------------

    def assemble(self) -> Any:
        alone = len(self.nodes) == 1 and self.nodes[0].op_type in KINDS
        if alone:
            return self.assemble_node()
        states: dict[str, Any] = {}
        rows: dict[str, Any] = {}
        for name in self.outputs:
            value = self.values.get(name)
            if not isinstance(value, Tensor) or value.is_ids:
                refuse_model(f"the output {name!r} does not depend on the input: drop it")
            (states if is_final(value) else rows)[name] = value
        if len(rows) != 1:
            self.refuse_outputs(rows, states)
        (name, value), = rows.items()  # fmt: skip
        chain, lead, _ = Output(self, name).plain(value)
        if not chain:
            refuse_model(f"the output {name!r} is the input")
        batch_first = self.order(name, chain, lead)
        self.check_lengths(chain)
        return self.finish(chain, batch_first, {name: "y"}, states)

    def refuse_outputs(self, rows: Any, states: Any) -> None:
        if rows:
            named = ", ".join(repr(n) for n in rows)
            refuse_model(
                f"a module gives one output, and the model has {named}. Choose one of them: "
                f"outputs=[{next(iter(rows))!r}]"
            )
        refuse_model(
            f"the model gives final states alone ({', '.join(repr(n) for n in states)}), and a "
            "module gives y. Export y too, or pick the state of a layer, h_n[-1], which is read as "
            "Last"
        )

    def order(self, name: str, chain: Any, lead: Any) -> bool:
        """Whether batch comes first; refuses an output whose axes are not the module's."""
        found = [a for g in lead for a in g]
        given = list(self.lead)
        reduced = any(part.reduces for part in chain)
        timed = self.steps is not None
        single = timed and self.batch is not None and self.batch not in given
        if (
            timed
            and not single
            and sorted(map(id, given)) != sorted(map(id, (self.steps, self.batch)))
        ):
            refuse_model(
                f"the input has axes {given}: steps and batch are understood, in any order"
            )
        if single and (given != [self.steps] or self.batch.size != 1):
            refuse_model(f"the input has axes {given}, the recurrent nodes add {self.batch}")
        wanted = [a for a in given if not (reduced and a is self.steps)]
        if found != wanted or any(len(g) > 1 for g in lead) or len(lead) != len(wanted):
            refuse_model(
                f"the output {name!r} has axes {spelled(lead)} in front of the features, and a "
                f"module whose input has {given} gives {wanted}. Leave out the last transpose "
                "or reshape"
            )
        return timed and not single and given[0] is self.batch

    def check_lengths(self, chain: Any) -> None:
        flat = list(flattened(chain))
        if len({part.lengths for part in flat if isinstance(part, Layer)}) > 1:
            refuse_model("some recurrent nodes take lengths and others do not, or other ones")
        timed = any(isinstance(part, Layer) and part.lengths for part in flat)
        if timed and any(isinstance(part, Last) and part.by_step for part in flat):
            refuse_model("a step of y is picked, which is padding in sequences that are shorter")

    def assemble_node(self) -> Any:
        """A graph of one recurrent node stands for the layer itself: its outputs Y, Y_h and Y_c are
        the layer's y and state, which have recur's axes; Y need not be among them."""
        node, layer = self.nodes[0], self.layers[0]
        layout = any(a.name == "layout" and a.i for a in node.attribute)
        if self.lead != ([self.batch, self.steps] if layout else [self.steps, self.batch]):
            refuse_model(f"the input has axes {self.lead}")
        names = {name: what for name, what in zip(node.output, ("Y", "Y_h", "Y_c")) if name}
        names = {name: names[name] for name in self.outputs}
        return self.finish((*layer.before, layer), layout, names, {})

    def finish(self, chain: Any, batch_first: bool, names: Any, states: Any) -> Any:
        """The module, with what is known of its inputs and outputs for the check."""
        wanted = {name: [s.key() for s in value.slots] for name, value in states.items()}
        apart = separated(wanted.values())
        features = self.values[self.main.name].features
        width = None if features is None else features.size
        module, stacks = module_of(chain, batch_first, apart, width)
        names = dict(names)
        for name, slots in wanted.items():
            names[name] = self.state_of(name, slots, stacks)
        return Model(self, module, batch_first, names, self.initial_states(stacks))

    def state_of(self, name: str, slots: Any, stacks: Any) -> str:
        """The name in a State of the rows that are an output of the graph."""
        for prefix, stack in stacks.items():
            for what in stack.nodes[0].states:
                if stack.slots(what) == slots:
                    return str(prefix + what)
        refuse_model(
            f"the output {name!r} is made of final states that are not those of one layer of the "
            "module. Choose the other outputs: outputs=[...]"
        )

    def initial_states(self, stacks: Any) -> dict[str, Any]:
        """{graph input: name in a State}; every initial state has to come whole from one input."""
        found: dict[str, str] = {}
        for prefix, stack in stacks.items():
            for what in stack.nodes[0].states:
                slots = stack.initial(what)
                if not slots:
                    continue
                owner = slots[0].owner
                whole = list(self.values[owner].slots)
                if slots != whole or owner in found:
                    refuse_model(
                        f"the initial state {what} of {prefix or 'the layer '}is made of rows of "
                        f"{sorted({s.owner for s in slots})} that are not one whole input in order"
                    )
                found[owner] = prefix + what
        for name, value in self.values.items():
            if name in self.free and isinstance(value, Tensor) and name != self.main.name:
                if name not in found:
                    refuse_model(f"the initial state {name!r} belongs to no layer of the module")
        return found


class Output(Node):
    """An output of the graph, which reads a value as a node does."""

    def __init__(self, reader: Any, name: str) -> None:
        super().__init__(reader, reader.onnx.helper.make_node("Identity", [name], [name]))

    def refuse(self, why: Any) -> NoReturn:
        refuse_model(f"the output {self.proto.output[0]!r}: {why}")


def is_final(value: Any) -> bool:
    """Whether a value is final states as PyTorch gives them: [layers and directions][B][H]."""
    if value.slots is None or value.window is not None or value.stacked is None:
        return False
    stacked_first = len(value.groups) == 3 and value.groups[0] == (value.stacked,)
    final = all(s.what in "hc" for s in value.slots)
    return final and stacked_first and value.groups[2] == (value.features,)


def flattened(chain: Any) -> Iterator[Any]:
    return (part for part in inside(chain) if not isinstance(part, (Around, Fork)))


def separated(outputs: Any) -> set[Any]:
    """Pairs of nodes whose final states go to different outputs, so they stay layers apart."""
    groups = [list(dict.fromkeys(slot[0] for slot in slots)) for slots in outputs]
    pairs: set[Any] = set()
    for one in groups:
        for other in groups:
            pairs.update((a, b) for a in one for b in other if a not in other or b not in one)
    return pairs


class Model:
    """A module that was read, and how the graph's inputs and outputs correspond to it."""

    def __init__(
        self, reader: Any, module: Any, batch_first: bool, outputs: Any, initial: Any
    ) -> None:
        self.reader, self.module, self.batch_first = reader, module, batch_first
        self.outputs, self.initial = outputs, initial


def from_onnx(
    model: Any, constants: Any = None, outputs: Any = None, sizes: Any = None, verify: bool = True
) -> Module:
    import onnx  # type: ignore[import-not-found,unused-ignore]

    from . import onnx_check

    if not isinstance(model, onnx.ModelProto):
        model = onnx.load(model)
    made = read(onnx, model, (constants, outputs), sizes)
    module: Module = made.module.eval()
    if verify:
        onnx_check.check_reading(made, constants)
    return module


def read(onnx: Any, model: Any, given: tuple[Any, Any], sizes: Any) -> Any:
    """The graph read as a sequence, or as one step of one."""
    from .onnx_step import StepReader, is_step

    if sizes is not None:
        return StepReader(onnx, model, *given, sizes).read()
    reader = Reader(onnx, model, *given)
    try:
        return reader.read()
    except NotImplementedError as error:
        if not is_step(reader):
            raise
        first = error
    try:
        return StepReader(onnx, model, *given, sizes).read()
    except NotImplementedError as second:
        raise NotImplementedError(f"{first}. Read as a single step: {second}") from None
