#!/bin/sh
# left_out.sh - builds of the library without training, batches, files, threads, few bits, kinds,
# and without all of them, as one file and by make. Each compiles without a warning, answers with a
# sentence where something is left out, and computes the bits of the whole library.
set -eu
cd "$(dirname "$0")/.."

skip() {
    echo "$1"
    exit 77
}

fail() {
    echo "left_out: $1" >&2
    exit 1
}

[ -z "${SANITIZE:-}" ] || skip "sanitizers change options that results depend on"
command -v python3 >/dev/null 2>&1 || skip "there is no python3 to write recur.c with"
unset MAKEFLAGS MFLAGS
root=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cc=${CC:-cc}
warnings="-std=c11 -Wall -Wextra -Wpedantic -Werror"
program=tests/left_out/program.c
# What every build computes here comes from plain C, which each of them has.
RECUR_ISA=ref
export RECUR_ISA

# shellcheck disable=SC2086 # ccache gcc, lists of flags
$cc $warnings -Iinclude "$program" lib/librecur.so "-Wl,-rpath,$root/lib" -o "$scratch/whole"
"$scratch/whole" "$scratch" make
"$scratch/whole" "$scratch" >"$scratch/whole.bits" || fail "whole: $(cat "$scratch/whole.bits")"
scripts/amalgamate.py "$scratch"

# check NAME FEATURE ...: the program of this name says the same, and what is left out.
check() {
    name=$1
    shift
    "$scratch/$name" "$scratch" "$@" >"$scratch/bits" || fail "$name: $(tail -n 1 "$scratch/bits")"
    while read -r what numbers; do
        grep -qx "$what $numbers" "$scratch/whole.bits" || fail "$name: other bits of $what"
    done <"$scratch/bits"
    echo "$name: $(wc -l <"$scratch/bits") lines, equal"
}

# one NAME "FLAGS" FEATURE ...: a build as one file.
one() {
    name=$1 flags=$2
    shift 2
    # shellcheck disable=SC2086
    $cc $warnings -O1 -DRECUR_ONLY_ref $flags "-I$scratch" "$program" "$scratch/recur.c" -lm \
        -lpthread -o "$scratch/$name" || fail "$name: it does not compile"
    check "$name" "$@"
}

all="-DRECUR_BATCH=0 -DRECUR_FILES=0 -DRECUR_THREADS=0 -DRECUR_REDUCED=0"
kinds="-DRECUR_ONLY_gru -DRECUR_ONLY_linear -DRECUR_ONLY_sequential"
one train "-DRECUR_TRAIN=0 -DRECUR_THREADS=0" TRAIN THREADS
one batch "-DRECUR_BATCH=0 -DRECUR_FILES=0" BATCH TRAIN FILES
one kinds "-DRECUR_REDUCED=0 $kinds" REDUCED clockwork conv_time
one least "$all $kinds" TRAIN BATCH FILES THREADS REDUCED clockwork conv_time

# By make, with the same words.
none="TRAIN=none BATCH=none FILES=none THREADS=none REDUCED=none"
# shellcheck disable=SC2086
"${MAKE:-make}" -s CC="$cc" DIR="$scratch/made" LIB="$scratch/made" BLAS=none ISAS=ref WERROR=1 \
    $none KINDS="gru linear sequential" libs >/dev/null || fail "make $none does not build"
# shellcheck disable=SC2086
$cc -O1 -DRECUR_STATIC -Iinclude "$program" "$scratch/made/librecur.a" -lm -o "$scratch/made_least"
check made_least TRAIN BATCH FILES THREADS REDUCED clockwork conv_time
# shellcheck disable=SC2086
$cc -O1 -Iinclude "$program" "$scratch/made/librecur.so" "-Wl,-rpath,$scratch/made" -lm \
    -o "$scratch/made_shared"
check made_shared TRAIN BATCH FILES THREADS REDUCED clockwork conv_time
exported=$(nm -D --defined-only "$scratch/made/librecur.so" | grep -c ' recur_')
[ "$exported" = "$(nm -D --defined-only lib/librecur.so | grep -c ' recur_')" ] ||
    fail "a library with less in it exports $exported functions"

# Misspelt words are refused.
for word in TRAIN=nothing KINDS="lstm gur"; do
    "${MAKE:-make}" -n "$word" libs >/dev/null 2>&1 && fail "make takes $word"
done
exit 0
