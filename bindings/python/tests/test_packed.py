"""Packing and padding, also against PyTorch's own functions where they are importable."""

import numpy as np
import pytest
from conftest import numbers

import recur

LENGTHS = [[5, 3, 3, 1], [3, 5, 2, 3], [1], [4, 4, 4], [2, 7, 7, 2, 1]]


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_pack_as_torch(rng, lengths, batch_first):
    torch = pytest.importorskip("torch")
    rnn = torch.nn.utils.rnn
    B, T = len(lengths), max(lengths) + 2
    x = numbers(rng, *((B, T) if batch_first else (T, B)), 3)
    ours = recur.pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False)
    theirs = rnn.pack_padded_sequence(torch.tensor(x), lengths, batch_first, enforce_sorted=False)
    np.testing.assert_array_equal(ours.batch_sizes, theirs.batch_sizes.numpy())
    for options in ({}, {"padding_value": -7.0}, {"total_length": T + 1}):
        a, n = recur.pad_packed_sequence(ours, batch_first, **options)
        b, m = rnn.pad_packed_sequence(theirs, batch_first, **options)
        np.testing.assert_array_equal(a, b.numpy())
        np.testing.assert_array_equal(n, m.numpy())
    taken, _ = recur.pad_packed_sequence(theirs, batch_first)  # theirs is understood, whatever its order of ties
    np.testing.assert_array_equal(taken, recur.pad_packed_sequence(ours, batch_first)[0])


@pytest.mark.parametrize("lengths", LENGTHS)
def test_sequences_as_torch(rng, lengths):
    torch = pytest.importorskip("torch")
    rnn = torch.nn.utils.rnn
    sequences = [numbers(rng, n, 2) for n in lengths]
    tensors = [torch.tensor(s) for s in sequences]
    for batch_first in (False, True):
        for side in ("right", "left"):
            a = recur.pad_sequence(sequences, batch_first, -1.0, side)
            np.testing.assert_array_equal(a, rnn.pad_sequence(tensors, batch_first, -1.0, side).numpy())
        padded = recur.pad_sequence(sequences, batch_first)
        for a, b in zip(recur.unpad_sequence(padded, lengths, batch_first), sequences):
            np.testing.assert_array_equal(a, b)
    packed = recur.pack_sequence(sequences, enforce_sorted=False)
    np.testing.assert_array_equal(packed.batch_sizes, rnn.pack_sequence(tensors, enforce_sorted=False).batch_sizes.numpy())
    for a, b in zip(recur.unpack_sequence(packed), sequences):
        np.testing.assert_array_equal(a, b)
    if lengths == sorted(lengths, reverse=True):
        np.testing.assert_array_equal(recur.pack_sequence(sequences).data, rnn.pack_sequence(tensors).data.numpy())


def test_layout_by_hand():
    """Lengths 3, 1, 2: a0 c0 b0 | a1 c1 | a2."""
    packed = recur.pack_sequence([np.array([0, 1, 2]), np.array([10]), np.array([20, 21])], enforce_sorted=False)
    assert packed.data.tolist() == [0, 20, 10, 1, 21, 2]
    assert packed.batch_sizes.tolist() == [3, 2, 1]
    assert packed.sorted_indices.tolist() == [0, 2, 1] and packed.unsorted_indices.tolist() == [0, 2, 1]
    assert packed.layout.gather(packed.data).tolist() == [2, 10, 21]
    assert packed.layout.gather(packed.data, [0, 0, -2]).tolist() == [0, 10, 20]


def test_a_length_of_zero(rng):
    x = numbers(rng, 4, 3, 2)
    packed = recur.pack_padded_sequence(x, [2, 0, 4], enforce_sorted=False)
    assert packed.data.shape == (6, 2)
    padded, lengths = recur.pad_packed_sequence(packed)
    assert lengths.tolist() == [2, 0, 4] and not padded[:, 1].any()
    gru, h0 = recur.GRU(2, 3), numbers(rng, 1, 3, 3)
    _, hn = gru(packed, h0)
    np.testing.assert_array_equal(hn[:, 1], h0[:, 1])
    net = recur.Sequential(recur.GRU(2, 3), recur.Last())
    assert not net(packed)[1].any()


def test_by_hand_from_data_and_batch_sizes(rng):
    data = numbers(rng, 6, 2)
    packed = recur.PackedSequence(data, [3, 2, 1], [2, 0, 1])
    assert packed.lengths.tolist() == [2, 1, 3]
    np.testing.assert_array_equal(packed.data, data)
    swapped = recur.PackedSequence(data[:4], [2, 2], [1, 0])  # equal lengths in another order than ours
    np.testing.assert_array_equal(recur.unpack_sequence(swapped)[0], data[[1, 3]])
    for sizes in ([3, 4], [2, 3, 1], [-1, 7], [3, 2]):
        with pytest.raises(ValueError):
            recur.PackedSequence(data, sizes)
    with pytest.raises(ValueError, match="order"):
        recur.PackedSequence(data, [3, 2, 1], [0, 0, 1])


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda x: recur.pack_padded_sequence(x, [2, 3]), RuntimeError, "enforce_sorted"),
        (lambda x: recur.pack_padded_sequence(x, [6, 3]), ValueError, "between 0 and 5"),
        (lambda x: recur.pack_padded_sequence(x, [3, -1]), ValueError, "-1"),
        (lambda x: recur.pack_padded_sequence(x, [3]), ValueError, "shape"),
        (lambda x: recur.pack_padded_sequence(x, [3.0, 1.0]), TypeError, "integers"),
        (lambda x: recur.pad_packed_sequence(x), TypeError, "PackedSequence"),
        (lambda x: recur.pad_packed_sequence(recur.pack_padded_sequence(x, [3, 1]), total_length=2), ValueError, "longest"),
        (lambda x: recur.pack_sequence([]), ValueError, "no sequences"),
        (lambda x: recur.pack_sequence([x, x[:, :1]]), ValueError, "first"),
        (lambda x: recur.pad_sequence([x], padding_side="top"), ValueError, "top"),
        (lambda x: recur.unpad_sequence(x, [9, 1]), ValueError, "between"),
    ],
)
def test_refused(rng, call, error, words):
    with pytest.raises(error, match=words):
        call(numbers(rng, 5, 2, 3))
