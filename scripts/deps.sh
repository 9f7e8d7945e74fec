#!/bin/sh
# deps.sh [--check] compiler|library|examples|suite|tests|valgrind|lint
# deps.sh --blas | --zlib
#
# Finds out what is missing by compiling and linking against it, and installs that with the system's
# package manager. --check installs nothing and says what to do. With everything there it says
# nothing. For a compiler that builds for another machine nothing is installed. A CBLAS is wanted
# where BLAS=cblas is set, zlib unless ZLIB=none is. --blas says cblas or none, --zlib zlib or none:
# what is here.
set -u

check=
[ "${1:-}" = --check ] && check=1 && shift
how="make deps"
cblas=
zlib=zlib
[ "${BLAS:-}" = cblas ] && cblas=cblas
[ "${ZLIB:-}" = none ] && zlib=
case "${1:-library}" in
--blas) wanted=cblas ;;
--zlib) wanted=zlib ;;
compiler) wanted=compiler ;;
library) wanted="compiler $cblas" ;;
examples) wanted="compiler $cblas $zlib" ;;
suite) wanted="compiler $cblas cmocka" ;;
tests) wanted="compiler $cblas zlib cmocka pkg-config" ;;
valgrind) wanted="compiler $cblas cmocka valgrind" ;;
lint) wanted="clang-format python3" how="scripts/deps.sh lint" ;;
*) echo "deps.sh: unknown purpose $1" >&2 && exit 2 ;;
esac

blas_libs=${BLAS_LIBS:--lopenblas}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# What a program that needs $1 says.
program() {
    case $1 in
    cblas) echo '#include <cblas.h>
        double cblas(void) { double x = 2; return cblas_ddot(1, &x, 1, &x, 1); }' ;;
    zlib) echo '#include <zlib.h>
        const char *zlib(void) { return zlibVersion(); }' ;;
    cmocka) echo '#include <stdarg.h>
        #include <stddef.h>
        #include <stdint.h>
        #include <setjmp.h>
        #include <cmocka.h>
        void cmocka(void) { assert_true(1); }' ;;
    esac
}

libraries() {
    case $1 in
    cblas) echo "$blas_libs -lm" ;;
    zlib) echo -lz ;;
    cmocka) echo -lcmocka ;;
    esac
}

# One program with all of $@ compiles and links.
links() {
    {
        for part in "$@"; do program "$part"; done
        echo 'int main(void) { return 0; }'
    } >"$scratch/probe.c"
    linked=
    for part in "$@"; do linked="$linked $(libraries "$part")"; done
    # shellcheck disable=SC2086 # the caller's flags are lists
    ${CC:-cc} ${BLAS_CFLAGS:-} ${CPPFLAGS:-} ${CFLAGS:-} ${LDFLAGS:-} -o "$scratch/probe" \
        "$scratch/probe.c" $linked >"$scratch/probe.log" 2>&1
}

there() {
    case $1 in
    compiler) links ;;
    pkg-config) command -v "${PKG_CONFIG:-pkg-config}" >/dev/null 2>&1 ;;
    clang-format) command -v "${CLANG_FORMAT:-clang-format}" >/dev/null 2>&1 ;;
    valgrind | python3) command -v "$1" >/dev/null 2>&1 ;;
    *) links "$1" ;;
    esac
}

case "${1:-library}" in
--blas | --zlib)
    if links "$wanted"; then echo "$wanted"; else echo none; fi
    exit 0
    ;;
esac

# The fast way first: everything that links in one program, the tools by looking.
find_missing() {
    missing=
    compiled= tools=
    for part in $wanted; do
        case $part in
        compiler) ;;
        pkg-config | valgrind | clang-format | python3) tools="$tools $part" ;;
        *) compiled="$compiled $part" ;;
        esac
    done
    # shellcheck disable=SC2086
    if [ -n "$compiled" ]; then links $compiled || tools="compiler $compiled $tools"; fi
    for part in $tools; do there "$part" || missing="$missing $part"; done
    # Without a compiler nothing can be tried.
    case $missing in *compiler*) missing=" $wanted" ;; esac
    missing=${missing# }
}

