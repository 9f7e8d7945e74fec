#!/bin/sh
# cortex-m.sh [--table] - models as C on emulated Cortex-M processors. Run from the root of the
# project, behind make.
#
# Trains examples/keyword.c, compiles what it writes for a Cortex-M3 and a Cortex-M4F, and runs the
# self-tests under qemu; a Cortex-M0+ is run on the M3, which knows all its instructions. --table
# measures LSTM and GRU of 8 to 128 units besides, as docs/microcontrollers.md has them.
set -eu
export LC_ALL=C
tests=tests/cortex_m
missing=
for tool in arm-none-eabi-gcc qemu-system-arm; do
    command -v $tool >/dev/null 2>&1 || missing="$missing $tool"
done
[ -n "$missing" ] || echo 'int main(void) { return 0; }' |
    arm-none-eabi-gcc --specs=rdimon.specs -x c -o /dev/null - 2>/dev/null ||
    missing=" newlib for arm-none-eabi"
if [ -n "$missing" ]; then
    echo "check-cortex-m: skipped, there is no$missing here:" \
        "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"
    exit 0
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
strict="-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror"
plain="-O2 -ffunction-sections -Wl,--gc-sections -I$scratch"

# processor: its flags, its machine
flags_of() {
    case $1 in
    m0plus) echo "-mcpu=cortex-m0plus -mthumb" ;;
    m3) echo "-mcpu=cortex-m3 -mthumb" ;;
    m4f) echo "-mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard" ;;
    esac
}
machine_of() { if [ "$1" = m4f ]; then echo mps2-an386; else echo mps2-an385; fi; }

# run PROCESSOR PROGRAM [option of qemu ...]
run() {
    machine=$(machine_of "$1") program=$2
    shift 2
    timeout 300 qemu-system-arm -M "$machine" -display none -monitor none -serial none \
        -semihosting-config enable=on,target=native "$@" -kernel "$program"
}

# link PROCESSOR PROGRAM SOURCE...
link() {
    processor=$1 program=$2
    shift 2
    # shellcheck disable=SC2046,SC2086
    arm-none-eabi-gcc $(flags_of "$processor") $plain -nostartfiles -T $tests/mps2.ld \
        --specs=nano.specs --specs=rdimon.specs -o "$program" $tests/start.c "$@" -lm
}

# The self-test of a model on all three.
self_test() {
    capitals=$(echo "$1" | tr a-z A-Z)
    for processor in m0plus m3 m4f; do
        # shellcheck disable=SC2046,SC2086
        arm-none-eabi-gcc $(flags_of $processor) $strict -O2 "-D${capitals}_SELF_TEST" \
            -c -o "$scratch/$1.o" "$scratch/$1.c"
        link $processor "$scratch/$1.elf" "$scratch/$1.o"
        printf '%-7s ' $processor
        run $processor "$scratch/$1.elf"
    done
}

"${BUILD:-build}/examples/keyword" "$scratch"
self_test keyword
[ "${1:-}" = --table ] || exit 0

# ---- the table -----------------------------------------------------------------------------------

# bytes of a section
size_of() {
    arm-none-eabi-size -A "$1" |
        awk -v want="$2" 'index($1, want) == 1 { n += $2 } END { print n + 0 }'
}
stack_of() { awk -F '\t' '$2 > most { most = $2 } END { print most + 0 }' "$1"; }

measure() {
    name=$1 processor=$2
    capitals=$(echo "$name" | tr a-z A-Z)
    # shellcheck disable=SC2046,SC2086
    arm-none-eabi-gcc $(flags_of "$processor") $strict -O2 -fstack-usage -c \
        -o "$scratch/$name.o" "$scratch/$name.c"
    flash=$(($(size_of "$scratch/$name.o" .text) + $(size_of "$scratch/$name.o" .rodata)))
    stack=$(stack_of "$scratch/$name.su")
    state=$(awk '/_STATE_FLOATS/ { print 4 * $3 }' "$scratch/$name.h")
    link "$processor" "$scratch/$name.elf" "-DHEADER=\"$name.h\"" "-DSTEP=${name}_step" \
        "-DSTATE=${name}_state" "-DINIT=${name}_init" "-DINPUTS=${capitals}_INPUTS" \
        "-DOUTPUTS=${capitals}_OUTPUTS" $tests/count.c "$scratch/$name.o"
    count=$(run "$processor" "$scratch/$name.elf" -icount shift=0)
    echo "| $3 | $4 | $5 | $flash | $state | $stack | $count |"
}

${CC:-cc} -std=c99 -Iinclude -o "$scratch/model" $tests/model.c -Llib -lrecur \
    -Wl,-rpath,"$PWD/lib"
for processor in m4f m0plus; do
    echo "$processor"
    echo "| | units | precision | flash | state | stack | instructions of a step |"
    for cell in lstm gru; do
        for units in ${UNITS:-8 16 32 64 128}; do
            for precision in float int8 int8-library; do
                "$scratch/model" $cell $units $precision "$scratch/m.c"
                measure m $processor $cell $units $precision
            done
        done
    done
done
