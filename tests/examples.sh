#!/bin/sh
# examples.sh - what a user sees of the example programs: output, files, messages, exit status. Run
# from the root of the project; the programs are in $1, or in build/examples.
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
out_has_times() { [ "$(grep -c -e "$2" "$tmp/out")" -eq "$1" ]; }
err_has() { grep -q -e "$1" "$tmp/err"; }
last_line() { tail -n 1 "$tmp/out"; }
last_is() { [ "$(last_line)" = "$1" ]; }
last_like() { last_line | grep -qx -e "$1"; }
same() { cmp -s "$1" "$2"; }
untimed() { sed -e 's/  [0-9.]* s$//' -e 's/  [0-9.]* s  [0-9]* [a-z]*\/s$//' "$tmp/out" >"$1"; }
# A run in two parts: the first $1 epochs, then up to $2, must end as one run of $2 does. Then the
# program and its options.
in_parts()
{
    part=$1 whole=$2
    shift 2
    run "$@" --epochs "$whole" --save "$tmp/whole" &&
        run "$@" --epochs "$part" --save "$tmp/parts" &&
        run "$@" --epochs "$whole" --load "$tmp/parts" --save "$tmp/parts" &&
        status 0 && same "$tmp/whole" "$tmp/parts"
}
accuracy() { last_line | sed -n 's/^test accuracy \([0-9]*\)\..*%$/\1/p'; }
accuracy_from() { [ "$(accuracy)" -ge "$1" ] 2>/dev/null; }
# Rows of numbers under the header, as many as wanted.
csv_is()
{
    [ "$(head -n 1 "$1")" = "$2" ] && [ "$(wc -l <"$1")" -eq $(($3 + 1)) ] &&
        awk -F , 'NR == 1 { n = NF }
            NF != n || (NR > 1 && $1 != NR - 1) { bad = 1 }
            END { exit bad }' "$1"
}

curves=epoch,train_loss,train_accuracy,test_loss,test_accuracy,seconds
test_line='test accuracy [0-9]*\.[0-9][0-9]%'
epoch_line='^epoch *[0-9]*  loss [0-9.]*  accuracy [0-9.]*%  [0-9.]* s'

# ---- what all have in common ---------------------------------------------------------------------

for program in temporal_order hello mnist char_lm seq2seq tagger caption forecast word2vec \
    clockwork gradient_flow; do
    run $program --help
    check "$program --help" status 0
    check "$program --help is not an error" quiet
    size=hidden
    [ $program != word2vec ] || size=width
    [ $program != clockwork ] || size=parameters
    for option in epochs seed csv save load help lr $size; do
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

# ---- temporal_order ------------------------------------------------------------------------------

small="--train 600 --batch 50 --hidden 4"
run temporal_order $small --epochs 3 --csv "$tmp/curves.csv"
check "temporal_order" status 0
check "temporal_order says nothing on stderr that is no terminal" quiet
check "temporal_order: epochs" [ "$(grep -c "$epoch_line" "$tmp/out")" -eq 3 ]
check "temporal_order: strings" out_has_times 4 '^E[abcdXY]*B  is [QRSU], predicted [QRSU]$'
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
epoch_3=$(sed -n 's/^\(epoch  3 .*%\).*/\1/p' "$tmp/out")
check "a run in two parts has the same losses" [ "$epoch_3" = "$(sed -n '3p' "$tmp/first")" ]
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

# ---- hello ---------------------------------------------------------------------------------------

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

# ---- mnist ---------------------------------------------------------------------------------------

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
        {
            printf '\000\000\010\003\000\000\000\014\000\000\000\034\000\000\000\034'
            head -c "$zeros" /dev/zero | tr '\000' '\100'
        } >"$tmp/$2/$set-images-idx3-ubyte"
        printf '\000\000\010\001\000\000\000\014\000\001\002\003\004\005\006\007\010\011\000\001' \
            >"$tmp/$2/$set-labels-idx1-ubyte"
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
printf '\000\000\010\003\377\377\377\377\000\000\000\034\000\000\000\034' \
    >"$tmp/short/train-images-idx3-ubyte"
