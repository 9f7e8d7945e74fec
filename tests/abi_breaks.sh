#!/bin/sh
# abi_breaks.sh - check-abi.sh sees what would break programs: each change below is made to a copy
# of the headers, and the check must fail and say the sentence beside it.
set -u
cd "$(dirname "$0")/.." || exit 1

if [ -n "${SANITIZE:-}" ]; then
    echo "the ordinary build is looked at"
    exit 77
fi
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

# fresh: a copy of what the check reads, with the library that was built.
fresh() {
    rm -rf "$scratch/tree"
    mkdir -p "$scratch/tree/tests" "$scratch/tree/lib"
    cp -R include scripts "$scratch/tree/"
    cp -R tests/abi "$scratch/tree/tests/"
    cp lib/librecur.map "$scratch/tree/lib/"
    for file in lib/librecur.so lib/librecur.a; do
        ln -s "$PWD/$file" "$scratch/tree/lib/"
    done
}

# edit FILE SED: the change has to change something.
edit() {
    sed "$2" "$scratch/tree/$1" >"$scratch/edited"
    if cmp -s "$scratch/edited" "$scratch/tree/$1"; then echo "    nothing changed in $1"; fi
    cp "$scratch/edited" "$scratch/tree/$1"
}

# caught WHAT SENTENCE: the check fails, and says that. Without a sentence it must pass.
caught() {
    (cd "$scratch/tree" && scripts/check-abi.sh) >"$scratch/log" 2>&1
    status=$?
    if [ $status != 0 ] && [ -n "$2" ] && grep -q "$2" "$scratch/log"; then
        passed=$((passed + 1))
    elif [ $status = 0 ] && [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$1: status $status, and not: $2"
        cat "$scratch/log"
    fi
}

fresh
caught "nothing changed" ""

fresh
edit lib/librecur.map '/recur_layer_step;/d'
caught "a symbol dropped from the map" "in the headers, not in lib/librecur.map"

fresh
edit include/recur/layer.h '/recur_layer_step(/,/;/d'
caught "a function dropped from the headers" "in lib/librecur.map, not in the headers"

fresh
edit include/recur/context.h 's/int32_t threads;/int64_t threads;/'
caught "a member widened" "the layout is not that of"

fresh
edit include/recur/context.h \
    's/RECUR_ISA_SSE2 = 2/RECUR_ISA_SSE2 = 3/; s/RECUR_ISA_AVX2 = 3/RECUR_ISA_AVX2 = 2/'
caught "constants renumbered" "the layout is not that of"

fresh
edit include/recur/convolution.h \
    's/^} recur_conv_options;/    int32_t late;\n} recur_conv_options;/'
caught "padding at the end of a struct" "structs have holes"

fresh
edit include/recur/layer.h '/recur_layer_step(/,/;/s/const float \*x/const double *x/'
caught "the type of a parameter changed" "the layout is not that of"

# What the list does not see, as it is rewritten with the change.
if command -v abidiff >/dev/null 2>&1 && [ "$(uname -m)" = x86_64 ]; then
    fresh
    edit include/recur/layer.h '/recur_layer_step(/,/;/s/const float \*x/const double *x/'
    (cd "$scratch/tree" && scripts/check-abi.sh --golden) >/dev/null
    caught "the type of a parameter, in the list too" "programs built against .* break"

    fresh
    edit include/recur/convolution.h \
        's/^} recur_conv_options;/    int64_t late;\n} recur_conv_options;/'
    edit tests/abi/layout.c \
        's/^\( *\)MEMBER(recur_conv_options, pad_after);/&\n\1MEMBER(recur_conv_options, late);/'
    (cd "$scratch/tree" && scripts/check-abi.sh --golden) >/dev/null
    caught "a member added at the end, in the list too" ""
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ]
