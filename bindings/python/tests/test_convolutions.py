"""Layers with channels, convolutions and graphs beside PyTorch: values, gradients, streams, files."""

import copy
import pickle

import numpy as np
import pytest

import recur

torch = pytest.importorskip("torch")


def close(a, b, tolerance=2e-5):
    b = b.detach().numpy() if isinstance(b, torch.Tensor) else b
    np.testing.assert_allclose(np.asarray(a), b, rtol=tolerance, atol=tolerance)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def take(module, theirs):
    """Their parameters, by name."""
    for name, value in theirs.named_parameters():
        module.params[name][...] = value.detach().numpy()


def compare(module, theirs, x, forward=None):
    """Values, the gradient of x and those of all parameters."""
    take(module, theirs)
    given = torch.tensor(x, requires_grad=True)
    want = (forward or theirs)(given)
    dy = draw(*want.shape, seed=9)
    want.backward(torch.tensor(dy))
    y = module(x)
    close(y, want)
    close(module.backward(dy), given.grad)
    for name, value in theirs.named_parameters():
        close(module.grads[name], value.grad, 1e-4)


ROWS = {
    "silu": (lambda: recur.SiLU(), torch.nn.SiLU, 7),
    "elu": (lambda: recur.ELU(), torch.nn.ELU, 7),
    "gelu": (lambda: recur.GELU(), torch.nn.GELU, 7),
    "softmax": (lambda: recur.Softmax(), lambda: torch.nn.Softmax(-1), 7),
    "glu": (lambda: recur.Merge("gate"), lambda: torch.nn.GLU(-1), 8),
    "rms": (lambda: recur.RMSNorm(7), lambda: torch.nn.RMSNorm(7), 7),
    "rms_eps": (lambda: recur.RMSNorm(7, 0.5), lambda: torch.nn.RMSNorm(7, 0.5), 7),
    "prelu": (lambda: recur.PReLU(7), lambda: torch.nn.PReLU(7), 7),
    "prelu_one": (lambda: recur.PReLU(1, 0.1, length=7), lambda: torch.nn.PReLU(1, 0.1), 7),
}


@pytest.mark.parametrize("kind", ROWS)
def test_rows_as_torch(kind):
    ours, theirs, features = ROWS[kind]
    compare(ours(), theirs(), draw(6, features) * 2)


@pytest.mark.parametrize(("groups", "channels", "length"), [(1, 4, 1), (2, 4, 5), (4, 4, 3)])
def test_group_norm_as_torch(groups, channels, length):
    theirs = torch.nn.GroupNorm(groups, channels)
    torch.nn.init.normal_(theirs.weight)
    x = draw(6, channels * length)
    module = recur.GroupNorm(groups, channels, length=length)
    compare(module, theirs, x, lambda t: theirs(t.reshape(6, channels, length)).reshape(6, -1))


def test_batch_norm_folds_into_an_affine():
    norm = torch.nn.BatchNorm1d(5).eval()
    for value in (norm.weight, norm.bias, norm.running_mean):
        torch.nn.init.normal_(value)
    torch.nn.init.uniform_(norm.running_var, 0.5, 2)
    x = draw(6, 5 * 3)
    module = recur.Affine(5, 3)
    scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    module.weight[...] = scale.numpy()
    module.bias[...] = (norm.bias - norm.running_mean * scale).detach().numpy()
    close(module(x), norm(torch.tensor(x).reshape(6, 5, 3)).reshape(6, 15), 1e-6)


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("ahead", [0, 2])
def test_conv_time_as_torch(kernel, dilation, groups, ahead):
    span = (kernel - 1) * dilation
    ahead = min(ahead, span)
    theirs = torch.nn.Conv1d(4, 6, kernel, dilation=dilation, groups=groups)
    module = recur.ConvTime(4, 6, kernel, dilation, groups, ahead=ahead, batch_first=True)

    def forward(t):
        padded = torch.nn.functional.pad(t.transpose(1, 2), (span - ahead, ahead))
        return theirs(padded).transpose(1, 2)

    compare(module, theirs, draw(3, 9, 4), forward)


CASES = [
    {"length": 9},
    {"length": 9, "stride": 2, "padding": 1},
    {"length": 9, "padding": 3, "padding_mode": "reflect", "dilation": 2},
    {"length": 9, "groups": 2, "bias": False},
    {"length": 3},
]


