"""What the peers of compare.py have in common: timing, and answering requests.

A peer is a program that stays alive. It says who it is and what it can run, in one line of JSON.
Then it answers each line "NAME SECONDS" that it reads by one line: the median time of a call, or
why there is none.
It prepares a workload at its first request and keeps it until another is asked for.
"""
import gc
import json
import os
import statistics
import sys
import time

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
SAMPLE = 2e-3  # seconds of a sample at least: reading the clocks costs nothing then

CELLS = ("rnn", "lstm", "gru")
HIDDEN = (8, 16, 32, 64, 128, 256, 512)
SMALL = (3, 24, 40)  # of one input
STREAMS = [(cell, i, h) for cell in ("lstm", "gru") for i in (1, 64) for h in HIDDEN]
STREAMS += [(cell, 1, h) for cell in ("lstm", "gru") for h in SMALL]
FEWER_BITS = {"b32-h512": (100, 32, 512, 512),  # as SEQUENCES; of one step: streams
              "b1-h256": (1, 1, 64, 256), "b1-h512": (1, 1, 64, 512)}
SEQUENCES = {"h100": (784, 1, 1, 100), "h512": (100, 32, 512, 512)}  # T, B, I, H


def timed(call, times, clock):
    start, wall = clock(), time.perf_counter()
    for _ in range(times):
        call()
    return (clock() - start) / times, (time.perf_counter() - wall) / times


class Measured:
    """A workload, warmed up, with as many calls in a sample as the clock wants."""

    def __init__(self, call, clock):
        self.call, self.clock, self.calls = call, clock, 1
        call()
        while (once := timed(call, self.calls, clock)[1]) * self.calls < SAMPLE:
            self.calls *= 2
        self.calls = max(1, round(SAMPLE / once))

    def measure(self, seconds):
        samples, spent = [], 0
        while not samples or spent < seconds:
            samples.append(timed(self.call, self.calls, self.clock))
            spent += samples[-1][1] * self.calls
        cpu, wall = zip(*samples)
        return {"cpu": statistics.median(cpu), "wall": statistics.median(wall),
                "samples": len(samples)}


def serve(name, workloads, clock=time.thread_time):
    """Answers requests; workloads: name -> function that prepares it and returns what to call."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not get between the answers
    print(json.dumps({"peer": name, "workloads": sorted(workloads)}), file=out)
    current, measured = None, None
    for line in sys.stdin:
        wanted, seconds = line.split()
        try:
            if wanted != current:
                measured = current = None
                gc.collect()
                measured, current = Measured(workloads[wanted](), clock), wanted
            answer = measured.measure(float(seconds))
        except Exception as problem:  # whatever a library finds wrong is this workload's answer
            answer = {"error": "%s: %s" % (type(problem).__name__, problem)}
        print(json.dumps(answer), file=out)
