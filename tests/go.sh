#!/bin/sh
# go.sh - bindings/go: its tests pass with the library that was built here. The last line is
# "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1

skip() {
    echo "$1"
    exit 77
}

[ -z "${SANITIZE:-}" ] || skip "Go programs cannot load a library with sanitizers"
command -v go >/dev/null 2>&1 || skip "there is no go"
lib=$PWD/${LIBRARY_FOLDER:-lib}
CGO_ENABLED=1
CGO_CFLAGS="-O1 -I$PWD/include"
CGO_LDFLAGS="-L$lib -Wl,-rpath,$lib"
GOFLAGS=-mod=mod
GOCACHE=$PWD/${BUILD:-build}/go
unset CFLAGS LDFLAGS CC
export CGO_ENABLED CGO_CFLAGS CGO_LDFLAGS GOFLAGS GOCACHE
mkdir -p "$GOCACHE"
[ -z "$(gofmt -l bindings/go)" ] || {
    gofmt -d bindings/go
    exit 1
}
log=$GOCACHE.log
(cd bindings/go && go vet -tags recur_path . && go test -tags recur_path -count=1 -v .) >"$log" 2>&1
status=$?
cat "$log"
awk '/^--- PASS: / { passed++ } /^--- FAIL: / { failed++ }
     END { print passed + 0 " passed, " failed + 0 " failed"; exit !passed }' "$log" || exit 1
exit $status
