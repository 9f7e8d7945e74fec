"""Parameters, gradients, modes, composing, streaming: what modules promise beside their numbers."""

import gc
import threading
import weakref

import numpy as np
import pytest
from conftest import close, near, numbers

import recur


def net_of(rng, *sizes):
    return recur.Sequential({"rnn": recur.LSTM(3, 4), "last": recur.Last(), "fc": recur.Linear(4, 2)})


# ---- views and lifetimes ---------------------------------------------------------------------------


def test_parameters_are_views(rng):
    lstm = recur.LSTM(3, 4)
    x = numbers(rng, 5, 2, 3)
    before, _ = lstm.eval()(x)
    weight = lstm.params["weight_ih_l0"]
    assert np.shares_memory(weight, lstm.flat) and np.shares_memory(weight, lstm.weight_ih_l0)
    assert np.shares_memory(lstm.state_dict()["bias_hh_l0"], lstm.flat)
    weight *= 2
    assert not np.allclose(lstm(x)[0], before)
    lstm.weight_ih_l0 = weight / 2
    close(lstm(x)[0], before)
    with pytest.raises(ValueError, match="shape"):
        lstm.weight_ih_l0 = np.zeros((2, 2), np.float32)


def test_views_keep_their_owner_alive(rng):
    lstm = recur.LSTM(30, 40)
    view, values = lstm.params["weight_hh_l0"], lstm.params["weight_hh_l0"].copy()
    gone = weakref.ref(lstm)
    lstm.release()
    del lstm
    gc.collect()
    others = [recur.LSTM(30, 40) for _ in range(20)]
    assert gone() is None
    np.testing.assert_array_equal(view, values)
    view[:] = 0
    assert others[0].flat.any()


def test_parts_move_into_the_whole(rng):
    rnn, fc = recur.GRU(3, 4), recur.Linear(4, 2)
    old, values = rnn.params["weight_ih_l0"], rnn.params["weight_ih_l0"].copy()
    net = recur.Sequential({"rnn": rnn, "fc": fc})
    assert list(net.params)[0] == "rnn.weight_ih_l0" and net.flat.size == rnn.flat.size + fc.flat.size
    np.testing.assert_array_equal(rnn.params["weight_ih_l0"], values)
    assert np.shares_memory(rnn.params["weight_ih_l0"], net.flat) and not np.shares_memory(old, net.flat)
    assert np.shares_memory(fc.grads["weight"], net.flat_grad)
    net.backward(np.ones_like(net(numbers(rng, 5, 2, 3))))
    assert fc.grads["bias"].any() and rnn.grads["weight_hh_l0"].any()
    assert net.rnn is rnn and net[1] is fc and net["fc"] is fc and len(net) == 2
    del net
    gc.collect()
    rnn.eval()(numbers(rng, 5, 2, 3))  # a part keeps the whole alive


def test_whole_in_a_whole(rng):
    inner = recur.Sequential(recur.GRU(3, 4), recur.Linear(4, 5))
    outer = recur.Sequential({"body": inner, "last": recur.Last(direction="forward"), "head": recur.Linear(5, 2)})
    assert "body.0.weight_ih_l0" in outer.params
    assert np.shares_memory(inner[0].params["weight_ih_l0"], outer.flat)
    assert np.shares_memory(inner[0].grads["weight_ih_l0"], outer.flat_grad)
    x = numbers(rng, 6, 2, 3)
    y = outer(x)
    outer.backward(np.ones_like(y))
    assert inner[0].grads["weight_ih_l0"].any()
    with pytest.raises(ValueError, match="already"):
        recur.Sequential(inner)
    with pytest.raises(ValueError, match="twice"):
        one = recur.Linear(2, 2)
        recur.Sequential(one, one)


def test_released():
    lstm = recur.LSTM(2, 2)
    lstm.release()
    lstm.release()
    x = np.zeros((1, 1, 2), np.float32)
    for call in (lambda: lstm(x), lambda: lstm.snapshot(), lambda: lstm.state(1), lambda: lstm.state_dict(), lambda: lstm.init_()):
        with pytest.raises(RuntimeError, match="released"):
            call()


