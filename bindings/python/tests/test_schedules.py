"""Learning rates, against PyTorch's schedulers."""

import math
import warnings

import pytest

import recur

NAMES = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("StepLR", {"step_size": 4, "gamma": 0}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("CosineAnnealingLR", {"T_max": 12, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 1}),
    ("MultiStepLR", {"milestones": [9, 3, 3, 40], "gamma": 0.5}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 7}),
    ("ConstantLR", {}),
    ("LinearLR", {"start_factor": 0.1, "total_iters": 20}),
    ("LinearLR", {"end_factor": 0.5}),
    ("PolynomialLR", {"total_iters": 30, "power": 2.0}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.95**epoch}),
    ("CosineAnnealingWarmRestarts", {"T_0": 7}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.01}),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: 0.95 if epoch % 3 else 1.1}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 7}),
    (
        "CyclicLR",
        {
            "base_lr": [0.01, 0.02],
            "max_lr": [0.3, 0.2],
            "step_size_up": 7,
            "step_size_down": 4,
            "mode": "triangular2",
            "base_momentum": 0.5,
        },
    ),
    (
        "CyclicLR",
        {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 5, "mode": "exp_range", "gamma": 0.9},
    ),
    (
        "CyclicLR",
        {
            "base_lr": 0.01,
            "max_lr": 0.3,
            "step_size_up": 5,
            "scale_fn": lambda n: 1 / (1 + n),
            "scale_mode": "iterations",
            "cycle_momentum": False,
        },
    ),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 100}),
    (
        "OneCycleLR",
        {
            "max_lr": [0.3, 0.2],
            "epochs": 10,
            "steps_per_epoch": 11,
            "three_phase": True,
            "anneal_strategy": "linear",
        },
    ),
]
STEPS = 99


def adam():
    return recur.Adam(recur.Linear(1, 1), lr=0.1)


def two_groups():
    one, two = recur.Linear(1, 1), recur.Linear(2, 1)
    return recur.Adam([{"params": one}, {"params": two, "lr": 0.02}], lr=0.1)


def theirs_of(torch):
    one, two = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    return torch.optim.Adam([{"params": [one]}, {"params": [two], "lr": 0.02}], lr=0.1)


def agree(ours, theirs):
    for a, b in zip(ours.param_groups, theirs.param_groups):
        assert math.isclose(a["lr"], b["lr"], rel_tol=1e-9, abs_tol=1e-15)
        assert a["betas"] == pytest.approx(b["betas"], rel=1e-12)


@pytest.mark.parametrize("name, more", NAMES)
def test_as_torch(name, more):
    torch = pytest.importorskip("torch")
    ours, theirs = two_groups(), theirs_of(torch)
    a = getattr(recur, name)(ours, **more)
    b = getattr(torch.optim.lr_scheduler, name)(theirs, **more)
    for step in range(STEPS):
        agree(ours, theirs)
        assert (
            a.get_last_lr() == [group["lr"] for group in ours.param_groups]
            and a.last_epoch == b.last_epoch == step
        )
        a.step()
        theirs.step(), b.step()
    agree(ours, theirs)


@pytest.mark.parametrize("name, more", [case for case in NAMES if case[1].get("gamma") != 0])
def test_rates_changed_by_hand(name, more):
    """A rate that was written between steps goes on from there."""
    torch = pytest.importorskip("torch")
    ours, theirs = two_groups(), theirs_of(torch)
    a = getattr(recur, name)(ours, **more)
    b = getattr(torch.optim.lr_scheduler, name)(theirs, **more)
    for step in range(11):
        if step in (2, 8):
            ours.param_groups[1]["lr"] = theirs.param_groups[1]["lr"] = 0.3
        a.step()
        theirs.step(), b.step()
        agree(ours, theirs)


def test_two_at_once():
    torch = pytest.importorskip("torch")
    ours, theirs = two_groups(), theirs_of(torch)
    made = [
        [kind.LinearLR(o, 0.1, total_iters=10), kind.ExponentialLR(o, 0.9)]
        for kind, o in ((recur, ours), (torch.optim.lr_scheduler, theirs))
    ]
    for _ in range(20):
        agree(ours, theirs)
        theirs.step()
        for a, b in zip(*made):
            a.step(), b.step()


