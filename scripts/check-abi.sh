#!/bin/sh
# check-abi.sh [--golden | --baseline] - the public headers, lib/librecur.map, the exported symbols
# and tests/abi/recur.abi agree.
#
# So does recur/prefix.h, which has one line for each function. --golden rewrites it and
# tests/abi/recur.abi from the other headers. In a sanitizer build the library is not looked at.
#
# Where abidiff is installed (abigail-tools), it compares the types of all functions with those of
# the oldest interface that programs may have been built against: functions and members at the ends
# of structs may have been added since, and nothing else. --baseline makes today's interface that
# one; that is for a new soname.
set -u
cd "$(dirname "$0")/.." || exit 1

cc=${CC:-cc}
golden=tests/abi/recur.abi
prefix=include/recur/prefix.h
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failures=0

# offence SENTENCE: counts; what is on standard input are its details.
offence() {
    failures=$((failures + 1))
    echo "abi: $1"
    sed 's/^/    /'
}

# same NAME1 FILE1 NAME2 FILE2: two sorted lists have the same lines.
same() {
    comm -23 "$2" "$4" >"$scratch/only1"
    comm -13 "$2" "$4" >"$scratch/only2"
    [ ! -s "$scratch/only1" ] || offence "in $1, not in $3:" <"$scratch/only1"
    [ ! -s "$scratch/only2" ] || offence "in $3, not in $1:" <"$scratch/only2"
}

LC_ALL=C
export LC_ALL

# ---- what the headers say ------------------------------------------------------------------------

cat include/recur/*.h | awk -f scripts/strip.awk | tr -s ' \t\n' ' ' | tr ';' '\n' >"$scratch/code"

# One line for each declaration, such as "void recur_tape_release(recur_tape *tape)".
sed -n 's/.*RECUR_\(API\|NODISCARD\) \(.*recur_[a-z0-9_]* *(.*)\) *$/\2/p' "$scratch/code" |
    sort >"$scratch/prototypes"
sed 's/^.*[ *]\(recur_[a-z0-9_]*\) *(.*/\1/; s/ *(.*//' "$scratch/prototypes" |
    sed 's/.*[ *]//' | sort >"$scratch/declared"
cat include/recur/*.h | awk -f scripts/strip.awk |
    sed -n 's/^typedef struct \(recur_[a-z0-9_]*\) {.*/struct \1/p' | sort >"$scratch/structs"
cat include/recur/*.h | awk -f scripts/strip.awk | tr ',{' '\n\n' |
    sed -n 's/^ *\(RECUR_[A-Z0-9_]*\) *= .*/value \1/p' | sort >"$scratch/values"

# ---- layout --------------------------------------------------------------------------------------

if ! $cc -std=c11 -Iinclude -o "$scratch/layout" tests/abi/layout.c 2>"$scratch/log"; then
    offence "tests/abi/layout.c does not compile:" <"$scratch/log"
    exit 1
fi
"$scratch/layout" >"$scratch/layout.txt"

grep '^struct' "$scratch/layout.txt" | sed 's/ [0-9]*$//' | sort >"$scratch/laid"
same "the headers" "$scratch/structs" "tests/abi/layout.c" "$scratch/laid"
grep '^value' "$scratch/layout.txt" | sed 's/ -*[0-9]*$//' | sort >"$scratch/valued"
same "the headers" "$scratch/values" "tests/abi/layout.c" "$scratch/valued"

# Members follow each other without holes up to the end: none is missing from layout.c, and nothing
# is padded.
awk 'function finish() {
         if (type && next_at != size) print type ": members end at " next_at ", the struct at " size
     }
     $1 == "struct" { finish(); type = $2; size = $3; next_at = 0 }
     $1 == "member" {
         if ($3 != next_at) print $2 ": at " $3 ", the one before ends at " next_at
         next_at = $3 + $4
     }
     $1 == "value" { finish(); type = "" }' "$scratch/layout.txt" >"$scratch/holes"
