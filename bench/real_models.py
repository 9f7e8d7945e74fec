#!/usr/bin/env python3
"""One step of an ONNX model, by librecur and by ONNX Runtime, in turn, in one process.

    bench/real_models.py silero_vad_16k_op15.onnx --constant sr=16000 --size sequence=576
    bench/real_models.py dtln/model_1.onnx dtln/model_2.onnx

The model is one step: a row and its states come in. Both have one thread; what is measured is the
CPU time of that thread (median and least of all rounds, a round is some steps of one and some of
the other). ONNX Runtime runs with bound inputs and outputs, librecur on a snapshot. Memory is what
a process of its own has more with the library loaded and the model run than before, beside Python
and NumPy. Needs onnx, onnxruntime, and the Python package of librecur (RECUR_LIBRARY names the
library, as for the package). Nothing else should run.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bindings" / "python"))
os.environ.setdefault("RECUR_LIBRARY", str(ROOT / "lib" / "librecur.so"))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402


def pairs(given):
    return {name: int(n) for name, _, n in (one.partition("=") for one in given or [])}


def shape_of(value, sizes):
    return [d if isinstance(d, int) else sizes.get(d, 1) for d in value.shape]


class Runtime:
    """ONNX Runtime, one thread, everything bound."""

    def __init__(self, path, sizes, constants):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        self.binding = self.session.io_binding()
        self.values = []
        rng = np.random.default_rng(1)
        for i, value in enumerate(self.session.get_inputs()):
            if value.name in constants:
                array = np.array(constants[value.name], np.int64)
            elif i == 0:
                array = rng.standard_normal(shape_of(value, sizes)).astype(np.float32)
                self.x = array
            else:
                array = np.zeros(shape_of(value, sizes), np.float32)
            self.values.append(onnxruntime.OrtValue.ortvalue_from_numpy(array))
            self.binding.bind_ortvalue_input(value.name, self.values[-1])
        for value in self.session.get_outputs():
            self.binding.bind_output(value.name)

    def step(self):
        self.session.run_with_iobinding(self.binding)

    def y(self):
        return self.binding.copy_outputs_to_cpu()[0]


class Ours:
    """librecur, a stream on a snapshot."""

    def __init__(self, path, x):
        import recur

        self.net = recur.open_model(str(path)).snapshot()
        self.state = self.net.state(1)
        self.x = x.reshape(1, -1)
        self.out = np.zeros((1, self.net._info.output_size), np.float32)

    def step(self):
        self.net.step(self.x, self.state, out=self.out)


def timed(step, count):
    begin = time.thread_time_ns()
    for _ in range(count):
        step()
    return (time.thread_time_ns() - begin) / count / 1e3


def resident():
    """Bytes of this process in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memory(what, path, args):
    """In a process of its own: resident bytes with library and model, beyond those before."""
    line = [sys.executable, __file__, str(path), "--alone", what, "--model", str(args.model)]
    line += [f"--size={s}" for s in args.size or []]
    line += [f"--constant={c}" for c in args.constant or []]
    return json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)


def alone(args):
    path, sizes, constants = args.files[0], pairs(args.size), pairs(args.constant)
    if args.alone == "runtime":
        before = resident()
        made = Runtime(path, sizes, constants)
    else:
        import recur  # noqa: F401: its Python files are no part of the library

        before = resident()
        made = Ours(args.model, np.zeros(int(os.environ["RECUR_WIDTH"]), np.float32))
    for _ in range(20):
        made.step()
    print(json.dumps(resident() - before))


def library_bytes():
    """Files: librecur without debug information, and ONNX Runtime's."""
    import onnxruntime

    stripped = ROOT / "build" / "stripped.so"
    stripped.parent.mkdir(exist_ok=True)
    source = os.environ["RECUR_LIBRARY"]
    subprocess.run(["strip", "--strip-unneeded", "-o", str(stripped), source], check=True)
    folder = pathlib.Path(onnxruntime.__file__).parent / "capi"
    theirs = max(f.stat().st_size for f in folder.glob("*onnxruntime*.so*"))
    ours = stripped.stat().st_size
    stripped.unlink()
    return ours, theirs


def compare(path, args):
    import recur

    sizes, constants = pairs(args.size), pairs(args.constant)
    numbers = {k: np.int64(v) for k, v in constants.items()}
    net = recur.from_onnx(str(path), numbers, sizes=sizes)
    recur.save_model(net, args.model)
    theirs = Runtime(path, sizes, constants)
    ours = Ours(args.model, theirs.x)
    ours.step()
    theirs.step()
    apart = float(np.abs(ours.out.ravel() - theirs.y().ravel()).max())
    os.environ["RECUR_WIDTH"] = str(theirs.x.size)
    times = {"librecur": [], "ONNX Runtime": []}
    sides = (("librecur", ours.step), ("ONNX Runtime", theirs.step))
    for side in sides:
        timed(side[1], 200)
    for _ in range(args.rounds):
        for name, step in sides:
            times[name].append(timed(step, args.steps))
    sizes_of = {"librecur": pathlib.Path(args.model), "ONNX Runtime": path}
    libraries = dict(zip(("librecur", "ONNX Runtime"), library_bytes()))
    kinds = {"librecur": "ours", "ONNX Runtime": "runtime"}
    print(f"\n{path.name}: the first output differs by up to {apart:.1e}")
    print(f"  {'':14s}{'median us':>10s}{'least us':>10s}{'memory MB':>11s}{'library MB':>12s}"
          f"{'model MB':>10s}")
    for name, found in times.items():
        print(f"  {name:14s}{statistics.median(found):10.1f}{min(found):10.1f}"
              f"{memory(kinds[name], path, args) / 1e6:11.1f}{libraries[name] / 1e6:12.2f}"
              f"{sizes_of[name].stat().st_size / 1e6:10.2f}")
    a, b = times["librecur"], times["ONNX Runtime"]
    print(f"  ratio         {statistics.median(a) / statistics.median(b):10.2f}"
          f"{min(a) / min(b):10.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="MODEL.onnx")
    parser.add_argument("--size", action="append", metavar="NAME=N", help="number for an open axis")
    parser.add_argument("--constant", action="append", metavar="NAME=N", help="an input's number")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--steps", type=int, default=100, help="in a round, of each")
    parser.add_argument("--model", default="/tmp/real_models.safetensors", help=argparse.SUPPRESS)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        alone(args)
        return
    with open("/proc/cpuinfo", encoding="ascii") as file:
        print(next((line for line in file if line.startswith("model name")), "?").strip())
    for path in args.files:
        compare(path, args)


if __name__ == "__main__":
    main()
