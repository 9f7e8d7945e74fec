"""Exceptions: one for each code of recur_status, also a Python kind that callers know. Their words are the library's."""

from . import _api


class Error(Exception):
    """What all errors of the library have in common. `status` is the code, `code` its name."""

    status = 0
    code = "RECUR_OK"


class ArgumentError(Error, ValueError):
    status = _api.CONSTANTS["RECUR_E_ARGUMENT"]


class ShapeError(Error, ValueError):
    status = _api.CONSTANTS["RECUR_E_SHAPE"]


class OutOfMemoryError(Error, MemoryError):
    status = _api.CONSTANTS["RECUR_E_MEMORY"]


class OrderError(Error, RuntimeError):
    status = _api.CONSTANTS["RECUR_E_ORDER"]


class UnsupportedError(Error, NotImplementedError):
    status = _api.CONSTANTS["RECUR_E_UNSUPPORTED"]


class FormatError(Error, ValueError):
    status = _api.CONSTANTS["RECUR_E_FORMAT"]


class FileError(Error, OSError):
    status = _api.CONSTANTS["RECUR_E_IO"]


class NotFoundError(Error, FileNotFoundError):
    status = _api.CONSTANTS["RECUR_E_NOT_FOUND"]


class NumericError(Error, ValueError):
    status = _api.CONSTANTS["RECUR_E_NUMERIC"]


class MissingError(Error, LookupError, ValueError):
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
