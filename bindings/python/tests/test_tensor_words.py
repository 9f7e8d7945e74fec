"""Words of PyTorch's tensors, on results of both modes: they mean what they mean there."""

import copy
import pickle

import numpy as np
import pytest
from conftest import close, numbers

import recur

MSE = recur.MSELoss()


@pytest.fixture(params=["train", "eval"])
def y(request, rng):
    """A result [3][4] of a module."""
    fc = recur.Linear(5, 4).train(request.param == "train")
    x = numbers(rng, 3, 5)
    fc(x), fc(x)  # the third call goes by a plan
    return fc(x)


def test_both_modes_give_one_class(rng):
    x = numbers(rng, 6, 2, 3)
    for make in (lambda: recur.LSTM(3, 4), lambda: recur.Sequential(recur.GRU(3, 4), recur.Last())):
        net = make()
        for mode in (net.train, net.eval):
            mode()
            for _ in range(3):  # the general way, and by a plan
                got = net(x)
                y, state = got if isinstance(got, tuple) else (got, ())
                for one in (y, *state):
                    assert type(one) is recur.Array and one.requires_grad == net.training
    cell, ids = recur.LSTMCell(3, 4), np.array([1, 2])
    for module, given in ((cell, x[0]), (cell, ids), (recur.Embedding(5, 3), ids)):
        for mode in (module.train, module.eval):
            mode()
            for _ in range(3):
                got = module(given)
                for one in got if isinstance(got, tuple) else (got,):
                    assert type(one) is recur.Array and one.requires_grad == module.training


def test_numbers_leave(y):
    plain = np.array(np.asarray(y))
    for got in (y.detach().cpu().numpy(), y.cpu().detach().numpy(), y.numpy(), y.to("cpu").numpy()):
        assert type(got) is np.ndarray and got.flags.writeable
        np.testing.assert_array_equal(got, plain)
    assert type(y.detach()) is recur.Array and not y.detach().requires_grad
    y.detach()[0] = 7
    assert y[0, 0].item() == plain[0, 0] and y.tolist() == plain.tolist()
    assert y.float() is y and y.contiguous() is y
    assert y.double().dtype == np.float64 and y.long().dtype == np.int64
    assert pickle.loads(pickle.dumps(y)).tolist() == copy.deepcopy(y).tolist() == plain.tolist()
    with pytest.raises(NotImplementedError, match="CPU"):
        y.to("cuda:1")
    with pytest.raises(AttributeError, match="numpy.abs"):
        y.abs()


def test_shapes(y):
    plain = np.array(np.asarray(y))
    assert y.size(0) == 3 and y.size(-1) == 4 and y.size() == (3, 4) and y.size == 12
    assert y.dim() == 2 and y.numel() == 12
    for got, wanted in (
        (y.flatten(1), plain),
        (y.flatten(), plain.reshape(-1)),
        (y.flatten("F"), plain.flatten("F")),
        (y.unsqueeze(0), plain[None]),
        (y.unsqueeze(-1), plain[..., None]),
        (y.unsqueeze(1).squeeze(1), plain),
        (y.unsqueeze(1).squeeze(dim=1), plain),
        (y.unsqueeze(1).flatten(0, 1), plain),
        (y.unsqueeze(2).flatten(start_dim=1), plain),
        (y.view(2, -1), plain.reshape(2, -1)),
        (y.view((4, 3)), plain.reshape(4, 3)),
        (y.permute(1, 0), plain.T),
        (y.permute((1, 0)), plain.T),
    ):
        assert type(got) is recur.Array and got.requires_grad == y.requires_grad
        np.testing.assert_array_equal(np.asarray(got), wanted)
    assert y.view(np.int32).dtype == np.int32
    with pytest.raises(ValueError, match="start after end"):
        y.flatten(1, 0)
    with pytest.raises(TypeError, match="swapaxes"):
        y.transpose(0, 1)


def test_a_copy_of_numpy_is_a_copy(rng):
    y = recur.Linear(5, 4).eval()(numbers(rng, 3, 5))
    for made in (y.flatten(), y.copy(), y.detach()):
        made[0] = 7
    assert not (y == 7).any()


