"""from_onnx gives the numbers of the model, or refuses it. Graphs by hand, a fault each."""

import sys

import numpy as np
import pytest
from conftest import numbers

import recur

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
h = onnx.helper
I, H = 3, 4
FLOAT = onnx.TensorProto.FLOAT
one = np.array([1], np.int64)
zero = np.array([0], np.int64)


def node(op, inputs, outputs, **attributes):
    return h.make_node(op, inputs.split(), outputs.replace("_", "").split() or [""], **attributes)


def recurrent(op, inputs, outputs, **attributes):
    """A node whose outputs may be left out: "-"."""
    names = ["" if name == "-" else name for name in outputs.split()]
    inputs = ["" if name == "-" else name for name in inputs.split()]
    return h.make_node(op, inputs, names, hidden_size=H, **attributes)


def graph(nodes, outputs, arrays, inputs=(("x", ["T", "B", I]),), kind=FLOAT):
    """A model; outputs: names with their number of axes."""
    ins = [h.make_tensor_value_info(name, kind, shape) for name, shape in inputs]
    outs = [h.make_tensor_value_info(name, FLOAT, [None] * rank) for name, rank in outputs]
    inits = [onnx.numpy_helper.from_array(value, name) for name, value in arrays.items()]
    made = h.make_graph(nodes, "g", ins, outs, inits)
    return h.make_model(made, opset_imports=[h.make_opsetid("", 17)], ir_version=8)


def run(model, **inputs):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)


def weights(rng, gates=3, inputs=I, directions=1, ending=""):
    shapes = {"W": (directions, gates * H, inputs), "R": (directions, gates * H, H)}
    return {name + ending: 0.5 * numbers(rng, *shape) for name, shape in shapes.items()}


def same_as_model(model, x, verify=False):
    """Strictness alone gives the numbers: without the check."""
    got = recur.from_onnx(model, verify=verify)(x)
    got = got[0] if isinstance(got, tuple) else got
    wanted = run(model, x=x)[0]
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def refused(model, words, **more):
    with pytest.raises(NotImplementedError, match=words):
        recur.from_onnx(model, verify=False, **more)


def stack_of_two(rng, tail, out, rank, **more):
    arrays = {**weights(rng, ending="1"), **weights(rng, inputs=H, ending="2"), "one": one}
    nodes = [
        recurrent("GRU", "x W1 R1", "y1 h1"),
        node("Squeeze", "y1 one", "s1"),
        recurrent("GRU", "s1 W2 R2", "y2 h2"),
        node("Squeeze", "y2 one", "s2"),
        node("Concat", "h1 h2", "hn", axis=0),
        *tail,
    ]
    return graph(nodes, [(out, rank)], {**arrays, **more})


@pytest.mark.parametrize("index", [0, 1, -1, -2])
def test_states_of_one_layer_of_a_stack(rng, index):
    pick = node("Gather", "hn index", "z", axis=0)
    model = stack_of_two(rng, [pick], "z", 2, index=np.array(index, np.int64))
    same_as_model(model, numbers(rng, 5, 2, I))


def test_states_of_two_layers_side_by_side_are_refused(rng):
    tail = [node("Gather", "hn i", "a", axis=0), node("Gather", "hn j", "b", axis=0)]
    tail.append(node("Concat", "a b", "z", axis=1))
    indices = {"i": np.array(0, np.int64), "j": np.array(1, np.int64)}
    refused(stack_of_two(rng, tail, "z", 2, **indices), "not the two directions")


def test_final_states_alone_are_refused(rng):
    refused(stack_of_two(rng, [], "hn", 3), "final states alone")


def test_one_node_is_the_layer_whatever_it_gives(rng):
    model = graph([recurrent("GRU", "x W R", "y h")], [("h", 3)], weights(rng))
    x = numbers(rng, 5, 2, I)
    _, h_n = recur.from_onnx(model)(x)
    np.testing.assert_allclose(h_n, run(model, x=x)[0], atol=1e-6)


def test_state_outputs_beside_y(rng):
    model = stack_of_two(rng, [], "hn", 3)
    model.graph.output.insert(0, h.make_tensor_value_info("s2", FLOAT, [None] * 3))
    x = numbers(rng, 5, 2, I)
    net = recur.from_onnx(model)
    for got, wanted in zip(net(x), run(model, x=x)):
        np.testing.assert_allclose(got, wanted, atol=1e-6)


