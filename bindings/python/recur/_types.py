"""Names of types for annotations."""

import os
from typing import Union

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]  # what this package computes
PathLike = Union[str, "os.PathLike[str]"]
