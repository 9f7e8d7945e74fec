"""from_onnx of graphs that are one step: the numbers of the model step by step, or a refusal.

RECUR_MODELS names a folder with silero-vad and dtln, whose files are read too if they are there."""

import os
import pathlib
import wave

import numpy as np
import pytest
from conftest import numbers

import recur
from recur.convert import ConversionError

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
h = onnx.helper
FLOAT, H = onnx.TensorProto.FLOAT, 4
MODELS = pathlib.Path(os.environ.get("RECUR_MODELS", "-"))


def ints(*values):
    return np.array(values, np.int64)


def node(op, inputs, outputs, **attributes):
    names = ["" if name == "-" else name for name in inputs.split()]
    return h.make_node(op, names, outputs.split(), **attributes)


def graph(nodes, arrays, inputs, outputs, opset=13):
    ins = [h.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()]
    outs = [h.make_tensor_value_info(name, FLOAT, [None] * n) for name, n in outputs.items()]
    inits = [onnx.numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()]
    made = h.make_graph(nodes, "g", ins, outs, inits)
    return h.make_model(made, opset_imports=[h.make_opsetid("", opset)], ir_version=8)


def session_of(model):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    data = model.SerializeToString()
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def same_as_model(model, rng, steps=4, **more):
    """Without the check: the reader alone gives the numbers. All states begin with zeros."""
    net = recur.from_onnx(model, verify=False, **more)
    session = session_of(model)
    shapes = {
        i.name: [d if isinstance(d, int) else more.get("sizes", {}).get(d, 1) for d in i.shape]
        for i in session.get_inputs()
    }
    outputs = [o.name for o in session.get_outputs()]
    given = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    state = net.state(1)
    for _ in range(steps):
        given["x"] = numbers(rng, *shapes["x"])
        found = dict(zip(outputs, session.run(outputs, given)))
        y = net.step(given["x"].reshape(1, -1), state)
        np.testing.assert_allclose(y.ravel(), found["y"].ravel(), atol=2e-6)
        given.update({name[3:]: found[name] for name in outputs if name.startswith("to_")})
    recur.from_onnx(model, **more)  # and the check finds the same
    return net


def refused(model, words, **more):
    with pytest.raises(NotImplementedError, match=words):
        recur.from_onnx(model, verify=False, **more)


def cell(rng, inputs):
    W, R = 0.5 * numbers(rng, 1, 4 * H, inputs), 0.5 * numbers(rng, 1, 4 * H, H)
    return {"W": W, "R": R, "b": 0.5 * numbers(rng, 1, 8 * H)}


def parts_of_state():
    """h and c out of the state [1][H][2], and the new ones into it."""
    before = [
        node("Split", "s", "h0 c0", axis=2),
        node("Transpose", "h0", "h1", perm=[2, 0, 1]),
        node("Transpose", "c0", "c1", perm=[2, 0, 1]),
    ]
    after = [
        node("Transpose", "hn", "h2", perm=[1, 2, 0]),
        node("Transpose", "cn", "c2", perm=[1, 2, 0]),
        node("Concat", "h2 c2", "to_s", axis=2),
    ]
    return before, after


def framed(rng, swap=False, front=(), arrays=None, width=3, x=(1, 1, 3)):
    """Rows through an LSTM, with interleaved h and c as one input and output."""
    before, after = parts_of_state()
    if swap:
        after[2] = node("Concat", "c2 h2", "to_s", axis=2)
    nodes = [*before, *front, node("LSTM", "row W R b - h1 c1", "yn hn cn", hidden_size=H), *after]
    nodes.append(node("Sigmoid", "yn", "y"))
    arrays = {**cell(rng, width), **(arrays or {})}
    return graph(nodes, arrays, {"x": x, "s": (1, H, 2)}, {"y": 4, "to_s": 3})


def test_a_state_that_is_woven(rng):
    front = [node("Identity", "x", "row")]
    net = same_as_model(framed(rng, front=front), rng)
    assert [type(part).__name__ for part in net.children()] == ["LSTM", "Sigmoid"]
    refused(framed(rng, swap=True, front=front), "come out as they came in")