def two_nodes(rng, tail, out, rank, **more):
    arrays = {
        **weights(rng, 4, ending="f"),
        **weights(rng, 4, ending="r"),
        "zero": zero,
        "one": one,
    }
    nodes = [
        recurrent("LSTM", "x Wf Rf", "yf hf"),
        recurrent("LSTM", "x Wr Rr", "yr hr", direction="reverse"),
        node("Squeeze", "hf zero", "f"),
        node("Squeeze", "hr zero", "r"),
        *tail,
    ]
    return graph(nodes, [(out, rank)], {**arrays, **more})


def test_two_nodes_are_both_directions(rng):
    x = numbers(rng, 5, 2, I)
    same_as_model(two_nodes(rng, [node("Concat", "f r", "z", axis=1)], "z", 2), x)
    same_as_model(two_nodes(rng, [node("Concat", "f r", "z", axis=-1)], "z", 2), x)
    same_as_model(two_nodes(rng, [node("Add", "f r", "z")], "z", 2), x)
    refused(two_nodes(rng, [node("Concat", "r f", "z", axis=1)], "z", 2), "not the two directions")
    steps = [node("Squeeze", "yf one", "a"), node("Squeeze", "yr one", "b")]
    same_as_model(two_nodes(rng, [*steps, node("Concat", "a b", "z", axis=2)], "z", 3), x)


def gru_and(rng, tail, outputs, more=(), **changes):
    nodes = [recurrent("GRU", "x W R", "y h"), node("Squeeze", "y one", "s"), *tail]
    return graph(nodes, outputs, {**weights(rng), "one": one, **dict(more)}, **changes)


def test_axes_of_the_output(rng):
    x = numbers(rng, 4, 4, I)
    turned = gru_and(rng, [node("Transpose", "s", "z", perm=[1, 0, 2])], [("z", 3)])
    refused(turned, "last transpose or reshape")
    channels = gru_and(rng, [node("Transpose", "s", "z", perm=[0, 2, 1])], [("z", 3)])
    refused(channels, "features are not its last axis")
    shape = np.array([-1, H], np.int64)
    flat = gru_and(rng, [node("Reshape", "s shape", "z")], [("z", 2)], {"shape": shape})
    refused(flat, "last transpose or reshape")
    again = [node("Reshape", "s a", "t"), node("Relu", "t", "u"), node("Reshape", "u b", "z")]
    shapes = {"a": np.array([0, 0, 2, -1], np.int64), "b": np.array([0, 0, H], np.int64)}
    refused(gru_and(rng, again, [("z", 3)], shapes), "cannot be told for certain")
    wrong_way = [node("Transpose", "x", "t", perm=[1, 0, 2]), recurrent("GRU", "t W R", "y")]
    wrong_way.append(node("Squeeze", "y one", "z"))
    model = graph(wrong_way, [("z", 3)], {**weights(rng), "one": one})
    refused(model, "last transpose or reshape")
    back = [
        *wrong_way[:-1],
        node("Squeeze", "y one", "s"),
        node("Transpose", "s", "z", perm=[1, 0, 2]),
    ]
    same_as_model(graph(back, [("z", 3)], {**weights(rng), "one": one}), x)


def test_several_outputs(rng):
    tail = [node("MatMul", "s P", "policy"), node("MatMul", "s V", "value")]
    arrays = {"P": numbers(rng, H, 2), "V": numbers(rng, H, 1)}
    model = gru_and(rng, tail, [("policy", 3), ("value", 3)], arrays)
    refused(model, "'policy', 'value'.*outputs=")
    x = numbers(rng, 5, 2, I)
    for i, name in enumerate(("policy", "value")):
        got = recur.from_onnx(model, outputs=[name])(x)
        np.testing.assert_allclose(got, run(model, x=x)[i], atol=1e-6)
    with pytest.raises(ValueError, match="no output 'z'"):
        recur.from_onnx(model, outputs=["z"])


def test_casts(rng):
    cut = [node("Cast", "x", "i", to=onnx.TensorProto.INT32), node("Cast", "i", "c", to=FLOAT)]
    rest = [recurrent("GRU", "c W R", "y"), node("Squeeze", "y one", "z")]
    arrays = {**weights(rng), "one": one}
    refused(graph(cut + rest, [("z", 3)], arrays), "INT32")
    half = [node("Cast", "x", "i", to=onnx.TensorProto.FLOAT16), cut[1]]
    refused(graph(half + rest, [("z", 3)], arrays), "FLOAT16")
    same_as_model(
        graph([node("Cast", "x", "c", to=FLOAT), *rest], [("z", 3)], arrays),
        3 * numbers(rng, 4, 2, I),
    )


