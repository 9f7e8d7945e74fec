#!/bin/sh
# cpp.sh - the C++ header: its tests with every C++ compiler there is, as C++17 and C++20, without a
# warning; and that it covers every function of C.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."

if [ -n "${SANITIZE:-}" ]; then lib=${BUILD}/lib; else lib=lib; fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"

# Every function of the headers of C is called somewhere in those of C++; a cell is made from a
# layer, which the caller holds.
grep -ho '\brecur_[a-z_0-9]*' include/recur/*.hpp | sort -u >"$scratch/used"
sed -n 's/^        \(recur_[a-z_0-9]*\);$/\1/p' lib/librecur.map |
    grep -vx -e recur_cell_create -e recur_cell_layer -e recur_status_text |
    sort -u >"$scratch/exported"
missing=$(comm -23 "$scratch/exported" "$scratch/used")
if [ -n "$missing" ]; then
    echo "functions that recur.hpp does not have:" "$missing"
    exit 1
fi

found=
compilers="g++ clang++"
if [ -n "${SANITIZE:-}" ]; then # only the compiler of the library has its sanitizers
    case ${CC:-cc} in *clang*) compilers=clang++ ;; *) compilers=g++ ;; esac
fi
for cxx in ${CXX:-$compilers}; do
    command -v "$cxx" >/dev/null 2>&1 || continue
    found=1
    for standard in c++17 c++20; do
        for program in classify handles; do
            # shellcheck disable=SC2086
            "$cxx" -std=$standard -O1 $warnings ${SANITIZE:+-fsanitize=$SANITIZE} -Iinclude \
                "tests/cpp/$program.cpp" -L"$lib" -lrecur -Wl,-rpath,"$PWD/$lib" \
                -o "$scratch/$program"
            echo "$cxx $standard $program"
            "$scratch/$program"
        done
    done
done
if [ -z "$found" ]; then
    echo "there is no C++ compiler (g++ or clang++; CXX names another)"
    exit 77
fi
