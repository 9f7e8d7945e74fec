#!/bin/sh
# coverage.sh - which lines and branches of src/ the C tests run through, as `make coverage` tells.
#
# A build of its own, build/coverage/, counts them with gcov; gcovr reads the counts. It is taken
# from PATH, or from an environment below build/coverage/ into which pip installs it. The table has
# src/ as a whole, a line for each instruction set of this machine, whose files are compiled once
# for each, and the files with what was never run. Functions of vectors are not forced inline in
# this build (RECUR__CHECKED), so that each of their branches counts once, not once for each caller.
# build/coverage/html/index.html shows the lines.
set -eu
cd "$(dirname "$0")/.."

dir=build/coverage
cc=${CC:-cc}
isas=ref
if [ "$(uname -m)" = x86_64 ]; then
    isas="ref sse2 vec4"
    grep -qw avx2 /proc/cpuinfo 2>/dev/null && isas="$isas avx2_exact avx2"
    grep -qw avx512vl /proc/cpuinfo 2>/dev/null && isas="$isas avx512"
fi

find_gcovr() {
    gcovr=$(command -v gcovr || true)
    [ -n "$gcovr" ] && return
    gcovr=$dir/python/bin/gcovr
    [ -x "$gcovr" ] && return
    python3 -m venv "$dir/python"
    "$dir/python/bin/pip" --quiet install gcovr
}

# report FOLDER OPTION... - gcovr's answer for the counts below a folder
report() {
    folder=$1
    shift
    "$gcovr" --root . --filter 'src/' --gcov-ignore-parse-errors all --decisions \
        --merge-mode-functions merge-use-line-min --object-directory "$dir" "$@" "$folder"
}

mkdir -p "$dir/html"
find_gcovr
make --no-print-directory DIR="$dir" LIB="$dir/lib" TO_LIB=../lib ISAS="$isas" HARDEN=none \
    CC="${LAUNCHER:+$LAUNCHER }$cc" CPPFLAGS=-DRECUR__CHECKED \
    CFLAGS="-O1 --coverage -fprofile-update=atomic" \
    LDFLAGS=--coverage CHECK=coverage run-check
report "$dir/obj" --txt "$dir/files.txt" --html-details "$dir/html/index.html" --print-summary
for isa in $isas; do
    rm -rf "$dir/one"
    mkdir -p "$dir/one"
    (cd "$dir/obj" && find . -name "*.$isa.gc*" -exec cp --parents {} ../one ";")
    echo "kernels, tiles and cells on $isa:"
    report "$dir/one" --print-summary | grep -E '^(lines|branches)'
done
rm -rf "$dir/one"
echo "$dir/files.txt names the lines that were never run."