def test_weights_that_nodes_compute(rng):
    nodes = [
        node("Transpose", "fcw", "fct", perm=[1, 0]),
        node("MatMul", "x fct", "u"),
        recurrent("GRU", "u W R", "y"),
        node("Squeeze", "y one", "z"),
    ]
    arrays = {**weights(rng, inputs=5), "fcw": numbers(rng, 5, I), "one": one}
    same_as_model(graph(nodes, [("z", 3)], arrays), numbers(rng, 4, 2, I))


def test_random_numbers_are_refused(rng):
    nodes = [node("RandomNormal", "", "noise", shape=[H])]
    tail = [*nodes, node("MatMul", "s V", "t"), node("Add", "t noise", "z")]
    refused(gru_and(rng, tail, [("z", 3)], {"V": numbers(rng, H, H)}), "random")


def test_bias_by_row_is_refused(rng):
    """An array of shape [T][1] is no bias, even where it has as many numbers as there are
    features."""
    tail = [node("MatMul", "s V", "t"), node("Add", "t b", "z")]
    for shape, right in (
        ((H,), True),
        ((1, 1, H), True),
        ((1,), True),
        ((H, 1), False),
        ((H, 1, 1), False),
    ):
        model = gru_and(rng, tail, [("z", 3)], {"V": numbers(rng, H, H), "b": numbers(rng, *shape)})
        if right:
            same_as_model(model, numbers(rng, H, H, I))
        else:
            refused(model, "no number for each")


def test_attributes_are_all_accounted_for(rng):
    model = gru_and(rng, [node("HardSigmoid", "s", "z", alpha=1 / 6)], [("z", 3)])
    refused(model, "0.166667 x")
    same_as_model(
        gru_and(rng, [node("HardSigmoid", "s", "z")], [("z", 3)]), 3 * numbers(rng, 5, 2, I)
    )
    model = gru_and(rng, [node("Dropout", "s", "z")], [("z", 3)])
    model.graph.node[-1].attribute.append(h.make_attribute("unheard_of", 1))
    refused(model, "unheard_of")
    model = gru_and(rng, [node("Relu", "s", "z")], [("z", 3)])
    model.graph.node[-1].domain = "com.example"
    refused(model, "com.example")
    model = gru_and(rng, [node("Dropout", "s ratio on", "z")], [("z", 3)],
                    {"ratio": np.float32(0.5), "on": np.array(True)})  # fmt: skip
    refused(model, "eval mode")


def test_old_opsets_are_refused(rng):
    model = gru_and(rng, [], [("s", 3)])
    model.opset_import[0].version = 6
    refused(model, "opset 6")


def test_inputs_are_all_accounted_for(rng):
    more = (("x", ["T", "B", I]), ("h", [1, "B", H]))
    refused(gru_and(rng, [], [("s", 3)], inputs=more), "no output depends on the input 'h'")
    nodes = [recurrent("LSTM", "x W R - - c c", "y"), node("Squeeze", "y one", "z")]
    model = graph(
        nodes, [("z", 3)], {**weights(rng, 4), "one": one}, inputs=(more[0], ("c", [1, "B", H]))
    )
    refused(model, "initial state")
    with pytest.raises(ValueError, match="no input 'w'"):
        recur.from_onnx(gru_and(rng, [], [("s", 3)]), {"w": one})


def test_initial_states_in_another_order_are_refused(rng):
    def model(first, second):
        arrays = {**weights(rng, ending="1"), **weights(rng, inputs=H, ending="2"), "one": one}
        nodes = [
            node("Split", "h0", "a b", axis=0),
            recurrent("GRU", f"x W1 R1 - - {first}", "y1 h1"),
            node("Squeeze", "y1 one", "s1"),
            recurrent("GRU", f"s1 W2 R2 - - {second}", "y2 h2"),
            node("Squeeze", "y2 one", "s2"),
        ]
        return graph(nodes, [("s2", 3)], arrays, inputs=(("x", ["T", "B", I]), ("h0", [2, "B", H])))

    x, start = numbers(rng, 5, 2, I), numbers(rng, 2, 2, H)
    right = model("a", "b")
    np.testing.assert_allclose(
        recur.from_onnx(right)(x, start)[0], run(right, x=x, h0=start)[0], atol=1e-6
    )
    refused(model("b", "a"), "whole input in order")
    refused(model("a", "a"), "initial state|whole input")


