#!/usr/bin/env python3
"""house.py [--root DIR] - counts how the library's sources are built, and prints tables.

    lines, tokens   of all .c, .h and .inc files of src/; comments are no tokens
    functions       with a body, from the first word of their head to the closing brace
    wiring          lines of the cell files which at least three other kinds have, but for the name
    shared lines    pairs of files with lines in common
    circles         files whose objects need each other; from build/obj, if there is one

There is no bound here that fails: scripts/lint.sh has those. --root is the tree that is counted.
"""
import argparse
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import csource  # noqa: E402

MOST_COLUMNS = 100
LEAST_KINDS = 3  # other kinds that have a line of wiring too
LEAST_TOKENS = 5  # of a line that counts as shared
LEAST_SHARED = 6  # lines in common that make a pair worth a line
INSTRUCTION_SETS = ("ref", "sse2", "avx2", "avx512", "neon", "vec4", "avx2_exact")


class Source:
    """What is counted in one file."""

    def __init__(self, root, path):
        self.path = os.path.relpath(path, root)
        self.folder = os.path.dirname(os.path.relpath(path, os.path.join(root, "src")))
        text = csource.read(path)
        self.text = text.splitlines()
        tokens = csource.tokens_of(text)
        self.per_line = csource.tokens_per_line(tokens)
        self.conditionals = sum(t.text == "?" for t in tokens)
        self.nested = len(csource.nested_conditionals(tokens))
        self.crowded = len(csource.statement_offences(tokens))
        self.wide = sum(len(line) > MOST_COLUMNS for line in self.text)
        self.functions = csource.functions_of(tokens)
        self.shared = shared_lines(tokens)


def shared_lines(tokens):
    """Lines long enough to be worth sharing, as texts of their tokens."""
    lines = {}
    for token in tokens:
        if not token.directive:
            lines.setdefault(token.line, []).append(token.text)
    return {" ".join(words) for words in lines.values() if len(words) >= LEAST_TOKENS}


def percentile(numbers, share):
    ordered = sorted(numbers)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0


def print_table(head, rows):
    texts = [head] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    for row in texts:
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join([first] + rest))


def row_of(name, sources):
    per_line = [n for s in sources for n in s.per_line]
    functions = [f for s in sources for f in s.functions]
    lengths = [f.lines() for f in functions]
    code = max(len(per_line), 1)
    many = sum(f.parameters > csource.MOST_PARAMETERS for f in functions)
    conditionals = sum(s.conditionals for s in sources)
    return [name, len(sources), sum(len(s.text) for s in sources), len(per_line),
            f"{sum(per_line) / code:.1f}", percentile(per_line, 0.9),
            f"{1000 * conditionals / code:.0f}", sum(s.nested for s in sources),
            sum(s.wide for s in sources), sum(s.crowded for s in sources), len(functions),
            max(lengths, default=0), sum(n > csource.MOST_LINES for n in lengths), many,
            f"{100 * many / max(len(functions), 1):.1f}"]


def print_folders(sources):
    head = ["folder", "files", "lines", "code", "tokens", "p90", "?:", "nested",
            f">{MOST_COLUMNS}", "crowded", "funcs", "longest", f">{csource.MOST_LINES}",
            f">{csource.MOST_PARAMETERS} args", "%"]
    folders = sorted({s.folder for s in sources})
    rows = [row_of(name, [s for s in sources if s.folder == name]) for name in folders]
    print_table(head, rows + [row_of("src", sources)])
    print()
    print("code: lines with tokens. tokens, p90: mean and 90th percentile of their tokens.")
    print("?:: of 1000 lines of code. nested: ?: inside ?: in arguments of a call. "
          f">{MOST_COLUMNS}: lines with more")
    print("columns. crowded: lines that hold more than one statement. funcs: functions; their "
          "longest in")
    print(f"lines, those over {csource.MOST_LINES} lines, those with more than "
          f"{csource.MOST_PARAMETERS} parameters, and the share of these.")


def print_functions(sources):
    every = [(s.path, f) for s in sources for f in s.functions]
    longest = sorted(every, key=lambda pair: -pair[1].lines())
    over = [pair for pair in longest if pair[1].lines() > csource.MOST_LINES]
    print(f"\nFunctions over {csource.MOST_LINES} lines: {len(over)}. The longest:")
    for path, f in over or longest[:5]:
        print(f"    {f.lines():3} lines  {path}:{f.line} {f.name}")
    many = [pair for pair in every if pair[1].parameters > csource.MOST_PARAMETERS]
    print(f"\nFunctions with more than {csource.MOST_PARAMETERS} parameters: "
          f"{len(many)} of {len(every)}")
    for path, f in sorted(many, key=lambda pair: -pair[1].parameters):
        print(f"    {f.parameters:3}  {path}:{f.line} {f.name}")


# ---- cells --------------------------------------------------------------------------------------


