"""Whole networks in files: what is saved opens as modules of the same classes, with the same results."""

import re

import numpy as np
import pytest
from conftest import numbers

import recur
from recur import c


def nets():
    yield recur.Linear(3, 2, bias=False), (5, 3)
    yield recur.RNN(3, 4, nonlinearity="relu", dropout=0.2, num_layers=2), (5, 2, 3)
    yield recur.GRU(3, 4, reset_after=False, direction="reverse"), (5, 2, 3)
    yield recur.GRU(3, 4, 2, bidirectional=True, bias=False), (5, 2, 3)
    yield recur.Sequential({"rnn": recur.LSTM(3, 4, 2), "last": recur.Last(), "drop": recur.Dropout(0.3), "fc": recur.Linear(4, 2)}), (5, 2, 3)
    yield recur.Sequential(recur.GRU(3, 2, bidirectional=True), recur.Merge("mean"), recur.LayerNorm(2, eps=1e-3, bias=False)), (5, 2, 3)
    yield recur.Residual(recur.Linear(3, 3), recur.HardSigmoid(), recur.Softsign(), recur.Identity()), (5, 2, 3)
    yield recur.Sequential(recur.Linear(3, 4), recur.ReLU(), recur.Sequential(recur.Tanh(features=4), recur.Sigmoid(features=4))), (5, 2, 3)


@pytest.mark.parametrize("net, shape", list(nets()))
def test_modules_come_back(rng, tmp_path, net, shape):
    path, x = tmp_path / "n\u00e4t.safetensors", numbers(rng, *shape)
    recur.save_model(net, path, sample=x, texts={"alphabet": "abc"})
    net.eval()
    for source in (path, path.read_bytes(), recur.File(path)):
        again = recur.open_model(source)
        assert repr(again) == repr(net) and type(again) is type(net) and not again.training
        assert list(again.params) == list(net.params)
        assert again.flat.tobytes() == net.flat.tobytes()
        mine, theirs = net(x), again(x)
        for a, b in zip(mine if isinstance(mine, tuple) else (mine,), theirs if isinstance(theirs, tuple) else (theirs,)):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert recur.File(path).texts["alphabet"] == "abc"
    assert set(recur.load(path)) == set(net.params)
    again.load_state_dict(recur.load(path))


def test_an_opened_module_trains(rng, tmp_path):
    def steps(net, adam, n):
        for _ in range(n):
            adam.zero_grad()
            _, grad = criterion(net(x), labels)
            net.backward(grad)
            adam.step()

    criterion = recur.CrossEntropyLoss()
    x, labels = numbers(rng, 5, 6, 3), rng.integers(0, 2, 6)
    net = recur.Sequential(recur.LSTM(3, 4), recur.Last(), recur.Linear(4, 2))
    adam = recur.Adam(net, lr=0.01)
    steps(net, adam, 3)
    file = recur.File()
    recur.put_model(file, net, "model.")
    file.add(adam, "adam.")
    file.write(tmp_path / "run")
    steps(net, adam, 3)
    file = recur.File(tmp_path / "run")
    again = recur.open_model(file, "model.").train()
    other = recur.Adam(again, lr=0.01)
    file.load(other, "adam.")
    steps(again, other, 3)
    assert again.flat.tobytes() == net.flat.tobytes()
    assert again[2].weight.base is not None and np.shares_memory(again[2].weight, again.flat)


def test_cells_and_groups(rng, tmp_path):
    path = tmp_path / "net"
    for cell in (recur.RNNCell(3, 4, nonlinearity="relu"), recur.LSTMCell(3, 4, bias=False), recur.GRUCell(3, 4, reset_after=False)):
        recur.save_model(cell, path)
        again, x = recur.open_model(path), numbers(rng, 2, 3)
        assert type(again) is type(cell) and repr(again) == repr(cell)
        np.testing.assert_array_equal(again(x)[0], cell.eval()(x)[0])
    group = recur.Group(encoder=recur.GRU(3, 4), decoder=recur.Sequential(recur.GRU(3, 4), recur.Linear(4, 3)))
    recur.save_model(group, path)
    again = recur.open_model(path)
    assert repr(again) == repr(group) and again.decoder[1].flat.tobytes() == group.decoder[1].flat.tobytes()
    with pytest.raises(TypeError, match="Group"):
        recur.save_model(group, path, sample=numbers(rng, 2, 3))


def test_samples_in_every_form(rng, tmp_path):
    path = tmp_path / "net"
    net = recur.Sequential(recur.GRU(3, 4, batch_first=True), recur.Linear(4, 2)).eval()
    packed = recur.pack_sequence([numbers(rng, n, 3) for n in (2, 4, 1)], enforce_sorted=False)
    for x in (numbers(rng, 2, 5, 3), rng.integers(0, 3, (2, 5)), packed):
        recur.save_model(net, path, sample=x, outputs=net(x), tolerance=1e-6)
        again = recur.open_model(path, batch_first=True)
        assert again.batch_first and again[0].batch_first
        y, theirs = net(x), again(x)
        np.testing.assert_array_equal(*(p.data if x is packed else p for p in (y, theirs)))
    wrong = np.asarray(net(numbers(rng, 2, 5, 3))) + 1
    with pytest.raises(recur.NumericError, match="row 0"):
        recur.save_model(net, path, sample=numbers(rng, 2, 5, 3), outputs=wrong)
    with pytest.raises(ValueError, match="grad|shape"):
        recur.save_model(net, path, sample=numbers(rng, 2, 5, 3), outputs=wrong[:1])
    with pytest.raises(ValueError, match="sample"):
        recur.save_model(net, path, outputs=wrong)


