"""A character model learns a nursery rhyme from batches of windows, and writes one by itself."""

import numpy as np

import recur

TEXT = """\
this is the house that jack built.
this is the malt that lay in the house that jack built.
this is the rat that ate the malt that lay in the house that jack built.
this is the cat that killed the rat that ate the malt that lay in the house that jack built.
"""
LETTERS = sorted(set(TEXT))
IDS = np.array([LETTERS.index(letter) for letter in TEXT])
STEPS, BATCH = 48, 16


class CharRNN(recur.Module):
    def __init__(self, letters, hidden):
        super().__init__()
        self.embedding = recur.Embedding(letters, 16)
        self.lstm = recur.LSTM(16, hidden, batch_first=True)
        self.fc = recur.Linear(hidden, letters)

    def forward(self, x, state=None):
        y, state = self.lstm(self.embedding(x), state)
        return self.fc(y), state


def batch(rng):
    starts = rng.integers(0, len(IDS) - STEPS, size=BATCH)
    windows = np.stack([IDS[start : start + STEPS + 1] for start in starts])
    return windows[:, :-1], windows[:, 1:]


def write(net, start, count, temperature):
    x, state, text = [[LETTERS.index(letter) for letter in start]], None, start
    for n in range(count):
        logits, state = net(x, state)
        x = recur.sample(logits[:, -1:], temperature, counter=n)
        text += LETTERS[x.item()]
    return text


if __name__ == "__main__":
    recur.manual_seed(1)
    rng = np.random.default_rng(1)
    net = CharRNN(len(LETTERS), 96)
    criterion, optimizer = recur.CrossEntropyLoss(), recur.Adam(net.parameters(), lr=0.01)
    for step in range(1, 241):
        x, t = batch(rng)
        optimizer.zero_grad()
        loss = criterion(net(x)[0], t)
        loss.backward()
        recur.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        if step % 80 == 0:
            print(f"step {step}: {loss.item() / np.log(2):.3f} bits a letter")
    print(write(net.eval(), "this is the cat", 150, temperature=0.5))
