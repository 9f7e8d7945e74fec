/* catalogue.c - the workloads by name, their sizes, and the series that vary one size. */
#include "bench.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const int32_t cells[] = { RECUR_CELL_RNN_TANH, RECUR_CELL_LSTM, RECUR_CELL_GRU };
enum { RNN, LSTM, GRU, CELLS };

const char *cell_name(int32_t cell)
{
    return cell == RECUR_CELL_RNN_TANH ? "rnn"
           : cell == RECUR_CELL_LSTM   ? "lstm"
           : cell == RECUR_CELL_GRU    ? "gru"
                                       : "";
}

const char *precision_name(int32_t precision)
{
    return precision == RECUR_PRECISION_BFLOAT16 ? "bf16"
           : precision == RECUR_PRECISION_INT8   ? "int8"
                                                 : "float";
}

__attribute__((format(printf, 4, 5))) static workload *add(catalogue *c, const task *does, shape s,
                                                           const char *name, ...)
{
    if (c->count == MAX_WORKLOADS) {
        fprintf(stderr, "recur-bench: more than %d workloads\n", MAX_WORKLOADS);
        exit(1);
    }
    workload *w = &c->all[c->count++];
    va_list args;
    *w = (workload){ .task = does, .shape = s };
    va_start(args, name);
    vsnprintf(w->name, sizeof w->name, name, args);
    va_end(args);
    return w;
}

/* ---- the workloads -------------------------------------------------------------------------- */

static shape symbols_of_8(int32_t cell)
{
    return (shape){ .cell = cell,
                    .T = 80,
                    .B = 256,
                    .I = 8,
                    .H = 4,
                    .L = 1,
                    .shortest = 70,
                    .outputs = 4,
                    .ids = true,
                    .clip = 1 };
}

static shape digits_by_rows(int32_t cell)
{
    return (shape){ .cell = cell, .T = 28, .B = 100, .I = 28, .H = 128, .L = 2, .outputs = 10 };
}

static shape text_by_characters(void)
{
    return (shape){ .cell = RECUR_CELL_LSTM,
                    .T = 100,
                    .B = 64,
                    .I = 65,
                    .H = 512,
                    .L = 2,
                    .outputs = 65,
                    .ids = true,
                    .each_step = true };
}

/* Gives the layers of a network alone: they take rows instead of ids, and all lengths are T. */
static shape layers_of(shape s)
{
    s.shortest = s.outputs = 0;
    s.ids = s.each_step = false;
    s.clip = 0;
    return s;
}

static void add_training(catalogue *c)
{
    for (int i = RNN; i < CELLS; i++)
        add(c, &train_task, symbols_of_8(cells[i]), "w1-%s", cell_name(cells[i]));
    for (int i = LSTM; i < CELLS; i++)
        add(c, &layers_task, layers_of(symbols_of_8(cells[i])), "w1-%s-layer", cell_name(cells[i]));
    add(c, &sentence_task,
        (shape){
            .cell = RECUR_CELL_RNN_TANH, .T = 69, .B = 1, .I = 35, .H = 35, .L = 1, .outputs = 35 },
        "w2");
    for (int i = RNN; i < CELLS; i++)
        add(c, &train_task, digits_by_rows(cells[i]), "w3-%s", cell_name(cells[i]));
    for (int i = RNN; i < CELLS; i++)
        add(c, &layers_task, layers_of(digits_by_rows(cells[i])), "w3-%s-layer",
            cell_name(cells[i]));
    shape both_ways = digits_by_rows(RECUR_CELL_LSTM);
    both_ways.L = 1;
    both_ways.direction = RECUR_DIRECTION_BIDIRECTIONAL;
    add(c, &train_task, both_ways, "w4-lstm");
    add(c, &layers_task, layers_of(both_ways), "w4-layer");
    add(c, &train_task, text_by_characters(), "w5-lstm");
    add(c, &layers_task, layers_of(text_by_characters()), "w5-layer");
}

/* Streams of one input, as audio has them, and of 64, as speech has. */
static void add_stream(catalogue *c, int cell, int64_t I, int64_t H)
{
    const shape s = {
        .cell = cells[cell], .T = 1, .B = 1, .I = I, .H = H, .L = 1, .outputs = 1, .each_step = true
    };
    add(c, &stream_task, s, "w6-%s-i%d-h%d", cell_name(cells[cell]), (int)I, (int)H);
}

static void add_inference(catalogue *c)
{
    static const int64_t audio[] = { 3, 8, 16, 24, 32, 40, 64, 128, 256, 512 },
                         speech[] = { 8, 16, 32, 64, 128, 256, 512 };
    for (int i = LSTM; i < CELLS; i++) {
        for (int h = 0; h < 10; h++) add_stream(c, i, 1, audio[h]);
        for (int h = 0; h < 7; h++) add_stream(c, i, 64, speech[h]);
    }
    for (int i = LSTM; i < CELLS; i++) {
        const shape pixels = { .cell = cells[i], .T = 784, .B = 1, .I = 1, .H = 100, .L = 1 };
        const shape wide = { .cell = cells[i], .T = 100, .B = 32, .I = 512, .H = 512, .L = 1 };
        add(c, &sequence_task, pixels, "w7-%s-h100", cell_name(cells[i]));
        add(c, &sequence_task, wide, "w7-%s-h512", cell_name(cells[i]));
    }
}

