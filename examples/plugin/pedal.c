/* pedal.c - a guitar pedal as a plug-in: a .nam file of Neural Amp Modeler, sample by sample.
 *
 *     instantiate    reads the file, makes a snapshot and a state   (may allocate, may wait)
 *     activate       lets half a second of silence through          (not heard)
 *     run            a step for each sample                         (allocates and waits for
 * nothing)
 *
 * The host calls run where sound is computed, many hundred times a second. The static library is
 * inside the plug-in, so another plug-in may bring another version of it. */
#include "plugin.h"

#include <math.h>
#include <recur.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__GNUC__)
#define EXPORT __attribute__((visibility("default")))
#else
#define EXPORT
#endif

typedef struct {
    double rate; /* samples a second */
    recur_layer *model;
    recur_layer *snapshot; /* of the model: laid out for this machine */
    recur_state *state;    /* what the pedal has heard */
    float *port[PLUGIN_PORTS];
} pedal;

static void cleanup(void *instance)
{
    pedal *p = instance;
    if (!p) return;
    recur_state_release(p->state);
    recur_layer_release(p->snapshot);
    recur_layer_release(p->model);
    free(p);
}

static recur_status open_model(pedal *p, const char *path)
{
    recur_status status = recur_import_nam(NULL, path, &p->model);
    if (status == RECUR_OK)
        status = recur_layer_snapshot(p->model, RECUR_PRECISION_FLOAT32, &p->snapshot);
    return status == RECUR_OK ? recur_state_create(p->snapshot, 1, &p->state) : status;
}

/* One number comes in and one goes out: a model with knobs has more inputs. */
static int is_pedal(const pedal *p)
{
    recur_layer_info info = { .size = sizeof info };
    return recur_layer_describe(p->model, -1, &info) == RECUR_OK && info.input_size == 1 &&
           info.output_size == 1;
}

static void *instantiate(double rate, const char *path, char *message, size_t message_bytes)
{
    pedal *p = calloc(1, sizeof *p);
    if (!p) {
        snprintf(message, message_bytes, "there is no memory for a pedal");
        return NULL;
    }
    p->rate = rate;
    if (open_model(p, path) != RECUR_OK)
        snprintf(message, message_bytes, "%s", recur_last_error());
    else if (!is_pedal(p))
        snprintf(message, message_bytes, "%s: a pedal takes one number and gives one", path);
    else
        return p;
    cleanup(p);
    return NULL;
}

static void connect_port(void *instance, uint32_t port, float *data)
{
    pedal *p = instance;
    if (port < PLUGIN_PORTS) p->port[port] = data;
}

/* A step fails only for arguments that are wrong, and they were checked above: its status need not
 * be looked at where sound is computed. */
static float play(const pedal *p, float x)
{
    float y = 0;
    (void)!recur_layer_step(p->snapshot, &x, p->state, &y, NULL);
    return y;
}

static void activate(void *instance)
{
    const pedal *p = instance;
    (void)!recur_state_reset(p->state, -1);
    for (int i = 0; i < (int)(p->rate / 2); i++) play(p, 0);
}

static void run(void *instance, uint32_t samples)
{
    const pedal *p = instance;
    const float *in = p->port[PLUGIN_INPUT];
    float *out = p->port[PLUGIN_OUTPUT]; /* may be where `in` is */
    const float gain = powf(10, *p->port[PLUGIN_GAIN] / 20);
    for (uint32_t i = 0; i < samples; i++) out[i] = gain * play(p, in[i]);
}

EXPORT const plugin_descriptor *plugin_descriptor_of(uint32_t index)
{
    static const plugin_descriptor descriptor = {
        .name = "librecur example: a .nam pedal",
        .instantiate = instantiate,
        .connect_port = connect_port,
        .activate = activate,
        .run = run,
        .cleanup = cleanup,
    };
    return index == 0 ? &descriptor : NULL;
}
