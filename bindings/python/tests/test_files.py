"""Files, and runs that stop and resume."""

import numpy as np
import pytest
from conftest import numbers

import recur


def trained(net, adam, x, labels, steps, seed):
    criterion = recur.CrossEntropyLoss()
    for step in range(steps):
        net.manual_seed(seed + step)
        adam.zero_grad()
        _, grad = criterion(net(x), labels)
        net.backward(grad)
        adam.step()


@pytest.mark.parametrize("rule", [recur.SGD, recur.Adam, recur.AdamW, recur.RMSprop, recur.Adagrad, recur.Adadelta])
def test_a_run_resumes_with_the_same_bits(rng, tmp_path, rule):
    def make():
        recur.manual_seed(3)
        net = recur.Sequential(recur.LSTM(3, 4, 2, dropout=0.3), recur.Last(), recur.Dropout(0.2), recur.Linear(4, 2))
        return net, rule(net, lr=0.01)

    x, labels = numbers(rng, 5, 6, 3), rng.integers(0, 2, 6)
    net, adam = make()
    trained(net, adam, x, labels, 3, 0)
    recur.save({"model": net, "optimizer": adam}, tmp_path / "run.safetensors", {"epoch": "3"})
    trained(net, adam, x, labels, 3, 3)
    again, adam2 = make()
    again.flat[:] = 0
    texts = recur.load(tmp_path / "run.safetensors", {"model": again, "optimizer": adam2})
    assert texts["epoch"] == "3"
    trained(again, adam2, x, labels, 3, 3)
    assert again.flat.tobytes() == net.flat.tobytes()


def test_files_of_modules_arrays_and_states(rng, tmp_path):
    path = tmp_path / "Modell \u00e4.safetensors"
    net, other = recur.GRU(3, 4), recur.GRU(3, 4)
    state, state2 = net.state(2), net.state(2)
    state["h"] = numbers(rng, 1, 2, 4)
    mean = numbers(rng, 3)
    recur.save({"net": net, "stream": state, "mean": mean}, path)
    recur.load(path, {"net": other, "stream": state2})
    np.testing.assert_array_equal(other.flat, net.flat)
    np.testing.assert_array_equal(state2["h"], state["h"])
    tensors = recur.load(path)
    np.testing.assert_array_equal(tensors["mean"], mean)
    assert "net.weight_ih_l0" in tensors
    recur.save(net, path)
    assert recur.load(path, other) == {} and set(recur.load(path)) == set(net.params)
    file = recur.File(data=bytes(recur.File(path)))
    assert file.info()[0][2] == "F32" and "weight_ih_l0" in file and "x" not in file


def test_refused_files(tmp_path):
    path = tmp_path / "x.safetensors"
    recur.save(recur.GRU(3, 4), path)
    with pytest.raises(recur.ShapeError, match="weight_ih_l0"):
        recur.load(path, recur.GRU(2, 4))
    with pytest.raises(recur.FormatError):
        recur.load(path, recur.GRU(3, 4, bias=False))
    with pytest.raises(recur.MissingError):
        recur.load(path, recur.GRU(3, 4, 2))
    with pytest.raises(OSError):
        recur.load(tmp_path / "none")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(recur.FormatError):
        recur.load(path)
    with pytest.raises(TypeError):
        recur.save(3, path)


def test_state_dict_is_strict(rng):
    a, b = recur.LSTM(3, 4), recur.LSTM(3, 4)
    b.load_state_dict(a.state_dict())
    np.testing.assert_array_equal(a.flat, b.flat)
    before, wrong = b.flat.copy(), {k: v * 2 for k, v in a.state_dict().items()}
    for change in (
        lambda d: d.pop("bias_ih_l0"),
        lambda d: d.update(more=np.zeros(1, np.float32)),
        lambda d: d.update(bias_ih_l0=np.zeros(3, np.float32)),
    ):
        bad = dict(wrong)
        change(bad)
        with pytest.raises(RuntimeError, match="bias_ih_l0|more"):
            b.load_state_dict(bad)
        np.testing.assert_array_equal(b.flat, before)
    found = b.load_state_dict({"weight_hh_l0": wrong["weight_hh_l0"], "more": before}, strict=False)
    assert found.unexpected_keys == ["more"] and len(found.missing_keys) == 3
    b.load_state_dict({k: v.astype(np.float64) for k, v in a.state_dict().items()})
    np.testing.assert_array_equal(a.flat, b.flat)


def test_safetensors_package_reads_them(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    net = recur.GRU(3, 4)
    recur.save(net, tmp_path / "net.safetensors")
    theirs = safetensors.load_file(tmp_path / "net.safetensors")
    assert set(theirs) == set(net.params)
    for name, value in theirs.items():
        np.testing.assert_array_equal(value, net.params[name])
    safetensors.save_file({k: np.array(v * 2) for k, v in net.params.items()}, tmp_path / "theirs.safetensors")
    other = recur.GRU(3, 4)
    recur.load(tmp_path / "theirs.safetensors", other)
    np.testing.assert_array_equal(other.flat, net.flat * 2)
