"""loss.backward(): chains of recorded passes against finite differences, and what is refused
instead of being wrong."""

import gc
import warnings

import numpy as np
import pytest
from conftest import close, near, numbers

import recur

MSE = recur.MSELoss()


def check(run, *modules, count=12, step=1e-2, absolute=2e-3):
    """The gradients that run().backward() gives these modules, against differences of run() at
    some parameters."""
    rng = np.random.default_rng(7)
    for module in modules:
        module.train(dropout=False).zero_grad()
    run().backward()
    for module in modules:
        assert module.flat_grad.any()
        for i in rng.choice(module.flat.size, min(count, module.flat.size), replace=False):
            keep = module.flat[i]
            module.flat[i] = keep + step
            up = float(run())
            module.flat[i] = keep - step
            down = float(run())
            module.flat[i] = keep
            assert abs((up - down) / (2 * step) - module.flat_grad[i]) < absolute


# ---- chains -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [recur.RNN, recur.LSTM, recur.GRU])
@pytest.mark.parametrize("first", [False, True])
def test_last_step_of_a_layer(rng, kind, first):
    rnn, fc = kind(3, 4, batch_first=first, bidirectional=True), recur.Linear(8, 2)
    x, t = numbers(rng, 5, 2, 3), numbers(rng, 5 if first else 2, 2)
    check(lambda: MSE(fc(rnn(x)[0][:, -1] if first else rnn(x)[0][-1]), t), rnn, fc)


