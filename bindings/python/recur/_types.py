"""Names of types for annotations."""

import os
from typing import Any, Union

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]  # what this package computes
Integers = npt.NDArray[np.integer[Any]]
ArrayLike = Any  # an array, a nested list, or a tensor of PyTorch's
PathLike = Union[str, "os.PathLike[str]"]
