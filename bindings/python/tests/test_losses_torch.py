"""Losses on values, classes and label sequences, against PyTorch in double, and by laws without
it."""

import itertools
import math

import numpy as np
import pytest
from conftest import close, numbers

import recur

REDUCTIONS = ("mean", "sum", "none")
VALUES = {
    "MSELoss": [{}],
    "L1Loss": [{}],
    "HuberLoss": [{"delta": 0.5}, {}],
    "SmoothL1Loss": [{}, {"beta": 0.3}, {"beta": 0.0}],
    "BCEWithLogitsLoss": [{}, {"pos_weight": 5}, {"weight": 5}, {"weight": 5, "pos_weight": 5}],
    "BCELoss": [{}, {"weight": 5}],
    "KLDivLoss": [{}, {"log_target": True}],
}
VALUE_CASES = [(name, more) for name, all_more in VALUES.items() for more in all_more]


def arguments(rng, name, more, shape):
    y, t = numbers(rng, *shape), numbers(rng, *shape)
    if name == "BCELoss":
        y = rng.random(shape).astype(np.float32)
        y.ravel()[:2] = 0, 1
    if name.startswith("BCE"):
        t = rng.random(shape).astype(np.float32)
    if name == "KLDivLoss":
        t = (
            np.log(rng.random(shape) + 0.01).astype(np.float32)
            if more.get("log_target")
            else rng.random(shape).astype(np.float32)
        )
    return (
        y,
        t,
        {k: np.abs(numbers(rng, shape[-1])) if "weight" in k else v for k, v in more.items()},
    )


def check(torch, ours, theirs, y, *rest, axis=None):
    """Value and gradient; with "none" the gradient is that of the sum."""
    given = torch.tensor(y, dtype=torch.float64, requires_grad=True)
    want = theirs(given, *rest)
    want.sum().backward()
    value, grad = ours
    close(value, want.detach().numpy(), 1e-5, 1e-5)
    close(grad, given.grad.numpy(), 1e-5, 2e-5)


def tensors(torch, more):
    return {
        k: torch.tensor(v, dtype=torch.float64) if isinstance(v, np.ndarray) else v
        for k, v in more.items()
    }


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 5), (5,)])
@pytest.mark.parametrize("name, more", VALUE_CASES)
def test_values_as_torch(rng, name, more, shape):
    torch = pytest.importorskip("torch")
    reductions = (*REDUCTIONS, "batchmean") if name == "KLDivLoss" else REDUCTIONS
    for reduction in reductions:
        y, t, options = arguments(rng, name, more, shape)
        theirs = getattr(torch.nn, name)(**tensors(torch, options), reduction=reduction)
        ours = getattr(recur, name)(**options, reduction=reduction)
        check(torch, ours(y, t), theirs, y, torch.tensor(t, dtype=torch.float64))


@pytest.mark.parametrize("name, more", VALUE_CASES)
def test_values_by_laws(rng, name, more):
    """The sum is that of the costs, the mean that over their number, and gradients are those of
    finite differences."""
    y, t, options = arguments(rng, name, more, (4, 5))
    if name == "BCELoss":
        y = np.clip(y, 0.1, 0.9)
    mean, total, each = (getattr(recur, name)(**options, reduction=r)(y, t) for r in REDUCTIONS)
    close(total[0], each[0].astype(float).sum(), 1e-4)
    close(mean[0] * y.size, total[0], 1e-4)
    close(total[1], each[1], 1e-5)
    step = np.float32(1e-2)
    plain = np.abs(np.abs(y - t) - {"HuberLoss": 0.5, "SmoothL1Loss": 0.3}.get(name, 0.0)) > 0.05
    loss = getattr(recur, name)(**options, reduction="none")
    slope = (loss(y + step, t)[0].astype(float) - loss(y - step, t)[0]) / (2 * step)
    smooth = plain & (np.abs(y - t) > 0.05) & (np.abs(np.abs(y - t) - 1) > 0.05)
    np.testing.assert_allclose(each[1][smooth], slope[smooth], rtol=2e-2, atol=2e-2)


CLASSES = list(
    itertools.product(REDUCTIONS, (0.0, 0.2), (False, True), ("labels", "soft"), ((6,), (3, 4), ()))
)


