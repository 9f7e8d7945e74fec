#!/bin/sh
# cross.sh [--library] TARGET... - builds the library and its C tests for another machine, and runs
# the tests there.
#
#     i386 i386-sse2 aarch64 armhf riscv64 s390x
#                                        Debian's cross compilers; qemu runs the tests
#     musl                               another C library on this machine
#     windows                            MinGW-w64; wine runs the tests
#     wasm                               emscripten; node runs the tests
#
# What is missing is installed with apt-get. CMocka is compiled from Debian's source package;
# CMOCKA_SOURCE=folder takes another. TEST=name runs one test. CROSS_CCACHE=ccache stands before
# the compiler. Everything stays below build/cross/. With --library only its static library is
# built. Else the last line of a target is
#
#     TARGET: compiles, N tests passed of M, left out: ...
set -u
cd "$(dirname "$0")/.." || exit 1

make=${MAKE:-make}
test=${TEST:-}
unset MAKEFLAGS MFLAGS TEST BUILD DIR LIB ISAS CFLAGS CPPFLAGS LDFLAGS SANITIZE
jobs=${JOBS:-$(nproc 2>/dev/null || echo 1)}

stop() {
    echo "cross: $1" >&2
    exit 1
}

# A compiler or another program, and the packages that have it.
need() {
    program=$1
    shift
    command -v "$program" >/dev/null 2>&1 && return 0
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 ||
        stop "there is no $program; install: $*"
    echo "cross: there is no $program; installing $*"
    apt-get -q -o DPkg::Lock::Timeout=600 update >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 install -y \
        --no-install-recommends "$@" >/dev/null || stop "apt-get could not install $*"
}

# ---- CMocka --------------------------------------------------------------------------------------

# Sets cmocka to a folder with src/cmocka.c: of a source package of this system's own archive.
find_cmocka() {
    cmocka=${CMOCKA_SOURCE:-}
    [ -z "$cmocka" ] || return 0
    kept=$(pwd)/build/cross/cmocka
    cmocka=$(find "$kept" -maxdepth 1 -name 'cmocka-*' -type d 2>/dev/null | head -1)
    [ -z "$cmocka" ] || return 0
    command -v apt-get >/dev/null 2>&1 || stop "CMOCKA_SOURCE has to name a folder of CMocka's"
    mkdir -p "$kept/lists/partial" "$kept/cache/archives/partial"
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) main' 'Created-By: Packages' |
        grep -v -- '-updates\|-security' | head -1 >"$kept/source.list"
    (
        cd "$kept" || exit 1
        set -- -q -o "Dir::Etc::sourcelist=$kept/source.list" -o Dir::Etc::sourceparts=- \
            -o "Dir::State::lists=$kept/lists" -o "Dir::Cache=$kept/cache"
        apt-get "$@" update && apt-get "$@" source --download-only cmocka
        tar xf "$(ls cmocka_*.orig.tar.* | grep -v "asc$")"
    ) >"$kept.log" 2>&1
    cmocka=$(find "$kept" -maxdepth 1 -name 'cmocka-*' -type d | head -1)
    [ -n "$cmocka" ] || stop "CMocka's source could not be had: $kept.log says why"
}

build_cmocka() {
    find_cmocka
    mkdir -p "$dir/cmocka"
    has="-DHAVE_INTTYPES_H -DHAVE_STRINGS_H -DHAVE_SIGNAL_H -DHAVE_MALLOC_H -DHAVE_STRUCT_TIMESPEC
        -DHAVE_GCC_THREAD_LOCAL_STORAGE"
    [ "$target" = windows ] || has="$has -DHAVE_SIGLONGJMP -DHAVE_STRSIGNAL -DHAVE_CLOCK_REALTIME"
    # shellcheck disable=SC2086 # lists
    $cc -O1 -w $has $cflags $cppflags "-I$cmocka/include" -o "$dir/cmocka/cmocka.o" -c \
        "$cmocka/src/cmocka.c" || stop "CMocka does not compile for $target"
    rm -f "$dir/cmocka/libcmocka.a"
    $ar qcs "$dir/cmocka/libcmocka.a" "$dir/cmocka/cmocka.o"
    cp "$cmocka/include/cmocka.h" "$dir/cmocka/"
}

# ---- targets -------------------------------------------------------------------------------------

# Tests whose subject is the Linux kernel that runs: calls of it that it is to forbid.
OF_LINUX="test_realtime"

