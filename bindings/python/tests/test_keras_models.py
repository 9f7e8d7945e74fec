"""Whole models of Keras: graphs, convolutions, batch normalisation, masks, final states, files."""

import os
import sys

import numpy as np
import pytest
from conftest import numbers

import recur
from recur.convert import ConversionError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
keras = pytest.importorskip("keras")
layers = keras.layers


def drawn(model, rng):
    """The model with drawn arrays: Keras starts with zeros and ones, which hide mistakes."""
    arrays = [0.6 * rng.standard_normal(w.shape).astype(np.float32) for w in model.get_weights()]
    names = [w.path for w in model.weights]
    model.set_weights([np.abs(a) if "variance" in n else a for n, a in zip(names, arrays)])
    return model


def theirs(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def y_of(net, x):
    found = net(x)
    return found[0] if type(found) is tuple else found


def same(model, x, **more):
    """Without the check: the reader alone gives the numbers."""
    net = recur.from_keras(model, verify=False, **more)
    np.testing.assert_allclose(y_of(net, x), theirs(model, x), rtol=1e-5, atol=5e-6)
    recur.from_keras(model, **more)
    return net


def a_graph():
    x = keras.Input((7, 3))
    a = layers.Conv1D(4, 3, padding="causal", activation="relu")(x)
    b = layers.Bidirectional(
        layers.LSTM(2, return_sequences=True),
        backward_layer=layers.GRU(2, return_sequences=True, go_backwards=True),
    )(a)
    skip = layers.Add()([layers.Dense(4)(b), a])
    gate = layers.Multiply()([skip, layers.Dense(4, activation="sigmoid")(x)])
    both = layers.Concatenate()([gate, b, x])
    y = layers.GRU(5)(layers.BatchNormalization()(both))
    return keras.Model(x, layers.Dense(2, activation="softmax")(y))


def test_a_graph(rng):
    net = same(drawn(a_graph(), rng), numbers(rng, 3, 7, 3))
    names = [type(part).__name__ for part in net.children()]
    assert names == ["Graph", "Affine", "GRU", "Last", "Linear", "Softmax"]


def test_graphs_stream(rng):
    """A causal graph goes step by step."""
    x = keras.Input((9, 2))
    a = layers.Conv1D(3, 2, dilation_rate=2, padding="causal")(x)
    model = drawn(keras.Model(x, layers.Concatenate()([layers.LSTM(4, return_sequences=True)(a), a])), rng)
    net, rows = same(model, numbers(rng, 1, 9, 2)), numbers(rng, 1, 9, 2)
    whole, state = y_of(net, rows), net.state(1)
    steps = np.stack([net.step(rows[:, t], state) for t in range(9)], 1)
    np.testing.assert_array_equal(steps, whole)


ROWS = [
    layers.BatchNormalization(epsilon=0.1),
    layers.BatchNormalization(scale=False),
    layers.BatchNormalization(center=False, axis=2),
    layers.LayerNormalization(axis=2),
    layers.RMSNormalization(),
    layers.PReLU(shared_axes=[1]),
    layers.LeakyReLU(negative_slope=0.3),
    layers.ReLU(negative_slope=0.2),
    layers.ReLU(),
    layers.ELU(),
    layers.Softmax(),
    layers.Rescaling(3.0, offset=0.5),
    layers.Activation("gelu"),
    layers.Activation("silu"),
    layers.GaussianNoise(0.5),
    layers.SpatialDropout1D(0.5),
    layers.TimeDistributed(layers.BatchNormalization()),
    layers.Conv1D(4, 3, padding="causal", dilation_rate=2, use_bias=False),
    layers.Conv1D(6, 2, padding="same", groups=3, activation="tanh"),
    layers.Conv1D(2, 1),
    layers.DepthwiseConv1D(3, depth_multiplier=2, padding="same"),
    layers.SeparableConv1D(4, 3, padding="same", activation="relu"),
]


@pytest.mark.parametrize("layer", ROWS, ids=lambda layer: layer.name)
def test_layers_between(rng, layer):
    layer = layer.__class__.from_config(layer.get_config())
    same(drawn(keras.Sequential([keras.Input((5, 3)), layer]), rng), numbers(rng, 2, 5, 3))


def test_padding_before_a_convolution(rng):
    parts = [keras.Input((6, 2)), layers.ZeroPadding1D((2, 0)), layers.Conv1D(3, 3), layers.ReLU()]
    same(drawn(keras.Sequential(parts), rng), numbers(rng, 2, 6, 2))
    for pair, words in (((1, 0), "-1 steps"), ((3, 0), r"\+1 steps")):
        parts[1:3] = [layers.ZeroPadding1D(pair), layers.Conv1D(3, 3)]
        with pytest.raises(NotImplementedError, match=words):
            recur.from_keras(keras.Sequential(parts))


def test_stacked_cells(rng):
    cells = [layers.LSTMCell(3), layers.GRUCell(4, activation="relu")]
    same(drawn(keras.Sequential([keras.Input((5, 2)), layers.RNN(cells)]), rng), numbers(rng, 2, 5, 2))
    one = layers.RNN(layers.SimpleRNNCell(4), return_sequences=True)
    same(drawn(keras.Sequential([keras.Input((5, 2)), one]), rng), numbers(rng, 2, 5, 2))


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU])
def test_hard_sigmoid_of_keras_3(rng, kind):
    layer = kind(4, recurrent_activation="hard_sigmoid", return_sequences=True)
    same(drawn(keras.Sequential([keras.Input((5, 3)), layer]), rng), numbers(rng, 2, 5, 3))


