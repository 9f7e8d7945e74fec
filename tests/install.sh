#!/bin/sh
# install.sh - installs the library into a staging folder and uses it from outside, as a stranger
# would.
#
# Programs in C and C++ are built through pkg-config, against the shared and the static library,
# with every compiler that is here, and through CMake if there is one; then everything is
# uninstalled and nothing may be left.
set -eu
cd "$(dirname "$0")/.."

if [ -n "${SANITIZE:-}" ]; then
    echo "a sanitizer build is not installed"
    exit 77
fi

make=${MAKE:-make} pkg_config=${PKG_CONFIG:-pkg-config}
unset MAKEFLAGS MFLAGS TEST
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "install: $1" >&2
    exit 1
}

cat >"$scratch/app.c" <<'END'
#include <recur.h>
#include <stdio.h>
#include <string.h>
int main(void)
{
    recur_context *ctx;
    recur_context_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.threads = -1;
    if (recur_context_create(&options, &ctx) != RECUR_E_ARGUMENT || ctx) return 1;
    if (!strstr(recur_last_error(), "-1")) return 1;
    options.threads = 1;
    if (recur_context_create(&options, &ctx) != RECUR_OK) return 2;
    recur_context_release(ctx);
    if (recur_version() != RECUR_VERSION) return 3;
    puts(recur_context_isa(NULL));
    return 0;
}
END
cp "$scratch/app.c" "$scratch/app.cc"

cat >"$scratch/net.cc" <<'END'
#include <recur.hpp>
int main()
{
    auto net = recur::sequential({{"rnn", recur::gru(3, 4)}, {"last", recur::last(4)}});
    net.init(1);
    return net.run(recur::packed({2, 1}), std::vector<float>(9)).size() == 8 ? 0 : 1;
}
END

cat >"$scratch/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.10)
project(app C CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(recur 0.1 REQUIRED)
find_package(recur REQUIRED)
add_executable(shared app.c)
target_link_libraries(shared recur::recur)
add_executable(net net.cc)
target_link_libraries(net recur::recur)
add_executable(static app.c)
target_link_libraries(static recur::static)
find_package(recur 77 QUIET)
if(recur_FOUND)
    message(FATAL_ERROR "this version passes for 77")
endif()
END

# The compilers that are here.
compilers() {
    for compiler in "$@"; do
        ! command -v "$compiler" >/dev/null 2>&1 || echo "$compiler"
    done | sort -u
}
cs=$(compilers "${CC:-gcc}" gcc clang)
cxxs=$(compilers "${CXX:-g++}" clang++)

# linked PROGRAM FOLDER: it runs, and names librecur.so.N; with no FOLDER it needs no librecur.
linked() {
    LD_LIBRARY_PATH=$2 "$1" >"$scratch/out" || fail "$1: status $?"
    names=$(readelf -d "$1" | sed -n 's/.*NEEDED.*\[\(librecur[^]]*\)\].*/\1/p')
    case ${2:+shared}:$names in
    shared:librecur.so.[0-9]* | :) ;;
    *) fail "$1 needs \"$names\"" ;;
    esac
}

