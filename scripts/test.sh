#!/bin/sh
# test.sh NAME... - runs tests one after the other and counts.
#
# A name is a CMocka program of $BUILD/tests, a script of tests/, or one of the checks in scripts/.
# A script counts as one test, unless its last line has counts like ours; its exit status 77 means
# that it does not apply here. WRAPPER is put in front of programs (valgrind).
# The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1

build=${BUILD:-build}
logs=$build/tests/logs
mkdir -p "$logs"

if [ -n "${SANITIZE:-}" ]; then
    export ASAN_OPTIONS="detect_leaks=1:abort_on_error=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
    export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
fi

limit=
command -v timeout >/dev/null 2>&1 && limit="timeout ${TEST_TIMEOUT:-1200}"

now() { date +%s.%N | sed 's/\.N*$//'; }

# Sums of a CMocka log: passed, failed and the groups that began but did not end.
count() {
    awk '/^\[==========\].*Running [0-9]+ test\(s\)/ { open++ }
         /^\[==========\].*test\(s\) run/ { open--; groups++ }
         /^\[  PASSED  \].* test\(s\)/ { passed += $(NF - 1) }
         /^\[  FAILED  \].* test\(s\)/ {
             for (i = 1; i < NF; i++) if ($(i + 1) ~ /^test\(s\)/) failed += $i
         }
         END { print passed + 0, failed + 0, (open || !groups) ? 1 : 0 }' "$1"
}

passed=0 failed=0 broken=
for name in "$@"; do
    log=$logs/$name.log
    case $name in
    test_*) command="${WRAPPER:+$WRAPPER }$build/tests/$name" ;;
    check-*) command="scripts/$name.sh" ;;
    *) command="sh tests/$name.sh" ;;
    esac
    start=$(now)
    # shellcheck disable=SC2086
    $limit $command >"$log" 2>&1 </dev/null
    status=$?
    seconds=$(echo "$start $(now)" | awk '{ printf "%.1f", $2 - $1 }')

    unfinished=0
    counts=$(tail -n 1 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
    case $name in
    test_*) counts=$(count "$log") ;;
    esac
    # shellcheck disable=SC2086
    set -- $counts
    if [ $# != 0 ]; then
        good=$1 bad=$2 unfinished=${3:-0}
    else
        good=0 bad=0
        case $status in 0) good=1 ;; 77) ;; *) bad=1 ;; esac
    fi
    # A program that ends badly, or before its tests have ended, has failed even if none of its
    # tests has.
    case $status in
    0) ended_well=1 ;;
    77) ended_well=1 unfinished=0 ;;
    *) ended_well=0 ;;
    esac
    if [ "$bad" = 0 ] && [ "$ended_well$unfinished" != 10 ]; then bad=1; fi
    passed=$((passed + good)) failed=$((failed + bad))
    note=
    if [ $status = 77 ] && [ "$bad" = 0 ]; then note="  (skipped: $(tail -n 1 "$log"))"; fi
    if [ $status = 124 ] && [ -n "$limit" ]; then note="  (out of time)"; fi
    printf '%-28s %4d passed %4d failed %8s s%s\n' "$name" "$good" "$bad" "$seconds" "$note"
    if [ "$bad" != 0 ]; then
        broken="$broken $name"
        echo "---- $command ended with status $status ----"
        cat "$log"
        echo "---- end of $name ----"
    fi
done

[ -z "$broken" ] || echo "failed:$broken"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
