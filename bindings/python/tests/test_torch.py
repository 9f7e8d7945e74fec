"""Against PyTorch itself, both ways."""

import collections

import numpy as np
import pytest
from conftest import close, near, numbers

import recur

torch = pytest.importorskip("torch")
nn = torch.nn
RTOL = 1e-6


def out(tensor):
    return tensor.detach().numpy()


def same(a, b):
    np.testing.assert_allclose(a, out(b), atol=RTOL, rtol=1e-5)


LAYERS = [
    (kind, more)
    for kind in (nn.RNN, nn.LSTM, nn.GRU)
    for more in (
        {},
        {"num_layers": 2, "bidirectional": True},
        {"batch_first": True},
        {"bias": False, "num_layers": 3},
        {"num_layers": 2, "dropout": 0.3},
    )
] + [(nn.RNN, {"nonlinearity": "relu"}), (nn.LSTM, {"proj_size": 3, "num_layers": 2, "bidirectional": True})]


@pytest.mark.parametrize("kind, more", LAYERS)
def test_layers_both_ways(rng, kind, more):
    theirs = kind(5, 7, **more).eval()
    ours = recur.from_torch(theirs)
    assert not ours.training
    x = numbers(rng, 4, 6, 5)
    ty, ts = theirs(torch.tensor(x))
    y, s = ours(x)
    same(y, ty)
    for a, b in zip(s if kind is nn.LSTM else (s,), ts if kind is nn.LSTM else (ts,)):
        same(a, b)
    back = recur.to_torch(ours)
    assert type(back) is kind and back.batch_first == theirs.batch_first and back.dropout == theirs.dropout
    for name, value in theirs.state_dict().items():
        assert torch.equal(value, back.state_dict()[name])
    # gradients
    ours.train(dropout=False)
    y, _ = ours(x)
    gy = numbers(rng, *y.shape)
    gx, _ = ours.backward(gy)
    tx = torch.tensor(x, requires_grad=True)
    theirs(tx)[0].backward(torch.tensor(gy))
    near(gx, out(tx.grad))
    for name, p in theirs.named_parameters():
        near(ours.grads[name], out(p.grad))


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_cells_both_ways(rng, kind):
    theirs = kind(5, 7)
    ours = recur.from_torch(theirs).eval()
    x = numbers(rng, 3, 5)
    a, b = ours(x), theirs(torch.tensor(x))
    for p, q in zip(a if isinstance(a, tuple) else (a,), b if isinstance(b, tuple) else (b,)):
        same(p, q)
    same(ours(x[0]) if kind is not nn.LSTMCell else ours(x[0])[0], b[0] if kind is not nn.LSTMCell else b[0][0])
    back = recur.to_torch(ours)
    for name, value in theirs.state_dict().items():
        assert torch.equal(value, back.state_dict()[name])


def test_others_both_ways(rng):
    theirs = nn.Sequential(
        collections.OrderedDict(
            emb=nn.Embedding(9, 4), a=nn.Linear(4, 6), t=nn.Tanh(), d=nn.Dropout(0.1), s=nn.Sequential(nn.Linear(6, 3, bias=False), nn.ReLU()),
            g=nn.Sigmoid(), n=nn.LayerNorm(3, eps=0.1), m=nn.LayerNorm((3,), bias=False), o=nn.Softsign(), i=nn.Identity(),
        )
    ).eval()  # fmt: skip
    with torch.no_grad():
        for p in (*theirs.n.parameters(), *theirs.m.parameters()):
            p.uniform_(-1, 1)
    ours = recur.from_torch(theirs)
    ids = rng.integers(0, 9, (2, 3))
    same(ours(ids), theirs(torch.tensor(ids)))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    back = recur.to_torch(ours)
    assert list(back.state_dict()) == list(theirs.state_dict())
    same(ours(ids), back(torch.tensor(ids)))
    assert back.n.eps == 0.1 and back.m.bias is None


@pytest.mark.parametrize("way", ["sum", "mean", "multiply"])
def test_residuals_and_merges_run_in_torch(rng, way):
    """Stacks of layers of their own widths with ways round them, values and gradients."""
    inner = recur.Residual(recur.LayerNorm(4), recur.LSTM(4, 4, bidirectional=True), recur.Merge(way))
    net = recur.Sequential(recur.GRU(3, 4), inner, recur.RNN(4, 2), recur.Softsign())
    theirs = recur.to_torch(net)
    x, gy = numbers(rng, 6, 5, 3), numbers(rng, 6, 5, 2)
    tx = torch.tensor(x, requires_grad=True)
    ty = theirs(tx)
    same(net(x), ty)
    near(net.backward(gy), out(torch.autograd.grad((ty * torch.tensor(gy)).sum(), tx, retain_graph=True)[0]))
    (ty * torch.tensor(gy)).sum().backward()
    for name, p in theirs.named_parameters():
        near(net.grads[name], out(p.grad))


