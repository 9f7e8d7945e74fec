#!/bin/sh
# disassembly.sh [--show NAME] OLD_BUILD NEW_BUILD [NAMES] - whether two builds have the same code.
#
# Compares all functions of the objects below OLD_BUILD/obj and NEW_BUILD/obj (or below the folders
# themselves), by name and instructions; scripts/disassembly.awk says what of them does not count.
# Where the Makefile has written a list of objects, OLD_BUILD/objects, others are left out.
# Files may have other names and functions other files: what has to agree is how often each pair of
# a name and instructions is there. NAMES is a file of sed commands which turn old names into new
# ones, such as s/\<recur__keep\>/recur__prepack/g. It is applied to what objdump says of the old
# build. Constants in data sections are not compared: scripts/twin.sh sees them.
#
# Prints "N functions, all equal", or the functions that differ, and ends with status 1.
# --show NAME prints the instructions of the functions of this name of both builds, line by line.
set -u

usage() {
    echo "usage: scripts/disassembly.sh [--show NAME] OLD_BUILD NEW_BUILD [NAMES]" >&2
    exit 2
}

show=
if [ "${1:-}" = --show ]; then
    [ $# -ge 2 ] || usage
    show=$2
    shift 2
fi
[ $# = 2 ] || [ $# = 3 ] || usage
here=$(cd "$(dirname "$0")" && pwd) || exit 2
names=${3:-/dev/null}
[ -r "$names" ] || usage

scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 2' HUP INT TERM

# One line for each function of build $1, whose names go through the sed commands of $2.
functions() {
    folder=$1
    [ -d "$folder/obj" ] && folder=$folder/obj
    if [ -f "$1/objects" ]; then
        tr ' ' '\n' <"$1/objects" | sed -n "s|^.*/obj/|$folder/|p" >"$scratch/objects"
    else
        find "$folder" -name '*.o' >"$scratch/objects"
    fi
    if [ ! -s "$scratch/objects" ]; then
        echo "disassembly.sh: there are no objects below $folder" >&2
        exit 2
    fi
    while read -r object; do
        "${OBJDUMP:-objdump}" -dr --no-show-raw-insn "$object" >"$scratch/text" || exit 2
        sed -f "$2" "$scratch/text" |
            awk -v object="${object#"$folder"/}" -f "$here/disassembly.awk" || exit 2
    done <"$scratch/objects"
}

functions "$1" "$names" >"$scratch/old" || exit 2
functions "$2" /dev/null >"$scratch/new" || exit 2

if [ -n "$show" ]; then
    for side in old new; do
        awk -F '\t' -v name="$show" -v side="$side" '$1 == name {
            print "---- " side ": " $1 " of " $3
            gsub(/;/, "\n", $2)
            print $2
        }' "$scratch/$side"
    done
    exit 0
fi

LC_ALL=C awk -F '\t' '
    {
        key = $1 "\t" $2
        object[key] = $3
    }
    FNR == NR {
        old[key]++
        next
    }
    {
        functions++
        new[key]++
    }
    function tell(key, side, times,    part) {
        split(key, part, "\t")
        printf "%s: %d more in the %s build, such as in %s\n", part[1], times, side, object[key]
        different += times
    }
    END {
        for (key in old) if (old[key] > new[key]) tell(key, "old", old[key] - new[key])
        for (key in new) if (new[key] > old[key]) tell(key, "new", new[key] - old[key])
        if (different) exit 1
        printf "%d functions, all equal\n", functions
    }' "$scratch/old" "$scratch/new" >"$scratch/result"
status=$?
LC_ALL=C sort "$scratch/result"
if [ $status = 1 ]; then
    echo "$(wc -l <"$scratch/new" | tr -d ' ') functions, those above differ"
fi
exit $status