def test_halves_of_rows(rng):
    ends = {
        "zero": zero,
        "half": np.array([2], np.int64),
        "all": np.array([H], np.int64),
        "axis": np.array([2], np.int64),
    }
    first, second = node("Slice", "s zero half axis", "a"), node("Slice", "s half all axis", "b")
    x = numbers(rng, 5, 2, I)
    for op in ("Add", "Mul", "Mean"):
        same_as_model(gru_and(rng, [first, second, node(op, "a b", "z")], [("z", 3)], ends), x)
    same_as_model(gru_and(rng, [first, node("Relu", "a", "z")], [("z", 3)], ends), x)
    same_as_model(gru_and(rng, [first, node("Add", "a a", "z")], [("z", 3)], ends), x)
    same_as_model(gru_and(rng, [node("Mul", "s s", "z")], [("z", 3)]), x)


def test_residuals(rng):
    tail = [
        node("MatMul", "s V", "t"),
        node("Tanh", "t", "u"),
        node("Add", "s u", "v"),
        node("Relu", "v", "z"),
    ]
    same_as_model(gru_and(rng, tail, [("z", 3)], {"V": numbers(rng, H, H)}), numbers(rng, 5, 2, I))
    tail = [node("MatMul", "s V", "t"), node("MatMul", "s U", "u"), node("Add", "t u", "z")]
    arrays = {"V": numbers(rng, H, H), "U": numbers(rng, H, H)}
    same_as_model(gru_and(rng, tail, [("z", 3)], arrays), numbers(rng, 5, 2, I))
    tail[2] = node("Concat", "u x t", "z", axis=-1)
    same_as_model(gru_and(rng, tail, [("z", 3)], arrays), numbers(rng, 5, 2, I))
    tail[2] = node("Concat", "u t", "z", axis=0)
    refused(gru_and(rng, tail, [("z", 3)], arrays), "joins rows of")


def test_a_step_of_y(rng):
    index = {"i": np.array(-1, np.int64)}
    x = numbers(rng, 5, 2, I)
    same_as_model(gru_and(rng, [node("Gather", "s i", "z", axis=0)], [("z", 2)], index), x)
    index = {"i": np.array(2, np.int64)}
    refused(gru_and(rng, [node("Gather", "s i", "z", axis=0)], [("z", 2)], index), "step 2")
    index = {"i": np.array(-1, np.int64)}
    refused(
        gru_and(rng, [node("Gather", "s i", "z", axis=1)], [("z", 2)], index), "take|batch|steps"
    )
    nodes = [
        recurrent("GRU", "x W R - n", "y h"),
        node("Squeeze", "y one", "s"),
        node("Gather", "s i", "z", axis=0),
    ]
    model = graph(nodes, [("z", 2)], {**weights(rng), "one": one, **index})
    model.graph.input.append(h.make_tensor_value_info("n", onnx.TensorProto.INT32, ["B"]))
    refused(model, "padding")


def test_the_check_finds_a_difference(rng, monkeypatch):
    """A reader that took the gates in the wrong order would not get past it."""
    from recur.convert import _verify, onnx_parts

    model = gru_and(rng, [], [("s", 3)])
    monkeypatch.setitem(onnx_parts.ONNX, "GRU", [0, 1, 2])
    with pytest.raises(_verify.ConversionError, match="differs.*by up to 0"):
        recur.from_onnx(model)
    assert recur.from_onnx(model, verify=False).hidden_size == H


def test_the_check_without_onnxruntime(rng, monkeypatch):
    """The evaluator of the onnx package does it."""
    from recur.convert import _verify, onnx_parts

    model = gru_and(rng, [node("Relu", "s", "z")], [("z", 3)])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    net = recur.from_onnx(model)
    recur.to_onnx(net)
    monkeypatch.setitem(onnx_parts.ONNX, "GRU", [0, 1, 2])
    with pytest.raises(_verify.ConversionError, match="differs"):
        recur.from_onnx(model)


def test_the_check_of_what_is_written(monkeypatch):
    from recur.convert import _verify, onnx_export

    net = recur.GRU(I, H).eval()
    monkeypatch.setitem(onnx_export.ONNX, "GRU", [0, 1, 2])
    with pytest.raises(_verify.ConversionError, match="to_onnx: y .* differs"):
        recur.to_onnx(net)
    recur.to_onnx(net, verify=False)


