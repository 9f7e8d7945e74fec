#!/bin/sh
# fuzz.sh - the fuzz targets without a fuzzer: each on its corpus and on some mutations of every
# file
# in it, the same each time. `make fuzz` runs them under libFuzzer.
set -u
cd "$(dirname "$0")/.." || exit 1

lib=lib
[ -z "${SANITIZE:-}" ] || lib=$BUILD/lib
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0
for source in tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    corpus=$(scripts/fuzz.sh --corpus "${name#fuzz_}")
    # shellcheck disable=SC2046,SC2086 # lists of words
    target=${name#fuzz_}
    if ${CC:-cc} -O1 -g ${SANITIZE:+-fsanitize=$SANITIZE} $(scripts/fuzz.sh --flags "$target") \
        -o "$scratch/$name" tests/fuzz/replay.c "$source" $(scripts/fuzz.sh --sources "$target") \
        "$lib/librecur.a" ${LIBRARY_LIBS:--lm -lpthread} -lz &&
        "$scratch/$name" 40 $corpus 2>"$scratch/log" >"$scratch/runs"; then
        passed=$((passed + 1))
        echo "$name: $(cat "$scratch/runs")"
    else
        failed=$((failed + 1))
        echo "$name failed; the last lines it wrote:"
        tail -n 20 "$scratch/log"
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