@pytest.mark.parametrize("reduction, smoothing, weighted, target, lead", CLASSES)
def test_classes_as_torch(rng, reduction, smoothing, weighted, target, lead):
    torch = pytest.importorskip("torch")
    y = numbers(rng, *lead, 5)
    weight = np.abs(numbers(rng, 5)) if weighted else None
    if target == "soft":
        t = rng.random(y.shape).astype(np.float32)
        of_torch = torch.tensor(t, dtype=torch.float64)
    else:
        t = rng.integers(0, 5, lead)
        if lead:
            t.ravel()[0] = -100
        of_torch = torch.tensor(t)
    given = {} if weight is None else {"weight": weight}
    more = {"reduction": reduction, "label_smoothing": smoothing}
    ours = recur.CrossEntropyLoss(**given, **more, class_dim=-1)(y, t)
    theirs = torch.nn.CrossEntropyLoss(**tensors(torch, given), **more)
    back = lambda z: z.movedim(-1, 1) if len(lead) == 2 else z  # noqa: E731
    check(
        torch, ours, lambda z, u: theirs(back(z), back(u) if target == "soft" else u), y, of_torch
    )


@pytest.mark.parametrize("kind", ("CrossEntropyLoss", "NLLLoss"))
def test_second_dimension(rng, kind):
    """PyTorch's place of the classes, where the shapes tell; where they do not, a word is asked
    for."""
    torch = pytest.importorskip("torch")
    y, t = numbers(rng, 3, 5, 4), rng.integers(0, 5, (3, 4))
    for reduction in REDUCTIONS:
        ours = getattr(recur, kind)(reduction=reduction)
        check(torch, ours(y, t), getattr(torch.nn, kind)(reduction=reduction), y, torch.tensor(t))
    square, u = numbers(rng, 3, 4, 4), rng.integers(0, 4, (3, 4))
    loss = getattr(recur, kind)()
    with pytest.raises(ValueError, match="class_dim=-1"):
        loss(square, u)
    second = getattr(recur, kind)(class_dim=1)(square, u)[0]
    last = getattr(recur, kind)(class_dim=-1)(square, u)[0]
    assert math.isclose(
        second,
        float(getattr(torch.nn, kind)()(torch.tensor(square), torch.tensor(u))),
        rel_tol=1e-5,
    )
    loss(
        np.ascontiguousarray(np.moveaxis(y, 1, -1)), t
    )  # what was clear once holds for what is not
    assert loss(square, u)[0] == last != second
    with pytest.raises(ValueError, match="target must have shape"):
        loss(y, t[:, :2])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("zero_infinity", (False, True))
def test_sequences_as_torch(rng, reduction, zero_infinity):
    torch = pytest.importorskip("torch")
    y, lengths, targets = numbers(rng, 9, 3, 5), np.array([9, 7, 5]), np.array([3, 0, 2])
    padded = rng.integers(1, 5, (3, 4))
    joined = np.concatenate([row[:n] for row, n in zip(padded, targets)])
    more = {"reduction": reduction, "zero_infinity": zero_infinity}
    theirs = torch.nn.CTCLoss(**more)
    for form in (padded, joined, joined.tolist(), torch.tensor(padded)):
        ours = recur.CTCLoss(**more)(y, form, lengths, torch.tensor(targets))
        check(
            torch,
            ours,
            lambda z: theirs(
                z.log_softmax(-1), torch.tensor(padded), tuple(lengths), tuple(targets)
            ),
            y,
        )
    ours = recur.CTCLoss(**more)(y[:, 0], padded[0, :3], 9, 3)
    check(
        torch,
        ours,
        lambda z: theirs(
            z.log_softmax(-1), torch.tensor(padded[0, :3]), torch.tensor(9), torch.tensor(3)
        ),
        y[:, 0],
    )


def test_targets_of_sequences(rng):
    y = numbers(rng, 5, 2, 4)
    flat = np.zeros((5, 2, 4), np.float32)
    with pytest.raises(ValueError, match="all 2 of target_lengths"):
        recur.CTCLoss()(y, [1, 2, 3, 1, 1], [5, 5], [1, 1])
    assert math.isclose(recur.CTCLoss()(flat, [], [5, 5], [0, 0])[0], 5 * math.log(4), rel_tol=1e-6)


