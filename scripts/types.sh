#!/bin/sh
# types.sh [--install] - mypy --strict over a typed program and over the Python package.
#
# The program, which is what users write, must be clean. In the package itself LIMIT findings are
# left, and there must not be more: lower it when some are gone. Without mypy nothing is checked;
# --install puts it into a virtual environment under the build folder first.
set -u
cd "$(dirname "$0")/.." || exit 2

LIMIT=269
venv=${BUILD:-build}/types

# A mypy that also sees NumPy.
works() { "$1" -c 'import numpy' >/dev/null 2>&1; }

find_mypy() {
    for mypy in "${MYPY:-mypy}" "$venv/bin/mypy"; do works "$mypy" && return 0; done
    return 1
}

if ! find_mypy && [ "${1:-}" = --install ]; then
    mkdir -p "${venv%/*}"
    { python3 -m venv "$venv" && "$venv/bin/python" -m pip install -q mypy numpy; } \
        >"$venv.log" 2>&1 || echo "types: mypy could not be installed (see $venv.log)"
fi
if ! find_mypy; then
    echo "types: not checked, there is no mypy with NumPy (scripts/types.sh --install brings it)"
    exit 0
fi

MYPYPATH=bindings/python
export MYPYPATH
"$mypy" --strict --follow-imports=silent bindings/python/tests/typed_sample.py || exit 1
found=$("$mypy" --strict -p recur)
count=$(echo "$found" | grep -c ': error: ')
if [ "$count" -gt "$LIMIT" ]; then
    echo "$found" | grep ': error: '
    echo "types: $count findings of mypy --strict in the package; $LIMIT are allowed"
    exit 1
fi
echo "types: the program is clean; $count findings in the package"