def test_numbers_in_another_order_go_into_the_weights(rng):
    front = [
        node("Slice", "x last first axis back", "turned"),
        node("Transpose", "turned", "row", perm=[0, 2, 1]),
    ]
    arrays = {"last": ints(-1), "first": ints(-10), "axis": ints(1), "back": ints(-1)}
    same_as_model(framed(rng, front=front, arrays=arrays, x=(1, 3, 1)), rng)


def test_several_steps_at_once_are_refused(rng):
    before, after = parts_of_state()
    lstm = node("LSTM", "x W R b - h1 c1", "y hn cn", hidden_size=H)
    model = graph(
        [*before, lstm, *after],
        cell(rng, 3),
        {"x": (2, 1, 3), "s": (1, H, 2)},
        {"y": 4, "to_s": 3},
    )
    refused(model, "it takes 2 steps")


def written_out(rng, order=(0, 1, 2, 3), gate="i", normed=True):
    """An instant layer normalisation and an LSTM cell as single operations, and a mask."""
    blocks = dict(zip("ifgo", (f"g{k}" for k in order)))
    norm = [
        node("ReduceMean", "x", "mean", axes=[-1], keepdims=1),
        node("Sub", "x mean", "apart"),
        node("Mul", "apart apart", "square"),
        node("ReduceMean", "square", "variance", axes=[-1], keepdims=1),
        node("Add", "variance eps", "above"),
        node("Sqrt", "above", "root"),
        node("Div", "apart root", "unit"),
        node("Mul", "unit weight", "larger"),
        node("Add", "larger bias", "row"),
    ]
    nodes = [
        *(norm if normed else [node("Identity", "x", "row")]),
        node("Squeeze", "h c0_axis", "h1"),
        node("MatMul", "row W", "wx"),
        node("MatMul", "h1 R", "uh"),
        node("Add", "wx uh", "sum"),
        node("Add", "b sum", "gates"),
        node("Split", "gates", "g0 g1 g2 g3", axis=1),
        *(node("Sigmoid", blocks[k], f"s_{k}") for k in "ifo"),
        node("Tanh", blocks["g"], "s_g"),
        node("Mul", "c s_f", "kept"),
        node("Mul", f"s_g s_{gate}", "new"),
        node("Add", "new kept", "to_c"),
        node("Tanh", "to_c", "seen"),
        node("Mul", "seen s_o", "hn"),
        node("Unsqueeze", "hn c0_axis", "to_h"),
        node("MatMul", "hn out", "dense"),
        node("Sigmoid", "dense", "mask"),
        node("Mul", "mask x", "y"),
    ]
    arrays = {"W": numbers(rng, 3, 4 * H), "R": 0.5 * numbers(rng, H, 4 * H)}
    arrays.update(b=numbers(rng, 4 * H), out=numbers(rng, H, 3), c0_axis=ints(0))
    arrays.update(eps=np.float32(1e-3), weight=numbers(rng, 3), bias=numbers(rng, 3))
    inputs = {"x": (1, 3), "h": (1, 1, H), "c": (1, H)}
    return graph(nodes, arrays, inputs, {"y": 2, "to_h": 3, "to_c": 2})


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_a_cell_of_single_operations(rng, order):
    net = same_as_model(written_out(rng, order), rng)
    kinds = [type(part).__name__ for part in net.children()]
    assert kinds == ["LayerNorm", "LSTM", "Linear", "Sigmoid", "Merge"]


def test_a_cell_whose_gates_are_shared(rng):
    """c' = σ(f) c + σ(f) tanh(g) is an LSTM whose i is f."""
    same_as_model(written_out(rng, gate="f"), rng)


def test_what_is_no_cell_is_refused(rng):
    model = written_out(rng)
    seen = next(n for n in model.graph.node if n.output[0] == "seen")
    seen.op_type = "Sigmoid"
    refused(model, "come out as they came in")


