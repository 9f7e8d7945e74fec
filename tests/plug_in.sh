#!/bin/sh
# plug_in.sh - a plug-in with the static library in it, in hosts that have another librecur.
#
# The other librecur exports every function of the map, and ends the process when one is called. The
# host loads the plug-in by dlopen, twice, in the order and with the flags in which names clash most
# easily, and is linked with it. Then a program has the library twice: a static one with a prefix,
# and the shared one. What they compute has to be the same, and no plug-in may export a name.
set -eu
cd "$(dirname "$0")/.."

if [ -n "${SANITIZE:-}" ]; then
    echo "a plug-in is built from the libraries of an ordinary build"
    exit 77
fi

root=$PWD cc=${CC:-cc}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "plug_in: $1" >&2
    exit 1
}

cat >"$scratch/plug_in.c" <<'END'
/* A small network: the bits of what it computes, or 0. */
#include <recur.h>
#include <string.h>
uint32_t ENTRY(void)
{
    const recur_recurrent_options options = { .size = sizeof options,
                                              .cell = RECUR_CELL_GRU,
                                              .input_size = 3,
                                              .hidden_size = 5 };
    const int64_t lengths[] = { 2, 1 };
    const float x[3 * 3] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    float y[3 * 5];
    uint32_t bits = 0, one;
    recur_layer *layer;
    recur_packed *packed;
    if (recur_version() != RECUR_VERSION) return 0;
    if (recur_recurrent_create(NULL, &options, &layer)) return 0;
    if (recur_layer_init(layer, NULL, RECUR_INIT_DEFAULT, 0, 1)) return 0;
    if (recur_packed_create(NULL, 2, lengths, 0, &packed)) return 0;
    if (recur_layer_forward(layer, packed, x, NULL, y, NULL)) return 0;
    for (int i = 0; i < 3 * 5; i++) {
        memcpy(&one, y + i, sizeof one);
        bits = bits * 31 + one;
    }
    recur_packed_release(packed);
    recur_layer_release(layer);
    return bits;
}
END

cat >"$scratch/host.c" <<'END'
/* host [PLUG_IN ...]: loads them; with none it is linked with one. They agree, and recur_version of
 * the host is that of the other library. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
extern uint32_t recur_version(void);
#ifdef LINKED
extern uint32_t run(void);
#endif
int main(int count, char **names)
{
    uint32_t first = 0;
    if (recur_version() != 99) return 1;
#ifdef LINKED
    first = run();
    if (!first) return 2;
#endif
    for (int i = 1; i < count; i++) {
        void *plug_in = dlopen(names[i], RTLD_NOW | (i % 2 ? RTLD_GLOBAL : RTLD_LOCAL));
        uint32_t (*run_it)(void) = plug_in ? (uint32_t (*)(void))dlsym(plug_in, "run") : NULL;
        const uint32_t bits = run_it ? run_it() : 0;
        if (!bits) {
            puts(plug_in ? "it does not run" : dlerror());
            return 3;
        }
        if (first && first != bits) return 4;
        first = bits;
    }
    if (recur_version() != 99) return 5;
    printf("%08x\n", first);
    return 0;
}
END

cat >"$scratch/twice.c" <<'END'
#include <stdint.h>
#include <stdio.h>
extern uint32_t with_prefix(void), without(void);
int main(void)
{
    const uint32_t a = with_prefix(), b = without();
    printf("%08x\n", a);
    return a && a == b ? 0 : 1;
}
END

# The other library.
{
    echo '#include <stdlib.h>'
    grep -o 'recur_[a-z0-9_]*;' lib/librecur.map | tr -d ';' | while read -r name; do
        case $name in
        recur_version) echo 'unsigned recur_version(void) { return 99; }' ;;
        *) echo "void $name(void) { abort(); }" ;;
        esac
    done
} >"$scratch/other.c"

cd "$scratch"
# shellcheck disable=SC2086 # lists of flags
build() { $cc -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Werror ${CFLAGS:-} "$@"; }
build -shared -fPIC other.c -o libother.so

# A plug-in whose makers know nothing of RECUR_STATIC, and one whose do.
plug_in() {
    name=$1
    shift
    # shellcheck disable=SC2086
    build -shared -fPIC -I"$root/include" "$@" -DENTRY=run plug_in.c -o "$name" \
        "$root/lib/librecur.a" $LIBRARY_LIBS
    exported=$(nm -D --defined-only "$name" | grep -c ' recur_' || true)
    [ "$exported" = 0 ] || fail "$name exports $exported functions of the library"
}
plug_in plug_in.so
plug_in told.so -DRECUR_STATIC
cp plug_in.so again.so

build host.c -rdynamic -o host -L. -lother -Wl,-rpath,"$PWD" -ldl
build host.c -DLINKED -rdynamic -o linked ./plug_in.so -L. -lother -Wl,-rpath,"$PWD" -ldl
build host.c -DLINKED -rdynamic -o linked_last -L. -lother ./plug_in.so -Wl,-rpath,"$PWD" -ldl
for run in "./host ./plug_in.so ./again.so ./told.so" "./linked ./again.so" ./linked \
    ./linked_last; do
    result=$($run) || fail "$run ended with status $?: $result"
    echo "$run: $result"
    [ "$result" = "${wanted:-$result}" ] || fail "$run computes $result, not $wanted"
    wanted=$result
done

# Twice in one program. The copy is renamed as make RECUR_PREFIX=other_ does it.
cp "$root/lib/librecur.a" libother_recur.a
"$root/scripts/prefix.sh" libother_recur.a other_
build -c -I"$root/include" -DRECUR_STATIC -DRECUR_PREFIX=other_ -DENTRY=with_prefix plug_in.c \
    -o with_prefix.o
build -c -I"$root/include" -DENTRY=without plug_in.c -o without.o
for library in "$root/lib/librecur.so" "$root/lib/librecur.a"; do
    # shellcheck disable=SC2086
    build twice.c with_prefix.o without.o libother_recur.a "$library" $LIBRARY_LIBS \
        -Wl,-rpath,"$root/lib" -o twice
    result=$(./twice) || fail "with a prefix and with ${library##*/}: status $?, $result"
    echo "a static library with a prefix and ${library##*/}: $result"
    [ "$result" = "$wanted" ] || fail "with a prefix the result is $result, not $wanted"
done
