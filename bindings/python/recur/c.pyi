"""Every function, struct and constant of the C library: made when the module is loaded."""

from typing import Any

LIBRARY: Any
RAW: dict[str, Any]

def __getattr__(name: str) -> Any: ...