run mnist $files --data "$tmp/short"
check "a header that says 4 billion images" err_has "short/train.*: the file ends too early"
idx $((13 * 784)) long
run mnist $files --data "$tmp/long"
check "too many pixels" err_has "longer than its header"
idx $((12 * 784)) wrong
cp "$tmp/wrong/train-labels-idx1-ubyte" "$tmp/wrong/train-images-idx3-ubyte"
run mnist $files --data "$tmp/wrong"
check "another magic number" status 1
check "another magic number: both are named" err_has "is 2049, not 2051"
idx $((12 * 784)) label
printf '\000\000\010\001\000\000\000\014\000\001\002\003\012\005\006\007\010\011\000\001' \
    >"$tmp/label/t10k-labels-idx1-ubyte"
run mnist $files --data "$tmp/label"
check "a label that is no digit" err_has "label 4 is 10"
printf '\000\000\010\001\000\000\000\003\000\001\002' >"$tmp/label/t10k-labels-idx1-ubyte"
run mnist $files --data "$tmp/label"
check "fewer labels than images" err_has "3 labels for"
head -c 60 "$tmp/packed/train-images-idx3-ubyte.gz" >"$tmp/cut" &&
    mv "$tmp/cut" "$tmp/packed/train-images-idx3-ubyte.gz"
run mnist $files --data "$tmp/packed"
check "a damaged packed file" status 1


# By hand, by SGD, validated, pixel by pixel.
little="--train 100 --batch 30 --hidden 8 --layers 1 --cell gru --epochs 1"
little="$little --optimizer sgd --lr 0.1"
# shellcheck disable=SC2086
run mnist $little
byhand=$(last_line)
# shellcheck disable=SC2086
run mnist $little --hand-written --validate 2
check "mnist --hand-written is the same" last_is "$byhand"
check "mnist --validate" out_has_times 2 '^update [0-9]*  loss [0-9.]*  accuracy [0-9.]*%$'
run mnist --hand-written --layers 2
check "mnist --hand-written is one layer" status 2
for more in "--irnn" "--irnn --identity 0.5 --permute 7" "--cell relu --gaussian 0.1" \
    "--cell lstm --forget-bias 1"; do
    # shellcheck disable=SC2086
    run mnist --train 40 --batch 20 --hidden 8 --layers 1 --pixels --size 7 --clip 1 --epochs 1 \
        $more
    check "mnist --pixels $more" last_like "$test_line"
done
run mnist --size 9
check "mnist --size" err_has "28 rows are not a multiple of 9"
run mnist --cell rnn --forget-bias 1
check "mnist --forget-bias without a gate" status 2
run mnist --train 2000 --hidden 40 --layers 1 --pixels --size 7 --irnn --clip 1 --lr 0.002 \
    --batch 20 --epochs 20
check "an IRNN learns from pixels" accuracy_from 30

# ---- char_lm -------------------------------------------------------------------------------------

text="--hidden 24 --layers 2 --batch 10 --window 20 --length 50"
char_line='^epoch *[0-9]*  loss [0-9.]*  validation [0-9.]* nats per character  '
char_line=$char_line'[0-9.]* s  [0-9]* characters/s$'
char_curves=epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,rate,seconds
run char_lm $text --epochs 2 --csv "$tmp/curves.csv"
check "char_lm" status 0
check "char_lm is quiet" quiet
check "char_lm: epochs" [ "$(grep -c "$char_line" "$tmp/out")" -eq 2 ]
check "char_lm: curves" csv_is "$tmp/curves.csv" $char_curves 2
nats=$(sed -n '2s/.*validation 0*\([0-9]*\)\..*/\1/p' "$tmp/out" | sed 's/^$/0/')
check "char_lm learns" [ "$nats" -le 1 ]
run char_lm --hidden 8 --layers 1 --batch 10 --window 20 --epochs 1 --length 20 --lr 0.01 \
    --clip 4 --prime the
cp "$tmp/out" "$tmp/ours"
run char_lm --rnn_size 8 --num_layers 1 --batch_size 10 --seq_length 20 --epochs 1 --length 20 \
    --learning_rate 0.01 --grad_clip 4 --primetext the
check "char_lm: the names of char-rnn" [ "$(tail -n 2 "$tmp/out")" = "$(tail -n 2 "$tmp/ours")" ]
check "char_lm in parts, with overlap, dropout and a schedule" \
    in_parts 1 3 char_lm $text --shift 12 --dropout 0.3 --warm-up 20
cp "$tmp/whole" "$tmp/model"
run char_lm --load "$tmp/model" --epochs 0 --prime "the king" --length 20 \
    --temperature 0.5 --top-k 3
