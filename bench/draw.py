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
           "rtneural-xsimd": "#444444", "rtneural-eigen": "#9a9a9a", "one-thread": "#6f5aa8"}
SERIES = {"h": ("H", "hidden size and input size"), "b": ("B", "sequences in the batch"),
          "t": ("T", "steps"), "l": ("L", "layers")}


def group_of(workload):
    """The panel of a workload, and its name there: w6-lstm-i1-h8 is i1-h8 of w6-lstm."""
    parts = workload.split("-")
    kept = 2 if parts[0] == "w6" else 1
    return "-".join(parts[:kept]), "-".join(parts[kept:]) or parts[0]


def panel(axes, results):
    """A column for each workload, and in it a mark for each peer: the ratio with its spread. The
    target is a tick of the same colour."""
    names = list(dict.fromkeys(group_of(r["workload"])[1] for r in results))
    for x, name in enumerate(names):
        column = [r for r in results if group_of(r["workload"])[1] == name]
        for i, r in enumerate(column):
            at = x + 0.7 * ((i + 0.5) / len(column) - 0.5)
            colour = COLOURS.get(r["kind"], "#555555")
            axes.plot([at, at], [r["least"], r["most"]], color=colour, linewidth=1)
            axes.plot(at, r["ratio"], marker="o", markersize=5, color=colour)
            if r["target"] is not None:
                axes.plot([at - 0.1, at + 0.1], [r["target"]] * 2, color=colour, linewidth=1.5)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xticks(range(len(names)), names, fontsize=8, rotation=90)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.grid(axis="y", alpha=0.3)


def ratios(results, path):
    """One screen: a panel for each group of workloads, side by side, all with the same scale."""
    groups = list(dict.fromkeys(group_of(r["workload"])[0] for r in results))
    members = [[r for r in results if group_of(r["workload"])[0] == group] for group in groups]
    widths = [1 + len({r["workload"] for r in each}) for each in members]
    figure, panels = pyplot.subplots(1, len(groups), figsize=(14, 6.5), sharey=True, squeeze=False,
                                     gridspec_kw={"width_ratios": widths})
    for axes, group, each in zip(panels[0], groups, members):
        panel(axes, each)
        axes.set_title(group, fontsize=10)
    first = panels[0][0]
    first.set_yscale("log")
    first.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    first.yaxis.set_major_formatter(ticker.FuncFormatter(lambda y, _: "%g" % y))
    first.yaxis.set_minor_locator(ticker.NullLocator())
    first.set_ylabel("time of the other / time of librecur")
    peers = {r["kind"]: r["peer"] for r in results}
    marks = [pyplot.Line2D([], [], color=COLOURS.get(kind, "#555555"), marker="o", linestyle="none",
                           label=name) for kind, name in peers.items()]
    figure.legend(handles=marks, loc="upper center", ncols=5, fontsize=9, frameon=False,
                  title="above the line librecur is faster; thin line: least to greatest; "
                        "tick: target", title_fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 0.91), w_pad=0.3)
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
