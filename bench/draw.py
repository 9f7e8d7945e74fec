#!/usr/bin/env python3
"""Draws what was measured: the ratios of compare.py, and the series of recur-bench.

    recur-bench --series t --json t.json && bench/draw.py t.json t.png [t.md]

The third file is a table of the series' LSTM.
"""
import json
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot, ticker

COLOURS = {"torch": "#c44e31", "torch:padded": "#e2a58f", "torch:native": "#8c2f1b",
           "onnx": "#3b6ea8", "dnnl": "#4d9a5b", "kann": "#2f8f9d", "keras": "#d8a02b",
           "rtneural": "#8a8a8a", "one-thread": "#6f5aa8"}
SERIES = {"h": ("H", "hidden size and input size"), "b": ("B", "sequences in the batch"),
          "t": ("T", "steps"), "l": ("L", "layers")}


def ratios(results, path):
    """A bar for each result, with its spread and its target."""
    results = results[::-1]
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.24 * len(results)))
    named = set()
    for y, r in enumerate(results):
        label = r["peer"] if r["peer"] not in named else None
        named.add(r["peer"])
        axes.barh(y, r["ratio"] - 1, left=1, height=0.7, color=COLOURS.get(r["kind"], "#555555"),
                  label=label)
        axes.plot([r["least"], r["most"]], [y, y], color="black", linewidth=1)
        if r["target"] is not None:
            axes.plot([r["target"]] * 2, [y - 0.45, y + 0.45], color="black", linewidth=2)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    plain = ticker.FuncFormatter(lambda x, _: "%g" % x)
    axes.xaxis.set_major_formatter(plain)
    few = max(r["most"] for r in results) < 20
    axes.xaxis.set_minor_formatter(plain if few else ticker.NullFormatter())
    axes.set_ylim(-0.8, len(results) - 0.2)
    axes.set_yticks(range(len(results)), [r["workload"] for r in results], fontsize=7)
    axes.set_xlabel("time of the other over that of librecur; "
                    "thin line: least to greatest, thick mark: target")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=8, frameon=False)
    save(figure, path)


def typical(cell, size, lines):
    """The lines of one cell, by size."""
    return sorted((line for line in lines if line["cell"] == cell), key=lambda line: line[size])


def cells_of(lines):
    return [cell for cell in ("rnn", "lstm", "gru") if any(line["cell"] == cell for line in lines)]


def the_others(size, line):
    """What stays the same in a series."""
    sizes = [f"{name} {line[name]}" for name in ("T", "B", "L") if name != size]
    if size != "H":
        sizes.insert(2, "I = H = %d" % line["H"])
    threads = "one thread" if line["threads"] == 1 else "%d threads" % line["threads"]
    return f"{', '.join(sizes)}; {line['isa']}, {threads}"


def guide(axes, x, y, slope, label):
    """A line of a slope through the last point."""
    axes.plot(x, [y[-1] * (each / x[-1]) ** slope for each in x], color="black", linewidth=0.9,
              linestyle=":", label=label)


def finish(axes, x, scale_x, scale_y, title, under):
    """Scales, ticks at the sizes themselves, titles, legend."""
    axes.set_xscale(scale_x)
    axes.set_yscale(scale_y)
    axes.set_xticks(x, ["%d" % each for each in x], fontsize=8)
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda y, _: "%g" % y))
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())
    if scale_y == "linear":
        axes.set_ylim(bottom=0)
    axes.set_xlabel(under)
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)


def series(lines, path):
    """Time, memory and GFLOP/s of a call over the size that a series varies; time and memory are on
    logarithmic axes, but for the few layers."""
    size, title = SERIES[lines[0]["workload"].split("-")[0]]
    figure, (time, memory, speed) = pyplot.subplots(1, 3, figsize=(13, 4.2))
    for number, cell in enumerate(cells_of(lines)):
        mine, colour = typical(cell, size, lines), f"C{number}"
        x = [line[size] for line in mine]
        milliseconds = [1e3 * line["cpu" if line["threads"] == 1 else "wall"] for line in mine]
        held = [line["bytes_held"] / 2**20 for line in mine]
        time.plot(x, milliseconds, marker="o", markersize=4, color=colour, label=cell.upper())
        memory.plot(x, held, marker="o", markersize=4, linestyle="none", color=colour,
                    label=cell.upper())
        memory.plot(x, [line["bytes_computed"] / 2**20 for line in mine], color=colour, linewidth=1)
        speed.plot(x, [line["gflops"] for line in mine], marker="o", markersize=4, color=colour,
                   label=cell.upper())
        if number == 0 or milliseconds[-1] > slowest[0][-1]:
            slowest = milliseconds, held
    memory.plot([], [], color="black", linewidth=1, label="computed beforehand (points: held)")
    if size == "H":
        guide(time, x, slowest[0], 2, "slope 2: ∝ H²")
    elif size != "L":
        guide(time, x, slowest[0], 1, f"slope 1: ∝ {size}")
        guide(memory, x, slowest[1], 1, f"slope 1: ∝ {size}")
    speed.axhline(lines[0]["sgemm_gflops"], color="black", linewidth=0.9, linestyle="--",
                  label="BLAS, sgemm 512³")
    scale = "linear" if size == "L" else "log"
    finish(time, x, scale, scale, "forward and backward (ms)", f"{title}, {size}")
    finish(memory, x, scale, scale, "layer, layout and tape (MiB)", f"{title}, {size}")
    finish(speed, x, scale, "linear", "speed (GFLOP/s)", f"{title}, {size}")
    figure.suptitle(f"Cost over {size}: {the_others(size, lines[0])}", fontsize=11)
    figure.tight_layout()
    save(figure, path)


def table(lines, path):
    """The same of the LSTM as a table of Markdown."""
    size, _ = SERIES[lines[0]["workload"].split("-")[0]]
    rows = [f"| {size} | time | per row | GFLOP/s | held | computed beforehand |",
            "|---|---|---|---|---|---|"]
    for line in typical("lstm", size, lines):
        seconds = line["cpu" if line["threads"] == 1 else "wall"]
        per_row = seconds / line["rows"]
        rows.append(f"| {line[size]} | {1e3 * seconds:.3g} ms | {1e6 * per_row:.3g} µs | "
                    f"{line['gflops']:.1f} | {line['bytes_held']:,} bytes | "
                    f"{line['bytes_computed']:,} bytes |")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(rows) + "\n")


def save(figure, path):
    figure.savefig(path, dpi=130, bbox_inches="tight")
    pyplot.close(figure)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    if not found or found[0]["workload"].split("-")[0] not in SERIES:
        sys.exit("draw.py: %s is not a series: recur-bench --series h --json FILE" % sys.argv[1])
    series(found, sys.argv[2])
    if len(sys.argv) > 3:
        table(found, sys.argv[3])
