"""The example programs, small: they run, learn, and draw their curves."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest
from conftest import HERE

EXAMPLES = HERE.parent / "examples"
HAS_PLOTS = importlib.util.find_spec("matplotlib") is not None


def run(name, *options, tmp_path):
    plot = ["--plot", str(tmp_path / "curves.png")] if HAS_PLOTS else ["--cell", "all"]
    environment = {**os.environ, "MPLCONFIGDIR": str(tmp_path)}
    if not os.environ.get("RECUR_TEST_INSTALLED"):
        environment["PYTHONPATH"] = str(HERE.parent)
    command = [sys.executable, str(EXAMPLES / name), *options, *plot]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    if HAS_PLOTS:
        assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"
    return done.stdout


def accuracy(text, cell):
    return float(re.search(rf"{cell} test accuracy ([\d.]+)%", text).group(1))


def test_temporal_order(tmp_path):
    text = run("temporal_order.py", "--test", "500", "--epochs", "7", tmp_path=tmp_path)
    assert accuracy(text, "gru") > 95 and accuracy(text, "rnn") < accuracy(text, "gru") and "predicted" in text


def test_hello(tmp_path):
    text = run("hello.py", "--epochs", "150", tmp_path=tmp_path)
    assert "hello hello" in text and text.count("accuracy") == 3


def test_mnist(tmp_path):
    text = run(
        "mnist.py",
        "--train",
        "3000",
        "--hidden",
        "64",
        "--layers",
        "1",
        "--epochs",
        "4",
        "--lr",
        "0.004",
        "--batch",
        "50",
        tmp_path=tmp_path,
    )
    assert max(accuracy(text, cell) for cell in ("rnn", "lstm", "gru")) > 60


def test_mnist_files(tmp_path):
    import gzip
    import struct

    import numpy as np

    for name, n in (("train", 20), ("t10k", 10)):
        images, labels = np.zeros((n, 28, 28), np.uint8), np.arange(n, dtype=np.uint8) % 10
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, n, 28, 28) + images.tobytes())
        with gzip.open(tmp_path / f"{name}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">II", 0x801, n) + labels.tobytes())
    text = run("mnist.py", "--data", str(tmp_path), "--hidden", "4", "--epochs", "1", tmp_path=tmp_path)
    assert "test accuracy" in text


@pytest.mark.parametrize("name", ["temporal_order.py", "hello.py", "mnist.py"])
def test_they_are_short(name):
    assert len((EXAMPLES / name).read_text().splitlines()) < 80


USERS = {  # what a user's program says when it has learnt
    "char_rnn.py": r"step 240: 0\.[01].*\nthis is the cat that (killed|lay|ate)",
    "tagging.py": r"sailor/NOUN saw/VERB a/DET light/\w+ saw/NOUN",
    "forecasting.py": r"wrong by [1-5]\.\d cm; 'as today' is wrong by 12\.\d cm",
    "classification.py": r"saved\n(.*\n)*sine +\d+\.\d% recognised\n",
    "streaming.py": r"sample 250: sensor 2 is off by 1",
    "from_pytorch.py": r"differ by \de-0[5-9] at most\n(.*\n){5}read 1: the count is even",
}


@pytest.mark.parametrize("name", USERS)
def test_programs_of_users(name):
    environment = dict(os.environ)
    if not os.environ.get("RECUR_TEST_INSTALLED"):
        environment["PYTHONPATH"] = str(HERE.parent)
    command = [sys.executable, str(EXAMPLES / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    if done.returncode == 1 and "needs PyTorch" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(USERS[name], done.stdout), done.stdout
    lines = (EXAMPLES / name).read_text().splitlines()
    assert len(lines) < 60 and max(map(len, lines)) <= 100
