#!/bin/sh
# command.sh - every sub-command of recur: what it prints, its status, bad files, bad options,
# signals, and the same numbers as a program gets from the library.
#
# tests/command/helper.c makes the models, the input and the output that is wanted, and starts
# programs that get a signal.
cd "$(dirname "$0")/.." || exit 1
root=$PWD build=$PWD/${BUILD:-build}
recur=$build/recur
case $build in */build) lib=$root/lib ;; *) lib=$build/lib ;; esac
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
LC_ALL=C.UTF-8
export LC_ALL
passed=0
failed=0

# check NAME COMMAND...: counts one test.
check() {
    title=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $title"
        head -n 5 out err 2>/dev/null | cat -v
    fi
}

# run STATUS WORD...: what it prints is in out and err afterwards.
run() {
    wanted=$1
    shift
    "$recur" "$@" >out 2>err </dev/null
    status=$?
    check "recur $*: status $status, wanted $wanted" [ $status = "$wanted" ]
    case $wanted in
    0) check "recur $* has no complaints" [ ! -s err ] ;;
    *) check "recur $* says one sentence at most" [ "$(wc -l <err)" -le 1 ] ;;
    esac
    case $wanted in
    2) check "recur $* says nothing else" [ "$(wc -l <err)$(wc -c <out)" = 10 ] ;;
    esac
}
prints() { grep -q -e "$1" out; }
says() { grep -q -e "$1" err; }
count_is() { [ "$(grep -c -e "$1" out)" = "$2" ]; }

cd "$tmp" || exit 1
# shellcheck disable=SC2086
${CC:-cc} -std=c11 -D_XOPEN_SOURCE=700 -Wall -Wextra -Werror \
    ${SANITIZE:+-fsanitize=$SANITIZE} -I"$root/include" "$root/tests/command/helper.c" -o helper \
    "$lib/librecur.so" -Wl,-rpath,"$lib" -lm && ./helper make || {
    echo "FAILED: the helper"
    exit 1
}

# ---- help and misuse -----------------------------------------------------------------------------

run 0 --help
check "the help lists the commands" count_is "^  recur [a-z]* [A-Z]" 7
run 0 --version
check "the version has its number" prints "^recur [0-9]*\.[0-9]*\.[0-9]* "
for name in info verify run bench diff compile; do
    run 0 $name --help
    check "$name --help says how it is called" prints "^usage: recur $name "
    run 2 $name
    run 2 $name stream.safetensors --nothing
    check "it says which option" says "recur $name: there is no option --nothing"
    run 2 $name -x stream.safetensors
    run 2 $name a b c

done
run 2
run 2 nothing
check "it says which command" says '"nothing"'
run 2 info stream.safetensors --steps
check "it says what is missing" says "\-\-steps wants a value"
run 2 info stream.safetensors --steps 0
run 2 info stream.safetensors --steps=ten
check "it says which number" says '"ten"'
run 2 info stream.safetensors --batch 1 --batch 2
run 2 info stream.safetensors --tensors=1
run 2 bench stream.safetensors --isa mmx
check "it says which there are" says "ref, sse2, avx2"
run 2 bench stream.safetensors --precision half
run 2 bench stream.safetensors --seconds=-1
run 2 run stream.safetensors --from mp3
run 1 info missing.safetensors
check "it says which file" says "missing.safetensors"

# ---- info ----------------------------------------------------------------------------------------

run 0 info stream.safetensors --tensors --batch 2 --steps 50
check "the whole" prints "^  model   sequential *2 → 1 *141$"
check "a part" prints "├─ rnn  gru, H 5 *2 → 5 *135$"
check "the last part" prints "└─ fc   linear *5 → 1 *6$"
check "what it takes" prints "takes *rows of 2 numbers, or ids below 2"
check "that it streams" prints "streams *yes"
check "its state" prints "state *5 numbers for each sequence: rnn.h \[1\]\[1\]\[5\]"
check "its sample" prints "sample *1 sequence, 6 rows in, 6 rows out"
check "memory for the layout" prints "memory, for 2 sequences of 50 steps"
check "memory is what the library says" prints "training *$(./helper memory) bytes"
check "tensors" prints "rnn.weight_hh_l0 *F32 *75  \[15\]\[5\]"
LC_ALL=C "$recur" info stream.safetensors >out 2>err
check "letters for a plain terminal" prints "^  \`- fc   linear *5 -> 1 *6$"
check "and no others" [ -z "$(tr -d '\0-\177' <out)" ]
run 0 info ahead.safetensors
check "a model that looks ahead" prints "streams *no"
check "its directions" prints "gru, H 3, 2 layers, bidirectional"
run 0 info two.safetensors
check "two models" count_is "^model \"" 2
check "texts" prints "^  epoch: 7$"
check "a text cannot move the cursor" prints "^  evil:  \[31mred x$"
check "no escapes at all" [ -z "$(tr -cd '\033' <out)" ]
run 0 info two.safetensors --prefix b.
check "one of them" count_is "^model \"" 1
run 1 info two.safetensors --prefix c.
run 0 info plain.safetensors
check "no model" prints "plain.safetensors: 2 tensors, .*, no model"
check "its tensors" prints "^  weight *F32 *6  \[2\]\[3\]"

