"""recur.c.recur_tape_trace: what a function sees of a pass."""

import numpy as np
import pytest
from conftest import numbers

import recur
from recur import c


@pytest.mark.parametrize("projection", [0, 3])
def test_a_trace_is_what_the_pass_did(rng, projection):
    options = c.recur_recurrent_options(cell=c.RECUR_CELL_LSTM, input_size=2, hidden_size=4, direction=2, projection_size=projection)
    layer = c.recur_recurrent_create(None, options)
    c.recur_layer_init(layer, None, c.RECUR_INIT_DEFAULT, 0, 1)
    layout, width, seen = recur.Layout([3, 1, 2]), projection or 4, []
    x, y = numbers(rng, layout.rows, 2), np.empty((layout.rows, 2 * width), np.float32)
    tape = c.recur_tape_create(None)
    c.recur_tape_trace(tape, seen.append)
    c.recur_layer_forward(layer, layout.handle, x, None, y, tape)
    assert [(t.event, t.layer, t.reverse, t.part) for t in seen] == [(c.RECUR_TRACE_FORWARD, 0, d, "") for d in (0, 1)]
    for d, t in enumerate(seen):
        np.testing.assert_array_equal(t.h, y[:, d * width : (d + 1) * width])
        assert t.gate.shape == (6, 4, 4) and t.c.shape == (6, 4) and t.dh is None and t.norm is None
    dy, grads = numbers(rng, *y.shape), np.zeros(c.recur_layer_param_count(layer), np.float32)
    c.recur_layer_backward(layer, layout.handle, x, dy, None, None, grads, tape)
    back = [t for t in seen if t.event == c.RECUR_TRACE_BACKWARD]
    assert len(back) == 2
    for t in back:
        sizes = layout.batch_sizes
        starts = np.concatenate([[0], np.cumsum(sizes)])
        want = [np.sqrt((t.dh[starts[i] : starts[i + 1]].astype(float) ** 2).sum()) for i in range(3)]
        np.testing.assert_allclose(t.norm, want, rtol=1e-6)
    c.recur_tape_trace(tape, None)
    c.recur_layer_forward(layer, layout.handle, x, None, y, tape)
    assert len(seen) == 4
    with pytest.raises(TypeError):
        c.recur_tape_trace(tape, 3)
    with pytest.raises(recur.ArgumentError):
        c.recur_tape_trace(None, seen.append)
