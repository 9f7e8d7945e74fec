#!/bin/sh
# types.sh [--install] - mypy --strict over a typed program and the Python package; `make lint`.
#
# What must be clean is the program, which is what users write, and every file of the package.
# Without a mypy that sees NumPy nothing is checked; --install puts both into a virtual environment
# under the build folder first.
set -u
cd "$(dirname "$0")/../bindings/python" || exit 2

case ${BUILD:-build} in
/*) venv=${BUILD}/types ;;
*) venv=$PWD/../../${BUILD:-build}/types ;;
esac

find_mypy() {
    for mypy in "$venv/bin/mypy" "${MYPY:-mypy}"; do
        "$mypy" --cache-dir "$venv.cache" -c 'import numpy' >/dev/null 2>&1 && return 0
    done
    return 1
}

mkdir -p "${venv%/*}"
if ! find_mypy && [ "${1:-}" = --install ]; then
    {
        python3 -m venv "$venv" &&
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check mypy numpy
    } >"$venv.log" 2>&1 || echo "types: mypy could not be installed (see $venv.log)"
fi
if ! find_mypy; then
    echo "types: not checked, there is no mypy with NumPy (scripts/types.sh --install brings it)"
    exit 0
fi

# c.py by itself: to the others c.pyi says what c.py makes out of the headers' tables.
others=$(ls recur/*.py | grep -vx recur/c.py)
status=0
for files in recur/c.py "tests/typed_sample.py $others recur/*/*.py recur/nn/utils/*.py"; do
    # shellcheck disable=SC2086 # a list of words
    MYPYPATH=. "$mypy" --strict --follow-imports=silent --cache-dir "$venv.cache" $files || status=1
done
exit $status
