#!/bin/sh
# web.sh [FOLDER] - builds the page of examples/web/ into FOLDER (build/web): index.html, page.js,
# and recur.js with the WebAssembly in it, so that the page works from a file.
#
# With Chromium on this machine the page is tried: it learns for 400 batches, must then tell 95 % of
# the strings that it has not seen, and is photographed as FOLDER/page.png. The library is that of
# `make check-wasm`, in build/cross/wasm.
set -eu
cd "$(dirname "$0")/.."

export NODE_PATH="${NODE_PATH:-/usr/share/nodejs}" # where Debian has what emscripten uses
folder=${1:-build/web}
wasm=build/cross/wasm
mkdir -p "$folder"
scripts/cross.sh --library wasm
cp examples/web/index.html examples/web/page.js "$folder/"
emcc -std=c11 -O2 -Wall -DRECUR_STATIC -Iinclude \
    examples/web/temporal_order.c "$wasm/lib/librecur.a" \
    -sMODULARIZE=1 -sEXPORT_NAME=recur -sSINGLE_FILE=1 -sALLOW_MEMORY_GROWTH=1 -sENVIRONMENT=web \
    -sEXPORTED_RUNTIME_METHODS=cwrap -o "$folder/recur.js"
echo "$folder/index.html: $(wc -c <"$folder/recur.js") bytes of recur.js"

browser=
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then browser=$name; fi
done
[ -n "$browser" ] || {
    echo "web: compiled, not tried: there is no Chromium"
    exit 0
}
timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
    --enable-logging=stderr --window-size=800,900 --virtual-time-budget=20000 \
    "--screenshot=$folder/page.png" "file://$(cd "$folder" && pwd)/index.html?batches=400" \
    >"$folder/browser.log" 2>&1 || true
said=$(sed -n 's/.*CONSOLE.*"\([0-9]* batches [^"]*\)".*/\1/p' "$folder/browser.log")
echo "the page says: $said"
percent=$(echo "$said" | sed -n 's/.*accuracy \([0-9]*\).*/\1/p')
[ "${percent:-0}" -ge 95 ] || {
    echo "web: it should tell 95 % of the strings: $folder/browser.log" >&2
    exit 1
}
echo "1 passed, 0 failed"
