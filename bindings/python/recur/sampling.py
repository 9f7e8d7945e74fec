"""Random numbers that depend on nothing but a seed and a counter, and drawing ids from logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import c
from ._arrays import floats


def random(seed: int, counter: int) -> int:
    """The counter-th 64 random bits of a seed, the same everywhere.

    >>> import recur
    >>> recur.random(1, 0) == recur.random(1, 0)
    True
    """
    made: int = c.recur_random(seed, counter)
    return made


def sample(
    logits: Any,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    *,
    seed: int = 0,
    counter: int = 0,
) -> npt.NDArray[Any]:
    """One id for each row of softmax(logits / temperature). top_k=1 takes the likeliest. Row r uses
    the random number counter + r: pass a growing counter.

    logits [...][classes] give ids [...].

    >>> import numpy as np, recur
    >>> recur.sample(np.array([[0.0, 9.0], [9.0, 0.0]], np.float32), top_k=1).tolist()
    [1, 0]
    """
    logits = floats(logits, "logits")
    if not logits.ndim:
        raise ValueError("logits must have a dimension of classes")
    rows = int(np.prod(logits.shape[:-1], dtype=np.int64))
    ids = np.empty(rows, np.int32)
    options = c.exact("recur_sample_options", temperature=temperature, top_k=top_k, top_p=top_p)
    c.recur_sample(options, rows, logits.shape[-1], logits, seed, counter, ids)
    return ids.reshape(logits.shape[:-1])
