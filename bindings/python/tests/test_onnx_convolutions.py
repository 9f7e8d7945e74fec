"""from_onnx of sequences with convolutions and batch normalisation, as both of PyTorch's exporters
write them, with known and with open sizes."""

import io

import numpy as np
import pytest
from conftest import numbers

import recur

onnx = pytest.importorskip("onnx")
torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
nn = torch.nn


class Cut(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def forward(self, x):
        return x[:, :, : -self.n]


class Net(nn.Module):
    """[B][T][C] through layers of [B][C][T], then an LSTM."""

    def __init__(self, *parts, rnn=True, residual=False):
        super().__init__()
        self.parts, self.residual = nn.Sequential(*parts), residual
        self.rnn = nn.LSTM(4, 3, batch_first=True) if rnn else None

    def forward(self, x):
        y = x.transpose(1, 2)
        y = y + self.parts(y) if self.residual else self.parts(y)
        y = y.transpose(1, 2)
        return y if self.rnn is None else self.rnn(y)[0]


NETS = {
    "causal": lambda: Net(nn.ZeroPad1d((4, 0)), nn.Conv1d(4, 4, 3, dilation=2)),
    "same": lambda: Net(nn.Conv1d(4, 4, 3, padding="same"), nn.ReLU()),
    "cut": lambda: Net(nn.Conv1d(4, 4, 3, padding=2), Cut(2), nn.ReLU()),
    "cut behind": lambda: Net(nn.Conv1d(4, 4, 3, padding=2), nn.ReLU(), Cut(2)),
    "groups": lambda: Net(nn.Conv1d(4, 4, 3, padding=1, groups=2, bias=False), nn.SiLU()),
    "norm": lambda: Net(nn.BatchNorm1d(4), nn.Conv1d(4, 4, 1), nn.BatchNorm1d(4), nn.PReLU(4)),
    "after relu": lambda: Net(nn.Conv1d(4, 4, 1), nn.ReLU(), nn.BatchNorm1d(4), nn.LeakyReLU(0.2)),
    "residual": lambda: Net(nn.Conv1d(4, 4, 3, padding=1), nn.Tanh(), residual=True),
    "alone": lambda: Net(nn.ZeroPad1d((1, 0)), nn.Conv1d(4, 3, 2), rnn=False),
}


def exported(net, x, dynamo, fixed):
    if dynamo:
        sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("steps", min=2)}
        shapes = None if fixed else {"x": sizes}
        return torch.onnx.export(net, (x,), dynamic_shapes=shapes, dynamo=True).model_proto
    buffer = io.BytesIO()
    axes = None if fixed else {"x": {0: "batch", 1: "steps"}}
    torch.onnx.export(net, (x,), buffer, input_names=["x"], dynamic_axes=axes, dynamo=False)
    return onnx.load_from_string(buffer.getvalue())


CASES = [(name, False, fixed) for name in NETS for fixed in (True, False)]
CASES += [("causal", True, False), ("cut", True, True), ("norm", True, False)]  # these take long


@pytest.mark.parametrize("name, dynamo, fixed", CASES)
def test_exported_nets(rng, name, dynamo, fixed):
    if dynamo:
        pytest.importorskip("onnxscript")
    torch.manual_seed(1)
    net = NETS[name]()
    for _, value in net.named_buffers():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape) + 0.5)
    net.eval()
    x = torch.tensor(numbers(rng, 2, 6, 4))
    model = exported(net, x, dynamo, fixed)
    made = recur.from_onnx(model, verify=False)
    y = made(x.numpy())
    y = y[0] if type(y) is tuple else y
    np.testing.assert_allclose(y, net(x).detach().numpy(), atol=3e-6)
    recur.from_onnx(model)
    if name == "causal":  # it streams, too
        state = made.state(2)
        steps = np.stack([made.step(x[:, t].numpy().copy(), state) for t in range(6)], 1)
        np.testing.assert_array_equal(steps, y)


REFUSED = {
    "fewer steps": (Net(nn.Conv1d(4, 4, 3)), "-2 steps"),
    "stride": (Net(nn.Conv1d(4, 4, 3, stride=2, padding=1)), "strides"),
    "not cut": (Net(nn.Conv1d(4, 4, 3, padding=2)), "steps"),
    "cut too far": (Net(nn.Conv1d(4, 4, 3, padding=2), Cut(1)), "only 0:-2"),
    "reflected": (Net(nn.ReflectionPad1d((2, 0)), nn.Conv1d(4, 4, 3)), "pads with other numbers"),
    "padded alone": (Net(nn.ZeroPad1d((2, 0))), "steps|axes"),
    "normalised by step": (
        nn.Sequential(nn.BatchNorm1d(6), nn.LSTM(4, 3, batch_first=True)),
        "axis|axes",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(rng, name):
    net, words = REFUSED[name]
    model = exported(net.eval(), torch.tensor(numbers(rng, 2, 6, 4)), False, False)
    with pytest.raises(NotImplementedError, match=words):
        recur.from_onnx(model, outputs=model.graph.output[0].name, verify=False)