# try PREFIX LIBDIR: stage, build, run, remove.
try() {
    prefix=$1 libdir=$2 stage=$scratch/stage
    echo "PREFIX=$prefix LIBDIR=$libdir"
    "$make" -s install DESTDIR="$stage" PREFIX="$prefix" LIBDIR="$libdir"
    (cd "$stage" && find . ! -type d | sort)

    # A staged install: paths get the stage in front, and are not left out for being the system's
    # own.
    PKG_CONFIG_PATH=$stage$libdir/pkgconfig
    PKG_CONFIG_SYSROOT_DIR=$stage
    PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1
    PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
    export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
    export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS PKG_CONFIG_ALLOW_SYSTEM_LIBS

    version=$("$pkg_config" --modversion recur)
    [ -f "$stage$libdir/librecur.so.$version" ] ||
        fail "recur.pc says $version, and there is no librecur.so.$version"

    # The command runs: beside its library, or below /usr, where the system finds it.
    case $prefix in
    /usr) LD_LIBRARY_PATH=$stage$libdir "$stage/usr/bin/recur" --version >"$scratch/out" ;;
    *) "$stage$prefix/bin/recur" --version >"$scratch/out" ;;
    esac || fail "recur --version: status $?"
    grep -q "^recur $version " "$scratch/out" || fail "it says $(cat "$scratch/out")"
    ! readelf -d "$stage$prefix/bin/recur" | grep -q "$PWD" || fail "recur knows this folder"
    [ "$prefix" != /usr ] || ! readelf -d "$stage/usr/bin/recur" | grep -q 'RUNPATH\|RPATH' ||
        fail "recur looks for its library elsewhere than the system does"

    # The pages have versions and paths filled in, and nothing that a formatter complains about.
    page=$stage$prefix/share/man/man3/recur.3
    grep -q "librecur $version" "$page" && grep -q "$prefix/include/recur" "$page" ||
        fail "recur.3 lacks version or path"
    for page in "$page" "$stage$prefix/share/man/man1/recur.1"; do
        grep -q "librecur $version" "$page" || fail "$page lacks the version"
        ! grep -q '@' "$page" || fail "$page has a place that is not filled in"
        ! command -v groff >/dev/null 2>&1 ||
            complaints=$(groff -man -Tutf8 -ww -z "$page" 2>&1) && [ -z "${complaints:-}" ] ||
            fail "$page: $complaints"
    done
    cflags=$("$pkg_config" --cflags recur)
    libs=$("$pkg_config" --libs recur)
    static=$("$pkg_config" --static --libs recur | sed 's/-lrecur/-l:librecur.a/')
    case "$cflags $libs" in
    *"$stage$prefix/include"*"$stage$libdir"*) ;;
    *) fail "recur.pc does not find the stage: $cflags $libs" ;;
    esac
    case $libs in
    *blas*) fail "programs would link the library's own dependencies: $libs" ;;
    esac

    cd "$scratch"
    # shellcheck disable=SC2086
    for cc in $cs; do
        echo "  $cc"
        $cc -std=c99 -pedantic -Werror app.c $cflags $libs -o shared
        linked ./shared "$stage$libdir"
        $cc -std=c99 -pedantic -Werror app.c $cflags $static -o static
        linked ./static ""
    done
    # shellcheck disable=SC2086
    for cxx in $cxxs; do
        echo "  $cxx"
        $cxx -std=c++11 -pedantic -Werror app.cc $cflags $libs -o shared
        linked ./shared "$stage$libdir"
        $cxx -std=c++17 -pedantic -Werror net.cc $cflags $libs -o net
        linked ./net "$stage$libdir"
        $cxx -std=c++17 -pedantic -Werror net.cc $cflags $static -o net
        linked ./net ""
    done
    if [ -n "$cxxs" ] && command -v cmake >/dev/null 2>&1; then
        echo "  cmake"
        rm -rf "$scratch/built"
        cmake -S "$scratch" -B "$scratch/built" -Drecur_DIR="$stage$libdir/cmake/recur" >log 2>&1 &&
            cmake --build "$scratch/built" >>log 2>&1 || { cat log && fail "cmake"; }
        linked built/shared "$stage$libdir"
        linked built/net "$stage$libdir"
        linked built/static ""
    fi
    cd - >/dev/null

    "$make" -s uninstall DESTDIR="$stage" PREFIX="$prefix" LIBDIR="$libdir"
    left=$(cd "$stage" && find . ! -type d)
    [ -z "$left" ] || fail "left behind: $left"
    left=$(cd "$stage" && find . -type d -name recur -path '*/*/recur' ! -path ./opt/recur)
    [ -z "$left" ] || fail "left behind: $left"
}

try /usr /usr/lib
try /opt/recur /opt/recur/lib64