# ---- verify --------------------------------------------------------------------------------------

run 0 verify stream.safetensors
check "checksum" prints "checksum  ok"
check "numbers" prints "numbers   ok    [0-9]*, all finite"
check "sample" prints "model     ok    its sample comes out the same"
run 0 verify two.safetensors
check "each model" count_is "model     ok    \"[ab]\.\": it has no sample" 2
run 0 verify bare.safetensors
check "a file of another program has no checksum" prints "checksum  none"
run 0 verify named.safetensors
check "a tensor of that name is no checksum" prints "checksum  none"
run 0 verify stream.safetensors --quiet
check "quiet" [ ! -s out ]
./helper flip stream.safetensors flipped.safetensors 40
run 1 verify flipped.safetensors
check "a bit of a number is told" says "flipped.safetensors"
run 1 verify nan.safetensors
check "a number that is none" prints "numbers   BAD   weight has nan at place 4"
run 1 verify wrong.safetensors
check "a sample that comes out otherwise" prints "model     BAD"
head -c 100 stream.safetensors >cut.safetensors
run 1 verify cut.safetensors
: >empty.safetensors
run 1 verify empty.safetensors
run 1 verify .
run 1 info flipped.safetensors
run 1 run flipped.safetensors
run 1 bench flipped.safetensors
run 1 diff stream.safetensors flipped.safetensors

# ---- run -----------------------------------------------------------------------------------------

run 0 run stream.safetensors input.csv
check "csv gives what the library gives" cmp -s out wanted.csv
"$recur" run stream.safetensors <input.csv >out 2>err
check "from the standard input, too" cmp -s out wanted.csv
"$recur" run stream.safetensors - <input.csv >out 2>err
check "which - stands for" cmp -s out wanted.csv
run 0 run stream.safetensors input.csv --whole
check "whole or by steps" cmp -s out wanted.csv
run 0 run stream.safetensors input.csv --isa ref
run 0 run stream.safetensors input.csv --output o.csv
check "into a file" cmp -s o.csv wanted.csv
check "that alone" [ "$(echo o.csv*)" = o.csv ]
"$recur" run stream.safetensors input.f32 >out 2>err
check "raw numbers" cmp -s out wanted.f32
run 0 run stream.safetensors input.f32 --to csv
check "raw numbers into csv" cmp -s out wanted.csv
"$recur" run stream.safetensors input.csv --to f32 >out 2>err
check "csv into raw numbers" cmp -s out wanted.f32
{ echo "left;right"; sed 's/,/ ; /; s/$/\r/' input.csv; } >other.csv
{ echo "# a comment"; echo; } >>other.csv
run 0 run stream.safetensors other.csv --header
check "names, semicolons, spaces, line ends of others" cmp -s out wanted.csv
printf '%s' "$(cat input.csv)" >other.csv
run 0 run stream.safetensors other.csv
check "a last line without its end" cmp -s out wanted.csv
run 0 run stream.safetensors ids.csv --ids
check "ids" cmp -s out wanted_ids.csv
run 0 run stream.safetensors input.csv --precision int8
check "fewer bits give other numbers" [ "$(wc -l <out)" = 300 ]
check "other ones" eval '! cmp -s out wanted.csv'
run 2 run ahead.safetensors input.csv
check "it says what to do" says "use --whole"
run 0 run ahead.safetensors input.csv --whole
check "one row for a sequence" cmp -s out wanted_ahead.csv
: >none.csv
run 0 run stream.safetensors none.csv
check "no rows give none" [ ! -s out ]
run 0 run stream.safetensors none.csv --whole
run 2 run two.safetensors input.csv
check "it says how to choose" says "\-\-prefix [ab]\."
run 0 run two.safetensors input.csv --prefix b.
run 1 run plain.safetensors input.csv
check "no model" says "there is no model"
run 2 run words.safetensors ids.csv
check "ids are wanted" says "use --ids"
run 0 run words.safetensors ids.csv --ids
run 1 run group.safetensors input.csv

