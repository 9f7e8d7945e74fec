/* compress.c - a lossless compressor: an LSTM predicts the next byte, an arithmetic coder writes
 * what the prediction left open, and the network learns from every byte as soon as it is coded.
 *
 *     compress <text >text.rz              compress --decode <text.rz >text
 *
 * Nothing of the network is written. The decoder begins with the same one, sees the same bytes and
 * learns the same, so it always predicts what the encoder predicted. For that the two must not
 * differ in one bit, whatever processors they run on: RECUR_CONTEXT_EXACT sees to it.
 *
 * The text is cut into STRANDS pieces that are coded side by side, a byte of each in a step. After
 * WINDOW steps gradients go back through them. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/try.h"

enum { SYMBOLS = 256, STRANDS = 4, WINDOW = 20, HIDDEN = 192, HEAD = 12 };
static const double RATE = 0.002;
static const char MAGIC[5] = "RZ01";

/* ---- the arithmetic coder ------------------------------------------------------------------- */

/* Subbotin's range coder: what is coded so far is a number in [low, low + range). */
enum { TOP = 1 << 24, BOTTOM = 1 << 16 };

typedef struct coder {
    uint32_t low, range, code; /* code: what the decoder sees of the number */
    unsigned char *bytes;
    size_t n, at, room; /* bytes that there are, that are read, that there is memory for */
} coder;

static void put_byte(coder *c, uint32_t byte)
{
    if (c->n == c->room) {
        c->room = c->room ? 2 * c->room : 65536;
        c->bytes = realloc(c->bytes, c->room);
        if (!c->bytes) die("there is no memory for %zu bytes", c->room);
    }
    c->bytes[c->n++] = (unsigned char)byte;
}

/* Behind the end come zeros; the length of the text says where that is. */
static uint32_t get_byte(coder *c) { return c->at < c->n ? c->bytes[c->at++] : 0; }

/* The bytes of the number that no longer change go. */
static void settle(coder *c, bool decode)
{
    for (;;) {
        if ((c->low ^ (c->low + c->range)) >= TOP) {
            if (c->range >= BOTTOM) return;
            c->range = -c->low & (BOTTOM - 1);
        }
        if (decode)
            c->code = c->code << 8 | get_byte(c);
        else
            put_byte(c, c->low >> 24);
        c->low <<= 8;
        c->range <<= 8;
    }
}

/* The part of the range from `below` on, of `share` of `total`. */
static void narrow(coder *c, uint32_t below, uint32_t share, uint32_t total, bool decode)
{
    c->range /= total;
    c->low += below * c->range;
    c->range *= share;
    settle(c, decode);
}

/* Codes a byte by the probabilities of all; every byte keeps some. Gives the byte. */
static int code_symbol(coder *c, const float *probability, int symbol, bool decode)
{
    uint32_t share[SYMBOLS], total = 0, below = 0;
    for (int s = 0; s < SYMBOLS; s++) {
        share[s] = 1 + (uint32_t)(probability[s] * (BOTTOM - 2 * SYMBOLS));
        total += share[s];
    }
    if (decode) {
        const uint32_t target = (c->code - c->low) / (c->range / total);
        for (symbol = 0; symbol < SYMBOLS - 1 && below + share[symbol] <= target; symbol++)
            below += share[symbol];
    } else {
        for (int s = 0; s < symbol; s++) below += share[s];
    }
    narrow(c, below, share[symbol], total, decode);
    return symbol;
}

/* ---- the network ---------------------------------------------------------------------------- */

typedef struct model {
    recur_layer *net, *softmax;
    recur_state *state, *gradient, *none; /* none: a softmax keeps nothing */
    recur_tape *tape;
    recur_loss *loss;
    recur_optimizer *adam;
    int64_t count;
    float *grads;
    int32_t ids[WINDOW][STRANDS], labels[WINDOW][STRANDS];
    float y[WINDOW][STRANDS * SYMBOLS], p[STRANDS * SYMBOLS], dy[WINDOW][STRANDS * SYMBOLS];
} model;

static model *model_create(recur_context *ctx)
{
    static const char *const names[] = { "lstm", "fc" };
    const recur_recurrent_options lstm = {
        .size = sizeof lstm, .cell = RECUR_CELL_LSTM, .input_size = SYMBOLS, .hidden_size = HIDDEN
    };
    const recur_loss_options loss = { .size = sizeof loss, .kind = RECUR_LOSS_CROSS_ENTROPY };
    recur_optimizer_options adam;
    recur_layer *part[2];
    model *m = NEW(model, 1);
    TRY(recur_recurrent_create(ctx, &lstm, &part[0]));
    TRY(recur_linear_create(ctx, HIDDEN, SYMBOLS, 0, &part[1]));
    TRY(recur_compose_create(ctx, RECUR_COMPOSE_SEQUENTIAL, 2, names, part, &m->net));
    recur_layer_release(part[0]);
    recur_layer_release(part[1]);
    TRY(recur_layer_init(m->net, NULL, RECUR_INIT_DEFAULT, 0, 1));
    TRY(recur_softmax_create(ctx, SYMBOLS, &m->softmax));
    TRY(recur_state_create(m->net, STRANDS, &m->state));
    TRY(recur_state_create(m->net, STRANDS, &m->gradient));
    TRY(recur_state_create(m->softmax, STRANDS, &m->none));
    TRY(recur_tape_create(ctx, &m->tape));
    TRY(recur_loss_create(ctx, &loss, &m->loss));
    TRY(recur_optimizer_options_init(&adam, sizeof adam, RECUR_OPTIMIZER_ADAM));
    adam.rate = RATE;
    m->count = recur_layer_param_count(m->net);
    TRY(recur_optimizer_create(ctx, &adam, m->count, &m->adam));
    m->grads = NEW(float, m->count);
    return m;
}

