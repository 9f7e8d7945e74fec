#!/bin/sh
# hardening.sh [FOLDER] - the libraries in lib, or that folder, have the defences that the Makefile
# asks for: tables that are read only once they are filled, a stack that cannot be run, canaries,
# marked targets of jumps.
set -eu
cd "$(dirname "$0")/.."

if [ -n "${SANITIZE:-}" ]; then
    echo "sanitizers have defences of their own"
    exit 77
fi
lib=${1:-lib}
if ! command -v readelf >/dev/null 2>&1 || ! readelf -h "$lib/librecur.so" >/dev/null 2>&1; then
    echo "there is no readelf, or the library is no ELF file"
    exit 77
fi

fail() {
    echo "hardening: $1" >&2
    exit 1
}
has() { readelf "$1" -W "$2" 2>/dev/null | grep -q "$3"; }

so=$lib/librecur.so
has -l "$so" GNU_RELRO || fail "$so has no segment GNU_RELRO: link it with -z relro"
has -d "$so" BIND_NOW || has -d "$so" 'FLAGS_1.*NOW' || fail "$so is bound lazily: link with -z now"
if has -d "$so" TEXTREL; then fail "$so has relocations in its code: compile it with -fPIC"; fi
if readelf -lW "$so" | grep GNU_STACK | grep -q E; then fail "the stack of $so can be run"; fi

case " ${HARDENED:-} " in
*" -fstack-protector-strong "*)
    has -s "$so" __stack_chk_fail || fail "$so has no canaries: -fstack-protector-strong is lost"
    ;;
esac
case " ${HARDENED:-} " in
*" -fcf-protection=full "*)
    objects=$(readelf -hW "$lib/librecur.a" | grep -c '^File:')
    marked=$(readelf -nW "$lib/librecur.a" | grep -c 'x86 feature: IBT, SHSTK')
    [ "$marked" = "$objects" ] ||
        fail "$marked of $objects objects mark the targets of jumps: -fcf-protection is lost"
    ;;
esac
echo "hardened with ${HARDENED:-nothing}, relro and now"
