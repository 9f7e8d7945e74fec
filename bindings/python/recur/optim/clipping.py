"""Norms of gradients, and gradients that are clipped; names and orders are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import c
from .._numbers import check_number
from .._parameters import arrays_of, is_module, pieces_of


def _gradients(parameters: Any) -> list[Any]:
    """The gradients of a module, or of parameters, as pieces."""
    if is_module(parameters) and "_layer" in vars(parameters):
        parameters._open()
        return [parameters.flat_grad]
    return [piece.grads for piece, _ in pieces_of(arrays_of(parameters))]


def _norm(pieces: Any, norm_type: float | str) -> float:
    order = float(np.inf) if norm_type == "inf" else check_number(norm_type, "norm_type")
    if order != order:
        raise ValueError(f"norm_type is {norm_type}: it is a number, such as 2, 1 or inf")
    pieces = [piece for piece in pieces if piece.size]
    if order == 2:
        parts = [c.recur_clip_norm(piece, piece.size, 0) for piece in pieces]
        return parts[0] if len(parts) == 1 else float(np.sqrt(sum(part * part for part in parts)))
    if order == np.inf:
        return max((c.recur_clip_norm_inf(piece, piece.size, 0) for piece in pieces), default=0.0)
    sizes = np.abs(np.concatenate(pieces or [np.zeros(0, np.float32)]), dtype=np.float64)
    if order == -np.inf:
        return float(sizes.min(initial=np.inf)) if sizes.size else 0.0
    if order == 0:
        return float(np.count_nonzero(sizes))
    with np.errstate(divide="ignore"):
        return float((sizes**order).sum() ** (1 / order))


def grad_norm(parameters: Any, norm_type: float | str = 2.0) -> float:
    """The norm of the gradients of a module, or of parameters, as one vector: norm_type is 2, 1,
    inf or any other number.

    >>> import recur
    >>> net = recur.Linear(4, 1, bias=False)
    >>> net.flat_grad[:] = [1, 2, 3, 4]
    >>> recur.grad_norm(net, 1)
    10.0
    """
    return _norm(_gradients(parameters), norm_type)


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float | str = 2.0,
    error_if_nonfinite: bool = False,
    foreach: Any = None,
) -> float:
    """Scales the gradients of a module, or of parameters, so that their norm is at most max_norm;
    gives the norm before.

    A norm that is not finite leaves gradients alone, or with error_if_nonfinite is an error.

    >>> import numpy as np, recur
    >>> fc = recur.Linear(2, 1)
    >>> fc.flat_grad[:] = [3.0, 4.0, 0.0]
    >>> float(recur.clip_grad_norm_(fc.parameters(), 1.0))
    5.0
    >>> fc.flat_grad.round(2).tolist() == np.array([0.6, 0.8, 0.0], np.float32).tolist()
    True
    """
    pieces = _gradients(parameters)
    if not check_number(max_norm, "max_norm") >= 0:
        raise ValueError(f"max_norm is {max_norm}: it must be at least 0")
    if max_norm == 0:
        raise ValueError(
            "max_norm is 0: nothing would be left; zero_grad() empties gradients, grad_norm() "
            "measures them"
        )
    if len(pieces) == 1 and norm_type in (2, np.inf, "inf"):
        run = c.recur_clip_norm if norm_type == 2 else c.recur_clip_norm_inf
        norm = run(pieces[0], pieces[0].size, 0 if error_if_nonfinite else max_norm)
    else:
        norm = _norm(pieces, norm_type)
    if error_if_nonfinite:
        if not np.isfinite(norm):
            raise RuntimeError(
                f"the norm of the gradients is {norm}: they are left alone (error_if_nonfinite)"
            )
        return clip_grad_norm_(parameters, max_norm, norm_type)
    scale = max_norm / (norm + 1e-6)
    if not (len(pieces) == 1 and norm_type in (2, np.inf, "inf")) and scale < 1:
        for piece in pieces:
            piece *= np.float32(scale)
    made: float = norm
    return made


def clip_grad_value_(parameters: Any, clip_value: float, foreach: Any = None) -> None:
    """Limits every gradient of a module, or of parameters, to [-clip_value, clip_value].

    >>> import numpy as np, recur
    >>> fc = recur.Linear(2, 1)
    >>> fc.flat_grad[:] = [3.0, 4.0, 0.0]
    >>> recur.clip_grad_value_(fc.parameters(), 3.5)
    >>> fc.flat_grad.tolist()
    [3.0, 3.5, 0.0]
    """
    for piece in _gradients(parameters):
        c.recur_clip_value(piece, piece.size, clip_value)