# Sets cc, ar, run, left_out and why, and installs what is missing.
choose() {
    run='' left_out='' why='' cflags='' cppflags='' ldflags='' static='' ar=ar
    case $1 in
    i386) debian i686-linux-gnu i386 i686 ;;
    i386-sse2)
        debian i686-linux-gnu i386 i686
        cflags="-msse2 -mfpmath=sse"
        ;;
    aarch64) debian aarch64-linux-gnu arm64 aarch64 ;;
    armhf) debian arm-linux-gnueabihf armhf arm ;;
    riscv64) debian riscv64-linux-gnu riscv64 riscv64 ;;
    s390x) debian s390x-linux-gnu s390x s390x ;;
    musl)
        need musl-gcc musl-tools
        cc=musl-gcc
        ;;
    windows)
        PATH=$PATH:/usr/lib/wine
        need x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64
        need wine64 wine64
        export WINEPREFIX="$(pwd)/$dir/wine" WINEDEBUG=-all
        cc=x86_64-w64-mingw32-gcc run=wine64
        ldflags=-static
        left_out="test_io_disk test_realtime test_stack"
        why="they use calls of POSIX"
        ;;
    wasm)
        need emcc emscripten
        export NODE_PATH="${NODE_PATH:-/usr/share/nodejs}" # where Debian has what emscripten uses
        cc=emcc run="node --no-experimental-fetch" ar=emar static=yes
        cppflags="-D_UINTPTR_T -D_UINTPTR_T_DEFINED" # CMocka takes it for an unsigned int
        ldflags="-sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1 -sEXIT_RUNTIME=1 -sMAXIMUM_MEMORY=4GB"
        left_out="test_io_disk test_realtime test_stack test_threads"
        why="WebAssembly has no such threads, processes and calls"
        ;;
    *) stop "there is no target called $1" ;;
    esac
}

# machine of the compiler, of Debian, of qemu
debian() {
    cc=$1-gcc
    need "$cc" "gcc-$1" "libc6-dev-$2-cross"
    # A kernel may run the programs itself, as that of x86-64 those of i386. qemu has no seccomp.
    if [ "$2" = i386 ] && "/usr/$1/lib/ld-linux.so.2" --help >/dev/null 2>&1; then
        run="/usr/$1/lib/ld-linux.so.2 --library-path /usr/$1/lib"
    else
        need "qemu-$3" qemu-user
        run="qemu-$3 -L /usr/$1"
        left_out=$OF_LINUX why="qemu does not count the calls of a program"
    fi
}

# ---- one target ----------------------------------------------------------------------------------

# Builds what is named, in the target's own folder.
build() {
    log=$dir/build.log
    # shellcheck disable=SC2086 # a list
    "$make" --no-print-directory -k "-j$jobs" CC="${CROSS_CCACHE:+$CROSS_CCACHE }$cc" AR="$ar" \
        BLAS=none "DIR=$dir" "LIB=$dir/lib" TO_LIB=../lib "CPPFLAGS=-I$dir/cmocka $cppflags" \
        "CFLAGS=$cflags" "LDFLAGS=-L$dir/cmocka $ldflags" $isas "$@" >"$log" 2>&1
}

check() {
    target=$1 dir=build/cross/$1 isas=
    mkdir -p "$dir"
    choose "$target"
    if [ -n "$library_only" ]; then
        build "$dir/lib/librecur.a" && return 0
        echo "cross: the library does not compile for $target: $log" >&2
        return 1
    fi
    build_cmocka
    tests=
    for file in tests/test_*.c; do
        name=$(basename "$file" .c)
        case " $left_out " in *" $name "*) continue ;; esac
        case $test in '' | "$name" | "${name#test_}") tests="$tests $name" ;; esac
    done
    programs=
    for name in $tests; do programs="$programs $dir/tests/$name"; done
    # shellcheck disable=SC2086 # lists
    build $([ -n "$test$static" ] || echo libs) $programs || {
        grep -m 5 ' error: \|undefined reference' "$log"
        echo "$target: does not compile ($log)"
        return 1
    }
    # shellcheck disable=SC2086
    BUILD=$dir WRAPPER=$run TEST_TIMEOUT=${TEST_TIMEOUT:-3600} scripts/test.sh $tests |
        tee "$dir/tests.log"
    counts=$(tail -1 "$dir/tests.log" | sed 's/ passed, / /; s/ failed//')
    passed=${counts% *} failed=${counts#* }
    echo "$target: compiles, $passed tests passed of $((passed + failed))," \
        "left out: ${left_out:-nothing}${why:+ ($why)}"
    [ "$failed" = 0 ]
}

status=0 library_only=
[ "${1:-}" = --library ] && library_only=yes && shift
for target in "$@"; do check "$target" || status=1; done
exit $status