check "char_lm --prime" out_has '^the king'
run char_lm --load "$tmp/model" --epochs 0 --prime "THE KING"
check "char_lm: letters that it does not know" err_has "none of the"
run char_lm $text --shift 21
check "char_lm --shift" status 2
run char_lm $text --epochs 2 --schedule cosine --final-lr 0.0001
check "char_lm --schedule" status 0
printf 'only a few words' >"$tmp/text"
run char_lm $text --text "$tmp/text"
check "char_lm: a short text" err_has "too few for 10 strands"
: >"$tmp/text"
run char_lm $text --text "$tmp/text"
check "char_lm: an empty text" status 1
run char_lm --text "$tmp/nowhere"
check "char_lm: no text" err_has "nowhere"
i=0
while [ $i -lt 200 ]; do printf 'ab\377\000c'; i=$((i + 1)); done >"$tmp/text"
run char_lm $text --text "$tmp/text" --epochs 60 --save "$tmp/model" --batch 2 --length 10
check "char_lm: any bytes" status 0
run char_lm --load "$tmp/model" --epochs 0 --prime ab --length 8 --top-k 1
bytes=$(tail -c 11 "$tmp/out" | tr '\000\377' 'xy')
check "char_lm: any bytes come back" [ "$bytes" = "abyxcabyxc" ]

"$programs/char_lm" $text --epochs 3 >"$tmp/out" 2>"$tmp/err"
untimed "$tmp/first"
"$programs/char_lm" $text --epochs 1000000 --save "$tmp/model" >"$tmp/out" 2>"$tmp/err" &
pid=$!
sleep 0.3
kill -INT $pid
wait $pid
status=$?
check "char_lm: an interrupt" status 130
run char_lm $text --load "$tmp/model" --epochs 0
check "char_lm: an interrupt leaves a model" status 0

# ---- seq2seq, tagger, caption --------------------------------------------------------------------

run seq2seq --train 2000 --longest 3 --hidden 48 --epochs 12 --batch 20 --lr 0.01 \
    --csv "$tmp/curves.csv"
check "seq2seq" status 0
check "seq2seq: answers" out_has_times 5 '^[a-z]* is answered by [a-z]*, right is [a-z]*$'
check "seq2seq: curves" csv_is "$tmp/curves.csv" $curves 12
check "seq2seq learns" accuracy_from 90
for more in "--task add" "--task add --backwards --cell gru --layers 2" \
    "--backwards --longest 15 --cell rnn"; do
    # shellcheck disable=SC2086
    check "seq2seq $more, in parts" in_parts 1 2 seq2seq --train 150 --hidden 8 --batch 40 $more
    check "seq2seq $more: last line" last_like "$test_line"
done

run tagger --train 4000 --hidden 16 --epochs 8 --lr 0.01 --direction forward
check "tagger" last_like "$test_line"
forward=$(accuracy)
run tagger --train 4000 --hidden 16 --epochs 8 --lr 0.01 --csv "$tmp/curves.csv"
check "tagger, bidirectional: the future helps" [ "$(accuracy)" -ge $((forward + 5)) ]
check "tagger: lines" [ "$(grep -c '^predicted  *[.1-6]' "$tmp/out")" -eq 3 ]
check "tagger: curves" csv_is "$tmp/curves.csv" $curves 8
check "tagger in parts" \
    in_parts 1 2 tagger --train 100 --hidden 8 --cell gru --batch 30 --direction reverse

run caption --train 3000 --epochs 6 --lr 0.003 --csv "$tmp/curves.csv"
check "caption" accuracy_from 85
check "caption: names" out_has '[0-9]: [a-z]*  [0-9]: '
check "caption: curves" csv_is "$tmp/curves.csv" $curves 6
check "caption in parts" in_parts 1 2 caption --train 70 --batch 30 --hidden 8 --cell gru
run caption --data "$tmp/data" --batch 5 --epochs 1
check "caption --data" last_like "$test_line"

# ---- forecast ------------------------------------------------------------------------------------

run forecast --epochs 200 --csv "$tmp/curves.csv" --forecast "$tmp/forecast.csv"
check "forecast" status 0
check "forecast: last line" last_like 'after 200 epochs: test loss [0-9.]*'
check "forecast: curve" csv_is "$tmp/curves.csv" epoch,loss,seconds 200
check "forecast: every day" csv_is "$tmp/forecast.csv" day,truth,forecast,learned 253
for more in "--bidirectional --cell lstm" "--target close --ahead 1" "--apart"; do
    # shellcheck disable=SC2086
    check "forecast $more, in parts" in_parts 7 20 forecast --hidden 6 $more
