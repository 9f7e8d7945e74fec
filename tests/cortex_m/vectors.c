/* vectors.c - linked where a RISC-V has vectors: they are off when the processor starts. */
static __attribute__((constructor)) void switch_on(void)
{
    __asm__ volatile("csrs mstatus, %0" : : "r"(0x600)); /* VS: dirty */
}
