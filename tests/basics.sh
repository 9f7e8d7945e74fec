#!/bin/sh
# basics.sh - the lessons of examples/basics do what they say, and README shows the second one.
#
# The programs are in $1, or in build/examples/basics. Each has to end with status 0, to print
# nothing to the error output, and to print what is checked here. Their form is checked too: a
# lesson has at most 100 lines, and includes only recur.h and headers of the C library.
cd "$(dirname "$0")/.." || exit 1
programs=${1:-${BUILD:-build}/examples/basics}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0

# check NAME COMMAND...: counts one test.
check() {
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        tail -n 5 "$tmp/out" "$tmp/err"
    fi
}

# run LESSON: its output is in $tmp/out and $tmp/err afterwards.
run() {
    lesson=$1
    "$programs/$lesson" >"$tmp/out" 2>"$tmp/err"
    status=$?
    check "$lesson ends well" [ $status = 0 ]
    check "$lesson prints no errors" [ ! -s "$tmp/err" ]
}

prints() { grep -q -e "$1" "$tmp/out"; }
count_is() { [ "$(grep -c -e "$1" "$tmp/out")" = "$2" ]; }
last_is() { [ "$(tail -n 1 "$tmp/out")" = "$1" ]; }

# falls FACTOR: the last loss that was printed, times the factor, is below the first one.
falls() {
    awk -v factor="$1" '
        { for (i = 1; i < NF; i++) if ($i == "loss") loss[++n] = $(i + 1) }
        END { exit !(n > 1 && loss[n] * factor < loss[1]) }' "$tmp/out"
}

# percent_from LEAST: the last line begins with a percentage of at least so much.
percent_from() { tail -n 1 "$tmp/out" | awk -v least="$1" '{ exit !($2 == "%" && $1 >= least) }'; }

run 01_forward
check "a GRU of 5 units with 3 inputs has 150 parameters" prints "has 150 parameters"
check "there are four tensors" count_is "from number" 4
check "the recurrent matrix has its shape" prints "weight_hh_l0 *\[15\]\[5\], from number 45 on"
check "there is a row for each step" count_is "^  step . of sequence . " 8
check "no number is NaN" count_is nan 0

run 02_train
check "the loss falls" falls 10
check "nearly all other sequences are right" percent_from 95

run 03_ragged
check "the longest word stands first" prints "^  step 0: rgna$"
check "words end at their own lengths" prints "^  step 3: ue$"
check "there is a step for each letter of the longest word" count_is "^  step " 9
check "a word alone gives the same" last_is "One by one, the words give the same numbers."

run 04_stream
check "a stream gives the same" prints "^The streamed numbers are the same.$"
check "a reset begins anew" [ "$(awk '$1 == "0" { print $4 }' "$tmp/out")" = \
    "$(awk '/^After a reset/ { print $7 }' "$tmp/out")" ]

run 05_loop_by_hand
check "the loss of the loop falls" falls 1000
check "it knows pi by heart" [ "$(awk 'END { print $NF }' "$tmp/out")" = 3.141592653589793 ]

# ---- form ----------------------------------------------------------------------------------------

only_recur() { ! grep '#include "' "$1" && ! grep '#include <recur/' "$1"; }
: >"$tmp/out"
: >"$tmp/err"
for file in examples/basics/*.c; do
    check "$file has at most 100 lines" [ "$(wc -l <"$file")" -le 100 ]
    check "$file includes the public header only" only_recur "$file"
    check "README lists $file" grep -q "$(basename "$file" .c)" README.md
    check "$file is run here" grep -q "^run $(basename "$file" .c)$" tests/basics.sh
done

awk '/^```c$/ { inside = 1; next } /^```$/ && inside { exit } inside' README.md >"$tmp/readme.c"
check "README's first program is examples/basics/02_train.c" \
    diff "$tmp/readme.c" examples/basics/02_train.c

echo "$passed passed, $failed failed"
[ $failed = 0 ]
