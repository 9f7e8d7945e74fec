#!/bin/sh
# examples.sh - what a user sees of the example programs: output, files, messages, exit status. Run from the root of the
# project; the programs are in $1, or in build/examples.
programs=${1:-${BUILD:-build}/examples}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

# check NAME CONDITION...: counts one test.
check()
{
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        echo "  status $status"
        sed 's/^/  out: /' "$tmp/out" | tail -n 5
        sed 's/^/  err: /' "$tmp/err" | tail -n 5
    fi
}

# run PROGRAM OPTION...: leaves its status in $status, its output in $tmp/out and $tmp/err.
run()
{
    program=$1
    shift
    "$programs/$program" "$@" >"$tmp/out" 2>"$tmp/err"
    status=$?
}

status() { [ "$status" -eq "$1" ]; }
quiet() { ! [ -s "$tmp/err" ]; }
out_has() { grep -q -e "$1" "$tmp/out"; }
err_has() { grep -q -e "$1" "$tmp/err"; }
last_line() { tail -n 1 "$tmp/out"; }
last_is() { [ "$(last_line)" = "$1" ]; }
last_like() { last_line | grep -qx -e "$1"; }
same() { cmp -s "$1" "$2"; }
untimed() { sed -e 's/  [0-9.]* s$//' -e 's/  [0-9.]* s  [0-9]* [a-z]*\/s$//' "$tmp/out" >"$1"; }
accuracy() { last_line | sed -n 's/^test accuracy \([0-9]*\)\..*%$/\1/p'; }
accuracy_from() { [ "$(accuracy)" -ge "$1" ] 2>/dev/null; }
# Rows of numbers under the header, as many as wanted.
csv_is()
{
    [ "$(head -n 1 "$1")" = "$2" ] && [ "$(wc -l <"$1")" -eq $(($3 + 1)) ] &&
        awk -F , 'NR == 1 { n = NF } NF != n || (NR > 1 && $1 != NR - 1) { bad = 1 } END { exit bad }' "$1"
}

curves=epoch,train_loss,train_accuracy,test_loss,test_accuracy,seconds
test_line='test accuracy [0-9]*\.[0-9][0-9]%'
epoch_line='^epoch *[0-9]*  loss [0-9.]*  accuracy [0-9.]*%  [0-9.]* s'

# ---- what all have in common ----------------------------------------------------------------------

for program in temporal_order hello mnist; do
    run $program --help
    check "$program --help" status 0
    check "$program --help is not an error" quiet
    for option in epochs seed csv save load help lr hidden; do
        check "$program --help tells of --$option" out_has "^  --$option "
    done
    run $program --nonsense
    check "$program: an unknown option" status 2
    check "$program: an unknown option is named" err_has "nonsense"
    run $program -x
    check "$program: an unknown letter" status 2
    check "$program: an unknown letter is named" err_has "'-x'"
    run $program --epochs many
    check "$program: not a number" status 2
    check "$program: not a number is named" err_has "--epochs: 'many'"
    run $program --epochs 12x
    check "$program: half a number" status 2
    run $program --epochs -1
    check "$program: a number out of range" status 2
    run $program --lr nan
    check "$program: NaN" status 2
    run $program --epochs
    check "$program: no value" status 2
    check "$program: no value, by name" err_has "--epochs needs a value"
    run $program more
    check "$program: an argument too many" status 2
    check "$program: an argument too many is named" err_has "'more'"
    run $program --load "$tmp/nowhere"
    check "$program: no such model" status 1
    check "$program: no such model is named" err_has "$tmp/nowhere"
    echo nonsense >"$tmp/nonsense"
    run $program --load "$tmp/nonsense"
    check "$program: not a model" status 1
    run $program --epochs 1 --csv "$tmp/no/where"
    check "$program: curves that cannot be written" status 1
    check "$program: curves that cannot be written are named" err_has "$tmp/no/where"
done
for option in cell layers bidirectional train batch clip forget-bias; do
    run temporal_order --help
    check "temporal_order --help tells of --$option" out_has "^  --$option "
done
for option in cell layers train batch data; do
    run mnist --help
    check "mnist --help tells of --$option" out_has "^  --$option "
done
run hello --help
check "hello --help tells of --raw-feedback" out_has "^  --raw-feedback "
run temporal_order --cell cnn
check "an unknown cell" status 2
check "an unknown cell: the known ones are named" err_has "rnn|lstm|gru"

