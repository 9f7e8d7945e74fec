"""Learning text by heart, one character at a time.

First the word: h e l l -> e l l o, then drawn from the softmax, each character fed back as the next input. Then a sentence,
by a loop written by hand over a cell and a linear head:    y[t] = head([x[t], h[t]])        h[t+1] = cell(x[t], h[t])
"""

import argparse

import numpy as np
from common import add_options, cells, draw, plot, tqdm

import recur

ALPHABET = "abcdefghijklmnopqrstuvwxyz ?!.,:;01"  # 0 starts, 1 ends
SENTENCE = "0hello pytorch. how long can a rnn cell remember? show me your limit!1"
IDS = np.array([ALPHABET.index(s) for s in SENTENCE])
S, ONE_HOT = len(ALPHABET), np.eye(len(ALPHABET), dtype=np.float32)
KINDS = {"rnn": recur.RNNCell, "lstm": recur.LSTMCell, "gru": recur.GRUCell}


def learn_word():
    net = recur.Sequential(recur.RNN(4, 8), recur.Linear(8, 4))
    criterion, adam = recur.CrossEntropyLoss(), recur.Adam(net, lr=0.05)
    for _ in range(100):
        adam.zero_grad()
        loss, grad = criterion(net(np.array([0, 1, 2, 2])), [1, 2, 2, 3])
        net.backward(grad)
        adam.step()
    print(f"the word: loss {loss:.4f} after 100 steps")
    for heat in (0.5, 1, 3):
        words = [draw(net.snapshot(), 0, 4, heat, seed) for seed in range(8)]
        print(f"temperature {heat}:", *("".join("helo"[i] for i in word) for word in words))


def learn_sentence(kind, o):
    """Rows of (loss, accuracy), the cell and its head."""
    X, rows = ONE_HOT[IDS], []
    net = recur.Group(cell=KINDS[kind](S, o.hidden), head=recur.Linear(S + o.hidden, S))
    criterion, adam = recur.MSELoss(reduction="sum"), recur.Adam(net, lr=o.lr)
    for _ in tqdm(range(o.epochs), desc=kind, leave=False):
        adam.zero_grad()
        state, H = net.cell.state(1), np.zeros((len(X), o.hidden), np.float32)
        for t, x in enumerate(X[:-1]):
            net.cell(x, state)
            H[t + 1] = state["h"][0, 0]
        Y = net.head(np.concatenate([X, H], 1)[:-1])
        loss, grad = criterion(Y, X[1:])
        gH, gstate = net.head.backward(grad)[:, S:], net.cell.state(1)
        for t in reversed(range(len(X) - 1)):  # h[t] went into the head of step t, and into the cell
            net.cell.backward(gstate, input_grad=False)
            gstate["h"] = gstate["h"] + gH[t]
        adam.step(1 / S)  # the mean over symbols, summed over steps
        rows.append((loss / S, float((Y.argmax(1) == IDS[1:]).mean())))
    return rows, net.eval()


def say(net):
    text, state = "0", net.cell.state(1)
    while len(text) < len(SENTENCE) and text[-1] != "1":
        x = ONE_HOT[ALPHABET.index(text[-1])]
        text += ALPHABET[net.head(np.concatenate([x, state["h"][0, 0]])).argmax()]
        net.cell(x, state)
    return text[1:].rstrip("1")


def main():
    o = add_options(argparse.ArgumentParser(description=__doc__.splitlines()[0]), cell="rnn", hidden=35, epochs=1000, lr=0.01)
    recur.manual_seed(o.seed)
    learn_word()
    histories = {}
    for kind in cells(o):
        histories[kind], net = learn_sentence(kind, o)
        print(f"{kind}: loss {histories[kind][-1][0]:.4f}, accuracy {histories[kind][-1][1]:.2%}\n{say(net)}")
    if o.plot:
        plot(o.plot, histories)


if __name__ == "__main__":
    main()
