"""Calls in evaluation go by a plan from the third call of a shape on: with the same bits, and the
same errors, as the general way of the first call."""

import concurrent.futures
import copy
import pickle

import numpy as np
import pytest
from conftest import numbers

import recur
from recur import _plans

MODULES = {
    "rnn": (lambda: recur.RNN(3, 4), (2, 2, 3)),
    "lstm": (lambda: recur.LSTM(3, 4), (1, 1, 3)),
    "two layers": (lambda: recur.LSTM(3, 4, num_layers=2, bidirectional=True), (3, 2, 3)),
    "batch_first": (lambda: recur.GRU(3, 4, batch_first=True), (2, 5, 3)),
    "one sequence": (lambda: recur.LSTM(3, 4), (5, 3)),
    "projection": (lambda: recur.LSTM(3, 4, proj_size=2), (2, 3, 3)),
    "h0 and c0": (lambda: recur.LSTM(3, 4, learn_start=True), (2, 3, 3)),
    "clockwork": (lambda: recur.ClockworkRNN(3, 4, modules=2, periods=[1, 2]), (5, 2, 3)),
    "cell output": (lambda: recur.LSTM(3, 4, output_cell=True), (2, 2, 3)),
    "linear": (lambda: recur.Linear(3, 4), (2, 3)),
    "linear of one row": (lambda: recur.Linear(3, 4), (3,)),
    "lazy": (lambda: recur.Tanh(), (2, 4, 3)),
    "norm": (lambda: recur.LayerNorm(3), (2, 3)),
    "chain": (
        lambda: recur.Sequential(recur.LSTM(3, 4), recur.Last(), recur.Linear(4, 2)),
        (5, 2, 3),
    ),
    "chain, batch_first": (
        lambda: recur.Sequential(recur.GRU(3, 4, batch_first=True), recur.Linear(4, 2)),
        (2, 5, 3),
    ),
}
RECURRENT = [
    "rnn",
    "lstm",
    "two layers",
    "batch_first",
    "one sequence",
    "projection",
    "h0 and c0",
    "clockwork",
    "cell output",
]
STREAMS = [name for name in (*RECURRENT, "chain, batch_first") if name != "one sequence"]


@pytest.fixture(params=MODULES)
def made(request, rng):
    make, shape = MODULES[request.param]
    module = make().eval()
    module(numbers(rng, *shape))  # binds what is lazy
    for view in module.params.values():
        view[...] = numbers(rng, *view.shape)
    return module, shape


def fresh(module):
    """The same module without a plan."""
    return copy.deepcopy(module)


def planned(module, x, *more):
    """What the third call gives, which is known to go by a plan."""
    for _ in range(2):
        module(x, *more)
    plan = module._plans[x.shape]
    calls = []
    known, _plans.forward = _plans.forward, lambda *a: (calls.append(1), known(*a))[1]
    try:
        y = module(x, *more)
    finally:
        _plans.forward = known
    assert plan is not None and calls
    return y


def same(got, wanted):
    if isinstance(wanted, tuple):
        assert type(got) is type(wanted) and len(got) == len(wanted)
        for g, w in zip(got, wanted):
            same(g, w)
        return
    assert type(got) is type(wanted) and isinstance(got, np.ndarray)
    assert got.dtype == wanted.dtype and got.shape == wanted.shape
    np.testing.assert_array_equal(got, wanted)
    assert got.flags.writeable


def test_same_bits(made, rng):
    module, shape = made
    planned(module, numbers(rng, *shape))
    for _ in range(3):
        x = numbers(rng, *shape)
        same(planned(module, x), fresh(module)(x))


def test_any_strides(made, rng):
    module, shape = made
    x = numbers(rng, *shape[:-1], 2 * shape[-1])[..., ::2]
    same(planned(module, x), fresh(module)(x))