# The package that brings $2 under package manager $1.
package() {
    case $1:$2 in
    apt-get:compiler) echo gcc libc6-dev ;;
    # Of Debian's OpenBLAS the one without threads: one thread of a context is one thread.
    apt-get:cblas) echo libopenblas-serial-dev ;;
    apt-get:zlib) echo zlib1g-dev ;;
    apt-get:cmocka) echo libcmocka-dev ;;
    apk:compiler) echo gcc musl-dev ;;
    apk:cblas) echo openblas-dev ;;
    apk:zlib | apk:cmocka) echo "$2-dev" ;;
    dnf:cblas | zypper:cblas) echo openblas-devel ;;
    dnf:cmocka | zypper:cmocka) echo libcmocka-devel ;;
    dnf:zlib | zypper:zlib) echo "$2-devel" ;;
    pacman:cblas | brew:cblas) echo openblas ;;
    apk:clang-format) echo clang-extra-tools ;;
    dnf:clang-format) echo clang-tools-extra ;;
    pacman:clang-format | zypper:clang-format) echo clang ;;
    pacman:python3 | brew:python3) echo python ;;
    apk:pkg-config | pacman:pkg-config | brew:pkg-config) echo pkgconf ;;
    dnf:pkg-config) echo pkgconf-pkg-config ;;
    *:compiler) echo gcc ;;
    *) echo "$2" ;;
    esac
}

packages() {
    list=
    for part in $missing; do list="$list $(package "$1" "$part")"; done
    echo "${list# }"
}

manager=
for name in apt-get dnf pacman zypper apk brew; do
    command -v $name >/dev/null 2>&1 && manager=$name && break
done

find_missing
[ -z "$missing" ] && exit 0

# A compiler for another machine: the packages of this one are of no use to it.
machine() { echo "${1%%-*}" | sed 's/^amd64$/x86_64/; s/^arm64$/aarch64/; s/^i[3-6]86$/i686/'; }
target=$(${CC:-cc} -dumpmachine 2>/dev/null) || target=
if [ -n "$target" ] && [ "$(machine "$target")" != "$(machine "$(uname -m)")" ]; then
    echo "librecur needs what is not there for $target: $missing." >&2
    echo "Install it for $target, and name its folders in CPPFLAGS and LDFLAGS." >&2
    exit 1
fi

names=$(packages "${manager:-none}")
if [ -n "$check" ]; then
    echo "librecur needs what is not here: $missing." >&2
    if [ "$blas_libs" != -lopenblas ]; then
        echo "(BLAS is looked for with BLAS_LIBS=\"$blas_libs\".)" >&2
    fi
    echo "\`$how\` installs it${manager:+ ($manager: $names)}." >&2
    exit 1
fi

stop() {
    echo "deps: $1" >&2
    echo "deps: please install: $missing${manager:+ ($manager: $names)}" >&2
    exit 1
}

[ -n "$manager" ] ||
    stop "there is no package manager that it knows (apt-get, dnf, pacman, zypper, apk, brew)"
case " $missing " in
*" cblas "*)
    [ "$blas_libs" = -lopenblas ] ||
        stop "a program with cblas.h does not link with BLAS_LIBS=\"$blas_libs\""
    ;;
esac

case "${CC:-cc} $missing " in
cc\ * | gcc\ *) ;;
*" compiler "*) stop "CC=\"$CC\" does not compile a program" ;;
esac

as_root=
if [ "$manager" != brew ] && [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || stop "installing takes root, and there is no sudo"
    as_root=sudo
fi

echo "deps: missing: $missing; installing with $manager: $names"
# shellcheck disable=SC2086
case $manager in
apt-get)
    $as_root apt-get -q update ||
        echo "deps: the package lists could not be updated; trying with the old ones" >&2
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $names
    ;;
dnf) $as_root dnf -y install $names ;;
pacman) $as_root pacman -S --needed --noconfirm $names ;;
zypper) $as_root zypper --non-interactive install $names ;;
apk) $as_root apk add $names ;;
brew) brew install $names ;;
esac || stop "$manager could not install everything"

find_missing
if [ -n "$missing" ]; then
    cat "$scratch/probe.log" >&2
    stop "still missing after the installation"
fi
echo "deps: everything is there"
