#!/bin/sh
# mpi.sh - librecur_mpi and examples/mpi_train: any number of ranks gives the same bits, a run that
# was killed goes on with another number of them, and a rank that dies or falls silent ends the run
# with a sentence on every other one. The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1

skip() {
    echo "$1"
    exit 77
}

[ -z "${SANITIZE:-}" ] || skip "MPI has leaks of its own that a sanitizer would tell of"
for tool in "${MPICC:-mpicc}" mpirun; do
    command -v "$tool" >/dev/null 2>&1 ||
        skip "there is no $tool: apt-get install libopenmpi-dev openmpi-bin"
done

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0
program=${BUILD:-build}/examples/mpi_train
OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM

# check NAME CONDITION...: counts one test.
check() {
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        tail -n 12 "$tmp/out" "$tmp/err" | sed 's/^/  /'
    fi
}

# ranks N OPTION...: a run, its output without times in $tmp/out.
ranks() {
    n=$1
    shift
    timeout 300 mpirun --oversubscribe -n "$n" "$program" "$@" >"$tmp/timed" 2>"$tmp/err"
    status=$?
    sed 's/  [0-9.]* s$//' "$tmp/timed" >"$tmp/out"
    return $status
}

same() { cmp -s "$1" "$2"; }
last_is() { [ "$(tail -n 1 "$tmp/out")" = "$(tail -n 1 "$1")" ]; }
sentences() { [ "$(grep -c "RECUR_E_IO: rank [0-9] of 4.*$1" "$tmp/err")" -eq 3 ]; }
before() { [ "$(date +%s)" -le "$1" ]; }

${MAKE:-make} -s mpi >"$tmp/out" 2>"$tmp/err" || {
    cat "$tmp/out" "$tmp/err"
    echo "0 passed, 1 failed"
    exit 1
}

# ---- the same bits -------------------------------------------------------------------------------

small="--hidden 24 --dropout 0.2 --batch 32 --epochs 2 --train 320"
for task in "digits" "text --text README.md --updates 12 --window 20" \
    "text --text README.md --updates 6 --exact"; do
    # shellcheck disable=SC2086
    ranks 1 --task $task $small
    cp "$tmp/out" "$tmp/want"
    check "$task learns" grep -q 'updates, parameters' "$tmp/want"
    for division in "1 2" "2 1" "3 1" "4 2" "8 1"; do
        # shellcheck disable=SC2086
        ranks "${division% *}" --task $task $small --threads "${division#* }"
        check "$task: ranks and threads $division" same "$tmp/out" "$tmp/want"
    done
done

# ---- resuming ------------------------------------------------------------------------------------

long="--hidden 24 --dropout 0.2 --batch 32 --window 20 --task text --text README.md --updates 60"
# shellcheck disable=SC2086
ranks 1 $long
cp "$tmp/out" "$tmp/want"
for division in "1 3" "4 1" "3 8" "8 2"; do
    # shellcheck disable=SC2086
    ranks "${division% *}" $long --updates 31 --every 10 --save "$tmp/run"
    # shellcheck disable=SC2086
    ranks "${division#* }" $long --load "$tmp/run"
    check "stopped and resumed by ranks $division" last_is "$tmp/want"
done

# begin OPTION...: four ranks that train for long, in the background, until they have saved.
begin() {
    rm -f "$tmp/run"
    # shellcheck disable=SC2086
    timeout 300 mpirun --oversubscribe -n 4 "$program" $long --updates 100000 --epochs 100000 \
        --every 10 --save "$tmp/run" "$@" >"$tmp/out" 2>"$tmp/err" &
    mpirun=$!
    third=
    for _ in $(seq 300); do
        starter=$(ps --ppid $mpirun -o pid= | head -n 1)
        [ -n "$starter" ] && third=$(ps --ppid "$starter" -o pid= | sed -n 3p)
        [ -n "$third" ] && [ -e "$tmp/run" ] && break
        sleep 0.1
    done
}