[ ! -s "$scratch/holes" ] ||
    offence "structs have holes, or tests/abi/layout.c lacks members:" <"$scratch/holes"

{
    echo "# What programs have compiled into them, on machines with 64-bit pointers:" \
        "sizes, offsets, constants, prototypes."
    echo "# Rewritten by \`make abi-golden\`. Lines may be added;" \
        "a line that changes or goes breaks programs that exist."
    cat "$scratch/layout.txt"
    sed 's/^/function /' "$scratch/prototypes"
} >"$scratch/abi"
{
    sed '/^#define recur_/,$d' $prefix
    sed 's/.*/#define & RECUR__PREFIXED(&)/' "$scratch/declared"
    printf '\n#endif\n#endif\n'
} >"$scratch/prefix.h"
if [ "${1:-}" = --golden ]; then
    cp "$scratch/abi" $golden
    cp "$scratch/prefix.h" $prefix
    echo "abi: $golden has $(grep -vc '^#' $golden) lines"
    exit 0
fi

# ---- types, by abidiff ---------------------------------------------------------------------------

# types OUT: what the headers say, as abidw writes it down, of a library that does nothing.
baseline=tests/abi/recur.abixml.gz
types() {
    {
        echo '#include <recur.h>'
        sed 's/$/ { for (;;) {} }/' "$scratch/prototypes"
    } >"$scratch/stub.c"
    $cc -g -O0 -w -fPIC -shared -nostdlib -Iinclude -Wl,--version-script=lib/librecur.map \
        -o "$scratch/stub.so" "$scratch/stub.c" 2>"$scratch/log" &&
        abidw --no-corpus-path --no-comp-dir-path --no-show-locs "$scratch/stub.so" \
            >"$1" 2>"$scratch/log"
}

if [ "${1:-}" = --baseline ]; then
    types "$scratch/recur.abixml" || { cat "$scratch/log" >&2 && exit 1; }
    gzip -n9 <"$scratch/recur.abixml" >$baseline
    echo "abi: $baseline holds today's interface"
    exit 0
fi

if ! command -v abidiff >/dev/null 2>&1; then
    echo "abi: abidiff is not here (abigail-tools); types are compared by sizes and offsets alone"
elif [ "$(uname -m)" = x86_64 ]; then
    printf '[suppress_type]\ntype_kind = struct\nhas_data_member_inserted_at = end\n' \
        >"$scratch/allowed_types"
    gunzip -c $baseline >"$scratch/old.abixml"
    if ! types "$scratch/new.abixml"; then
        offence "abidw cannot read the types:" <"$scratch/log"
    elif ! abidiff --no-added-syms --suppressions "$scratch/allowed_types" \
        "$scratch/old.abixml" "$scratch/new.abixml" >"$scratch/diff" 2>&1; then
        offence "programs built against $baseline break, says abidiff:" <"$scratch/diff"
    fi
fi

cmp -s "$scratch/prefix.h" $prefix ||
    offence "$prefix has not the functions of the other headers; run make abi-golden" </dev/null

if echo 'int check[sizeof(void *) == 8 ? 1 : -1];' | $cc -x c -fsyntax-only - 2>/dev/null; then
    if ! diff -U 0 $golden "$scratch/abi" >"$scratch/diff"; then
        offence "the layout is not that of $golden:" <"$scratch/diff"
        echo "    If it is meant, run make abi-golden and write a line in CHANGELOG.md."
    fi
else
    echo "abi: pointers are not 64 bits wide; $golden is not compared"
fi

# Structs are laid out alike on 32-bit machines, but for the width of pointers: clang can say so
# without having one.
if command -v clang >/dev/null 2>&1; then
    {
        echo '#include <recur.h>'
        echo 'const size_t sizes[] = {'
        sed 's/^struct \(.*\)/sizeof(\1),/' "$scratch/structs"
        echo '};'
    } >"$scratch/padded.c"
    for target in x86_64-linux-gnu armv7-none-eabi wasm32; do
        clang --target=$target -ffreestanding -Werror -Wpadded -fsyntax-only -Iinclude \
            "$scratch/padded.c" 2>"$scratch/log" ||
            offence "structs are padded on $target:" <"$scratch/log"
    done
