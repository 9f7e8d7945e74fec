#!/bin/sh
# rust.sh - bindings/rust: the declarations are those of the headers, and the tests of the crates
# pass with the library that was built here. The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1

skip() {
    echo "$1"
    exit 77
}

[ -z "${SANITIZE:-}" ] || skip "Rust programs cannot load a library with sanitizers"
command -v cargo >/dev/null 2>&1 || skip "there is no cargo"
command -v python3 >/dev/null 2>&1 || skip "there is no python3 to read the headers"
python3 bindings/rust/tools/declarations.py --check || exit 1

RECUR_LIB_DIR=$PWD/lib
CARGO_TARGET_DIR=$PWD/${BUILD:-build}/rust
export RECUR_LIB_DIR CARGO_TARGET_DIR
log=$CARGO_TARGET_DIR.log
(cd bindings/rust && cargo test --offline) >"$log" 2>&1
status=$?
grep -v '^ *Compiling' "$log"
awk '/^test result: / { passed += $4; failed += $6 }
     END { print passed + 0 " passed, " failed + 0 " failed"; exit !passed }' "$log" || exit 1
exit $status