@pytest.mark.parametrize(
    "view",
    [
        lambda y: y.transpose(1, 0, 2),
        lambda y: y.reshape(-1, 4),
        lambda y: y.swapaxes(0, 1).reshape(-1, 4),
        lambda y: y[::-1, :, 1:],
        lambda y: y[1:3][:, 0],
        lambda y: np.squeeze(y[None]),
        lambda y: np.swapaxes(y, 0, 1),
        lambda y: np.broadcast_to(y, (2, *y.shape)),
        lambda y: np.concatenate([y[0], y[-1]], -1),
        lambda y: np.stack([y[0], y[2], y[0]]),
        lambda y: np.hstack([y[0], y[1]]),
        lambda y: np.asarray(y)[2:],
        lambda y: y[1, 1],
        lambda y: np.concatenate([y, np.ones((5, 2, 1), np.float32)], 2),
        lambda y: y.ravel(),
        lambda y: np.moveaxis(y, 2, 0).flatten(),
        lambda y: y[..., 2],
        lambda y: np.lib.stride_tricks.sliding_window_view(y, 2, 0),
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_views_and_moves(rng, view, first):
    gru = recur.GRU(3, 4, batch_first=first)
    x = numbers(rng, 2, 5, 3) if first else numbers(rng, 5, 2, 3)
    back = (lambda y: y.swapaxes(0, 1)) if first else (lambda y: y)
    run = lambda: MSE(view(back(gru(x)[0])), t)  # noqa: E731
    t = numbers(rng, *view(back(gru.eval()(x)[0])).shape)
    check(run, gru)


def test_states_go_back(rng):
    for kind, states in ((recur.LSTM, 2), (recur.GRU, 1)):
        encoder, decoder, fc = kind(3, 4, 2), kind(2, 4, 2), recur.Linear(4, 2)
        x, z, t = numbers(rng, 5, 2, 3), numbers(rng, 3, 2, 2), numbers(rng, 3, 2, 2)

        def run():
            _, state = encoder(x)
            y, _ = decoder(z, state)
            return MSE(fc(y), t)

        check(run, encoder, decoder, fc)
        only = recur.Linear(4, 2)
        check(
            lambda: MSE(only((encoder(x)[1][1] if states == 2 else encoder(x)[1])[-1]), t[0]),
            encoder,
            only,
        )  # noqa: B023


def test_one_sequence_and_ids(rng):
    table, rnn, fc = recur.Embedding(7, 3), recur.LSTM(3, 4), recur.Linear(4, 7)
    ids, t = rng.integers(0, 7, 6), rng.integers(0, 7, 6)
    criterion = recur.CrossEntropyLoss()
    check(lambda: criterion(fc(rnn(table(ids))[0]), t), table, rnn, fc)
    zero = np.zeros((1, 4), np.float32)
    check(lambda: criterion(fc(rnn(table(ids), (zero, zero))[1][0]), t[:1]), table, rnn, fc)


def test_two_heads_and_sums_of_losses(rng):
    rnn, a, b = recur.GRU(3, 4), recur.Linear(4, 2), recur.Linear(4, 1)
    x, ta, tb = numbers(rng, 5, 2, 3), numbers(rng, 5, 2, 2), numbers(rng, 2, 1)

    def run():
        y, h = rnn(x)
        return MSE(a(y), ta) * 0.5 + MSE(b(h[0]), tb) / 3 - 0.1 * MSE(y[0], y0) + 1

    y0 = numbers(rng, 2, 4)
    check(run, rnn, a, b)
    total = sum([run(), run()])
    assert isinstance(total, recur.LossValue) and total.item() == float(total)
    rnn.zero_grad()
    run().backward()
    once = rnn.flat_grad.copy()
    rnn.zero_grad()
    total.backward()
    near(rnn.flat_grad, 2 * once)


def test_the_same_module_twice(rng):
    fc, x, t = recur.Linear(3, 3), numbers(rng, 4, 3), numbers(rng, 4, 3)
    act = recur.Tanh()
    check(lambda: MSE(fc(act(fc(x))), t), fc)
    gru = recur.GRU(3, 3)
    check(lambda: MSE(gru(gru(x[:, None])[0])[0][:, 0], t), gru)


@pytest.mark.parametrize(
    "kind, cell",
    [(recur.LSTM, recur.LSTMCell), (recur.GRU, recur.GRUCell), (recur.RNN, recur.RNNCell)],
)
def test_loops_over_cells(rng, kind, cell):
    one, fc, whole = cell(3, 4), recur.Linear(4, 2), kind(3, 4)
    x, t = numbers(rng, 6, 2, 3), numbers(rng, 6, 2, 2)

    def run(stack=True):
        state, outputs = None, []
        for step in x:
            state = one(step, state)
            outputs.append(state[0] if kind is recur.LSTM else state)
        if stack:
            return MSE(fc(np.stack(outputs)), t)
        return sum(MSE(fc(h), target) for h, target in zip(outputs, t)) / 6

    check(run, one, fc)
    stacked = one.flat_grad.copy()
    check(lambda: run(False), one, fc)
    near(one.flat_grad, stacked)
    whole.load_state_dict({f"{name}_l0": value for name, value in one.state_dict().items()})
    MSE(fc(whole(x)[0]), t).backward()
    near(whole.flat_grad, stacked)


def test_loops_over_steps_of_a_layer(rng):
    gru, fc = recur.GRU(3, 4, 2), recur.Linear(4, 3)
    first, t = numbers(rng, 1, 2, 3), numbers(rng, 4, 2, 3)

    def run():
        x, h, outputs = first, None, []
        for _ in range(4):
            y, h = gru(x, h)
            x = fc(y)
            outputs.append(x[0])
        return MSE(np.stack(outputs), t)

    check(run, gru, fc)


def test_packed_sequences(rng):
    rnn, fc = recur.LSTM(3, 4, bidirectional=True), recur.Linear(8, 2)
    packed = recur.pack_sequence([numbers(rng, n, 3) for n in (2, 5, 3)], enforce_sorted=False)
    t = recur.PackedSequence.of(numbers(rng, 10, 2), packed.layout)
    check(lambda: MSE(fc(rnn(packed)[0]), t), rnn, fc)
    check(lambda: MSE(fc(rnn(packed)[0].data), t.data), rnn, fc)
    last = recur.Last(bidirectional=True)
    check(lambda: MSE(last(rnn(packed)[0]), numbers(np.random.default_rng(2), 3, 8)), rnn)


def test_packing_and_padding(rng):
    first, second, fc = recur.GRU(3, 4, batch_first=True), recur.LSTM(4, 4), recur.Linear(4, 2)
    x, lengths = numbers(rng, 3, 6, 3), [2, 5, 3]

    def run(batch_first=True):
        y, _ = first(x)
        y = y if batch_first else y.swapaxes(0, 1)
        packed = recur.pack_padded_sequence(
            y, lengths, batch_first=batch_first, enforce_sorted=False
        )
        z, n = recur.pad_packed_sequence(second(packed)[0], batch_first=True, total_length=7)
        return MSE(fc(z), t)

    t = numbers(rng, 3, 7, 2)
    check(run, first, second, fc)
    check(lambda: run(False), first, second, fc)

    def parts():
        y, _ = first(x)
        packed = recur.pack_sequence([y[1, :4], y[0, 2:], y[2, :1]], enforce_sorted=False)
        rows = recur.unpack_sequence(second(packed)[0])
        last = packed.layout.gather(second(packed)[0].data)
        z = recur.pad_sequence(rows, padding_side="left")
        return MSE(fc(z), t2) + MSE(fc(last), t3) + MSE(recur.PackedSequence(*packed).data, t4)

    t2, t3, t4 = numbers(rng, 4, 3, 2), numbers(rng, 3, 2), numbers(rng, 9, 4)
    check(parts, first, second, fc)


def test_through_composites(rng):
    net = recur.Sequential(
        recur.GRU(3, 4), recur.Residual(recur.Linear(4, 4), recur.Tanh()), recur.Linear(4, 3)
    )
    head = recur.Linear(3, 1)
    x, t = numbers(rng, 5, 2, 3), numbers(rng, 2, 1)
    check(lambda: MSE(head(net(x)[-1]), t), net, head)
    state = net.state(2)
    check(lambda: MSE(head(net(x, net.state(2))[0][-1]), t), net, head)
    assert state["0.h"].shape == (1, 2, 4)


def test_order_does_not_matter(rng):
    """A pass for logging between, the older of two first, one loss of many steps: each output
    knows its pass."""
    lstm, fc = recur.LSTM(3, 4), recur.Linear(4, 2)
    a, b, t = numbers(rng, 5, 2, 3), numbers(rng, 7, 3, 3), numbers(rng, 2, 2)
    want = {}
    for name, x in (("a", a), ("b", b)):
        MSE(fc(lstm(x)[0][-1, :2]), t).backward()
        want[name] = lstm.flat_grad.copy()
        lstm.zero_grad()
    first, second = MSE(fc(lstm(a)[0][-1, :2]), t), MSE(fc(lstm(b)[0][-1, :2]), t)
    lstm(b)
    first.backward()
    near(lstm.flat_grad, want["a"])
    lstm.zero_grad()
    second.backward()
    near(lstm.flat_grad, want["b"])


def test_dropout_masks_are_those_of_the_pass(rng):
    drop = recur.Dropout(0.5)
    x, one = np.ones((10, 10), np.float32), np.ones((10, 10), np.float32)
    fc = recur.Linear(10, 10, bias=False)
    fc.weight = np.eye(10, dtype=np.float32)
    y1 = drop(fc(x))
    y2 = drop(fc(x))
    assert (y1.detach() != y2.detach()).any()
    y1.backward(one)
    close(fc.grads["weight"], np.tile(y1.detach().sum(0)[:, None], (1, 10)))
    assert not np.array_equal(drop.manual_seed(3)(x), drop(x))
    np.testing.assert_array_equal(drop.manual_seed(3)(x), drop.manual_seed(3)(x))


# ---- losses as numbers --------------------------------------------------------------------------


def test_a_loss_is_a_number(rng):
    fc = recur.Linear(3, 2)
    x, t = numbers(rng, 4, 3), numbers(rng, 4, 2)
    loss = MSE(fc(x), t)
    value, grad = loss
    assert isinstance(loss, float) and loss == value == loss[0] and np.array_equal(grad, loss.grad)
    assert (
        f"{loss:.2f}" == f"{value:.2f}"
        and loss < value + 1
        and loss.detach() == value
        and type(loss.item()) is float
    )
    assert np.mean([loss, loss]) == value and abs(float(loss * 2 - loss / 2) - 1.5 * value) < 1e-6
    with pytest.raises(TypeError, match="loss times a loss"):
        loss * loss
    with pytest.raises(NotImplementedError, match="retain_graph"):
        loss.backward(retain_graph=True)
    close(fc.backward(grad).shape, (4, 3))


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, change",
    [
        ("multiply", lambda y: y * 2),
        ("add", lambda y: y + y),
        ("tanh", np.tanh),
        ("copy", lambda y: y.copy()),
        ("take", lambda y: y.take([0], 0)),
        ("indexing", lambda y: y[[0, 1]]),
        ("where", lambda y: np.where(y > 0, y, 0)),
        ("mean", lambda y: y.mean(0)),
        ("matmul", lambda y: y @ y[0].T),
        ("einsum", lambda y: np.einsum("tbh,tbh->tbh", y, y)),
        ("roll", lambda y: np.roll(y, 1)),
        ("astype", lambda y: y.astype("float64").astype("float32")),
        ("tile", lambda y: np.tile(y, (2, 1, 1))),
        ("copy", lambda y: np.copy(y, subok=True)),
        ("copy", lambda y: y[::2].byteswap().byteswap()),
    ],
)
def test_what_numpy_computes_names_itself(rng, name, change):
    rnn, fc, tail = recur.GRU(3, 4), recur.Linear(4, 2), recur.Linear(2, 2)
    y = change(rnn(numbers(rng, 2, 2, 3))[0])
    y = y if y.shape[-1] == 4 else recur.Linear(y.shape[-1], 4)(y)
    out = tail(fc(y))
    with pytest.raises(RuntimeError, match=f"{name}.*GRU"):
        MSE(out, np.zeros(out.shape, np.float32)).backward()
    assert not fc.flat_grad.any() and not tail.flat_grad.any()
    with pytest.raises(RuntimeError, match=f"{name}.*GRU"):
        MSE(y, np.zeros(y.shape, np.float32)).backward() if isinstance(y, recur.Array) and y.shape[
            -1
        ] == 4 else out.backward(out)


def test_detached_and_constant(rng):
    rnn, fc = recur.GRU(3, 4), recur.Linear(4, 2)
    y, h = rnn(numbers(rng, 5, 2, 3))
    for x in (y.detach(), y.numpy(), np.zeros_like(y)):
        fc(x).backward(np.ones((5, 2, 2)))
    assert not rnn.flat_grad.any() and type(y.numpy()) is np.ndarray
    assert not y.detach().requires_grad
    writable = y.detach()
    writable[:] = 0
    assert np.asarray(y).any()


def test_outputs_cannot_be_changed(rng):
    y, _ = recur.GRU(3, 4)(numbers(rng, 5, 2, 3))
    with pytest.raises(ValueError, match="detach"):
        y[0] = 1
    with pytest.raises(ValueError, match="new array"):
        y *= 2
    with pytest.raises(ValueError, match="new array"):
        np.copyto(y, 0 * y)
    with pytest.raises(TypeError, match="GRU.*cannot remember"):
        np.multiply(y, 2, out=np.empty(y.shape, np.float32))


def test_targets_get_no_gradient(rng):
    fc, x = recur.Linear(3, 2), numbers(rng, 4, 3)
    with pytest.raises(RuntimeError, match="target.*Linear.*detach"):
        MSE(fc(x), fc(x)).backward()
    MSE(fc(x), fc(x).detach()).backward()
    with pytest.raises(RuntimeError, match="no recorded pass"):
        MSE(fc.eval()(x), fc(x)).backward()


def test_a_module_in_evaluation_in_between(rng):
    before, between, after = recur.Linear(3, 3), recur.GRU(3, 3).eval(), recur.Linear(3, 2)
    y, h = between(before(numbers(rng, 4, 2, 3)))
    with pytest.raises(RuntimeError, match="GRU in eval mode.*Linear"):
        after(y).backward(np.ones((4, 2, 2)))
    with pytest.raises(RuntimeError, match="GRU in eval mode.*Linear"):
        after(h).backward(np.ones((1, 2, 2)))
    assert not between(numbers(rng, 4, 2, 3))[0].requires_grad


def test_passes_that_are_gone(rng):
    fc, x, t = recur.Linear(3, 2), numbers(rng, 4, 3), numbers(rng, 4, 2)
    loss = MSE(fc(x), t)
    loss.backward()
    with pytest.raises(recur.OrderError, match="already played back"):
        loss.backward()
    loss = MSE(fc(x), t)
    recur.SGD(fc).step()
    with pytest.raises(recur.OrderError, match="parameters changed"):
        loss.backward()
    loss = MSE(fc(x), t)
    fc.eval()
    with pytest.raises(recur.OrderError, match="eval"):
        loss.backward()
    fc.train()
    y = fc(x)
    a, b = MSE(y, t), MSE(y[:2], t[:2])
    a.backward()
    with pytest.raises(recur.OrderError, match="l1 . l2"):
        b.backward()


def test_nothing_is_added_before_all_is_well(rng):
    low, high, t = recur.Linear(3, 3), recur.Linear(3, 2), numbers(rng, 4, 2)
    middle = low(numbers(rng, 4, 3))
    loss = MSE(high(middle), t)
    middle.backward(middle)
    before = low.flat_grad.copy()
    with pytest.raises(recur.OrderError):
        loss.backward()
    assert not high.flat_grad.any() and np.array_equal(low.flat_grad, before)


def test_backward_by_hand_refuses_gradients_of_an_older_pass(rng):
    lstm = recur.LSTM(2, 3)
    y1, _ = lstm(np.ones((1, 1, 2), np.float32))
    y2, _ = lstm(np.zeros((1, 1, 2), np.float32))
    with pytest.raises(recur.OrderError, match="older"):
        lstm.backward(np.ones_like(y1))
    with pytest.raises(recur.OrderError, match="older"):
        lstm.backward(MSE(y1, np.zeros((1, 1, 3), np.float32)).grad)
    lstm.backward(np.ones_like(y2))
    lstm.backward(np.ones_like(y1))


# ---- memory -------------------------------------------------------------------------------------


def bytes_of(module):
    gc.collect()
    return sum(tape.bytes() for tape in module._pool.tapes())


def test_passes_that_nobody_holds_are_dropped():
    lstm, x = recur.LSTM(32, 64, batch_first=True), np.zeros((32, 60, 32), np.float32)
    lstm(x)
    one = bytes_of(lstm)
    for _ in range(20):
        lstm(x)
    assert bytes_of(lstm) <= max(one, recur.settings.unheld_bytes) + one
    y, _ = lstm(x)
    lstm(x)
    y.backward(np.ones(y.shape))
    lstm.eval()
    assert bytes_of(lstm) == 0


def test_by_hand_without_an_output(rng):
    m = recur.LSTM(3, 4)
    a, b = numbers(rng, 4, 2, 3), numbers(rng, 4, 2, 3)
    one = np.ones((4, 2, 4), np.float32)
    m(a)
    m(b)
    gb = m.backward(one)[0]
    ga = m.backward(one)[0]
    m(a)
    close(m.backward(one)[0], ga)
    m(b)
    close(m.backward(one)[0], gb)
    recur.settings.set_waiting(unheld_bytes=0)
    try:
        y, _ = m(a)
        m(b)
        m(b)
        m.backward(one)
        with pytest.raises(recur.OrderError, match="hold its output"):
            m.backward(one)
        y.backward(one)
    finally:
        recur.settings.set_waiting()


def test_bound_on_waiting_passes(rng):
    fc, x = recur.Linear(3, 2), numbers(rng, 4, 3)
    recur.settings.set_waiting(passes=5)
    recur.settings._warned.clear()
    try:
        with pytest.warns(UserWarning, match="5|6 recorded passes"):
            held = [fc(x) for _ in range(8)]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            held += [fc(x)]
        held[-1].backward(np.ones((4, 2)))
        held[-5].backward(np.ones((4, 2)))
        with pytest.raises(recur.OrderError, match="5 passes waited"):
            held[0].backward(np.ones((4, 2)))
    finally:
        recur.settings.set_waiting()


def test_inputs_are_copied(rng):
    for make in (
        lambda: recur.GRU(3, 5),
        lambda: recur.GRU(3, 5, batch_first=True),
        lambda: recur.Linear(3, 5),
    ):
        net, x = make(), numbers(rng, 4, 2, 3)
        first = net(x)
        y = first[0] if isinstance(first, tuple) else first
        one = np.ones(y.shape, np.float32)
        y.backward(one)
        want = net.flat_grad.copy()
        net.zero_grad()
        first = net(x)
        x[:] = 0
        (first[0] if isinstance(first, tuple) else first).backward(one)
        np.testing.assert_array_equal(net.flat_grad, want)
    cell, xs, grads = recur.GRUCell(3, 5), numbers(rng, 4, 2, 3), []
    for reuse in (False, True):
        cell.zero_grad()
        buffer, h = np.empty((2, 3), np.float32), None
        for x in xs:
            buffer[:] = x
            h = cell(buffer if reuse else x, h)
        h.backward(np.ones((2, 5)))
        grads.append(cell.flat_grad.copy())
    np.testing.assert_array_equal(*grads)


def test_losses_with_a_layer_of_their_own(rng):
    rnn, fc = recur.GRU(3, 4), recur.Linear(4, 11)
    criterion, x, target = (
        recur.SampledSoftmaxLoss(11, 20000, seed=1),
        numbers(rng, 5, 2, 3),
        rng.integers(0, 11, (5, 2)),
    )
    full = recur.CrossEntropyLoss()(fc(rnn(x)[0]), target)
    full.backward()
    wanted, head = rnn.flat_grad.copy(), fc.flat_grad.copy()
    rnn.zero_grad()
    fc.zero_grad()
    loss = criterion(rnn(x)[0], target, fc)
    close(loss, full)
    loss.backward()
    near(rnn.flat_grad, wanted)
    near(fc.flat_grad, head)
    with pytest.raises(NotImplementedError, match="times 0.5"):
        (criterion(rnn(x)[0], target, fc) * 0.5).backward()
    loss = criterion(rnn(x)[0], target, fc)
    fc.flat_grad[:] = 0
    with pytest.raises(recur.OrderError, match="before the criterion"):
        loss.backward()


def test_ctc(rng):
    rnn, fc = recur.GRU(3, 4), recur.Linear(4, 5)
    x, targets = numbers(rng, 6, 2, 3), np.array([[1, 2], [3, 0]])
    check(lambda: recur.CTCLoss()(fc(rnn(x)[0]), targets, [6, 5], [2, 1]), rnn, fc)
