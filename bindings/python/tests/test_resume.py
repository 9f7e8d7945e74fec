"""What a file keeps of a module beside its tensors, and losses that are not reduced."""

import numpy as np
import pytest
from conftest import numbers

import recur


def dropping():
    return recur.Sequential(recur.Linear(4, 8), recur.Dropout(0.5), recur.Linear(8, 2))


def trained(net, adam, batches):
    losses = []
    for x in batches:
        adam.zero_grad()
        loss = recur.MSELoss()(net(x), np.zeros((len(x), 2), np.float32))
        loss.backward()
        adam.step()
        losses.append(float(loss))
    return losses


def test_a_resumed_run_with_dropout_goes_on_with_the_same_bits(rng, tmp_path):
    batches = [numbers(rng, 6, 4) for _ in range(6)]
    net = dropping()
    adam = recur.Adam(net)
    trained(net, adam, batches[:3])
    path = tmp_path / "run.safetensors"
    recur.save({"model": net, "adam": adam}, path, texts={"epoch": "3"})
    going_on = trained(net, adam, batches[3:])
    other = dropping()
    again = recur.Adam(other)
    assert recur.load(path, {"model": other, "adam": again})["epoch"] == "3"
    assert trained(other, again, batches[3:]) == going_on
    np.testing.assert_array_equal(other.flat, net.flat)


def test_a_model_from_a_file_goes_on_with_the_same_dropout(rng, tmp_path):
    x, net = numbers(rng, 6, 4), dropping()
    net(x)
    recur.save_model(net, tmp_path / "net.safetensors")
    other = recur.open_model(tmp_path / "net.safetensors").train()
    np.testing.assert_array_equal(other(x), net(x))


def test_modules_of_the_users_own_resume_too(rng, tmp_path):
    class Net(recur.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.drop = recur.Linear(4, 4), recur.Dropout(0.5, features=4)

        def forward(self, x):
            return self.drop(self.fc(x))

    x, net, other = numbers(rng, 5, 4), Net(), Net()
    net(x)
    recur.save(net, tmp_path / "net.safetensors")
    recur.load(tmp_path / "net.safetensors", other)
    np.testing.assert_array_equal(other(x), net(x))


def test_open_model_keeps_padding(tmp_path):
    net = recur.Sequential(recur.Embedding(5, 3, padding_idx=-1), recur.Linear(3, 2))
    recur.save_model(net, tmp_path / "net.safetensors")
    other = recur.open_model(tmp_path / "net.safetensors").train()
    assert other[0].padding_idx == 4 and "padding_idx=4" in repr(other)
    recur.MSELoss()(other([[4, 4, 1]]), np.ones((1, 3, 2), np.float32)).backward()
    grad = other[0].grads["weight"]
    assert not grad[4].any() and grad[1].any()


@pytest.mark.parametrize("way", ["mean", "sum"])
def test_losses_that_are_not_reduced_go_back(rng, way):
    x, t, fc = numbers(rng, 3, 5, 4), rng.integers(0, 2, (3, 5)), recur.Linear(4, 2)
    recur.CrossEntropyLoss(reduction=way)(fc(x), t).backward()
    wanted = fc.flat_grad.copy()
    fc.zero_grad()
    losses = recur.CrossEntropyLoss(reduction="none")(fc(x), t)
    assert losses.shape == (3, 5) and losses[0].shape == (3, 5)
    getattr(losses, way)().backward()
    np.testing.assert_allclose(fc.flat_grad, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("criterion", [recur.CrossEntropyLoss, recur.MSELoss])
def test_losses_are_weighted(rng, criterion):
    x, fc = numbers(rng, 6, 4), recur.Linear(4, 3)
    t = rng.integers(0, 3, 6) if criterion is recur.CrossEntropyLoss else numbers(rng, 6, 3)
    weights = rng.random(6 if criterion is recur.CrossEntropyLoss else (6, 1)).astype(np.float32)
    chosen = weights > 0.5
    (criterion(reduction="none")(fc(x), t) * chosen).sum().backward()
    got = fc.flat_grad.copy()
    fc.zero_grad()
    rows = chosen.ravel()
    criterion(reduction="sum")(fc(x[rows]), t[rows]).backward()
    np.testing.assert_allclose(got, fc.flat_grad, rtol=1e-5, atol=1e-6)
    losses = weights * criterion(reduction="none")(fc(x), t)
    assert float(losses.sum()) == pytest.approx(np.asarray(losses).sum(), rel=1e-5)


def test_losses_that_are_not_reduced_say_what_to_type(rng):
    y = recur.Linear(4, 3)(numbers(rng, 6, 4))
    losses = recur.MSELoss(reduction="none")(y, np.zeros((6, 3), np.float32))
    with pytest.raises(RuntimeError, match=r"losses.mean\(\).backward\(\)"):
        losses.backward()
    with pytest.raises(ValueError, match="3 ways"):  # of a criterion of the user's
        recur.loss_values.weighted(np.ones((3, 3)), np.ones((3, 3, 3)))


@pytest.mark.parametrize("class_dim", [1, -1])
def test_losses_of_classes_are_weighted_where_shapes_do_not_tell(rng, class_dim):
    y, t, weights = numbers(rng, 4, 4, 4), rng.integers(0, 4, (4, 4)), numbers(rng, 4, 4)
    made = recur.Identity()(y)
    losses = recur.CrossEntropyLoss(reduction="none", class_dim=class_dim)(made, t)
    given = (losses * weights).sum().grad
    p = np.exp(y) / np.exp(y).sum(class_dim, keepdims=True)
    wanted = p - np.moveaxis(np.eye(4)[t], -1, class_dim)
    np.testing.assert_allclose(given, wanted * np.expand_dims(weights, class_dim), atol=1e-5)


def test_losses_of_sequences_are_weighted(rng):
    y, weights = numbers(rng, 4, 4, 5), numbers(rng, 4)
    given = (y, rng.integers(1, 5, (4, 2)), [4, 3, 4, 4], [2, 1, 2, 0])
    _, each = recur.CTCLoss(reduction="none")(*given)
    losses = recur.CTCLoss(reduction="none")(recur.Identity()(y), *given[1:])
    np.testing.assert_allclose((losses * weights).sum().grad, each * weights[:, None], rtol=1e-6)


def test_settings_of_contexts_and_cells_are_read_only():
    context = recur.Context(threads=2)
    assert context.threads == 2
    with pytest.raises(AttributeError):
        context.threads = 3
    with pytest.raises(AttributeError, match="fixed when it is made"):
        recur.GRUCell(2, 3).bias = False


def test_losses_go_with_numbers_of_numpy(rng):
    fc, x, mask = recur.Linear(4, 3), numbers(rng, 6, 4), rng.random((6, 3)) > 0.5
    losses = recur.MSELoss(reduction="none")(fc(x), np.zeros((6, 3), np.float32))
    loss = (losses * mask).sum() / mask.sum()
    assert float(loss) == pytest.approx(losses[0][mask].mean(), rel=1e-5)
    loss.backward()
    assert fc.flat_grad.any()
    with pytest.raises(TypeError, match="mask.sum"):
        losses[mask]
    for make in (
        lambda loss: np.float32(2) * loss,
        lambda loss: loss * np.int64(2),
        lambda loss: loss + np.float64(1),
        lambda loss: np.float64(1) - loss,
    ):
        fc.zero_grad()
        loss = make(recur.MSELoss()(fc(x), np.zeros((6, 3), np.float32)))
        loss.backward()
        assert fc.flat_grad.any() and np.isfinite(loss)
