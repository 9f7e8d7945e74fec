/* denoise.c - speech without the noise behind it, frame by frame.
 *
 *     512 samples ─▶ spectrum ─▶ |magnitudes| ─▶ network 1 ─▶ mask ─▶ times the spectrum
 *                                                                            │
 *     sum of frames that overlap ◀─ network 2 ◀─ 512 samples ◀───────────────┘
 *
 * Both networks are those of DTLN (Westhausen and Meyer 2020), and were trained elsewhere: a frame
 * starts 128 samples after the one before, and each network keeps a state. `python -m recur import
 * model_1.onnx denoise_1.safetensors` makes a model file.
 *
 * The program shows two models from files that run in turn, each with a state of its own. The
 * spectrum is computed as it is written down; a program in which time matters takes an FFT. */
#include "common/clock.h"
#include "common/csv.h"
#include "common/options.h"
#include "common/sound.h"
#include "common/try.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME = 512, SHIFT = 128, BINS = FRAME / 2 + 1 };

static struct {
    const char *model_1, *model_2, *sound, *save, *csv;
} set;

static const option_row options[] = {
    TEXT("model-1", &set.model_1, "FILE", "the network that masks magnitudes, as a model file"),
    TEXT("model-2", &set.model_2, "FILE", "the network that treats samples"),
    TEXT("sound", &set.sound, "FILE.wav", "what it hears: one channel of 16 bits, 16 kHz"),
    TEXT("save", &set.save, "FILE.wav", "write the sound without noise there"),
    TEXT("csv", &set.csv, "FILE", "write the outlines of both sounds there"),
    END_OF_OPTIONS,
};

/* ---- the networks --------------------------------------------------------------------------- */

typedef struct {
    recur_layer *layer;
    recur_state *state;
} network;

static network open_network(const char *path, int64_t width)
{
    network net;
    recur_layer *model;
    recur_layer_info info = { .size = sizeof info };
    TRY(recur_model_open(NULL, path, &model));
    TRY(recur_layer_describe(model, -1, &info));
    if (info.input_size != width || info.output_size != width)
        die("%s takes %d numbers and gives %d: it must take %d and give as many", path,
            (int)info.input_size, (int)info.output_size, (int)width);
    TRY(recur_layer_snapshot(model, RECUR_PRECISION_FLOAT32, &net.layer));
    TRY(recur_state_create(net.layer, 1, &net.state));
    recur_layer_release(model);
    return net;
}

static void close_network(network net)
{
    recur_state_release(net.state);
    recur_layer_release(net.layer);
}

/* ---- spectra -------------------------------------------------------------------------------- */

static float cosine[FRAME]; /* of 2 pi i / FRAME */

static float sine_of(int i) { return cosine[(i + 3 * FRAME / 4) % FRAME]; }

static void to_spectrum(const float *x, float *re, float *im)
{
    for (int k = 0; k < BINS; k++) {
        double real = 0, imaginary = 0;
        for (int n = 0; n < FRAME; n++) {
            real += (double)(x[n] * cosine[k * n % FRAME]);
            imaginary -= (double)(x[n] * sine_of(k * n % FRAME));
        }
        re[k] = (float)real;
        im[k] = (float)imaginary;
    }
}

static void from_spectrum(const float *re, const float *im, float *x)
{
    for (int n = 0; n < FRAME; n++) {
        double sum = (double)(re[0] + (n % 2 ? -re[BINS - 1] : re[BINS - 1]));
        for (int k = 1; k < BINS - 1; k++) {
            const int at = k * n % FRAME;
            sum += 2 * (double)(re[k] * cosine[at] - im[k] * sine_of(at));
        }
        x[n] = (float)(sum / FRAME);
    }
}

/* ---- frames --------------------------------------------------------------------------------- */

/* A frame as both networks make it; gives the seconds that they took. */
static double denoise(const network nets[2], const float *x, float *y)
{
    float re[BINS], im[BINS], magnitude[BINS], mask[BINS], masked[FRAME];
    to_spectrum(x, re, im);
    for (int k = 0; k < BINS; k++) magnitude[k] = hypotf(re[k], im[k]);
    double begin = seconds();
    TRY(recur_layer_step(nets[0].layer, magnitude, nets[0].state, mask, NULL));
    const double spent = seconds() - begin;
    for (int k = 0; k < BINS; k++) {
        re[k] *= mask[k];
        im[k] *= mask[k];
    }
    from_spectrum(re, im, masked);
    begin = seconds();
    TRY(recur_layer_step(nets[1].layer, masked, nets[1].state, y, NULL));
    return spent + seconds() - begin;
}

static float loudest(const float *x, int64_t n)
{
    float most = 0;
    for (int64_t i = 0; i < n; i++) most = fmaxf(most, fabsf(x[i]));
    return most;
}

static void write_outlines(const sound *heard, const float *clean)
{
    csv file = csv_open(set.csv, "second,heard,clean", 0);
    for (int64_t at = 0; at + FRAME <= heard->count; at += FRAME) {
        const double row[] = { (double)at / (double)heard->rate,
                               (double)loudest(heard->samples + at, FRAME),
                               (double)loudest(clean + at, FRAME) };
        csv_row(&file, 3, row);
    }
    csv_close(&file);
}

int main(int argc, char **argv)
{
    double spent = 0;
    int64_t frames = 0;
    options_parse(argc, argv, "Takes the noise away from speech.", options);
    if (!set.model_1 || !set.model_2 || !set.sound)
        die_of_usage("--model-1 FILE, --model-2 FILE and --sound FILE.wav are needed: "
                     "docs/gallery.md says where they come from");
    for (int i = 0; i < FRAME; i++) cosine[i] = (float)cos(2 * acos(-1) * i / FRAME);
    const network nets[2] = { open_network(set.model_1, BINS), open_network(set.model_2, FRAME) };
    const sound heard = sound_read(set.sound, FRAME);
    float *clean = NEW(float, heard.count + FRAME);
    for (int64_t at = 0; at + FRAME <= heard.count; at += SHIFT, frames++) {
        float y[FRAME];
        spent += denoise(nets, heard.samples + at, y);
        for (int i = 0; i < FRAME; i++) clean[at + i] += y[i];
    }
    printf("%d frames of %d samples, %.1f us each in the networks\n", (int)frames, FRAME,
           1e6 * spent / (double)(frames ? frames : 1));
    if (set.save) sound_write(set.save, heard.rate, heard.count, clean);
    write_outlines(&heard, clean);
    for (int i = 0; i < 2; i++) close_network(nets[i]);
    free(clean);
    free(heard.samples);
    return finish(0);
}
