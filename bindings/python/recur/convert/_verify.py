"""The check behind every converter: a drawn sample goes through both sides.

A converter hands over two functions and a list of samples. What differs is not returned.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import c

SIZES = ((5, 3), (1, 2), (7, 1))  # steps and batch of the samples
RELATIVE = 1e-4  # of the largest number of an output: far above rounding, far below a wrong gate
SMALLEST = 1e-6

Pairs = list  # of (name of the output, ours, theirs)


class ConversionError(RuntimeError):
    """A converted model gives other numbers than the model it was made from."""


def random() -> np.random.Generator:
    """The generator of samples: the same for every call, and nobody else's."""
    return np.random.default_rng(20240229)


def numbers(rng: Any, *shape: Any) -> npt.NDArray[Any]:
    made: npt.NDArray[Any] = rng.standard_normal(shape).astype(np.float32)
    return made


def evaluating(module: Any) -> Any:
    """The same module in eval mode, beside the user's, whose mode stays what it is."""
    view = object.__new__(type(module))
    view.__dict__.update(module.__dict__, _mode=c.RECUR_TAPE_EVALUATE)
    return view


def keep(module: Any, x: Any, theirs: Any) -> None:
    """Leaves a sample at the module, with what the other framework made of it: save_model writes
    it into the file. The first one stays."""
    module.__dict__.setdefault("_sample", (np.array(np.asarray(x)), np.array(np.asarray(theirs))))


def kept(module: Any) -> tuple[Any, Any]:
    """(x, outputs) of the sample that a conversion left; outputs None if the module gives others by
    now, as after training; (None, None) if there is none."""
    x, theirs = module.__dict__.get("_sample", (None, None))
    if x is None:
        return None, None
    ours = evaluating(module)(x)
    ours = ours[0] if isinstance(ours, tuple) else ours
    same = difference(ours, theirs) <= RELATIVE * float(np.abs(theirs).max(initial=0)) + SMALLEST
    return x, theirs if same else None


def difference(ours: Any, theirs: Any) -> float:
    """The largest difference; infinite where shapes or NaNs do not agree."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape != theirs.shape:
        return np.inf
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(np.where(same, 0, ours.astype(np.float64) - theirs))
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0))


def check(converter: str, other: str, samples: Any, run: Any) -> None:
    """Runs the samples through both sides. run(sample) gives Pairs."""
    for sample in samples:
        for name, ours, theirs in run(sample):
            ours, theirs = np.asarray(ours), np.asarray(theirs)
            if ours.shape != theirs.shape:
                raise ConversionError(
                    f"{converter}: {name} of the converted module has shape {ours.shape}, that of "
                    f"{other} has {theirs.shape}; nothing is returned. verify=False leaves this "
                    "check out"
                )
            finite = np.abs(theirs[np.isfinite(theirs)])
            allowed = RELATIVE * float(finite.max(initial=0)) + SMALLEST
            apart = difference(ours, theirs)
            if apart > allowed:
                raise ConversionError(
                    f"{converter}: {name} of the converted module differs from that of {other} by "
                    f"up to {apart:.3g} ({allowed:.1g} is allowed); nothing is returned. Please "
                    "report the model; verify=False leaves this check out"
                )
