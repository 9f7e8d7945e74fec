#!/usr/bin/env python3
"""Times two builds of librecur in turn: which workloads became slower?

    python3 bench/in_turn.py OLD_ROOT NEW_ROOT [--rounds 10] [--seconds 0.05] [workload]...

Each root needs its own build/bench/recur-bench (`make build/bench/recur-bench`). A round runs every
workload of one build, then of the other; the builds take turns in being the first. A workload's
times are thread CPU times of a call. Prints new / old for each workload: the median over rounds of
the ratio within a round, whose two runs were neighbours in time, and the ratio of the minima of all
rounds; then their geometric means. Leave the machine alone meanwhile."""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys


KEYS = {"median": "cpu", "minimum": "cpu_least"}


def run(root, workload, options):
    command = [os.path.join(root, "build/bench/recur-bench"), workload, "--json", "-"]
    command += ["--seconds", str(options.seconds), "--repetitions", str(options.repetitions)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def names(root, wanted):
    out = subprocess.run(
        [os.path.join(root, "build/bench/recur-bench"), "--list"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    known = [line.split()[0] for line in out.splitlines() if line.startswith("w")]
    return [name for name in known if not wanted or any(name.startswith(w) for w in wanted)]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("workload", nargs="*", default=[])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.05, help="of one workload in one round")
    parser.add_argument("--repetitions", type=int, default=2, help="calls of a workload at least")
    options = parser.parse_args()
    roots = (options.old, options.new)
    workloads = names(options.new, options.workload)
    figures = {name: ([], []) for name in workloads}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for name in workloads:
            for which in (0, 1) if number % 2 == 0 else (1, 0):
                for line in run(roots[which], name, options):
                    if line["workload"] == name:
                        figures[name][which].append(line)
    print(f"{'workload':<20} {'old':>12} {'new':>12} {'median':>8} {'minimum':>8}  bytes/call")
    logs = {"median": [], "minimum": []}
    for name in workloads:
        old, new = figures[name]
        row = {}
        for key in logs:
            pairs = list(zip((f[KEYS[key]] for f in old), (f[KEYS[key]] for f in new)))
            if key == "median":
                row[key] = statistics.median(after / before for before, after in pairs)
            else:
                row[key] = min(after for _, after in pairs) / min(before for before, _ in pairs)
            logs[key].append(math.log(row[key]))
        times = [statistics.median(f["cpu"] for f in part) * 1e6 for part in (old, new)]
        allocated = max(f.get("bytes_per_call", 0) for f in new)
        print(
            f"{name:<20} {times[0]:9.3f} us {times[1]:9.3f} us"
            f" {row['median']:8.3f} {row['minimum']:8.3f}"
            f"  {allocated:g}"
        )
    means = [math.exp(statistics.mean(logs[key])) for key in ("median", "minimum")]
    print(f"{'geometric mean':<46} {means[0]:8.3f} {means[1]:8.3f}")


if __name__ == "__main__":
    main()
