#!/bin/sh
# headers.sh [HEADER ...] - the comments of public headers: every argument has its @param, no line
# is longer than 100 columns, and the examples at the top compile without a warning and run.
#
# HEADER: names below include/recur. Without one, those that are listed here.
#
# An example is what stands in the first comment, five columns in, between "Example" and the end of
# that comment or the next line that is not indented. All of a header are the body of one function,
# in which TRY(call) ends the program with a message.
set -eu
cd "$(dirname "$0")/.."

all="../recur.h base.h status.h context.h random.h packed.h recurrent.h convolution.h graph.h
     layer.h cell.h state.h tape.h memory.h quantise.h loss.h optimizer.h shards.h file.h model.h
     import.h"
headers=${*:-$all}
root=$PWD cc=${CC:-cc} build=${BUILD:-build} lib=lib
[ -z "${SANITIZE:-}" ] || lib=$build/lib
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

for header in $headers; do
    awk '
        function offence(why) { printf "include/recur/%s:%d: %s\n", header, FNR, why; bad = 1 }
        /^\/\*\*/ { said = " " }
        /^ \* @param / { said = said $3 " " }
        /^RECUR_(API|NODISCARD) / { collecting = 1; prototype = "" }
        collecting { prototype = prototype " " $0 }
        collecting && /;/ {
            collecting = 0
            sub(/^[^(]*\(/, "", prototype)
            sub(/\);.*/, "", prototype)
            count = split(prototype, argument, ",")
            for (i = 1; i <= count; i++) {
                name = argument[i]
                gsub(/\[[^]]*\]/, "", name)
                sub(/.*[ *]/, "", name)
                if (name != "void" && index(said, " " name " ") == 0) offence("no @param for " name)
            }
        }
        END { exit bad }' header="$header" "include/recur/$header" || failed=1
    LC_ALL=C.UTF-8 grep -nE '^.{101}' "include/recur/$header" |
        sed "s|^|include/recur/$header:|; s|$| (over 100 columns)|" \
        >"$scratch/long"
    cat "$scratch/long"
    [ ! -s "$scratch/long" ] || failed=1

    {
        echo '#include <recur.h>'
        echo '#include <stdio.h>'
        echo '#include <stdlib.h>'
        echo '#define TRY(call) if (call) { puts(recur_last_error()); exit(1); } else (void)0'
        echo 'int main(void)'
        echo '{'
        awk '/^\/\*/ { top++ } top != 1 { exit }
             /^ \* Example/ { on = 1 }
             on && /^ \*     / { sub(/^ \*/, ""); print }
             / \*\/$/ { exit }' "include/recur/$header"
        echo '    return 0;'
        echo '}'
    } >"$scratch/example.c"
    if [ "$(wc -l <"$scratch/example.c")" -le 8 ]; then
        echo "include/recur/$header: its first comment has no example"
        failed=1
        continue
    fi
    if ! (cd "$scratch" &&
        $cc -std=c99 -Wall -Wextra -Wconversion -Werror ${SANITIZE:+-fsanitize=$SANITIZE} \
            -I"$root/include" example.c -o example \
            -L"$root/$lib" -lrecur -Wl,-rpath,"$root/$lib" && ./example >said 2>&1); then
        echo "include/recur/$header: its example does not compile, or fails:"
        cat "$scratch/example.c"
        [ ! -f "$scratch/said" ] || cat "$scratch/said"
        failed=1
    fi
done

[ $failed = 0 ] || exit 1
count=$(echo "$headers" | wc -w | tr -d ' ')
echo "headers: $count with an example, a @param for every argument, and 100 columns"