def test_decoder(rng):
    """Greedy: the likeliest path, merged. A wide beam finds the labels with the least loss of
    all."""
    y, lengths = numbers(rng, 4, 3, 3), [4, 3, 0]
    found, scores = recur.CTCDecoder()(y, lengths)
    for b, n in enumerate(lengths):
        path = y[:n, b].argmax(-1)
        merged = [k for i, k in enumerate(path) if k and (i == 0 or path[i - 1] != k)]
        assert found[b].tolist() == merged
    every = [list(labels) for n in range(5) for labels in itertools.product((1, 2), repeat=n)]
    found, scores = recur.CTCDecoder(beam_width=64)(y, lengths)
    loss = recur.CTCLoss(reduction="sum", zero_infinity=False)
    for b, n in enumerate(lengths[:2]):
        costs = [loss(y[:, b], labels, n, len(labels))[0] for labels in every]
        assert found[b].tolist() == every[int(np.argmin(costs))] and math.isclose(
            scores[b], -min(costs), rel_tol=1e-5
        )
    labels, score = recur.CTCDecoder(beam_width=64)(y[:, 0])
    assert labels.tolist() == found[0].tolist() and score == scores[0]


@pytest.mark.parametrize(
    "loss, names",
    [
        (recur.CrossEntropyLoss(), "weight ignore_index reduction label_smoothing class_dim"),
        (recur.NLLLoss(), "weight reduction"),
        (recur.MSELoss(), "reduction"),
        (recur.HuberLoss(), "delta reduction"),
        (recur.SmoothL1Loss(), "beta reduction"),
        (recur.BCEWithLogitsLoss(), "weight pos_weight reduction"),
        (recur.KLDivLoss(), "log_target reduction"),
        (recur.CTCLoss(), "blank zero_infinity reduction"),
        (recur.CTCDecoder(), "blank beam_width"),
        (recur.SampledSoftmaxLoss(9, 3), "classes samples power ignore_index reduction"),
    ],
)
def test_options_are_read_only(loss, names):
    for name in names.split():
        value = getattr(loss, name)
        with pytest.raises(AttributeError, match=f"{name} cannot be written"):
            setattr(loss, name, value)


def test_own_losses_keep_their_attributes():
    class Scaled(recur.MSELoss):
        def __init__(self, scale):
            super().__init__(reduction="sum")
            self.scale = scale

    mine = Scaled(3)
    mine.scale = 4
    assert mine.scale == 4 and mine.reduction == "sum"


def test_refused():
    y = np.zeros((2, 3), np.float32)
    for call, words in (
        (lambda: recur.MSELoss(reduction="median"), "'mean', 'sum', 'none'"),
        (lambda: recur.MSELoss(reduction="batchmean"), "batchmean"),
        (lambda: recur.SampledSoftmaxLoss(9, 3, reduction="none"), "'mean', 'sum'"),
        (lambda: recur.BCELoss()(y + 2, y), "BCEWithLogitsLoss any numbers"),
        (lambda: recur.SmoothL1Loss(beta=-1), "beta is -1"),
        (lambda: recur.CrossEntropyLoss(class_dim=0), "class_dim is 0"),
        (lambda: recur.CrossEntropyLoss(np.ones(2, np.float32))(y, y), "2 weights and 3 classes"),
        (lambda: recur.CTCDecoder()(y[:, :, None, None]), "T..B..classes"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_none_of_packed_rows(rng):
    x = recur.pack_sequence([numbers(rng, 3, 4), numbers(rng, 2, 4)])
    value, grad = recur.CrossEntropyLoss(reduction="none")(x, rng.integers(0, 4, 5))
    assert value.shape == (5,) and isinstance(grad, recur.PackedSequence)


# ---- the mean of nothing ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss"])
@pytest.mark.parametrize("weight, labels", [(None, [-100, -100]), ([0.0, 1.0, 1.0], [0, 0])])
def test_the_mean_of_labels_of_which_none_counts_is_nan(name, weight, labels):
    torch = pytest.importorskip("torch")
    fc = recur.Linear(2, 3)
    for reduction, wanted in (("mean", np.nan), ("sum", 0.0)):
        given = None if weight is None else torch.tensor(weight)
        theirs = getattr(torch.nn, name)(given, reduction=reduction)
        assert np.allclose(theirs(torch.zeros(2, 3), torch.tensor(labels)), wanted, equal_nan=True)
        loss = getattr(recur, name)(weight, reduction=reduction)(fc(np.ones((2, 2), np.float32)), labels)
        assert np.isclose(float(loss), wanted, equal_nan=True)
        loss.backward()
        assert not fc.flat_grad.any()


@pytest.mark.parametrize("name", ["MSELoss", "L1Loss", "SmoothL1Loss", "BCELoss", "KLDivLoss"])
def test_the_mean_of_no_values_is_nan(name):
    y = np.zeros((0, 3), np.float32)
    value, grad = getattr(recur, name)()(y, y)
    assert np.isnan(value) and grad.shape == (0, 3)
    assert getattr(recur, name)(reduction="sum")(y, y) == 0