def test_chained_as_torch():
    torch = pytest.importorskip("torch")
    ours, theirs = two_groups(), theirs_of(torch)
    a, b = (
        kind.ChainedScheduler([kind.LinearLR(o, 0.1, total_iters=10), kind.ExponentialLR(o, 0.9)])
        for kind, o in ((recur, ours), (torch.optim.lr_scheduler, theirs))
    )
    for step in range(20):
        agree(ours, theirs)
        assert a.get_last_lr() == pytest.approx(b.get_last_lr(), rel=1e-9)
        if step == 12:
            state = a.state_dict()
            a.step(), a.step()
            a.load_state_dict(state)
        theirs.step()
        a.step(), b.step()
    with pytest.raises(ValueError, match="same optimizer"):
        recur.ChainedScheduler([recur.ExponentialLR(ours, 0.9), recur.ExponentialLR(adam(), 0.9)])


def test_cyclic_refuses():
    with pytest.raises(ValueError, match="cycle_momentum=False"):
        recur.CyclicLR(recur.Adagrad(recur.Linear(1, 1)), 0.1, 0.2)
    with pytest.raises(ValueError, match="'triangular2'"):
        recur.CyclicLR(adam(), 0.1, 0.2, mode="square")
    with pytest.raises(ValueError, match="2 numbers, there are 1 groups"):
        recur.CyclicLR(adam(), [0.1, 0.2], 0.2)


def test_names_of_torch_optim():
    from recur.optim.lr_scheduler import MultiplicativeLR

    assert recur.optim.Adam is recur.Adam and MultiplicativeLR is recur.MultiplicativeLR
    with pytest.raises(NotImplementedError, match=r"write Adam\("):
        recur.optim.Adamax(recur.Linear(1, 1), lr=0.1)


PARTS = [
    lambda kind, o: (
        kind.ConstantLR(o, 0.1, total_iters=5),
        kind.MultiplicativeLR(o, lambda t: 0.9),
    ),
    lambda kind, o: (kind.LinearLR(o, 0.1, total_iters=5), kind.CosineAnnealingLR(o, 20)),
    lambda kind, o: (kind.ConstantLR(o, 0.1, total_iters=5), kind.ExponentialLR(o, 0.9)),
    lambda kind, o: (kind.ExponentialLR(o, 0.5), kind.LambdaLR(o, lambda t: 1 / (1 + t))),
    lambda kind, o: (kind.LinearLR(o), kind.StepLR(o, 3, 0.5)),
    lambda kind, o: (kind.PolynomialLR(o, 9), kind.CosineAnnealingWarmRestarts(o, 4)),
]


