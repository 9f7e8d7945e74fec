"""How long one small call takes, beside PyTorch if it is installed: one thread, one step of one
sequence.

    python tools/call_times.py [--hidden 32] [--rounds 40] [--train]

Prints the median and the least of many rounds, in microseconds of the thread's own time. Both
libraries take turns, so that a busy machine slows both.
"""

import argparse
import pathlib
import statistics
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import recur  # noqa: E402

try:
    import torch
except ImportError:
    torch = None


def ours(hidden, training) -> dict:
    """The calls of this package by name."""
    lstm, linear = recur.LSTM(hidden, hidden), recur.Linear(hidden, hidden)
    cell, embedding = recur.LSTMCell(hidden, hidden), recur.Embedding(64, hidden)
    for module in (lstm, linear, cell, embedding):
        module.train(training)
    ids = np.array([3])
    x, row = np.ones((1, 1, hidden), np.float32), np.ones((1, hidden), np.float32)
    h, c = np.zeros((1, 1, hidden), np.float32), np.zeros((1, 1, hidden), np.float32)
    state = lstm.state(1)
    calls = {
        "lstm(x, (h, c))": lambda: lstm(x, (h, c)),
        "lstm(x)": lambda: lstm(x),
        "Linear, one row": lambda: linear(row),
        "LSTMCell(x, (h, c))": lambda: cell(row, (h[0], c[0])),
        "Embedding, one id": lambda: embedding(ids),
    }
    if training:
        grad = np.ones((1, hidden), np.float32)
        calls["Linear, and backward"] = lambda: linear(row).backward(grad)
        calls["lstm(x), and backward"] = lambda: lstm(x)[0].backward(grad[None])
    if not training:  # passes through one State would wait for each other without end
        calls["lstm(x, State)"] = lambda: lstm(x, state)
        frozen, stream, out = lstm.snapshot(), lstm.state(1), np.empty((1, hidden), np.float32)
        calls["snapshot.step(x, State, out=)"] = lambda: frozen.step(row, stream, out=out)
    return calls


def theirs(hidden, training) -> dict:
    """The calls of PyTorch that do the same, by the same names."""
    torch.set_num_threads(1)
    lstm, linear = torch.nn.LSTM(hidden, hidden), torch.nn.Linear(hidden, hidden)
    cell, embedding = torch.nn.LSTMCell(hidden, hidden), torch.nn.Embedding(64, hidden)
    for module in (lstm, linear, cell, embedding):
        module.train(training)
    ids, grad = torch.tensor([3]), torch.ones(1, hidden)
    x, row = torch.ones(1, 1, hidden), torch.ones(1, hidden)
    h, c = torch.zeros(1, 1, hidden), torch.zeros(1, 1, hidden)
    calls = {
        "lstm(x, (h, c))": lambda: lstm(x, (h, c)),
        "lstm(x)": lambda: lstm(x),
        "lstm(x, State)": lambda: lstm(x, (h, c)),
        "snapshot.step(x, State, out=)": lambda: lstm(x, (h, c)),
        "Linear, one row": lambda: linear(row),
        "LSTMCell(x, (h, c))": lambda: cell(row, (h[0], c[0])),
        "Embedding, one id": lambda: embedding(ids),
        "Linear, and backward": lambda: linear(row).backward(grad),
        "lstm(x), and backward": lambda: lstm(x)[0].backward(grad[None]),
    }
    if training:
        return calls

    def without_gradients(call):
        def run():
            with torch.inference_mode():
                return call()

        return run

    return {name: without_gradients(call) for name, call in calls.items()}


def microseconds(call, repeats) -> float:
    start = time.thread_time()
    for _ in range(repeats):
        call()
    return (time.thread_time() - start) / repeats * 1e6


def measure(calls, others, rounds) -> dict:
    """(times of this package, times of the other one) for each call."""
    times = {}
    for name, call in calls.items():
        both = [one for one in (call, others.get(name)) if one is not None]
        for one in both:
            microseconds(one, 50)
        repeats = [max(5, int(2000 / microseconds(one, 50))) for one in both]
        taken = [[] for _ in both]
        for _ in range(rounds):
            for one, n, found in zip(both, repeats, taken):
                found.append(microseconds(one, n))
        times[name] = taken
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--train", action="store_true", help="calls that record, too")
    options = parser.parse_args()
    beside = "" if torch is None else f"   PyTorch {torch.__version__}: median     least"
    print(f"{'microseconds a call, T 1, B 1, H ' + str(options.hidden):46} median  least{beside}")
    for training in (False, True) if options.train else (False,):
        others = {} if torch is None else theirs(options.hidden, training)
        mode = "train" if training else "eval"
        for name, taken in measure(ours(options.hidden, training), others, options.rounds).items():
            columns = [f"{statistics.median(t):8.2f} {min(t):6.2f}" for t in taken]
            print(f"{mode:5} {name:38}" + (" " * 22).join(columns))
    return 0


if __name__ == "__main__":
    sys.exit(main())
