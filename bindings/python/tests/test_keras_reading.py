"""from_keras gives the numbers of Keras' equations, or refuses: a fault each. Keras is not
needed."""

import sys

import numpy as np
import pytest
from conftest import numbers
from test_keras import gru_after, gru_before, layer, lstm, over_time, simple_rnn, weights_of

import recur


def refused(weights, config, words, **more):
    with pytest.raises(NotImplementedError, match=words):
        recur.from_keras(weights, config, verify=False, **more)


def both(forward, backward=None, **more):
    inner = (
        {"layer": forward} if backward is None else {"layer": forward, "backward_layer": backward}
    )
    return {"class_name": "Bidirectional", "config": {"merge_mode": "concat", **inner, **more}}


def test_backward_layers(rng):
    w, v = (weights_of(rng, 1, lambda u: (u,)) for _ in range(2))
    x = numbers(rng, 2, 5, 3)
    same = both(layer("SimpleRNN", activation="tanh"), layer("SimpleRNN", go_backwards=True))
    net = recur.from_keras([*w, *v], same, verify=False)
    ends = over_time(simple_rnn, x, w)[:, -1], over_time(simple_rnn, x, v, True)[:, 0]
    np.testing.assert_allclose(net(x), np.concatenate(ends, -1), atol=2e-6)
    for backward, words in (
        (layer("SimpleRNN"), "same direction"),
        (layer("SimpleRNN", go_backwards=True, return_sequences=True), "return_sequences"),
        (layer("SimpleRNN", go_backwards=True, stateful=True), "stateful"),
        (layer("SimpleRNN", go_backwards=True, return_state=True), "return_state"),
    ):
        refused([*w, *v], both(layer("SimpleRNN"), backward), words)
    turned = layer("SimpleRNN", go_backwards=True, return_sequences=True)
    refused([*w, *v], both(turned), "reverse order")


def relu_rnn(x, h, kernel, recurrent, bias):
    return np.maximum(x @ kernel + h[0] @ recurrent + bias, 0), None


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("mode", ["concat", "sum", "ave", "mul"])
def test_two_different_directions(rng, sequences, mode):
    w = weights_of(rng, 1, lambda u: (u,))
    v = [0.3 * a for a in weights_of(rng, 1, lambda u: (u,))]
    x = numbers(rng, 2, 5, 3)
    forward = layer("SimpleRNN", return_sequences=sequences)
    back = layer("SimpleRNN", activation="relu", go_backwards=True, return_sequences=sequences)
    net = recur.from_keras([*w, *v], both(forward, back, merge_mode=mode), verify=False)
    a, b = over_time(simple_rnn, x, w), over_time(relu_rnn, x, v, True)
    a, b = (a, b) if sequences else (a[:, -1], b[:, 0])
    wanted = {
        "concat": np.concatenate([a, b], -1),
        "sum": a + b,
        "ave": (a + b) / 2,
        "mul": a * b,
    }[mode]
    got = net(x)
    np.testing.assert_allclose(got[0] if isinstance(got, tuple) else got, wanted, atol=2e-6)


def test_directions_of_two_kinds(rng):
    w = weights_of(rng, 3, lambda u: (2, 3 * u))
    v = weights_of(rng, 4, lambda u: (4 * u,))
    x = numbers(rng, 2, 5, 3)
    mixed = both(layer("GRU", reset_after=True), layer("LSTM", go_backwards=True))
    net = recur.from_keras([*w, *v], mixed, verify=False)
    ends = over_time(gru_after, x, w)[:, -1], over_time(lstm, x, v, True)[:, 0]
    np.testing.assert_allclose(net(x), np.concatenate(ends, -1), atol=2e-6)


def test_old_gru_configurations(rng):
    x = numbers(rng, 2, 5, 3)
    old, new = (weights_of(rng, 3, bias) for bias in (lambda u: (3 * u,), lambda u: (2, 3 * u)))
    for w, step in ((old, gru_before), (new, gru_after)):
        net = recur.from_keras(w, layer("GRU", return_sequences=True), verify=False)
        np.testing.assert_allclose(net(x)[0], over_time(step, x, w), atol=2e-6)
    refused(old[:2], layer("GRU", use_bias=False), "neither reset_after nor a bias")
    refused(old, layer("GRU", reset_after=True), "shapes")
    refused(new, layer("GRU", reset_after=False), "shapes")


