#!/bin/sh
# install.sh - installs the library into a staging folder and uses it from outside, as a stranger would.
#
# A program is built through pkg-config, against the shared and the static library, with the C and (if there is one) the
# C++ compiler; then everything is uninstalled and nothing may be left.
set -eu
cd "$(dirname "$0")/.."

if [ -n "${SANITIZE:-}" ]; then
    echo "a sanitizer build is not installed"
    exit 77
fi

make=${MAKE:-make} cc=${CC:-cc} cxx=${CXX:-g++} pkg_config=${PKG_CONFIG:-pkg-config}
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
    if (recur_context_create(&options, &ctx) != RECUR_E_ARGUMENT || ctx || !strstr(recur_last_error(), "-1")) return 1;
    options.threads = 1;
    if (recur_context_create(&options, &ctx) != RECUR_OK) return 2;
    recur_context_release(ctx);
    if (recur_version() != RECUR_VERSION) return 3;
    puts(recur_context_isa(NULL));
    return 0;
}
END
cp "$scratch/app.c" "$scratch/app.cc"

# try PREFIX LIBDIR: stage, build, run, remove.
try() {
    prefix=$1 libdir=$2 stage=$scratch/stage
    echo "PREFIX=$prefix LIBDIR=$libdir"
    "$make" -s install DESTDIR="$stage" PREFIX="$prefix" LIBDIR="$libdir"
    (cd "$stage" && find . ! -type d | sort)

    # A staged install: paths get the stage in front, and are not left out for being the system's own.
    PKG_CONFIG_PATH=$stage$libdir/pkgconfig
    PKG_CONFIG_SYSROOT_DIR=$stage
    PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1
    PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
    export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_ALLOW_SYSTEM_CFLAGS PKG_CONFIG_ALLOW_SYSTEM_LIBS

    version=$("$pkg_config" --modversion recur)
    [ -f "$stage$libdir/librecur.so.$version" ] || fail "recur.pc says $version, and there is no librecur.so.$version"
    cflags=$("$pkg_config" --cflags recur)
    libs=$("$pkg_config" --libs recur)
    static=$("$pkg_config" --static --libs recur | sed 's/-lrecur/-l:librecur.a/')
    case "$cflags $libs" in *"$stage$prefix/include"*"$stage$libdir"*) ;; *) fail "recur.pc does not find the stage: $cflags $libs" ;; esac
    case $libs in *jansson* | *blas*) fail "programs would be linked with the library's own dependencies: $libs" ;; esac

    cd "$scratch"
    # shellcheck disable=SC2086
    {
        $cc -std=c99 -pedantic -Werror app.c $cflags $libs -o shared
        $cc -std=c99 -pedantic -Werror app.c $cflags $static -o static
        if command -v "$cxx" >/dev/null 2>&1; then $cxx -std=c++11 -pedantic -Werror app.cc $cflags $libs -o shared_cxx; fi
    }
    for program in shared shared_cxx; do
        [ ! -f $program ] || LD_LIBRARY_PATH=$stage$libdir ./$program || fail "$program: status $?"
    done
    readelf -d shared | grep -q 'NEEDED.*\[librecur\.so\.[0-9]*\]' || fail "the program does not name librecur.so.N"
    ./static || fail "static: status $?"
    if readelf -d static | grep -q 'NEEDED.*librecur'; then fail "the static program needs the shared library"; fi
    cd - >/dev/null

    "$make" -s uninstall DESTDIR="$stage" PREFIX="$prefix" LIBDIR="$libdir"
    left=$(cd "$stage" && find . ! -type d)
    [ -z "$left" ] || fail "left behind: $left"
    [ ! -d "$stage$prefix/include/recur" ] || fail "left behind: include/recur"
}

try /usr /usr/lib
try /opt/recur /opt/recur/lib64