OWN = {
    "embedding": lambda: recur.Sequential(
        recur.Embedding(9, I), recur.GRU(I, H, batch_first=True), recur.Linear(H, 2)
    ),
    "tags": lambda: recur.Sequential(
        recur.Embedding(9, I),
        recur.LSTM(I, H, 2, bidirectional=True, batch_first=True),
        recur.Last(),
        recur.Linear(2 * H, 2),
    ),
    "norm": lambda: recur.Sequential(
        recur.LayerNorm(I, bias=False), recur.GRU(I, H), recur.LayerNorm(H, 0.1)
    ),
    "sum": lambda: recur.Sequential(recur.GRU(I, H, bidirectional=True), recur.Merge("sum")),
    "mean": lambda: recur.Sequential(
        recur.GRU(I, H, bidirectional=True, batch_first=True), recur.Merge("mean"), recur.Tanh()
    ),
    "product": lambda: recur.Sequential(
        recur.LSTM(I, H, bidirectional=True), recur.Last(), recur.Merge("multiply")
    ),
    "residual": lambda: recur.Sequential(recur.Residual(recur.GRU(I, I)), recur.Linear(I, 2)),
    "nested": lambda: recur.Residual(
        recur.Residual(recur.LayerNorm(I), recur.GRU(I, I), recur.Softsign()), recur.Linear(I, I)
    ),
    "activations": lambda: recur.Sequential(
        recur.ReLU(features=I), recur.GRU(I, H), recur.HardSigmoid(), recur.Softsign()
    ),
    "two layers": lambda: recur.Sequential(
        recur.GRU(I, H), recur.GRU(H, H), recur.Last(), recur.Linear(H, 1)
    ),
}


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("states", [False, True])
def test_own_exports_come_back(rng, name, states):
    net = OWN[name]().eval()
    for value in net.params.values():
        value[...] = 0.5 * numbers(rng, *value.shape)
    again = recur.from_onnx(recur.to_onnx(net, states=states), verify=False)
    lead = (2, 5) if net.batch_first else (5, 2)
    x = rng.integers(0, 9, lead) if "Embedding" in repr(net) else numbers(rng, *lead, I)
    assert again(x).shape == net(x).shape
    np.testing.assert_allclose(again(x), net(x), atol=1e-6)
    assert [p.shape for p in again.parameters()] == [p.shape for p in net.parameters()]


def test_snapshots_are_not_written():
    for module in (recur.LSTM(I, H), recur.Sequential(recur.GRU(I, H), recur.Linear(H, 2))):
        with pytest.raises(NotImplementedError, match="snapshot"):
            recur.to_onnx(module.snapshot())


def test_settings_of_a_constant_step_count(rng):
    """An input with fixed sizes is checked at these sizes."""
    model = gru_and(rng, [], [("s", 3)], inputs=(("x", [4, 1, I]),))
    same_as_model(model, numbers(rng, 4, 1, I), verify=True)


# ---- options of recurrent nodes ------------------------------------------------------------------

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
ONE_AND_ZERO = {"activation_alpha": [1.0], "activation_beta": [0.0]}
OPTIONS = [
    ("RNN", {"activations": ["Sigmoid"]}),
    ("RNN", {"activations": ["HardSigmoid"], "activation_alpha": [0.2], "activation_beta": [0.5]}),
    ("RNN", {"activations": ["Affine"], **ONE_AND_ZERO, "clip": 0.7}),
    ("RNN", {"activations": ["Relu"], "clip": 0.7}),
    ("GRU", {"activations": ["HardSigmoid", "Softsign"]}),
    ("GRU", {"activations": ["Sigmoid", "Relu"], "linear_before_reset": 1, "clip": 0.6}),
    ("GRU", {"clip": 0.5}),
    ("LSTM", {"activations": ["HardSigmoid", "Tanh", "Softsign"]}),
    ("LSTM", {"activations": ["Sigmoid", "Relu", "Affine"], **ONE_AND_ZERO}),
    ("LSTM", {"clip": 0.5}),
    ("LSTM", {"P": True}),
    ("LSTM", {"P": True, "clip": 0.5, "activations": ["HardSigmoid", "Softsign", "Tanh"]}),
    ("LSTM", {"input_forget": 1}),
    ("LSTM", {"input_forget": 1, "activations": ["HardSigmoid", "Tanh", "Tanh"], "clip": 0.9}),
]


