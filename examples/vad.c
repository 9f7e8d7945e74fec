/* vad.c - where somebody speaks: a voice activity detector over a sound file, chunk by chunk.
 *
 *     64 samples before | chunk of 512 ──▶ network with a state ──▶ probability of speech
 *
 * The network is Silero VAD, or another one that takes samples and gives one probability. It was
 * trained elsewhere; `python -m recur import silero_vad_16k_op15.onnx vad.safetensors` makes the
 * model file. Chunks come one after another, as from a microphone, and a step allocates nothing.
 *
 * The program shows a model from a file, a snapshot, and a stream of steps. */
#include "common/clock.h"
#include "common/csv.h"
#include "common/options.h"
#include "common/sound.h"
#include "common/try.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *model, *sound, *csv;
    int64_t context;
    double on, off;
} set = { .context = 64, .on = 0.5, .off = 0.35 };

static const option_row options[] = {
    TEXT("model", &set.model, "FILE", "the network, as a model file"),
    TEXT("sound", &set.sound, "FILE.wav", "what it hears: one channel of 16 bits"),
    COUNT("context", &set.context, 0, 100000, ON_LINE_ONLY,
          "samples before a chunk that the network takes, too"),
    NUMBER("on", &set.on, 0, 1, "probability at which speech begins"),
    NUMBER("off", &set.off, 0, 1, "and below which it ends"),
    TEXT("csv", &set.csv, "FILE", "write the probabilities there, with the outline of the sound"),
    END_OF_OPTIONS,
};

/* The network, and how many samples a chunk has. */
static recur_layer *open_model(int64_t *chunk)
{
    recur_layer *model, *snapshot;
    recur_layer_info info = { .size = sizeof info };
    TRY(recur_model_open(NULL, set.model, &model));
    TRY(recur_layer_describe(model, -1, &info));
    if (info.output_size != 1 || info.input_size <= set.context)
        die("%s takes %d numbers and gives %d: it must take more than %d samples and give 1 number",
            set.model, (int)info.input_size, (int)info.output_size, (int)set.context);
    *chunk = info.input_size - set.context;
    TRY(recur_layer_snapshot(model, RECUR_PRECISION_FLOAT32, &snapshot));
    recur_layer_release(model);
    return snapshot;
}

static void write_row(const csv *file, double second, float probability, const float *x, int64_t n)
{
    float low = x[0], high = x[0];
    for (int64_t i = 1; i < n; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    const double row[] = { second, (double)probability, (double)low, (double)high };
    csv_row(file, 4, row);
}

/* Says where speech begins and ends; `since` is when it began, or below 0. */
static double follow(double since, double now, float p)
{
    if (since < 0) return (double)p >= set.on ? now : since;
    if ((double)p >= set.off) return since;
    printf("speech from %.2f s to %.2f s\n", since, now);
    return -1;
}

int main(int argc, char **argv)
{
    int64_t chunk, count = 0;
    recur_state *state;
    double since = -1, spent = 0;
    options_parse(argc, argv, "Says where somebody speaks in a sound file.", options);
    if (!set.model || !set.sound)
        die_of_usage("--model FILE and --sound FILE.wav are needed: docs/gallery.md says where "
                     "they come from");
    recur_layer *net = open_model(&chunk);
    const sound heard = sound_read(set.sound, chunk); /* the last chunk is filled with silence */
    float *row = NEW(float, set.context + chunk);
    csv file = csv_open(set.csv, "second,probability,low,high", 0);
    TRY(recur_state_create(net, 1, &state));
    for (int64_t at = 0; at < heard.count; at += chunk, count++) {
        const double second = (double)at / (double)heard.rate;
        float p;
        memcpy(row + set.context, heard.samples + at, (size_t)chunk * sizeof *row);
        const double begin = seconds();
        TRY(recur_layer_step(net, row, state, &p, NULL));
        spent += seconds() - begin;
        memmove(row, row + chunk, (size_t)set.context * sizeof *row);
        since = follow(since, second, p);
        write_row(&file, second, p, heard.samples + at, chunk);
    }
    follow(since, (double)heard.count / (double)heard.rate, -1);
    printf("%d chunks of %d samples, %.1f us each\n", (int)count, (int)chunk,
           1e6 * spent / (double)count);
    csv_close(&file);
    recur_state_release(state);
    recur_layer_release(net);
    free(row);
    free(heard.samples);
    return finish(0);
}
