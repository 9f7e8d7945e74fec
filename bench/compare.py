#!/usr/bin/env python3
"""Runs the workloads of recur-bench in other libraries too, in turn, and tells how many times as
fast librecur is.

    make build/bench/recur-bench && bench/compare.py               everything: about half an hour
    bench/compare.py --quick w1 w3-lstm                            some of it, roughly
    bench/compare.py --markdown ratios.md --png ratios.png w3 w4 w5

Whatever of these is here takes part: PyTorch, ONNX Runtime (with the onnx package), TensorFlow,
oneDNN (its headers and a C++ compiler), KANN (--kann DIR, its sources) and RTNeural (--rtneural
DIR, a checkout with its submodules). Run this with the Python that has them, or name another:
--python keras=FILE. Everything has one thread and is timed
in that thread's processor time; w8 compares two threads with one by the wall's clock. In each round
every library runs once, each round in another order. A ratio is the other's time over librecur's of
the same round. What is printed is the median of the rounds, with the least and the greatest.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import peer
from targets import TARGETS

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.path.dirname(HERE), "build", "bench")
ENVIRONMENT = {**os.environ, **peer.ONE_THREAD}


# ---- who takes part ------------------------------------------------------------------------------

class NotHere(Exception):
    pass


class Recur:
    """recur-bench, started anew for each measurement."""
    kind, name = "recur", "librecur"

    def __init__(self, path):
        self.path = path
        if not os.access(path, os.X_OK):
            raise NotHere("%s is not there: make build/bench/recur-bench" % path)
        listed = subprocess.run([path, "--list"], check=True, capture_output=True, text=True).stdout
        self.workloads = [line.split()[0] for line in listed.splitlines()]

    def measure(self, workload, seconds):
        command = [self.path, workload, "--seconds", str(seconds), "--repetitions", "1"]
        command += ["--json", "-"]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
        if done.returncode:
            return {"error": done.stderr.strip()}
        return json.loads(done.stdout)

    def close(self):
        pass


class OneThread:
    """What a workload with several threads is compared with: the same with one."""
    kind, name = "one-thread", "one thread"

    def __init__(self, recur):
        self.recur = recur
        self.workloads = [w for w in recur.workloads if w.startswith("w8-")]

    def measure(self, workload, seconds):
        return self.recur.measure(workload.split("-", 1)[1], seconds)

    def close(self):
        pass


class Floats:
    """What a workload with fewer bits is compared with: the same with floats."""
    kind, name = "float", "librecur, float"

    def __init__(self, recur):
        self.recur = recur
        self.workloads = [w for w in recur.workloads if w.startswith("w9-")]

    def measure(self, workload, seconds):
        _, _, cell, batch, hidden = workload.split("-")
        same = "w7-%s-%s" if batch == "b32" else "w6-%s-i64-%s"
        return self.recur.measure(same % (cell, hidden), seconds)

    def close(self):
        pass


class Program:
    """A peer that stays alive and answers requests: see peer.py."""

    def __init__(self, kind, command):
        self.kind = kind
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, env=ENVIRONMENT, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors)
        hello = self.answer()
        if "error" in hello:
            self.close()
            raise NotHere(hello["error"])
        self.name, self.workloads = hello["peer"], hello["workloads"]

    def answer(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.errors.seek(0)
        last = self.errors.read().strip().splitlines()[-1:]
        return {"error": last[0] if last else "it ended with status %s" % self.process.wait()}

    def measure(self, workload, seconds):
        try:
            print(workload, seconds, file=self.process.stdin, flush=True)
        except OSError:
            pass  # the answer says what happened
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Variant:
    """Another way of a peer to do the same: its workloads "NAME:variant"."""

    def __init__(self, program, variant):
        self.program, self.variant = program, variant
        self.kind, self.name = program.kind + ":" + variant, program.name + ", " + variant
        self.workloads = [w.split(":")[0] for w in program.workloads if w.endswith(":" + variant)]

    def measure(self, workload, seconds):
        return self.program.measure(workload + ":" + self.variant, seconds)

    def close(self):
        pass


def script(name):
    return lambda python: [python, os.path.join(HERE, name)]


def is_newer(program, sources):
    if not os.path.exists(program):
        return False
    built = os.path.getmtime(program)
    return all(built >= os.path.getmtime(each) for each in sources)


def run_compiler(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        raise NotHere(errors[0] if errors else "it does not compile")


def build_dnnl(_):
    source, program = os.path.join(HERE, "dnnl_bench.cpp"), os.path.join(BUILD, "dnnl_bench")
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        raise NotHere("no C++ compiler")
    if not is_newer(program, [source, os.path.join(HERE, "peer.h")]):
        run_compiler([compiler, "-O2", "-std=c++17", "-o", program, source, "-ldnnl"])
    return [program]


def build_kann(directory):
    """Builds KANN with OpenBLAS if it is here, which makes it faster. A copy inside another program
    includes that program's config.h and blas-config.h, and takes its allocator beside BLAS; empty
    files and malloc stand for them."""
    theirs = [os.path.join(directory or "", name) for name in ("kann.c", "kautodiff.c")]
    if not directory or not all(map(os.path.exists, theirs)):
        raise NotHere("--kann DIR or KANN_DIR names no directory with kann.c and kautodiff.c")
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        raise NotHere("no C compiler")
    source = os.path.join(HERE, "kann_bench.c")
    empty, program = os.path.join(BUILD, "kann"), os.path.join(BUILD, "kann_bench")
    os.makedirs(empty, exist_ok=True)
    for name in ("config.h", "blas-config.h"):
        open(os.path.join(empty, name), "w", encoding="utf-8").close()
    command = [compiler, "-O3", "-march=native", "-w", "-include", "stdbool.h", "-I", directory,
               "-I", empty, "-o", program, source, *theirs]
    with_blas = ["-DHAVE_CBLAS", "-DHAVE_CBLAS_SGEMM", "-DHAVE_CBLAS_H", "-Dg_malloc=malloc",
                 "-Dg_free=free", "-lopenblas"]
    try:
        run_compiler(command + with_blas + ["-lm"])
    except NotHere:
        run_compiler(command + ["-lm"])
    return [program]


def build_rtneural(backend, includes):
    def build(directory):
        """RTNeural with one of its backends, for the sizes of the streams and this processor."""
        if not directory or not os.path.isdir(os.path.join(directory, "RTNeural")):
            raise NotHere("--rtneural DIR or RTNEURAL_DIR names no checkout of RTNeural")
        compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
        if not compiler:
            raise NotHere("no C++ compiler")
        source = os.path.join(HERE, "rtneural_bench.cpp")
        program = os.path.join(BUILD, "rtneural_bench_" + backend.lower())
        if not is_newer(program, [source, os.path.join(HERE, "peer.h")]):
            folders = [directory] + [os.path.join(directory, "modules", each) for each in includes]
            run_compiler([compiler, "-O3", "-march=native", "-std=c++17", "-w",
                          "-DRTNEURAL_DEFAULT_ALIGNMENT=32", "-DRTNEURAL_USE_%s=1" % backend,
                          *("-I" + each for each in folders), "-o", program, source])
        return [program]
    return build


PROGRAMS = {
    "torch": script("peer_torch.py"),
    "onnx": script("peer_onnx.py"),
    "dnnl": build_dnnl,
    "kann": build_kann,
    "rtneural-xsimd": build_rtneural("XSIMD", ["xsimd/include"]),
    "rtneural-eigen": build_rtneural("EIGEN", ["Eigen"]),
    "keras": script("peer_keras.py"),
}


def start_peers(kinds, recur, where):
    """where: the Python of a peer, or its directory."""
    peers = [OneThread(recur), Floats(recur)]
    for kind in kinds:
        try:
            program = Program(kind, PROGRAMS[kind](where.get(kind, sys.executable)))
        except NotHere as why:
            say("%s takes no part: %s" % (kind, why))
            continue
        say("%s takes part" % program.name)
        peers.append(program)
        variants = sorted({w.split(":")[1] for w in program.workloads if ":" in w})
        peers += [Variant(program, variant) for variant in variants]
    return peers


# ---- rounds --------------------------------------------------------------------------------------

def say(text):
    print(text, file=sys.stderr, flush=True)


def rounds_of(workload, runners, count, seconds):
    """times[kind]: a list over the rounds. Who fails is told about and left out."""
    clock = "wall" if workload.startswith("w8-") else "cpu"
    times, running = {r.kind: [] for r in runners}, list(runners)
    for turn in range(count):
        first = turn % len(running)
        for runner in running[first:] + running[:first]:
            answer = runner.measure(workload, seconds)
            if "error" in answer:
                say("%s: %s: %s" % (workload, runner.name, answer["error"]))
                running = [r for r in running if r is not runner]
            else:
                times[runner.kind].append(answer[clock])
    return {kind: values for kind, values in times.items() if len(values) == count}


def compare(workload, recur, peers, count, seconds):
    """Results: a dict for each peer that has the workload."""
    others = [p for p in peers if workload in p.workloads]
    times = rounds_of(workload, [recur] + others, count, seconds) if others else {}
    results = []
    for other in others:
        if recur.kind in times and other.kind in times:
            ratios = [theirs / ours for theirs, ours in zip(times[other.kind], times[recur.kind])]
            results.append({
                "workload": workload, "peer": other.name, "kind": other.kind,
                "target": TARGETS.get((workload, other.kind)),
                "ours": statistics.median(times[recur.kind]),
                "theirs": statistics.median(times[other.kind]),
                "ratio": statistics.median(ratios), "least": min(ratios), "most": max(ratios),
                "rounds": count})
    return results


# ---- telling -------------------------------------------------------------------------------------

def time_text(t):
    for unit, size in (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3)):
        if t < 1000 * size:
            return "%.3g %s" % (t / size, unit)
    return "%.3g s" % t


def cells(r):
    """A result in words: workload, librecur, peer, its time, ratio, spread, target, reached."""
    target = "" if r["target"] is None else "%g" % r["target"]
    reached = "" if r["target"] is None else "yes" if r["ratio"] >= r["target"] else "no"
    return [r["workload"], time_text(r["ours"]), r["peer"], time_text(r["theirs"]),
            "%.2f" % r["ratio"], "%.2f to %.2f" % (r["least"], r["most"]), target, reached]


HEAD = ["workload", "librecur", "other", "its time", "ratio", "spread", "target", "reached"]
WIDTHS = [22, 9, 24, 9, 8, 17, 6, 7]


def print_row(row):
    texts = [text.ljust(w) if i in (0, 2) else text.rjust(w)
             for i, (text, w) in enumerate(zip(row, WIDTHS))]
    print("  ".join(texts), flush=True)


def write_markdown(results, path):
    rule = ["---" if i in (0, 2) else "---:" for i in range(len(HEAD))]
    rows = [HEAD, rule] + [cells(r) for r in results]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines("| " + " | ".join(row) + " |\n" for row in rows)


def draw_ratios(results, path):
    try:
        import draw
    except ImportError as why:
        say("no picture: %s" % why)
    else:
        draw.ratios(results, path)


# ---- the command line ----------------------------------------------------------------------------

def chosen(words, workloads):
    """As recur-bench chooses: a name, or the beginning of several."""
    names = []
    for word in words:
        beginning = [w for w in workloads if w.startswith(word + "-")]
        found = [w for w in workloads if w == word] or beginning
        if not found:
            sys.exit("compare.py: unknown workload %s; recur-bench --list names them" % word)
        names += [w for w in found if w not in names]
    return names


def command_line():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*",
                        help="names, or beginnings of several: w3-lstm, w6 (all)")
    parser.add_argument("--peers", default=",".join(PROGRAMS), metavar="NAMES",
                        help="only these of %(default)s")
    parser.add_argument("--rounds", type=int, help="rounds (11)")
    parser.add_argument("--seconds", type=float,
                        help="seconds for each library in a round, one call at least (0.2)")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.05 seconds")
    parser.add_argument("--neighbour", action="store_true",
                        help="beside a process that copies memory without end")
    parser.add_argument("--core", type=int, help="run on this core alone (but w8)")
    parser.add_argument("--python", action="append", default=[], metavar="PEER=FILE",
                        help="the Python of a peer")
    parser.add_argument("--kann", default=os.environ.get("KANN_DIR"), metavar="DIR",
                        help="KANN's sources (KANN_DIR)")
    parser.add_argument("--rtneural", default=os.environ.get("RTNEURAL_DIR"), metavar="DIR",
                        help="a checkout of RTNeural with its submodules (RTNEURAL_DIR)")
    parser.add_argument("--recur", default=os.path.join(BUILD, "recur-bench"), metavar="FILE",
                        help="recur-bench")
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON")
    parser.add_argument("--markdown", metavar="FILE", help="write them as a table in Markdown")
    parser.add_argument("--png", metavar="FILE", help="draw them (with matplotlib)")
    args = parser.parse_args()
    args.rounds = args.rounds or (3 if args.quick else 11)
    args.seconds = args.seconds if args.seconds is not None else 0.05 if args.quick else 0.2
    if args.rounds < 1 or args.seconds < 0:
        parser.error("--rounds must be 1 or more, --seconds not negative")
    for each in args.python:
        name, _, file = each.partition("=")
        if name not in PROGRAMS or not file:
            parser.error("--python wants PEER=FILE, such as keras=/opt/tf/bin/python")
    args.peers = args.peers.split(",")
    if unknown := [each for each in args.peers if each not in PROGRAMS]:
        parser.error("unknown peer %s" % unknown[0])
    args.python = dict(each.split("=", 1) for each in args.python)
    return args


def start_neighbour(recur_bench, cores):
    """A process that copies memory on the other cores."""
    if not cores:
        sys.exit("compare.py: --neighbour wants a second core")
    process = subprocess.Popen([recur_bench, "--be-neighbour"])
    os.sched_setaffinity(process.pid, cores)
    return process


def main():
    args = command_line()
    try:
        recur = Recur(args.recur)
    except NotHere as why:
        sys.exit("compare.py: %s" % why)
    names = chosen(args.workloads, recur.workloads) if args.workloads else recur.workloads
    all_cores = os.sched_getaffinity(0)
    if args.neighbour and args.core is None:
        args.core = min(all_cores)
    own_core = all_cores if args.core is None else {args.core}
    neighbour = start_neighbour(args.recur, all_cores - own_core) if args.neighbour else None
    os.sched_setaffinity(0, own_core)
    where = {**args.python, "kann": args.kann}
    where.update({kind: args.rtneural for kind in PROGRAMS if kind.startswith("rtneural-")})
    peers = start_peers(args.peers, recur, where)
    results = []
    try:
        print_row(HEAD)
        for workload in names:
            os.sched_setaffinity(0, all_cores if workload.startswith("w8-") else own_core)
            found = compare(workload, recur, peers, args.rounds, args.seconds)
            for result in found:
                print_row(cells(result))
            results += found
    except KeyboardInterrupt:
        say("interrupted; what follows is what there is")
    for each in peers:
        each.close()
    if neighbour:
        neighbour.kill()
        neighbour.wait()
    with_target = [r for r in results if r["target"] is not None]
    reached = sum(r["ratio"] >= r["target"] for r in with_target)
    print("\n%d of %d targets reached; ratio: the other's time over librecur's, "
          "median of %d rounds" % (reached, len(with_target), args.rounds))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    if args.markdown:
        write_markdown(results, args.markdown)
    if args.png and results:
        draw_ratios(results, args.png)


if __name__ == "__main__":
    main()