static void model_release(model *m)
{
    recur_optimizer_release(m->adam);
    recur_loss_release(m->loss);
    recur_tape_release(m->tape);
    recur_state_release(m->none);
    recur_state_release(m->gradient);
    recur_state_release(m->state);
    recur_layer_release(m->softmax);
    recur_layer_release(m->net);
    free(m->grads);
    free(m);
}

/* Probabilities of the bytes of step t of a window, behind m->ids[t]. */
static void predict(model *m, int t)
{
    TRY(recur_layer_step_ids(m->net, m->ids[t], m->state, m->y[t], m->tape));
    TRY(recur_layer_step(m->softmax, m->y[t], m->none, m->p, NULL));
}

/* Backward through the steps of a window, and a step of Adam. Labels below 0 count for nothing. */
static void learn(model *m, int steps)
{
    double value;
    TRY(recur_loss_classes(m->loss, (int64_t)steps * STRANDS, SYMBOLS, m->y[0], m->labels[0],
                           &value, m->dy[0]));
    memset(m->grads, 0, (size_t)m->count * sizeof *m->grads);
    TRY(recur_state_reset(m->gradient, -1)); /* nothing comes from beyond the window */
    for (int t = steps - 1; t >= 0; t--)
        TRY(recur_layer_step_backward_ids(m->net, m->ids[t], m->dy[t], m->gradient, m->grads,
                                          m->tape));
    recur_clip_norm(m->grads, m->count, 1);
    TRY(recur_optimizer_step(m->adam, recur_layer_params(m->net), m->grads, m->count, 1));
}

/* ---- the text ------------------------------------------------------------------------------- */

/* Codes n bytes: from text into c, or from c into text. */
static void code_text(recur_context *ctx, unsigned char *text, int64_t n, coder *c, bool decode)
{
    model *m = model_create(ctx);
    const int64_t steps = (n + STRANDS - 1) / STRANDS;
    int in_window = 0;
    for (int64_t t = 0; t < steps; t++) {
        predict(m, in_window);
        for (int b = 0; b < STRANDS; b++) {
            const int64_t at = b * steps + t;
            m->labels[in_window][b] = -1;
            if (at >= n) continue;
            text[at] = (unsigned char)code_symbol(c, m->p + b * SYMBOLS, decode ? 0 : text[at],
                                                  decode);
            m->labels[in_window][b] = text[at];
        }
        if (++in_window == WINDOW) {
            learn(m, in_window);
            in_window = 0;
        }
        for (int b = 0; b < STRANDS; b++)
            m->ids[in_window][b] = b * steps + t < n ? text[b * steps + t] : 0;
        if (t % 256 == 0) fprintf(stderr, "\r%3d %%", (int)(100 * t / steps));
    }
    fprintf(stderr, "\r100 %%\n");
    model_release(m);
}

static coder read_all(void)
{
    coder c = { .range = UINT32_MAX };
    for (int byte; (byte = getchar()) != EOF;) put_byte(&c, (uint32_t)byte);
    return c;
}

static void encode(recur_context *ctx)
{
    coder in = read_all(), out = { .range = UINT32_MAX };
    for (int i = 0; i < 4; i++) put_byte(&out, (uint32_t)MAGIC[i]);
    for (int i = 0; i < 8; i++) put_byte(&out, (uint32_t)((uint64_t)in.n >> 8 * i) & 255);
    code_text(ctx, in.bytes, (int64_t)in.n, &out, false);
    for (int i = 0; i < 4; i++, out.low <<= 8) put_byte(&out, out.low >> 24);
    fwrite(out.bytes, 1, out.n, stdout);
    fprintf(stderr, "%zu bytes became %zu, %.3f bits a byte\n", in.n, out.n,
            in.n ? 8 * (double)out.n / (double)in.n : 0);
    free(in.bytes);
    free(out.bytes);
}

static void decode(recur_context *ctx)
{
    coder in = read_all();
    uint64_t n = 0;
    if (in.n < HEAD || memcmp(in.bytes, MAGIC, 4) != 0)
        die("this is not a text that compress wrote: it must begin with %s", MAGIC);
    for (int i = 0; i < 8; i++) n |= (uint64_t)in.bytes[4 + i] << 8 * i;
    if (n > (uint64_t)in.n << 12) die("%zu bytes cannot hold a text of %llu", in.n, (long long)n);
    in.at = HEAD;
    for (int i = 0; i < 4; i++) in.code = in.code << 8 | get_byte(&in);
    unsigned char *text = NEW(unsigned char, (int64_t)n + 1);
    code_text(ctx, text, (int64_t)n, &in, true);
    fwrite(text, 1, (size_t)n, stdout);
    free(text);
    free(in.bytes);
}

int main(int argc, char **argv)
{
    const recur_context_options exact = { .size = sizeof exact, .flags = RECUR_CONTEXT_EXACT };
    const bool decodes = argc == 2 && strcmp(argv[1], "--decode") == 0;
    set_program_name(argv[0]);
    if (argc > 1 && !decodes) die_of_usage("[--decode] <in >out");
    recur_context *ctx;
    TRY(recur_context_create(&exact, &ctx));
    if (decodes)
        decode(ctx);
    else
        encode(ctx);
    recur_context_release(ctx);
    return finish(0);
}
