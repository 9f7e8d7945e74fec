"""What concerns the whole process: the interpreter's lock, interrupts, the end."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import HERE

import recur
from recur._handles import _Owned


def start(program):
    environment = dict(os.environ)
    if not os.environ.get("RECUR_TEST_INSTALLED"):
        environment["PYTHONPATH"] = str(HERE.parent)
    return subprocess.Popen(
        [sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def test_long_calls_let_other_threads_run():
    lstm, x = recur.LSTM(64, 256).eval(), np.ones((400, 32, 64), np.float32)
    lstm(x[:2])
    ticks, begin = [], time.perf_counter()
    worker = threading.Thread(target=lambda: lstm(x))
    worker.start()
    while worker.is_alive():
        ticks.append(time.perf_counter())
        time.sleep(0.001)
    assert len(ticks) > 10 * (ticks[-1] - begin) / 0.1 or ticks[-1] - begin < 0.05


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interrupt_ends_a_training_loop():
    run = start(
        "import numpy, recur\n"
        "net, x = recur.LSTM(8, 32), numpy.ones((50, 16, 8), numpy.float32)\n"
        "sgd = recur.SGD(net)\n"
        "try:\n"
        "    while True:\n"
        "        y, _ = net(x); net.backward(y); sgd.step(); print('step', flush=True)\n"
        "except KeyboardInterrupt:\n"
        "    sgd.zero_grad(); net.forget(); y, _ = net(x); net.backward(y); print('well', flush=True)\n"
    )
    assert run.stdout.readline() == "step\n"
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0 and out.endswith("well\n"), err


def test_an_interrupt_while_memory_is_given_back_is_not_lost():
    """Python drops what __del__ raises."""

    def interrupted(_):
        raise KeyboardInterrupt

    owned = _Owned(1).hold(interrupted, False)
    with pytest.raises(KeyboardInterrupt):
        del owned
        for _ in range(1000):
            time.sleep(0.01)


def test_everything_alive_at_the_end():
    run = start(
        "import numpy, recur, threading\n"
        "net = recur.Sequential(recur.LSTM(3, 4), recur.Last(), recur.Linear(4, 2))\n"
        "adam, state, view = recur.Adam(net), net.state(2), net.params['0.weight_ih_l0']\n"
        "vars(net)['me'] = net\n"
        "class Late:\n"
        "    def __del__(self): view[:] = 1; net(numpy.ones((2, 2, 3), numpy.float32))\n"
        "late = Late()\n"
    )
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err


def test_memory_does_not_grow():
    resource = pytest.importorskip("resource")
    net, x = recur.Sequential(recur.GRU(16, 64), recur.Last(), recur.Linear(64, 4)), np.ones((50, 32, 16), np.float32)
    sgd = recur.SGD(net)

    def steps(n):
        for i in range(n):
            net.backward(net(x))
            net(x)  # never played back: dropped by the step
            sgd.step()
            net.snapshot().release()
            recur.LSTM(16, 64)

    steps(20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    steps(300)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 20000, f"{grown} kB more after 300 steps"
