#!/bin/sh
# sanitize.sh asan|ubsan|tsan|msan|valgrind - all C tests under one checker, on every set
# of this machine, as `make check-asan` and its like run them.
#
# Valgrind looks at the ordinary build, sanitizers at builds of their own. COMPILERS names the
# compilers (gcc and clang, those that are here), LAUNCHER what stands in front of them (ccache);
# TEST runs one test. The last line for each compiler has the counts and the seconds. Without any
# compiler that has the checker the exit status is 77.
set -u
cd "$(dirname "$0")/.." || exit 1

name=${1:?"sanitize.sh asan|ubsan|tsan|msan|valgrind"}
compilers=${COMPILERS:-gcc clang}
blas=
case $name in
asan) sanitize=address ;;
ubsan) sanitize=undefined ;;
# A BLAS is compiled without these, so that what it does with threads and memory is not seen.
tsan) sanitize=thread blas=none ;;
msan) sanitize=memory blas=none ;;
valgrind) sanitize= compilers=${CC:-cc} ;;
*) echo "sanitize.sh: unknown checker $name" >&2 && exit 2 ;;
esac

# What this machine can run. Elsewhere the build's own list is right.
isas=
if [ "$name" = valgrind ]; then
    WRAPPER="valgrind --quiet --error-exitcode=1 --leak-check=full"
    export WRAPPER RECUR_ISA=avx2 OPENBLAS_NUM_THREADS=1
elif [ "$(uname -m)" = x86_64 ]; then
    isas="ref sse2 vec4"
    grep -qw avx2 /proc/cpuinfo 2>/dev/null && isas="$isas avx2_exact avx2"
    grep -qw avx512vl /proc/cpuinfo 2>/dev/null && isas="$isas avx512"
fi

# has COMPILER: it is here, and links what the checker needs.
has() {
    command -v "$1" >/dev/null 2>&1 || return 1
    echo 'int main(void) { return 0; }' |
        $1 ${sanitize:+-fsanitize=$sanitize} -x c -o /dev/null - >/dev/null 2>&1
}

ran=0 bad=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
for cc in $compilers; do
    if ! has "$cc"; then
        echo "check-$name: $cc is not here or has no such checker (clang: libclang-rt-14-dev)"
        continue
    fi
    start=$(date +%s)
    make --no-print-directory CC="${LAUNCHER:+$LAUNCHER }$cc" SANITIZE="$sanitize" \
        ${isas:+"ISAS=$isas"} ${blas:+"BLAS=$blas"} "CHECK=$name" run-check | tee "$log"
    tail -n 1 "$log" | grep -q ' passed, 0 failed$' || bad=1
    ran=$((ran + 1))
    echo "check-$name: $("$cc" --version | head -n 1): $(tail -n 1 "$log")" \
        "in $(($(date +%s) - start)) s${isas:+, on $isas}"
done
[ $ran != 0 ] || exit 77
exit $bad