@pytest.mark.parametrize("kind", [recur.RNN, recur.LSTM, recur.GRU])
@pytest.mark.parametrize("more", [{}, {"bidirectional": True, "batch_first": True}])
def test_a_classifier_runs_in_torch(rng, kind, more):
    width = 8 if more else 4
    net = recur.Sequential({"rnn": kind(3, 4, 2, **more), "last": recur.Last(), "fc": recur.Linear(width, 2)}).eval()
    x = numbers(rng, 6, 5, 3)
    theirs = recur.to_torch(net)
    same(net(x), theirs(torch.tensor(x)))
    lengths = [2, 6, 1, 4, 3] if not more else [2, 5, 1, 4, 3, 5]
    batch_first = bool(more)
    a = net(recur.pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False))
    b = theirs(nn.utils.rnn.pack_padded_sequence(torch.tensor(x), lengths, batch_first, enforce_sorted=False))
    same(a, b)
    other = recur.Sequential({"rnn": kind(3, 4, 2, **more), "last": recur.Last(), "fc": recur.Linear(width, 2)}).eval()
    other.load_state_dict(theirs.state_dict())
    np.testing.assert_array_equal(other.flat, net.flat)


def test_packed_of_torch_is_taken(rng):
    theirs = nn.GRU(3, 4)
    ours = recur.from_torch(theirs).eval()
    packed = nn.utils.rnn.pack_padded_sequence(torch.tensor(numbers(rng, 7, 5, 3)), [3, 7, 3, 3, 2], enforce_sorted=False)
    y, h = ours(packed)
    ty, th = theirs(packed)
    same(h, th)
    same(recur.pad_packed_sequence(y)[0], nn.utils.rnn.pad_packed_sequence(ty)[0])


def test_a_training_run_step_by_step(rng):
    """Ten steps of Adam with clipping: the same losses as PyTorch's."""
    net = recur.Sequential(recur.LSTM(4, 8), recur.Last(), recur.Linear(8, 3))
    theirs = recur.to_torch(net)
    x, labels = numbers(rng, 7, 6, 4), rng.integers(0, 3, 6)
    adam, tadam = recur.Adam(net, lr=0.01), torch.optim.Adam(theirs.parameters(), lr=0.01)
    criterion, tcriterion = recur.CrossEntropyLoss(), nn.CrossEntropyLoss()
    for _ in range(10):
        loss, grad = criterion(net(x), labels)
        tloss = tcriterion(theirs(torch.tensor(x)), torch.tensor(labels))
        assert abs(loss - tloss.item()) < 1e-5
        adam.zero_grad(), tadam.zero_grad()
        net.backward(grad), tloss.backward()
        a = recur.clip_grad_norm_(net, 0.5)
        b = nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        assert abs(a - b.item()) < 1e-5
        adam.step(), tadam.step()


def test_many_dimensions_are_not_normalised():
    with pytest.raises(ValueError, match="last dimension"):
        recur.from_torch(nn.LayerNorm((3, 4)))


def test_out_of_reach():
    for module in (nn.Conv1d(1, 1, 3), nn.Embedding(3, 2, max_norm=1.0), nn.Sequential(nn.GELU()),
                   nn.LayerNorm(3, elementwise_affine=False), nn.Hardsigmoid()):  # fmt: skip
        with pytest.raises(NotImplementedError):
            recur.from_torch(module)
    for module in (recur.GRU(3, 4, reset_after=False), recur.RNN(3, 4, direction="reverse"), recur.HardSigmoid()):
        with pytest.raises(NotImplementedError):
            recur.to_torch(module)


def test_embeddings_with_padding():
    theirs = torch.nn.Embedding(6, 3, padding_idx=2)
    ours = recur.from_torch(theirs)
    assert ours.padding_idx == 2 and not ours.weight[2].any()
    back = recur.to_torch(recur.Sequential(ours))
    assert back[0].padding_idx == 2
    x = np.array([[2, 1, 2, 5]])
    (ours.train()(x)).backward(np.ones((1, 4, 3), np.float32))
    back.train()(torch.from_numpy(x)).sum().backward()
    close(ours.grads["weight"], back[0].weight.grad.numpy())