bad_row() { # ROW, WORDS
    { head -n 2 input.csv && echo "$1"; } >bad.csv
    run 1 run stream.safetensors bad.csv
    check "\"$1\": $2" says "line 3.*$2"
    check "the rows before it are there" eval 'head -n 2 wanted.csv | cmp -s - out'
}
bad_row 1 "has 1 numbers; the model takes 2"
bad_row 1,2,3 "stands behind the 2 numbers"
bad_row 1,two 'number 2 of 2 is "two"'
bad_row , 'number 1 of 2 is ""'
echo 2 >bad.csv
run 1 run stream.safetensors bad.csv --ids
echo 0.5 >bad.csv
run 1 run stream.safetensors bad.csv --ids
check "an id that is none" says "id 1 is 0.5"
head -c 12 input.f32 >bad.f32
run 1 run stream.safetensors bad.f32
check "half a row" says "row 2 has 4 bytes; the model takes 8"
run 1 run stream.safetensors missing.csv
run 1 run stream.safetensors .
run 1 run stream.safetensors input.csv --output nowhere/o.csv

# WAV: a row is a sample, or a frame.
run 0 run pedal.safetensors input.wav --output o.wav
check "a WAV file" cmp -s o.wav wanted.wav
"$recur" run pedal.safetensors input.wav >o.wav 2>err
check "redirected, its header is the same" cmp -s o.wav wanted.wav
"$recur" run pedal.safetensors input.wav 2>err | cat >o.wav
check "in a pipe it has no length" eval 'tail -c +45 wanted.wav | cmp -s - o.wav.samples ||
    { tail -c +45 o.wav >o.wav.samples && tail -c +45 wanted.wav | cmp -s - o.wav.samples; }'
"$recur" run pedal.safetensors --from wav <o.wav >again.wav 2>err
check "and is read again" [ "$(wc -c <again.wav)" = "$(wc -c <wanted.wav)" ]
run 2 run stream.safetensors input.wav
check "it says what to do" says "use --frame 2"
run 0 run stream.safetensors input.wav --frame 2 --to csv
check "frames of two" count_is . 50
run 2 run stream.safetensors input.csv --frame 2
./helper wav odd.wav 101
"$recur" run stream.safetensors odd.wav --frame 2 --to csv >out 2>err
check "the last frame is filled" says "the last frame has 1 of 2 samples"
check "and counts" count_is . 51
head -c 30 input.wav >bad.wav
run 1 run pedal.safetensors bad.wav
check "half a header" says "ends in its header"
run 1 run pedal.safetensors --from wav input.csv
check "no WAV" says "this is no WAV file"
./helper stereo stereo.wav
run 1 run pedal.safetensors stereo.wav
check "two channels" says "it has 2 channels of 16 bits"

# ---- bench ---------------------------------------------------------------------------------------

run 0 bench stream.safetensors --seconds 0.02 --streams 2 --steps 10
check "a line for a step of ref" count_is "^  ref *step  *[0-9.]* " 1
check "a line for a batch of ref" count_is "^  ref *batch  *[0-9.]* " 1
check "percentiles rise" awk '
    NF == 8 && /^  [a-z0-9]* +(step|batch)/ {
        n++
        for (i = 4; i <= 7; i++) if ($i + 0 < $(i - 1) + 0) bad = 1
    }
    END { exit bad || !n }' out
run 0 bench stream.safetensors --seconds 0.02 --isa ref --precision bfloat16
check "only that set" count_is "^  [a-z0-9]* *\(step\|batch\)  *[0-9]" 2
run 0 bench ahead.safetensors --seconds 0.02 --isa ref --threads 2
check "no steps" count_is " step  *[0-9]" 0
run 0 bench words.safetensors --seconds 0.02 --isa ref
run 1 bench group.safetensors
run 1 bench plain.safetensors

# ---- diff ----------------------------------------------------------------------------------------

run 0 diff stream.safetensors stream.safetensors
check "the same" prints "^  9 the same, 0 differ"
run 1 diff base.safetensors moved.safetensors
check "the structure is the same" prints "^  the same$"
check "the largest difference and its place" prints "^  ~ fc.weight  *0.25  \[0\]\[3\] "
check "no other" count_is "^  [~<>] " 1
run 0 diff base.safetensors moved.safetensors --tolerance 0.3
run 1 diff base.safetensors moved.safetensors --tolerance 0.2
run 1 diff stream.safetensors ahead.safetensors
check "another part" prints "^  > last: last"
check "another shape" prints "^  < fc.weight *F32 *\[1\]\[5\]"
run 1 diff plain.safetensors nan.safetensors
check "a number that is none" prints "^  ~ weight *nan  \[1\]\[1\]"
run 1 diff two.safetensors plain.safetensors
check "texts" prints "^  < epoch"

