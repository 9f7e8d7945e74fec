"""Classification of waves in noise: training stops early, and a file keeps the best model."""

import pathlib
import tempfile

import numpy as np

import recur


def waves(rng, count, steps=60):
    """Waves of any phase and period, x [count][steps][1], and which shape each has."""
    labels = rng.integers(0, 3, count)
    period, phase = rng.uniform(12, 30, (count, 1)), rng.uniform(0, 1, (count, 1))
    turn = (np.arange(steps) / period + phase) % 1
    shapes = np.stack([np.sin(2 * np.pi * turn), np.where(turn < 0.5, 1, -1), 2 * turn - 1])
    x = shapes[labels, np.arange(count)] + 0.5 * rng.standard_normal((count, steps))
    return x[..., None].astype(np.float32), labels


def main(path):
    recur.manual_seed(1)
    rng = np.random.default_rng(1)
    (x, t), (x_valid, t_valid) = waves(rng, 900), waves(rng, 300)
    net = recur.Sequential(
        recur.GRU(1, 32, batch_first=True), recur.Last(), recur.Dropout(0.2), recur.Linear(32, 3)
    )
    criterion, optimizer = recur.CrossEntropyLoss(), recur.Adam(net.parameters(), lr=0.01)
    best, patience = np.inf, 0
    for epoch in range(1, 61):
        net.train()
        for batch in np.array_split(rng.permutation(len(x)), 18):
            optimizer.zero_grad()
            loss = criterion(net(x[batch]), t[batch])
            loss.backward()
            recur.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        net.eval()
        y = net(x_valid)
        valid = criterion(y, t_valid)
        patience += 1
        if valid < best:
            best, patience = valid, 0
            recur.save_model(net, path)
            right = (y.argmax(-1) == t_valid).mean()
            print(f"epoch {epoch:2d}: loss {valid:.4f}, {right:.1%} of the validation set, saved")
        if patience == 6:
            print(f"epoch {epoch:2d}: no better for 6 epochs, enough")
            break
    net = recur.open_model(path, batch_first=True)
    x_test, t_test = waves(rng, 1000)
    found = net(x_test).argmax(-1) == t_test
    for label, name in enumerate(("sine", "square", "sawtooth")):
        print(f"{name:8s} {found[t_test == label].mean():6.1%} recognised")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(pathlib.Path(folder) / "best.safetensors")