fi

# ---- headers in every dialect --------------------------------------------------------------------

# compiles COMPILER LANGUAGE STANDARD
compiles() {
    echo '#include <recur.h>' | $1 -x "$2" -std="$3" -pedantic -Wall -Wextra -Wconversion -Wshadow \
        -Werror -fsyntax-only -Iinclude - \
        2>"$scratch/log" || offence "recur.h is not clean with $1 -std=$3:" <"$scratch/log"
}
compiles "$cc" c c99
compiles "$cc" c c11
cxx=${CXX:-g++}
if command -v "$cxx" >/dev/null 2>&1; then compiles "$cxx" c++ c++11; fi

for header in include/recur/*.h; do
    line="#include \"recur/$(basename "$header")\""
    if echo "$line" | $cc -x c -fsyntax-only -Iinclude - 2>"$scratch/log"; then
        offence "$header can be included alone" </dev/null
    elif ! grep -q '#error "include <recur.h>"' "$scratch/log"; then
        offence "$header, included alone, does not say: include <recur.h>" </dev/null
    fi
    grep -q "^$line" include/recur.h || offence "recur.h does not include $header" </dev/null
done

# ---- the map and the library ---------------------------------------------------------------------

awk '{ gsub(/\/\*[^*]*\*\//, "") }
     /global:/ { on = 1; next }
     /local:/ { on = 0 }
     on' lib/librecur.map |
    grep -o '[A-Za-z_][A-Za-z0-9_]*' | sort >"$scratch/mapped"
same "the headers" "$scratch/declared" "lib/librecur.map" "$scratch/mapped"

# A source package of another system may come without debian/.
if [ -f debian/librecur0.symbols ]; then
    sed -n 's/^ \(recur_[a-z0-9_]*\)@.*/\1/p' debian/librecur0.symbols | sort >"$scratch/packaged"
    same "lib/librecur.map" "$scratch/mapped" "debian/librecur0.symbols" "$scratch/packaged"
fi

if [ -z "${SANITIZE:-}" ]; then
    nm -D --defined-only lib/librecur.so | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
        sort >"$scratch/exported"
    same "lib/librecur.map" "$scratch/mapped" "lib/librecur.so" "$scratch/exported"

    # Nothing that can be written to, but for the default context and each thread's last error with
    # its number.
    objdump -t lib/librecur.a | awk -F '\t' '
        /file format/ { file = $1; sub(/(\.hidden)?\.o:.*/, ".o", file) }
        {
            count = split($1, word, " ")
            section = word[count]
            name = $2
            sub(/.* /, "", name)
            if (section !~ /^(\.t?data|\.t?bss|\*COM\*)/) next
            if (section ~ /^\.data\.rel\.ro/ || name ~ /^\./) next
            print file ": " name
        }' | sort >"$scratch/writable"
    printf '%s\n' "context.o: the" "status.o: failures" "status.o: last_error" >"$scratch/allowed"
    comm -13 "$scratch/allowed" "$scratch/writable" >"$scratch/written"
    [ ! -s "$scratch/written" ] ||
        offence "the library has objects that can be written to:" <"$scratch/written"
    comm -23 "$scratch/allowed" "$scratch/writable" >"$scratch/unseen"
    [ ! -s "$scratch/unseen" ] ||
        offence "objdump did not show these, which are known to be writable:" <"$scratch/unseen"
fi

[ $failures = 0 ] || exit 1
lines() { wc -l <"$scratch/$1" | tr -d ' '; }
echo "abi: $(lines declared) functions, $(lines structs) structs, $(lines values) constants agree"