# ---- import --------------------------------------------------------------------------------------

# y = 2 x + 1, and the input: a state dict as RTNeural's users write them
echo '{"in_skip": 1, "fc.weight": [[2]], "fc.bias": [1]}' >net.json
run 0 import net.json net.safetensors
check "it says what it is" prints "net.json: 1 . 1 features, 2 parameters"
run 0 verify net.safetensors
printf '3\n-1\n' >three.csv
run 0 run net.safetensors three.csv
check "its first row" prints "^10$"
check "its second row" prints "^-2$"
run 0 import --from rtneural net.json again.safetensors
run 0 import --type F16 net.json half.safetensors
run 0 info --tensors half.safetensors
check "its type is told" prints "F16"
run 0 run half.safetensors three.csv
check "numbers that F16 has stay" prints "^10$"
run 2 import --type F64 net.json no.safetensors
run 1 import --from nam net.json no.safetensors
check "nothing is written" [ ! -e no.safetensors ]
run 1 import not-there.json no.safetensors
run 1 import stream.safetensors no.safetensors
run 2 import --from keras net.json no.safetensors
run 2 import net.json

# ---- compile -------------------------------------------------------------------------------------

run 0 compile stream.safetensors --name mine -o mine.c
check "it says what it wrote" prints "^mine.c: .* parameters, float32, with the sample"
check "a header is beside it" [ -s mine.h ]
check "it is C" ${CC:-cc} -std=c99 -Wall -Wextra -Werror -DMINE_SELF_TEST mine.c -o mine -lm
check "its self-test is green" ./mine
run 0 compile stream.safetensors --int8 --arena --output=whole.c
check "it is int8" prints "int8"
check "its name is that of the file" grep -q "^void whole_step(whole_state " whole.c
run 0 compile stream.safetensors --own-math
check "without a path it goes where its name says" [ -s stream.c ]
run 1 compile plain.safetensors
run 1 compile not-there.safetensors
run 1 compile stream.safetensors -o no.txt
run 1 compile stream.safetensors --own-math --library-math -o no.c
check "nothing is written" [ ! -e no.c ]
run 2 compile stream.safetensors -o

# ---- output that ends, signals -------------------------------------------------------------------

if [ -w /dev/full ]; then
    for words in "info stream.safetensors" "run stream.safetensors input.csv" "--help"; do
        # shellcheck disable=SC2086
        "$recur" $words >/dev/full 2>err
        status=$?
        check "$words: a full disk is told" [ $status = 1 ]
        check "$words: by a sentence" says "cannot be written"
    done
    run 0 run stream.safetensors input.csv --output /dev/null
    check "a device stays one" [ -c /dev/null ]
fi

./helper endless | { "$recur" run stream.safetensors 2>err; echo $? >status; } | head -n 2 >out
check "head ends it" [ "$(wc -l <out)" = 2 ]
check "quietly" [ ! -s err ]
sh -c 'trap "" PIPE; { "$1" run stream.safetensors big.csv 2>err; echo $? >status; } | true' \
    sh "$recur"
check "who ignores SIGPIPE gets a sentence" says "cannot be written"
check "and a status" [ "$(cat status)" = 1 ]

mkfifo in back
"$recur" run stream.safetensors <in >back 2>err &
exec 3>in 4<back
head -n 1 input.csv >&3
check "a row is answered before the next one comes" \
    [ "$(./helper line 10 <&4)" = "$(head -n 1 wanted.csv)" ]
exec 3>&- 4<&-
wait $!

# The helper ends with 128 + the signal, and puts what was on the terminal into the file "screen".
for signal in 2 15; do
    ./helper signal $signal "$recur" run stream.safetensors --output kept.csv
    status=$?
    check "signal $signal ends it" [ $status = $((128 + signal)) ]
    check "signal $signal leaves no file" [ "$(echo kept.csv*)" = 'kept.csv*' ]
    check "there was progress" grep -q "run: [0-9,]* rows" screen
    check "signal $signal clears the line" [ "$(tail -c 4 screen | od -An -c | tr -d ' ')" = \
        '\r033[K' ]
done

# ---- form ----------------------------------------------------------------------------------------

cd "$root" || exit 1
only_public() {
    ! grep '#include "' command/*.[ch] | grep -v '"command.h"' && ! grep recur__ command/*
}
check "the command uses recur.h alone" only_public
for file in command/*.c; do
    check "$file begins with what it is" grep -q "^/\* $(basename "$file") - " "$file"
done

echo "$passed passed, $failed failed"
[ $failed = 0 ]
