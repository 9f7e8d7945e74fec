#!/bin/sh
# cross.sh - with a compiler for another machine, the Makefile does not advise packages of this one,
# and does not take it for an x86.
set -eu
cd "$(dirname "$0")/.."

make=${MAKE:-make}
unset MAKEFLAGS MFLAGS TEST
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "cross: $1" >&2
    exit 1
}

# A compiler that says what it builds for, and finds no library.
mkdir "$scratch/bin"
cat >"$scratch/bin/cross-cc" <<'END'
#!/bin/sh
case "$*" in
*-dumpmachine*) echo "${TARGET:-riscv64-linux-gnu}" ;;
*) exit 1 ;;
esac
END
chmod +x "$scratch/bin/cross-cc"
PATH=$scratch/bin:$PATH

CC=cross-cc scripts/deps.sh --check library 2>"$scratch/said" && fail "nothing is missing"
grep -q 'for riscv64-linux-gnu: ' "$scratch/said" || fail "it says: $(cat "$scratch/said")"
! grep -qE 'make deps|apt-get|dnf|brew|libc6' "$scratch/said" ||
    fail "it advises this machine's packages: $(cat "$scratch/said")"

# sets TARGET: the instruction sets that would be compiled.
sets() {
    TARGET=$1 "$make" -n -B CC=cross-cc DIR="$scratch/build" LIB="$scratch/lib" \
        "$scratch/build/obj/kernels/table.o" 2>/dev/null |
        grep -o 'RECUR__HAS_[a-z0-9_]*' | sed 's/RECUR__HAS_//' | sort -u | tr '\n' ' '
}
for row in "riscv64-linux-gnu=ref vec4 " "wasm32=ref vec4 " "arm-linux-gnueabihf=ref vec4 " \
    "aarch64-linux-gnu=neon ref vec4 " \
    "x86_64-linux-gnu=avx2 avx2_exact avx512 ref sse2 " "i686-linux-gnu=ref "; do
    got=$(sets "${row%%=*}")
    [ "$got" = "${row#*=}" ] || fail "for ${row%%=*} it compiles \"$got\", not \"${row#*=}\""
done
