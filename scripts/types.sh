#!/bin/sh
# types.sh [--install] - mypy --strict over a typed program and the Python package; `make lint`.
#
# What must be clean is the program, which is what users write, and every file of the package that
# is not named in `later`. Take a name out when its file is clean. Without a mypy that sees NumPy
# nothing is checked; --install puts both into a virtual environment under the build folder first.
set -u
cd "$(dirname "$0")/../bindings/python" || exit 2

later='c'                             # c.pyi says what c.py makes out of the headers' tables
later="$later onnx_import onnx_nodes" # of the converters
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

files=tests/typed_sample.py
for file in recur/*.py recur/nn/*.py recur/nn/utils/*.py recur/optim/*.py \
    recur/convert/*.py; do
    name=$(basename "$file" .py)
    case " $later " in
    *" $name "*) ;;
    *) files="$files $file" ;;
    esac
done
# shellcheck disable=SC2086 # a list of words
MYPYPATH=. "$mypy" --strict --follow-imports=silent --cache-dir "$venv.cache" $files || exit 1