done
{
    echo "Volume,Date,Close,Open,High,Low"
    for i in 1 2 3 4 5 6; do echo "$i,d,2,$i,4,1"; done
} >"$tmp/prices"
run forecast --data "$tmp/prices" --train 4 --epochs 3
check "forecast --data" status 0
run forecast --data "$tmp/prices" --train 4 --epochs 3 --target close
check "forecast: nothing changes" err_has "the target is 2 on all days"
run forecast --data "$tmp/prices" --train 5 --ahead 2
check "forecast: too few days" err_has "6 days are 4 with a target; 5"
echo "7,d,2,many,4,1" >>"$tmp/prices"
run forecast --data "$tmp/prices" --train 4
check "forecast: not a number" err_has "day 7 has no number in column 'Open'"
echo "Date,Open" >"$tmp/prices"
run forecast --data "$tmp/prices"
check "forecast: a column is missing" err_has "no column 'High'"
dead=0 seed=1
while [ $dead = 0 ] && [ $seed -lt 60 ]; do
    run forecast --hidden 1 --epochs 30 --seed $seed --csv "$tmp/curves.csv"
    dead=$(grep -c ' dead: ' "$tmp/out")
    seed=$((seed + 1))
done
check "forecast: a dead start is noticed, and another tried" out_has "^starting again (start 2)$"
check "forecast: the curve is that of the start that lived" \
    csv_is "$tmp/curves.csv" epoch,loss,seconds 30

# ---- word2vec ------------------------------------------------------------------------------------

analogies() { last_line | sed -n 's/^analogies right \([0-9]*\)\..*/\1/p'; }
run word2vec --csv "$tmp/curves.csv" --vectors "$tmp/vectors" --near "paris puppy"
check "word2vec" [ "$(analogies)" -ge 75 ]
check "word2vec: near" out_has '^near paris  *[a-z]* 0\.[0-9]*  [a-z]* '
check "word2vec: transfer" \
    out_has '^epoch  5  test loss from random vectors [0-9.]*, from these [0-9.]*$'
check "word2vec: the vectors help" \
    awk '/from random/ { if ($8 + 0 <= $11 + 0) bad = 1 } END { exit bad }' "$tmp/out"
check "word2vec: curves" csv_is "$tmp/curves.csv" epoch,loss,seconds 30
check "word2vec: vectors" awk 'NR == 1 { n = $1; width = $2 }
    NR > 1 && NF != width + 1 { bad = 1 }
    END { exit bad || NR != n + 1 }' "$tmp/vectors"
for more in "" "--model skipgram" "--loss softmax" "--loss sampled" \
    "--model skipgram --loss softmax --subsample 0.01"; do
    # shellcheck disable=SC2086
    check "word2vec $more, in parts" in_parts 1 2 word2vec --width 8 --transfer 0 $more
done
printf 'word. ' >"$tmp/text"
run word2vec --text "$tmp/text"
check "word2vec: too few words" status 1

# ---- clockwork -----------------------------------------------------------------------------------

run clockwork --seeds 2 --epochs 6 --csv "$tmp/curves.csv" --signal "$tmp/signal.csv"
check "clockwork" status 0
check "clockwork is quiet" quiet
check "clockwork: the clockwork is ahead of the plain RNN" \
    awk '/^mean squared error:/ { good = $5 * 5 < $7 && $5 * 2 < $9 } END { exit !good }' "$tmp/out"
check "clockwork: curves" csv_is "$tmp/curves.csv" epoch,clockwork_loss,rnn_loss,lstm_loss,seconds 6
check "clockwork: signal" csv_is "$tmp/signal.csv" sample,truth,clockwork,rnn,lstm 320
check "clockwork in parts" \
    in_parts 1 3 clockwork --length 40 --parameters 100 --modules 3 --seeds 2 --updates 5
run clockwork --modules 17
check "clockwork --modules" status 2

# ---- gradient_flow -------------------------------------------------------------------------------

