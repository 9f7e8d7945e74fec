#!/usr/bin/env python3
"""Training steps of minGRU by librecur, beside its GRU, PyTorch's GRU and minGRU in PyTorch.

    bench/mingru.py --rounds 9
    bench/mingru.py --steps 256 --units 128 --batch 8 --dx

Forward and backward over whole sequences; with --dx the gradient of the input too, as a layer above
another one needs it. All have one thread, take turns in every round, and are measured by the CPU
time of that thread. PyTorch's minGRU is there in both forms of Feng 2024 (appendix B): parallel, a
scan in logarithms, and a loop over time. All minGRU have n = g(W x + b), so that the parallel form
is the same function; that they agree is checked before anything is measured. Needs torch and the
Python package of librecur (RECUR_LIBRARY names the library, as for the package). Nothing else
should run.
"""
import argparse
import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bindings" / "python"))
os.environ.setdefault("RECUR_LIBRARY", str(ROOT / "lib" / "librecur.so"))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import recur  # noqa: E402
from recur import c  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402


def log_g(x):
    return torch.where(x >= 0, (F.relu(x) + 0.5).log(), -F.softplus(-x))


def parallel(gates):
    """h of all steps [T][B][H], from the pre-activations of z and n side by side."""
    z, n = gates.chunk(2, -1)
    log_keep = (-F.softplus(z)).cumsum(0)
    log_new = -F.softplus(-z) + log_g(n)
    return (log_keep + (log_new - log_keep).logcumsumexp(0)).exp()


def loop(gates):
    z, n = gates.chunk(2, -1)
    z, n = z.sigmoid(), torch.where(n >= 0, n + 0.5, n.sigmoid())
    h, rows = torch.zeros_like(z[0]), []
    for t in range(len(z)):
        h = torch.lerp(h, n[t], z[t])
        rows.append(h)
    return torch.stack(rows)


def torch_step(run, parameters, x, dy):
    def step(wants_dx):
        for p in (*parameters, x):
            p.grad = None
        x.requires_grad_(wants_dx)
        y = run(x)
        y.backward(dy)
        return y.detach().numpy(), x.grad.numpy() if wants_dx else None

    return step


def recur_step(cell, activation, x, dy, parameters=None):
    """The C interface itself, with arrays that are made once."""
    T, B, I = x.shape
    options = c.recur_recurrent_options(
        cell=cell, input_size=I, hidden_size=dy.shape[2], activation=activation
    )
    layer = c.recur_recurrent_create(None, options)
    c.recur_layer_init(layer, None, c.RECUR_INIT_DEFAULT, 0, 1)
    params = c.recur_layer_params(layer)
    if parameters is not None:
        params[...] = parameters
    layout, tape = c.recur_packed_create(None, B, None, T), c.recur_tape_create(None)
    y, dx, grads = np.empty_like(dy), np.empty_like(x), np.zeros_like(params)

    def step(wants_dx):
        grads.fill(0)
        c.recur_layer_forward(layer, layout, x, None, y, tape)
        c.recur_layer_backward(layer, layout, x, dy, None, dx if wants_dx else None, grads, tape)
        return y, dx

    return step


def subjects(options):
    T, B, I, H = options.steps, options.batch, options.inputs, options.units
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((T, B, I), np.float32)
    dy = rng.standard_normal((T, B, H), np.float32)
    tx, tdy = torch.tensor(x), torch.tensor(dy)
    linear, gru = torch.nn.Linear(I, 2 * H), torch.nn.GRU(I, H)
    flat = torch.cat([p.detach().flatten() for p in linear.parameters()]).numpy()
    own = recur_step(c.RECUR_CELL_MINGRU, c.RECUR_ACTIVATION_POSITIVE, x, dy, flat)
    kept = tuple(linear.parameters())
    return {
        "librecur minGRU": own,
        "librecur GRU": recur_step(c.RECUR_CELL_GRU, 0, x, dy),
        "PyTorch GRU": torch_step(lambda x: gru(x)[0], tuple(gru.parameters()), tx, tdy),
        "PyTorch minGRU, parallel": torch_step(lambda x: parallel(linear(x)), kept, tx, tdy),
        "PyTorch minGRU, loop": torch_step(lambda x: loop(linear(x)), kept, tx, tdy),
    }


def check(steps):
    y, dx = steps["librecur minGRU"](True)
    for name in ("PyTorch minGRU, parallel", "PyTorch minGRU, loop"):
        ty, tdx = steps[name](True)
        off = max(np.abs(ty - y).max(), np.abs(tdx - dx).max())
        print(f"{name}: y and dx differ by at most {off:.1e}")
        # A scan in logarithms cancels: long sequences cost it digits.
        if not off < (1e-4 if "loop" in name else 1e-2):
            sys.exit("they are not the same function")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=1024, help="T (1024)")
    parser.add_argument("--batch", type=int, default=16, help="B (16)")
    parser.add_argument("--inputs", type=int, default=256, help="I (256)")
    parser.add_argument("--units", type=int, default=256, help="H (256)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--dx", action="store_true", help="the gradient of the input, too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    recur.set_num_threads(1)
    steps = subjects(options)
    check(steps)
    times = {name: [] for name in steps}
    for _ in range(options.rounds):
        for name, step in steps.items():
            begin = time.thread_time()
            step(options.dx)
            times[name].append(time.thread_time() - begin)
    print(f"\nT {options.steps}, B {options.batch}, I {options.inputs}, H {options.units}"
          f"{', with dx' if options.dx else ''}")
    print(f"{'':26} {'median ms':>10} {'least ms':>10} {'steps/s':>9} {'slower':>8}")
    own = statistics.median(times["librecur minGRU"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(
            f"{name:26} {1e3 * median:10.1f} {1e3 * min(seconds):10.1f} {1 / median:9.2f} "
            f"{median / own:7.2f}x"
        )


if __name__ == "__main__":
    main()
