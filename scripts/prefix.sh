#!/bin/sh
# prefix.sh LIBRARY PREFIX - puts PREFIX in front of every global name of a static librecur.
#
# Private names get it too, so that two copies of the library can be linked into one program.
# NM and OBJCOPY name the tools.
set -eu

names=$(mktemp)
trap 'rm -f "$names"' EXIT

"${NM:-nm}" -g --defined-only "$1" |
    awk -v prefix="$2" '$3 ~ /^recur_/ { print $3, prefix $3 }' >"$names"
"${OBJCOPY:-objcopy}" --redefine-syms="$names" "$1"