@pytest.mark.parametrize("made", RECURRENT, indirect=True)
def test_from_an_initial_state(made, rng):
    module, shape = made
    x = numbers(rng, *shape)
    _, final = module(x)
    finals = final if isinstance(final, tuple) else (final,)
    for _ in range(3):
        given = tuple(numbers(rng, *f.shape) for f in finals)
        given = given if isinstance(final, tuple) else given[0]
        same(planned(module, x, given), fresh(module)(x, given))
        same(module(x), fresh(module)(x))  # no state is left of the call before


@pytest.mark.parametrize("made", STREAMS, indirect=True)
def test_with_a_state(made, rng):
    module, shape = made
    x = numbers(rng, *shape)
    batch = shape[0] if module.batch_first else shape[1]
    other = fresh(module)
    planned(module, x)
    state, wanted = module.state(batch), other.state(batch)
    for _ in range(4):
        y, back = module(x, state)
        assert back is state
        assert np.array_equal(y, other(x, wanted)[0])
    for name in state:
        same(state[name], wanted[name])
    for net in (module, other):
        with pytest.raises(recur.ShapeError, match="batch|sequences"):
            net(x, net.state(batch + 1))


def test_results_stay(rng):
    fc, x = recur.Linear(3, 2).eval(), numbers(rng, 1, 3)
    first = planned(fc, x)
    before = first.copy()
    fc(x + 1)
    assert np.array_equal(first, before)
    first[:] = 7
    assert np.array_equal(fc(x), before)


def test_parameters_that_change(made, rng):
    module, shape = made
    x = numbers(rng, *shape)
    planned(module, x)
    module.flat[:] = numbers(rng, module.flat.size)
    same(planned(module, x), fresh(module)(x))
    if module.flat.size:
        module.train()
        y = module(x)
        y = y[0] if isinstance(y, tuple) else y
        assert isinstance(y, recur.Array)
        y.backward(np.ones(y.shape, np.float32))
        recur.SGD(module, lr=0.1).step()
        module.eval()
        same(planned(module, x), fresh(module)(x))


def test_batch_first_that_changes(rng):
    lstm, x = recur.LSTM(3, 4).eval(), numbers(rng, 2, 5, 3)
    planned(lstm, x)
    lstm.batch_first = True
    assert lstm(x)[1][0].shape == (1, 2, 4)
    y, _ = lstm(x)
    np.testing.assert_allclose(y[1:], fresh(lstm)(x[1:])[0], atol=1e-6)


def test_a_part_that_moves(rng):
    fc, x = recur.Linear(3, 2).eval(), numbers(rng, 1, 3)
    planned(fc, x)
    net = recur.Sequential(fc)
    net.flat[:] = 1
    assert np.array_equal(fc(x), net(x))
    same(planned(fc, x), fresh(net).eval()(x))


def test_copies_and_pickles_have_no_plans(rng):
    lstm, x = recur.LSTM(3, 4).eval(), numbers(rng, 1, 1, 3)
    y = planned(lstm, x)
    for other in (copy.deepcopy(lstm), pickle.loads(pickle.dumps(lstm))):
        assert not other._plans
        same(other(x), y)


def test_released(rng):
    for module in (recur.Linear(3, 2).eval(), recur.LSTM(3, 2).eval()):
        x = numbers(rng, 1, 1, 3)
        planned(module, x)
        module.release()
        assert not module._plans  # they hold the layer's memory
        with pytest.raises(RuntimeError, match="released"):
            module(x)


def test_what_has_no_plan_goes_the_general_way(rng):
    lstm, x = recur.LSTM(3, 4).eval(), numbers(rng, 1, 1, 3)
    planned(lstm, x)
    h = np.zeros((1, 1, 4), np.float32)
    for state in ((h,), (h, h, h), h):
        with pytest.raises(TypeError, match="initial h, initial c"):
            lstm(x, state)
    with pytest.raises(ValueError, match="initial c must have shape"):
        lstm(x, (h, np.zeros((1, 2, 4), np.float32)))
    with pytest.raises(ValueError, match="x has 4 features"):
        lstm(np.ones((1, 1, 4), np.float32))
    with pytest.raises(TypeError, match="twice"):
        lstm(x, input=x)
    wanted = lstm(x, (h, h))
    same(lstm(x, [h, h]), wanted)
    same(lstm(x, (h, None)), wanted)
    same(lstm(x, (h.tolist(), h)), wanted)
    gru = recur.GRU(3, 4).eval()
    planned(gru, x)
    with pytest.raises(ValueError, match="initial h must have shape"):
        gru(x, (h,))


