#!/bin/sh
# cortex-m.sh [--table] - models as C on emulated small processors. Run from the root of the
# project, behind make.
#
# Trains examples/keyword.c, compiles what it writes for a Cortex-M3, a Cortex-M4F, a RISC-V of 32
# bits and one with vectors, and runs the self-tests under qemu; a Cortex-M0+ is run on the M3,
# which knows all its instructions. Vectors take a clang from 16 on, which RVV_CC names. --table
# measures LSTM and GRU of 8 to 128 units besides, there and on this machine (valgrind), as
# docs/microcontrollers.md has them. PROCESSORS, CELLS and UNITS take a part of it,
# INPUTS another number of inputs than 8.
#
# What is missing is installed with apt-get. Where that cannot be, what cannot be run is skipped
# with a sentence.
set -eu
export LC_ALL=C
tests=tests/cortex_m

# ---- tools ---------------------------------------------------------------------------------------

arm_works() {
    command -v qemu-system-arm >/dev/null 2>&1 && echo 'int main(void) { return 0; }' |
        arm-none-eabi-gcc --specs=rdimon.specs -x c -o /dev/null - 2>/dev/null
}
rv32_works() {
    command -v qemu-system-riscv32 >/dev/null 2>&1 && echo 'int main(void) { return 0; }' |
        riscv64-unknown-elf-gcc --specs=picolibc.specs -x c -c -o /dev/null - 2>/dev/null
}
rv64v_works() {
    rv32_works && command -v qemu-system-riscv64 >/dev/null 2>&1 &&
        echo '#include <riscv_vector.h>
            int all(void) { return (int)__riscv_vsetvlmax_e8m1(); }' |
        $vector_compiler -march=rv64gc_zve32x -ffreestanding -x c -c -o /dev/null - 2>/dev/null
}
valgrind_works() { command -v valgrind >/dev/null 2>&1; }

vector_compiler="${RVV_CC:-clang} --target=riscv64-unknown-elf
    -isystem /usr/lib/picolibc/riscv64-unknown-elf/include"

# has TOOLS PACKAGE...: whether they work, if need be after they were installed
has() {
    tools=$1
    shift
    ! "${tools}_works" || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "check-cortex-m: installing $*"
        apt-get -q -o DPkg::Lock::Timeout=600 update >/dev/null 2>&1 || true
        DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 install -y \
            --no-install-recommends "$@" >/dev/null 2>&1 || true
    fi
    ! "${tools}_works" || return 0
    echo "check-cortex-m: $tools is skipped, as its tools are not here: apt-get install $*"
    return 1
}
has_processor() {
    case $1 in
    rv64v)
        ! rv64v_works || return 0
        echo "check-cortex-m: rv64v is skipped; let RVV_CC name a clang from 16 on"
        return 1
        ;;
    rv32) has rv32 gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc ;;
    x86) has valgrind valgrind ;;
    *) has arm gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm ;;
    esac
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
strict="-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror"
plain="-O2 -ffunction-sections -Wl,--gc-sections -I$scratch"

# ---- processors ----------------------------------------------------------------------------------

flags_of() {
    case $1 in
    m0plus) echo "-mcpu=cortex-m0plus -mthumb" ;;
    m3) echo "-mcpu=cortex-m3 -mthumb" ;;
    m4f) echo "-mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard" ;;
    rv32) echo "-march=rv32imafc -mabi=ilp32f" ;;
    rv64v) echo "-march=rv64gc_zve32x_zvl128b -mcmodel=medany" ;;
    esac
}
compiler_of() {
    case $1 in
    rv32) echo "riscv64-unknown-elf-gcc --specs=picolibc.specs" ;;
    rv64v) echo "$vector_compiler" ;;
    x86) echo "${CC:-cc}" ;;
    *) echo arm-none-eabi-gcc ;;
    esac
}

# run PROCESSOR PROGRAM [option of qemu ...]
run() {
    case $1 in
    m4f) machine="qemu-system-arm -M mps2-an386" ;;
    rv32) machine="qemu-system-riscv32 -M virt -bios none" ;;
    rv64v)
        machine="qemu-system-riscv64 -M virt -bios none"
        machine="$machine -cpu rv64,v=true,vext_spec=v1.0,vlen=128"
        ;;
    *) machine="qemu-system-arm -M mps2-an385" ;;
    esac
    program=$2
    shift 2
    # shellcheck disable=SC2086
    timeout 300 $machine -display none -monitor none -serial none \
        -semihosting-config enable=on,target=native "$@" -kernel "$program" 2>&1
}

# compile PROCESSOR OPTION...
compile() {
    processor=$1
    shift
    # shellcheck disable=SC2046
    $(compiler_of "$processor") $(flags_of "$processor") "$@"
}