flow="--hidden 30 --train 40"
# shellcheck disable=SC2086
run gradient_flow $flow --epochs 2 --csv "$tmp/curves.csv" --flow "$tmp/flow.csv"
check "gradient_flow" status 0
check "gradient_flow is quiet" quiet
check "gradient_flow: tables" \
    out_has_times 2 '^gru  *[0-9.e+-]*  *[0-9.e+-]*  *[0-9.e+-]*   x [0-9.]*$'
check "gradient_flow: curves" [ "$(wc -l <"$tmp/curves.csv")" -eq 3 ]
nets=rnn,rnn_wild,irnn,lstm_bias_0,lstm_bias_1,lstm_bias_4,gru
header=step,$(echo $nets | sed 's/,/_before,/g')_before,$(echo $nets | sed 's/,/_after,/g')_after
check "gradient_flow: flow" csv_is "$tmp/flow.csv" "$header" 100
check "gradient_flow: what vanishes, what explodes, what arrives" awk -F , '
    NR == 2 { for (i = 2; i <= 8; i++) first[i] = $i }
    NR == 101 {
        vanishes = first[2] < $2 / 1e9
        explodes = first[3] > $3 * 10
        stays = first[4] > $4 / 10 && first[4] < $4 * 10 && first[7] > $7 / 100
        exit !(vanishes && explodes && stays)
    }' "$tmp/flow.csv"
# shellcheck disable=SC2086
check "gradient_flow in parts" in_parts 1 2 gradient_flow $flow --steps 20

# ---- compress ------------------------------------------------------------------------------------

seq 1 900 >"$tmp/numbers"
"$programs/compress" <"$tmp/numbers" >"$tmp/numbers.rz" 2>/dev/null
smaller() { [ "$(wc -c <"$2")" -lt "$(wc -c <"$1")" ]; }
comes_back()
{
    RECUR_ISA=$1 "$programs/compress" --decode <"$tmp/numbers.rz" | cmp -s - "$tmp/numbers"
}
check "compress: smaller" smaller "$tmp/numbers" "$tmp/numbers.rz"
for isa in sse2 avx2_exact; do # a set that is not here counts as none named
    check "compress: what was coded comes back with $isa" comes_back "$isa" 2>/dev/null
done
"$programs/compress" </dev/null 2>/dev/null | "$programs/compress" --decode >"$tmp/none" 2>/dev/null
check "compress: an empty text" [ ! -s "$tmp/none" ]
run compress --decode <"$tmp/numbers"
check "compress: a text that is not its own" err_has "must begin with RZ01"

# ---- vad, denoise --------------------------------------------------------------------------------

run vad
check "vad without a model" status 2
check "vad without a model: where it comes from" err_has "docs/gallery.md"
run denoise --sound "$tmp/nowhere.wav"
check "denoise without models" status 2

# A network that finds loud samples, in chunks of 6 and 2 before, and a sound with some.
json='{"in_shape": [null, 8], "layers": [{"type": "dense", "activation": "sigmoid", "shape": [1],'
column='[40], [40], [40], [40], [40], [40], [40], [40]'
echo "$json \"weights\": [[$column], [-20]]}]}" >"$tmp/loud.json"
"${programs%/*}/recur" import "$tmp/loud.json" "$tmp/loud" >/dev/null
{
    printf 'RIFF\110\000\000\000WAVEfmt \020\000\000\000\001\000\001\000'
    printf '\012\000\000\000\024\000\000\000\002\000\020\000data\044\000\000\000'
    for i in 0 0 0 0 0 0 1 1 1 1 1 1 0 0 0 0 0 0; do printf '\000\'$((i * 100)); done
} >"$tmp/loud.wav"
run vad --model "$tmp/loud" --sound "$tmp/loud.wav" --context 2 --csv "$tmp/curves.csv"
check "vad" status 0
check "vad: where it is loud" out_has "^speech from 0.60 s to 1.80 s$"
check "vad: every chunk" [ "$(cut -d , -f 1,4 "$tmp/curves.csv" | tr '\n' ' ')" = \
    "second,high 0,0 0.6,0.5 1.2,0 " ]
run vad --model "$tmp/loud" --sound "$tmp/loud.wav" --context 8
check "vad: a model of another width" err_has "takes 8 numbers"
run vad --model "$tmp/loud" --sound "$tmp/loud.json" --context 2
check "vad: no sound" err_has "no WAV file"
run denoise --model-1 "$tmp/loud" --model-2 "$tmp/loud" --sound "$tmp/loud.wav"
check "denoise: another model" err_has "must take 257"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
