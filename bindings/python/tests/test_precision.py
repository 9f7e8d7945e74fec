"""Snapshots with fewer bits, and what quantise says of them."""

import numpy as np
import pytest

import recur


def network():
    net = recur.Sequential(recur.LSTM(6, 40, num_layers=2), recur.Linear(40, 3))
    return net.eval()


@pytest.mark.parametrize("precision, bound", [("bfloat16", 2e-3), ("int8", 8e-3)])
def test_a_snapshot_is_near_float32(rng, precision, bound):
    net = network()
    x = rng.standard_normal((12, 5, 6)).astype(np.float32)
    snapshot = net.snapshot(precision)
    y, want = np.asarray(snapshot(x)), np.asarray(net(x))
    assert 0 < np.abs(y - want).max() < bound
    state = snapshot.state(5)
    np.testing.assert_array_equal([snapshot.step(x[t], state) for t in range(12)], y)


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_the_report_is_what_the_snapshot_does(rng, precision):
    net = network()
    x = rng.standard_normal((12, 5, 6)).astype(np.float32)
    snapshot, report = net.quantise(x, precision)
    off = np.abs(np.asarray(snapshot(x), np.float64) - np.asarray(net.snapshot()(x), np.float64)).max()
    assert report.y_error == off > 0
    assert report.state_error > 0
    assert [m.name for m in report.matrices] == [
        name for name, p in net.named_parameters() if np.asarray(p).ndim == 2
    ]
    for m in report.matrices:
        assert m.precision == precision
        assert 0 < m.weight_error < 0.01
        assert m.y_error > 0


def test_a_bound_gives_parts_float32(rng):
    net = network()
    x = rng.standard_normal((12, 5, 6)).astype(np.float32)
    _, free = net.quantise(x, "int8")
    snapshot, report = net.quantise(x, "int8", most_y=free.y_error / 2)
    assert report.y_error <= free.y_error / 2
    assert "float32" in {m.precision for m in report.matrices}
    with pytest.raises(ValueError, match="most_y"):
        net.quantise(x, most_y=-1.0)


def test_ids(rng):
    net = recur.Sequential(recur.Embedding(9, 16), recur.GRU(16, 24), recur.Linear(24, 9)).eval()
    ids = rng.integers(0, 9, (7, 3))
    snapshot, report = net.quantise(ids, "int8")
    assert report.matrices[0].name.endswith("weight")
    assert np.abs(np.asarray(snapshot(ids)) - np.asarray(net(ids))).max() < 0.05


def test_what_is_refused():
    net = network()
    with pytest.raises(ValueError, match="'int4'.*bfloat16"):
        net.snapshot("int4")
    with pytest.raises(Exception, match="snapshot keeps its precision"):
        net.snapshot("int8").snapshot("bfloat16")
