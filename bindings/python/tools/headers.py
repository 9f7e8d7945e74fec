"""Reads the public C headers, and writes recur/_api.py from them.

    python tools/headers.py          rewrites recur/_api.py
    python tools/headers.py --check  says whether it is up to date

The headers keep to few forms (a prototype behind RECUR_API or RECUR_NODISCARD, enums without a
name, structs with typedef), so a few expressions read them; what they do not understand is an
error, never left out.
"""

import pathlib
import pprint
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parents[2] / "include"
TABLE = HERE.parent / "recur" / "_api.py"


def source(folder=INCLUDE) -> str:
    """All headers, in the order of the umbrella, without comments and preprocessor lines."""
    folder = pathlib.Path(folder)
    umbrella = (folder / "recur.h").read_text()
    names = re.findall(r'#include "(recur/\w+\.h)"', umbrella)
    unused = {p.name for p in (folder / "recur").glob("*.h")} - {n.split("/")[1] for n in names}
    if unused:
        raise ValueError(f"recur.h does not include {sorted(unused)}")
    text = "\n".join((folder / n).read_text() for n in names)
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", "", text, flags=re.M)


def spelled(ctype: str) -> str:
    """One spelling for a type: 'const float *', 'recur_layer **'."""
    ctype = re.sub(r"\s+", " ", ctype).strip()
    return re.sub(r"\s*\*", "*", ctype).replace("*", " *").replace("* *", "**")


def argument(text: str) -> tuple:
    text = text.strip()
    match = re.fullmatch(r"(.*?)(\w+)", text, flags=re.S)
    if not match or not match.group(1).strip():
        raise ValueError(f"an argument without a name: {text!r}")
    return spelled(match.group(1)), match.group(2)


def functions(text: str) -> dict:
    found = {}
    for ret, name, args in re.findall(
        r"\bRECUR_(?:API|NODISCARD)\s+([^;{}]*?)(\w+)\s*\(([^;{}]*)\)\s*;", text
    ):
        args = args.strip()
        found[name] = (
            spelled(ret),
            tuple(argument(a) for a in args.split(",")) if args != "void" else (),
        )
    if len(found) != len(re.findall(r"\bRECUR_(?:API|NODISCARD)\b", text)):
        raise ValueError("a function of the headers was not understood")
    return dict(sorted(found.items()))


def constants(text: str) -> dict:
    found = {}
    for body in re.findall(r"\benum\s*\{(.*?)\}", text, flags=re.S):
        value = -1
        for item in filter(None, (i.strip() for i in body.split(","))):
            name, _, number = (p.strip() for p in item.partition("="))
            value = int(number, 0) if number else value + 1
            found[name] = value
    return found


def structs(text: str) -> dict:
    found, known = {}, constants(text)
    for name, body in re.findall(
        r"\btypedef\s+struct\s+(\w+)\s*\{(.*?)\}\s*\1\s*;", text, flags=re.S
    ):
        members = []
        for line in filter(None, (m.strip() for m in body.split(";"))):
            pointer = re.fullmatch(r"[\w\s*]+\(\s*\*\s*(\w+)\s*\)\s*\(.*\)", line, flags=re.S)
            array = re.fullmatch(r"(.*?)(\w+)\s*\[(\w+)\]", line, flags=re.S)
            if pointer:
                members.append(("function", pointer.group(1), 0))
            elif array:
                length = array.group(3)
                members.append(
                    (
                        spelled(array.group(1)),
                        array.group(2),
                        int(length) if length.isdigit() else known[length],
                    )
                )
            else:
                members.append((*argument(line), 0))
        found[name] = tuple(members)
    return found


def handles(text: str) -> tuple:
    return tuple(sorted(set(re.findall(r"\btypedef\s+struct\s+(\w+)\s+\1\s*;", text))))


def version(folder=INCLUDE) -> tuple:
    text = (pathlib.Path(folder) / "recur" / "base.h").read_text()
    return tuple(
        int(re.search(rf"RECUR_VERSION_{part} (\d+)", text).group(1))
        for part in ("MAJOR", "MINOR", "PATCH")
    )


def table(folder=INCLUDE) -> str:
    text = source(folder)
    parts = {
        "VERSION": version(folder),
        "HANDLES": handles(text),
        "STRUCTS": structs(text),
        "CONSTANTS": constants(text),
        "FUNCTIONS": functions(text),
    }
    lines = [
        '"""The C API as the headers have it: written by tools/headers.py, not by hand."""',
        "# fmt: off",
    ]
    for name, value in parts.items():
        lines.append(f"\n{name} = {pprint.pformat(value, width=116, sort_dicts=False)}")
    return "\n".join(lines) + "\n"


def main() -> int:
    text = table()
    if "--check" in sys.argv[1:]:
        same = TABLE.exists() and TABLE.read_text() == text
        print(
            f"{TABLE}: "
            f"{'up to date' if same else 'the headers say something else; run tools/headers.py'}"
        )
        return 0 if same else 1
    TABLE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