def test_reductions(y):
    torch = pytest.importorskip("torch")
    other = torch.tensor(np.array(np.asarray(y)))
    for name in ("sum", "mean", "prod", "argmax", "argmin", "any", "all", "cumsum", "argsort"):
        got, wanted = getattr(y, name)(dim=1), getattr(other, name)(dim=1)
        close(got, wanted.numpy())
        assert type(got) is recur.Array
    close(y.sum(dim=(0, 1)), other.sum(dim=(0, 1)).numpy())
    close(y.mean(dim=-1, keepdim=True), other.mean(dim=-1, keepdim=True).numpy())
    for name in ("max", "min"):
        for keepdim in (False, True):
            got = getattr(y, name)(dim=1, keepdim=keepdim)
            wanted = getattr(other, name)(dim=1, keepdim=keepdim)
            close(got.values, wanted.values.numpy())
            close(got.indices, wanted.indices.numpy())
    values, indices = y.max(dim=0)
    close(values, other.max(0)[0].numpy())
    with pytest.raises(TypeError, match="ddof"):
        y.std(dim=1)
    with pytest.raises(TypeError, match="axis"):
        y.max(dim=0, axis=1)


def test_accuracy_as_it_is_typed(y):
    labels = np.array([0, 1, 2])
    wanted = (np.asarray(y).argmax(1) == labels).mean()
    assert (y.argmax(dim=1) == labels).float().mean().item() == pytest.approx(wanted)
    assert (y.argmax(1) == labels).sum().item() / len(labels) == pytest.approx(wanted)
    assert f"{y.mean():.3f}" == f"{np.asarray(y).mean():.3f}"
    assert y.argmax(dim=1).cpu().numpy().tolist() == np.asarray(y).argmax(1).tolist()


def test_gradients_go_through(rng):
    x, t = numbers(rng, 3, 2, 5), numbers(rng, 3, 8)
    for form in (
        lambda y: y.flatten(1),
        lambda y: y.view(3, -1),
        lambda y: y.view(-1, 8),
        lambda y: y.unsqueeze(1).squeeze(1).flatten(start_dim=1),
        lambda y: y.permute(1, 0, 2).permute(1, 0, 2).cpu().contiguous().float().reshape(3, 8),
    ):
        fc = recur.Linear(5, 4)
        other = copy.deepcopy(fc)
        MSE(form(fc(x)), t).backward()
        MSE(other(x).reshape(3, 8), t).backward()
        assert fc.flat_grad.any()
        np.testing.assert_array_equal(fc.flat_grad, other.flat_grad)


def test_results_of_evaluation_go_on(rng):
    rnn, fc, x = recur.GRU(3, 4).eval(), recur.Linear(4, 2), numbers(rng, 5, 2, 3)
    other = copy.deepcopy(fc)
    for _ in range(3):
        MSE(fc(rnn(x)[0]), np.zeros((5, 2, 2), np.float32)).backward()
        MSE(other(rnn(x)[0].numpy()), np.zeros((5, 2, 2), np.float32)).backward()
    np.testing.assert_array_equal(fc.flat_grad, other.flat_grad)
    ids = fc.eval()(rnn(x)[0]).argmax(-1)
    table = recur.Embedding(2, 3)
    for _ in range(3):
        np.testing.assert_array_equal(np.asarray(table(ids)), table.weight[np.asarray(ids)])


def test_what_was_recorded_is_not_lost_in_plain_results(rng):
    net, fc = recur.Linear(3, 3), recur.Linear(3, 2)
    x, total = numbers(rng, 4, 3), fc.eval()(numbers(rng, 4, 3))
    with pytest.raises(TypeError, match="detach"):
        total += fc.train()(x)
    hidden = np.asarray(net(x)).view(recur.Array)
    fc(hidden).backward(np.ones((4, 2)))
    assert net.flat_grad.any()


def test_losses_are_detached(rng):
    fc, x = recur.Linear(3, 2), numbers(rng, 4, 3)
    loss = MSE(fc(x), np.zeros((4, 2), np.float32))
    assert loss.detach().cpu().numpy() == loss.detach().item() == float(loss)
    with pytest.raises(RuntimeError, match="no recorded pass"):
        loss.detach().backward()
    (loss + loss.detach()).backward()
    assert fc.flat_grad.any()


def test_parameters(rng):
    fc = recur.Linear(3, 2)
    weight = fc.weight
    assert weight.size(1) == 3 and weight.dim() == 2 and weight.cpu() is weight
    assert weight.detach().cpu().numpy().shape == (2, 3) and weight.grad.cpu().sum().item() == 0
