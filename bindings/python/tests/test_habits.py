"""What users of PyTorch type: it works, or the error says what to type instead."""

import doctest

import numpy as np
import pytest
from conftest import close, near, numbers
from test_passes import check

import recur
from recur import recurrent

MSE = recur.MSELoss()
KINDS = {
    recur.PeepholeLSTM: {},
    recur.CoupledLSTM: {},
    recur.LayerNormRNN: {},
    recur.LayerNormLSTM: {},
    recur.LayerNormGRU: {},
    recur.IndRNN: {},
    recur.MinGRU: {"activation": "positive"},
    recur.MinLSTM: {},
    recur.QRNN: {},
    recur.SRU: {},
    recur.ClockworkRNN: {"modules": 2, "periods": [1, 2]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_class(rng, kind, tmp_path):
    layer, fc = kind(3, 4, 2, batch_first=True, **KINDS[kind]), recur.Linear(4, 2)
    x, t = numbers(rng, 2, 5, 3), numbers(rng, 2, 2)
    states = len(kind.states)
    _, state = layer(x)
    assert len(layer.states) == states and (state[0] if states == 2 else state).shape == (2, 2, 4)
    check(lambda: MSE(fc(layer(x)[0][:, -1]), t), layer, fc)
    recur.save_model(layer, tmp_path / "model")
    again = recur.open_model(tmp_path / "model", batch_first=True)
    assert type(again) is kind and repr(again) == repr(layer)
    np.testing.assert_array_equal(again(x)[0], layer.eval()(x)[0])


def test_learned_initial_states(rng):
    gru, x, t = recur.GRU(3, 4, learn_start=True), numbers(rng, 5, 2, 3), numbers(rng, 2, 4)
    check(lambda: MSE(gru(x)[0][-1], t), gru, count=40)
    assert gru.grads["h0_l0"].any() if "h0_l0" in gru.params else gru.flat_grad.any()


@pytest.mark.parametrize(
    "module", [recur.Embedding(6, 3, padding_idx=2), recur.Embedding(6, 3, padding_idx=-4)]
)
def test_padding(rng, module):
    assert (
        not module.weight[2].any() and module.weight.any(1).sum() == 5 and module.padding_idx == 2
    )
    ids = np.array([[2, 0], [3, 2]])
    y = module(ids)
    y.backward(np.ones(y.shape))
    near(module.grads["weight"], np.float32([1, 0, 0, 1, 0, 0])[:, None].repeat(3, 1))
    module.init_("normal", 1)
    assert not module.weight[2].any()


def test_padding_in_a_whole(rng):
    table = recur.Embedding(6, 3, padding_idx=0)
    net = recur.Sequential(table, recur.GRU(3, 4), recur.Linear(4, 2))
    other = recur.Sequential(recur.Embedding(6, 3), recur.GRU(3, 4), recur.Linear(4, 2))
    other.load_state_dict(net.state_dict())
    ids, t = np.array([[0, 1], [2, 0], [3, 4]]), numbers(rng, 3, 2, 2)
    MSE(net(ids), t).backward()
    MSE(other(ids), t).backward()
    assert other.grads["0.weight"][0].any() and not net.grads["0.weight"][0].any()
    other.grads["0.weight"][0] = 0
    near(net.flat_grad, other.flat_grad)
    net.reset_parameters()
    assert not net[0].weight[0].any()


def test_names_of_arguments(rng):
    x, h = numbers(rng, 5, 2, 3), numbers(rng, 1, 2, 4)
    gru = recur.GRU(3, 4, device="cpu", dtype=np.float32).eval()
    close(gru(input=x, hx=h)[0], gru(x, h)[0])
    close(gru(x, hx=h)[0], gru.forward(x, h)[0])
    cell = recur.GRUCell(3, 4, device="cpu").eval()
    close(cell(input=x[0], hx=h[0]), cell(x[0], h[0]))
    fc = recur.Linear(3, 2, True, "cpu", "float32").eval()
    close(fc(input=x), fc(x))
    net = recur.Sequential(recur.GRU(3, 4)).eval()
    close(net(input=x), gru.__class__.forward(net[0], x)[0])
    for message, wrong in {
        "takes no argument 'hidden'": lambda: gru(x, hidden=h),
        "twice": lambda: gru(x, h, hx=h),
        "needs its input": lambda: gru(hx=h),
        "needs its input ": lambda: fc(),
        "PeepholeLSTM": lambda: recur.LSTM(3, 4, cell="lstm_peephole"),
    }.items():
        with pytest.raises(TypeError, match=message.strip()):
            wrong()


@pytest.mark.parametrize(
    "make",
    [
        lambda **more: recur.Linear(3, 2, **more),
        lambda **more: recur.LSTM(3, 2, **more),
        lambda **more: recur.RNNCell(3, 2, **more),
        lambda **more: recur.LSTMCell(3, 2, **more),
        lambda **more: recur.Embedding(3, 2, **more),
        lambda **more: recur.LayerNorm(3, **more),
        lambda **more: recur.RMSNorm(3, **more),
        lambda **more: recur.GroupNorm(2, 4, **more),
    ],
)
def test_devices_and_types(make):
    for more in ({"device": "cpu"}, {"dtype": "float32"}, {"dtype": np.float32, "device": None}):
        make(**more)
    for more, message in (
        ({"device": "cuda:0"}, "CPU"),
        ({"dtype": np.float64}, "float32"),
        ({"dtype": "float16"}, "float32"),
    ):
        with pytest.raises(NotImplementedError, match=message):
            make(**more)


def test_options_that_change_nothing_here():
    assert recur.ReLU(inplace=False)(np.ones(3, np.float32)).shape == (3,)
    for wrong in (
        lambda: recur.ReLU(inplace=True),
        lambda: recur.Dropout(0.5, True),
        lambda: recur.Embedding(3, 2, max_norm=1),
    ):
        with pytest.raises(NotImplementedError, match="leave it out"):
            wrong()


def test_numbers_are_no_rows():
    with pytest.raises(ValueError, match="single number"):
        recur.Merge()(3.0)


def test_names_of_version_0_1(rng):
    net = recur.Sequential(
        {"rnn": recur.LayerNormLSTM(3, 4, learn_start=True), "norm": recur.LayerNorm(4)}
    )
    renamed = {
        "norm_weight": "weight_norm",
        "norm_bias": "bias_norm",
        "h0": "start_h",
        "c0": "start_c",
    }
    old = {}
    for name, value in net.state_dict().items():
        whole, _, last = name.rpartition(".")
        start = next((new for new in renamed if last.startswith(new)), None)
        old[name if start is None else f"{whole}.{renamed[start]}{last[len(start) :]}"] = value + 1
    assert set(old) - set(net.params) and "norm.weight" in old
    wanted = net.flat + 1
    net.load_state_dict(old)
    np.testing.assert_array_equal(net.flat, wanted)


def test_examples_in_docstrings():
    result = doctest.testmod(recurrent)
    assert result.attempted and not result.failed


def test_elementwise_modules_take_any_shape():
    """One activation after layers of several widths, and numbers without a dimension."""
    relu, x = recur.ReLU(), np.linspace(-1, 1, 24, dtype=np.float32)
    first, second = relu(x.reshape(4, 6)), relu(x.reshape(2, 3, 4))
    np.testing.assert_array_equal(first, np.maximum(x, 0).reshape(4, 6))
    first.backward(np.ones((4, 6)))
    second.backward(np.ones((2, 3, 4)))
    assert relu(np.float32(-2)).shape == () and relu([1, -2]).tolist() == [1, 0]
    packed = relu(recur.pack_sequence([x[:6].reshape(2, 3), x[:3].reshape(1, 3)]))
    assert packed.data.shape == (3, 3) and packed.data.min() == 0
    drop = recur.Dropout(0.5).manual_seed(3)
    kept = [drop(np.ones(shape, np.float32)) for shape in ((5, 4), (20,), (2, 2))]
    assert [y.shape for y in kept] == [(5, 4), (20,), (2, 2)]
    with pytest.raises(RuntimeError, match="give features="):
        recur.save_model(relu, "nowhere")
    net = recur.Sequential(recur.Linear(6, 5), relu)  # now it has a width
    assert relu.features == 5 and net(x.reshape(4, 6)).shape == (4, 5)
    with pytest.raises(ValueError, match="takes 5"):
        relu(x.reshape(4, 6))


@pytest.mark.parametrize("shape", [(4, 6), (3, 2, 5), (7,), ()])
def test_elementwise_gradients(shape):
    x, g = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    tanh = recur.Tanh()
    x, g = np.asarray(x), np.asarray(g)
    y = tanh(x)
    np.testing.assert_allclose(tanh.backward(g), g * (1 - np.asarray(y) ** 2), rtol=1e-5, atol=1e-6)
    for _ in range(3):  # the general way, then by a plan
        np.testing.assert_allclose(tanh.eval()(x), np.tanh(x), rtol=1e-6)


def test_integers_where_features_are_meant():
    net = recur.GRU(1, 2)
    for call in (lambda: net.step([[1]], net.state(1)), lambda: net([[[1]]])):
        with pytest.raises(ValueError, match="integers are ids.* write 1.0 in place of 1"):
            call()
    assert net.step([[1.0]], net.state(1)).shape == (1, 2) and net([[0]])[0].shape == (1, 1, 2)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: recur.nn.Mish(), "activations are ReLU"),
        (lambda: recur.nn.LogSoftmax(-1), "criteria take logits"),
        (lambda: recur.optim.LBFGS, "update rules are SGD"),
        (lambda: recur.ctc_decode, r"CTCDecoder\(beam_width=8\)"),
        (lambda: recur.no_grad(), "after net.eval"),
        (lambda: recur.nn.init.xavier_uniform_, "module.init_"),
        (lambda: recur.nothing_of_the_kind, "no attribute 'nothing_of_the_kind'$"),
    ],
)
def test_names_that_are_not_there_say_what_to_type(call, words):
    with pytest.raises(AttributeError, match=words):
        call()


