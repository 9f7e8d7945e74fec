"""The check of ONNX models: by ONNX Runtime, or by the onnx package's own evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import packed
from . import _verify
from .onnx_step import StepModel


class Runner:
    """Runs a model, or says by `works` that nothing here can."""

    def __init__(self, onnx: Any, model: Any) -> None:
        self.run = self.with_runtime(model) or self.with_reference(onnx, model)

    @property
    def works(self) -> bool:
        return self.run is not None

    @staticmethod
    def with_runtime(model: Any) -> Any:
        try:
            import onnxruntime  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError:
            return None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            data, cpu = model.SerializeToString(), ["CPUExecutionProvider"]
            session = onnxruntime.InferenceSession(data, options, providers=cpu)
        except Exception:  # unknown to it, or too large
            return None
        return lambda names, given: session.run(names, given)

    @staticmethod
    def with_reference(onnx: Any, model: Any) -> Any:
        """The evaluator of the onnx package, which knows neither lengths nor, in older versions,
        reverse layers."""
        for node in model.graph.node:
            lengths = node.op_type in ("RNN", "LSTM", "GRU") and any(node.input[4:5])
            reverse = any(a.name == "direction" and a.s != b"forward" for a in node.attribute)
            if lengths or reverse:
                return None
        try:
            evaluator = onnx.reference.ReferenceEvaluator(model)
        except Exception:  # noqa: BLE001: an operator that it does not know
            return None
        return lambda names, given: evaluator.run(names, given)


class Sample:
    """Arrays for the inputs of one run, in the axes of the graph."""

    def __init__(self, made: Any, rng: Any, steps: Any, batch: int) -> None:
        reader = made.reader
        self.made, self.lengths = made, None
        sizes = {reader.steps: steps, reader.batch: batch}
        lead = [a.size or sizes.get(a, batch) for a in reader.lead]
        self.batch = lead[reader.lead.index(reader.batch)] if reader.batch in reader.lead else 1
        if reader.symbols:
            self.x = rng.integers(0, reader.symbols, lead)
        else:
            width = reader.values[reader.main.name].features.size or made.module._info.input_size
            self.x = _verify.numbers(rng, *lead, width)
        types = {i.name: i.type.tensor_type.elem_type for i in reader.graph.input}
        as_type = reader.onnx.helper.tensor_dtype_to_np_dtype
        self.given = {reader.main.name: self.x.astype(as_type(types[reader.main.name]))}
        self.states: dict[str, Any] = {}
        if made.initial:
            self.draw_states(rng)
        names = {layer.lengths for layer in reader.layers if layer.lengths}
        for name in names:
            steps = lead[reader.lead.index(reader.steps)]
            self.lengths = rng.integers(1, steps + 1, self.batch)
            self.lengths[0] = steps
            self.given[name] = self.lengths.astype(as_type(types[name]))

    def draw_states(self, rng: Any) -> None:
        shapes = {name: value.shape for name, value in self.made.module.state(self.batch).items()}
        for graph_name, name in self.made.initial.items():
            self.states[name] = self.given[graph_name] = _verify.numbers(rng, *shapes[name])

    def ours(self) -> dict[str, Any]:
        """{name in a State, or y: array}, as the graph has it."""
        module, x = _verify.evaluating(self.made.module), self.x
        if self.lengths is not None:
            first = self.made.batch_first
            x = packed.pack_padded_sequence(x, self.lengths, first, enforce_sorted=False)
        found = {}
        if self.wants_states():
            state = module.state(self.batch)
            for name, value in self.states.items():
                state[name] = value
            y, state = module(x, state)
            found.update(state.items())
        else:
            y = module(x)
            y = y[0] if isinstance(y, tuple) else y
        if packed.is_packed(y):
            y = packed.pad_packed_sequence(y, self.made.batch_first)[0]
        found["y"] = np.asarray(y)
        return found

    def wants_states(self) -> bool:
        return bool(self.made.initial) or any(
            n not in ("y", "Y") for n in self.made.outputs.values()
        )

    def theirs(self, what: str, value: Any) -> Any:
        """An output of the graph in the module's axes."""
        if what == "Y":
            if not self.made.batch_first:
                value = value.swapaxes(1, 2)
            value = value.reshape(*value.shape[:2], -1)
        elif what in ("Y_h", "Y_c") and self.made.batch_first:
            value = value.swapaxes(0, 1)
        if what in ("y", "Y") and self.lengths is not None and value.ndim == 3:
            steps = np.arange(value.shape[1 if self.made.batch_first else 0])
            inside = steps[:, None] < self.lengths
            value = value * (inside.T if self.made.batch_first else inside)[..., None]
        return value