# ---- temporal_order -------------------------------------------------------------------------------

small="--train 600 --batch 50 --hidden 4"
run temporal_order $small --epochs 3 --csv "$tmp/curves.csv"
check "temporal_order" status 0
check "temporal_order says nothing on stderr that is no terminal" quiet
check "temporal_order: epochs" [ "$(grep -c "$epoch_line" "$tmp/out")" -eq 3 ]
check "temporal_order: strings" [ "$(grep -c '^E[abcdXY]*B  is [QRSU], predicted [QRSU]$' "$tmp/out")" -eq 4 ]
check "temporal_order: last line" last_like "$test_line"
check "temporal_order: curves" csv_is "$tmp/curves.csv" $curves 3
untimed "$tmp/first"
run temporal_order $small --epochs 3
untimed "$tmp/again"
check "same seed, same output" same "$tmp/first" "$tmp/again"
run temporal_order $small --epochs 3 --seed 2
untimed "$tmp/again"
check "another seed, another output" [ "$(cmp -s "$tmp/first" "$tmp/again"; echo $?)" -eq 1 ]

run temporal_order $small --epochs 1 --save "$tmp/model" --csv "$tmp/parts.csv"
check "temporal_order --save" status 0
saved=$(last_line)
run temporal_order --load "$tmp/model" --epochs 1
check "--load without training" status 0
check "--load: same accuracy" last_is "$saved"
run temporal_order $small --load "$tmp/model" --epochs 3 --csv "$tmp/parts.csv"
check "a run in two parts ends where one ends" last_is "$(tail -n 1 "$tmp/first")"
check "a run in two parts has the same losses" [ "$(sed -n 's/^\(epoch  3 .*%\).*/\1/p' "$tmp/out")" = "$(sed -n '3p' "$tmp/first")" ]
check "curves in two parts" csv_is "$tmp/parts.csv" $curves 3
run hello --load "$tmp/model"
check "the model of another program" status 1
check "the model of another program: which" err_has "temporal_order"
head -c 300 "$tmp/model" >"$tmp/half"
run temporal_order --load "$tmp/half"
check "half a model" status 1
run temporal_order $small --epochs 1 --save "$tmp/no/where"
check "a model that cannot be written" status 1
check "a model that cannot be written is named" err_has "$tmp/no/where"

for cell in rnn lstm gru; do
    run temporal_order $small --epochs 1 --cell $cell --layers 2 --bidirectional --save "$tmp/model"
    check "temporal_order, bidirectional $cell" status 0
    check "temporal_order, bidirectional $cell: last line" last_like "$test_line"
    saved=$(last_line)
    run temporal_order --load "$tmp/model" --epochs 0
    check "bidirectional $cell: the file knows its shape" last_is "$saved"
done
run temporal_order --train 3 --batch 2 --epochs 1 --hidden 1
check "small batches" status 0
run temporal_order --train 4000 --batch 32 --epochs 12 --cell gru --hidden 8 --lr 0.02
check "a GRU learns the order" accuracy_from 90

"$programs/temporal_order" $small --epochs 1000000 --save "$tmp/model" >"$tmp/out" 2>"$tmp/err" &
pid=$!
tries=0
while ! grep -q '^epoch  2' "$tmp/out" && [ $tries -lt 30 ]; do
    sleep 1
    tries=$((tries + 1))
done
kill -INT $pid
wait $pid
status=$?
check "an interrupt" status 130
check "an interrupt: where the model is" err_has "interrupted.*$tmp/model"
run temporal_order $small --load "$tmp/model" --epochs 1
check "an interrupt leaves a model" last_like "$test_line"

# ---- hello ----------------------------------------------------------------------------------------

line='hello pytorch. how long can a rnn cell remember? show me your limit!'
run hello --epochs 300 --save "$tmp/model" --csv "$tmp/curves.csv"
check "hello" status 0
check "hello is quiet" quiet
check "hello knows the word" out_has '^greedy  *hello$'
check "hello knows the sentence" last_is "$line"
check "hello: epochs" [ "$(grep -c "$epoch_line" "$tmp/out")" -eq 3 ]
check "hello: curves" csv_is "$tmp/curves.csv" epoch,loss,accuracy,seconds 300
untimed "$tmp/first"
run hello --epochs 300
untimed "$tmp/again"
check "hello: same seed, same output" same "$tmp/first" "$tmp/again"
run hello --load "$tmp/model" --epochs 0
check "hello --load" last_is "$line"
run hello --load "$tmp/model" --epochs 0 --raw-feedback
check "hello --raw-feedback" status 0
run hello --hidden 8 --epochs 1 --save "$tmp/model"
check "hello with fewer units" status 0
run hello --load "$tmp/model" --epochs 0
check "hello: the file knows its shape" status 0

