#!/bin/sh
# zig.sh TARGET FOLDER - makes FOLDER/zig-cc and FOLDER/zig-ar, which compile for TARGET, such as
# x86_64-linux-gnu.2.17: zig cc brings the headers and libraries of many systems. Without it, it is
# installed from PyPI, into build/zig.
set -eu
cd "$(dirname "$0")/.."

python=$(pwd)/build/zig/bin/python
"$python" -m ziglang version >/dev/null 2>&1 || {
    command -v python3 >/dev/null 2>&1 || {
        echo "zig.sh: zig cc comes from PyPI: install python3" >&2
        exit 1
    }
    echo "zig.sh: installing ziglang into build/zig"
    python3 -m venv build/zig
    "$python" -m pip -q --disable-pip-version-check install ziglang
}
mkdir -p "$2"
printf '#!/bin/sh\nexec "%s" -m ziglang cc -target %s "$@"\n' "$python" "$1" >"$2/zig-cc"
printf '#!/bin/sh\nexec "%s" -m ziglang ar "$@"\n' "$python" >"$2/zig-ar"
chmod +x "$2/zig-cc" "$2/zig-ar"