def options_model(rng, op, directions, more):
    """A node with biases, its directions side by side."""
    more, count = dict(more), {"forward": 1, "reverse": 1, "bidirectional": 2}[directions]
    arrays = {k: 2 * v for k, v in weights(rng, GATES[op], directions=count).items()}
    arrays["B"] = numbers(rng, count, 2 * GATES[op] * H)
    names = "x W R B"
    if more.pop("P", False):
        arrays["P"], names = numbers(rng, count, 3 * H), "x W R B - - - P"
    for name in ("activations", "activation_alpha", "activation_beta"):
        if name in more:
            more[name] = more[name] * count
    made = recurrent(op, names, "y", direction=directions, **more)
    nodes = [made, node("Transpose", "y", "t", perm=[0, 2, 1, 3]), node("Reshape", "t s", "z")]
    arrays["s"] = np.array([0, 0, -1], np.int64)
    return graph(nodes, [("z", 3)], arrays)


@pytest.mark.parametrize("directions", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op, more", OPTIONS)
def test_options_of_recurrent_nodes(rng, op, more, directions):
    same_as_model(options_model(rng, op, directions, more), 2 * numbers(rng, 6, 3, I))


def test_an_affine_without_scales_is_refused(rng):
    with pytest.raises(NotImplementedError, match="Affine has no alpha"):
        recur.from_onnx(options_model(rng, "RNN", "forward", {"activations": ["Affine"]}))


def rows_of_recur():
    return {
        "elu": recur.ELU(features=6),
        "silu": recur.SiLU(features=6),
        "gelu": recur.GELU(features=6),
        "softmax": recur.Softmax(features=6),
        "prelu": recur.PReLU(6),
        "prelu_long": recur.PReLU(2, length=3),
        "affine": recur.Affine(2, 3),
        "scale": recur.Affine(6, bias=False),
    }


@pytest.mark.parametrize("name", rows_of_recur())
def test_rows_there_and_back(rng, name):
    """What to_onnx writes of the layers of rows is read back to the same bits."""
    part = rows_of_recur()[name]
    for value in part.params.values():
        value[...] = numbers(rng, *value.shape)
    ours = recur.Sequential(recur.GRU(3, 6), part, recur.Linear(6, 2)).eval()
    model = recur.to_onnx(ours, opset=20)
    x = numbers(rng, 5, 2, 3)
    again = recur.from_onnx(model, outputs=["y"])
    kinds = [type(p).__name__ for p in again.children()]
    assert kinds == ["GRU", type(part).__name__, "Linear"]
    np.testing.assert_array_equal(again(x), ours(x))


@pytest.mark.parametrize("way", ["gate", "magnitude"])
def test_merges_are_written(rng, way):
    recur.to_onnx(recur.Sequential(recur.Linear(3, 6), recur.Merge(way)))  # its check compares


def linear_then(rng, *nodes, **arrays):
    first = node("MatMul", "x K", "k")
    return graph([first, *nodes], [("y", 3)], {"K": numbers(rng, I, 4), **arrays})


@pytest.mark.parametrize(
    "made, words",
    [
        (node("Elu", "k", "y", alpha=0.5), "alpha is 0.5"),
        (node("Softmax", "k", "y", axis=1), "only the last axis"),
        (node("PRelu", "k rows", "y"), "no number for each of 4 features"),
        (node("Mul", "k rows", "y"), "no number for each of 4 features"),
    ],
)
def test_rows_that_are_refused(rng, made, words):
    refused(linear_then(rng, made, rows=numbers(rng, 5, 1)), words)


def test_a_softmax_of_old_models_has_another_axis(rng):
    model = linear_then(rng, node("Softmax", "k", "y"))
    same_as_model(model, numbers(rng, 5, 2, I))
    del model.opset_import[:]
    model.opset_import.append(h.make_opsetid("", 11))
    refused(model, "only the last axis")


def test_a_product_with_another_sigmoid(rng):
    nodes = [node("Sigmoid", "x", "s"), node("MatMul", "s K", "t"), node("Mul", "k t", "y")]
    same_as_model(linear_then(rng, *nodes), numbers(rng, 5, 2, I))
    nodes = [node("Tanh", "k", "s"), node("Mul", "k s", "y")]
    same_as_model(linear_then(rng, *nodes), numbers(rng, 5, 2, I))
