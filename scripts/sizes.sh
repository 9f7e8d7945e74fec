#!/bin/sh
# sizes.sh - how large programs with librecur in them are: bytes of text, stripped, as a table for
# docs/embedding.md. Each row is a build of its own below build/sizes.
set -eu
cd "$(dirname "$0")/.."

unset MAKEFLAGS MFLAGS
cc=${CC:-cc}
out=build/sizes
mkdir -p "$out"

cat >"$out/stream.c" <<'END'
#include <recur.h>
int main(void)
{
    const recur_recurrent_options options = { .size = sizeof options,
                                              .cell = RECUR_CELL_GRU,
                                              .input_size = 1,
                                              .hidden_size = 16 };
    recur_layer *gru;
    recur_state *state;
    float x = 0, y[16];
    if (recur_recurrent_create(NULL, &options, &gru)) return 1;
    if (recur_state_create(gru, 1, &state)) return 1;
    for (int t = 0; t < 1000; t++)
        if (recur_layer_step(gru, &x, state, y, NULL)) return 1;
    return y[0] > 0;
}
END

cat >"$out/model.c" <<'END'
#include <recur.h>
int main(int words, char **word)
{
    recur_layer *model, *snapshot;
    recur_state *state;
    float x[64] = { 0 }, y[64];
    if (words < 2 || recur_model_open(NULL, word[1], &model)) return 1;
    if (recur_layer_snapshot(model, RECUR_PRECISION_FLOAT32, &snapshot)) return 1;
    if (recur_state_create(snapshot, 1, &state)) return 1;
    for (int t = 0; t < 1000; t++)
        if (recur_layer_step(snapshot, x, state, y, NULL)) return 1;
#ifdef PASSES
    recur_packed *packed;
    const int64_t lengths[] = { 3, 2 };
    if (recur_packed_create(NULL, 2, lengths, 0, &packed)) return 1;
    if (recur_layer_forward(model, packed, x, NULL, y, NULL)) return 1;
#endif
    return y[0] > 0;
}
END

# row NAME TITLE "SETS" "FLAGS" PROGRAM SWITCH ...: builds, links and prints a row.
row() {
    name=$1 title=$2 sets=$3 flags=$4 program=$5
    shift 5
    library=$out/$name/lib/librecur.a
    [ "$program" = none ] && library=$out/$name/lib/librecur.so
    # shellcheck disable=SC2086
    "${MAKE:-make}" -s CC="$cc" DIR="$out/$name" LIB="$out/$name/lib" BLAS=none ISAS="$sets" \
        CFLAGS="$flags" "$@" $([ "$program" = none ] && echo libs || echo "$library") >/dev/null
    if [ "$program" = none ]; then
        cp "$library" "$out/$name/program"
    else
        # shellcheck disable=SC2086
        $cc -Os $flags -DRECUR_STATIC -Iinclude ${PROGRAM_FLAGS:-} "$out/$program.c" "$library" \
            -Wl,--gc-sections -lm -lpthread -o "$out/$name/program"
    fi
    strip "$out/$name/program"
    text=$(size "$out/$name/program" | awk 'NR == 2 { print $1 }')
    switches=$(for switch in "$@"; do echo "$switch" | sed 's/=\(.* .*\)/="\1"/'; done |
        tr '\n' ' ')
    printf '| %s | %s | `%s` | %d KB |\n' "$title" "$sets" \
        "$(echo "$switches$([ -n "$flags" ] && echo 'CFLAGS=$small')" | sed 's/ *$//')" \
        $(((text + 500) / 1000))
}

small="-Os -fno-asynchronous-unwind-tables"
cells="lstm gru"
layers="lstm gru linear sequential dropout last tanh sigmoid relu"
echo "small=\"$small\""
echo
echo '| Program | Sets | Switches | Text |'
echo '|---|---|---|---|'
row stream-sse2 "streams a GRU or an LSTM" sse2 "$small" stream \
    BATCH=none FILES=none THREADS=none REDUCED=none KINDS="$cells"
row stream-avx2 "the same" "ref avx2" "$small" stream \
    BATCH=none FILES=none THREADS=none REDUCED=none KINDS="$cells"
row model-sse2 "opens a model file, streams it" sse2 "$small" model \
    BATCH=none THREADS=none REDUCED=none KINDS="$layers"
PROGRAM_FLAGS=-DPASSES row passes-sse2 "the same, and passes over batches" sse2 "$small" model \
    TRAIN=none THREADS=none REDUCED=none KINDS="$layers"
row stream-whole "streams a GRU or an LSTM" "ref avx2" "" stream
row whole-avx2 "everything: the shared library" "ref avx2" "" none
