"""minGRU, minLSTM, QRNN and SRU: kinds whose gates see x only. Each against the formulas of its
paper in PyTorch, with PyTorch's gradients: the minimal kinds as scans in logarithms."""

import numpy as np
import pytest
import recur

torch = pytest.importorskip("torch")
F = torch.nn.functional

T, B, I, H = 7, 3, 5, 4


def log_g(x):
    return torch.where(x >= 0, (F.relu(x) + 0.5).log(), -F.softplus(-x))


def scan(log_a, log_b, log_h0):
    """h_t = a_t h_t-1 + b_t in logarithms; Heinsen 2023, appendix B of Feng 2024."""
    a_star = F.pad(log_a.cumsum(0), (0, 0, 0, 0, 1, 0))
    values = torch.cat([log_h0[None], log_b])
    return (a_star + (values - a_star).logcumsumexp(0)).exp()[1:]


def mingru(a, net, h, c):
    z, n = a.chunk(2, -1)
    return scan(-F.softplus(z), -F.softplus(-z) + log_g(n), h.log())


def minlstm(a, net, h, c):
    f, i, n = a.chunk(3, -1)
    diff = F.softplus(-f) - F.softplus(-i)
    return scan(-F.softplus(diff), -F.softplus(-diff) + log_g(n), h.log())


def qrnn(a, net, h, c):
    rows = []
    for z, f, o in (row.chunk(3, -1) for row in a):
        c = f.sigmoid() * c + (1 - f.sigmoid()) * z.tanh()
        rows.append(o.sigmoid() * c)
    return torch.stack(rows)


def sru(a, net, h, c):
    vf, vr = net["weight_c"].chunk(2)
    rows = []
    for n, f, r, p in (row.chunk(4, -1) for row in a):
        f, r = (f + vf * c).sigmoid(), (r + vr * c).sigmoid()
        c = f * c + (1 - f) * n
        rows.append(r * c + (1 - r) * p)
    return torch.stack(rows)


KINDS = {
    "mingru": (mingru, recur.MinGRU, {"activation": "positive"}),
    "minlstm": (minlstm, recur.MinLSTM, {"activation": "positive"}),
    "qrnn": (qrnn, recur.QRNN, {}),
    "sru": (sru, recur.SRU, {}),
}


def close(got, want):
    np.testing.assert_allclose(got, want.detach().numpy(), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", KINDS)
def test_the_papers_formulas(rng, name):
    formula, kind, options = KINDS[name]
    net = kind(I, H, **options)
    for value in net.params.values():
        value[...] = rng.standard_normal(value.shape).astype(np.float32)
    x, dy = (rng.standard_normal((T, B, n)).astype(np.float32) for n in (I, H))
    states = [rng.uniform(0.1, 1, (1, B, H)).astype(np.float32) for _ in net.states]
    y, _ = net(x, tuple(states) if len(states) > 1 else states[0])
    dx, dstate = net.backward(dy)

    tensors = {
        key[: -len("_l0")]: torch.tensor(np.asarray(value), requires_grad=True)
        for key, value in net.params.items()
    }
    tx, *ts = (torch.tensor(v, requires_grad=True) for v in (x, *states))
    a = tx @ tensors["weight_ih"].T + tensors["bias_ih"]
    ty = formula(a, tensors, ts[0][0], ts[-1][0])
    ty.backward(torch.tensor(dy))

    close(y, ty)
    close(dx, tx.grad)
    for key, value in net.grads.items():
        close(value, tensors[key[: -len("_l0")]].grad)
    # Of two states h is an output only.
    close(dstate[1] if len(states) > 1 else dstate, ts[-1].grad)
    if len(states) > 1:
        assert not np.any(dstate[0])
