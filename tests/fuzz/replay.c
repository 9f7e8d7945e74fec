/* replay.c - runs a fuzz target without libFuzzer: on each file that is named, and on so many
 * mutations of it, which are the same every time.
 *
 *   replay MUTATIONS FILE... */
#undef free /* flags of fuzz_readers.c give readers other ones */
#undef fopen
#undef fclose
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { MOST = 1 << 20 };
static uint64_t seed = 1;

static uint64_t dice(void) /* splitmix64 */
{
    uint64_t z = seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Bits turned, bytes replaced, stretches cut out or said twice. Returns how many bytes there are.
 */
static size_t mutate(uint8_t *data, size_t bytes, size_t most)
{
    for (uint64_t changes = 1 + dice() % 4; changes > 0 && bytes > 0; changes--) {
        const size_t at = dice() % bytes, n = 1 + dice() % 8;
        switch (dice() % 4) {
        case 0:
            data[at] ^= (uint8_t)(1u << dice() % 8);
            break;
        case 1:
            data[at] = (uint8_t)dice();
            break;
        case 2:
            if (at + n >= bytes) break;
            memmove(data + at, data + at + n, bytes - at - n);
            bytes -= n;
            break;
        default:
            if (at + n > bytes || bytes + n > most) break;
            memmove(data + at + n, data + at, bytes - at);
            bytes += n;
            break;
        }
    }
    return bytes;
}

/* An input has a block of its own size, so that checkers see what is read behind it. */
static void run(const uint8_t *data, size_t bytes)
{
    uint8_t *exact = malloc(bytes ? bytes : 1);
    if (!exact) abort();
    memcpy(exact, data, bytes);
    LLVMFuzzerTestOneInput(exact, bytes);
    free(exact);
}

int main(int argc, char **argv)
{
    static uint8_t data[MOST], changed[MOST];
    const long mutations = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    long runs = 0;
    for (int i = 2; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file) {
            fprintf(stderr, "replay: %s cannot be opened\n", argv[i]);
            return 1;
        }
        const size_t bytes = fread(data, 1, sizeof data, file);
        fclose(file);
        run(data, bytes);
        for (long m = 0; m < mutations; m++) {
            memcpy(changed, data, bytes);
            run(changed, mutate(changed, bytes, sizeof changed));
        }
        runs += 1 + mutations;
    }
    printf("%ld inputs\n", runs);
    return runs == 0;
}
