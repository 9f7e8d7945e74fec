"""Images of digits: those of MNIST's files, or drawn ones."""

import gzip
import pathlib
import struct

import numpy as np

SEGMENTS = ["abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg"]
STROKES = {
    "a": (0, 0, 0, 1),
    "b": (0, 1, 1, 1),
    "c": (1, 1, 2, 1),
    "d": (2, 0, 2, 1),
    "e": (1, 0, 2, 0),
    "f": (0, 0, 1, 0),
    "g": (1, 0, 1, 1),
}


def read_idx(folder, name):
    for path in (pathlib.Path(folder) / name, pathlib.Path(folder) / f"{name}.gz"):
        if path.exists():
            data = path.read_bytes()
            data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
            if len(data) < 4 or data[:3] != b"\0\0\x08":
                raise SystemExit(f"{path} is no IDX file of bytes")
            shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
            return np.frombuffer(data, np.uint8, int(np.prod(shape)), 4 + 4 * data[3]).reshape(shape)
    raise SystemExit(f"{folder} has neither {name} nor {name}.gz")


def read(folder, name):
    return read_idx(folder, f"{name}-images-idx3-ubyte").astype(np.float32) / 255, read_idx(folder, f"{name}-labels-idx1-ubyte")


def draw(n, rng):
    """Digits of seven strokes, each of another size, slant and place, on noisy paper."""
    labels, paper = rng.integers(0, 10, n), rng.random((n, 28, 28), np.float32) * 0.25
    t = np.linspace(0, 1, 14)
    for image, label in zip(paper, labels):
        height, width, slant = rng.uniform(7, 10), rng.uniform(6, 11), rng.uniform(-0.3, 0.3)
        top, left = rng.uniform(2, 25 - 2 * height), rng.uniform(5, 21 - width)
        for s in SEGMENTS[label]:
            r0, c0, r1, c1 = STROKES[s]
            rows = top + height * (r0 + (r1 - r0) * t)
            columns = left + width * (c0 + (c1 - c0) * t) + slant * (14 - rows)
            r, c = np.clip(rows.round().astype(int), 0, 26), np.clip(columns.round().astype(int), 0, 26)
            image[r, c] = image[r + 1, c] = image[r, c + 1] = 1
    return paper, labels
