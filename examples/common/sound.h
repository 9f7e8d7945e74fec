/* sound.h - sound in WAV files of one channel and 16 bits. */
#ifndef EXAMPLES_SOUND_H
#define EXAMPLES_SOUND_H

#include <stdint.h>

typedef struct {
    int64_t rate, count; /* samples a second, and in all */
    float *samples;      /* from -1 to 1; behind them `after` zeros */
} sound;

/* Reads a file, and appends zeros. A file that cannot be read ends the program. */
sound sound_read(const char *path, int64_t after);

void sound_write(const char *path, int64_t rate, int64_t count, const float *samples);

#endif
