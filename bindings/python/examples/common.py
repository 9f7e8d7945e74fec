"""What the examples share: progress, training over epochs, and one figure of loss and accuracy."""

import time

import numpy as np

import recur

CELLS = {"rnn": recur.RNN, "lstm": recur.LSTM, "gru": recur.GRU}
try:
    from tqdm import tqdm
except ImportError:

    def tqdm(items, **_more):
        return items


def add_options(parser, **defaults):
    parser.add_argument("--cell", choices=[*CELLS, "all"], default=defaults.pop("cell", "lstm"))
    parser.add_argument("--plot", metavar="FILE.png", help="loss and accuracy of RNN, LSTM and GRU in one figure")
    parser.add_argument("--seed", type=int, default=1)
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    return parser.parse_args()


def cells(options) -> list:
    return list(CELLS) if options.plot or options.cell == "all" else [options.cell]


def run_epoch(net, criterion, batches, title, adam=None, clip=0.0) -> tuple:
    """(mean loss, accuracy) of batches of x and labels; learns if there is an optimizer."""
    net.train(adam is not None)
    total, right, count = 0.0, 0, 0
    for x, labels in tqdm(batches, desc=title, leave=False):
        y = net(x)
        loss, grad = criterion(y, labels)
        if adam is not None:
            adam.zero_grad()
            net.backward(grad, input_grad=False)
            if clip:
                recur.clip_grad_norm_(net, clip)
            adam.step()
        total, count = total + loss * len(labels), count + len(labels)
        right += int((y.argmax(-1) == labels).sum())
    return total / count, right / count


def fit(name, net, training, test, epochs, lr, clip=0.0) -> list:
    """Rows of (loss, accuracy, test loss, test accuracy), one for each epoch. `training` and `test` make batches."""
    criterion, adam, rows, start = recur.CrossEntropyLoss(), recur.Adam(net, lr=lr), [], time.perf_counter()
    for epoch in range(1, epochs + 1):
        learned = run_epoch(net, criterion, training(epoch), f"{name} {epoch}/{epochs}", adam, clip)
        rows.append((*learned, *run_epoch(net, criterion, test(), "test")))
        seconds = time.perf_counter() - start
        print(
            f"{name} epoch {epoch:3d}  loss {rows[-1][0]:.4f}  accuracy {rows[-1][1]:.2%}  test {rows[-1][3]:.2%}  {seconds:.1f} s"
        )
    return rows


def draw(net, first, steps, temperature=1.0, seed=0) -> list:
    """Ids: the first, then each drawn from the softmax of what the net says to the one before."""
    state, ids = net.state(1), [first]
    for t in range(steps):
        ids.append(int(recur.sample(net.step(ids[-1:], state), temperature, seed=seed, counter=t)[0]))
    return ids


def plot(path, histories, axis="epoch"):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4))
    for name, rows in histories.items():
        rows, steps = np.array(rows), range(1, len(rows) + 1)
        (line,) = left.plot(steps, rows[:, 0], label=name.upper())
        right.plot(steps, rows[:, -1], label=name.upper(), color=line.get_color())
    left.set(xlabel=axis, ylabel="loss")
    right.set(xlabel=axis, ylabel="accuracy" if rows.shape[1] < 4 else "test accuracy", ylim=(0, 1.03))
    left.legend(), left.grid(alpha=0.3), right.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    print(f"curves are in {path}")