# ---- calls -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [recur.RNN, recur.LSTM, recur.GRU])
@pytest.mark.parametrize("more", [{}, {"bidirectional": True}, {"direction": "reverse"}, {"num_layers": 2, "bias": False}])
def test_forms_agree(rng, kind, more):
    layer = kind(3, 4, **more).eval()
    x = numbers(rng, 5, 2, 3)
    y, state = layer(x)
    first = kind(3, 4, batch_first=True, **more).eval()
    first.load_state_dict(layer.state_dict())
    yb, _ = first(np.ascontiguousarray(x.swapaxes(0, 1)))
    close(yb.swapaxes(0, 1), y)
    packed, _ = layer(recur.pack_padded_sequence(x, [5, 5]))
    close(recur.pad_packed_sequence(packed)[0], y)
    alone, final = layer(x[:, 0])
    close(alone, y[:, 0])
    close((final[0] if kind is recur.LSTM else final), (state[0] if kind is recur.LSTM else state)[:, 0])
    close(layer(np.asfortranarray(x))[0], y)
    close(layer(x[::1, :, :])[0], y)


def test_ids_are_one_hot(rng):
    gru = recur.GRU(6, 4)
    ids = rng.integers(0, 6, (5, 2))
    y, _ = gru(ids)
    gx, gh = gru.backward(y)
    assert gx is None and gh.shape == (1, 2, 4)
    by_id = gru.flat_grad.copy()
    gru.zero_grad()
    close(gru(np.eye(6, dtype=np.float32)[ids])[0], y)
    gx, _ = gru.backward(y)
    assert gx.shape == (5, 2, 6)
    near(gru.flat_grad, by_id)
    alone, _ = gru.eval()(ids[:, 0])
    close(alone, y[:, 0])


def test_embedding_and_linear_take_any_shape(rng):
    net = recur.Sequential(recur.Embedding(7, 3), recur.Linear(3, 2), recur.Tanh())
    for shape in ((), (4,), (2, 3, 4)):
        ids = rng.integers(0, 7, shape)
        y = net(ids)
        assert y.shape == (*shape, 2)
        assert net.backward(np.ones_like(y)) is None
    linear = recur.Linear(3, 2)
    x = numbers(rng, 2, 5, 3)
    y = linear(x)
    close(y, x @ linear.weight.T + linear.bias)
    near(linear.backward(y), y @ linear.weight)
    assert linear(x[:0]).shape == (0, 5, 2)