@pytest.mark.parametrize("parts", PARTS)
def test_sequential_as_torch(parts):
    torch = pytest.importorskip("torch")
    ours, theirs = two_groups(), theirs_of(torch)
    a = recur.SequentialLR(ours, parts(recur, ours), [5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        b = torch.optim.lr_scheduler.SequentialLR(
            theirs, list(parts(torch.optim.lr_scheduler, theirs)), [5]
        )
        for _ in range(30):
            agree(ours, theirs)
            assert a.get_last_lr() == pytest.approx(b.get_last_lr(), rel=1e-9, abs=1e-15)
            a.step()
            theirs.step(), b.step()


@pytest.mark.parametrize("name, more", NAMES)
def test_resumed(name, more):
    """From a state, or from the last epoch, the rates go on as without a stop."""
    ours, again, third = two_groups(), two_groups(), two_groups()
    a, b = getattr(recur, name)(ours, **more), getattr(recur, name)(again, **more)
    for _ in range(13):
        a.step()
    b.load_state_dict(a.state_dict())
    if name not in ("OneCycleLR", "MultiplicativeLR"):  # rates of these follow from the one before
        d = getattr(recur, name)(third, **more, last_epoch=a.last_epoch - 1)
        assert d.last_epoch == a.last_epoch and d.get_last_lr() == pytest.approx(
            a.get_last_lr(), rel=1e-12
        )
    for _ in range(5):
        assert b.get_last_lr() == a.get_last_lr() == [group["lr"] for group in again.param_groups]
        a.step()
        b.step()


def test_closed_forms():
    """Without PyTorch: the formulas of its pages."""
    wanted = {
        "StepLR": lambda t: 0.1 * 0.5 ** (t // 3),
        "ExponentialLR": lambda t: 0.1 * 0.9**t,
        "CosineAnnealingLR": lambda t: 0.01 + 0.09 * (1 + math.cos(math.pi * t / 12)) / 2,
        "MultiStepLR": lambda t: 0.1 * 0.5 ** ((t >= 3) * 2 + (t >= 9) + (t >= 40)),
        "ConstantLR": lambda t: 0.1 * (0.5 if t < 7 else 1),
        "LinearLR": lambda t: 0.1 * (0.1 + 0.9 * min(t, 20) / 20),
        "PolynomialLR": lambda t: 0.1 * (1 - min(t, 30) / 30) ** 2,
        "LambdaLR": lambda t: 0.1 * 0.95**t,
        "CosineAnnealingWarmRestarts": lambda t: 0.1 * (1 + math.cos(math.pi * (t % 7) / 7)) / 2,
    }
    for name, rate in wanted.items():
        ours = adam()
        a = getattr(recur, name)(ours, **next(more for known, more in NAMES if known == name))
        for step in range(STEPS):
            assert math.isclose(ours.lr, rate(step), rel_tol=1e-9, abs_tol=1e-15), (name, step)
            a.step()


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"mode": "max", "threshold_mode": "abs", "threshold": 0.0},
        {"patience": 0, "cooldown": 2, "min_lr": 1e-3},
    ],
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
        lambda: recur.CosineAnnealingLR(adam(), 5, last_epoch=-2),
        lambda: recur.MultiStepLR(adam(), [-1]),
        lambda: recur.LinearLR(adam(), 0),
        lambda: recur.ConstantLR(adam(), 2),
        lambda: recur.LambdaLR(adam(), 5),
        lambda: recur.LambdaLR(adam(), [lambda t: 1] * 2),
        lambda: recur.OneCycleLR(adam(), 0.1),
        lambda: recur.OneCycleLR(recur.Adagrad(recur.Linear(1, 1)), 0.1, 10),
        lambda: recur.OneCycleLR(recur.SGD(recur.Linear(1, 1)), 0.1, 10),
        lambda: (
            [recur.OneCycleLR(adam(), 0.1, 3).step() for _ in range(1)]
            and [one.step() for one in [recur.OneCycleLR(adam(), 0.1, 1)] * 9]
        ),
        lambda: recur.SequentialLR(adam(), [], []),
        lambda: recur.StepLR(adam(), 3).load_state_dict({}),
        lambda: recur.StepLR(None, 3),
        lambda: recur.ReduceLROnPlateau(adam(), "up"),
        lambda: recur.ReduceLROnPlateau(adam(), factor=2).step(1.0),
        lambda: recur.ReduceLROnPlateau(adam(), patience=-1).step(1.0),
    ],
)
def test_refused(call):
    with pytest.raises((ValueError, TypeError)):
        call()


def test_settings_take_effect_or_cannot_be_written():
    ours = adam()
    falling = recur.StepLR(ours, 1, 0.5)
    falling.gamma = 0.1
    falling.step()
    assert math.isclose(ours.lr, 0.01)
    plateau = recur.ReduceLROnPlateau(ours)
    with pytest.raises(AttributeError, match="cannot be written"):
        plateau.factor = 0.5


@pytest.mark.parametrize("kind", [recur.OneCycleLR, recur.CyclicLR])
def test_a_momentum_of_zero_is_told(kind):
    more = {"total_steps": 9} if kind is recur.OneCycleLR else {"base_lr": 0.1}
    with pytest.raises(ValueError, match="momentum 0.*cycle_momentum=False"):
        kind(recur.SGD(recur.Linear(1, 1), lr=0.1), max_lr=1.0, **more)
    kind(recur.SGD(recur.Linear(1, 1), lr=0.1, momentum=0.9), max_lr=1.0, **more)
    kind(recur.RMSprop(recur.Linear(1, 1), lr=0.1), max_lr=1.0, cycle_momentum=False, **more)
