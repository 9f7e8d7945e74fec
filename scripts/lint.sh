#!/bin/sh
# lint.sh [ROOT] - holds the sources to the rules of form; `make lint`.
#
# Prints every offence as file:line: what is wrong, and ends with status 1 if there is one. ROOT is
# the tree that is read, this one if it is not given. What a check says no to:
#
#     format        what clang-format would lay out otherwise, by .clang-format
#     columns       lines over 100 columns
#     statements    two statements in a line; commas that join statements
#     conditionals  ?: inside another ?: within the arguments of a call
#     length        functions over 60 lines
#     parameters    more than 2 % of all functions with more than six parameters
#     tokens        more than 10 tokens in the mean line of code
set -u

# What is checked, where, and in which files. length, parameters and tokens look at all the files of
# their line together.
checks='
format        src include tests examples command bench scripts    *.c *.h
columns       src include tests examples command bench scripts    *.c *.h *.inc *.hpp *.cpp
columns       src include tests examples command bench scripts    *.sh *.py *.awk
columns       Makefile                                    Make*
statements    src include tests examples command bench scripts    *.c *.h *.inc
conditionals  src include tests examples command bench scripts    *.c *.h *.inc
length        src                                         *.c *.h *.inc
parameters    src                                         *.c *.h *.inc
tokens        src                                         *.c *.h *.inc
'

here=$(cd "$(dirname "$0")" && pwd) || exit 2
cd "${1:-$here/..}" || exit 2
"$here/deps.sh" --check lint || exit 2

scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 2' HUP INT TERM

# The places of a line of the table as $places, the patterns as the arguments of find in $names.
read_line() {
    places=
    names=
    for word in "$@"; do
        case $word in
        *\**) names="$names${names:+ -o} -name $word" ;;
        *) [ -e "$word" ] && places="$places $word" ;;
        esac
    done
}

# In each file, characters count, not bytes: those that go on in UTF-8 are taken out first.
check_columns() {
    LC_ALL=C awk '
        {
            gsub(/[\200-\277]/, "")
            if (length > 100) printf "%s:%d: %d columns; 100 are allowed\n", FILENAME, FNR, length
        }' "$@"
}

check_format() {
    "${CLANG_FORMAT:-clang-format}" --dry-run -Werror "$@" 2>&1 | awk -F : '
        !/: error: / { next }
        !(($1, $2) in told) { print $1 ":" $2 ": not as clang-format lays it out (make format)" }
        { told[$1, $2] = 1 }'
}

set -f
echo "$checks" | while read -r check line; do
    [ -n "$check" ] || continue
    # shellcheck disable=SC2086 # lists of words
    read_line $line
    [ -n "$places" ] || continue
    # shellcheck disable=SC2086
    find $places -type f \( $names \) | LC_ALL=C sort >"$scratch/files"
    [ -s "$scratch/files" ] || continue
    cat "$scratch/files" >>"$scratch/all"
    # shellcheck disable=SC2046
    case $check in
    columns) check_columns $(cat "$scratch/files") ;;
    format) check_format $(cat "$scratch/files") ;;
    *) python3 "$here/csource.py" "$check" $(cat "$scratch/files") ;;
    esac
done >"$scratch/found" 2>"$scratch/errors"

if [ -s "$scratch/errors" ]; then
    cat "$scratch/errors" >&2
    exit 2
fi
if [ -s "$scratch/found" ]; then
    cat "$scratch/found"
    echo "lint: $(wc -l <"$scratch/found" | tr -d ' ') offences"
    exit 1
fi
echo "lint: $(LC_ALL=C sort -u "$scratch/all" | wc -l | tr -d ' ') files"
