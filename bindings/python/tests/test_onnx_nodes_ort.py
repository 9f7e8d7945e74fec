"""Recurrent nodes with peepholes, clip, coupled gates and other functions, as ONNX Runtime tests
them: its cases, made anew with drawn weights from the definition of the operator."""

import numpy as np
import pytest
from conftest import numbers

import recur

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from test_onnx_steps import FLOAT, h, session_of  # noqa: E402

I, H, B = 2, 3, 2


def lstm(rng, direction="forward", bias=True, peepholes=True, op="LSTM", **attributes):
    D = 2 if direction == "bidirectional" else 1
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    arrays = {"W": numbers(rng, D, gates * H, I), "R": numbers(rng, D, gates * H, H)}
    arrays.update({"B": numbers(rng, D, 2 * gates * H)} if bias else {})
    arrays.update({"P": numbers(rng, D, 3 * H)} if peepholes else {})
    names = ["x", "W", "R", "B" if bias else "", "", "", "", "P" if peepholes else ""]
    while not names[-1]:
        names.pop()
    outs = ["Y", "Y_h", "Y_c"] if op == "LSTM" else ["Y", "Y_h"]
    node = h.make_node(op, names, outs, direction=direction, hidden_size=H, **attributes)
    inits = [onnx.numpy_helper.from_array(a, n) for n, a in arrays.items()]
    x = h.make_tensor_value_info("x", FLOAT, ["T", "B", I])
    ys = [h.make_tensor_value_info(n, FLOAT, None) for n in outs]
    made = h.make_graph([node], "g", [x], ys, inits)
    return h.make_model(made, opset_imports=[h.make_opsetid("", 14)], ir_version=8)


CASES = {
    "peepholes": {},
    "peepholes, both directions": {"direction": "bidirectional"},
    "peepholes, in reverse": {"direction": "reverse"},
    "peepholes without bias": {"bias": False},
    "input_forget, peepholes, a far clip": {"input_forget": 1, "clip": 999.0},
    "input_forget, peepholes, a near clip": {"input_forget": 1, "clip": 0.3},
    "input_forget, peepholes, both directions": {"input_forget": 1, "direction": "bidirectional"},
    "input_forget alone": {"input_forget": 1, "peepholes": False},
    "clip": {"clip": 0.1},
    "functions": {"activations": ["Tanh", "Sigmoid", "Tanh"], "peepholes": False},
    "functions, both directions": {
        "activations": ["Tanh", "Sigmoid", "Tanh"] * 2,
        "peepholes": False,
        "direction": "bidirectional",
    },
    "hard gates": {"activations": ["HardSigmoid", "Softsign", "Tanh"], "peepholes": False},
    "GRU, clip": {"op": "GRU", "peepholes": False, "clip": 0.2},
    "GRU, functions": {"op": "GRU", "peepholes": False, "activations": ["Sigmoid", "Softsign"]},
    "RNN, clip": {"op": "RNN", "peepholes": False, "clip": 0.4},
    "RNN, functions": {"op": "RNN", "peepholes": False, "activations": ["Sigmoid"]},
}


@pytest.mark.parametrize("case", CASES)
def test_cases_of_onnx_runtime(rng, case):
    """Without the check: the reader alone gives y and the final states."""
    model = lstm(rng, **CASES[case])
    x = numbers(rng, 4, B, I)
    y, *states = session_of(model).run(None, {"x": x})
    net = recur.from_onnx(model, verify=False)
    ours, state = net(x, net.state(B))
    np.testing.assert_allclose(ours, y.transpose(0, 2, 1, 3).reshape(4, B, -1), atol=2e-6)
    for (_, value), wanted in zip(state.items(), states):
        np.testing.assert_allclose(value, wanted, atol=2e-6)
    recur.from_onnx(model)


def test_coupled_gates_of_another_function_are_refused(rng):
    model = lstm(rng, input_forget=1, activations=["Tanh", "Tanh", "Tanh"])
    with pytest.raises(NotImplementedError, match="sigmoid"):
        recur.from_onnx(model)
