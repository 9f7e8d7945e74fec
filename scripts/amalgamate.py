#!/usr/bin/env python3
"""amalgamate.py FOLDER - writes the library as two files, FOLDER/recur.c and FOLDER/recur.h.

recur.h is include/recur.h with the headers that it includes. recur.c is everything in src/: first
what is compiled once for each instruction set, one section a set with its options as pragmas, then
the rest. Files become one translation unit, so names of a file must not meet those of another one:

    private names (recur__...)        become static, as nobody else sees them
    names of what is once per set     begin with the set, and with the file if it is theirs alone
    other names of a file             begin with room and file where another file has the name too
    macros of a file                  end with it

Names are found in what CC -E makes of a file, so that those which macros write are found too.
"""
import os
import re
import subprocess
import sys
import tempfile

from csource import TOKEN

SETS = ["ref", "sse2", "avx2_exact", "avx2", "avx512", "neon", "vec4"]
PER_SET = ["kernels", "tiles", "cells"]  # rooms; their table.c is compiled once

# Headers that the standard has for every machine: included once, at the beginning.
STANDARD = """errno float inttypes math stdarg stdatomic stdbool stddef stdint stdio stdlib string
    time""".split()
VECTORS = """immintrin emmintrin smmintrin avxintrin avx2intrin fmaintrin avx512fintrin
    avx512vlintrin avx512bwintrin avx512dqintrin arm_neon""".split()
SYSTEM = ["malloc", "pthread", "signal", "unistd", "windows"]  # of some: they stay in their places

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>).*$', re.M)
GUARD = re.compile(r"#ifndef (RECUR_\w*_H)\n#define \1\n")
NOT_NAMES = re.compile(r"recur_|RECUR_|_|int$")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


# ---- names of a file -----------------------------------------------------------------------------

def words_of(text):
    return [m.group() for m in TOKEN.finditer(text)
            if m.lastgroup not in ("space", "newline", "comment")]


def without_attributes(words):
    """The words of a declaration without __attribute__((...)) and what stands in [ ]."""
    kept = []
    i = 0
    while i < len(words):
        opening = "("
        if words[i] in ("__attribute__", "__asm__"):
            i += 1
        elif words[i] == "[":
            opening = "["
        else:
            kept.append(words[i])
            i += 1
            continue
        closing = {"(": ")", "[": "]"}[opening]
        depth = 0
        while i < len(words):
            depth += (words[i] == opening) - (words[i] == closing)
            i += 1
            if depth == 0:
                break
    return kept


def is_name(word):
    return re.fullmatch(r"[A-Za-z_]\w*", word) is not None


def declarators(words):
    """Names that a declaration without a body declares."""
    depth = 0
    last = None
    valued = False
    for word in words + [","]:
        if depth == 0 and word in (",", "=", "(") and last:
            yield last
            last = None
        valued = depth == 0 and word == "=" or valued and not (depth == 0 and word == ",")
        if valued:
            last = None
        if word in "({[":
            depth += 1
        elif word in ")}]":
            depth -= 1
        elif depth == 0 and is_name(word) and not valued:
            last = word


def names_in(words):
    """Names that a declaration, with its body but without what ends it, has at file scope."""
    words = without_attributes(words)
    flat = []
    depth = 0
    i = 0
    while i < len(words):
        word = words[i]
        if depth == 0 and word in ("struct", "union", "enum"):
            if i + 1 < len(words) and is_name(words[i + 1]):
                if i + 2 == len(words) or words[i + 2] == "{":
                    yield words[i + 1]
                words = words[:i + 1] + words[i + 2:]
            if i + 1 < len(words) and words[i + 1] == "{":
                end = i + 1
                level = 0
                while True:
                    level += (words[end] == "{") - (words[end] == "}")
                    if word == "enum" and level == 1 and words[end] in "{,":
                        if is_name(words[end + 1]):
                            yield words[end + 1]
                    end += 1
                    if level == 0:
                        break
                words = words[:i + 1] + words[end:]
            flat.append("int")
            i += 1
            continue
        flat.append(word)
        depth += (word in "({[") - (word in ")}]")
        i += 1
    yield from declarators(flat)


