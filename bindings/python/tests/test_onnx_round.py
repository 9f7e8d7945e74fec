"""What to_onnx writes of graphs, convolutions and normalisations, from_onnx reads."""

import numpy as np
import pytest
from conftest import numbers

import recur

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def skip():
    return recur.Graph(
        4,
        {
            "a": recur.LSTM(4, 3),
            "b": (recur.GRU(4, 3, direction="reverse"), [None]),
            "both": (recur.Identity(), ["a", "b", (None, 1, 2)]),
            "fc": recur.Linear(8, 3),
            "gate": (recur.Sigmoid(), ["a"]),
            "out": (recur.Merge("multiply"), ["fc", "gate"]),
            "sum": (recur.Merge("sum"), ["out", "b"]),
        },
    )


def dense():
    """Every part takes what those before it gave."""
    return recur.Graph(
        4,
        {
            "a": recur.ConvTime(4, 4, 3, dilation=2),
            "b": (recur.GRU(8, 4), [None, "a"]),
            "c": (recur.RNN(12, 2), [None, "a", "b"]),
        },
    )


NETS = {
    "skip": skip,
    "dense": dense,
    "behind": lambda: recur.Sequential(skip(), recur.LSTM(3, 4), recur.Last(), recur.Linear(4, 2)),
    "inside": lambda: recur.Graph(4, {"x": recur.Sequential(recur.Linear(4, 4), skip()), "y": recur.Tanh()}),
    "residual": lambda: recur.Sequential(recur.Residual(skip(), recur.Linear(3, 4)), recur.GRU(4, 2)),
    "conv": lambda: recur.Sequential(recur.ConvTime(4, 6, 3, groups=2), recur.ReLU(), recur.GRU(6, 3)),
    "ahead": lambda: recur.Sequential(recur.ConvTime(4, 6, 4, ahead=2, bias=False), recur.LSTM(6, 3)),
    "row": lambda: recur.Sequential(
        recur.Linear(4, 12),
        recur.ConvRow(2, 3, 3, stride=2, padding=1, length=6),
        recur.ReLU(),
        recur.ConvRow(3, 4, 2, dilation=2, length=3),
        recur.LSTM(4, 3),
    ),
    "mirrored": lambda: recur.Sequential(
        recur.ConvRow(1, 2, 3, padding=(0, 2), padding_mode="reflect", length=4),
        recur.Merge("magnitude"),
        recur.GRU(4, 3),
    ),
    "row of channels": lambda: recur.Sequential(
        recur.ConvRow(4, 6, 1, groups=2, bias=False), recur.GRU(6, 3)
    ),
    "group": lambda: recur.Sequential(
        recur.GRU(4, 6), recur.GroupNorm(3, 6), recur.Tanh(), recur.GroupNorm(1, 2, length=3)
    ),
    "rms": lambda: recur.Sequential(recur.GRU(4, 6), recur.RMSNorm(6), recur.Linear(6, 2)),
    "glu": lambda: recur.Sequential(recur.Linear(4, 6), recur.Merge("gate"), recur.GRU(3, 2)),
    "magnitude": lambda: recur.Sequential(recur.Linear(4, 6), recur.Merge("magnitude"), recur.GRU(3, 2)),
    "stack": lambda: recur.Sequential(recur.LSTM(4, 4, 2), skip(), recur.GRU(3, 2, 3, bidirectional=True)),
    "last": lambda: recur.Graph(
        4,
        {
            "a": recur.LSTM(4, 3),
            "end": recur.Last(direction="forward"),
            "b": (recur.LSTM(4, 3, direction="reverse"), [None]),
            "start": recur.Last(direction="reverse"),
            "out": (recur.Merge("mean"), ["end", "start"]),
        },
    ),
}


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_there_and_back(rng, name, batch_first):
    net = NETS[name]()
    for value in net.params.values():
        value[...] = 0.7 * numbers(rng, *value.shape)
    net.eval()
    for part in flat(net):
        if hasattr(part, "batch_first"):
            part.batch_first = batch_first
    model = recur.to_onnx(net, opset=20)
    x = numbers(rng, 3, 5, 4)
    again = recur.from_onnx(model, outputs=["y"])
    np.testing.assert_allclose(y_of(again, x), y_of(net, x), atol=3e-6)
    kinds = [type(p).__name__ for p in flat(net)]
    recurrent = [k for k in kinds if k in ("LSTM", "GRU", "RNN", "ConvTime", "RMSNorm")]
    found = [type(p).__name__ for p in flat(again)]
    assert all(found.count(k) <= recurrent.count(k) for k in set(recurrent))  # none was doubled


def flat(net):
    found = [net]
    for part in net.children():
        found += flat(part)
    return found


def y_of(net, x):
    found = net(x)
    return found[0] if type(found) is tuple else found


def test_states_of_a_graph(rng):
    """Initial states come in and go out by the names of the parts."""
    net = dense().eval()
    model = recur.to_onnx(net, states=True)
    names = [i.name for i in model.graph.input]
    assert names == ["x", "b_h0", "c_h0"]
    again = recur.from_onnx(model)
    x, h = numbers(rng, 5, 2, 4), numbers(rng, 1, 2, 4)
    state, other = net.state(2), again.state(2)
    state["b.h"] = h
    (name,) = [n for n in other if other[n].shape == h.shape and n.endswith("h")]
    other[name] = h
    np.testing.assert_allclose(y_of(again, x), y_of(net, x), atol=3e-6)
    np.testing.assert_allclose(again(x, other)[0], net(x, state)[0], atol=3e-6)


@pytest.mark.parametrize("dynamo", [False, True])
def test_rms_norm_of_torch(rng, dynamo):
    import io

    torch = pytest.importorskip("torch")
    if dynamo:
        pytest.importorskip("onnxscript")
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.RMSNorm(4, eps=1e-3)).eval()
    x = torch.tensor(numbers(rng, 5, 2, 3))
    if dynamo:
        model = torch.onnx.export(net, (x,), dynamo=True).model_proto
    else:
        buffer = io.BytesIO()
        try:
            torch.onnx.export(net, (x,), buffer, dynamo=False)
        except torch.onnx.errors.UnsupportedOperatorError:
            pytest.skip("this exporter does not know RMSNorm")
        model = onnx.load_from_string(buffer.getvalue())
    made = recur.from_onnx(model)
    assert [type(p).__name__ for p in made.children()] == ["Linear", "RMSNorm"]
    np.testing.assert_allclose(made(x.numpy()), net(x).detach().numpy(), atol=3e-6)
