"""Workloads in TensorFlow's Keras, each step a compiled function. This is a peer of compare.py; see
peer.py."""
import functools
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import tensorflow as tf
from tensorflow import keras

import peer

CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
rng = np.random.default_rng(1)


def rows(*dims):
    return tf.constant(rng.uniform(0, 1, dims), tf.float32)


def labels(below, *dims):
    return tf.constant(rng.integers(0, below, dims), tf.int32)


def training_step(net, x, targets):
    adam = keras.optimizers.Adam(1e-6)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net(x)
    adam.build(net.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            value = loss(targets, net(x, training=True))
        adam.apply_gradients(zip(tape.gradient(value, net.trainable_variables),
                                 net.trainable_variables))
        return value

    return lambda: step().numpy()


def digits_by_rows(cell):
    net = keras.Sequential([CELLS[cell](128, return_sequences=True), CELLS[cell](128),
                            keras.layers.Dense(10)])
    return training_step(net, rows(100, 28, 28), labels(10, 100))


def both_ways():
    net = keras.Sequential([keras.layers.Bidirectional(keras.layers.LSTM(128)),
                            keras.layers.Dense(10)])
    return training_step(net, rows(100, 28, 28), labels(10, 100))


def text_by_characters():
    layers = [keras.layers.LSTM(512, return_sequences=True) for _ in range(2)]
    net = keras.Sequential(layers + [keras.layers.Dense(65)])
    return training_step(net, tf.one_hot(labels(65, 64, 100), 65), labels(65, 64, 100))


def sequence(cell, steps, batch, inputs, hidden):
    rnn, x = CELLS[cell](hidden, return_sequences=True), rows(batch, steps, inputs)
    run = tf.function(lambda: rnn(x, training=False))
    return lambda: run().numpy()


def all_workloads():
    found = {"w3-" + cell: functools.partial(digits_by_rows, cell) for cell in peer.CELLS}
    found.update({"w4-lstm": both_ways, "w5-lstm": text_by_characters})
    for cell in ("lstm", "gru"):
        for name, sizes in peer.SEQUENCES.items():
            found["w7-%s-%s" % (cell, name)] = functools.partial(sequence, cell, *sizes)
    return found


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    # A compiled function runs on a thread of TensorFlow's: the time of all threads counts.
    peer.serve("TensorFlow " + tf.__version__, all_workloads(), clock=time.process_time)