def declarations(text):
    """(file, words) of every declaration of a preprocessed file."""
    file = ""
    words = []
    depth = 0
    for line in text.split("\n"):
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            file = marker.group(1)
            continue
        if line.startswith("#"):
            continue
        for word in words_of(line):
            function = (word == "{" and depth == 0 and words and words[-1] == ")"
                        and "=" not in words and words[0] != "typedef")
            if function:
                yield file, words
                words = ["a body"]
            depth += (word in "({[") - (word in ")}]")
            ends = word == "}" and depth == 0 and words[0] == "a body"
            if depth == 0 and word == ";":
                yield file, words
            if ends or (depth == 0 and word == ";"):
                words = []
            elif words != ["a body"]:
                words.append(word)


def preprocessed(path, set_of):
    """The file after CC -E, without what the system's headers would add."""
    with tempfile.TemporaryDirectory() as stubs:
        for name in STANDARD + VECTORS + SYSTEM:
            with open(f"{stubs}/{name}.h", "w", encoding="utf-8"):
                pass
        return preprocessed_with(stubs, path, set_of)


def preprocessed_with(stubs, path, set_of):
    """The same with a folder of headers that are empty."""
    text = INCLUDE.sub(lambda m: m.group() if m.group(1) else "", read(path))
    where = os.path.dirname(path)
    flags = [f"-DRECUR__HAS_{name}" for name in SETS]
    if set_of:
        flags.append(f"-DRECUR__ISA={set_of}")
    flags.append("-D_WIN32" if path.endswith("_windows.c") else "-U_WIN32")
    command = [*os.environ.get("CC", "cc").split(), "-E", "-nostdinc", "-xc", *flags, f"-I{stubs}",
               "-Iinclude", "-Isrc", f"-I{where}", "-"]
    run = subprocess.run(command, input=f'# 1 "{path}"\n{text}', capture_output=True, text=True,
                         check=False)
    if run.returncode:
        sys.exit(f"amalgamate.py: {path} does not go through {command[0]} -E:\n{run.stderr}")
    return run.stdout


def names_of(path, set_of=None):
    """Private names at file scope: {name: file that has it}."""
    found = {}
    for file, words in declarations(preprocessed(path, set_of)):
        if not file.startswith(("src/", "<stdin>")):
            continue
        own = set_of and (file.endswith(".c") or is_per_set(file))
        for name in names_in(words):
            table = name.endswith(f"_{set_of}")  # RECUR__PER_ISA(...)
            if not NOT_NAMES.match(name) or own and name.startswith("recur__") and not table:
                found.setdefault(name, file)
    return found


# ---- renaming ------------------------------------------------------------------------------------

def renamed(text, new):
    """The text with these names: {old: new}. Members of a struct keep theirs."""
    tokens = [(m.lastgroup, m.group()) for m in TOKEN.finditer(text)]
    real = [i for i, (kind, _) in enumerate(tokens) if kind not in ("space", "newline", "comment")]
    out = [word for _, word in tokens]
    braces = []
    stems = {}
    for old in new:
        for i, letter in enumerate(old):
            if letter == "_" or i + 1 < len(old) and old[i + 1].isdigit():
                stems.setdefault(old[:i], old)
                stems.setdefault(old[:i + 1], old)

    def at(k):
        return tokens[real[k]][1] if 0 <= k < len(real) else ""

    for k, i in enumerate(real):
        kind, word = tokens[i]
        if word == "{":
            struct = at(k - 1) in ("struct", "union") or at(k - 2) in ("struct", "union")
            braces.append(struct)
        elif word == "}" and braces:
            braces.pop()
        if kind != "name" or at(k - 1) in (".", "->", "##"):
            continue
        if at(k + 1) == "##" and word in stems:  # forward_##A, of which forward_4 is made
            out[i] = new[stems[word]][:-len(stems[word])] + word
        elif word not in new:
            if at(k - 3) != "define" and not braces and word in stems \
                    and at(k - 1) == "(" and at(k + 1) == ",":
                out[i] = new[stems[word]][:-len(stems[word])] + word  # TILES(name, ...)
        elif not (braces and braces[-1] and at(k + 1) in (";", ",", "[", ")", ":")):
            out[i] = new[word]
    return "".join(out)


