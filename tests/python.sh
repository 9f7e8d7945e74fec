#!/bin/sh
# python.sh - the tests of bindings/python, in a virtual environment under the build folder.
#
# PYTHON chooses the interpreter. If it has NumPy and pytest already it is used as it is; else they
# are installed into a virtual environment of our own, which finds what the system has. The last
# line is "N passed, N failed"; or it ends with 77 and a reason.
set -u
cd "$(dirname "$0")/.." || exit 1

skip() {
    echo "$1"
    exit 77
}

[ -z "${SANITIZE:-}" ] || skip "Python cannot load a library with sanitizers"
python=${PYTHON:-python3}
command -v "$python" >/dev/null 2>&1 || skip "there is no $python"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' || skip "$python is older than 3.9"

pip() { "$venv/bin/python" -m pip "$@"; }
has() { "$1" -c 'import numpy, pytest' >/dev/null 2>&1; }

venv=${BUILD:-build}/python
if ! has "$python"; then
    if ! has "$venv/bin/python"; then
        mkdir -p "$(dirname "$venv")"
        rm -rf "$venv"
        if ! "$python" -m venv --system-site-packages "$venv" >"$venv.log" 2>&1; then
            # Debian without python3-venv: an environment without pip, filled by a pip that is
            # somewhere else.
            rm -rf "$venv"
            "$python" -m venv --system-site-packages --without-pip "$venv" >>"$venv.log" 2>&1 ||
                skip "there is no virtual environment: install python3-venv"
        fi
        if ! has "$venv/bin/python"; then
            pip --version >/dev/null 2>&1 ||
                skip "there is no pip: install python3-venv, or python3-numpy and python3-pytest"
            pip install --quiet --disable-pip-version-check numpy pytest >>"$venv.log" 2>&1 ||
                skip "numpy and pytest could not be installed (see $venv.log)"
        fi
    fi
    python=$venv/bin/python
fi

RECUR_LIBRARY=$PWD/lib/librecur.so
PYTHONDONTWRITEBYTECODE=1
export RECUR_LIBRARY PYTHONDONTWRITEBYTECODE
report=$(mktemp)
trap 'rm -f "$report"' EXIT
"$python" -m pytest -p no:cacheprovider -q -rs --junitxml="$report" bindings/python/tests
status=$?
counts=$("$python" - "$report" <<'END'
import sys
import xml.etree.ElementTree as tree
try:
    suites = list(tree.parse(sys.argv[1]).getroot().iter("testsuite"))
    def count(key):
        return sum(int(suite.get(key, 0)) for suite in suites)
    bad = count("failures") + count("errors")
    print(count("tests") - count("skipped") - bad, bad)
except (OSError, tree.ParseError):
    print(0, 1)
END
)
# shellcheck disable=SC2086
set -- $counts
failed=$2
[ $status = 0 ] || [ "$failed" != 0 ] || failed=1
echo "$1 passed, $failed failed"
[ "$failed" = 0 ]
