"""The wheel: built from the checkout, installed in a fresh environment, used from elsewhere."""

import email
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest
from conftest import HERE, ROOT

from recur import _library, library_path

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
    found = run(sys.executable, "-c", "import setuptools, pip; print(setuptools.__version__)")
    if found.returncode or int(found.stdout.split(".")[0]) < 77:
        pytest.skip("this Python has no pip, or no setuptools of version 77 or newer")
    out = tmp_path_factory.mktemp("wheel")
    source = tmp_path_factory.mktemp("source") / "python"
    left_out = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    shutil.copytree(HERE.parent, source, ignore=left_out)
    environment = {**os.environ, "RECUR_LIBRARY": library_path}
    command = [sys.executable, "-m", "pip", "wheel", "-v", "--no-deps", "--no-build-isolation"]
    done = run(*command, "-w", str(out), str(source), env=environment)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert f"recur: the package carries {library_path}" in said
    assert "Deprecat" not in said, said
    (made,) = out.glob("*.whl")
    return made


def test_what_is_inside(wheel):
    assert "-py3-none-" in wheel.name and "-any.whl" not in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    inside = [path.relative_to(HERE.parent) for path in (HERE.parent / "recur").rglob("*.py*")]
    inside = [path.as_posix() for path in inside if path.suffix in (".py", ".pyi", ".typed")]
    assert "recur/nn/utils/rnn.py" in inside
    for name in ("recur/librecur.so", *inside):
        assert name in names
    assert not [n for n in names if "test" in n or n.startswith("tools")]


def test_metadata(wheel):
    files = zipfile.ZipFile(wheel)
    folder = next(n for n in files.namelist() if n.endswith("METADATA")).rsplit("/", 1)[0]
    told = email.message_from_bytes(files.read(f"{folder}/METADATA"))
    assert told["Name"] == "recur" and told["Requires-Dist"].startswith("numpy")
    assert told["License-Expression"] == "MIT" and told["License-File"] == "LICENSE"
    assert not [c for c in told.get_all("Classifier") if c.startswith("License")]
    licence = files.read(f"{folder}/licenses/LICENSE")
    assert licence == (ROOT / "LICENSE").read_bytes()


def test_the_library_is_stripped(wheel):
    if not shutil.which("strip"):
        pytest.skip("there is no strip")
    carried = zipfile.ZipFile(wheel).read("recur/librecur.so")
    assert b".debug_info" not in carried
    assert len(carried) < 4e6


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


@pytest.mark.parametrize(
    "name, package",
    [(b"libopenblas.so.", "libopenblas0")],
)
def test_a_library_of_the_system_that_is_not_there(tmp_path, name, package):
    content = pathlib.Path(library_path).read_bytes()
    at = content.find(name) + len(name)
    if at < len(name):
        pytest.skip("this librecur is linked with other libraries")
    broken = tmp_path / "librecur.so"
    broken.write_bytes(content[:at] + b"9" + content[at + 1 :])
    environment = {**os.environ, "RECUR_LIBRARY": str(broken), "PYTHONPATH": str(HERE.parent)}
    done = run(sys.executable, "-c", "import recur", env=environment)
    assert done.returncode == 1 and "ImportError" in done.stderr
    assert f"sudo apt-get install {package}" in done.stderr


def test_reasons_of_other_systems():
    musl = "Error loading shared library libopenblas.so.3: No such file or directory (needed by x)"
    assert "libopenblas0" in _library.missing_package(musl)
    for other in ("/lib/librecur.so: cannot open shared object file", "invalid ELF header"):
        assert _library.missing_package(other) == ""
