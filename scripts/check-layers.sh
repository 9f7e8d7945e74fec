#!/bin/sh
# check-layers.sh [FOLDER] - who may include whom below src/ (or FOLDER), and what may be called
# where.
#
# Comments and the contents of strings do not count. Prints every offence as file:line: and ends
# with status 1 if there is one.
set -u
cd "$(dirname "$0")/.." || exit 1
src=${1:-src}

# room: the rooms whose headers it may include, beside its own and recur.h
rooms='
base:
kernels:   base
linalg:    base kernels
tiles:     base kernels
cells:     base kernels tiles
packed:    base
core:      base kernels cells packed
layers:    base kernels linalg packed core
recurrent: base kernels linalg tiles cells packed core
run:       base kernels packed core
train:     base kernels linalg
json:      base
file:      base json
model:     base kernels packed core layers recurrent run train json file
import:    base json file
compile:   base kernels cells packed core layers recurrent json file
'

# what may not be there; where it may (a file, a folder, or -); why
environment='the environment is read in one place'
cpu='the CPU is asked in one place'
memory='memory goes through recur__alloc and recur__free'
rules="
getenv|secure_getenv|environ                         base/context.c  $environment
malloc|posix_memalign|aligned_alloc|free             base/system.h   $memory
_aligned_malloc|_aligned_free                        base/system.h   $memory
calloc|realloc|reallocarray|strdup|strndup|asprintf  -               $memory
__builtin_cpu_supports|__builtin_cpu_init|getauxval  base/cpu.c      $cpu
sysconf|sysctl|sysctlbyname                          base/cpu.c      $cpu
printf|fprintf|vprintf|vfprintf|dprintf              -               a library does not print
puts|fputs|putchar|perror|stdout|stderr              -               a library does not print
exit|_exit|_Exit|quick_exit|abort|assert|raise       -               errors are values
__builtin_trap|__builtin_abort                       -               errors are values
cblas_[a-z0-9_]*|openblas_[a-z0-9_]*|cblas\\.h       linalg/         only linalg knows BLAS
"

found=$(mktemp) || exit 1
trap 'rm -f "$found"' EXIT

for file in $(find "$src" -name '*.[ch]' -o -name '*.inc' | LC_ALL=C sort); do
    awk -f scripts/strip.awk "$file" |
        awk -v file="$file" -v path="${file#"$src"/}" -v rooms="$rooms" -v rules="$rules" '
        function offence(why) { printf "%s:%d: %s\n", file, FNR, why }
        function misnamed(name, what) { offence("\"" name "\": say the room" what) }
        BEGIN {
            room = path
            sub(/\/.*/, "", room)
            n = split(rooms, row, "\n")
            for (i = 1; i <= n; i++) {
                count = split(row[i], word, /[: ]+/)
                if (word[1] != room || word[1] == "") continue
                known = allowed[room] = 1
                for (k = 2; k <= count; k++) allowed[word[k]] = 1
            }
            if (!known) offence("no room of this name is in scripts/check-layers.sh")
            n = split(rules, row, "\n")
            for (i = 1; i <= n; i++) {
                count = split(row[i], word, / +/)
                if (count < 3 || (word[2] != "-" && index(path, word[2]) == 1)) continue
                pattern[++patterns] = "(^|[^A-Za-z0-9_.>])(" word[1] ")([^A-Za-z0-9_]|$)"
                reason[patterns] = row[i]
                sub(/^[^ ]+ +[^ ]+ +/, "", reason[patterns])
            }
        }
        /^[ \t]*#[ \t]*include[ \t]*"/ {
            split($0, quoted, "\"")
            name = quoted[2]
            from = name
            sub(/\/.*/, "", from)
            if (name == "recur.h") next
            if (name !~ /\//) misnamed(name, ", as in \"" room "/" name "\"")
            else if (name ~ /\.\.\//) misnamed(name, ", not the way to it")
            else if (!(from in allowed)) offence(room " may not include " name)
            next
        }
        {
            gsub(/format *\( *printf/, "") # the attribute
            for (i = 1; i <= patterns; i++)
                if (match($0, pattern[i])) {
                    text = substr($0, RSTART, RLENGTH)
                    gsub(/^[^A-Za-z0-9_]|[^A-Za-z0-9_]$/, "", text)
                    offence(text ": " reason[i])
                }
        }' >>"$found"
done

if [ -s "$found" ]; then
    cat "$found"
    exit 1
fi
count=$(find "$src" -name '*.[ch]' -o -name '*.inc' | wc -l | tr -d ' ')
echo "layers: $count files keep to their rooms"