def test_another_sum_is_no_normalisation(rng):
    model = written_out(rng)
    square = next(n for n in model.graph.node if n.output[0] == "square")
    square.input[1] = "x"
    refused(model, "layer normalisations are understood")


def front_of(rng, mode="reflect", pads=(0, 2)):
    """Pad, convolution, magnitude of pairs, convolution with stride, batch normalisation."""
    nodes = [
        node("Unsqueeze", "x one", "channel"),
        node("Pad", "channel pads", "padded", mode=mode),
        node("Conv", "padded basis", "pairs", strides=[2]),
        node("Split", "pairs", "re im", axis=1),
        node("Pow", "re two", "re2"),
        node("Pow", "im two", "im2"),
        node("Add", "re2 im2", "power"),
        node("Sqrt", "power", "size"),
        node("Conv", "size k1 b1", "conv", pads=[1, 1], strides=[2]),
        node("BatchNormalization", "conv scale shift mean var", "normal"),
        node("PRelu", "normal slope", "act"),
        node("Flatten", "act", "flat"),
        node("Unsqueeze", "flat zero", "row0"),
        node("Shape", "row0", "dims"),
        node("Gather", "dims third", "third_size"),
        node("Equal", "third_size unit", "same"),
        h.make_node(
            "If",
            ["same"],
            ["row"],
            then_branch=h.make_graph(
                [node("Tanh", "row0", "one_row")], "then", [], [branch_out("one_row")]
            ),
            else_branch=h.make_graph(
                [node("Identity", "row0", "other_row")], "else", [], [branch_out("other_row")]
            ),
        ),
    ]
    arrays = {"one": ints(1), "third": ints(2), "zero": ints(0)}
    arrays["pads"] = ints(0, 0, pads[0], 0, 0, pads[1])
    arrays.update(two=np.float32(2), basis=numbers(rng, 4, 1, 3), k1=numbers(rng, 5, 2, 3))
    arrays.update(b1=numbers(rng, 5), scale=numbers(rng, 5), shift=numbers(rng, 5))
    arrays.update(mean=numbers(rng, 5), var=np.abs(numbers(rng, 5)) + 0.1, unit=ints(7))
    arrays.update(slope=numbers(rng, 5, 1))
    return nodes, arrays


def branch_out(name):
    return h.make_tensor_value_info(name, FLOAT, None)


def vad(rng, **more):
    nodes, arrays = front_of(rng, **more)
    x = np.zeros((1, 12), np.float32)
    arrays.update(cell(rng, 1))
    nodes = [*nodes, node("Identity", "row", "end")]
    probe = graph(nodes, arrays, {"x": x.shape}, {"end": 3})
    width = session_of(probe).run(["end"], {"x": x})[0].size
    arrays.update(cell(rng, width))
    before, after = parts_of_state()
    lstm = node("LSTM", "end W R b - h1 c1", "y hn cn", hidden_size=H)
    inputs = {"x": ("batch", "samples"), "s": ("batch", H, 2)}
    return graph([*nodes, *before, lstm, *after], arrays, inputs, {"y": 4, "to_s": 3})


@pytest.mark.parametrize("mode, pads", [("reflect", (2, 3)), ("constant", (1, 2))])
def test_a_front_of_convolutions(rng, mode, pads):
    model = vad(rng, mode=mode, pads=pads)
    net = same_as_model(model, rng, sizes={"samples": 12})
    kinds = [type(part).__name__ for part in net.children()]
    assert kinds == ["ConvRow", "Merge", "ConvRow", "PReLU", "LSTM"]
    assert net[0].padding == pads
    refused(model, "the open axes 'batch', 'samples'")
    with pytest.raises(ValueError, match="'samples'"):
        recur.from_onnx(model, sizes={"sample": 12})


