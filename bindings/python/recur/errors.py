"""Exceptions: one for each code of recur_status, each also of a kind that Python knows.

Their words are the library's."""

from __future__ import annotations

from . import _api


class Error(Exception):
    """What all errors of the library have in common. `status` is the code, `code` its name."""

    status = 0
    code = "RECUR_OK"


class ArgumentError(Error, ValueError):
    """A value that is not allowed, such as a size of 0."""

    status = _api.CONSTANTS["RECUR_E_ARGUMENT"]


class ShapeError(Error, ValueError):
    """Shapes that do not fit each other."""

    status = _api.CONSTANTS["RECUR_E_SHAPE"]


class OutOfMemoryError(Error, MemoryError):
    """Memory could not be had."""

    status = _api.CONSTANTS["RECUR_E_MEMORY"]


class OrderError(Error, RuntimeError):
    """A call at the wrong time, such as backward of a pass that was played back."""

    status = _api.CONSTANTS["RECUR_E_ORDER"]


class UnsupportedError(Error, NotImplementedError):
    """A combination that this library does not compute."""

    status = _api.CONSTANTS["RECUR_E_UNSUPPORTED"]


class FormatError(Error, ValueError):
    """A file that is not of the format it should be of."""

    status = _api.CONSTANTS["RECUR_E_FORMAT"]


class FileError(Error, OSError):
    """A file could not be read or written."""

    status = _api.CONSTANTS["RECUR_E_IO"]


class NotFoundError(Error, FileNotFoundError):
    """A file, or a folder on its path, is not there."""

    status = _api.CONSTANTS["RECUR_E_NOT_FOUND"]


class NumericError(Error, ValueError):
    """Numbers that are not finite where they must be."""

    status = _api.CONSTANTS["RECUR_E_NUMERIC"]


class MissingError(Error, LookupError, ValueError):
    """An object has nothing of that name: no tensor, part or text is called so."""

    status = _api.CONSTANTS["RECUR_E_MISSING"]


CODES = {number: name for name, number in _api.CONSTANTS.items() if name.startswith("RECUR_E_")}
KINDS = {kind.status: kind for kind in Error.__subclasses__()}
for _kind in KINDS.values():
    _kind.code = CODES[_kind.status]


def raise_status(status: int, sentence: str) -> None:
    """Raises what a negative status stands for."""
    kind = KINDS.get(status, Error)
    error = kind(sentence or CODES.get(status, f"status {status}"))
    error.status = status
    raise error