# ---- putting together ----------------------------------------------------------------------------

def macros_of(text):
    return list(dict.fromkeys(re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", text, re.M)))


def undefined(text, but=()):
    """Lines that take away the macros of a text."""
    return "".join(f"#undef {name}\n" for name in macros_of(text) if name not in but)


def is_per_set(path):
    """Whether a header is compiled once per set: it knows the set, or includes one that does."""
    text = read(path)
    if path == "src/kernels/isa.h":
        return False
    inner = [f"src/{m.group(1)}" for m in INCLUDE.finditer(text) if m.group(1)]
    return "src/kernels/isa.h" in inner or any(
        os.path.exists(file) and is_per_set(file) for file in inner)


def without_system(text):
    """Without the headers that stand at the beginning of recur.c."""
    def keep(match):
        name = match.group(2)
        return "" if name and name[:-2] in STANDARD + VECTORS else match.group()
    return INCLUDE.sub(keep, text)


def made_static(text):
    """Functions and tables that only this library's files share."""
    macro = r"^((?:#define \w+\([\w, ]*\)[ \\\n]*)?)"  # some are written by one
    text = re.sub(macro + r"extern ", r"\1static ", text, flags=re.M)
    text = re.sub(macro + r"const (?=[^;{}]*\b(?:recur__\w+|RECUR__PER_ISA\([\w#]+\))\s*"
                  r"(?:\[\w*\])? = )", r"\1static const ", text, flags=re.M)
    text = re.sub(r"^(?=recur__\w+ recur__\w+(?:, recur__\w+)*;)", "static ", text, flags=re.M)
    return re.sub(r"^(?!static|typedef|extern|return|else)(?=[a-z][\w ]*[ *]recur__\w+\()",
                  "static ", text, flags=re.M)


def same(_, text):
    return text


class Writer:
    """Files one after the other, each header where it is first needed."""

    def __init__(self):
        self.parts = []
        self.seen = set()

    def add(self, text):
        self.parts.append(text)

    def file(self, path, change, comments=True):
        self.add(f"\n/* ==== {path} " + "=" * (88 - len(path)) + " */\n" if comments else "")
        self.add(self.expanded(path, change, comments))

    def expanded(self, path, change, comments):
        """A file with its headers in their places; what is not guarded is there each time."""
        text = without_system(read(path))
        if not comments:
            text = compact(text)

        pieces = []
        last = 0
        for match in INCLUDE.finditer(text):
            pieces.append((None, text[last:match.start()]))
            inner = f"src/{match.group(1)}"
            if not match.group(1):
                pieces.append((None, match.group()))  # of the system
            elif os.path.exists(inner) and inner not in self.seen:
                guarded = GUARD.search(read(inner)) is not None
                if guarded:
                    self.seen.add(inner)
                pieces.append((guarded and inner,
                               self.expanded(inner, change if guarded else same, comments)))
            last = match.end()
        pieces.append((None, text[last:]))
        return self.changed(path, pieces, change)

    @staticmethod
    def changed(path, pieces, change):
        """Renames what is the file's own; headers in it are changed already."""
        out = []
        for inner, text in pieces:
            out.append("\0%d\0" % len(out) if inner else text)
        whole = change(path, "".join(out))
        return re.sub("\0(\\d+)\0", lambda m: pieces[int(m.group(1))][1], whole)


def compact(text):
    """Without comments and empty lines."""
    out = []
    for match in TOKEN.finditer(text):
        out.append(" " if match.lastgroup == "comment" else match.group())
    return re.sub(r"\n[ \t]*(?=\n)", "", re.sub(r"[ \t]+\n", "\n", "".join(out)))


def stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def section(writer, name, files, first):
    """What is compiled for one instruction set."""
    writer.add(f"\n#ifdef RECUR__HAS_{name}\n#define RECUR__ISA {name}\n")
    writer.add(OPTIONS[name][0])
    inner = Writer()
    inner.seen = set(writer.seen)
    for path in files:
        found = names_of(path, name)
        new = {}
        for old, where in found.items():
            shared = where.endswith(".h") and GUARD.search(read(where))
            new[old] = f"{name}__{old}" if shared else f"{name}_{stem(path)}__{old}"
        before = len(inner.parts)
        inner.file(path, lambda _, text, new=new: renamed(text, new), comments=first)
        text = "".join(inner.parts[before:])
        keep = set()
        for header in inner.seen:
            keep.update(macros_of(read(header)))
        inner.add(undefined(text, keep))
    body = made_static("".join(inner.parts))
    writer.add(body)
    writer.add(undefined(body))
    writer.add(OPTIONS[name][1])
    writer.add(f"#undef RECUR__ISA\n#endif /* {name} */\n")


GCC = "#elif defined(__GNUC__)\n"


def options(gcc, clang, target):
    """The pragmas before and after a section. gcc: level and contraction; clang: contraction;
    target: the set, for each of them."""
    pushed = "".join(f'#pragma GCC optimize("{word}")\n' for word in gcc)
    of_gcc = f'#pragma GCC target("{target[0]}")\n' if target else ""
    attribute = f'__attribute__((target("{target[1]}")))' if target else ""
    of_clang = (f"#pragma clang attribute push({attribute}, apply_to = function)\n"
                if target else "")
    popped = "#pragma clang attribute pop\n" if target else ""
    return (f"#if defined(__clang__)\n#pragma clang fp contract({clang})\n{of_clang}{GCC}"
            f"#pragma GCC push_options\n{pushed}{of_gcc}#endif\n",
            f"#if defined(__clang__)\n{popped}#pragma clang fp contract(off)\n{GCC}"
            "#pragma GCC pop_options\n#endif\n")


AVX512 = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"
OPTIONS = {
    "ref": options(["Os", "fp-contract=off"], "off", None),
    "sse2": options(["O3", "fp-contract=off"], "off", ("sse2", "sse2")),
    "avx2_exact": options(["O3", "fp-contract=off"], "off", ("avx2,no-fma", "avx2,no-fma")),
    "avx2": options(["O3", "fp-contract=fast"], "fast", ("avx2,fma", "avx2,fma")),
    "avx512": options(["O3", "fp-contract=fast"], "fast",
                      (AVX512 + ",prefer-vector-width=512", AVX512)),
    "neon": options(["O3", "fp-contract=fast"], "fast", None),
    "vec4": options(["O3", "fp-contract=off"], "off", None),
}

BEGINNING = """\
/* recur.c - librecur in one file, made by `make amalgamation`. Compile it beside recur.h:
 *
 *     cc -O2 -c recur.c
 *
 * and link with -lm -lpthread. docs/embedding.md says what macros leave out. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#ifdef __APPLE__
#define _DARWIN_C_SOURCE
#endif
#ifdef _WIN32
#define _CRT_RAND_S
#if defined(RECUR_SHARED)
#define RECUR__DLL
#endif
#endif
#ifndef RECUR_STATIC
#ifndef RECUR_SHARED
#define RECUR_STATIC
#endif
#endif
%(headers)s
#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#include "recur.h"

/* Instruction sets of this machine: all, or those of RECUR_ONLY_<set>. One of them runs on every
 * such machine; where none else does, ref is there. */
#if !defined(RECUR_ONLY_ref) && !defined(RECUR_ONLY_sse2) && !defined(RECUR_ONLY_avx2) && \\
    !defined(RECUR_ONLY_avx512) && !defined(RECUR_ONLY_neon) && !defined(RECUR_ONLY_vec4) && \\
    !defined(RECUR_ONLY_avx2_exact)
#define RECUR__ALL_SETS
#endif
#if defined(__x86_64__)
#if defined(RECUR__ALL_SETS) || defined(RECUR_ONLY_sse2)
#define RECUR__HAS_sse2
#endif
#if defined(RECUR__ALL_SETS) || defined(RECUR_ONLY_avx2_exact)
#define RECUR__HAS_avx2_exact
#endif
#if defined(RECUR__ALL_SETS) || defined(RECUR_ONLY_avx2)
#define RECUR__HAS_avx2
#endif
#if defined(RECUR__ALL_SETS) || defined(RECUR_ONLY_avx512)
#define RECUR__HAS_avx512
#endif
#elif defined(__aarch64__)
#if defined(RECUR__ALL_SETS) || defined(RECUR_ONLY_neon)
#define RECUR__HAS_neon
#endif
#endif
#if !defined(__x86_64__) && !defined(__i386__) && \\
    (defined(RECUR__ALL_SETS) || defined(RECUR_ONLY_vec4))
#define RECUR__HAS_vec4
#endif
#if defined(RECUR__ALL_SETS) || defined(RECUR_ONLY_ref) || \\
    !(defined(RECUR__HAS_sse2) || defined(RECUR__HAS_neon) || defined(RECUR__HAS_vec4))
#define RECUR__HAS_ref
#endif

/* What results depend on. Names that only this file knows may stay unused. */
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-function"
#pragma clang diagnostic ignored "-Wunused-const-variable"
#pragma clang diagnostic ignored "-Wpass-failed"
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-const-variable"
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off", "no-math-errno", "no-trapping-math")
#endif
"""

END = """
#if defined(__clang__)
#pragma clang diagnostic pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#pragma GCC diagnostic pop
#endif
"""


def header():
    text = read("include/recur.h")
    static = ("#if !defined(RECUR_STATIC) && !defined(RECUR_SHARED)\n"
              "#define RECUR_STATIC\n#endif\n\n")
    text = text.replace("#include <stddef.h>", static + "#include <stddef.h>")
    return INCLUDE.sub(lambda m: read(f"include/{m.group(1)}") if m.group(1) else m.group(), text)


def source():
    rooms = sorted(os.listdir("src"))
    files = [f"src/{room}/{name}" for room in rooms for name in sorted(os.listdir(f"src/{room}"))]
    per_set = [path for path in files
               if path.split("/")[1] in PER_SET and path.endswith(".c") and stem(path) != "table"]
    once = [path for path in files if path.endswith(".c") and path not in per_set]

    writer = Writer()
    writer.add(BEGINNING % {"headers": "\n".join(f"#include <{name}.h>" for name in STANDARD)})
    for path in files:  # what the sets share
        if path.startswith(("src/base/", "src/kernels/", "src/tiles/", "src/cells/")) \
                and path.endswith(".h") and path not in writer.seen and not is_per_set(path) \
                and GUARD.search(read(path)):
            writer.seen.add(path)
            writer.add(made_static(writer.expanded(path, lambda _, text: text, True)))
    for name in SETS:
        section(writer, name, per_set, first=name == SETS[0])

    owners = {}
    found = {path: names_of(path) for path in once}
    for path in once:
        for name, where in found[path].items():
            owners.setdefault(name, set()).add(where if where.endswith(".h") else path)
    for path in once:
        mine = {name: f"{path.split('/')[1]}_{stem(path)}__{name}"
                for name, where in found[path].items()
                if not where.endswith(".h") and len(owners[name]) > 1}
        before = len(writer.parts)
        writer.file(path, lambda p, text, path=path, mine=mine:
                    made_static(renamed(text, mine) if p == path else text))
        keep = set()
        for inner in writer.seen:
            keep.update(macros_of(read(inner)))
        writer.add(undefined("".join(writer.parts[before:]), keep))
    writer.add(END)
    return "".join(writer.parts)


def main():
    folder = sys.argv[1]
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    os.makedirs(folder, exist_ok=True)
    for name, text in (("recur.h", header()), ("recur.c", source())):
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
