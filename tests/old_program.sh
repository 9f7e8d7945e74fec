#!/bin/sh
# old_program.sh - a program that was built with the headers of the first interface runs with
# today's library: tests/abi/old_program.c.
set -eu
cd "$(dirname "$0")/.."

lib=lib
[ -z "${SANITIZE:-}" ] || lib=$BUILD/lib
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
${CC:-cc} -std=c11 -O1 -Wall -Wextra -Werror ${SANITIZE:+-fsanitize=$SANITIZE} -Itests/abi \
    -o "$scratch/program" tests/abi/old_program.c "$lib/librecur.so" -Wl,-rpath,"$PWD/$lib" -lm
"$scratch/program"
