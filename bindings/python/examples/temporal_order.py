"""Which two of X and Y does a string hold, and in which order?

Strings of 70 to 80 symbols: E, then a, b, c, d at random, but X or Y at one position in 10-20 and at one in 50-60, then B.
To tell XX (Q), XY (R), YX (S) and YY (U) apart a network must remember one symbol for 40 steps, and the order to the end: a
plain RNN learns one of the two symbols at best, LSTM and GRU learn both. After Hochreiter and Schmidhuber 1997, section 5.6.
"""

import argparse

import numpy as np
from common import CELLS, add_options, cells, fit, plot

import recur

SYMBOLS, CLASSES = "EabcdXYB", "QRSU"
E, X, B = (SYMBOLS.index(s) for s in "EXB")


def strings(n, rng):
    """(ids [n][80], lengths, labels): what lies beyond a string's length counts for nothing."""
    lengths, rows = rng.integers(70, 81, n), np.arange(n)
    ids = rng.integers(1, 5, (n, 80))
    first, second = rng.integers(0, 2, (2, n))
    ids[:, 0] = E
    ids[rows, rng.integers(10, 21, n)] = X + first
    ids[rows, rng.integers(50, 61, n)] = X + second
    ids[rows, lengths - 1] = B
    return ids, lengths, 2 * first + second


def batches(data, size, order):
    ids, lengths, labels = data
    for start in range(0, len(order), size):
        now = order[start : start + size]
        yield recur.pack_padded_sequence(ids[now], lengths[now], batch_first=True, enforce_sorted=False), labels[now]


def make_net(cell, hidden, seed):
    recur.manual_seed(seed)
    parts = {"rnn": CELLS[cell](len(SYMBOLS), hidden), "last": recur.Last(), "fc": recur.Linear(hidden, len(CLASSES))}
    net = recur.Sequential(parts)
    return net.init_("forget_bias", 1, "rnn.*") if cell == "lstm" else net


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    o = add_options(parser, hidden=4, train=40000, test=2000, batch=256, epochs=20, lr=0.005, clip=1.0)
    rng = np.random.default_rng(o.seed)
    training, test, histories = strings(o.train, rng), strings(o.test, rng), {}
    for cell in cells(o):
        net = make_net(cell, o.hidden, o.seed)
        shuffled = lambda epoch: list(batches(training, o.batch, np.random.default_rng(epoch).permutation(o.train)))  # noqa: E731
        held_out = lambda: list(batches(test, o.batch, np.arange(o.test)))  # noqa: E731
        histories[cell] = fit(cell, net, shuffled, held_out, o.epochs, o.lr, o.clip)
        x, labels = next(batches(test, 4, np.arange(4)))
        for ids, label, y in zip(recur.unpack_sequence(x), labels, net.eval()(x)):
            print("".join(SYMBOLS[i] for i in ids), f" is {CLASSES[label]}, predicted {CLASSES[y.argmax()]}")
        print(f"{cell} test accuracy {histories[cell][-1][3]:.2%}")
    if o.plot:
        plot(o.plot, histories)


if __name__ == "__main__":
    main()
