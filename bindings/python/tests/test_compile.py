"""Modules as C: what a compiler makes of them gives what the module gives."""

import shutil
import subprocess

import numpy as np
import pytest

import recur
from recur import c

COMPILER = shutil.which("cc")


def run_self_test(folder, name):
    source, program = folder / f"{name}.c", folder / name
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", f"-D{name.upper()}_SELF_TEST"]
    subprocess.run([COMPILER, *flags, source, "-o", program, "-lm"], check=True)
    return subprocess.run([program], capture_output=True, text=True, check=False)


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_module_tests_itself(tmp_path, precision):
    net = recur.Sequential({"rnn": recur.LSTM(3, 8), "fc": recur.Linear(8, 2)})
    x = np.random.default_rng(1).normal(size=(5, 2, 3)).astype(np.float32)
    recur.compile_c(net, tmp_path / "lstm.c", name="lstm", precision=precision, sample=x)
    done = run_self_test(tmp_path, "lstm")
    assert done.returncode == 0
    assert done.stdout == "lstm: 0 of 20 numbers of the sample differ\n"


def test_memory_holds_what_the_file_holds(tmp_path):
    net = recur.GRU(3, 4)
    recur.compile_c(net, tmp_path / "gru.c", name="gru", arena=True, own_math=True)
    how = c.recur_compile_options(
        name="gru", flags=c.RECUR_COMPILE_ARENA | c.RECUR_COMPILE_OWN_MATH
    )
    for part, ending in ((c.RECUR_COMPILE_SOURCE, "c"), (c.RECUR_COMPILE_HEADER, "h")):
        text = c.recur_compile_c_memory(net._open(), how, part)
        assert text == (tmp_path / f"gru.{ending}").read_text()


def test_what_cannot_be_compiled_is_refused(tmp_path):
    with pytest.raises(recur.UnsupportedError, match="looks ahead"):
        recur.compile_c(recur.GRU(3, 4, bidirectional=True), tmp_path / "gru.c")
    with pytest.raises(recur.ArgumentError, match="does not end"):
        recur.compile_c(recur.GRU(3, 4), tmp_path / "gru.d")
    with pytest.raises(recur.ArgumentError, match="RECUR_PRECISION_INT8"):
        recur.compile_c(recur.GRU(3, 4), tmp_path / "gru.c", precision="bfloat16")
    with pytest.raises(ValueError, match="x: 6 numbers"):
        sample = c.recur_model_sample(
            packed=c.recur_packed_create(None, 1, None, 2), x=np.zeros(3, np.float32)
        )
        c.recur_compile_c(recur.GRU(3, 4)._open(), c.recur_compile_options(sample=sample), "x.c")
