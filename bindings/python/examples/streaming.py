"""Streaming: four sensors are watched sample by sample. What a model cannot foresee is a fault."""

import time

import numpy as np

import recur

SENSORS = 4


def signals(rng, steps):
    """Four sensors [steps][4], with two beats each and a little noise."""
    t = np.arange(steps)[:, None] + rng.uniform(0, 200)
    phase = np.arange(SENSORS)
    x = np.sin(t / 5 + phase) + 0.5 * np.sin(t / 2.3 + 2 * phase)
    return (x + 0.05 * rng.standard_normal(x.shape)).astype(np.float32)


if __name__ == "__main__":
    recur.manual_seed(1)
    rng = np.random.default_rng(1)
    net = recur.Sequential(recur.GRU(SENSORS, 32), recur.Linear(32, SENSORS))
    criterion, optimizer = recur.MSELoss(), recur.Adam(net.parameters(), lr=0.01)
    for step in range(1, 301):
        x = np.stack([signals(rng, 65) for _ in range(8)], axis=1)  # [time][batch][sensor]
        optimizer.zero_grad()
        loss = criterion(net(x[:-1]), x[1:])
        loss.backward()
        optimizer.step()
    print(f"learnt: the next sample is foreseen to {np.sqrt(loss.item()):.3f}")

    live = signals(rng, 400)
    live[250:253, 2] = 1.5  # sensor 2 hangs for three samples
    model = net.snapshot()
    state = model.state(batch=1)
    foreseen, start = None, time.perf_counter()
    for t, sample in enumerate(live):
        if foreseen is not None and t > 50:
            surprise = np.abs(sample - foreseen[0])
            if surprise.max() > 0.8:
                print(f"sample {t}: sensor {surprise.argmax()} is off by {surprise.max():.2f}")
        foreseen = model.step(sample[None], state)
    each = (time.perf_counter() - start) / len(live)
    print(f"{len(live)} samples, {1e6 * each:.0f} microseconds each")
