#!/bin/sh
# fuzz.sh NAME [SECONDS] - builds the target tests/fuzz/fuzz_NAME.c with clang's libFuzzer and its
# sanitizers, and runs it from the corpus in the tree; `make fuzz FUZZ=NAME SECONDS=60` calls it.
# Without a name it says which there are. What it finds it writes to build/fuzz. MORE has further
# options of libFuzzer (-runs=10000000).
#
# fuzz.sh --build FOLDER      builds all targets into a folder, with corpora and dictionaries, as
#                             OSS-Fuzz wants them: it sets CC, CFLAGS and LIB_FUZZING_ENGINE
# fuzz.sh --flags | --sources | --corpus NAME    what a target is compiled of, and begins with
set -eu
cd "$(dirname "$0")/.."

names() { ls tests/fuzz/fuzz_*.c | sed 's|.*/fuzz_||; s|\.c$||'; }

flags() {
    echo "-std=c11 -D_POSIX_C_SOURCE=200809L -Iinclude"
    case $1 in
    json) echo "-Isrc" ;;
    readers)
        echo "-Iexamples"
        for name in exit calloc free fopen fclose gzopen gzclose; do echo "-D$name=fuzz_$name"; done
        ;;
    esac
}

# The readers of the examples are a part of what is tried.
sources() {
    case $1 in
    readers) ls examples/common/*.c ;;
    esac
}

corpus() {
    case $1 in
    file) ls tests/golden/cell_*.safetensors tests/models/*.safetensors ;;
    *) ls -d tests/fuzz/corpus/"$1"/* ;;
    esac
}

dictionary() {
    case $1 in
    file | import | model | readers) echo "tests/fuzz/$1.dict" ;;
    json) echo "tests/fuzz/model.dict" ;;
    esac
}

# Short inputs are tried many times as often. The corpora have longer ones, which are cut.
longest() {
    case $1 in
    json) echo 128 ;;
    api | readers) echo 160 ;;
    model) echo 300 ;;
    *) echo 512 ;;
    esac
}

# Instruction sets of the library: what reads files needs one, and is the faster for it.
sets() {
    case $1 in
    api) echo "${ISAS:-}" ;;
    *) echo ref ;;
    esac
}

case ${1:-} in
--flags | --sources | --corpus)
    "${1#--}" "$2"
    exit
    ;;
esac

build=build/fuzz
# link NAME OUT: one target, of a library that was built for it.
link() {
    # shellcheck disable=SC2046,SC2086 # lists of words
    $cc $checks $(flags "$1") -o "$2" "tests/fuzz/fuzz_$1.c" $(sources "$1") "$lib" $engine \
        -lm -lpthread -lz
}

if [ "${1:-}" = --build ]; then
    out=$2 cc=${CC:-clang} checks=${CFLAGS:-} engine=${LIB_FUZZING_ENGINE:--fsanitize=fuzzer}
    lib=$build/oss/lib/librecur.a
    make DIR=$build/oss LIB=$build/oss/lib CC="$cc" BLAS=none HARDEN=none "CFLAGS=$checks" \
        ${ISAS:+"ISAS=$ISAS"} $lib
    mkdir -p "$out"
    for name in $(names); do
        link "$name" "$out/fuzz_$name"
        # shellcheck disable=SC2046
        zip -qj "$out/fuzz_${name}_seed_corpus.zip" $(corpus "$name")
        words=$(dictionary "$name")
        [ -z "$words" ] || cp "$words" "$out/fuzz_$name.dict"
    done
    exit 0
fi

name=${1:-}
if [ ! -f "tests/fuzz/fuzz_$name.c" ]; then
    echo "make fuzz FUZZ=NAME SECONDS=60, where NAME is one of" $(names)
    exit 2
fi
cc=clang checks="-g -O1 -fsanitize=address,undefined" engine=-fsanitize=fuzzer
if ! echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
    $cc -fsanitize=fuzzer -x c -o /dev/null - 2>/dev/null; then
    echo "fuzzing needs clang with libFuzzer (Debian: clang libclang-rt-14-dev)" >&2
    exit 1
fi
kind=address,undefined,fuzzer-no-link
isas=$(sets "$name")
folder=$build/lib$(echo "$isas" | tr -d ' ')
lib=$folder/lib/librecur.a
make --no-print-directory SANITIZE=$kind CC="${LAUNCHER:+$LAUNCHER }$cc" BLAS=none \
    "DIR=$folder" "LIB=$folder/lib" ${isas:+"ISAS=$isas"} "$lib"
mkdir -p "$build/$name" "$build/found"
link "$name" "$build/fuzz_$name"
# shellcheck disable=SC2046
cp $(corpus "$name") "$build/$name/"
words=$(dictionary "$name")
quiet= # the readers write a sentence for each bad file
[ "$name" != readers ] || quiet=-close_fd_mask=2
# Without entropic schedules, which take more than half of the time where inputs are small.
# shellcheck disable=SC2086
UBSAN_OPTIONS=halt_on_error=1 nice "$build/fuzz_$name" "-max_len=$(longest "$name")" -timeout=30 \
    -entropic=0 -rss_limit_mb=2048 "-max_total_time=${2:-60}" ${words:+-dict=$words} $quiet \
    ${MORE:-} \
    -print_final_stats=1 "-artifact_prefix=$build/found/$name-" "$build/$name"