# ---- mnist ----------------------------------------------------------------------------------------

drawn="--train 3000 --hidden 32 --layers 1 --batch 50 --lr 0.005"
run mnist $drawn --cell gru --epochs 5 --save "$tmp/model" --csv "$tmp/curves.csv"
check "mnist" status 0
check "mnist is quiet" quiet
check "mnist: last line" last_like "$test_line"
check "mnist: sequences per second" out_has "$epoch_line  [0-9]* sequences/s$"
check "mnist: curves" csv_is "$tmp/curves.csv" $curves 5
check "mnist learns" accuracy_from 80
saved=$(last_line)
untimed "$tmp/first"
run mnist $drawn --cell gru --epochs 5
untimed "$tmp/again"
check "mnist: same seed, same output" same "$tmp/first" "$tmp/again"
run mnist --train 1 --load "$tmp/model" --epochs 0
check "mnist --load: same accuracy" last_is "$saved"
for cell in rnn lstm; do
    run mnist --train 50 --hidden 8 --cell $cell --epochs 1
    check "mnist, $cell" last_like "$test_line"
done

# Files in the IDX format: twelve images, as they are and packed.
idx()
{
    zeros=$1
    mkdir -p "$tmp/$2"
    for set in train t10k; do
        { printf '\000\000\010\003\000\000\000\014\000\000\000\034\000\000\000\034'; head -c "$zeros" /dev/zero | tr '\000' '\100'; } \
            >"$tmp/$2/$set-images-idx3-ubyte"
        printf '\000\000\010\001\000\000\000\014\000\001\002\003\004\005\006\007\010\011\000\001' >"$tmp/$2/$set-labels-idx1-ubyte"
    done
}
files="--hidden 4 --layers 1 --batch 5 --epochs 1"
idx $((12 * 784)) data
run mnist $files --data "$tmp/data"
check "mnist --data" status 0
check "mnist --data: last line" last_like "$test_line"
untimed "$tmp/first"
mkdir "$tmp/packed"
for file in "$tmp"/data/*; do gzip -c "$file" >"$tmp/packed/${file##*/}.gz"; done
run mnist $files --data "$tmp/packed"
untimed "$tmp/again"
check "mnist --data, packed: the same" same "$tmp/first" "$tmp/again"
run mnist $files --data "$tmp/packed" --train 7
check "mnist --data --train" status 0
run mnist $files --data "$tmp/nowhere"
check "no data" status 1
check "no data: what is looked for" err_has "nowhere has neither train-images-idx3-ubyte"
idx $((11 * 784)) short
run mnist $files --data "$tmp/short"
check "too few pixels" status 1
check "too few pixels: the file" err_has "short/train-images-idx3-ubyte: the file ends too early"
idx $((13 * 784)) long
run mnist $files --data "$tmp/long"
check "too many pixels" err_has "longer than its header"
idx $((12 * 784)) wrong
cp "$tmp/wrong/train-labels-idx1-ubyte" "$tmp/wrong/train-images-idx3-ubyte"
run mnist $files --data "$tmp/wrong"
check "another magic number" status 1
check "another magic number: both are named" err_has "is 2049, not 2051"
idx $((12 * 784)) label
printf '\000\000\010\001\000\000\000\014\000\001\002\003\012\005\006\007\010\011\000\001' >"$tmp/label/t10k-labels-idx1-ubyte"
run mnist $files --data "$tmp/label"
check "a label that is no digit" err_has "label 4 is 10"
printf '\000\000\010\001\000\000\000\003\000\001\002' >"$tmp/label/t10k-labels-idx1-ubyte"
run mnist $files --data "$tmp/label"
check "fewer labels than images" err_has "3 labels for"
head -c 60 "$tmp/packed/train-images-idx3-ubyte.gz" >"$tmp/cut" && mv "$tmp/cut" "$tmp/packed/train-images-idx3-ubyte.gz"
run mnist $files --data "$tmp/packed"
check "a damaged packed file" status 1

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
