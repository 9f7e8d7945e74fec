"""The typed program runs; where mypy is there, it is clean under --strict."""

import os
import subprocess
import sys

import pytest
from conftest import HERE

SAMPLE = HERE / "typed_sample.py"


def environment():
    more = {} if os.environ.get("RECUR_TEST_INSTALLED") else {"PYTHONPATH": str(HERE.parent)}
    return {**os.environ, **more, "MYPYPATH": str(HERE.parent)}


def test_the_typed_program_runs():
    command = [sys.executable, str(SAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment())
    assert done.returncode == 0, done.stderr
    assert "2 (2,) 3 0.weight_ih_l0" in done.stdout


def test_the_typed_program_is_clean(tmp_path):
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    command += ["--cache-dir", str(tmp_path), str(SAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment())
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import recur\n\nrecur.LSTM('three', 4)\nrecur.Adam([], lr='fast')\n")
    command[-1] = str(wrong)
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.stdout.count("[arg-type]") == 2, done.stdout
