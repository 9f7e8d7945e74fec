"""python -m recur: models of other frameworks into model files, and out of them.

    python -m recur import IN OUT     IN is .onnx, .keras, .h5, .pt (a torch module), .nam, .json
    python -m recur export IN OUT     OUT is .onnx, or .pt for a torch module

IN of an export and OUT of an import are model files, as recur_model_save writes them.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from typing import Any

from . import convert, models
from .module import Module


def pairs(given: Any, what: str) -> dict[str, int]:
    """NAME=NUMBER options as a dict."""
    found = {}
    for one in given or []:
        name, equals, number = one.partition("=")
        if not equals or not number.lstrip("-").isdigit():
            sys.exit(f"recur: {what} {one!r}: it is NAME=NUMBER")
        found[name] = int(number)
    return found


def read_onnx(path: str, args: Any) -> Module:
    """An ONNX file."""
    import numpy as np

    constants = {k: np.int64(v) for k, v in pairs(args.constant, "--constant").items()}
    more: dict[str, Any] = {"outputs": args.output, "sizes": pairs(args.size, "--size") or None}
    return convert.from_onnx(path, constants or None, verify=args.verify, **more)


def read_torch(path: str, args: Any) -> Module:
    """A whole torch module: a file of torch.save(module, path)."""
    import torch  # type: ignore[import-not-found,unused-ignore]

    module = torch.load(path, map_location="cpu", weights_only=False)
    if not isinstance(module, torch.nn.Module):
        raise ValueError(
            f"{path} holds a {type(module).__name__}, not a module: a state dict does not say what "
            "is computed. Make the module, load the state dict into it, and torch.save the module"
        )
    return convert.from_torch(module.eval(), verify=args.verify)


def read_keras(path: str, args: Any) -> Module:
    """A Keras file. Keras checks it, where it is installed."""
    if args.verify:
        try:
            import keras  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: F401
        except ImportError:
            print("keras is not installed: the numbers are not checked", file=sys.stderr)
    return convert.from_keras(path, logits=args.logits, verify=args.verify)


READERS: dict[str, Any] = {
    ".onnx": read_onnx,
    ".keras": read_keras,
    ".h5": read_keras,
    ".hdf5": read_keras,
    ".pt": read_torch,
    ".pth": read_torch,
    ".nam": lambda path, args: models.load_nam(path),
    ".json": lambda path, args: models.load_rtneural(path),
}


def import_(args: Any) -> None:
    """Reads args.source, writes args.target."""
    ending = pathlib.Path(args.source).suffix.lower()
    if ending not in READERS:
        raise ValueError(f"{args.source}: its ending is none of {' '.join(READERS)}")
    net = READERS[ending](args.source, args)
    models.save_model(net, args.target)
    print(f"{args.target}: {net}")


def export(args: Any) -> None:
    """Reads a model file, writes what its target's ending says."""
    net = models.open_model(args.source)
    ending = pathlib.Path(args.target).suffix.lower()
    if ending == ".onnx":
        convert.to_onnx(net, args.target, verify=args.verify, opset=args.opset)
    elif ending in (".pt", ".pth"):
        import torch

        made = convert.to_torch(net, verify=args.verify)
        save: Any = torch.save
        save(made, args.target)
    else:
        raise ValueError(f"{args.target}: its ending is none of .onnx .pt .pth")
    print(args.target)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m recur", description=__doc__)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    read = commands.add_parser("import", help="make a model file of another framework's")
    read.set_defaults(run=import_)
    read.add_argument("--output", action="append", metavar="NAME", help="of ONNX: keep this one")
    read.add_argument(
        "--size", action="append", metavar="NAME=N", help="of ONNX: number for an open axis"
    )
    read.add_argument(
        "--constant", action="append", metavar="NAME=N", help="of ONNX: number for an input"
    )
    read.add_argument("--logits", action="store_true", help="of Keras: leave out the last softmax")
    write = commands.add_parser("export", help="write a model file for another framework")
    write.set_defaults(run=export)
    write.add_argument("--opset", type=int, default=20, help="of ONNX (default: %(default)s)")
    for one in (read, write):
        one.add_argument("source", metavar="IN")
        one.add_argument("target", metavar="OUT")
        one.add_argument(
            "--no-check",
            dest="verify",
            action="store_false",
            help="do not run a sample through both sides",
        )
    return made


def main(argv: Any = None) -> int:
    """Runs a command; gives the exit status: 0, 1 with a sentence, 2 for wrong use."""
    args = parser().parse_args(argv)
    if not os.path.exists(args.source):
        print(f"recur: there is no file {args.source}", file=sys.stderr)
        return 1
    try:
        args.run(args)
    except (Exception,) as error:  # noqa: BLE001: whatever the framework says, in a line
        print(f"recur: {args.source}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
