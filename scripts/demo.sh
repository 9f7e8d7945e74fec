#!/bin/sh
# demo.sh - trains the example networks and prints what they reached. MNIST=DIR takes the real
# digits, else drawn ones.
set -u
cd "$(dirname "$0")/.." || exit 1

examples=${BUILD:-build}/examples
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
failures=0

row() { printf '%-16s  %-30s  %-34s  %7s\n' "$@"; }

# show SETTING PROGRAM ARGUMENT...: runs it, shows its output as it comes, and writes one row of the
# table.
show() {
    setting=$1 program=$2
    shift 2
    echo
    echo "\$ $program $*"
    start=$(date +%s)
    { "$examples/$program" "$@" 2>&1 || touch "$scratch/failed"; } | tee "$scratch/log"
    seconds=$(($(date +%s) - start))
    result=$(sed -n 's/.*\(test accuracy *[0-9.]* *%\).*/\1/p' "$scratch/log" | tail -n 1)
    [ -n "$result" ] || result=$(sed '/^ *$/d' "$scratch/log" | tail -n 1)
    [ ${#result} -le 34 ] || result=$(printf '%.31s...' "$result")
    if [ -e "$scratch/failed" ]; then
        rm "$scratch/failed"
        result="FAILED: $result"
        failures=$((failures + 1))
    fi
    row "$program" "$setting" "$result" "$seconds" >>"$scratch/table"
}

for cell in rnn lstm gru; do
    show "$cell, 40000 strings, 20 epochs" temporal_order --cell $cell --train 40000 --epochs 20
done
show "one word by heart" hello
if [ -n "${MNIST:-}" ]; then
    show "lstm, digits of $MNIST" mnist --data "$MNIST" --cell lstm --epochs 1
else
    show "lstm, 5000 digits, 5 epochs" mnist --cell lstm --train 5000 --epochs 5
fi

echo
row program setting result seconds
row ---------------- ------------------------------ ---------------------------------- -------
cat "$scratch/table"
[ $failures = 0 ]
