#!/bin/sh
# docs.sh - every program and command on the pages of docs/ does what it says.
#
# The library is installed into a scratch folder and each page becomes a folder beside it
# (tests/docs/extract.awk). Then
#   - blocks of C or C++ with a name ("```c first.c") are files: they are compiled without a warning
#     and run, and end with status 0;
#   - those without a name are read from top to bottom as the body of one main;
#   - blocks of sh are one script, run where the files are; so are blocks of Python, if there are
#     NumPy and the package;
#   - files below src/ are put into a copy of the library: so add-a-cell.md is held to its word.
# performance.md, whose commands take minutes, and gallery.md are left out.
set -eu
cd "$(dirname "$0")/.."

if [ -n "${SANITIZE:-}" ]; then
    echo "a sanitizer build is not installed"
    exit 77
fi

root=$PWD make=${MAKE:-make} cc=${CC:-cc} cxx=${CXX:-c++}
unset MAKEFLAGS MFLAGS TEST
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
warnings="-Wall -Wextra -Wpedantic -Wconversion -Werror"

fail() {
    echo "docs: $1" >&2
    exit 1
}

# ---- every function has its five lines; every page of docs/ is linked ----------------------------

awk '/^\/\*\*/ { said = "" }
     match($0, /^ \* (Shapes|Memory|Errors|Threads|Since):/) { said = said substr($0, 4, 1) }
     /^RECUR_(API|NODISCARD) / && said != "SMETS" {
         print FILENAME ":" FNR ": Shapes, Memory, Errors, Threads, Since: " $0
         bad = 1
     }
     END { exit bad }' include/recur/*.h || fail "functions whose comment lacks a line"
for page in docs/*.md; do
    name=${page#docs/}
    for target in $(grep -o '](\([a-z-]*\.md\))' "$page" | tr -d '()]'); do
        [ -f "docs/$target" ] || fail "$page links to $target, which is not there"
    done
    [ "$name" = index.md ] || grep -q "($name)" docs/index.md ||
        fail "docs/index.md does not link to $name"
done

# ---- the library, installed as the pages say -----------------------------------------------------

HOME=$scratch/home
prefix=$HOME/recur
mkdir -p "$HOME"
"$make" -s install PREFIX="$prefix"
PATH=$prefix/bin:$PATH
PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib CMAKE_PREFIX_PATH=$prefix
export HOME PATH PKG_CONFIG_PATH LD_LIBRARY_PATH CMAKE_PREFIX_PATH
use="-I$prefix/include -L$prefix/lib"

run_c() { # FILE, FLAGS
    # shellcheck disable=SC2086
    $cc -std=c11 -D_POSIX_C_SOURCE=200809L $warnings $use "$1" -o "$1.program" \
        -lrecur -lm -lpthread && "./$1.program"
}

run_cxx() {
    command -v "$cxx" >/dev/null 2>&1 || return 0
    # shellcheck disable=SC2086
    $cxx -std=c++17 $warnings $use "$1" -o "$1.program" -lrecur &&
        "./$1.program"
}

run_python() {
    PYTHONPATH=$root/bindings/python RECUR_LIBRARY=$prefix/lib/librecur.so
    export PYTHONPATH RECUR_LIBRARY
    if ! python3 -c 'import numpy, recur' 2>/dev/null; then
        echo "  (no Python with NumPy and the package)"
        return 0
    fi
    python3 "$1"
}

# Blocks of CMake are configured and built, if there is a CMake.
run_cmake() {
    command -v cmake >/dev/null 2>&1 || return 0
    cmake -S . -B built >cmake.log 2>&1 && cmake --build built >>cmake.log 2>&1 || {
        cat cmake.log
        return 1
    }
}

# A copy of the library with the page's files in it, the constant and the line that the page tells
# to add, for all instruction sets. What is compiled already is copied too: one more constant
# changes nothing in it, so the header keeps its time.
run_source() {
    new=src/cells/$1.c
    constant=RECUR_CELL_$(echo "$1" | tr '[:lower:]' '[:upper:]')
    header=include/recur/recurrent.h
    sources="Makefile include lib/librecur.map scripts src"
    # shellcheck disable=SC2086
    (cd "$root" && tar -cf - $sources build/obj build/flags build/objects build/have-*) | tar -xf -
    list=src/cells/list.h
    number=$(($(grep -c '^ *X(' $list) + 1))
    first="RECUR_CELL_RNN_TANH = 1,"
    sed -i "s|^\( *\)$first|\1$constant = $number, $first|" $header
    touch -r "$root/$header" $header
    sed -i "\$ s|\$| X($1, set)|" $list
    grep -q "$constant" $header && grep -q "X($1, set)" $list ||
        fail "$1 did not get into the tables"
    [ -f "$new" ] || fail "there is no $new"
    werror=$(grep -q -e -Werror build/flags && echo 1) || werror=
    if ! "$make" -s -j2 libs WERROR="$werror" >make.log 2>&1; then
        cat make.log
        fail "the library with $1 in it"
    fi
    ! grep "warning:" make.log || fail "$new has warnings"
    use="-Iinclude -Llib" LD_LIBRARY_PATH=lib
}

for page in docs/*.md; do
    name=$(basename "$page" .md)
    case $name in performance | gallery) continue ;; esac
    echo "$page"
    folder=$scratch/$name
    mkdir "$folder"
    ln -s "$root" "$folder/librecur"
    awk -v out="$folder" -v page="$page" -f tests/docs/extract.awk "$page"
    (
        cd "$folder"
        if [ -d src/cells ]; then run_source "$(basename src/cells/*.c .c)"; fi
        for file in *.c; do [ ! -f "$file" ] || run_c "$file" || fail "$page: $file"; done
        for file in *.cpp; do [ ! -f "$file" ] || run_cxx "$file" || fail "$page: $file"; done
        if [ -f CMakeLists.txt ]; then run_cmake || fail "$page: CMakeLists.txt"; fi
        if [ -f script.sh ]; then FOLDER=$folder sh -e script.sh || fail "$page: its commands"; fi
        if [ -f script.py ]; then run_python script.py || fail "$page: its Python"; fi
    )
done

# ---- the reference -------------------------------------------------------------------------------

if command -v doxygen >/dev/null 2>&1; then
    "$make" -s docs
else
    echo "(no doxygen)"
fi