@pytest.mark.parametrize("case", CASES)
def test_conv_row_as_torch(case):
    more = {k: v for k, v in case.items() if k != "length"}
    theirs = torch.nn.Conv1d(4, 6, 3, **more)
    module = recur.ConvRow(4, 6, 3, **case)
    shape = (5, 4, case["length"])
    compare(module, theirs, draw(5, 4 * case["length"]), lambda t: theirs(t.reshape(shape)).flatten(1))


def test_grouped_linear_is_a_row_of_length_one():
    module = recur.ConvRow(6, 4, 1, groups=2)
    x = draw(5, 6)
    W, b = np.asarray(module.weight)[:, :, 0], np.asarray(module.bias)
    want = np.concatenate([x[:, :3] @ W[:2].T, x[:, 3:] @ W[2:].T], 1) + b
    close(module(x), want, 1e-6)


def test_conv_time_streams():
    net = recur.Sequential(recur.ConvTime(3, 5, 3, dilation=2), recur.ReLU(), recur.GRU(5, 4)).eval()
    x = draw(11, 2, 3)
    whole = net(x)
    for module in (net, net.snapshot()):
        state = module.state(2)
        close([module.step(x[t], state) for t in range(11)], whole, 1e-6)


def skips():
    return recur.Graph(
        6,
        {
            "dense": (recur.Linear(3, 2), [(None, 2, 3)]),
            "rnn": (recur.LSTM(8, 5), ["dense", None]),
            "fc": (recur.Linear(9, 4), ["dense", (None, 1, 2), "rnn"]),
            "mask": recur.Sigmoid(),
            "out": (recur.Merge("multiply"), ["mask", ("rnn", 1, 4)]),
        },
    )


def test_graph_as_torch():
    net, x = skips(), draw(7, 3, 6)
    dense, rnn, fc = torch.nn.Linear(3, 2), torch.nn.LSTM(8, 5), torch.nn.Linear(9, 4)
    theirs = torch.nn.ModuleDict({"dense": dense, "rnn": rnn, "fc": fc})

    def forward(t):
        d = dense(t[..., 2:5])
        h = rnn(torch.cat([d, t], -1))[0]
        return torch.sigmoid(fc(torch.cat([d, t[..., 1:3], h], -1))) * h[..., 1:]

    compare(net, theirs, x, forward)


def every_module():
    yield skips(), (5, 2, 6)
    yield recur.Sequential(recur.ConvTime(4, 6, 3, 2, 2, False), recur.PReLU(6)), (5, 2, 4)
    yield recur.ConvTime(4, 6, 3, ahead=1), (5, 2, 4)
    yield (
        recur.Sequential(
            recur.ConvRow(1, 6, 4, 2, (0, 3), padding_mode="reflect", length=12),
            recur.Merge("magnitude"),
            recur.GroupNorm(3, 3, length=6),
            recur.Affine(3, 6, bias=False),
            recur.PReLU(3, length=6),
            recur.RMSNorm(18),
            recur.Softmax(),
        ),
        (5, 12),
    )
    yield recur.Sequential(recur.Linear(3, 4), recur.SiLU(), recur.ELU(), recur.GELU()), (5, 3)


@pytest.mark.parametrize("index", range(5))
def test_files_copies_and_pickles(index, tmp_path):
    module, shape = list(every_module())[index]
    x, path = draw(*shape), tmp_path / "net.safetensors"
    want = module.eval()(x)
    recur.save_model(module, path, sample=x)
    opened = recur.open_model(path)
    assert repr(opened) == repr(module)
    for other in (opened, copy.deepcopy(module), pickle.loads(pickle.dumps(module)), module.snapshot()):
        np.testing.assert_array_equal(other(x), want)


def test_refused():
    with pytest.raises(ValueError, match="padding_mode"):
        recur.ConvRow(1, 1, 1, padding_mode="circular")
    with pytest.raises(recur.ShapeError, match="4.*6.*4"):
        recur.ConvRow(4, 6, 1, groups=4)
    with pytest.raises(NotImplementedError, match="dim"):
        recur.Softmax(1)(np.zeros((2, 3, 4), np.float32))
    with pytest.raises(recur.Error, match="late"):
        recur.Graph(2, {"a": (recur.Linear(2, 2), ["late"]), "late": recur.Linear(2, 2)})
    with pytest.raises(ValueError, match="features"):
        recur.Graph(2, {"a": (recur.ReLU(), ["late"])})
    with pytest.raises(TypeError, match="Graph"):
        skips().append(recur.ReLU(features=4))
    with pytest.raises(TypeError, match="source"):
        recur.Graph(2, {"a": (recur.ReLU(), [3])})
