"""A program with types, which `mypy --strict` reads and the tests run."""

from __future__ import annotations

import pathlib
import tempfile

import numpy as np
import numpy.typing as npt

import recur
from recur.nn.utils.rnn import pack_sequence

Floats = npt.NDArray[np.float32]


class Net(recur.Module):
    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.rnn = recur.LSTM(features, 8, num_layers=2, batch_first=True, dropout=0.1)
        self.fc = recur.Linear(8, classes)

    def forward(self, x: Floats) -> recur.Array:
        y, _ = self.rnn(x)
        logits: recur.Array = self.fc(y[:, -1])
        return logits


def train(net: recur.Module, x: Floats, t: npt.NDArray[np.int64], steps: int) -> float:
    criterion = recur.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = recur.Adam(net.parameters(), lr=0.01, betas=(0.9, 0.99))
    scheduler = recur.StepLR(optimizer, step_size=10, gamma=0.5)
    value = 0.0
    for _ in range(steps):
        optimizer.zero_grad()
        loss: recur.LossValue = criterion(net(x), t)
        loss.backward()
        recur.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        value = loss.item()
    rates: list[float] = scheduler.get_last_lr()
    return value / max(rates[0], 1.0)


def main(folder: pathlib.Path) -> None:
    recur.manual_seed(1)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((16, 6, 3)).astype(np.float32)
    t = rng.integers(0, 2, 16)
    net = Net(3, 2)
    first = train(net, x, t, 1)
    assert train(net, x, t, 30) < first
    recur.save({"net": net}, folder / "net.safetensors", texts={"epoch": "30"})
    texts: dict[str, str] = recur.load(folder / "net.safetensors", {"net": Net(3, 2)})
    weight: recur.Parameter = net.parameters()[0]
    print(texts["epoch"], weight.shape, weight.grad.dtype, net.training)
    model = recur.Sequential(recur.GRU(3, 4), recur.Last(), recur.Linear(4, 1)).eval()
    packed = pack_sequence([x[0], x[1, :4]], enforce_sorted=False)
    print(model(packed).shape, packed.lengths.tolist())
    state: recur.State = model.state(batch=2)
    stream = recur.GRU(3, 4, context=recur.Context(threads=1)).snapshot()
    y: Floats = stream.step(x[:2, 0], stream.state(2))
    ids = recur.sample(y, temperature=0.7, top_k=2, seed=3)
    print(state.batch, ids.shape, len(model), [name for name, _ in model.named_parameters()][0])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        main(pathlib.Path(name))