def test_arrays_of_a_recorded_pass_are_known(rng):
    front, fc = recur.Linear(3, 3), recur.Linear(3, 2).eval()
    y = front(numbers(rng, 1, 3))
    planned(fc, numbers(rng, 1, 3))
    for value in (y, np.asarray(y)):
        out = fc(value)
        assert isinstance(out, recur.Array)
        with pytest.raises(RuntimeError, match="eval mode"):
            out.backward(np.ones((1, 2)))


def test_few_plans_are_kept(rng):
    fc = recur.Linear(3, 2).eval()
    for n in range(1, 50):
        for _ in range(2):
            fc(numbers(rng, n, 3))
    assert len(fc._plans) <= _plans.MOST_PLANS
    assert len(fc._pool.tapes()) == 1  # its scratch may be large
    big = numbers(rng, _plans.MOST_NUMBERS, 3)
    for _ in range(3):
        fc(big)
    assert big.shape not in fc._plans


def test_threads(rng):
    lstm = recur.LSTM(3, 4).eval()
    inputs = [numbers(rng, 2, 2, 3) for _ in range(4)]
    wanted = [lstm(x)[0] for x in inputs]

    def run(x, y):
        return sum(not np.array_equal(lstm(x)[0], y) for _ in range(300))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, inputs, wanted)) == [0, 0, 0, 0]


def test_steps(rng):
    net = recur.Sequential(recur.LSTM(3, 4), recur.Linear(4, 2)).eval()
    x = numbers(rng, 6, 2, 3)
    for module in (net, net.snapshot()):
        wanted = net(x)
        state, out = module.state(2), np.empty((2, 2), np.float32)
        for t in range(6):
            y = module.step(x[t], state, out=out if t % 2 else None)
            assert (y is out) == bool(t % 2)
            np.testing.assert_allclose(y, wanted[t], atol=1e-6)
        assert state._plan is not None
        for bad in (np.empty((2, 3), np.float32), out.T, out.astype(np.float64)):
            with pytest.raises((ValueError, TypeError)):
                module.step(x[0], state, out=bad)
        out.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            module.step(x[0], state, out=out)
        with pytest.raises(ValueError, match="x must have shape"):
            module.step(x[0, :1], state)


def test_steps_of_one_state_through_two_modules(rng):
    lstm = recur.LSTM(3, 4).eval()
    frozen, x = lstm.snapshot(), numbers(rng, 8, 1, 3)
    state, wanted = lstm.state(1), lstm(x)[0]
    for t in range(8):
        y = (frozen if t % 3 else lstm).step(x[t], state)
        np.testing.assert_allclose(y, wanted[t], atol=1e-6)
    state.reset()
    y = frozen.step(x[0], state)
    lstm.flat[:] = 0  # the snapshot keeps its parameters
    for _ in range(2):
        state.reset()
        assert not lstm.step(x[0], state).any()
        state.reset()
        assert np.array_equal(frozen.step(x[0], state), y)


def test_steps_of_what_was_released(rng):
    lstm, x = recur.LSTM(3, 4).eval(), numbers(rng, 1, 3)
    frozen = lstm.snapshot()
    state, gone = lstm.state(1), lstm.state(1)
    for module in (lstm, frozen):
        for one in (state, gone):
            for _ in range(2):
                module.step(x, one)
    recur.c.recur_state_release(gone._handle)
    with pytest.raises(RuntimeError, match="released"):
        frozen.step(x, gone)
    frozen.release()
    with pytest.raises(RuntimeError, match="released"):
        frozen.step(x, state)
    lstm.step(x, state)
