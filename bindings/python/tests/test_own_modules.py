"""Modules that users write: children, parameters, files, copies; and what differs from PyTorch is
refused in a sentence."""

import copy
import doctest
import pickle
import warnings

import numpy as np
import pytest
from conftest import close, near, numbers
from test_passes import check

import recur
from recur import compose, module, parameter, passes

MSE = recur.MSELoss()


class Encoder(recur.Module):
    def __init__(self):
        super().__init__()
        self.table = recur.Embedding(7, 3)
        self.rnn = recur.LSTM(3, 4, batch_first=True)

    def forward(self, ids):
        return self.rnn(self.table(ids))[1]


class Net(recur.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = recur.LSTM(2, 4, batch_first=True)
        self.heads = recur.ModuleList([recur.Linear(4, 3), recur.Linear(4, 3)])
        self.act, self.drop = recur.Tanh(), recur.Dropout(0.1)
        self.scale = 2

    def forward(self, ids, x):
        y, _ = self.decoder(x, self.encoder(ids))
        y = self.drop(self.act(y))
        return self.heads[0](y[:, -1]), self.heads[1](y)


class Tied(recur.Module):
    def __init__(self):
        super().__init__()
        self.net = recur.Sequential(recur.Linear(3, 3), recur.Tanh(), recur.Linear(3, 3))
        self.first = self.net[0]
        self.again = self.net

    def forward(self, x):
        return self.again(self.first(x))


NAMES = [
    "encoder.table.weight",
    *(f"encoder.rnn.{n}_l0" for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
    *(f"decoder.{n}_l0" for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
    "heads.0.weight",
    "heads.0.bias",
    "heads.1.weight",
    "heads.1.bias",
]


@pytest.fixture
def data(rng):
    return rng.integers(0, 7, (2, 5)), numbers(rng, 2, 4, 2)


def outputs(net, data):
    return np.concatenate([y.ravel() for y in net.eval()(*data)])


def test_parameters_and_gradients(rng, data):
    net, a, b = Net(), numbers(rng, 2, 3), numbers(rng, 2, 4, 3)

    def run():
        y, z = net(*data)
        return MSE(y, a) + MSE(z, b)

    check(run, net, count=40)
    assert (
        list(net.params)
        == NAMES
        == list(net.state_dict())
        == [name for name, _ in net.named_parameters()]
    )
    assert np.shares_memory(net.encoder.rnn.weight_hh_l0, net.flat) and np.shares_memory(
        net.heads[0].weight.grad, net.flat_grad
    )
    assert net.parameters().module is net
    for name, p in net.named_parameters():
        np.testing.assert_array_equal(p.grad, net.grads[name])
        assert p.grad.any()
    assert [name for name, _ in net.named_modules()] == [
        "",
        "encoder",
        "encoder.table",
        "encoder.rnn",
        "decoder",
        "heads",
        "heads.0",
        "heads.1",
        "act",
        "drop",
    ]
    assert net.get_submodule("encoder.rnn") is net.encoder.rnn and len(net.modules()) == 10
    net.zero_grad()
    assert not net.flat_grad.any()


def test_training_lowers_the_loss(rng, data):
    net, t = Net(), numbers(rng, 2, 3)
    adam, losses = recur.Adam(net, lr=0.05), []
    for _ in range(60):
        adam.zero_grad()
        loss = MSE(net(*data)[0], t)
        loss.backward()
        recur.clip_grad_norm_(net, 1.0)
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_gradients_before_the_optimizer(rng):
    """Composing late keeps what was there: parameters, gradients, and passes that wait."""

    class Late(recur.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = recur.Linear(3, 4), recur.Linear(4, 2)

        def forward(self, x):
            return self.b(self.a(x))

    net, x, t = Late(), numbers(rng, 5, 3), numbers(rng, 5, 2)
    MSE(net.b(net.a(x)), t).backward()
    grads = np.concatenate([net.a.flat_grad, net.b.flat_grad])
    weights = np.concatenate([net.a.flat, net.b.flat])
    np.testing.assert_array_equal(net.flat_grad, grads)
    np.testing.assert_array_equal(net.flat, weights)
    net.zero_grad()
    loss = MSE(net(x), t)
    recur.Adam(net)
    loss.backward()
    near(net.flat_grad, grads)
    net.c = recur.Linear(2, 2)
    near(net.flat_grad[: grads.size], grads)
    assert list(net.params)[-1] == "c.bias"


def test_outputs_that_were_carried_away_are_told_of(rng):
    class Carried(recur.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.fc = recur.GRU(3, 4), recur.Linear(4, 2)

        def forward(self, x, detached=False):
            y, _ = self.rnn(x)
            mine = np.empty(y.shape, np.float32)
            mine[:] = y.detach() if detached else y
            return self.fc(mine)

    net, x = Carried(), numbers(rng, 5, 2, 3)
    sgd = recur.SGD(net)
    recur.settings._warned.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net(x, True).backward(np.ones((5, 2, 2)))
        sgd.step()
        net(x)
        sgd.step()
    net(x).backward(np.ones((5, 2, 2)))
    with pytest.warns(UserWarning, match="'rnn' of Carried.*numpy.stack"):
        sgd.step()


def test_files_and_copies(data, tmp_path):
    net = Net()
    wanted = outputs(net, data)
    recur.save({"net": net}, tmp_path / "net.safetensors")
    other = Net()
    recur.load(tmp_path / "net.safetensors", {"net": other})
    third = Net()
    third.load_state_dict(net.state_dict())
    for copied in (other, third, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(outputs(copied, data), wanted)
        copied.flat[:] = 0
        assert list(copied.params) == NAMES
    np.testing.assert_array_equal(outputs(net, data), wanted)
    with pytest.raises(TypeError, match="deepcopy"):
        copy.copy(net)
    with pytest.raises(RuntimeError, match="missing: heads.1.bias"):
        third.load_state_dict(
            {name: value for name, value in net.state_dict().items() if name != "heads.1.bias"}
        )


@pytest.mark.parametrize(
    "make",
    [
        lambda: recur.LSTM(3, 4, 2, dropout=0.2),
        lambda: recur.Linear(3, 4),
        lambda: recur.LayerNorm(3),
        lambda: recur.Dropout(0.5),
        lambda: recur.Dropout(0.5, features=3),
        lambda: recur.GRU(3, 4, batch_first=True, reset_after=False),
        lambda: recur.Sequential(
            recur.Residual(recur.Linear(3, 3), recur.Tanh()),
            recur.GRU(3, 4),
            recur.Last(),
            recur.Linear(4, 2),
        ),
    ],
)
def test_copies_of_layers(rng, make):
    module, x = make(), numbers(rng, 5, 2, 3)
    module.manual_seed(4)
    module(x)
    copies = [copy.deepcopy(module), pickle.loads(pickle.dumps(module))]
    first = lambda y: y[0] if isinstance(y, tuple) else y  # noqa: E731
    wanted = first(module(x)).detach()
    for other in copies:
        assert type(other) is type(module) and repr(other) == repr(module)
        y = first(other(x))
        np.testing.assert_array_equal(y, wanted)  # masks too
        y.backward(np.ones(y.shape))
        assert (
            not other.flat.size
            or other.flat_grad.any()
            and not np.shares_memory(other.flat, module.flat)
        )
    assert not module.flat_grad.any()


def test_a_module_with_two_names_and_one_that_is_nested(data):
    tied = Tied()
    x = np.ones((2, 3), np.float32)
    check(lambda: MSE(tied(x), x), tied)
    assert list(tied.params) == ["net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias"]
    for other in (copy.deepcopy(tied), pickle.loads(pickle.dumps(tied))):
        assert other.first is other.net[0] and other.again is other.net
        np.testing.assert_array_equal(other.flat, tied.flat)
        assert not np.shares_memory(other.flat, tied.flat)
    assert copy.deepcopy(tied.net[0])._parent is None


def test_children_by_other_means():
    net = recur.Module()
    net.add_module("a", recur.Linear(1, 2))
    net.b = recur.ModuleDict({"x": recur.Linear(2, 2), "y": recur.ReLU()})
    assert list(net.params) == ["a.weight", "a.bias", "b.x.weight", "b.x.bias"]
    seen = []
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Linear", "Linear", "ReLU", "ModuleDict", "Module"]
    del net.a
    assert list(net.params) == ["b.x.weight", "b.x.bias"] and [
        name for name, _ in net.named_children()
    ] == ["b"]
    net.b = None
    assert not net.params and net.flat.size == 0 and net.children() == []
    layers = recur.ModuleList([recur.Linear(2, 3)])
    layers.insert(0, recur.Linear(1, 2))
    layers[1] = recur.Linear(2, 5)
    assert [tuple(p.shape) for p in layers.parameters()] == [(2, 1), (2,), (5, 2), (5,)]


def test_sequential_grows_and_is_sliced(rng):
    net = recur.Sequential(recur.GRU(3, 4), recur.Tanh(), recur.Linear(4, 2))
    x = numbers(rng, 5, 2, 3)
    net(x).backward(np.ones((5, 2, 2)))
    grads, weight = net.flat_grad.copy(), net[0].weight_hh_l0.copy()
    net.append(recur.LayerNorm(2))
    net.insert(1, recur.LayerNorm(4))
    net.head = recur.Linear(2, 1)
    assert [name for name, _ in net.named_children()] == ["0", "1", "2", "3", "4", "head"]
    np.testing.assert_array_equal(net[0].weight_hh_l0, weight)
    np.testing.assert_array_equal(net[0].flat_grad, grads[: net[0].flat.size])
    with pytest.raises(recur.Error):
        net.append(recur.Linear(7, 7))
    assert len(net) == 6 and net(x).shape == (5, 2, 1)
    net.extend([recur.Linear(1, 2), recur.Tanh()])
    front, back = net[:3], net[3:]
    assert isinstance(front, recur.Sequential) and len(front) == 3 and front[0] is net[0]
    net.zero_grad()
    y = net(x)
    wanted = y.detach()
    y.backward(np.ones(y.shape))
    grads = net.flat_grad.copy()
    net.zero_grad()
    z = back(front(x))
    close(z, wanted)
    z.backward(np.ones(z.shape))
    near(net.flat_grad, grads)
    assert list(back.params) == [name for name in net.params if name[0] in "3456h"]
    np.testing.assert_array_equal(back.flat_grad, grads[front.flat.size :])
    alone = copy.deepcopy(front)
    close(alone.eval()(x), front.eval()(x))
    with pytest.raises(NotImplementedError, match="deepcopy"):
        front.snapshot()


@pytest.mark.parametrize(
    "message, wrong",
    [
        ("ModuleList", lambda net: setattr(net, "layers", [recur.Linear(1, 1)])),
        ("itself", lambda net: setattr(net, "me", net)),
        ("name of the class", lambda net: setattr(net, "forward", recur.Linear(1, 1))),
        ("another module or None", lambda net: setattr(net, "decoder", 3)),
        ("CPU", lambda net: net.to("cuda")),
        ("CPU", lambda net: net.cuda()),
        ("float32", lambda net: net.half()),
        ("float32", lambda net: net.to("cpu", np.float64)),
        ("scale", lambda net: net.requires_grad_(False)),
        ("scale", lambda net: setattr(net.decoder.weight_ih_l0, "requires_grad", False)),
        ("loss.backward", lambda net: net.backward(1)),
        ("runs in C", lambda net: recur.Residual(net)),
        ("train.. or eval", lambda net: setattr(net, "training", False)),
        ("no attribute 'nothing'", lambda net: net.nothing),
        ("already belongs to a Net", lambda net: recur.Sequential(net.decoder)),
        ("hooks", lambda net: net.register_forward_hook(print)),
        ("layers", lambda net: net.register_parameter("a", None)),
    ],
)
def test_refused(data, message, wrong):
    net = Net()
    net(*data)
    with pytest.raises(
        (TypeError, ValueError, KeyError, AttributeError, NotImplementedError), match=message
    ):
        wrong(net)


def test_without_init():
    class Hasty(recur.Module):
        def __init__(self):
            self.fc = recur.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"super\(\).__init__"):
        Hasty()
    with pytest.raises(NotImplementedError, match="forward"):
        recur.Module()(1)
    assert recur.Linear(1, 1).to("cpu").float().cpu().train().training


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: recur.Dropout(0.5), "p"),
        (lambda: recur.LSTM(3, 4, 2, dropout=0.5), "dropout"),
        (lambda: recur.GRU(3, 4), "num_layers"),
        (lambda: recur.LayerNorm(4), "eps"),
        (lambda: recur.Linear(3, 4), "in_features"),
        (lambda: recur.LSTM(3, 4), "proj_size"),
        (lambda: recur.GRUCell(3, 4), "hidden_size"),
    ],
)
def test_settings_that_cannot_be_written(make, name):
    module = make()
    with pytest.raises(AttributeError, match="fixed when it is made"):
        setattr(module, name, 0)
    with pytest.raises(AttributeError, match="no parameter 'wieght'"):
        module.wieght = np.zeros(3, np.float32)
    with pytest.raises(AttributeError, match="takes no module"):
        module.other = recur.Linear(1, 1)


def test_parameters_as_arrays(rng):
    fc, x = recur.Linear(3, 2), numbers(rng, 4, 3)
    p = fc.weight
    assert (
        type(p * 2) is np.ndarray
        and type(np.concatenate([p, p])) is np.ndarray
        and p.numel() == 6
        and type(p.numpy()) is np.ndarray
    )
    y = fc(x)
    y.backward(np.ones((4, 2)))
    np.testing.assert_array_equal(p.grad, fc.grads["weight"])
    np.testing.assert_array_equal(p.T.grad, p.grad.T)
    np.testing.assert_array_equal(p[1].grad, p.grad[1])
    y = fc(x)
    p -= 0.1 * p.grad
    with pytest.raises(recur.OrderError, match="parameters changed"):
        y.backward(np.ones((4, 2)))
    p.grad = None
    assert not fc.grads["weight"].any() and fc.grads["bias"].any()
    recur.Sequential(fc)
    with pytest.raises(AttributeError, match="take it from"):
        p.grad
    assert pickle.loads(pickle.dumps(p)).shape == (2, 3)


@pytest.mark.parametrize("source", [module, compose, parameter, passes])
def test_examples_in_docstrings(source):
    result = doctest.testmod(source)
    assert result.attempted and not result.failed


# ---- modules of the user's in a Sequential ------------------------------------------------------


class Half(recur.Module):
    """Every other feature, of a layer of its own."""

    def __init__(self, features):
        super().__init__()
        self.fc = recur.Linear(features, features)

    def forward(self, x):
        return self.fc(x)[..., ::2]


def mixed():
    return recur.Sequential(
        recur.GRU(3, 4, batch_first=True),
        Half(4),
        recur.Tanh(),
        recur.Sequential(recur.Linear(2, 4), Half(4)),
        recur.Linear(2, 2),
    )


def test_a_sequential_with_modules_of_the_users(rng):
    net, x, t = mixed(), numbers(rng, 2, 5, 3), numbers(rng, 2, 5, 2)
    y = net[0](x)[0]
    for part in list(net)[1:]:
        y = part(y)
    np.testing.assert_array_equal(net(x), y)
    check(lambda: MSE(net(x), t), net, count=40)
    names = list(net.params)
    assert names[0] == "0.weight_ih_l0" and "1.fc.weight" in names and "3.1.fc.bias" in names
    assert len(net) == 5 and repr(net).startswith("Sequential(") and net[-1] is net[4]
    net.eval()
    assert not net[3][1].fc.training and not net(x).requires_grad


def test_a_file_of_the_users_may_begin_with_the_name_of_the_package(rng, tmp_path, monkeypatch):
    (tmp_path / "recurrent_parts.py").write_text(
        "import recur\n\n\nclass Twice(recur.Linear):\n"
        "    def forward(self, x):\n        return super().forward(super().forward(x))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    from recurrent_parts import Twice

    part, x = Twice(3, 3), numbers(rng, 2, 3)
    net = recur.Sequential(recur.Identity(), part)
    np.testing.assert_array_equal(net(x), part(x))
    assert (net(x) != recur.Linear.forward(part, x)).any()


def test_copies_and_files_of_it(rng, tmp_path):
    net, x = mixed().eval(), numbers(rng, 2, 5, 3)
    wanted = net(x)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(copy.deepcopy(net)(x), wanted)
    np.testing.assert_array_equal(again(x), wanted)
    recur.save(net, tmp_path / "net")
    other = mixed().eval()
    recur.load(tmp_path / "net", other)
    np.testing.assert_array_equal(other(x), wanted)
    with pytest.raises(AttributeError, match="snapshot: Python runs"):
        net.snapshot()


def test_slices_of_it(rng):
    net, x, t = mixed(), numbers(rng, 2, 5, 3), numbers(rng, 2, 5, 2)
    MSE(net(x), t).backward()
    wanted = net.flat_grad.copy()
    net.zero_grad()
    front, back = net[:2], net[2:]
    assert list(back.params) == [name for name in net.params if name[0] in "34"]
    MSE(back(front(x)), t).backward()
    np.testing.assert_array_equal(net.flat_grad, wanted)
    np.testing.assert_array_equal(copy.deepcopy(back)(front(x)), net(x))
    with pytest.raises(IndexError, match="follow each other"):
        net[::2]


def test_what_parts_learn_from_their_neighbours(rng):
    x = numbers(rng, 5, 2, 3)
    both = recur.LSTM(3, 4, bidirectional=True)
    net = recur.Sequential(both, recur.Dropout(0.5), recur.Last(), Half(8)).eval()
    whole = recur.Sequential(copy.deepcopy(both), recur.Last()).eval()
    assert net[2].direction == "bidirectional"
    np.testing.assert_array_equal(net[:3](x), whole(x))
    net = recur.Sequential(recur.GRU(3, 4), Half(4), recur.Last("forward"), recur.ReLU()).eval()
    np.testing.assert_array_equal(net(x), np.maximum(net[:2](x)[-1], 0))
    for message, wrong in {
        "follows a module of yours": lambda: recur.Sequential(both, Half(8), recur.Last()),
        "given twice": lambda: recur.Sequential(Half(2), both, both),
        "must be a module": lambda: recur.Sequential(Half(2), np.tanh),
        "runs in C": lambda: recur.Residual(Half(2)),
        "runs in C: give it": lambda: recur.Sequential(recur.Linear(2, 2)).append(Half(2)),
    }.items():
        with pytest.raises((ValueError, TypeError), match=message):
            wrong()
