"""Finds and loads librecur."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import pathlib
import re
from typing import Any

from . import _api

HERE = pathlib.Path(__file__).resolve().parent
HINT = (
    "Set the environment variable RECUR_LIBRARY to the path of a librecur.so, "
    "or build one: `make` in a checkout of librecur, then `pip install ./bindings/python`."
)
# What Debian and Ubuntu, and Fedora, call the package that a library of the system is in.
PACKAGES = {
    "libopenblas": ("libopenblas0", "openblas"),
    "libgfortran": ("libgfortran5", "libgfortran"),
    "libquadmath": ("libquadmath0", "libquadmath"),
    "libgomp": ("libgomp1", "libgomp"),
}


def missing_package(reason: str) -> str:
    """What to install, if librecur is there and a library that it needs is not; else ""."""
    found = re.search(r"\b(lib[\w+-]+?)\.so[.\d]*: cannot open shared object", reason)
    found = found or re.search(r"Error loading shared library (lib[\w+-]+?)\.so", reason)
    if found is None or found[1] not in PACKAGES:
        return ""
    debian, fedora = PACKAGES[found[1]]
    return (
        f"librecur needs {found[1]}, which this system lacks. Install it: "
        f"`sudo apt-get install {debian}` (Debian, Ubuntu) or `sudo dnf install {fedora}` (Fedora)."
    )


def candidates() -> list[str]:
    """Where a library may be, best first: the one named, the wheel's own, the checkout's, the
    system's."""
    named = os.environ.get("RECUR_LIBRARY")
    if named:
        return [named]
    found = [str(HERE / "librecur.so"), str(HERE.parents[2] / "lib" / "librecur.so")]
    found = [path for path in found if os.path.exists(path)]
    system = ctypes.util.find_library("recur")
    return found + ([system] if system else [])


def load() -> tuple[Any, str]:
    """The library and its path; ImportError says what was tried and what to do."""
    tried = []
    for path in candidates():
        try:
            library = ctypes.CDLL(path)
            check(library, path)
            return library, path
        except (OSError, AttributeError, ImportError) as error:
            tried.append(f"{path}: {error}")
    reasons = "\n  ".join(tried) if tried else "none was found"
    lacking = dict.fromkeys(filter(None, map(missing_package, tried)))
    raise ImportError("\n".join([f"librecur cannot be loaded:\n  {reasons}", *lacking, HINT]))


def check(library: Any, path: str) -> None:
    """It must have every function of the tables, and structs as they have them: the same major
    version (while it is 0, the same minor one), no older."""
    library.recur_version.restype = ctypes.c_uint32
    number = library.recur_version()
    found = (number >> 16, number >> 8 & 255, number & 255)
    major, minor, _ = _api.VERSION
    fits = found[:2] == (0, minor) if major == 0 else found[0] == major and found[1] >= minor
    if not fits:
        raise ImportError(
            f"it is version {found[0]}.{found[1]}.{found[2]}; this package is made for "
            f"{major}.{minor}"
        )
    missing = [name for name in _api.FUNCTIONS if not hasattr(library, name)]
    if missing:
        raise ImportError(
            f"it lacks {missing[0]}" + (f" and {len(missing) - 1} more" if missing[1:] else "")
        )


LIBRARY, PATH = load()
