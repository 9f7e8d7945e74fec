#!/bin/sh
# build.sh - what OSS-Fuzz runs. It sets CC, CFLAGS, LIB_FUZZING_ENGINE and OUT; the image needs
# make, zip and zlib1g-dev. scripts/fuzz.sh has the targets.
set -eu
cd "$(dirname "$0")/../.."
exec scripts/fuzz.sh --build "$OUT"
