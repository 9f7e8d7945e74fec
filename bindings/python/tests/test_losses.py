"""Losses on drawn classes: against the full softmax, their draws, gradients of the layer, packed rows."""

import numpy as np
import pytest
from conftest import close, numbers

import recur


@pytest.mark.parametrize("bias", (True, False))
def test_all_classes_drawn_is_the_full_softmax(rng, bias):
    fc, h, target = recur.Linear(5, 11, bias=bias), numbers(rng, 4, 6, 5), rng.integers(-1, 11, (4, 6))
    full, dy = recur.CrossEntropyLoss()(fc(h), target)
    want = fc.backward(dy)
    wanted = fc.flat_grad.copy()
    fc.zero_grad()
    value, grad = recur.SampledSoftmaxLoss(11, 20000)(h, target, fc)
    close(value, full)
    close(grad, want)
    close(fc.flat_grad, wanted)


def test_parts_and_packed_rows(rng):
    net = recur.Group({"rnn": recur.GRU(3, 4), "fc": recur.Linear(4, 50)})
    x = recur.pack_sequence([numbers(rng, 3, 3), numbers(rng, 5, 3)], enforce_sorted=False)
    h, _ = net.rnn(x)
    target = rng.integers(0, 50, len(h.data))
    value, grad = recur.NegativeSamplingLoss(50, 3, seed=7)(h, target, net.fc)
    again, same = recur.NegativeSamplingLoss(50, 3, seed=7)(h.data, target, net.fc)
    assert value == again and isinstance(grad, recur.PackedSequence)
    np.testing.assert_array_equal(grad.data, same)
    net.rnn.backward(grad)
    assert net.grads["rnn.weight_ih_l0"].any() and net.grads["fc.weight"].any()
    asked = np.flatnonzero(net.grads["fc.weight"].any(1))
    assert set(target) <= set(asked) and len(asked) < 50


def test_numbers_go_on(rng):
    fc, h, target = recur.Linear(4, 1000), numbers(rng, 6, 4), np.arange(6)
    for kind, used in ((recur.NegativeSamplingLoss, 18), (recur.SampledSoftmaxLoss, 3)):
        criterion = kind(1000, 3, seed=5)
        first = criterion(h, target, fc)[0]
        assert criterion.counter == used and criterion(h, target, fc)[0] != first
        criterion.counter = 0
        assert criterion(h, target, fc)[0] == first


def test_counts(rng):
    counts = np.zeros(20, int)
    counts[[3, 8]] = 5, 1
    vectors = recur.Embedding(20, 4)
    recur.NegativeSamplingLoss(20, 50, counts, power=1.0)(numbers(rng, 2, 4), [0, 0], vectors)
    np.testing.assert_array_equal(np.flatnonzero(vectors.grads["weight"].any(1)), [0, 3, 8])


def test_refused(rng):
    fc, h = recur.Linear(4, 9), numbers(rng, 2, 4)
    with pytest.raises(recur.ShapeError, match="45 parameters"):
        recur.SampledSoftmaxLoss(8, 3)(h, [0, 1], fc)
    with pytest.raises(TypeError, match="Linear or an Embedding"):
        recur.SampledSoftmaxLoss(9, 3)(h, [0, 1], recur.LayerNorm(9))
    with pytest.raises(ValueError, match="target must have shape"):
        recur.SampledSoftmaxLoss(9, 3)(h, [0], fc)
    with pytest.raises(ValueError, match="counts must have shape"):
        recur.SampledSoftmaxLoss(9, 3, [1, 2])
    with pytest.raises(ValueError, match="power"):
        recur.SampledSoftmaxLoss(9, 3, power=0.5)
