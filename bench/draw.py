#!/usr/bin/env python3
"""Draws what was measured: the ratios of compare.py, and the series of recur-bench.

    recur-bench --series h --json h.json && bench/draw.py h.json h.png
"""
import json
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot, ticker

COLOURS = {"torch": "#c44e31", "torch:padded": "#e2a58f", "torch:native": "#8c2f1b",
           "onnx": "#3b6ea8", "dnnl": "#4d9a5b", "keras": "#d8a02b", "rtneural": "#8a8a8a", "one-thread": "#6f5aa8"}
SERIES = {"h": ("H", "hidden size and input size"), "b": ("B", "sequences in the batch"), "t": ("T", "steps"),
          "l": ("L", "layers")}


def ratios(results, path):
    """A bar for each result, with its spread and its target."""
    results = results[::-1]
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.24 * len(results)))
    named = set()
    for y, r in enumerate(results):
        label = r["peer"] if r["peer"] not in named else None
        named.add(r["peer"])
        axes.barh(y, r["ratio"] - 1, left=1, height=0.7, color=COLOURS.get(r["kind"], "#555555"), label=label)
        axes.plot([r["least"], r["most"]], [y, y], color="black", linewidth=1)
        if r["target"] is not None:
            axes.plot([r["target"]] * 2, [y - 0.45, y + 0.45], color="black", linewidth=2)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    plain = ticker.FuncFormatter(lambda x, _: "%g" % x)
    axes.xaxis.set_major_formatter(plain)
    axes.xaxis.set_minor_formatter(plain if max(r["most"] for r in results) < 20 else ticker.NullFormatter())
    axes.set_ylim(-0.8, len(results) - 0.2)
    axes.set_yticks(range(len(results)), [r["workload"] for r in results], fontsize=7)
    axes.set_xlabel("time of the other over that of librecur; thin line: least to greatest, thick mark: target")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=8, frameon=False)
    save(figure, path)


def series(lines, path):
    """Time and GFLOP/s of a call over the size that a series varies."""
    size, title = SERIES[lines[0]["workload"].split("-")[0]]
    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(7, 7))
    for cell in sorted({line["cell"] for line in lines}):
        mine = [line for line in lines if line["cell"] == cell]
        x = [line[size] for line in mine]
        above.plot(x, [1e3 * line["cpu"] for line in mine], marker="o", label=cell)
        below.plot(x, [line["gflops"] for line in mine], marker="o", label=cell)
    below.axhline(lines[0]["sgemm_gflops"], color="black", linewidth=0.8, linestyle="--", label="sgemm 512")
    if size != "L":
        above.set_xscale("log", base=2)
        above.set_yscale("log")
    above.set_xticks(x, ["%d" % each for each in x])
    above.set_ylabel("forward and backward, ms")
    below.set_ylabel("GFLOP/s")
    below.set_ylim(bottom=0)
    below.set_xlabel(title)
    for axes in (above, below):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    save(figure, path)


def save(figure, path):
    figure.savefig(path, dpi=130, bbox_inches="tight")
    pyplot.close(figure)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    if not found or found[0]["workload"].split("-")[0] not in SERIES:
        sys.exit("draw.py: %s is not a series: recur-bench --series h --json FILE" % sys.argv[1])
    series(found, sys.argv[2])
