#!/bin/sh
# walk.sh [--path] [ROOT] - counts how a call goes through the files of the library.
#
# Builds the library of ROOT (this tree, if it is not given) into a scratch folder, without
# optimisation and with functions that report when they begin and end, and runs scripts/walk.c over
# it: a batch forward, a step of a stream, and a step of a loop by hand. What it counts is written
# below its numbers. --path prints the files in the order of the walk.
set -u

path=0
if [ "${1:-}" = --path ]; then
    path=1
    shift
fi
here=$(cd "$(dirname "$0")" && pwd) || exit 2
root=$(cd "${1:-$here/..}" && pwd) || exit 2

scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 2' HUP INT TERM

# Without always_inline, which would copy the reports into every use of a vector's every function.
# Of the instruction sets of x86 only one besides the plain one: all take the same way.
flags="-O0 -g -finstrument-functions -Dalways_inline=unused"
sets=
[ "$(uname -m)" = x86_64 ] && sets="ISAS=ref avx2"
make -C "$root" -j2 DIR="$scratch" LIB="$scratch/lib" SANITIZE= CFLAGS="$flags" ${sets:+"$sets"} \
    "$scratch/lib/librecur.a" >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    exit 2
}

has=
for name in recur_layer_step_backward recur_layer_param_count; do
    grep -qw $name "$root"/include/recur/*.h && has="$has -DHAS_$name"
done
# shellcheck disable=SC2086 # lists of flags
${CC:-cc} -std=c11 -g -fno-pie -no-pie $has -I"$root/include" -o "$scratch/walk" "$here/walk.c" \
    "$scratch/lib/librecur.a" ${BLAS_LIBS--lopenblas} -lm -lpthread || exit 2
OPENBLAS_NUM_THREADS=1 "$scratch/walk" >"$scratch/places" || exit 2

# Addresses become files below src/, each address looked up once.
grep -v '^#' "$scratch/places" | LC_ALL=C sort -u >"$scratch/addresses"
"${ADDR2LINE:-addr2line}" -e "$scratch/walk" <"$scratch/addresses" |
    sed 's|:[0-9?]*\( .*\)*$||; s|^.*/src/||' >"$scratch/files"
paste "$scratch/addresses" "$scratch/files" | awk -F '\t' '
    FNR == NR {
        file[$1] = $2
        next
    }
    { print(/^#/ ? $0 : file[$0]) }' - "$scratch/places" >"$scratch/walks"
awk -v path=$path -f "$here/walk.awk" "$scratch/walks"

cat <<'END'

A stay is a visit of a file, from the moment a function of it begins, or goes on behind a call, to
the moment a function of another file does. A return is a stay in a file that was visited before.
The first line of numbers leaves functions in headers out; in the second they count for their
header. A part of the walk that stands twice in a row, as the turns of a loop do, counts once; the
third line has them all. Each walk is one call after others like it have run.
END