# ---- words of tensors ---------------------------------------------------------------------------

WORDS = {
    "softmax": lambda y: y.softmax(-1),
    "cuda": lambda y: y.cuda(),
    "clone": lambda y: y.clone(),
    "norm": lambda y: y.norm(),
    "std": lambda y: y.std(dim=0),
    "transpose": lambda y: y.transpose(0, 1),
}


@pytest.mark.parametrize("word", WORDS)
def test_methods_of_tensors_say_what_to_type(rng, word):
    y, _ = recur.GRU(3, 4)(numbers(rng, 5, 2, 3))
    for result in (y, y.detach()):
        with pytest.raises((AttributeError, TypeError), match=f"{word}.*(write|leave|NumPy)"):
            WORDS[word](result)


def test_transposes_that_mean_the_same_stay(rng):
    y, _ = recur.GRU(3, 4)(numbers(rng, 5, 2, 3))
    assert y.transpose(1, 0, 2).shape == y.transpose((1, 0, 2)).shape == (2, 5, 4)
    assert y[0].transpose().shape == y[0].T.shape == np.transpose(y[0], (1, 0)).shape == (4, 2)
    assert y.view(np.ndarray).shape == y.shape


def test_writing_methods_of_parameters_say_what_to_type():
    weight = recur.Linear(3, 2).weight
    for name in ("fill_", "copy_", "zero_", "normal_", "clamp_", "expand"):
        with pytest.raises(AttributeError, match=f"{name}.*NumPy"):
            getattr(weight, name)
    recur.LSTM(3, 4).flatten_parameters()


