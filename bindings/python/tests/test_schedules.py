"""Learning rates, against PyTorch's schedulers."""

import math
import warnings

import pytest

import recur

NAMES = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("CosineAnnealingLR", {"T_max": 12, "eta_min": 0.01}),
]


def adam():
    return recur.Adam(recur.Linear(1, 1), lr=0.1)


@pytest.mark.parametrize("name, more", NAMES)
def test_as_torch(name, more):
    torch = pytest.importorskip("torch")
    ours, theirs = adam(), torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.1)
    a = getattr(recur, name)(ours, **more)
    b = getattr(torch.optim.lr_scheduler, name)(theirs, **more)
    for _ in range(12):
        assert math.isclose(ours.lr, b.get_last_lr()[0], rel_tol=1e-9)
        a.step()
        theirs.step(), b.step()
    again = adam()
    getattr(recur, name)(again, **more, last_epoch=a.last_epoch)
    assert again.lr == ours.lr == a.get_last_lr()[0]


@pytest.mark.parametrize(
    "more", [{}, {"mode": "max", "threshold_mode": "abs", "threshold": 0.0}, {"patience": 0, "cooldown": 2, "min_lr": 1e-3}]
)
def test_plateau_as_torch(rng, more):
    torch = pytest.importorskip("torch")
    ours, theirs = adam(), torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.1)
    options = {"factor": 0.5, "patience": 2, **more}
    a = recur.ReduceLROnPlateau(ours, **options)
    b = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for value in [*rng.random(30), float("nan"), 0.5, *rng.random(10)]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            a.step(value), b.step(value)
        assert math.isclose(ours.lr, theirs.param_groups[0]["lr"], rel_tol=1e-9)
    again = recur.ReduceLROnPlateau(adam(), **options)
    again.load_state_dict(a.state_dict())
    assert again.state_dict() == a.state_dict() and again.get_last_lr() == a.get_last_lr()


def test_warm_up():
    ours = adam()
    cosine = recur.CosineAnnealingLR(ours, 10, warm_up=4)
    rates = []
    for _ in range(10):
        rates.append(ours.lr)
        cosine.step()
    assert rates[:4] == pytest.approx([0.025, 0.05, 0.075, 0.1]) and rates[-1] < rates[5] < 0.1


@pytest.mark.parametrize(
    "call",
    [
        lambda: recur.StepLR(adam(), 0),
        lambda: recur.StepLR(adam(), 3, -1),
        lambda: recur.ExponentialLR(adam(), 0),
        lambda: recur.CosineAnnealingLR(adam(), 5, warm_up=9),
        lambda: recur.CosineAnnealingLR(adam(), 5, last_epoch=-1),
        lambda: recur.StepLR(None, 3),
        lambda: recur.ReduceLROnPlateau(adam(), "up"),
        lambda: recur.ReduceLROnPlateau(adam(), factor=2).step(1.0),
        lambda: recur.ReduceLROnPlateau(adam(), patience=-1).step(1.0),
    ],
)
def test_refused(call):
    with pytest.raises((ValueError, TypeError)):
        call()
