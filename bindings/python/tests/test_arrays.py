"""What comes in: other floating-point types, lists, tensors, batches of no sequences; seeds; files;
recur.c."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from conftest import close, numbers

import recur
from recur import _arrays


def test_float64_is_told_once(rng):
    fc, x = recur.Linear(3, 2), numbers(rng, 4, 3)
    _arrays._told.clear()
    with pytest.warns(UserWarning, match="float64 and is rounded to float32") as told:
        y = fc(x.astype(np.float64))
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(fc(x.astype(np.float64) + 1e-12), y)
        close(fc(x.tolist()), y)
        close(fc(x.astype(np.float16)), y, 1e-2)
        close(fc(x.astype(">f4")), y)
    np.testing.assert_array_equal(y, fc(x))


def test_numbers_too_large():
    with pytest.raises(ValueError, match="1e\\+300"):
        recur.Linear(2, 1)(np.array([[1e300, 0]]))
    assert np.isinf(recur.ReLU()(np.array([[np.inf]], np.float64))).all()


@pytest.mark.parametrize("kind", ("float16", "bfloat16", "float64"))
def test_tensors(kind):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.LSTM(3, 4).to(getattr(torch, kind))
    ours = recur.from_torch(theirs)
    again = recur.LSTM(3, 4)
    again.load_state_dict(theirs.state_dict())
    for name, p in theirs.named_parameters():
        want = p.detach().double().numpy()
        close(ours.params[name], want)
        close(again.params[name], want)
    x = torch.randn(5, 2, 3).to(getattr(torch, kind))
    close(ours(x)[0], ours(x.float())[0])


MODULES = {
    "RNN": lambda: recur.RNN(3, 4),
    "LSTM": lambda: recur.LSTM(3, 4, 2, bidirectional=True),
    "GRU": lambda: recur.GRU(3, 4),
}


@pytest.mark.parametrize("name", MODULES)
def test_no_sequences(name):
    net = MODULES[name]()
    x = np.zeros((5, 0, 3), np.float32)
    for training in (True, False):
        net.train(training)
        y, state = net(x)
        h = state[0] if name == "LSTM" else state
        assert y.shape[:2] == (5, 0) and h.shape[1] == 0
        packed, _ = net(recur.pack_padded_sequence(x, np.zeros(0, int)))
        assert packed.data.shape[0] == 0
    net.train()
    y, _ = net(x)
    dx, _ = net.backward(np.zeros(y.shape, np.float32))
    assert dx.shape == x.shape and not net.flat_grad.any()


def test_no_rows_of_cells():
    assert recur.GRUCell(3, 4)(np.zeros((0, 3), np.float32)).shape == (0, 4)
    h, c = recur.LSTMCell(3, 4)(np.zeros((0, 3), np.float32))
    assert h.shape == c.shape == (0, 4)
    state = recur.GRU(3, 4).state(0)
    assert recur.GRU(3, 4).state(0).copy_(state).batch == 0


def test_large_rows():
    """Layer normalisation of numbers whose squares no float holds, on every instruction set."""
    for isa in ("ref", "sse2", "avx2", "avx512", "neon"):
        try:
            layer = recur.LayerNorm(4, context=recur.Context(isa=isa))
        except recur.UnsupportedError:
            continue
        for size in (1.0, 1e10, 1e20, 1e30, 8e37):
            y = layer(np.array([[1, 2, 3, 4]], np.float32) * np.float32(size))
            close(y, [[-1.3416408, -0.4472136, 0.4472136, 1.3416408]], 3e-5 if size == 1 else 2e-6)
            dx = layer.backward(np.array([[1, 0, 0, 0]], np.float32)) * np.float32(size)
            close(dx, [[0.2683282, -0.3577709, -0.0894427, 0.1788854]], 2e-5)


def test_names_with_sample(tmp_path):
    path = tmp_path / "a.safetensors"
    tensors = {
        "my_recur.sample.w": np.ones(2, np.float32),
        "recur.sample.x": np.ones(1, np.float32),
    }
    recur.save(tensors, path)
    assert sorted(recur.load(path)) == sorted(tensors)
    net = recur.Linear(2, 1)
    recur.save({"recur.sample": net}, path)
    assert sorted(recur.load(path)) == ["recur.sample.bias", "recur.sample.weight"]


def test_decode_by_hand():
    loss = recur.c.recur_loss_create(None, recur.c.recur_loss_options(kind=recur.c.RECUR_LOSS_CTC))
    layout = recur.Layout([4, 2])
    logits = np.full((6, 3), -9, np.float32)
    logits[[0, 1, 2, 3, 4, 5], [1, 2, 0, 0, 2, 2]] = (
        9  # in packed order: steps of both sequences side by side
    )
    labels = np.zeros(6, np.int32)
    lengths, scores = recur.c.recur_ctc_decode(loss, layout.handle, 3, logits, 0, labels, None)
    assert lengths.tolist() == [2, 1] and labels[:3].tolist() == [1, 2, 2]
    assert (scores < 0).all() and (scores > -1e-3).all()


def test_out_parameters_are_all_known():
    """Numbers that C writes for each sequence come back as arrays; single numbers as numbers."""
    found = {
        (name, arg)
        for name, (_, args) in recur.c._api.FUNCTIONS.items()
        for ctype, arg in args
        if ctype in ("double *", "int64_t *")
    }
    arrays = {(name, arg) for name, arg in found if arg in recur.c.ARRAYS_OUT}
    assert arrays == {("recur_ctc_decode", "label_lengths"), ("recur_ctc_decode", "scores")}
    special = {("recur_shards_add", "numbers"), ("recur_shards_sum", "numbers")}  # by hand in c.py
    assert {arg for _, arg in found - arrays - special} == {"value", "offset"}


def test_seed_of_the_system():
    """Without manual_seed two processes start with other numbers; with it, with the same."""
    draw = "import recur; {}; print(recur.Linear(3, 2).flat.tolist())"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    seeds = ("0", "0", "recur.manual_seed(3)", "recur.manual_seed(3)")
    runs = [
        subprocess.check_output([sys.executable, "-c", draw.format(seed)], env=env)
        for seed in seeds
    ]
    assert runs[0] != runs[1] and runs[2] == runs[3]
