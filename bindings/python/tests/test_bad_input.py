"""Bad input of every kind, in a process that must not die."""

import os
import re
import subprocess
import sys

from conftest import HERE


def test_only_exceptions():
    done = subprocess.run(
        [sys.executable, str(HERE / "bad_input.py")],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    attempts, faults = map(int, re.search(r"(\d+) attempts, (\d+) faults", done.stdout).groups())
    assert attempts >= 200 and faults == 0
