/* count.c - instructions of a step of a compiled model, under qemu -icount shift=0: an instruction
 * takes a nanosecond there, and SysTick counts 25 MHz. STEP, STATE, INIT and HEADER come from the
 * command line. */
#include HEADER
#include <stdio.h>

#define SYST_CSR (*(volatile uint32_t *)0xe000e010)
#define SYST_RVR (*(volatile uint32_t *)0xe000e014)
#define SYST_CVR (*(volatile uint32_t *)0xe000e018)

enum { STEPS = 32, NANOSECONDS = 40 };

static float x[INPUTS], y[OUTPUTS];

int main(void)
{
    static STATE state;
    INIT(&state);
    for (int32_t i = 0; i < INPUTS; i++) x[i] = 0.3f * (float)(i % 5) - 0.5f;
    STEP(&state, x, y);
    SYST_RVR = 0xffffff;
    SYST_CVR = 0;
    SYST_CSR = 5;
    const uint32_t begin = SYST_CVR;
    for (int32_t i = 0; i < STEPS; i++) STEP(&state, x, y);
    const uint32_t ticks = (begin - SYST_CVR) & 0xffffff;
    printf("%lu\n", (unsigned long)(ticks * NANOSECONDS / STEPS));
    return 0;
}
