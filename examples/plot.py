#!/usr/bin/env python3
"""Draws what the example programs write with --csv and --forecast.

    examples/plot.py curves.csv curves.png               losses, and accuracies beside them, by epoch
    examples/plot.py a.csv b.csv c.csv compared.png      the same of several runs, named by their files
    examples/plot.py forecast.csv forecast.png           truth and forecast, day by day
"""
import argparse
import csv
import pathlib
import sys


def read(path):
    """The columns of a file by name, as numbers."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
            return {name: [float(row[name]) for row in rows] for name in rows[0]}
    except (OSError, IndexError, TypeError, ValueError) as error:
        sys.exit(f"plot.py: {path}: {error or 'no rows of numbers'}")


def kinds(columns):
    """Names of losses and of accuracies."""
    return ([name for name in columns if name.endswith("loss")],
            [name for name in columns if name.endswith("accuracy")])


def draw_curves(pyplot, runs):
    """Losses on the left; accuracies, if there are any, on the right."""
    with_accuracy = any(kinds(columns)[1] for columns in runs.values())
    figure, panels = pyplot.subplots(1, 1 + with_accuracy, figsize=(5.5 + 4.5 * with_accuracy, 4), squeeze=False)
    for which, (axes, label) in enumerate(zip(panels[0], ("loss", "accuracy (%)"))):
        for number, (name, columns) in enumerate(runs.items()):
            for column in kinds(columns)[which]:
                held_out = column.startswith(("test", "validation"))
                text = column.replace("_", " ") if len(runs) == 1 else f"{name}: {column.replace('_', ' ')}"
                axes.plot(columns["epoch"], columns[column], label=text, color=f"C{number if len(runs) > 1 else int(held_out)}",
                          linestyle="-" if held_out or len(runs) == 1 else "--")
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def draw_forecast(pyplot, runs):
    """Truth once, and the forecast of every run; where learning ended."""
    figure, axes = pyplot.subplots(figsize=(10, 4))
    first = next(iter(runs.values()))
    axes.plot(first["day"], first["truth"], label="truth", color="#777777")
    for name, columns in runs.items():
        axes.plot(columns["day"], columns["forecast"], label="forecast" if len(runs) == 1 else f"forecast: {name}")
    axes.axvline(sum(first["learned"]) + 0.5, color="black", linewidth=1, linestyle=":", label="learned | not learned")
    axes.set_xlabel("day")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def main():
    """Reads the files, draws what their columns say, and writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE.csv")
    parser.add_argument("picture", metavar="PICTURE.png")
    arguments = parser.parse_args()
    runs = {pathlib.Path(path).stem: read(path) for path in arguments.files}
    forecasts = ["forecast" in columns for columns in runs.values()]
    if any(forecasts) and not all(forecasts):
        sys.exit("plot.py: curves and forecasts do not go into one picture")
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure = (draw_forecast if all(forecasts) else draw_curves)(pyplot, runs)
    figure.tight_layout()
    figure.savefig(arguments.picture, dpi=120)


if __name__ == "__main__":
    main()