def test_options_that_change_numbers(rng):
    w = weights_of(rng, 4, lambda u: (4 * u,))
    for more, words in (
        ({"time_major": True}, "time_major"),
        ({"stateful": True}, "stateful"),
        ({"peephole": True}, "peephole=True is not known"),
        ({"inner_activation": "sigmoid"}, "inner_activation"),
        ({"dtype": "float16"}, "float16"),
        (
            {"dtype": {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}},
            "mixed_float16",
        ),
        ({"activation": {"class_name": "Own", "config": {}}}, "activation"),
    ):
        refused(w, layer("LSTM", **more), words)
    harmless = {"dtype": "float32", "kernel_initializer": {"class_name": "Zeros"},
    "kernel_regularizer": None,
                "unroll": True, "implementation": 2, "trainable": False, "unknown": None,
                "time_major": False}  # fmt: skip
    net = recur.from_keras(w, layer("LSTM", return_sequences=True, **harmless), verify=False)
    x = numbers(rng, 2, 5, 3)
    np.testing.assert_allclose(net(x)[0], over_time(lstm, x, w), atol=2e-6)
    refused(w, {**layer("LSTM"), "registered_name": "mine>LSTM", "module": "mine"}, "of mine")
    refused(w, {**layer("LSTM"), "registered_name": "mine>LSTM"}, "mine>LSTM")


def test_masks(rng):
    table = numbers(rng, 5, 3)
    refused([table], {"class_name": "Embedding", "config": {"mask_zero": True}}, "mask_zero")
    refused([], {"class_name": "Masking", "config": {"mask_value": 0.0}}, "packed=True")
    refused(
        [table],
        {"class_name": "Embedding", "config": {"input_dim": 3, "output_dim": 5}},
        "array has shape",
    )


def chain(*inner):
    return {"class_name": "Sequential", "config": {"layers": list(inner)}}


def test_softmax_in_the_middle(rng):
    first, second = [numbers(rng, 3, 4), numbers(rng, 4)], [numbers(rng, 4, 2), numbers(rng, 2)]
    x = numbers(rng, 6, 3)
    wanted = (x @ first[0] + first[1]) @ second[0] + second[1]
    end = {"class_name": "Dense", "config": {"units": 2, "activation": "softmax"}}
    plain = {"class_name": "Dense", "config": {"units": 2}}
    hidden = {"class_name": "Dense", "config": {"units": 4}}
    for last in ([end], [plain, {"class_name": "Activation", "config": {"activation": "softmax"}}],
                 [{"class_name": "TimeDistributed", "config": {"layer": end}}]):  # fmt: skip
        net = recur.from_keras([*first, *second], chain(hidden, *last), logits=True, verify=False)
        np.testing.assert_allclose(net(x), wanted, atol=1e-5)
    soft = {"class_name": "Dense", "config": {"units": 4, "activation": "softmax"}}
    net = recur.from_keras([*first, *second], chain(soft, plain), logits=True, verify=False)
    e = np.exp(x @ first[0] + first[1])
    np.testing.assert_allclose(
        net(x), e / e.sum(-1, keepdims=True) @ second[0] + second[1], atol=1e-5
    )


def test_wrappers(rng):
    w = weights_of(rng, 4, lambda u: (4 * u,))
    refused(w, {"class_name": "TimeDistributed", "config": {"layer": layer("LSTM")}}, "LSTM inside")


def test_dropout_and_activations_come_first(rng):
    w, x = weights_of(rng, 4, lambda u: (4 * u,)), numbers(rng, 2, 5, 3)
    first = [
        {"class_name": "Dropout", "config": {"rate": 0.3}},
        {"class_name": "Activation", "config": {"activation": "relu"}},
    ]
    net = recur.from_keras(w, chain(*first, layer("LSTM")), verify=False)
    np.testing.assert_allclose(net(x), over_time(lstm, np.maximum(x, 0), w)[:, -1], atol=2e-6)


def test_the_check_finds_a_difference(rng, monkeypatch):
    """With Keras, one that takes the gates in another order is not returned."""
    keras = pytest.importorskip("keras")
    from recur.convert import _verify
    from recur.convert import keras_recurrent as reader

    w = weights_of(rng, 3, lambda u: (2, 3 * u))
    config = keras.layers.serialize(keras.layers.GRU(4))
    assert recur.from_keras(w, config)(numbers(rng, 2, 5, 3)).shape == (2, 4)
    monkeypatch.setitem(reader.KERAS, "GRU", [0, 1, 2])
    with pytest.raises(_verify.ConversionError, match="from_keras: the output .* differs"):
        recur.from_keras(w, config)
    recur.from_keras(w, config, verify=False)
    monkeypatch.delitem(sys.modules, "keras")
    recur.from_keras(w, config)  # Keras is not loaded: nothing to compare with
