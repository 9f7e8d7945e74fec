#!/bin/sh
# blas.sh - without a BLAS the library builds, says so, calls none, and its products are right.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS BLAS BLAS_LIBS BLAS_CFLAGS
own=${BUILD:-build}/no-blas
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
failed=0

fail() {
    echo "blas.sh: $1" >&2
    failed=1
}

# A BLAS that is not there
make -n help BLAS_LIBS=-lno-such-library >"$log" 2>&1
grep -q 'no CBLAS here' "$log" || fail "make does not say that there is no CBLAS"
if BLAS_LIBS=-lno-such-library scripts/deps.sh --blas | grep -qx none; then :; else
    fail "deps.sh --blas finds a library that does not exist"
fi
if make -n help BLAS=some >"$log" 2>&1; then fail "make takes BLAS=some"; fi

# The reference set is enough: what chooses is the same for all.
make BLAS=none DIR="$own" LIB="$own/lib" ISAS=ref SANITIZE= BLAS_CFLAGS=-DNO_HEADER \
    libs run-tests TEST=gemm >"$log" 2>&1 || {
    cat "$log" >&2
    fail "the build without a BLAS, or its test of products, failed"
}
if nm -u "$own/lib/librecur.a" 2>/dev/null | grep -qi blas; then
    fail "the library without a BLAS calls one"
fi
exit $failed