/* The same inference on weights of fewer bits: whole sequences, and streams. */
static void add_fewer_bits(catalogue *c, int cell, int32_t precision)
{
    const char *const name = cell_name(cells[cell]), *const bits = precision_name(precision);
    shape s = {
        .cell = cells[cell], .precision = precision, .T = 100, .B = 32, .I = 512, .H = 512, .L = 1
    };
    add(c, &sequence_task, s, "w9-%s-%s-b32-h512", bits, name);
    s.T = s.B = s.outputs = 1;
    s.I = 64;
    s.each_step = true;
    for (s.H = 256; s.H <= 512; s.H *= 2)
        add(c, &stream_task, s, "w9-%s-%s-b1-h%d", bits, name, (int)s.H);
}

static void add_precisions(catalogue *c)
{
    for (int i = LSTM; i < CELLS; i++) {
        add_fewer_bits(c, i, RECUR_PRECISION_BFLOAT16);
        add_fewer_bits(c, i, RECUR_PRECISION_INT8);
    }
}

static void add_threads(catalogue *c)
{
    add(c, &train_task, digits_by_rows(RECUR_CELL_LSTM), "w8-w3-lstm")->threads = 2;
    add(c, &train_task, text_by_characters(), "w8-w5-lstm")->threads = 2;
}

/* ---- the series ----------------------------------------------------------------------------- */

/* One size varies; the others are these. The input is as wide as the hidden layer. */
static shape typical(int32_t cell)
{
    return (shape){ .cell = cell, .T = 50, .B = 32, .I = 128, .H = 128, .L = 1 };
}

static void add_series(catalogue *c, char size)
{
    static const int64_t values[][9] = { { 4, 8, 16, 32, 64, 128, 256, 512, 1024 },
                                         { 1, 2, 4, 8, 16, 32, 64, 128, 256 },
                                         { 1, 5, 10, 20, 50, 100, 200, 500, 1000 },
                                         { 1, 2, 3, 4, 5, 6, 7, 8, 9 } };
    const int64_t *value = values[strchr("hbtl", size) - "hbtl"];
    for (int i = RNN; i < CELLS; i++)
        for (int k = 0; k < 9; k++) {
            shape s = typical(cells[i]);
            if (size == 'h') s.I = s.H = value[k];
            if (size == 'b') s.B = value[k];
            if (size == 't') s.T = value[k];
            if (size == 'l') s.L = value[k];
            add(c, &layers_task, s, "%c-%s-%d", size, cell_name(s.cell), (int)value[k]);
        }
}

/* The same sizes with lengths of 1 to T and with all lengths T: compare the times of a step. */
static void add_ragged(catalogue *c)
{
    static const int64_t hidden[] = { 8, 128, 512 };
    for (int i = RNN; i < CELLS; i++)
        for (int h = 0; h < 3; h++) {
            shape s = {
                .cell = cells[i], .T = 100, .B = 64, .I = hidden[h], .H = hidden[h], .L = 1
            };
            add(c, &layers_task, s, "dense-%s-h%d", cell_name(s.cell), (int)s.H);
            s.shortest = 1;
            add(c, &layers_task, s, "ragged-%s-h%d", cell_name(s.cell), (int)s.H);
        }
}

bool catalogue_fill(catalogue *c, const char *series)
{
    c->count = 0;
    if (!series) {
        add_training(c);
        add_inference(c);
        add_threads(c);
        add_precisions(c);
    } else if (strlen(series) == 1 && strchr("hbtl", *series)) {
        add_series(c, *series);
    } else if (strcmp(series, "ragged") == 0) {
        add_ragged(c);
    }
    return c->count > 0;
}

/* ---- finding -------------------------------------------------------------------------------- */

bool catalogue_choose(const catalogue *c, const char *word, bool *chosen)
{
    const size_t length = strlen(word);
    bool found = false;
    for (int64_t i = 0; i < c->count; i++)
        if (strcmp(c->all[i].name, word) == 0) return chosen[i] = true;
    for (int64_t i = 0; i < c->count; i++)
        if (strncmp(c->all[i].name, word, length) == 0 && c->all[i].name[length] == '-')
            found = chosen[i] = true;
    return found;
}

void catalogue_print(const catalogue *c)
{
    for (int64_t i = 0; i < c->count; i++) {
        const workload *w = &c->all[i];
        const shape *s = &w->shape;
        char lengths[32] = "";
        if (s->shortest) snprintf(lengths, sizeof lengths, ", lengths from %d", (int)s->shortest);
        printf("%-21s %s: %s%s, T %d, B %d, %s %d, H %d, L %d", w->name, w->task->what,
               directions(s) == 2 ? "bidirectional " : "", cell_name(s->cell), (int)s->T, (int)s->B,
               s->ids ? "symbols" : "I", (int)s->I, (int)s->H, (int)s->L);
        if (s->outputs)
            printf(", head of %d%s", (int)s->outputs, s->each_step ? " on each step" : "");
        if (s->precision != RECUR_PRECISION_FLOAT32) printf(", %s", precision_name(s->precision));
        printf("%s%s\n", lengths, w->threads == 2 ? ", two threads" : "");
    }
}
