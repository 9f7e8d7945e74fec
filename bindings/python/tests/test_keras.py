"""Keras' arrays in their own order, against its equations written down in NumPy."""

import numpy as np
import pytest
from conftest import numbers

import recur


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def simple_rnn(x, h, kernel, recurrent, bias):
    return np.tanh(x @ kernel + h[0] @ recurrent + bias), None


def lstm(x, s, kernel, recurrent, bias):
    i, f, g, o = np.split(x @ kernel + s[0] @ recurrent + bias, 4, -1)
    c = sigmoid(f) * s[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_after(x, s, kernel, recurrent, bias):
    xz, xr, xh = np.split(x @ kernel + bias[0], 3, -1)
    hz, hr, hh = np.split(s[0] @ recurrent + bias[1], 3, -1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    return z * s[0] + (1 - z) * np.tanh(xh + r * hh), None


def gru_before(x, s, kernel, recurrent, bias):
    xz, xr, xh = np.split(x @ kernel + bias, 3, -1)
    uz, ur, uh = np.split(recurrent, 3, -1)
    z, r = sigmoid(xz + s[0] @ uz), sigmoid(xr + s[0] @ ur)
    return z * s[0] + (1 - z) * np.tanh(xh + (r * s[0]) @ uh), None


def over_time(step, x, weights, backwards=False):
    """x [B][T][I]; Keras: the state starts at zero."""
    u = weights[1].shape[0]
    s, ys = (np.zeros((len(x), u)), np.zeros((len(x), u))), []
    for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        h, c = step(x[:, t], s, *weights)
        s = (h, c)
        ys.append(h)
    return np.stack(ys[::-1] if backwards else ys, 1)


CASES = [
    ("SimpleRNN", {}, 1, simple_rnn, lambda u: (u,)),
    ("LSTM", {}, 4, lstm, lambda u: (4 * u,)),
    ("GRU", {"reset_after": True}, 3, gru_after, lambda u: (2, 3 * u)),
    ("GRU", {"reset_after": False}, 3, gru_before, lambda u: (3 * u,)),
]


def weights_of(rng, G, bias, I=3, u=4):
    return [numbers(rng, I, G * u), numbers(rng, u, G * u), numbers(rng, *bias(u))]


def layer(name, **config):
    return {"class_name": name, "config": {"units": 4, **config}}


@pytest.mark.parametrize("name, more, G, step, bias", CASES)
def test_layers(rng, name, more, G, step, bias):
    w, x = weights_of(rng, G, bias), numbers(rng, 2, 5, 3)
    wanted = over_time(step, x, w)
    ours = recur.from_keras(w, layer(name, return_sequences=True, **more))
    np.testing.assert_allclose(ours(x)[0], wanted, atol=2e-6)
    np.testing.assert_allclose(recur.from_keras(w, layer(name, **more))(x), wanted[:, -1], atol=2e-6)
    back = recur.from_keras(w, layer(name, go_backwards=True, **more))(x)
    np.testing.assert_allclose(back, over_time(step, x, w, True)[:, 0], atol=2e-6)


@pytest.mark.parametrize("name, more, G, step, bias", CASES)
def test_a_model(rng, name, more, G, step, bias):
    emb, dense = numbers(rng, 7, 3), [numbers(rng, 8, 2), numbers(rng, 2)]
    w, v = weights_of(rng, G, bias), weights_of(rng, G, bias)
    config = {
        "class_name": "Sequential",
        "config": {
            "layers": [
                {"class_name": "InputLayer", "config": {}},
                {"class_name": "Embedding", "config": {"input_dim": 7, "output_dim": 3}},
                {"class_name": "Bidirectional", "config": {"merge_mode": "concat", "layer": layer(name, **more)}},
                {"class_name": "Dropout", "config": {"rate": 0.3}},
                {"class_name": "Dense", "config": {"units": 2, "activation": "sigmoid"}},
            ]
        },
    }
    net = recur.from_keras([emb, *w, *v, *dense], config)
    ids = rng.integers(0, 7, (2, 5))
    x = emb[ids]
    h = np.concatenate([over_time(step, x, w)[:, -1], over_time(step, x, v, True)[:, 0]], -1)
    np.testing.assert_allclose(net(ids), sigmoid(h @ dense[0] + dense[1]), atol=3e-6)


@pytest.mark.parametrize("mode, merge", [("sum", np.add), ("ave", lambda a, b: (a + b) / 2), ("mul", np.multiply)])
def test_merged_directions(rng, mode, merge):
    w, v = (weights_of(rng, 4, lambda u: (4 * u,)) for _ in range(2))
    gamma, beta = numbers(rng, 4), numbers(rng, 4)
    x = numbers(rng, 2, 5, 3)
    for sequences in (True, False):
        both = {"class_name": "Bidirectional", "config": {"merge_mode": mode, "layer": layer("LSTM", return_sequences=sequences)}}
        norm = {"class_name": "LayerNormalization", "config": {"axis": [-1], "epsilon": 1e-3, "center": True, "scale": True}}
        net = recur.from_keras([*w, *v, gamma, beta], {"class_name": "Sequential", "config": {"layers": [both, norm]}})
        a, b = over_time(lstm, x, w), over_time(lstm, x, v, True)
        h = merge(a, b) if sequences else merge(a[:, -1], b[:, 0])
        h = (h - h.mean(-1, keepdims=True)) / np.sqrt(h.var(-1, keepdims=True) + 1e-3) * gamma + beta
        np.testing.assert_allclose(net(x), h, atol=5e-6)


def test_refused(rng):
    w = weights_of(rng, 4, lambda u: (4 * u,))
    for config, words in (
        (layer("LSTM", activation="gelu"), "gelu"),
        (layer("LSTM", recurrent_activation="hard_sigmoid"), "hard_sigmoid"),
        (layer("ConvLSTM2D"), "ConvLSTM2D"),
        ({"class_name": "Bidirectional", "config": {"merge_mode": None, "layer": layer("LSTM")}}, "merge_mode"),
        ({"class_name": "LayerNormalization", "config": {"axis": 1}}, "axis"),
        (layer("LSTM", go_backwards=True, return_sequences=True), "go_backwards"),
        (layer("LSTM", units=9), "units"),
    ):
        with pytest.raises(NotImplementedError, match=words):
            recur.from_keras(w, config)
    with pytest.raises(ValueError, match="left over"):
        recur.from_keras([*w, w[0]], layer("LSTM"))
    with pytest.raises(ValueError, match="needs"):
        recur.from_keras(w[:2], layer("LSTM"))
    dense = {"class_name": "Dense", "config": {"activation": "softmax"}}
    assert recur.from_keras([np.zeros((3, 2)), np.zeros(2)], dense, logits=True).out_features == 2
    net = recur.from_keras([np.zeros((3, 2)), np.zeros(2)], dense)
    np.testing.assert_allclose(net(np.ones((1, 3), np.float32)), [[0.5, 0.5]])
