"""Recorded calls, and those of cells and with ids, go by a plan from the third call of a shape on:
with the same bits, the same gradients and the same errors as the general way."""

import copy

import numpy as np
import pytest
from conftest import numbers
from test_call_plans import MODULES, RECURRENT

import recur
from recur import _plans

IDS = {
    "embedding": (lambda: recur.Embedding(7, 4), (3, 2)),
    "linear of ids": (lambda: recur.Linear(7, 4), (5,)),
    "gru of ids": (lambda: recur.GRU(7, 4, batch_first=True), (3, 2)),
    "chain of ids": (
        lambda: recur.Sequential(recur.Embedding(7, 3), recur.LSTM(3, 4), recur.Last()),
        (4, 2),
    ),
}
CELLS = {
    "RNNCell": (lambda: recur.RNNCell(3, 4), (2, 3)),
    "LSTMCell": (lambda: recur.LSTMCell(3, 4), (2, 3)),
    "GRUCell": (lambda: recur.GRUCell(3, 4), (2, 3)),
    "one sequence": (lambda: recur.LSTMCell(3, 4), (3,)),
}
ALL = {**MODULES, **IDS, **CELLS}
CALLS = ("forward", "forward_ids", "cell_step", "cell_step_ids")


def flat(value):
    return [leaf for v in value for leaf in flat(v)] if isinstance(value, tuple) else [value]


def drawn(name, rng):
    shape = ALL[name][1]
    return rng.integers(0, 7, shape) if name in IDS else numbers(rng, *shape)


@pytest.fixture(params=ALL)
def made(request, rng):
    module = ALL[request.param][0]()
    x = drawn(request.param, rng)
    module(x)  # binds what is lazy
    for view in module.params.values():
        view[...] = numbers(rng, *view.shape)
    module.forget()
    return request.param, module


@pytest.fixture
def counted(monkeypatch):
    """How many calls went by plans."""
    calls = []
    for name in CALLS:
        known = getattr(_plans, name)
        wrapped = lambda *a, known=known: (calls.append(1), known(*a))[1]  # noqa: E731
        monkeypatch.setattr(_plans, name, wrapped)
    return calls


def results_and_gradients(module, x, *more):
    """All results of a call, then the gradients after going back from the first."""
    module.zero_grad()
    results = flat(module(x, *more))
    results[0].backward(numbers(np.random.default_rng(5), *results[0].shape))
    return [np.array(r) for r in results] + [module.flat_grad.copy()]


def same(got, wanted):
    assert len(got) == len(wanted)
    for g, w in zip(got, wanted):
        assert g.shape == w.shape and g.dtype == w.dtype
        np.testing.assert_array_equal(g, w)


def test_same_bits_and_gradients(made, rng, counted):
    name, module = made
    for _ in range(3):
        results_and_gradients(module, drawn(name, rng))
    for training in (True, False):
        module.train(training)
        module(drawn(name, rng)), module(drawn(name, rng))
        x = drawn(name, rng)
        general = copy.deepcopy(module)
        del counted[:]
        if training:
            got = results_and_gradients(module, x)
            assert counted == [1]
            same(got, results_and_gradients(general, x))
        else:
            got = flat(module(x))
            assert counted == [1] and not any(g.requires_grad for g in got)
            same(got, flat(general(x)))
        assert counted == [1]  # the copy had no plan yet


@pytest.mark.parametrize("made", [*RECURRENT, *CELLS], indirect=True)
def test_from_initial_states(made, rng, counted):
    name, module = made
    final = module(drawn(name, rng))
    final = final if name in CELLS else final[1]
    shapes = [f.shape for f in flat(final)]
    for _ in range(4):
        x = drawn(name, rng)
        given = tuple(numbers(rng, *shape) for shape in shapes)
        given = given if len(given) > 1 else given[0]
        general = copy.deepcopy(module)
        same(results_and_gradients(module, x, given), results_and_gradients(general, x, given))
    assert counted


def test_chains_and_loops(rng, counted):
    """Gradients through modules that are called with each other's results."""

    def net():
        recur.manual_seed(3)
        return recur.Linear(3, 3), recur.GRU(3, 4), recur.LSTMCell(4, 4), recur.Linear(4, 2)

    def run(front, rnn, cell, fc, x, h0):
        y, h = rnn(front(x), h0)
        first = h._made[0]
        y, h = rnn(front(x), h)  # from its own final state: steps of a loop share a tape
        assert h._made[0].tape is first.tape
        state = None
        for t in range(3):
            state = cell(y[t], state)
        loss = recur.MSELoss()(fc(state[0]), np.ones((2, 2), np.float32))
        loss.backward()
        return [float(loss)] + [part.flat_grad.copy() for part in (front, rnn, cell, fc)]

    parts = net()
    for step in range(4):
        x, h0 = numbers(rng, 3, 2, 3), numbers(rng, 1, 2, 4)
        for part in parts:
            part.zero_grad()
        del counted[:]
        got, wanted = run(*parts, x, h0), run(*net(), x, h0)
        assert got[0] == wanted[0]
        same(got[1:], wanted[1:])
    assert len(counted) >= 8


def test_a_buffer_may_be_written_again(rng):
    fc, buffer = recur.Linear(3, 2), numbers(rng, 4, 3)
    for _ in range(3):
        x = buffer.copy()
        y = fc(buffer)
        buffer[...] = numbers(rng, 4, 3)
        fc.zero_grad()
        y.backward(np.ones((4, 2)))
        np.testing.assert_allclose(fc.grads["weight"][0], x.sum(0), rtol=1e-5)


def test_dropout_draws_the_same_masks(rng, counted):
    x, nets = np.ones((5, 2, 3), np.float32), []
    for _ in range(2):
        nets.append(recur.LSTM(3, 4, num_layers=2, dropout=0.5).manual_seed(4))
    nets[1].load_state_dict(nets[0].state_dict())
    for _ in range(4):
        nets[1]._record_plans.clear()  # always the general way
        np.testing.assert_array_equal(nets[0](x)[0], nets[1](x)[0])
    assert counted


@pytest.mark.parametrize("name", ["embedding", "linear of ids"])
def test_ids_that_do_not_fit_are_refused(name, rng):
    module = IDS[name][0]()
    shape = IDS[name][1]
    for _ in range(3):
        module(rng.integers(0, 7, shape))
    for training in (True, False):
        module.train(training)
        with pytest.raises(ValueError, match="32 bits"):
            module(np.full(shape, 2**32))
        with pytest.raises(recur.Error, match="7"):
            module(np.full(shape, 7))
        assert module(np.full(shape, 6, np.uint8)).shape == (*shape, 4)


def test_other_arrays_go_the_general_way(rng):
    cell, x = recur.GRUCell(3, 4), numbers(rng, 2, 3)
    for _ in range(3):
        cell(x)
    with pytest.raises(ValueError, match="h must have shape"):
        cell(x, numbers(rng, 3, 4))
    with pytest.raises(ValueError, match="h must have shape"):
        cell(x, (numbers(rng, 2, 4), numbers(rng, 2, 4)))
    assert cell(x.tolist()).shape == cell(x.astype(np.float64)).shape == (2, 4)
    state = cell.state(2)
    assert cell(x, state) is state
    cell.release()
    with pytest.raises(RuntimeError, match="released"):
        cell(x)
