/* count.c - instructions of a step of a compiled model. STEP, STATE, INIT and HEADER come from the
 * command line, and STEPS for a machine that is counted from outside: valgrind's lackey counts what
 * a program takes in all. Under qemu -icount shift=0 an instruction takes a nanosecond: SysTick of
 * a Cortex-M counts 25 MHz, and a RISC-V has a counter of instructions. */
#include HEADER
#include <stdio.h>

#if defined(__arm__)
#define SYST_CSR (*(volatile uint32_t *)0xe000e010)
#define SYST_RVR (*(volatile uint32_t *)0xe000e014)
#define SYST_CVR (*(volatile uint32_t *)0xe000e018)

enum { NANOSECONDS = 40 };

static void begin(void)
{
    SYST_RVR = 0xffffff;
    SYST_CVR = 0;
    SYST_CSR = 5;
}

static uint32_t now(void) { return (0u - SYST_CVR) & 0xffffff; }
static uint32_t between(uint32_t a, uint32_t b) { return ((b - a) & 0xffffff) * NANOSECONDS; }
#elif defined(__riscv)
static void begin(void) {}
static uint32_t now(void)
{
    unsigned long n;
    __asm__ volatile("csrr %0, minstret" : "=r"(n));
    return (uint32_t)n;
}
static uint32_t between(uint32_t a, uint32_t b) { return b - a; }
#else
static void begin(void) {}
static uint32_t now(void) { return 0; }
static uint32_t between(uint32_t a, uint32_t b) { return b - a; }
#endif

#ifndef STEPS
#define STEPS 32
#endif

static float x[INPUTS], y[OUTPUTS];

int main(void)
{
    static STATE state;
    begin();
    INIT(&state);
    for (int32_t i = 0; i < INPUTS; i++) x[i] = 0.3f * (float)(i % 5) - 0.5f;
    STEP(&state, x, y);
    const uint32_t start = now();
    for (int32_t i = 0; i < STEPS; i++) STEP(&state, x, y);
    printf("%lu\n", (unsigned long)(between(start, now()) / (STEPS + !STEPS)));
    return 0;
}
