#!/bin/sh
# own_set.sh SET... - of the instruction sets of the library, the one that this machine's processor
# runs fastest, and the one that runs on all such machines, which a build has to have. The compiler
# knows the processor. Where it says nothing, all sets are named again.
set -u

macros=$(echo | ${CC:-cc} -march=native -dM -E - 2>/dev/null) || macros=
has() { echo "$macros" | grep -qw "$1"; }
own=$*
case " $* " in
*" avx512 "*)
    own="ref sse2"
    if has __AVX2__ && has __FMA__; then own="ref avx2"; fi
    if has __AVX512DQ__ && has __AVX512BW__ && has __AVX512VL__; then own="ref avx512"; fi
    ;;
*" neon "*) own="neon" ;;
esac
if [ -n "$macros" ]; then echo "$own"; else echo "$*"; fi
