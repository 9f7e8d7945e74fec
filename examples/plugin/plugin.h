/* plugin.h - what a host and a plug-in agree on, after LV2: one function is exported, and gives a
 * table of the others. */
#ifndef EXAMPLES_PLUGIN_H
#define EXAMPLES_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

typedef struct plugin_descriptor {
    const char *name;
    /* A plug-in with its model, or NULL and a sentence in `message`. Reads a file: never call it
     * where sound is computed. */
    void *(*instantiate)(double rate, const char *path, char *message, size_t message_bytes);
    /* Where a port's numbers lie: PLUGIN_INPUT and PLUGIN_OUTPUT are blocks, PLUGIN_GAIN is one
     * number, in decibels. */
    void (*connect_port)(void *instance, uint32_t port, float *data);
    /* Begins anew, as if nothing had been played. */
    void (*activate)(void *instance);
    /* Computes a block. Allocates nothing, waits for nothing. */
    void (*run)(void *instance, uint32_t samples);
    void (*cleanup)(void *instance);
} plugin_descriptor;

enum { PLUGIN_INPUT, PLUGIN_OUTPUT, PLUGIN_GAIN, PLUGIN_PORTS };

/* The plug-in of this number, or NULL behind the last. */
const plugin_descriptor *plugin_descriptor_of(uint32_t index);

#endif
