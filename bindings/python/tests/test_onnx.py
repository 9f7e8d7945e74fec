"""ONNX against ONNX Runtime, PyTorch's exporter, and the node tests of the onnx package."""

import functools
import io
import warnings

import numpy as np
import pytest
from conftest import numbers

import recur

onnx = pytest.importorskip("onnx")


@pytest.fixture
def run():
    ort = pytest.importorskip("onnxruntime")

    def run(model, **inputs):
        options = ort.SessionOptions()
        options.log_severity_level = 3
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs)))

    return run


def same(a, b):
    np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5)


KINDS = [
    (recur.RNN, {}),
    (recur.RNN, {"nonlinearity": "relu"}),
    (recur.LSTM, {}),
    (recur.GRU, {}),
    (recur.GRU, {"reset_after": False}),
]
SHAPES = [
    {},
    {"bidirectional": True},
    {"direction": "reverse"},
    {"num_layers": 3},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"bias": False},
]


@pytest.mark.parametrize("kind, more", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_layers(rng, run, kind, more, shape):
    layer = kind(5, 6, **more, **shape).eval()
    model = recur.to_onnx(layer)
    with_states = recur.to_onnx(layer, states=True)
    again = recur.from_onnx(model)
    assert type(again) is kind and again.num_layers == layer.num_layers and again.batch_first == layer.batch_first
    np.testing.assert_array_equal(again.flat, layer.flat)
    np.testing.assert_array_equal(recur.from_onnx(with_states).flat, layer.flat)
    for T, B in ((4, 3), (1, 1), (9, 2)):
        x = numbers(rng, *((B, T) if layer.batch_first else (T, B)), 5)
        y, state = layer(x)
        state = state if kind is recur.LSTM else (state,)
        got = run(model, x=x)
        same(got["y"], y)
        for name, value in zip(("hn", "cn"), state):
            same(got[name], value)
        start = tuple(numbers(rng, *state[0].shape) for _ in state)
        y, _ = layer(x, start if kind is recur.LSTM else start[0])
        same(run(with_states, x=x, **dict(zip(("h0", "c0"), start)))["y"], y)


@pytest.mark.parametrize("way", ["sum", "mean", "multiply"])
def test_stacks_with_ways_round(rng, run, way):
    inner = recur.Residual(recur.LayerNorm(4, 0.1), recur.LSTM(4, 4, bidirectional=True), recur.Merge(way), recur.HardSigmoid())
    net = recur.Sequential(recur.GRU(3, 4), inner, recur.Softsign(), recur.Last(direction="forward"), recur.LayerNorm(4, bias=False))
    for name, value in net.params.items():
        if value.ndim == 1:
            value[...] = numbers(rng, value.size)
    x = numbers(rng, 6, 5, 3)
    same(run(recur.to_onnx(net.eval()), x=x)["y"], net(x))
    with pytest.raises(NotImplementedError, match="opset"):
        recur.to_onnx(net, opset=16)


@pytest.mark.parametrize("kind, more", KINDS)
@pytest.mark.parametrize("shape", SHAPES[:5])
def test_lengths(rng, run, kind, more, shape):
    rnn = kind(5, 6, **more, **shape)
    width = 12 if rnn.bidirectional else 6
    net = recur.Sequential({"rnn": rnn, "last": recur.Last(), "act": recur.Tanh(), "fc": recur.Linear(width, 3)}).eval()
    model = recur.to_onnx(net, lengths=True)
    for lengths in ([4, 2, 7], [1], [3, 3, 5, 2]):
        T, B = max(lengths), len(lengths)
        x = numbers(rng, *((B, T) if rnn.batch_first else (T, B)), 5)
        packed = recur.pack_padded_sequence(x, lengths, rnn.batch_first, enforce_sorted=False)
        same(run(model, x=x, lengths=np.array(lengths, np.int32))["y"], net(packed))
    again = recur.from_onnx(recur.to_onnx(net))
    same(again(packed), net(packed))
    same(again(x), net(x))


def test_chains(rng, run, tmp_path):
    nets = {
        "steps": recur.Sequential(
            recur.LSTM(5, 6), recur.Linear(6, 4), recur.ReLU(), recur.Dropout(0.5), recur.Linear(4, 2, bias=False)
        ),
        "first": recur.Sequential(recur.GRU(5, 6, batch_first=True), recur.Linear(6, 4), recur.Sigmoid()),
        "two": recur.Sequential(recur.GRU(5, 6), recur.RNN(6, 4), recur.Last(), recur.Linear(4, 2)),
        "later": recur.Sequential(recur.GRU(5, 6), recur.Linear(6, 4), recur.Last(direction="forward")),
        "rows": recur.Sequential(recur.Linear(5, 6), recur.Tanh(), recur.Linear(6, 2)),
    }
    for name, net in nets.items():
        net.eval()
        path = tmp_path / f"{name}.onnx"
        recur.to_onnx(net, path)
        model, again = onnx.load(path), recur.from_onnx(str(path))
        x = numbers(rng, 4, 5) if name == "rows" else numbers(rng, 6, 3, 5)
        same(run(model, x=x)["y"], net(x))
        same(again(x), net(x))
        assert not again.training
    words = recur.Sequential(recur.Embedding(9, 4), recur.LSTM(4, 5), recur.Last(), recur.Linear(5, 2)).eval()
    ids = rng.integers(0, 9, (6, 3))
    model = recur.to_onnx(words)
    same(run(model, x=ids)["y"], words(ids))
    same(recur.from_onnx(model)(ids), words(ids))


def test_refused_to_write():
    bad = recur.Sequential(recur.GRU(5, 6, bidirectional=True), recur.Linear(12, 4), recur.Last(direction="bidirectional"))
    with pytest.raises(NotImplementedError, match="Last"):
        recur.to_onnx(bad)
    with pytest.raises(NotImplementedError, match="GRUCell"):
        recur.to_onnx(recur.GRUCell(2, 3))


# ---- models of PyTorch's exporter ------------------------------------------------------------------


def exported(module, x):
    torch = pytest.importorskip("torch")
    buffer = io.BytesIO()
    axes = {"x": {0: "a", 1: "b"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(module, torch.tensor(x), buffer, input_names=["x"], dynamic_axes=axes, dynamo=False)
        except Exception as error:  # noqa: BLE001
            pytest.skip(f"torch.onnx.export: {error}")
    return onnx.load_from_string(buffer.getvalue())


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize(
    "more", [{}, {"num_layers": 2}, {"bidirectional": True, "num_layers": 2}, {"batch_first": True}, {"bias": False}]
)
def test_models_of_torch(rng, kind, more):
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = getattr(torch.nn, kind)(4, 5, **more)
            self.fc = torch.nn.Linear(10 if more.get("bidirectional") else 5, 3)

        def forward(self, x):
            return self.fc(torch.relu(self.rnn(x)[0]))

    theirs = Net().eval()
    x = numbers(rng, 6, 2, 4)
    net = recur.from_onnx(exported(theirs, x))
    assert net[0].num_layers == more.get("num_layers", 1)
    with torch.no_grad():
        for shape in ((6, 2, 4), (3, 5, 4)):
            x = numbers(rng, *shape)
            same(net(x), theirs(torch.tensor(x)).numpy())


# ---- the onnx package's own cases ------------------------------------------------------------------


@functools.lru_cache
def cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from onnx.backend.test.case.node import collect_testcases
        except ImportError:
            return {}
        with np.errstate(all="ignore"):
            found = collect_testcases()  # once: it knows every case only the first time it is called
    return {k.name: k for k in found if k.model is not None and k.model.graph.node[0].op_type in ("RNN", "LSTM", "GRU")}


def test_onnx_node_cases():
    if not cases():
        pytest.skip("this onnx has no node cases")
    passed = []
    for name, case in cases().items():
        graph = case.model.graph
        node = graph.node[0]
        for inputs, outputs in case.data_sets:
            given = dict(zip([i.name for i in case.model.graph.input], inputs))
            x = given.pop(node.input[0])
            slots = dict(zip(("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c"), node.input))
            start = [given.pop(slots[s]) for s in ("initial_h", "initial_c") if slots.get(s) in given]
            lengths = given.pop(slots["sequence_lens"]) if slots.get("sequence_lens") in given else None
            layer = recur.from_onnx(case.model, given)
            assert layer.batch_first == bool({a.name: a.i for a in node.attribute}.get("layout", 0))
            if lengths is not None:
                x = recur.pack_padded_sequence(x, lengths, layer.batch_first, enforce_sorted=False)
            y, final = layer(x, (tuple(start) if len(start) > 1 else start[0]) if start else None)
            h = final[0] if isinstance(final, tuple) else final
            y = recur.pad_packed_sequence(y, layer.batch_first)[0] if lengths is not None else y
            if layer.batch_first:  # ONNX' Y_h is [B][D][H] then, and Y [B][T][D][H]
                h, y = h.swapaxes(0, 1), y.reshape(*y.shape[:2], -1, layer.hidden_size)
            else:
                y = y.reshape(*y.shape[:2], -1, layer.hidden_size).swapaxes(1, 2)
            wanted = dict(zip([o.name for o in graph.output], outputs))
            places = dict(zip(node.output, (y, h, final[1] if isinstance(final, tuple) else None)))
            for key, value in wanted.items():
                np.testing.assert_allclose(places[key], value, rtol=case.rtol, atol=1e-5, err_msg=name)
        passed.append(name)
    assert len(passed) == len(cases()) >= 10, passed


# ---- what is out of reach says so --------------------------------------------------------------------


def one_node(op, **attributes):
    h = onnx.helper
    G = {"RNN": 1, "LSTM": 4, "GRU": 3}[op]
    weights = [np.ones((1, G * 2, n), np.float32) for n in (3, 2)]
    inits = [onnx.numpy_helper.from_array(w, n) for w, n in zip(weights, "WR")]
    node = h.make_node(op, ["x", "W", "R"], ["y"], hidden_size=2, **attributes)
    x = h.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["T", "B", 3])
    y = h.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    return h.make_model(h.make_graph([node], "g", [x], [y], inits))


@pytest.mark.parametrize(
    "op, attributes, words",
    [
        ("GRU", {"activations": ["Elu", "Tanh"]}, "Elu is out of reach"),
        (
            "GRU",
            {"activations": ["HardSigmoid", "Tanh"], "activation_alpha": [0.25]},
            "alpha 0.25 of HardSigmoid",
        ),
        ("RNN", {"activations": ["Affine"], "activation_alpha": [2.0]}, "alpha 2 of Affine"),
        ("RNN", {"activations": ["Tanh"], "activation_beta": [2.0]}, "no such activation_alpha"),
        ("LSTM", {"activations": ["Sigmoid", "Tanh"]}, "activations"),
    ],
)
def test_refused_to_read(op, attributes, words):
    assert recur.from_onnx(one_node(op)).hidden_size == 2
    with pytest.raises(NotImplementedError, match=words):
        recur.from_onnx(one_node(op, **attributes))


def test_other_operators_are_refused():
    h = onnx.helper
    x = h.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["T", "B", 3])
    y = h.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    model = h.make_model(h.make_graph([h.make_node("Exp", ["x"], ["y"])], "g", [x], [y]))
    with pytest.raises(NotImplementedError, match="Exp"):
        recur.from_onnx(model)


@pytest.mark.parametrize("option", ["lengths", "states"])
def test_writing_refuses_inputs_that_nothing_reads(option):
    net = recur.Sequential(recur.Linear(3, 4), recur.Tanh())
    with pytest.raises(ValueError, match=f"{option}=True.*leave it out"):
        recur.to_onnx(net, **{option: True})
    assert [i.name for i in recur.to_onnx(net).graph.input] == ["x"]
