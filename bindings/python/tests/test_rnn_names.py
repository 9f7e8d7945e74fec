"""torch.nn.utils.rnn's names: the same arrays as PyTorch's, for drawn batches."""

import numpy as np
import pytest
from conftest import numbers

from recur import nn
from recur.nn.utils import rnn


def sequences_of(rng):
    lengths = rng.integers(1, 7, rng.integers(1, 6))
    width = tuple(rng.integers(1, 4, rng.integers(0, 3)))
    return [numbers(rng, n, *width) for n in lengths]


@pytest.mark.parametrize("case", range(40))
def test_as_torch(case):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.utils.rnn
    rng = np.random.default_rng(case)
    arrays = sequences_of(rng)
    given = [torch.tensor(a) for a in arrays]
    batch_first, total = bool(rng.integers(2)), int(rng.integers(7, 9))
    padded, wanted = (
        f.pad_sequence(x, batch_first, 0.5) for f, x in ((rnn, arrays), (theirs, given))
    )
    np.testing.assert_array_equal(padded, wanted.numpy())
    lengths = [len(a) for a in arrays]
    packs = [
        (
            rnn.pack_sequence(arrays, enforce_sorted=False),
            theirs.pack_sequence(given, enforce_sorted=False),
        ),
        (
            rnn.pack_padded_sequence(padded, lengths, batch_first, enforce_sorted=False),
            theirs.pack_padded_sequence(
                wanted, torch.tensor(lengths), batch_first, enforce_sorted=False
            ),
        ),
    ]
    for ours, want in packs:
        np.testing.assert_array_equal(ours.batch_sizes, want.batch_sizes.numpy())
        back, sizes = rnn.pad_packed_sequence(ours, batch_first, 0.5, total)
        wanted_back, wanted_sizes = theirs.pad_packed_sequence(want, batch_first, 0.5, total)
        np.testing.assert_array_equal(back, wanted_back.numpy())
        np.testing.assert_array_equal(sizes, wanted_sizes.numpy())
        np.testing.assert_array_equal(
            ours.sorted_indices[ours.unsorted_indices], np.arange(len(arrays))
        )
        built = rnn.PackedSequence(
            want.data, want.batch_sizes, want.sorted_indices, want.unsorted_indices
        )
        np.testing.assert_array_equal(
            rnn.pad_packed_sequence(built, batch_first, 0.5, total)[0], back
        )
        for a, b in zip(rnn.unpack_sequence(ours), arrays):
            np.testing.assert_array_equal(a, b)
    for a, b in zip(rnn.unpad_sequence(padded, lengths, batch_first), arrays):
        np.testing.assert_array_equal(a, b)


def test_names():
    assert all(hasattr(nn, name) for name in nn.__all__) and all(
        hasattr(rnn, name) for name in rnn.__all__
    )
    assert nn.utils.clip_grad_norm_(nn.Linear(2, 1).parameters(), 1.0) == 0.0