# link PROCESSOR PROGRAM SOURCE...
link() {
    processor=$1 program=$2
    shift 2
    case $processor in
    rv32 | rv64v)
        set -- --crt0=semihost --oslib=semihost -Wl,--defsym=__flash=0x80000000 \
            -Wl,--defsym=__flash_size=0x400000 -Wl,--defsym=__ram=0x80400000 \
            -Wl,--defsym=__ram_size=0x400000 -Wl,--defsym=__stack_size=0x4000 "$@"
        ;;
    x86) ;;
    *) set -- -nostartfiles -T $tests/mps2.ld --specs=nano.specs --specs=rdimon.specs \
        $tests/start.c "$@" ;;
    esac
    if [ "$processor" = rv64v ]; then # clang knows no specs; the rest has no vectors
        # shellcheck disable=SC2086
        riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv64imafdc -mabi=lp64d $plain \
            -mcmodel=medany -o "$program" $tests/vectors.c "$@" -lm 2>/dev/null
        return
    fi
    # shellcheck disable=SC2086
    compile "$processor" $plain -o "$program" "$@" -lm
}

# ---- the self-test of a model --------------------------------------------------------------------

self_test() {
    capitals=$(echo "$1" | tr a-z A-Z)
    for processor in m0plus m3 m4f rv32 rv64v; do
        has_processor $processor || continue
        # shellcheck disable=SC2086
        compile $processor $strict -O2 "-D${capitals}_SELF_TEST" -c -o "$scratch/$1.o" \
            "$scratch/$1.c"
        link $processor "$scratch/$1.elf" "$scratch/$1.o"
        printf '%-7s ' $processor
        run $processor "$scratch/$1.elf"
    done
}

"${BUILD:-build}/examples/keyword" "$scratch"
self_test keyword
[ "${1:-}" = --table ] || exit 0

# ---- the table -----------------------------------------------------------------------------------

# bytes of code and constants
flash_of() {
    size=size
    case $1 in
    rv*) size=riscv64-unknown-elf-size ;;
    m*) size=arm-none-eabi-size ;;
    esac
    $size -A "$2" | awk '/^\.(text|rodata|srodata)/ { n += $2 } END { print n + 0 }'
}
stack_of() { awk -F '\t' '$2 > most { most = $2 } END { print most + 0 }' "$1"; }

# instructions of a step
count_of() {
    processor=$1 name=m
    if [ "$processor" != x86 ]; then
        link "$processor" "$scratch/m.elf" $counted $tests/count.c "$scratch/m.o"
        run "$processor" "$scratch/m.elf" -icount shift=0
        return
    fi
    for steps in 0 32; do
        link x86 "$scratch/m.elf" $counted -DSTEPS=$steps $tests/count.c "$scratch/m.o"
        valgrind --tool=lackey --basic-counts=yes "$scratch/m.elf" 2>&1 >/dev/null |
            awk '/guest instrs:/ { gsub(",", ""); print $NF }'
    done | awk '{ n[NR] = $1 } END { printf "%d\n", (n[2] - n[1]) / 32 }'
}
counted='-DHEADER="m.h" -DSTEP=m_step -DSTATE=m_state -DINIT=m_init -DINPUTS=M_INPUTS
    -DOUTPUTS=M_OUTPUTS'

# measure PROCESSOR CELL UNITS PRECISION
measure() {
    # shellcheck disable=SC2086
    compile "$1" $strict -O2 -ffunction-sections -fstack-usage -c -o "$scratch/m.o" "$scratch/m.c"
    state=$(awk '/_STATE_FLOATS/ { print 4 * $3 }' "$scratch/m.h")
    echo "| $2 | $3 | $4 | $(flash_of "$1" "$scratch/m.o") | $state |" \
        "$(stack_of "$scratch/m.su") | $(count_of "$1") |"
}

${CC:-cc} -std=c99 -Iinclude -o "$scratch/model" $tests/model.c -Llib -lrecur \
    -Wl,-rpath,"$PWD/lib"
for processor in ${PROCESSORS:-m4f m0plus rv32 rv64v x86}; do
    has_processor "$processor" || continue
    echo "$processor"
    echo "| | units | precision | flash | state | stack | instructions of a step |"
    for cell in ${CELLS:-lstm gru}; do
        for units in ${UNITS:-8 16 32 64 128}; do
            for precision in float float-exact int8 int8-exact int8-library; do
                "$scratch/model" "$cell" "${INPUTS:-8}" "$units" "$precision" "$scratch/m.c"
                measure "$processor" "$cell" "$units" "$precision"
            done
        done
    done
done
