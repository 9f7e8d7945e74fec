"""The wheel: built from the checkout, installed in a fresh environment, used from elsewhere."""

import os
import subprocess
import sys
import zipfile

import pytest
from conftest import HERE, ROOT

from recur import library_path

PROGRAM = """
import numpy, os, recur
assert os.path.dirname(recur.library_path) == os.path.dirname(recur.__file__), recur.library_path
net = recur.Sequential(recur.LSTM(3, 4), recur.Last(), recur.Linear(4, 2))
y = net(numpy.ones((5, 2, 3), numpy.float32))
net.backward(y)
print(recur.__version__, y.shape)
"""


def run(*command, **more):
    more.setdefault("env", {k: v for k, v in os.environ.items() if not k.startswith(("RECUR", "PYTHON", "MAKE", "MFLAGS"))})
    return subprocess.run(command, capture_output=True, text=True, timeout=600, **more)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if not (ROOT / "Makefile").exists():
        pytest.skip("no checkout here")
    for module in ("pip", "setuptools", "wheel"):
        if run(sys.executable, "-c", f"import {module}").returncode:
            pytest.skip(f"this Python has no {module}")
    out = tmp_path_factory.mktemp("wheel")
    source = tmp_path_factory.mktemp("source") / "python"
    import shutil

    shutil.copytree(HERE.parent, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    environment = {**os.environ, "RECUR_LIBRARY": library_path}
    done = run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(out), str(source), env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = out.glob("*.whl")
    return made


def test_what_is_inside(wheel):
    assert "-py3-none-" in wheel.name and "-any.whl" not in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("recur/librecur.so", "recur/_api.py", "recur/convert/pytorch.py"):
        assert name in names
    assert not [n for n in names if "test" in n]


def test_it_works_in_a_fresh_environment(wheel, tmp_path):
    import numpy

    if run(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")).returncode:
        pytest.skip("no virtual environment")
    python = str(tmp_path / "venv" / "bin" / "python")
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").stdout.strip()
    zipfile.ZipFile(wheel).extractall(site)
    with open(os.path.join(site, "numpy_of_the_tests.pth"), "w") as file:
        file.write(os.path.dirname(os.path.dirname(numpy.__file__)))
    done = run(python, "-c", PROGRAM, cwd=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "(2, 2)" in done.stdout


def test_a_library_that_is_not_there(tmp_path):
    for path, words in ((str(tmp_path / "none.so"), "none.so"), (sys.executable, "RECUR_LIBRARY")):
        environment = {**os.environ, "RECUR_LIBRARY": path, "PYTHONPATH": str(HERE.parent)}
        done = run(sys.executable, "-c", "import recur", env=environment)
        assert done.returncode == 1 and "ImportError" in done.stderr and words in done.stderr and "RECUR_LIBRARY" in done.stderr