def test_final_states(rng):
    x = keras.Input((5, 3))
    y, h, c = layers.LSTM(4, return_sequences=True, return_state=True)(x)
    model = drawn(keras.Model(x, [layers.Dense(2)(y), h, c]), rng)
    net, rows = recur.from_keras(model), numbers(rng, 3, 5, 3)
    wanted = [keras.ops.convert_to_numpy(a) for a in model(rows)]
    y, state = net(rows, net.state(3))
    found = [y, state["0.h"][0], state["0.c"][0]]
    for ours, other in zip(found, wanted):
        np.testing.assert_allclose(ours, other, atol=2e-6)
    head = drawn(keras.Model(x, layers.Dense(2)(layers.GRU(4, return_state=True)(x)[1])), rng)
    same(head, rows)


@pytest.mark.parametrize("by_id", [False, True])
def test_masks(rng, by_id):
    """Steps that Keras masks are those that a packed sequence has not."""
    x = keras.Input((6,), dtype="int32") if by_id else keras.Input((6, 3))
    y = layers.Embedding(9, 3, mask_zero=True)(x) if by_id else layers.Masking(0.0)(x)
    y = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(y)
    model = drawn(keras.Model(x, layers.Dense(2)(layers.GRU(3, go_backwards=True)(y))), rng)
    with pytest.raises(NotImplementedError, match="packed=True"):
        recur.from_keras(model)
    net, lengths = recur.from_keras(model, packed=True), [6, 2, 4]
    rows = rng.integers(1, 9, (3, 6)) if by_id else numbers(rng, 3, 6, 3)
    for row, n in zip(rows, lengths):
        row[n:] = 0
    given = recur.pack_padded_sequence(rows, lengths, batch_first=True, enforce_sorted=False)
    np.testing.assert_allclose(net(given), theirs(model, rows), atol=3e-6)
    assert np.abs(net(rows) - theirs(model, rows)).max() > 1e-3


def test_masks_that_get_lost(rng):
    x = keras.Input((6, 3))
    lost = layers.Conv1D(2, 2, padding="causal")(layers.Masking()(x))
    with pytest.raises(NotImplementedError, match="steps that are masked"):
        recur.from_keras(keras.Model(x, layers.LSTM(2)(lost)), packed=True)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("make", [a_graph, "chain"])
