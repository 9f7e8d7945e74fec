"""Optimizers: PyTorch's rules, options, groups, states, and clipping."""

import copy
import math
import pickle

import numpy as np
import pytest
from conftest import close, numbers

import recur

KINDS = {
    "SGD": [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
        {"momentum": 0.5, "nesterov": True, "maximize": True},
    ],
    "Adam": [
        {},
        {"amsgrad": True, "betas": (0.5, 0.9), "weight_decay": 0.1},
        {"maximize": True, "weight_decay": 0.1},
    ],
    "AdamW": [{}, {"amsgrad": True, "eps": 1e-3}],
    "RAdam": [
        {},
        {"betas": (0.8, 0.9), "weight_decay": 0.1},
        {"decoupled_weight_decay": True, "weight_decay": 0.1},
    ],
    "NAdam": [
        {},
        {"momentum_decay": 0.1, "weight_decay": 0.1},
        {"decoupled_weight_decay": True, "weight_decay": 0.1},
    ],
    "RMSprop": [
        {},
        {"momentum": 0.5, "centered": True, "weight_decay": 0.1, "alpha": 0.9},
        {"maximize": True},
    ],
    "Adagrad": [
        {},
        {"lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1, "eps": 1e-3},
    ],
    "Adadelta": [{}, {"rho": 0.5, "weight_decay": 0.1}],
}
CASES = [(name, more) for name, all_more in KINDS.items() for more in all_more]


def twins(torch, widths=(3, 2)):
    """A layer, and PyTorch's with the same numbers."""
    ours, theirs = recur.Linear(*widths), torch.nn.Linear(*widths)
    with torch.no_grad():
        for name, p in theirs.named_parameters():
            p.copy_(torch.tensor(ours.params[name]))
    return ours, theirs


def give(torch, rng, ours, theirs):
    for name, p in theirs.named_parameters():
        g = numbers(rng, *p.shape)
        ours.grads[name][...] = g
        p.grad = torch.tensor(g)


def same(ours, theirs):
    for name, p in theirs.named_parameters():
        close(ours.params[name], p.detach().numpy())


@pytest.mark.parametrize("name, more", CASES)
def test_as_torch(rng, name, more):
    torch = pytest.importorskip("torch")
    ours, theirs = twins(torch)
    a, b = (
        getattr(recur, name)(ours.parameters(), lr=0.01, **more),
        getattr(torch.optim, name)(theirs.parameters(), lr=0.01, **more),
    )
    for step in range(20):
        if step == 10:
            a.param_groups[0]["lr"] = b.param_groups[0]["lr"] = 0.03
            a.param_groups[0]["weight_decay"] = b.param_groups[0]["weight_decay"] = 0.2
        give(torch, rng, ours, theirs)
        a.step()
        b.step()
        same(ours, theirs)


@pytest.mark.parametrize("name, more", CASES)
def test_states(rng, name, more):
    """A state that went through pickle, and PyTorch's own, go on as if nothing had been."""
    ours, again = recur.Linear(3, 2), recur.Linear(3, 2)
    again.flat[:] = ours.flat
    a, b = getattr(recur, name)(ours, lr=0.01, **more), getattr(recur, name)(again, lr=0.5, **more)
    for step in range(12):
        if step == 7:
            b.load_state_dict(pickle.loads(pickle.dumps(copy.deepcopy(a.state_dict()))))
            again.flat[:] = ours.flat
        ours.flat_grad[:] = again.flat_grad[:] = numbers(rng, 8)
        a.step()
        b.step()
    np.testing.assert_array_equal(ours.flat, again.flat)
    assert b.lr == 0.01


@pytest.mark.parametrize("name, more", CASES)
def test_state_of_torch(rng, name, more):
    torch = pytest.importorskip("torch")
    ours, theirs = twins(torch)
    b = getattr(torch.optim, name)(theirs.parameters(), lr=0.01, **more)
    for _ in range(4):
        give(torch, rng, ours, theirs)
        b.step()
    for key, p in theirs.named_parameters():
        ours.params[key][...] = p.detach().numpy()
    a = getattr(recur, name)(ours, **more)
    a.load_state_dict(b.state_dict())
    for _ in range(4):
        give(torch, rng, ours, theirs)
        a.step()
        b.step()
    same(ours, theirs)


def test_groups(rng):
    torch = pytest.importorskip("torch")
    one, two = twins(torch), twins(torch, (2, 4))
    groups = [
        [{"params": one[i].parameters()}, {"params": [two[i].weight], "lr": 0.5, "momentum": 0.2}]
        for i in (0, 1)
    ]
    a, b = (
        recur.SGD(groups[0], lr=0.1, momentum=0.9),
        torch.optim.SGD(groups[1], lr=0.1, momentum=0.9),
    )
    for optimizer, i in ((a, 0), (b, 1)):
        optimizer.add_param_group({"params": two[i].bias, "weight_decay": 0.3})
    for _ in range(6):
        for pair in (one, two):
            give(torch, rng, *pair)
        a.step()
        b.step()
        for pair in (one, two):
            same(*pair)
    assert [group["lr"] for group in a.param_groups] == [0.1, 0.5, 0.1]
    a.zero_grad()
    assert not one[0].flat_grad.any() and not two[0].flat_grad.any()
    state = a.state_dict()
    assert [group["params"] for group in state["param_groups"]] == [[0, 1], [2], [3]] and sorted(
        state["state"]
    ) == [0, 1, 2, 3]


def test_parts_of_a_net(rng, tmp_path):
    """Only the parameters that were given move; a file keeps all pieces."""
    net = recur.Sequential(recur.Linear(3, 2), recur.Linear(2, 2))
    adam = recur.Adam([p for name, p in net.named_parameters() if "weight" in name], lr=0.1)
    before = {name: p.copy() for name, p in net.named_parameters()}
    net.flat_grad[:] = 1
    adam.step()
    for name, p in net.named_parameters():
        assert (p != before[name]).all() == ("weight" in name)
    recur.save({"adam": adam}, tmp_path / "adam.safetensors")
    other = recur.Adam([net[0].weight, net[1].weight], lr=0.1)
    recur.load(tmp_path / "adam.safetensors", {"adam": other})
    close(other.state_dict()["state"][1]["exp_avg"], adam.state_dict()["state"][1]["exp_avg"])
    inner = recur.SGD(net[1], lr=1.0)
    kept = net.flat.copy()
    inner.step()
    assert (net.flat != kept).sum() == 6


@pytest.mark.parametrize(
    "call, words",
    [
        (
            lambda net: recur.Adam([np.zeros(3, np.float32)]),
            "parameter 0 must be a parameter of a module",
        ),
        (lambda net: recur.Adam(5), "net.parameters"),
        (lambda net: recur.Adam([{"params": net}, {"params": net.weight}]), "in two groups"),
        (lambda net: recur.Adam([{"params": net, "momentum": 0.9}]), "no option momentum"),
        (lambda net: recur.Adam(net, differentiable=True), "differentiable"),
        (lambda net: recur.Adam(net, nonsense=True), "nonsense"),
        (lambda net: setattr(recur.Adam(net), "betas", (0.5, 0.5)), "param_groups"),
        (lambda net: recur.Adam(net).param_groups[0].update(betas=(2, 0.5)), "beta1 is 2"),
        (lambda net: recur.SGD(net).param_groups[0].update(momentum=0.5), "make a new"),
        (
            lambda net: recur.Adam(net).load_state_dict(recur.Adam([net.weight]).state_dict()),
            r"groups of \[1\]",
        ),
        (lambda net: recur.Adam(net, decoupled_weight_decay=True), "AdamW"),
    ],
)
def test_refused(call, words):
    with pytest.raises(
        (ValueError, TypeError, AttributeError, NotImplementedError, recur.Error), match=words
    ):
        call(recur.Linear(3, 2))


def test_options_stay_when_refused(rng):
    adam = recur.Adam(recur.Linear(2, 1), lr=0.1)
    with pytest.raises(recur.Error):
        adam.param_groups[0]["lr"] = -1
    assert adam.lr == 0.1 and adam.param_groups[0]["lr"] == 0.1


def test_closure():
    net = recur.Linear(2, 1)
    assert recur.SGD(net).step(lambda: 7.5) == 7.5


ORDERS = (2, 1, 3, 0.5, 0, -1, math.inf, -math.inf)


@pytest.mark.parametrize("order", ORDERS)
def test_norms_as_torch(rng, order):
    torch = pytest.importorskip("torch")
    ours, theirs = twins(torch)
    give(torch, rng, ours, theirs)
    flat = torch.cat([p.grad.ravel() for p in theirs.parameters()])
    want = float(torch.linalg.vector_norm(flat, order))
    assert math.isclose(recur.grad_norm(ours, order), want, rel_tol=1e-6)
    assert math.isclose(recur.clip_grad_norm_(ours.parameters(), 0.01, order), want, rel_tol=1e-6)
    close(ours.flat_grad, (flat * min(0.01 / (want + 1e-6), 1)).numpy())


def test_norms(rng):
    net = recur.Linear(4, 1, bias=False)
    net.flat_grad[:] = [1, 2, 3, 4]
    for order, want in (
        (1, 10),
        (3, 100 ** (1 / 3)),
        (0, 4),
        (-math.inf, 1),
        (math.inf, 4),
        (2, 30**0.5),
    ):
        assert math.isclose(recur.grad_norm(net, order), want, rel_tol=1e-6)
    for order in ("nonsense", math.nan, None):
        with pytest.raises((ValueError, TypeError)):
            recur.grad_norm(net, order)
    other = recur.Linear(2, 1, bias=False)
    other.flat_grad[:] = [6, 8]
    assert math.isclose(
        recur.grad_norm([*net.parameters(), *other.parameters()]), 130**0.5, rel_tol=1e-6
    )
    net.flat_grad[0] = math.nan
    with pytest.raises(RuntimeError, match="nan"):
        recur.clip_grad_norm_(net, 1, error_if_nonfinite=True)
    recur.clip_grad_value_(other.parameters(), 7)
    np.testing.assert_array_equal(other.flat_grad, [6, 7])


def test_parameters_of_slices_and_parts_of_arrays_know_their_owner():
    net = recur.Sequential(recur.Linear(2, 3), recur.Tanh(), recur.Linear(3, 1))
    adam = recur.Adam(net[2:].parameters(), lr=0.1)  # the slice itself is gone at once
    before = net.flat.copy()
    net.flat_grad[:] = 1
    adam.step()
    changed = net.flat != before
    assert changed[-4:].all() and not changed[:-4].any()
    recur.clip_grad_value_([net[0].weight[1]], 0.5)
    assert net[0].grads["weight"].tolist() == [[1, 1], [0.5, 0.5], [1, 1]]
    with pytest.raises(TypeError, match=r"net.parameters\(\)"):
        recur.Adam([net.flat])