def test_arguments_that_are_not_there_say_so():
    for kind in (recur.RMSNorm, recur.LayerNorm):
        with pytest.raises(NotImplementedError, match="affine=False"):
            kind(3, elementwise_affine=False)
    with pytest.raises(NotImplementedError, match="affine.*=False"):
        recur.GroupNorm(2, 4, 1e-5, False)
    with pytest.raises(NotImplementedError, match="approximate"):
        recur.GELU("tanh")
    with pytest.raises(NotImplementedError, match="alpha"):
        recur.ELU(0.5)
    with pytest.raises(NotImplementedError, match="inplace"):
        recur.ELU(1.0, True)
    with pytest.raises(TypeError, match="reduction='mean'"):
        recur.MSELoss(size_average=False)
    assert recur.CTCLoss(0, "sum", True).reduction == "sum"
    assert recur.GELU(approximate="none")(np.zeros(1, np.float32)) == 0


@pytest.mark.parametrize("name", ["cat", "zeros", "randn", "float32"])
def test_functions_of_torch_say_what_to_type(name):
    with pytest.raises(AttributeError, match="write numpy"):
        getattr(recur, name)


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: recur.ClockworkRNN(3, 4, modules=2, periods=[1, 2]), "periods"),
        (lambda: recur.LSTM(3, 4), "cell_clip"),
        (lambda: recur.LSTM(3, 4), "learn_start"),
        (lambda: recur.GRUCell(3, 4), "reset_after"),
        (recur.ReLU, "inplace"),
    ],
)
def test_what_a_module_was_made_with_cannot_be_written(make, name):
    with pytest.raises(AttributeError, match=f"{name} .* is fixed when it is made"):
        setattr(make(), name, 1)


def test_lists_of_modules_go_by_the_names_of_torch():
    class Net(recur.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = recur.nn.ModuleList([recur.nn.Linear(2, 2) for _ in range(2)])
            self.heads = recur.nn.ModuleDict({"a": recur.nn.Linear(2, 1)})

    assert list(Net().params)[-1] == "heads.a.bias" and len(Net().layers) == 2


def test_dimensions_of_a_softmax(rng):
    x = numbers(rng, 3, 4)
    for module in (recur.Softmax(1), recur.Softmax(dim=1).eval()):
        for _ in range(3):
            close(module(x), recur.Softmax()(x).detach())
        with pytest.raises(NotImplementedError, match="dim=1. of an array with 3"):
            module(x[None])
    with pytest.raises(ValueError, match="dim"):
        recur.Softmax(-2)
    with pytest.raises(NotImplementedError, match=r"write Softmax\(-1\)"):
        recur.Sequential(recur.Linear(4, 4), recur.Softmax(1))


def test_parameters_cannot_be_shared(rng):
    table, fc = recur.Embedding(5, 4), recur.Linear(4, 5, bias=False)
    before = fc.weight.copy()
    with pytest.raises(TypeError, match=r"module.weight\[...\] = value copies"):
        fc.weight = table.weight
    np.testing.assert_array_equal(fc.weight, before)
    fc.weight[...] = table.weight
    np.testing.assert_array_equal(fc.weight, table.weight)
    fc.weight *= 2
    fc.weight = fc.weight
    fc.weight = 3 * table.weight
    np.testing.assert_array_equal(fc.weight, 3 * table.weight.numpy())


def test_other_names_are_the_users():
    class Own(recur.LSTM):
        def __init__(self):
            super().__init__(3, 4)
            self.steps = 3

    assert Own().steps == 3
