#!/bin/sh
# cmake.sh - librecur as a part of another CMake project (add_subdirectory, FetchContent), and
# installed by CMake and found by find_package. It computes the same bits each time.
set -eu
cd "$(dirname "$0")/.."

if ! command -v cmake >/dev/null 2>&1 || ! cmake --version >/dev/null 2>&1; then
    echo "there is no cmake"
    exit 77
fi
if [ -n "${SANITIZE:-}" ]; then
    echo "a sanitizer build is not installed"
    exit 77
fi

root=$PWD
unset MAKEFLAGS MFLAGS TEST CFLAGS CPPFLAGS LDFLAGS
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "cmake: $1" >&2
    exit 1
}

cat >"$scratch/app.c" <<'END'
#include <recur.h>
#include <stdio.h>
int main(void)
{
    const recur_recurrent_options options = { .size = sizeof options,
                                              .cell = RECUR_CELL_LSTM,
                                              .input_size = 1,
                                              .hidden_size = 3 };
    const float x[2] = { 1, -2 };
    float y[6];
    const int64_t lengths[] = { 2 };
    recur_layer *lstm;
    recur_packed *packed;
    if (recur_version() != RECUR_VERSION) return 1;
    if (recur_recurrent_create(NULL, &options, &lstm)) return 2;
    if (recur_layer_init(lstm, NULL, RECUR_INIT_DEFAULT, 0, 1)) return 3;
    if (recur_packed_create(NULL, 1, lengths, 0, &packed)) return 4;
    if (recur_layer_forward(lstm, packed, x, NULL, y, NULL)) return 5;
    for (int i = 0; i < 6; i++) printf("%a ", (double)y[i]);
    puts("");
    recur_packed_release(packed);
    recur_layer_release(lstm);
    return 0;
}
END

# project NAME LINES: a project that takes the library by them.
project() {
    mkdir -p "$scratch/$1"
    {
        echo 'cmake_minimum_required(VERSION 3.14)'
        echo 'project(app C)'
        echo "$2"
        for library in recur static; do
            echo "add_executable($library ../app.c)"
            echo "target_link_libraries($library recur::$library)"
        done
    } >"$scratch/$1/CMakeLists.txt"
}
log=$scratch/log
run() { "$@" >"$log" 2>&1 || { tail -n 30 "$log" && fail "$*"; }; }

# built NAME OPTION ...: configures, builds and runs it.
built() {
    name=$1
    shift
    run cmake -S "$scratch/$name" -B "$scratch/$name/build" -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_C_COMPILER_LAUNCHER="$(command -v ccache || true)" "$@"
    run cmake --build "$scratch/$name/build" -j 2
    for program in recur static; do
        result=$("$scratch/$name/build/$program") || fail "$name: $program ends with status $?"
        echo "$name: $program: $result"
        [ "$result" = "${wanted:-$result}" ] || fail "$name: $program computes other numbers"
        wanted=$result
    done
    needed=$(readelf -d "$scratch/$name/build/static" | grep -c 'NEEDED.*librecur' || true)
    [ "$needed" = 0 ] || fail "$name: static needs the shared library"
}

project sub "set(RECUR_ISAS ref)
add_subdirectory($root librecur)
if(RECUR_INSTALL)
    message(FATAL_ERROR \"a part of another project has install rules\")
endif()"
built sub

project fetch "include(FetchContent)
set(RECUR_ISAS ref)
set(RECUR_TRAIN OFF)
set(RECUR_THREADS OFF)
set(RECUR_KINDS lstm gru)
FetchContent_Declare(recur SOURCE_DIR $root)
FetchContent_MakeAvailable(recur)"
built fetch

run cmake -S "$root" -B "$scratch/top" -DRECUR_ISAS=ref -DCMAKE_INSTALL_PREFIX="$scratch/usr" \
    -DCMAKE_C_COMPILER_LAUNCHER="$(command -v ccache || true)"
run cmake --build "$scratch/top" -j 2
run cmake --install "$scratch/top"
"$scratch/usr/bin/recur" --version | grep -q '^recur [0-9]' || fail "the installed command"
[ -f "$scratch/usr/share/man/man1/recur.1" ] || fail "its page"
exported=$(nm -D --defined-only "$scratch"/usr/lib*/librecur.so | grep -c ' T recur_')
mapped=$(grep -c '^ *recur_[a-z0-9_]*;' lib/librecur.map)
[ "$exported" = "$mapped" ] || fail "the library exports $exported functions; the map has $mapped"
status=0
sh tests/hardening.sh "$(dirname "$(find "$scratch/usr" -name librecur.a)")" || status=$?
case $status in 0 | 77) ;; *) fail "the library lacks defences that make gives it" ;; esac
project found "find_package(recur 0.1 REQUIRED)"
built found -DCMAKE_PREFIX_PATH="$scratch/usr"
