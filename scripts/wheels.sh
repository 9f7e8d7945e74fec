#!/bin/sh
# wheels.sh [build|test|source] - Python wheels that need nothing on the machine, and the source
# package, into build/wheels/.
#
# The library in a wheel is compiled by zig cc against an old C library, without a BLAS, and
# stripped. `test` installs this machine's wheel in fresh environments of the Pythons in PYTHONS
# ("python3.9 python3.13"; without it, those that are found), and runs a network there; `source`
# does so with the source package, which compiles. The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1

make=${MAKE:-make}
unset MAKEFLAGS MFLAGS BUILD DIR LIB RECUR_LIBRARY
out=$(pwd)/build/wheels
work=$(pwd)/build/wheels/work
jobs=${JOBS:-$(nproc 2>/dev/null || echo 1)}

stop() {
    echo "wheels: $1" >&2
    exit 1
}

# zig's target, and the platform in the wheel's name; TARGETS="..." takes others.
TARGETS=${TARGETS:-"x86_64-linux-gnu.2.17=manylinux_2_17_x86_64
    x86_64-linux-musl=musllinux_1_1_x86_64
    aarch64-linux-gnu.2.17=manylinux_2_17_aarch64"}

# ---- building ------------------------------------------------------------------------------------

tools() {
    python=$work/tools/bin/python
    "$python" -c 'import setuptools, wheel' 2>/dev/null && return 0
    python3 -m venv "$work/tools" &&
        "$python" -m pip -q --disable-pip-version-check install 'setuptools>=77' wheel auditwheel \
            numpy || stop "pip could not install setuptools, wheel and auditwheel"
}

# Sets library.
build_library() {
    target=$1 dir=$work/$1
    scripts/zig.sh "$target" "$dir" || exit 1
    library=$dir/lib/librecur.so
    "$make" --no-print-directory "-j$jobs" BLAS=none ZLIB=none "DIR=$dir" "LIB=$dir/lib" \
        "$library" \
        "CC=${CROSS_CCACHE:+$CROSS_CCACHE }$dir/zig-cc" "AR=$dir/zig-ar" \
        CFLAGS=-g0 "LDFLAGS=-Wl,--strip-all" >"$dir.log" 2>&1 ||
        stop "the library does not compile for $target: $dir.log"
}

# From a copy of the package, as setuptools leaves folders behind.
package() {
    rm -rf "$work/package"
    mkdir -p "$work/package/bindings"
    cp -R bindings/python "$work/package/bindings/python"
    cp -R scripts src include lib Makefile LICENSE "$work/package/"
    (cd "$work/package/bindings/python" && "$python" setup.py -q "$@") >"$work/package.log" 2>&1 ||
        stop "setup.py $1 failed: $work/package.log"
}

build() {
    mkdir -p "$work"
    tools
    rm -f "$out"/*.whl "$out"/*.tar.gz
    for row in $TARGETS; do
        build_library "${row%%=*}"
        RECUR_LIBRARY=$library package bdist_wheel --plat-name "${row#*=}" -d "$out"
    done
    package sdist -d "$out"
    for file in "$out"/*.whl; do
        "$python" -m auditwheel show "$file" 2>/dev/null | tr '\n' ' ' |
            sed 's/.*is consistent with[^"]*\("[^"]*"\).*/auditwheel: \1\n/'
        "$python" -m zipfile -l "$file" | awk '/LICENSE|librecur/ { print "  " $1, $NF }'
    done
    ls -l "$out"/*.whl "$out"/*.tar.gz | awk '{ print $5, $NF }' | sed "s|$out/||"
}

# ---- trying --------------------------------------------------------------------------------------

PROGRAM='
import platform, numpy, recur
import numpy as np
rnn = recur.GRU(3, 8, num_layers=2)
y, h = rnn(np.zeros((5, 2, 3), np.float32))
assert y.shape == (5, 2, 8) and np.isfinite(y).all()
loaded = open("/proc/self/maps").read()
assert "site-packages/recur/librecur.so" in loaded, "another library was loaded"
assert "libjansson" not in loaded, "the library needs jansson"
print("Python", platform.python_version(), "NumPy", numpy.__version__)
'

# One package in one Python: installed, a network run away from the checkout.
try() {
    env=$work/env
    rm -rf "$env"
    "$1" -m venv "$env" && "$env/bin/python" -m pip -q --disable-pip-version-check install numpy \
        >"$env.log" 2>&1 || { echo "$1: no environment with NumPy: $env.log"; return 1; }
    began=$(date +%s)
    "$env/bin/python" -m pip -q --disable-pip-version-check install "$2" >>"$env.log" 2>&1 ||
        { tail -3 "$env.log"; return 1; }
    echo "$(basename "$2") in $(($(date +%s) - began)) s"
    (cd / && "$env/bin/python" -c "$PROGRAM")
}

test_source() {
    set -- "$out"/*.tar.gz
    if try "${PYTHONS:-python3}" "$1"; then echo "1 passed, 0 failed"; else return 1; fi
}

test_wheel() {
    wheel=$(ls "$out"/*manylinux*_"$(uname -m)".whl 2>/dev/null | head -1)
    [ -n "$wheel" ] || stop "there is no wheel for this machine: scripts/wheels.sh build"
    passed=0 failed=0
    pythons=${PYTHONS:-}
    if [ -z "$pythons" ]; then
        for minor in 9 10 11 12 13 14; do
            command -v "python3.$minor" >/dev/null 2>&1 && pythons="$pythons python3.$minor"
        done
    fi
    for one in $pythons; do
        if try "$one" "$wheel"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    done
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

case ${1:-all} in
build) build ;;
test) test_wheel ;;
source) test_source ;;
all) build && test_wheel && test_source ;;
*) stop "unknown word $1" ;;
esac
