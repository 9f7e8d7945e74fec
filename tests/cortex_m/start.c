/* start.c - what a program needs before main on a Cortex-M of qemu's mps2 boards: a vector table, a
 * stack, the floating-point unit, and a way out by semihosting. */
#include <stdint.h>

extern uint32_t stack_top[];
extern void initialise_monitor_handles(void);
extern int main(void);

/* Ends qemu with a status: ADP_Stopped_ApplicationExit. */
static void leave(uint32_t status)
{
    const uint32_t block[2] = { 0x20026, status };
    register uint32_t r0 __asm__("r0") = 0x20; /* SYS_EXIT_EXTENDED */
    register const uint32_t *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : : "r"(r0), "r"(r1) : "memory");
    for (;;) {}
}

void reset(void);
void reset(void)
{
#ifdef __ARM_FP
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20; /* CPACR: the unit is on */
    __asm__ volatile("dsb\nisb");
#endif
    initialise_monitor_handles();
    leave((uint32_t)main());
}

static void fault(void) { leave(99); }

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top,     (void *)reset, (void *)fault, (void *)fault,
    (void *)fault, (void *)fault, (void *)fault,
};

/* newlib's exit wants them. */
void _init(void);
void _fini(void);
void _init(void) {}
void _fini(void) {}
