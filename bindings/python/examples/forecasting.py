"""Forecasting: a river's level of tomorrow, from a CSV of two years. NumPy reads it as float64."""

import pathlib

import numpy as np

import recur

CSV = pathlib.Path(__file__).with_name("river.csv")
DAYS = 21  # that the model sees


class Forecaster(recur.Module):
    def __init__(self):
        super().__init__()
        self.lstm = recur.LSTM(2, 24, batch_first=True)
        self.fc = recur.Linear(24, 1)

    def forward(self, x):
        y, _ = self.lstm(x)
        return self.fc(y[:, -1])


def windows(table):
    """The last DAYS of rain and level, and the level of the day after."""
    x = np.stack([table[i : i + DAYS] for i in range(len(table) - DAYS)])
    return x, table[DAYS:, 1:]


if __name__ == "__main__":
    recur.manual_seed(1)
    rng = np.random.default_rng(1)
    table = np.genfromtxt(CSV, delimiter=",", skip_header=1, usecols=(1, 2))  # mm, m
    mean, std = table[:550].mean(0), table[:550].std(0)
    x, t = windows((table - mean) / std)
    train, test = np.arange(550 - DAYS), np.arange(550 - DAYS, len(x))

    net, criterion = Forecaster(), recur.MSELoss()
    optimizer = recur.Adam(net.parameters(), lr=0.01)
    scheduler = recur.StepLR(optimizer, step_size=15, gamma=0.3)
    for epoch in range(1, 41):
        for batch in np.array_split(rng.permutation(train), 16):
            optimizer.zero_grad()
            loss = criterion(net(x[batch]), t[batch])
            loss.backward()
            optimizer.step()
        scheduler.step()
        if epoch % 10 == 0:
            print(f"epoch {epoch}: loss {loss.item():.4f}, lr {scheduler.get_last_lr()[0]:.4f}")

    net.eval()
    forecast = net(x[test]) * std[1] + mean[1]
    level, today = t[test] * std[1] + mean[1], x[test, -1, 1:] * std[1] + mean[1]
    wrong, lazy = (100 * np.abs(y - level).mean() for y in (forecast, today))
    print(f"{len(test)} new days: wrong by {wrong:.1f} cm; 'as today' is wrong by {lazy:.1f} cm")
    for said, was in zip(forecast[30:38, 0], level[30:38, 0]):
        print(f"said {said:.2f} m, was {was:.2f} m  {'~' * int(20 * was)}")
