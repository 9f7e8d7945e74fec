"""Against Keras itself: layers with random weights, and a model that it trained."""

import os

import numpy as np
import pytest
from conftest import numbers

import recur

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
keras = pytest.importorskip("keras")
layers = keras.layers
TOLERANCE = 2e-6


def converted(layer):
    return recur.from_keras(layer.get_weights(), keras.layers.serialize(layer)).eval()


def random_weights(layer, rng, x):
    """Keras starts with biases of zero, which would hide their order."""
    layer(x)
    layer.set_weights([0.5 * rng.standard_normal(w.shape).astype(np.float32) for w in layer.get_weights()])


def compare(rng, layer, x):
    random_weights(layer, rng, x)
    wanted = keras.ops.convert_to_numpy(layer(x))
    got = converted(layer)(x)
    got = got[0] if isinstance(got, tuple) else got
    assert got.shape == wanted.shape
    print(f"{layer.name}: {np.abs(got - wanted).max():.1e}")
    np.testing.assert_allclose(got, wanted, rtol=5e-7, atol=TOLERANCE)


RECURRENT = [
    (kind, more)
    for kind, options in (
        (layers.SimpleRNN, ({}, {"activation": "relu"}, {"activation": None})),
        (layers.LSTM, ({}, {"activation": "softsign"}, {"activation": "relu", "recurrent_activation": "tanh"})),
        (layers.GRU, ({"reset_after": True}, {"reset_after": False}, {"activation": "sigmoid", "recurrent_activation": "softsign"})),
    )
    for own in options
    for more in ({}, {"return_sequences": True}, {"use_bias": False}, {"go_backwards": True}, {"dropout": 0.3, "recurrent_dropout": 0.2})
    for more in [{**own, **more}]
]


@pytest.mark.parametrize("kind, more", RECURRENT)
def test_recurrent_layers(rng, kind, more):
    compare(rng, kind(5, **more), numbers(rng, 4, 7, 3))


@pytest.mark.parametrize("kind", [layers.SimpleRNN, layers.LSTM, layers.GRU])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("merge", ["concat", "sum", "ave", "mul"])
def test_bidirectional(rng, kind, sequences, merge):
    compare(rng, layers.Bidirectional(kind(5, return_sequences=sequences), merge_mode=merge), numbers(rng, 4, 7, 3))


def test_bidirectional_with_the_reset_before(rng):
    compare(rng, layers.Bidirectional(layers.GRU(5, reset_after=False)), numbers(rng, 4, 7, 3))


def test_other_layers(rng):
    compare(rng, layers.Dense(4, activation="tanh"), numbers(rng, 5, 3))
    compare(rng, layers.LayerNormalization(), numbers(rng, 5, 3))


def test_a_trained_model(rng, tmp_path):
    """A whole network that Keras trained: converted, saved, opened again."""
    keras.utils.set_random_seed(1)
    net = keras.Sequential(
        [
            keras.Input((9,), dtype="int32"),
            layers.Embedding(6, 4),
            layers.Bidirectional(layers.GRU(5, return_sequences=True)),
            layers.Dropout(0.2),
            layers.LSTM(5),
            layers.Dense(3, activation="relu"),
            layers.Dense(2),
        ]
    )
    x = rng.integers(0, 6, (32, 9))
    net.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    net.fit(x, (x.sum(1) % 2), epochs=3, verbose=0)
    wanted = net.predict(x, verbose=0)
    recur.save_model(converted(net), tmp_path / "net", sample=x, outputs=wanted, tolerance=TOLERANCE)
    got = recur.open_model(tmp_path / "net", batch_first=True)(x)
    print(f"trained: {np.abs(got - wanted).max():.1e}")
    np.testing.assert_allclose(got, wanted, rtol=5e-7, atol=TOLERANCE)
