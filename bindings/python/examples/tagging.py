"""Tagging: which kind of word is each word? Sentences of any length go into one batch."""

import random

import numpy as np

import recur
from recur.nn.utils.rnn import pack_sequence, pad_packed_sequence

# "saw", "light" and "watch" are of several kinds: what stands around them says which.
WORDS = {
    "DET": "the a every my".split(),
    "ADJ": "old small light green".split(),
    "NOUN": "dog saw watch light sailor tree".split(),
    "VERB": "saw watch light sees holds".split(),
    "ADV": "often today quietly".split(),
}
TAGS = list(WORDS)
VOCABULARY = sorted({word for words in WORDS.values() for word in words})


def sentence():
    subject, object = (["DET", *["ADJ"] * random.randint(0, 2), "NOUN"] for _ in range(2))
    tags = [*["ADV"] * random.randint(0, 1), *subject, "VERB", *object]
    return [random.choice(WORDS[tag]) for tag in tags], tags


def packed(sequences, names):
    ids = [np.array([names.index(name) for name in sequence]) for sequence in sequences]
    return pack_sequence(ids, enforce_sorted=False)


if __name__ == "__main__":
    random.seed(1)
    recur.manual_seed(1)
    net = recur.Sequential(
        recur.Embedding(len(VOCABULARY), 12),
        recur.GRU(12, 24, bidirectional=True),
        recur.Linear(48, len(TAGS)),
    )
    criterion = recur.CrossEntropyLoss()
    optimizer = recur.AdamW(net.parameters(), lr=0.01)
    for step in range(1, 121):
        words, tags = zip(*[sentence() for _ in range(32)])
        optimizer.zero_grad()
        loss = criterion(net(packed(words, VOCABULARY)), packed(tags, TAGS))
        loss.backward()
        optimizer.step()
        if step % 40 == 0:
            print(f"step {step}: loss {loss:.4f}")
    net.eval()
    words, tags = zip(*[sentence() for _ in range(200)])
    y, lengths = pad_packed_sequence(net(packed(words, VOCABULARY)), batch_first=True)
    right = sum(TAGS[k] == tag for row, own in zip(y.argmax(-1), tags) for k, tag in zip(row, own))
    print(f"{right} of {lengths.sum()} words of new sentences have the right tag")
    words = "today the old sailor saw a light saw".split()
    y = net([VOCABULARY.index(word) for word in words])
    print(" ".join(f"{word}/{TAGS[k]}" for word, k in zip(words, y.argmax(-1))))
