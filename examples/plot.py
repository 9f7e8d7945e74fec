#!/usr/bin/env python3
"""Draws what the example programs write with --csv, --forecast, --signal, --flow and --vectors.

    plot.py curves.csv curves.png             losses, accuracies, norms of gradients, by epoch
    plot.py a.csv b.csv c.csv compared.png    the same of several runs, named by their files
    plot.py forecast.csv forecast.png         truth and forecast, day by day
    plot.py signal.csv signal.png             truth, and what each network makes of it
    plot.py flow.csv flow.png                 how far gradients reach, before and after learning
    plot.py vad.csv vad.png                   a sound, and the probability of speech under it
    plot.py denoise.csv denoise.png           a sound, before and after
    plot.py vectors.txt words.png             vectors of words, in the plane where they differ most
"""
import argparse
import csv
import io
import pathlib
import sys


def read(path):
    """The columns of a file by name, as numbers; of vectors, a column of numbers for each word."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            if pathlib.Path(path).suffix != ".csv":
                columns = {"word": []}
                for line in list(file)[1:]:
                    word, *numbers = line.split()
                    columns[word] = [float(x) for x in numbers]
                return columns
            rows = list(csv.DictReader(file))
            return {name: [float(row[name]) for row in rows] for name in rows[0]}
    except (OSError, IndexError, TypeError, ValueError) as error:
        sys.exit(f"plot.py: {path}: {error or 'no rows of numbers'}")


SIZE = (7.2, 3.4)
PANELS = (("loss", "loss"), ("accuracy", "accuracy (%)"), ("norm", "largest norm of the gradient"))


def draw_curves(pyplot, runs):
    """A panel each for losses, accuracies and norms, as far as there are any. Where there are
    several runs, the curves of what was learned from are dashed."""
    panels = [(ending, label) for ending, label in PANELS
              if any(name.endswith(ending) for columns in runs.values() for name in columns)]
    figure, all_axes = pyplot.subplots(1, len(panels), figsize=SIZE, squeeze=False)
    for axes, (ending, label) in zip(all_axes[0], panels):
        dashed = False
        for number, (run, columns) in enumerate(runs.items()):
            curves = [name for name in columns if name.endswith(ending)]
            for place, column in enumerate(curves):
                learned = len(runs) > 1 and column.startswith("train")
                text = column.removesuffix(f"_{ending}") if len(curves) > 2 else column
                if len(runs) > 1:
                    text = run
                axes.plot(columns["epoch"], columns[column],
                          label=None if learned else text.replace("_", " "),
                          color=f"C{number if len(runs) > 1 else place}",
                          linewidth=1 if learned else 1.5, linestyle="--" if learned else "-")
                dashed = dashed or learned
            if ending == "norm" and columns.get("clip", [0])[0] > 0:
                axes.axhline(columns["clip"][0], color="black", linewidth=1, linestyle=":",
                             label="clipped to this")
        curves = [name for columns in runs.values() for name in columns if name.endswith(ending)]
        several = len(curves) > 2 * len(runs)
        if ending == "norm" or (ending == "loss" and several):
            axes.set_yscale("log")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label + ("; dashed: in training" if dashed else ""))
        axes.grid(alpha=0.3)
        crowded = len(axes.get_legend_handles_labels()[0]) > 5
        if not crowded:
            axes.legend(fontsize="small")
        elif axes is all_axes[0, -1]:  # one for all panels, beside them
            axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def draw_forecast(pyplot, runs):
    """Truth once, and the forecast of every run; where learning ended."""
    figure, axes = pyplot.subplots(figsize=SIZE)
    first = next(iter(runs.values()))
    axes.plot(first["day"], first["truth"], label="truth", color="#777777")
    for name, columns in runs.items():
        axes.plot(columns["day"], columns["forecast"],
                  label="forecast" if len(runs) == 1 else f"forecast: {name.replace('_', ' ')}")
    axes.axvline(sum(first["learned"]) + 0.5, color="black", linewidth=1, linestyle=":",
                 label="learned | not learned")
    axes.set_xlabel("day")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def draw_signal(pyplot, runs):
    """Network below network, each on the truth."""
    columns = next(iter(runs.values()))
    names = [name for name in columns if name not in ("sample", "truth")]
    figure, panels = pyplot.subplots(len(names), 1, figsize=(SIZE[0], 1.5 * len(names)),
                                     sharex=True, squeeze=False)
    for place, (axes, name) in enumerate(zip(panels[:, 0], names)):
        truth = columns["truth"]
        error = sum((a - b) ** 2 for a, b in zip(columns[name], truth)) / len(truth)
        axes.plot(columns["sample"], columns["truth"], color="#999999", linewidth=3, label="truth")
        axes.plot(columns["sample"], columns[name], color=f"C{place}",
                  label=f"{name}, mse {error:.2g}")
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left", ncol=2, fontsize="small")
    panels[-1, 0].set_xlabel("sample")
    return figure


def draw_flow(pyplot, runs):
    """Norms by step, divided by that of the last one: a straight line is a factor per step."""
    columns = next(iter(runs.values()))
    figure, panels = pyplot.subplots(1, 2, figsize=SIZE, sharey=True)
    for axes, when in zip(panels, ("before", "after")):
        for name in (name for name in columns if name.endswith(f"_{when}")):
            last = columns[name][-1]
            if last > 0:
                axes.plot(columns["step"], [norm / last for norm in columns[name]],
                          label=name.removesuffix(f"_{when}").replace("_", " "))
        axes.axhline(1, color="black", linewidth=1, linestyle=":")
        for height, text in ((1e6, "explodes"), (1e-14, "vanishes")):
            axes.text(0.97, height, text, transform=axes.get_yaxis_transform(), ha="right",
                      color="#777777")
        axes.set(yscale="log", ylim=(1e-16, 1e8), xlabel="step t; then the loss",
                 title=f"{when} learning")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel(r"$\|\partial loss/\partial h_t\|$ ÷ that of the last step")
    panels[1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    return figure


def draw_sound(pyplot, runs):
    """The outline of a sound with the probability of speech under it; or levels in decibels."""
    columns = next(iter(runs.values()))
    draw = draw_speech if "probability" in columns else draw_levels
    return draw(pyplot, columns)


def draw_speech(pyplot, columns):
    """Sound above, probability below."""
    seconds, found = columns["second"], columns["probability"]
    figure, (above, below) = pyplot.subplots(2, 1, figsize=SIZE, sharex=True)
    above.fill_between(seconds, columns["low"], columns["high"], color="C0", step="post")
    above.set_ylabel("sound")
    below.plot(seconds, found, color="C1", drawstyle="steps-post")
    below.axhline(0.5, color="black", linewidth=1, linestyle=":")
    below.fill_between(seconds, 0, 1, where=[p >= 0.5 for p in found], color="C1", alpha=0.15,
                       step="post")
    below.set(ylim=(0, 1.02), ylabel="probability", xlabel="second")
    for axes in (above, below):
        axes.grid(alpha=0.3)
        axes.margins(x=0)
    return figure


def draw_levels(pyplot, columns):
    """Peaks of frames, before and after, below that of the loudest."""
    import math
    figure, axes = pyplot.subplots(figsize=SIZE)
    most = max(columns["heard"])
    for name, color in (("heard", "#999999"), ("clean", "C1")):
        levels = [20 * math.log10(max(peak / most, 1e-6)) for peak in columns[name]]
        axes.plot(columns["second"], levels, color=color, drawstyle="steps-post", label=name)
    axes.set(xlabel="second", ylabel="peak (dB)", ylim=(-80, 3))
    axes.grid(alpha=0.3)
    axes.margins(x=0)
    axes.legend(loc="lower right")
    return figure


def draw_words(pyplot, runs):
    """Unit vectors, by the two directions in which they differ most."""
    import numpy
    words = {word: numbers for word, numbers in next(iter(runs.values())).items() if numbers}
    vectors = numpy.array(list(words.values()))
    vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True) + 1e-12
    vectors -= vectors.mean(0)
    places = vectors @ numpy.linalg.svd(vectors, full_matrices=False)[2][:2].T
    figure, axes = pyplot.subplots(figsize=SIZE)
    axes.scatter(*places.T, s=6, color="#bbbbbb")
    for word, place in zip(words, places):
        axes.annotate(word, place, fontsize="small", xytext=(2, 2), textcoords="offset points")
    axes.margins(0.12)
    axes.set(xticks=[], yticks=[])
    return figure


def save(figure, path, dpi):
    """With few colours a picture has a third of the size; Pillow comes with matplotlib."""
    from PIL import Image
    memory = io.BytesIO()
    figure.savefig(memory, dpi=dpi, format="png")
    Image.open(memory).convert("RGB").quantize(64).save(path, format="PNG", optimize=True)


DRAWINGS = {"epoch": draw_curves, "day": draw_forecast, "sample": draw_signal, "step": draw_flow,
            "second": draw_sound, "word": draw_words}  # by the first column


def main():
    """Reads the files, draws what their columns say, and writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE.csv")
    parser.add_argument("picture", metavar="PICTURE.png")
    parser.add_argument("--dpi", type=int, default=100)
    parser.add_argument("--words", help="of vectors: only these, \"king queen\"")
    arguments = parser.parse_args()
    runs = {pathlib.Path(path).stem: read(path) for path in arguments.files}
    kinds = {next(iter(columns)) for columns in runs.values()}
    if len(kinds) > 1 or not kinds <= DRAWINGS.keys():
        columns = ", ".join(sorted(kinds))
        sys.exit(f"plot.py: files with the columns {columns} do not make one picture")
    if arguments.words:
        columns = next(iter(runs.values()))
        missing = [word for word in arguments.words.split() if not columns.get(word)]
        if missing:
            sys.exit(f"plot.py: no vectors of {', '.join(missing)}")
        runs = {"words": {"word": [], **{word: columns[word] for word in arguments.words.split()}}}
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure = DRAWINGS[kinds.pop()](pyplot, runs)
    figure.tight_layout()
    save(figure, arguments.picture, arguments.dpi)


if __name__ == "__main__":
    main()