def test_files(rng, tmp_path, monkeypatch, ending, make):
    """Read without Keras, with its numbers."""
    pytest.importorskip("h5py")
    if make == "chain":
        inner = keras.Sequential([keras.Input((6, 3)), layers.Dense(4), layers.Dense(3)])
        parts = [keras.Input((6, 3)), inner, layers.Bidirectional(layers.LSTM(2)), layers.Dense(2)]
        parts[1:1] = [layers.RNN([layers.GRUCell(3), layers.LSTMCell(3)], return_sequences=True)]
        model = keras.Sequential(parts)
    else:
        model = make()
    model, path = drawn(model, rng), str(tmp_path / ("net" + ending))
    model.save(path)
    x = numbers(rng, 2, model.input_shape[1], 3)
    recur.from_keras(path)
    monkeypatch.delitem(sys.modules, "keras")
    net = recur.from_keras(path)
    np.testing.assert_allclose(y_of(net, x), theirs(model, x), rtol=1e-5, atol=5e-6)


def test_files_that_are_none(tmp_path):
    pytest.importorskip("h5py")
    (tmp_path / "text.keras").write_text("x")
    with pytest.raises(ValueError, match="neither"):
        recur.from_keras(tmp_path / "text.keras")
    with pytest.raises(TypeError, match="Keras model"):
        recur.from_keras(3)


def shared(x):
    dense = layers.Dense(3)
    return dense(dense(x))


REFUSED = [
    (lambda x: layers.ReLU(max_value=6)(x), "ReLU 're_lu.*max_value=6"),
    (lambda x: layers.Conv1D(2, 2)(x), "-1 steps"),
    (lambda x: layers.Conv1D(2, 2, strides=2, padding="same")(x), "strides"),
    (lambda x: layers.BatchNormalization(axis=1)(x), "axis 1"),
    (lambda x: layers.PReLU()(x), "shared_axes"),
    (lambda x: layers.ELU(alpha=0.5)(x), "alpha=0.5"),
    (lambda x: layers.MaxPooling1D()(x), "MaxPooling1D.*out of reach"),
    (lambda x: layers.Flatten()(x), "steps in one row"),
    (lambda x: layers.GroupNormalization(groups=1)(x), "mean over all of them"),
    (lambda x: layers.Softmax(axis=1)(x), "axis 1"),
    (lambda x: layers.Concatenate(axis=1)([x, x]), "axis 1"),
    (lambda x: layers.Average()([x, x, x]), "Average"),
    (lambda x: layers.Subtract()([x, x]), "Subtract.*several inputs"),
    (lambda x: layers.LSTM(3)(x, initial_state=[x[:, 0], x[:, 1]]), "GetItem|initial_state"),
    (shared, "used 2 times"),
    (lambda x: [layers.Dense(2)(x), layers.Dense(2)(x)], "2 outputs"),
    (lambda x: layers.Dense(2)(layers.LSTM(3, return_state=True)(x)[2]), "state c"),
    (lambda x: x * 2.0, "numbers among its inputs|several"),
]


@pytest.mark.parametrize("make, words", REFUSED, ids=lambda a: a if isinstance(a, str) else "")
def test_refused(make, words):
    x = keras.Input((6, 3))
    with pytest.raises(NotImplementedError, match=words):
        recur.from_keras(keras.Model(x, make(x)), verify=False)


def test_the_check_looks_at_masks_and_states(rng, monkeypatch):
    from recur.convert import keras_recurrent as reader

    x = keras.Input((5, 3))
    y, h = layers.GRU(4, return_sequences=True, return_state=True)(layers.Masking()(x))
    model = drawn(keras.Model(x, [y, h]), rng)
    recur.from_keras(model, packed=True)
    monkeypatch.setitem(reader.KERAS, "GRU", [0, 1, 2])
    with pytest.raises(ConversionError, match="the output"):
        recur.from_keras(model, packed=True)
