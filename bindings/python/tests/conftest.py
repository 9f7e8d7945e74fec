"""Tests run on this source tree, or with RECUR_TEST_INSTALLED=1 on the package that is installed."""

import os
import pathlib
import sys

import numpy as np
import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
GOLDEN = ROOT / "tests" / "golden"

if not os.environ.get("RECUR_TEST_INSTALLED"):
    sys.path.insert(0, str(HERE.parent))

import recur  # noqa: E402


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.fixture(autouse=True)
def seeded():
    recur.manual_seed(1)


def close(got, wanted, absolute=2e-6, relative=1e-5):
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=relative, atol=absolute)


def near(got, wanted):
    """Gradients: 1e-5, and 1e-4 of the largest element."""
    wanted = np.asarray(wanted)
    close(got, wanted, 1e-5 + 1e-4 * np.abs(wanted).max(initial=0), 0)


def numbers(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)
