"""The inference workloads in ONNX Runtime, its inputs and outputs bound once. This is a peer of
compare.py; see peer.py."""
import functools
import os
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import peer

GATES = {"lstm": 4, "gru": 3}
rng = np.random.default_rng(1)


def weights(name, *dims):
    return numpy_helper.from_array(rng.uniform(-0.1, 0.1, dims).astype(np.float32), name)


def value_info(name, dims):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def model(cell, steps, batch, inputs, hidden, streaming):
    """x -> LSTM or GRU; streaming: with its state from and to outside, and a linear head."""
    gates = GATES[cell] * hidden
    initial = [weights("W", 1, gates, inputs), weights("R", 1, gates, hidden),
               weights("B", 1, 2 * gates)]
    states = (["h", "c"] if cell == "lstm" else ["h"]) if streaming else []
    extra = {"linear_before_reset": 1} if cell == "gru" else {}
    outputs = ["", "h_out", "c_out"][:1 + len(states)] if streaming else ["y"]
    nodes = [helper.make_node(cell.upper(), ["x", "W", "R", "B", ""] + states, outputs,
                              hidden_size=hidden, **extra)]
    if streaming:
        initial += [numpy_helper.from_array(np.array([0], np.int64), "axes"),
                    weights("V", 1, hidden), weights("b", 1)]
        nodes += [helper.make_node("Squeeze", ["h_out", "axes"], ["rows"]),
                  helper.make_node("Gemm", ["rows", "V", "b"], ["y"], transB=1)]
    y_dims = [batch, 1] if streaming else [steps, 1, batch, hidden]
    graph = helper.make_graph(
        nodes, cell,
        [value_info("x", [steps, batch, inputs])]
        + [value_info(s, [1, batch, hidden]) for s in states],
        [value_info("y", y_dims)]
        + [value_info(s + "_out", [1, batch, hidden]) for s in states], initial)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(made)
    return made.SerializeToString(), states


def session(model_bytes):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model_bytes, options, providers=["CPUExecutionProvider"])


def bound(run, inputs, outputs):
    binding = run.io_binding()
    for name, array in inputs.items():
        binding.bind_ortvalue_input(name, array)
    for name, array in outputs.items():
        binding.bind_ortvalue_output(name, array)
    return binding


def array(*dims):
    return onnxruntime.OrtValue.ortvalue_from_numpy(rng.uniform(0, 1, dims).astype(np.float32))


def quantised(model_bytes):
    """The same model after ONNX Runtime's own dynamic quantiser: int8, of LSTM nodes alone."""
    from onnxruntime.quantization import quantize_dynamic
    with tempfile.TemporaryDirectory() as folder:
        floats, eights = (os.path.join(folder, name) for name in ("float.onnx", "int8.onnx"))
        with open(floats, "wb") as file:
            file.write(model_bytes)
        quantize_dynamic(floats, eights, op_types_to_quantize=["LSTM"])
        with open(eights, "rb") as file:
            return file.read()


def as_it_is(model_bytes):
    return model_bytes


def stream(cell, inputs, hidden, change=as_it_is):
    """The state goes to and fro between two sets of arrays."""
    model_bytes, names = model(cell, 1, 1, inputs, hidden, True)
    model_bytes = change(model_bytes)
    run, x, y = session(model_bytes), array(1, 1, inputs), array(1, 1)
    here, there = ({name: array(1, 1, hidden) for name in names} for _ in range(2))

    def direction(come, go):
        return bound(run, {"x": x, **come}, {"y": y, **{name + "_out": go[name] for name in names}})

    bindings, turn = [direction(here, there), direction(there, here)], 0

    def step():
        nonlocal turn
        turn = 1 - turn
        run.run_with_iobinding(bindings[turn])

    return step


def sequence(cell, steps, batch, inputs, hidden, change=as_it_is):
    run = session(change(model(cell, steps, batch, inputs, hidden, False)[0]))
    binding = bound(run, {"x": array(steps, batch, inputs)}, {"y": array(steps, 1, batch, hidden)})
    return lambda: run.run_with_iobinding(binding)


def all_workloads():
    found = {}
    for cell, inputs, hidden in peer.STREAMS:
        name = "w6-%s-i%d-h%d" % (cell, inputs, hidden)
        found[name] = functools.partial(stream, cell, inputs, hidden)
    for cell in GATES:
        for name, sizes in peer.SEQUENCES.items():
            found["w7-%s-%s" % (cell, name)] = functools.partial(sequence, cell, *sizes)
    for name, (steps, batch, inputs, hidden) in peer.FEWER_BITS.items():
        found["w9-int8-lstm-" + name] = (
            functools.partial(sequence, "lstm", steps, batch, inputs, hidden, quantised)
            if steps > 1 else functools.partial(stream, "lstm", inputs, hidden, quantised))
    return found


if __name__ == "__main__":
    peer.serve("ONNX Runtime " + onnxruntime.__version__, all_workloads())
