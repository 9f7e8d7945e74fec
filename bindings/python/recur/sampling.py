"""Random numbers that depend on nothing but a seed and a counter, and drawing ids from logits."""

import numpy as np

from . import c
from ._arrays import floats


def random(seed: int, counter: int) -> int:
    """The counter-th 64 random bits of a seed, the same everywhere."""
    return c.recur_random(seed, counter)


def sample(logits, temperature=1.0, top_k=0, top_p=1.0, *, seed=0, counter=0) -> np.ndarray:
    """One id for each row of softmax(logits / temperature). top_k=1 takes the likeliest. Row r uses the random number
    counter + r: pass a growing counter."""
    logits = floats(logits, "logits")
    if not logits.ndim:
        raise ValueError("logits must have a dimension of classes")
    rows = int(np.prod(logits.shape[:-1], dtype=np.int64))
    ids = np.empty(rows, np.int32)
    options = c.exact("recur_sample_options", temperature=temperature, top_k=top_k, top_p=top_p)
    c.recur_sample(options, rows, logits.shape[-1], logits, seed, counter, ids)
    return ids.reshape(logits.shape[:-1])
