#!/bin/sh
# twin.sh OLD_ROOT [NEW_ROOT] [WORD] - shows that two libraries compute the same bits.
#
# Builds bench/twin.c of this tree against the public header and the shared library of both trees
# (ROOT/include and ROOT/lib/librecur.so, which have to be there: `make libs`), runs both programs
# and compares their lines. NEW_ROOT is this tree if it is not given. WORD keeps the cases whose
# names contain it; "" keeps all.
#
# Prints "N cases, all equal", or the cases that differ with the arrays that do, and ends with
# status 1. Two builds of the same source on one machine have to agree in every bit.
set -u

usage() {
    echo "usage: scripts/twin.sh OLD_ROOT [NEW_ROOT] [WORD]" >&2
    exit 2
}

[ $# -ge 1 ] && [ $# -le 3 ] || usage
here=$(cd "$(dirname "$0")/.." && pwd) || exit 2
old=$(cd "$1" && pwd) || exit 2
new=$(cd "${2:-$here}" && pwd) || exit 2
word=${3:-}

scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 2' HUP INT TERM

# -DHAS_name for every HAS_name of the program whose name the headers of root $1 know.
known_names() {
    grep -o 'HAS_[A-Za-z_0-9]*' "$here/bench/twin.c" | sort -u | while read -r macro; do
        name=${macro#HAS_}
        [ "$name" = name ] && continue
        grep -qw "$name" "$1"/include/*.h "$1"/include/recur/*.h && echo "-D$macro"
    done
}

# The program $2 against root $1.
build() {
    if [ ! -f "$1/lib/librecur.so" ]; then
        echo "twin.sh: $1/lib/librecur.so is not there; run \`make libs\` in $1" >&2
        exit 2
    fi
    # shellcheck disable=SC2046,SC2086 # lists of flags
    ${CC:-cc} -std=c11 -O2 $(known_names "$1") -I"$1/include" ${CPPFLAGS:-} ${CFLAGS:-} \
        -o "$scratch/$2" "$here/bench/twin.c" "$1/lib/librecur.so" -Wl,-rpath,"$1/lib" || exit 2
}

# What the program $1 prints. BLAS must not share a product out, which would change its sums.
run() {
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 "$scratch/$1" "$word" \
        >"$scratch/$1.cases" 2>"$scratch/$1.log" && return
    cat "$scratch/$1.log" >&2
    echo "twin.sh: the program over the $1 library ended with an error" >&2
    failed=1
}

build "$old" old
build "$new" new
failed=
run old
run new
[ -z "$failed" ] || exit 1

# Words with = are hashes; those before them are the name of the case.
awk '
    {
        name = hashes = ""
        for (i = 1; i <= NF; i++)
            if (index($i, "=")) hashes = hashes " " $i
            else name = name (name == "" ? "" : " ") $i
    }
    FNR == NR {
        before[name] = hashes
        next
    }
    {
        cases++
        if (!(name in before)) {
            print name ": not a case of the old library"
            different++
            next
        }
        if (before[name] != hashes) {
            count = split(hashes, now, " ")
            split(before[name], then, " ")
            which = ""
            for (i = 1; i <= count; i++)
                if (now[i] != then[i]) which = which " " substr(now[i], 1, index(now[i], "=") - 1)
            print name ":" which
            different++
        }
        delete before[name]
    }
    END {
        for (name in before) {
            print name ": not a case of the new library"
            different++
        }
        if (different) {
            printf "%d cases, %d differ\n", cases, different
            exit 1
        }
        printf "%d cases, all equal\n", cases
    }' "$scratch/old.cases" "$scratch/new.cases"
