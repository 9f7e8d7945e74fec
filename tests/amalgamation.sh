#!/bin/sh
# amalgamation.sh - the library in one file: it compiles without a warning, exports nothing else
# than its public functions, C++ takes its header, and it computes what the library computes.
#
# Two sets beside the reference are enough to see that they stay apart. Cells with layer
# normalisation are left out of the comparison: where a compiler contracts their products depends on
# its options, which a pragma does not set as the command line does (docs/embedding.md).
set -eu
cd "$(dirname "$0")/.."

skip() {
    echo "$1"
    exit 77
}

fail() {
    echo "amalgamation: $1" >&2
    exit 1
}

[ -z "${SANITIZE:-}" ] || skip "sanitizers change options that results depend on"
command -v python3 >/dev/null 2>&1 || skip "there is no python3 to write recur.c with"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cc=${CC:-cc}

python3 scripts/amalgamate.py "$scratch"
for compiler in "$cc" gcc clang; do
    command -v "${compiler##* }" >/dev/null 2>&1 || continue
    for standard in c11 gnu11; do
        # shellcheck disable=SC2086 # ccache gcc
        $compiler -std=$standard -Wall -Werror -fsyntax-only "$scratch/recur.c" ||
            fail "$compiler -std=$standard says something"
    done
done
if command -v "${CXX:-c++}" >/dev/null 2>&1; then
    echo '#include "recur.h"
int main() { return recur_version() == RECUR_VERSION ? 0 : 1; }' >"$scratch/plus.cpp"
    ${CXX:-c++} -Wall -Werror -fsyntax-only "$scratch/plus.cpp" || fail "C++ refuses recur.h"
fi

# shellcheck disable=SC2086
$cc -O2 -Wall -Werror -DRECUR_ONLY_ref -DRECUR_ONLY_sse2 -DRECUR_ONLY_avx2 \
    -DRECUR_ONLY_neon -DRECUR_ONLY_vec4 -c "$scratch/recur.c" -o "$scratch/recur.o"
others=$(nm -g --defined-only "$scratch/recur.o" | awk '$3 !~ /^recur_[a-z]/' | head -3)
[ -z "$others" ] || fail "it defines $others"

# The names that twin.c asks for are those of this header.
known=$(grep -o 'HAS_[A-Za-z_0-9]*' bench/twin.c | sort -u | while read -r macro; do
    grep -qw "${macro#HAS_}" "$scratch/recur.h" && echo "-D$macro"
done || true)
# shellcheck disable=SC2086
$cc -O2 $known "-I$scratch" -o "$scratch/one" bench/twin.c "$scratch/recur.o" -lm -lpthread
# shellcheck disable=SC2086
$cc -O2 $known -Iinclude -o "$scratch/many" bench/twin.c lib/librecur.so \
    "-Wl,-rpath,$(pwd)/lib" -lm
for program in one many; do
    for kind in gru lstm; do
        OPENBLAS_NUM_THREADS=1 "$scratch/$program" "$kind" 2>/dev/null
    done | grep -v ' avx512 \|^[a-z]*_norm\|_norm' >"$scratch/$program.cases"
done
[ "$(wc -l <"$scratch/one.cases")" -gt 1000 ] || fail "there are too few cases to compare"
cmp -s "$scratch/one.cases" "$scratch/many.cases" || {
    diff "$scratch/one.cases" "$scratch/many.cases" | head -4 >&2
    fail "one file and many differ in some bits"
}
echo "$(wc -l <"$scratch/one.cases" | tr -d ' ') cases, all equal"