class Steps:
    """Some steps of a graph that is one step, for some sequences, from drawn states on."""

    COUNT = 3

    def __init__(self, made: Any, rng: Any, weights: Any, batch: int) -> None:
        self.made, self.batch, self.reader = made, batch, made.reader
        self.given, self.state = dict(weights), made.module.state(batch)
        for name in made.states.values():
            self.given[name] = self.drawn(rng, name)
        for name, array in self.states(self.given).items():
            self.state[name] = array
        self.xs = [self.drawn(rng, made.main) for _ in range(self.COUNT)]

    def drawn(self, rng: Any, name: str) -> Any:
        shape = list(self.reader.values[name].codes.shape)
        at = self.reader.batch_axes[name]
        if at is not None:
            shape[at] = self.batch
        return _verify.numbers(rng, *shape)

    def rows(self, name: str, array: Any) -> Any:
        """[batch][numbers] of an input, or of an output of its shape."""
        at = self.reader.batch_axes[name]
        return (array if at is None else np.moveaxis(array, at, 0)).reshape(self.batch, -1)

    def states(self, arrays: Any) -> dict[str, Any]:
        """What the graph's states are in the module's State."""
        found = {}
        values = self.reader.values
        firsts = {name: values[name].codes.flat[0] for name in self.made.states.values()}
        for name, codes in self.made.places.items():
            row = np.empty((self.batch, codes.size), np.float32)
            for graph_name, first in firsts.items():
                held = self.rows(graph_name, arrays[graph_name])
                inside = (codes >= first) & (codes < first + held.shape[1])
                row[:, inside] = held[:, codes[inside] - first]
            found[name] = row[None]
        return found

    def run(self, runner: Any) -> list[Any]:
        pairs: list[Any] = []
        made = self.made
        outputs, given = [made.reader.row, *made.states], dict(self.given)
        for x in self.xs:
            given[made.main] = x
            y = made.module.step(self.rows(made.main, x), self.state)
            try:
                theirs = dict(zip(outputs, runner.run(outputs, given)))
            except Exception:  # noqa: BLE001: a model that takes batches of its own only
                return pairs
            row = theirs[made.reader.row]
            pairs.append(("the output", y, row.reshape(self.batch, -1)))
            given.update({name: theirs[out] for out, name in made.states.items()})
            pairs += [
                (f"the state {name}", self.state[name], array)
                for name, array in self.states(given).items()
            ]
        return pairs


def keep_steps(made: Any, rng: Any, weights: Any, runner: Any) -> None:
    """Leaves a sample of some steps of one sequence at the module, from states of zeros on."""
    steps = Steps(made, rng, weights, 1)
    for name in made.states.values():
        steps.given[name] = np.zeros_like(steps.given[name])
    steps.state = made.module.state(1)
    rows = [theirs for name, _, theirs in steps.run(runner) if name == "the output"]
    if len(rows) == steps.COUNT:
        x = [steps.rows(made.main, x) for x in steps.xs]
        _verify.keep(made.module, np.stack(x), np.stack(rows))


NAMES = {"Y": "y", "Y_h": "h", "Y_c": "c"}


def check_reading(made: Any, constants: Any) -> None:
    reader = made.reader
    runner = Runner(reader.onnx, reader.model)
    if not runner.works:
        return
    inputs = {i.name for i in reader.graph.input}
    weights = {k: np.asarray(v) for k, v in (constants or {}).items() if k in inputs}
    rng = _verify.random()
    if isinstance(made, StepModel):
        streams = [Steps(made, rng, weights, batch) for batch in made.batches()]
        _verify.check("from_onnx", "the ONNX model", streams, lambda one: one.run(runner))
        keep_steps(made, rng, weights, runner)
        return
    samples = [Sample(made, rng, steps, batch) for steps, batch in _verify.SIZES]

    def run(sample: Any) -> list[Any]:
        try:
            theirs = runner.run(list(made.outputs), {**sample.given, **weights})
        except Exception:  # noqa: BLE001: a model that takes sizes of its own only
            return []
        ours = sample.ours()
        found = [
            (f"output {name!r}", ours[NAMES.get(what, what)], sample.theirs(what, value))
            for (name, what), value in zip(made.outputs.items(), theirs)
        ]
        if sample.lengths is None and not sample.states:
            rows = [y for what, (_, _, y) in zip(made.outputs.values(), found) if what in "yY"]
            for y in rows:
                _verify.keep(made.module, sample.x, y)
        return found

    _verify.check("from_onnx", "the ONNX model", samples, run)


def check_writing(onnx: Any, module: Any, model: Any, by_id: Any) -> None:
    """The model that to_onnx wrote, beside the module."""
    runner = Runner(onnx, model)
    if not runner.works:
        return
    rng, view = _verify.random(), _verify.evaluating(module)
    names = [o.name for o in model.graph.output]
    lengths = any(i.name == "lengths" for i in model.graph.input)
    starts = [i.name for i in model.graph.input if i.name not in ("x", "lengths")]

    def run(sizes: Any) -> list[Any]:
        steps, batch = sizes
        lead: tuple[int, ...] = (steps * batch,)
        if module.over_time:
            lead = (batch, steps) if module.batch_first else (steps, batch)
        x = (
            rng.integers(0, by_id, lead)
            if by_id
            else _verify.numbers(rng, *lead, view._info.input_size)
        )
        given: dict[str, Any] = {"x": x}
        ours: Any = x
        if lengths:
            given["lengths"] = rng.integers(1, steps + 1, batch).astype(np.int32)
            given["lengths"][0] = steps
            more = {"enforce_sorted": False}
            ours = packed.pack_padded_sequence(x, given["lengths"], module.batch_first, **more)
        state: Any = view.state(batch) if module.over_time and names[1:] else None
        kept = [name for name in state or () if name.rpartition(".")[2] in ("h", "c")]
        for start, name in zip(starts, kept):
            state[name] = given[start] = _verify.numbers(rng, *state.shape(name))
        y = view(ours) if state is None else view(ours, state)[0]
        found = dict(zip(names, runner.run(names, given)))
        pairs = [(end, state[name], found[end]) for end, name in zip(names[1:], kept)]
        if packed.is_packed(y):
            y = packed.pad_packed_sequence(y, module.batch_first)[0]
            mask = np.arange(steps)[:, None] < given["lengths"]
            found["y"] = found["y"] * (mask.T if module.batch_first else mask)[..., None]
        return [("y", y, found["y"]), *pairs]

    _verify.check("to_onnx", "the module", _verify.SIZES, run)