@pytest.mark.parametrize("kind, function", [(recur.ReLU, lambda x: np.maximum(x, 0)), (recur.Tanh, np.tanh),
                                            (recur.Sigmoid, lambda x: 1 / (1 + np.exp(-x))), (recur.Identity, lambda x: x),
                                            (recur.HardSigmoid, lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
                                            (recur.Softsign, lambda x: x / (1 + abs(x)))])  # fmt: skip
def test_activations(rng, kind, function):
    x, module = numbers(rng, 3, 4), kind()
    close(module(x), function(x))
    assert module.backward(x).shape == x.shape


def test_layer_norm(rng):
    x, norm = numbers(rng, 5, 3, 4), recur.LayerNorm(4, eps=0.1)
    close(norm(x), (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 0.1))
    norm.weight, norm.bias = numbers(rng, 4), numbers(rng, 4)
    close(norm(x[0, 0]), (x[0, 0] - x[0, 0].mean()) / np.sqrt(x[0, 0].var() + 0.1) * norm.weight + norm.bias)
    assert list(recur.LayerNorm((4,), bias=False).params) == ["weight"] and norm._info.epsilon == 0.1
    norm.init_()
    close(norm.flat, np.repeat(np.float32([1, 0]), 4))


@pytest.mark.parametrize("way, f", [("sum", lambda a, b: a + b), ("mean", lambda a, b: (a + b) / 2), ("multiply", lambda a, b: a * b)])
def test_merge(rng, way, f):
    x = numbers(rng, 5, 3, 4)
    close(recur.Merge(way)(x), f(x[..., :2], x[..., 2:]))
    net = recur.Sequential(recur.GRU(4, 3, bidirectional=True), recur.Merge(way), recur.Linear(3, 2))
    rnn, _, fc = net.eval()
    close(net(x), fc(recur.Merge(way)(rnn(x)[0])))
    with pytest.raises(ValueError, match="direction"):
        recur.Sequential(recur.GRU(4, 3, bidirectional=True), recur.Merge(way), recur.Last())


def test_residual(rng):
    x, gy = numbers(rng, 6, 3, 4), numbers(rng, 6, 3, 4)
    plain = recur.Sequential({"norm": recur.LayerNorm(4), "rnn": recur.GRU(4, 4), "drop": recur.Dropout(0)})
    around = recur.Residual({"norm": recur.LayerNorm(4), "rnn": recur.GRU(4, 4), "drop": recur.Dropout(0)})
    around.load_state_dict(plain.state_dict())
    y, again = plain(x), around(x)
    close(again, x + y)
    near(around.backward(gy), gy + plain.backward(gy))
    near(around.flat_grad, plain.flat_grad)
    net = recur.Sequential({"in": recur.Linear(2, 4), "body": around, "last": recur.Last()}).eval()
    assert net["last"].direction == "forward" and "body.rnn.weight_hh_l0" in net.params
    z = numbers(rng, 6, 3, 2)
    state, snapshot = net["body"].state(3), net["body"].snapshot()
    h = net["in"](z)
    for t in range(6):
        close(snapshot.step(h[t], state), net["body"](h)[t])


def test_last(rng):
    x = numbers(rng, 5, 3, 4)
    close(recur.Last()(x), x[-1])
    close(recur.Last(direction="reverse")(x), x[0])
    close(recur.Last(bidirectional=True)(x), np.concatenate([x[-1, :, :2], x[0, :, 2:]], 1))
    close(recur.Last(batch_first=True)(x), x[:, -1])
    packed = recur.pack_padded_sequence(x, [2, 5, 1], enforce_sorted=False)
    close(recur.Last()(packed), x[[1, 4, 0], [0, 1, 2]])


def test_dropout(rng):
    drop, x = recur.Dropout(0.5), np.ones((100, 100), np.float32)
    y = drop.manual_seed(3)(x)
    assert set(np.unique(y)) == {0, 2} and 0.4 < (y == 0).mean() < 0.6
    np.testing.assert_array_equal(drop.backward(x), y)
    np.testing.assert_array_equal(drop.manual_seed(3)(x), y)
    np.testing.assert_array_equal(drop.train(dropout=False)(x), x)
    np.testing.assert_array_equal(drop.eval()(x), x)


def test_gradients_add_up_and_finite_differences_agree(rng):
    net = recur.Sequential(recur.GRU(2, 3), recur.Last(), recur.Linear(3, 1)).train(dropout=False)
    x, criterion, t = numbers(rng, 4, 2, 2), recur.MSELoss(), numbers(rng, 2, 1)
    _, grad = criterion(net(x), t)
    gx = net.backward(grad)
    once = net.flat_grad.copy()
    net(x)
    net.backward(grad, input_grad=False)
    near(net.flat_grad, 2 * once)
    net.zero_grad()
    assert not net.flat_grad.any()
    net.eval()
    for i in rng.choice(net.flat.size, 10, replace=False):
        keep, step = net.flat[i], 1e-2
        net.flat[i] = keep + step
        up = criterion(net(x), t)[0]
        net.flat[i] = keep - step
        down = criterion(net(x), t)[0]
        net.flat[i] = keep
        assert abs((up - down) / (2 * step) - once[i]) < 1e-3
    assert gx.shape == x.shape


def test_records_are_a_stack(rng):
    lstm = recur.LSTM(3, 4)
    a, b = numbers(rng, 5, 2, 3), numbers(rng, 2, 4, 3)
    ya, yb = lstm(a)[0], lstm(b)[0]
    assert lstm.backward(yb)[0].shape == b.shape
    assert lstm.backward(ya)[0].shape == a.shape
    with pytest.raises(recur.OrderError, match="no recorded pass"):
        lstm.backward(ya)
    lstm(a)
    recur.SGD(lstm).step()
    with pytest.raises(recur.OrderError):
        lstm.backward(ya)
    lstm.eval()(a)
    with pytest.raises(recur.OrderError):
        lstm.backward(ya)


def test_cells_by_hand_are_the_layer(rng):
    for layer, cell in ((recur.RNN, recur.RNNCell), (recur.LSTM, recur.LSTMCell), (recur.GRU, recur.GRUCell)):
        whole, one = layer(3, 4), cell(3, 4)
        one.load_state_dict({k[:-3]: v for k, v in whole.state_dict().items()})
        x, gy = numbers(rng, 5, 2, 3), numbers(rng, 5, 2, 4)
        y, _ = whole(x)
        gx, _ = whole.backward(gy)
        state, hs = None, []
        for t in range(5):
            state = one(x[t], state)
            hs.append(state[0] if layer is recur.LSTM else state)
        close(np.stack(hs), y)
        gstate = None
        for t in reversed(range(5)):
            if layer is recur.LSTM:
                gh, gc = gstate or (0, np.zeros((2, 4), np.float32))
                gt, gstate = one.backward((gy[t] + gh, gc))
            else:
                gt, gstate = one.backward(gy[t] + (0 if gstate is None else gstate))
            near(gt, gx[t])
        near(one.flat_grad, whole.flat_grad)


def test_state_objects_and_truncation(rng):
    net = recur.Sequential({"rnn": recur.LSTM(3, 4), "fc": recur.Linear(4, 2)}).eval()
    x = numbers(rng, 6, 2, 3)
    y = net(x)
    state = net.state(2)
    assert list(state) == ["rnn.h", "rnn.c"]
    first, _ = net(x[:2], state)
    rest, again = net(x[2:], state)
    assert again is state
    close(np.concatenate([first, rest]), y)
    other = net.state(2).copy_(state)
    np.testing.assert_array_equal(other["rnn.h"], state["rnn.h"])
    state.reset(0)
    assert not state["rnn.h"][:, 0].any() and state["rnn.h"][:, 1].any()
    state["rnn.c"] = np.ones((1, 2, 4), np.float32)
    assert state["rnn.c"].all()
    with pytest.raises(KeyError, match="rnn.x"):
        state["rnn.x"]


def test_streaming_on_a_snapshot(rng):
    net = recur.Sequential(recur.GRU(3, 4, 2), recur.Linear(4, 2))
    x = numbers(rng, 6, 2, 3)
    wanted = net.eval()(x)
    snap = net.snapshot()
    net.flat[:] = 0
    state, out = snap.state(2), np.empty((2, 2), np.float32)
    for t in range(6):
        y = snap.step(x[t], state, out=out)
        assert y is out
        close(y, wanted[t], 1e-5)
    close(snap(x), wanted, 1e-5)
    with pytest.raises(RuntimeError, match="snapshot"):
        snap.train()
    with pytest.raises(recur.UnsupportedError):
        recur.GRU(3, 4, bidirectional=True).step(x[0], recur.GRU(3, 4, bidirectional=True).state(2))


def test_packed_through_a_chain(rng):
    net = recur.Sequential(recur.GRU(3, 4, bidirectional=True), recur.Dropout(0.2), recur.Linear(8, 2))
    packed = recur.pack_sequence([numbers(rng, n, 3) for n in (2, 5, 3)], enforce_sorted=False)
    y = net(packed)
    labels = recur.PackedSequence.of(np.zeros(10, np.int32), packed.layout)
    value, grad = recur.CrossEntropyLoss()(y, labels)
    gx = net.backward(grad)
    assert isinstance(y, recur.PackedSequence) and gx.data.shape == (10, 3) and np.isfinite(value)


def test_init():
    rnn = recur.RNN(3, 4, nonlinearity="relu").init_("identity", 1, "weight_hh*")
    np.testing.assert_array_equal(rnn.weight_hh_l0, np.eye(4))
    lstm = recur.LSTM(3, 4).init_("forget_bias", 1)
    assert (lstm.bias_ih_l0[4:8] + lstm.bias_hh_l0[4:8] == 1).all()
    recur.manual_seed(5)
    a = recur.GRU(3, 4).flat.copy()
    recur.manual_seed(5)
    b, other = recur.GRU(3, 4).flat.copy(), recur.GRU(3, 4).flat
    np.testing.assert_array_equal(a, b)
    assert (a != other).any() and np.abs(a).max() <= 0.5
    with pytest.raises(ValueError, match="scheme"):
        lstm.init_("xaver")


def test_group(rng):
    group = recur.Group(encoder=recur.GRU(3, 4), decoder=recur.GRU(2, 4), cell=recur.LSTMCell(2, 3))
    adam = recur.Adam(group, lr=0.1)
    before = group.flat.copy()
    _, h = group.encoder(numbers(rng, 5, 2, 3))
    y, _ = group.decoder(numbers(rng, 4, 2, 2), h)
    _, gh = group.decoder.backward(np.ones_like(y))
    group.encoder.backward(None, gh)
    assert group.encoder.grads["weight_ih_l0"].any() and not group.cell.flat_grad.any()
    adam.step()
    assert (group.flat != before).any() and "cell.weight_ih" in group.params
    group.cell(numbers(rng, 2, 2))
    with pytest.raises(TypeError, match="parts"):
        group(1)


def test_optimizers_by_range_and_rate(rng):
    net = recur.Sequential({"rnn": recur.GRU(3, 4), "fc": recur.Linear(4, 2)})
    adam = recur.Adam(net, lr=0.1)
    assert adam.lr == 0.1
    adam.scale("rnn.", lr=0)
    before = net.flat.copy()
    net.flat_grad[:] = 1
    adam.step()
    n = net.rnn.flat.size
    assert (net.flat[:n] == before[:n]).all() and (net.flat[n:] != before[n:]).all()
    adam.lr = 0
    before = net.flat.copy()
    adam.step()
    assert (net.flat == before).all()
    assert recur.SGD(net, lr=0).lr == 0
    recur.Adam(net, betas=(0, 0.9)).step()


def test_contexts(rng):
    x = numbers(rng, 20, 6, 5)
    results = []
    for context in (recur.Context("ref"), recur.Context(threads=2), None):
        recur.manual_seed(2)
        layer = recur.LSTM(5, 16, context=context)
        y, _ = layer(x)
        layer.backward(y)
        results.append((y, layer.flat_grad))
    for y, g in results[:2]:
        close(y, results[2][0], 1e-5)
        near(g, results[2][1])
    np.testing.assert_array_equal(results[1][0], results[2][0])
    assert recur.Context("ref").isa == "ref"
    with pytest.raises(ValueError):
        recur.Context("mmx")


def test_memory(rng):
    net = recur.LSTM(3, 8, dropout=0.1, num_layers=2)
    layout, c = recur.Layout([4, 0, 9]), recur.c
    m = net.memory(layout)
    assert m == net.memory([4, 0, 9]) and m.parameters == net.flat.nbytes < m.layer
    tape = c.recur_tape_create(None)
    c.recur_tape_reserve(tape, net._layer, layout.handle, 2)
    assert c.recur_tape_bytes(tape) == m.tape + m.kept + 2 * m.record + max(m.training, m.inference)
    assert net.memory(layout, c.RECUR_MEMORY_NO_DROPOUT).training < m.training
    longer = [net.memory([t] * 4).record for t in (64, 128, 256)]
    assert longer[2] - longer[1] == 2 * (longer[1] - longer[0]) > 0
    with pytest.raises(recur.UnsupportedError, match="ids"):
        recur.Tanh(features=3).memory(layout, c.RECUR_MEMORY_IDS)
    with pytest.raises(recur.ArgumentError, match="64"):
        net.memory(layout, 64)


def test_sampling():
    logits = np.log(np.array([[0.7, 0.2, 0.1]] * 4000, np.float32))
    share = np.bincount(recur.sample(logits, seed=1), minlength=3) / 4000
    np.testing.assert_allclose(share, [0.7, 0.2, 0.1], atol=0.03)
    assert not recur.sample(logits, top_k=1).any()
    assert recur.sample(logits[0], seed=3, counter=7) == recur.sample(logits[:1], seed=3, counter=7)[0]


def test_threads_share_a_module(rng):
    """Inference on one module from many threads, training on it from others: results of the former do not change."""
    net = recur.Sequential(recur.LSTM(8, 32), recur.Linear(32, 4)).eval()
    x = numbers(rng, 30, 4, 8)
    wanted, errors = net(x), []

    def work():
        try:
            for _ in range(30):
                np.testing.assert_array_equal(net(x), wanted)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors


def test_repr():
    net = recur.Sequential(recur.LSTM(3, 4, 2, bidirectional=True), recur.Last(), recur.Linear(8, 2))
    assert "LSTM(3, 4, num_layers=2, direction='bidirectional')" in repr(net) and "Last(direction='bidirectional')" in repr(net)


def test_states_gather():
    net = recur.LSTM(3, 4)
    two, three = net.state(2), net.state(3)
    net.step(np.random.default_rng(1).standard_normal((2, 3)).astype(np.float32), two)
    three.gather_(two, [1, 0, 1])
    assert (three["h"] == two["h"][:, [1, 0, 1]]).all() and (three["c"] == two["c"][:, [1, 0, 1]]).all()
    with pytest.raises(ValueError, match="shape"):
        three.gather_(two, [0, 1])
    with pytest.raises(recur.errors.ArgumentError):
        three.gather_(two, [0, 1, 2])