def test_a_changed_model_is_refused(rng, tmp_path):
    path = tmp_path / "net"
    net = recur.GRU(3, 4)
    recur.save_model(net, path, sample=numbers(rng, 4, 2, 3))
    data = bytearray(path.read_bytes())
    data[8 + int.from_bytes(data[:8], "little") + 3] ^= 0x81
    with pytest.raises(recur.FormatError, match="checksum"):
        recur.open_model(data)
    text = re.search(rb'"recur.checksum":"[^"]*",', data)
    data[text.start() : text.end()] = b" " * len(text[0])  # as other programs write it
    with pytest.raises(recur.NumericError, match="tolerance"):
        recur.open_model(data)
    with pytest.raises(recur.FormatError):
        recur.open_model(bytes(data[:60]))


def test_what_is_no_model(tmp_path):
    recur.save(recur.GRU(3, 4), tmp_path / "weights")
    with pytest.raises(recur.MissingError, match="structure"):
        recur.open_model(tmp_path / "weights")
    with pytest.raises(OSError):
        recur.open_model(tmp_path / "none")
    with pytest.raises(TypeError, match="module"):
        recur.save_model(3, tmp_path / "x")
    with pytest.raises(recur.UnsupportedError):
        recur.save_model(recur.GRU(3, 4).snapshot(), tmp_path / "x")


def test_kinds_without_a_class_of_their_own(rng, tmp_path):
    """What only C can make opens too, runs, and is not taken for something else."""
    options = c.recur_recurrent_options(cell=c.RECUR_CELL_LSTM_PEEPHOLE, input_size=3, hidden_size=4, zoneout_hidden=0.5)
    layer = c.recur_recurrent_create(None, options)
    c.recur_layer_params(layer)[:] = 0.1
    c.recur_model_save(layer, tmp_path / "net", None)
    net = recur.open_model(tmp_path / "net")
    y, (h, cell) = net(numbers(rng, 5, 2, 3))
    assert y.shape == (5, 2, 4) and h.shape == cell.shape == (1, 2, 4)
    np.testing.assert_array_equal(h[0], y[-1])
    pytest.importorskip("onnx")
    with pytest.raises(NotImplementedError, match="zoneout_hidden"):
        recur.to_onnx(net)


def test_options_come_back(rng, tmp_path):
    made = [
        recur.LSTM(3, 4, 2, proj_size=2, zoneout_cell=0.25, cell_clip=2, gate_activation="hard_sigmoid", learn_start=True),
        recur.GRU(3, 4, update_new=True, preactivation_clip=0.5, recurrent_dropout=0.5),
        recur.RNN(3, 4, activation="softsign", zoneout_hidden=0.125),
    ]
    for net in made:
        x = numbers(rng, 5, 2, 3)
        recur.save_model(net, tmp_path / "net", sample=x)
        again = recur.open_model(tmp_path / "net")
        assert again.options == net.options and repr(again) == repr(net)
        np.testing.assert_array_equal(again(x)[0], net.eval()(x)[0])
    with pytest.raises(TypeError, match="zoneout"):
        recur.LSTM(3, 4, zonout=0.1)
    with pytest.raises(ValueError, match="hard_sigmoid"):
        recur.LSTM(3, 4, gate_activation="softmax")
    with pytest.raises(recur.UnsupportedError, match="cell_clip"):
        recur.GRU(3, 4, cell_clip=1.0)


def test_a_clockwork_says_its_modules(rng):
    options = c.recur_recurrent_options(
        cell=c.RECUR_CELL_CLOCKWORK,
        input_size=3,
        hidden_size=4,
        clockwork=c.recur_clockwork_options(modules=2, periods=[1, 3]),
    )
    layer = c.recur_recurrent_create(None, options)
    info = c.recur_layer_describe(layer, -1)
    del layer, options
    assert info.clockwork.modules == 2 and info.clockwork.periods[:3] == (1, 3, 0)
    assert c.recur_layer_describe(c.recur_linear_create(None, 3, 2, 0), -1).clockwork is None
    with pytest.raises(recur.Error, match="recur_clockwork_options"):
        c.recur_recurrent_create(None, c.recur_recurrent_options(cell=c.RECUR_CELL_CLOCKWORK, input_size=3, hidden_size=4))
    with pytest.raises(recur.Error, match="clockwork is not for"):
        recur.LSTM(3, 4, modules=2, periods=[1, 2])