def head_of(rng, nodes, arrays=None):
    before, after = parts_of_state()
    lstm = node("LSTM", "x W R b - h1 c1", "yn hn cn", hidden_size=H)
    inputs = {"x": (1, 1, 3), "s": (1, H, 2)}
    return graph(
        [*before, lstm, *after, *nodes],
        {**cell(rng, 3), **(arrays or {})},
        inputs,
        {"y": 4, "to_s": 3},
    )


@pytest.mark.parametrize(
    "op, more", [("Softmax", {"axis": -1}), ("Elu", {}), ("LeakyRelu", {"alpha": 0.3}), ("Neg", {})]
)
def test_functions_behind_it(rng, op, more):
    same_as_model(head_of(rng, [node(op, "yn", "y", **more)]), rng)


def test_branches_side_by_side(rng):
    nodes = [
        node("Tanh", "yn", "a"),
        node("Slice", "yn from to last", "part"),
        node("Mul", "part number", "b3"),
        node("Concat", "a b3", "both", axis=3),
        node("MatMul", "both D", "y"),
    ]
    arrays = {"from": ints(1), "to": ints(3), "last": ints(3), "D": numbers(rng, H + 2, 2)}
    net = same_as_model(head_of(rng, nodes, {**arrays, "number": np.float32(3)}), rng)
    assert isinstance(net, recur.Graph)


@pytest.mark.parametrize(
    "nodes, words",
    [
        ([node("Elu", "yn", "y", alpha=2.0)], "ELU has alpha 1"),
        ([node("Cos", "yn", "y")], "Cos .*out of reach in a step"),
        ([node("Mul", "yn h1", "y")], "computes with the state 's'"),
        ([node("Add", "yn cn", "y")], "the c of a recurrent node"),
        ([node("Sqrt", "yn", "y")], "no meaning outside"),
        ([node("Pad", "yn more", "y")], "zeros are among"),
        ([node("Softmax", "yn", "y", axis=0)], "several sums"),
    ],
)
def test_refusals_have_reasons(rng, nodes, words):
    refused(head_of(rng, nodes, {"more": ints(0, 0, 0, 1, 0, 0, 0, 0)}), words)


def test_the_check_sees_a_wrong_reading(rng, monkeypatch):
    from recur.convert import onnx_step_nodes

    model = head_of(rng, [node("Tanh", "yn", "y")])
    wrong = onnx_step_nodes.ACTIVATIONS["Sigmoid"]
    monkeypatch.setitem(onnx_step_nodes.ACTIVATIONS, "Tanh", wrong)
    with pytest.raises(ConversionError, match="the output"):
        recur.from_onnx(model)


@pytest.mark.skipif(not (MODELS / "silero-vad").exists(), reason="RECUR_MODELS has no silero-vad")
def test_silero():
    file = MODELS / "silero-vad" / "silero_vad_16k_op15.onnx"
    net = recur.from_onnx(file, {"sr": np.int64(16000)}, sizes={"sequence": 576})
    with wave.open(str(MODELS / "speech.wav")) as f:
        x = np.frombuffer(f.readframes(f.getnframes()), np.int16).astype(np.float32) / 32768
    x = np.pad(x, (64, -len(x) % 512))
    wanted = np.loadtxt(MODELS / "silero-vad" / "expected.csv", skiprows=1)
    state = net.state(1)
    got = [net.step(x[512 * k : 512 * k + 576][None], state)[0, 0] for k in range(wanted.size)]
    np.testing.assert_allclose(got, wanted, atol=1e-5)


@pytest.mark.skipif(not (MODELS / "dtln").exists(), reason="RECUR_MODELS has no dtln")
@pytest.mark.parametrize("i", [1, 2])
def test_dtln(i):
    net = recur.from_onnx(MODELS / "dtln" / f"model_{i}.onnx")
    rows, wanted = (np.load(MODELS / "dtln" / f"{name}_{i}.npy") for name in ("input", "expected"))
    state = net.state(1)
    got = np.concatenate([net.step(row[None], state) for row in rows])
    largest = np.abs(wanted).max(1, keepdims=True)
    assert (np.abs(got - wanted) <= 1e-4 * largest).all()
