"""Handwritten digits, read row by row: 28 steps of 28 pixels, recurrent layers, a linear layer on the last step.

With --data the digits of MNIST (the four IDX files, packed with gzip or not); without, digits that the program draws itself.
"""

import argparse

import numpy as np
from common import CELLS, add_options, cells, fit, plot
from digits import draw, read

import recur


def batches(data, size, order):
    images, labels = data
    for start in range(0, len(order), size):
        now = order[start : start + size]
        yield images[now], labels[now].astype(np.int32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="DIR", help="where MNIST's four files are; without it digits are drawn")
    o = add_options(parser, hidden=128, layers=2, train=0, batch=100, epochs=2, lr=0.001)
    rng, histories = np.random.default_rng(o.seed), {}
    training = read(o.data, "train") if o.data else draw(o.train or 10000, rng)
    test = read(o.data, "t10k") if o.data else draw(2000, rng)
    n = min(o.train or len(training[1]), len(training[1]))
    for cell in cells(o):
        recur.manual_seed(o.seed)
        rnn = CELLS[cell](28, o.hidden, o.layers, batch_first=True)
        net = recur.Sequential({"rnn": rnn, "last": recur.Last(), "fc": recur.Linear(o.hidden, 10)})
        shuffled = lambda epoch: list(batches(training, o.batch, np.random.default_rng(epoch).permutation(n)))  # noqa: E731
        histories[cell] = fit(cell, net, shuffled, lambda: list(batches(test, o.batch, np.arange(len(test[1])))), o.epochs, o.lr)
        print(f"{cell} test accuracy {histories[cell][-1][3]:.2%}")
    if o.plot:
        plot(o.plot, histories)


if __name__ == "__main__":
    main()