begin
kill -KILL "$third"
wait $mpirun
status=$?
check "a rank is killed: the run fails" [ "$status" -ne 0 ]
check "a rank is killed: a sentence on every other one" sentences "has ended\|was told to end"
# shellcheck disable=SC2086
ranks 1 $long --epochs 100000 --updates 200
cp "$tmp/out" "$tmp/want"
# shellcheck disable=SC2086
ranks 3 $long --epochs 100000 --updates 200 --load "$tmp/run"
check "killed and resumed by three ranks" last_is "$tmp/want"

begin --silence 2
kill -STOP "$third"
late=$(($(date +%s) + 60))
while kill -0 "$mpirun" 2>/dev/null && [ "$(grep -c RECUR_E_IO "$tmp/err")" -lt 1 ] &&
    before "$late"; do
    sleep 0.2
done
check "a rank is silent" grep -q 'has been silent for [0-9]* seconds' "$tmp/err"
kill -KILL "$third" 2>/dev/null
kill "$mpirun" 2>/dev/null
wait $mpirun 2>/dev/null

# ---- installing ----------------------------------------------------------------------------------

cat >"$tmp/one.c" <<'END'
#include <recur_mpi.h>
int main(int argc, char **argv)
{
    recur_mpi *mpi;
    int bad = recur_mpi_create(MPI_COMM_WORLD, NULL, &mpi) != RECUR_E_UNSUPPORTED;
    MPI_Init(&argc, &argv);
    const recur_mpi_options negative = { .size = sizeof negative, .seconds = -1 };
    const recur_mpi_options empty = { .size = 1 };
    bad |= recur_mpi_create(MPI_COMM_WORLD, NULL, NULL) != RECUR_E_ARGUMENT;
    bad |= recur_mpi_create(MPI_COMM_WORLD, &negative, &mpi) != RECUR_E_ARGUMENT;
    bad |= recur_mpi_create(MPI_COMM_WORLD, &empty, &mpi) != RECUR_E_ARGUMENT;
    bad |= recur_mpi_create(MPI_COMM_WORLD, NULL, &mpi) != RECUR_OK;
    bad |= recur_mpi_rank(mpi) != 0 || recur_mpi_ranks(mpi) != 1 || recur_mpi_rank(NULL) != -1;
    bad |= recur_mpi_exchange(NULL, 0, 0, NULL, 0, NULL) != RECUR_E_ARGUMENT;
    float number = 1;
    bad |= recur_mpi_exchange(mpi, 7, 1, &number, 0, NULL) != RECUR_E_IO; /* MPI: no such rank */
    bad |= recur_mpi_exchange(mpi, 0, 0, NULL, 0, NULL) != RECUR_E_IO;    /* and now it is broken */
    recur_mpi_release(mpi);
    recur_mpi_release(NULL);
    MPI_Finalize();
    return bad;
}
END
${MAKE:-make} -s install install-mpi PREFIX="$tmp/there" >"$tmp/out" 2>"$tmp/err"
uses() {
    flags=$(PKG_CONFIG_PATH=$tmp/there/lib/pkgconfig ${PKG_CONFIG:-pkg-config} --cflags --libs \
        recur-mpi) || return 1
    # shellcheck disable=SC2086
    ${MPICC:-mpicc} -std=c99 -o "$tmp/one" "$tmp/one.c" $flags -Wl,-rpath,"$tmp/there/lib" \
        >"$tmp/out" 2>"$tmp/err" && mpirun -n 1 "$tmp/one" >"$tmp/out" 2>"$tmp/err"
}
check "a program with the installed library" uses
${MAKE:-make} -s uninstall PREFIX="$tmp/there" >/dev/null 2>&1
check "uninstall leaves nothing" [ -z "$(find "$tmp/there" -name '*recur*' -type f)" ]

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