def kinds_of(root):
    """The lines of the cell files that are a kind each: those in the list X(kind, set) of all."""
    listed = set()
    for path in glob.glob(os.path.join(root, "src/cells/*.h")):
        listed |= set(re.findall(r"\bX\((\w+)", csource.read(path)))
    kinds = {}
    for path in sorted(glob.glob(os.path.join(root, "src/cells/*.c"))):
        name = os.path.splitext(os.path.basename(path))[0]
        if name in listed:
            kinds[name] = csource.read(path).splitlines()
    return kinds


def print_wiring(root):
    plain = {}
    for name, lines in kinds_of(root).items():
        both = re.compile(rf"(?<![A-Za-z0-9]){name}(?![A-Za-z0-9])", re.IGNORECASE)
        plain[name] = [both.sub("KIND", line.strip()) for line in lines]
    owners = {}
    for name, lines in plain.items():
        for line in lines:
            owners.setdefault(line, set()).add(name)
    rows = []
    for name, lines in plain.items():
        wiring = [line for line in lines if len(owners[line]) > LEAST_KINDS]
        rows.append([name, len(lines), len(wiring), sum(line != "" for line in wiring)])
    total = [sum(row[i] for row in rows) for i in (1, 2, 3)]
    print(f"\nWiring of the cell files: lines which at least {LEAST_KINDS} other kinds have")
    if rows:
        print_table(["    kind", "lines", "wiring", "not blank"],
                    [["    " + row[0]] + row[1:] for row in rows] + [["    all"] + total])


def print_shared(sources):
    pairs = []
    for i, one in enumerate(sources):
        for other in sources[i + 1:]:
            shared = one.shared & other.shared
            if len(shared) >= LEAST_SHARED:
                pairs.append((len(shared), one.path, other.path))
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    print(f"\nPairs of files with {LEAST_SHARED} lines or more of {LEAST_TOKENS} tokens in common: "
          f"{len(pairs)}")
    for count, one, other in pairs[:15]:
        print(f"    {count:3}  {one}  {other}")
    if len(pairs) > 15:
        print(f"    and {len(pairs) - 15} more pairs")


# ---- circles ------------------------------------------------------------------------------------


def objects_of(build):
    """The objects of a library, from the Makefile's list, or all that lie there."""
    listed = os.path.join(build, "objects")
    if os.path.exists(listed):
        names = csource.read(listed).split()
        return [os.path.join(build, "obj", name.split("/obj/", 1)[1]) for name in names]
    return sorted(glob.glob(os.path.join(build, "obj", "**", "*.o"), recursive=True))


def file_of(build, path):
    """The source of an object. Those of the instruction sets are one."""
    name = os.path.relpath(path, os.path.join(build, "obj"))[:-len(".o")]
    stem, dot, last = name.rpartition(".")
    return stem if dot and last in INSTRUCTION_SETS else name


def needs_of(build):
    """For each file the set of files that define what it does not define itself."""
    definer = {}
    wanted = {}
    for path in objects_of(build):
        name = file_of(build, path)
        wanted.setdefault(name, set())
        listing = subprocess.run([os.environ.get("NM", "nm"), "-P", "-g", path], check=True,
                                 capture_output=True, text=True).stdout
        for line in listing.splitlines():
            symbol, kind = line.split()[:2]
            if kind in "Uvw":
                wanted[name].add(symbol)
            else:
                definer[symbol] = name
    return {name: {definer[s] for s in symbols if s in definer and definer[s] != name}
            for name, symbols in wanted.items()}


def reached_from(needs, name):
    reached = set()
    waiting = [name]
    while waiting:
        for other in needs[waiting.pop()]:
            if other not in reached:
                reached.add(other)
                waiting.append(other)
    return reached


def circles_of(needs):
    """Sets of files that all need each other, the largest first."""
    reach = {name: reached_from(needs, name) for name in needs}
    circles = {frozenset(other for other in reach[name] if name in reach[other])
               for name in needs if name in reach[name]}
    return sorted(circles, key=lambda circle: (-len(circle), sorted(circle)))


def print_circles(build):
    if not os.path.isdir(os.path.join(build, "obj")):
        print("\nCircles of files: not counted, for nothing is built (`make libs`)")
        return
    needs = needs_of(build)
    circles = circles_of(needs)
    print(f"\nCircles of files, of {len(needs)}: {len(circles)}")
    for circle in circles:
        print(f"    {len(circle)} files: " + ", ".join(sorted(circle)))


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description="counts how the library's sources are built")
    parser.add_argument("--root", default=here, help="the tree that is counted")
    root = parser.parse_args().root
    places = [os.path.join(root, "src/*/*." + end) for end in ("c", "h", "inc")]
    paths = [path for place in places for path in glob.glob(place)]
    if not paths:
        sys.exit(f"house.py: there are no sources in {root}/src")
    sources = [Source(root, path) for path in sorted(paths)]
    print_folders(sources)
    print_functions(sources)
    print_wiring(root)
    print_shared(sources)
    print_circles(os.path.join(root, "build"))


if __name__ == "__main__":
    main()
