/* run.c - recur run: rows through a model, step by step, as they come. */
#include "command.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const option options[] = {
    { "from", "FORMAT", "of the input: csv, f32 (raw float32) or wav (16 bits, one channel)" },
    { "to", "FORMAT", "of the output (that of the input)" },
    { "frame", "N", "each row is N samples of a WAV file (1)" },
    { "ids", NULL, "the input is ids, one for each step" },
    { "header", NULL, "the first line of CSV is names: leave it out" },
    { "whole", NULL, "read all of the input first: for models that look ahead" },
    { "rate", "R", "samples in a second of a WAV output (as the input, or 48000)" },
    { "output", "FILE", "write there; it appears when it is whole (standard output)" },
    { "precision", "P", "float32, bfloat16 or int8 weights (float32)" },
    { "isa", "SET", "instruction set: ref, sse2, avx2, avx512, neon, vec4, avx2_exact (the best)" },
    { "prefix", "P", "the model whose names begin with P" },
    { NULL, NULL, NULL },
};

static const char *const formats[] = { "csv", "f32", "wav" };

static int format_of_name(const char *path, int otherwise)
{
    const char *dot = path ? strrchr(path, '.') : NULL;
    for (int i = 0; dot && i < 3; i++)
        if (!strcmp(dot + 1, formats[i])) return i;
    return otherwise;
}

static int given_format(const arguments *args, const char *name, int otherwise)
{
    const char *word = given(args, name);
    if (!word) return otherwise;
    for (int i = 0; i < 3; i++)
        if (!strcmp(word, formats[i])) return i;
    misuse("--%s is \"%s\"; it must be csv, f32 or wav", name, word);
}

/* ---- what runs ------------------------------------------------------------------------------ */

typedef struct running {
    recur_layer *layer; /* a snapshot                                                            */
    recur_layer_info info;
    bool ids;
    reader in;
    writer out;
    float *x, *y; /* a row                                                                       */
} running;

static int32_t id_of(const running *r, float number)
{
    if (number != rintf(number) || number < 0 || number >= (float)r->info.input_size)
        fail("%s: id %lld is %g; the model takes whole numbers from 0 to %lld", r->in.path,
             (long long)r->in.rows, (double)number, (long long)r->info.input_size - 1);
    return (int32_t)number;
}

static void stream(running *r)
{
    recur_state *state;
    check(recur_state_create(r->layer, 1, &state), NULL);
    while (reader_row(&r->in, r->x)) {
        if (r->ids) {
            const int32_t id = id_of(r, *r->x);
            check(recur_layer_step_ids(r->layer, &id, state, r->y, NULL), NULL);
        } else {
            check(recur_layer_step(r->layer, r->x, state, r->y, NULL), NULL);
        }
        writer_row(&r->out, r->y, r->info.output_size);
        if (r->in.rows % 256 == 0) progress("run: %s rows", grouped(r->in.rows));
        if (reader_would_wait(&r->in)) writer_flush(&r->out);
    }
    recur_state_release(state);
}

/* All rows are one sequence. */
static void run_whole(running *r)
{
    const size_t width = r->ids ? 1 : (size_t)r->info.input_size;
    const int64_t O = r->info.output_size;
    float *x = NULL;
    int64_t room = 0, T = 0;
    while (reader_row(&r->in, r->x)) {
        if (T == room) {
            room = room ? 2 * room : 1024;
            x = take(x, (size_t)room, width * sizeof *x);
        }
        memcpy(x + (size_t)T++ * width, r->x, width * sizeof *x);
        if (T % 256 == 0) progress("run: %s rows read", grouped(T));
    }
    recur_packed *packed;
    check(recur_packed_create(NULL, 1, NULL, T, &packed), NULL);
    const int64_t rows = recur_layer_rows(r->layer, packed);
    float *y = take(NULL, (size_t)rows, (size_t)O * sizeof *y);
    progress_end();
    if (r->ids) {
        int32_t *ids = take(NULL, (size_t)T, sizeof *ids);
        for (int64_t t = 0; t < T; t++) ids[t] = id_of(r, x[t]);
        check(recur_layer_forward_ids(r->layer, packed, ids, NULL, y, NULL), NULL);
        free(ids);
    } else {
        check(recur_layer_forward(r->layer, packed, x ? x : r->x, NULL, y, NULL), NULL);
    }
    for (int64_t i = 0; i < rows; i++) writer_row(&r->out, y + i * O, O);
    recur_packed_release(packed);
    free(x);
    free(y);
}

/* ---- what fits what ------------------------------------------------------------------------- */

static void check_model(const running *r, const arguments *args)
{
    const uint32_t can = r->info.capabilities;
    const bool whole = given(args, "whole");
    if (r->info.kind == RECUR_KIND_COMPOSE && r->info.variant == RECUR_COMPOSE_GROUP)
        fail("%s is a group, whose parts a program runs in its own way", args->file[0]);
    if (!(can & RECUR_CAN_STEP) && !whole)
        misuse("%s needs whole sequences (it looks ahead, or gives one row for a sequence): use "
               "--whole, which reads all rows first",
               args->file[0]);
    if (r->ids && !(can & RECUR_CAN_TAKE_IDS))
        misuse("%s takes rows of %lld numbers, not ids", args->file[0],
               (long long)r->info.input_size);
    if (!r->ids && !(can & RECUR_CAN_TAKE_ROWS))
        misuse("%s takes ids below %lld, not rows: use --ids", args->file[0],
               (long long)r->info.input_size);
    if (r->ids && r->info.input_size > 1 << 24)
        fail("%s takes ids below %lld; 2^24 are the most here", args->file[0],
             (long long)r->info.input_size);
}

/* A row of a WAV file is as many samples as --frame says, so that nobody feeds 512 samples at a
 * time to a network without knowing it. */
static void check_frame(const running *r, const arguments *args, int from)
{
    const int64_t frame = given_count(args, "frame", 1, INT32_MAX), I = r->info.input_size;
    if (given(args, "frame") && from != FORMAT_WAV)
        misuse("--frame cuts WAV files into rows; the input is %s", formats[from]);
    if (from == FORMAT_WAV && r->ids) misuse("ids come as csv or f32, not as wav");
    if (from == FORMAT_WAV && frame != I)
        misuse("%s takes rows of %lld numbers, and a row is %lld samples: use --frame %lld",
               args->file[0], (long long)I, (long long)frame, (long long)I);
}

static void open_model(running *r, const arguments *args)
{
    recur_context *ctx = make_context(given_isa(args), 1);
    const int32_t precision = given_precision(args);
    opened file;
    open_file(args->file[0], ctx, &file);
    recur_layer *layer = model_of(&file, chosen_prefix(&file, given(args, "prefix")));
    r->info = described(layer);
    r->ids = given(args, "ids");
    check_model(r, args);
    check(recur_layer_snapshot(layer, precision, &r->layer), NULL);
    recur_layer_release(layer);
    close_file(&file);
    recur_context_release(ctx);
}

static int run(const arguments *args)
{
    const char *input = args->files > 1 ? args->file[1] : NULL, *output = given(args, "output");
    const int from = given_format(args, "from", format_of_name(input, FORMAT_CSV));
    const int to = given_format(args, "to", format_of_name(output, from));
    const int64_t rate = given_count(args, "rate", 48000, INT32_MAX);
    running r = { .ids = false };
    open_model(&r, args);
    check_frame(&r, args, from);
    const int64_t width = r.ids ? 1 : r.info.input_size;
    r.x = take(NULL, (size_t)width, sizeof *r.x);
    r.y = take(NULL, (size_t)r.info.output_size, sizeof *r.y);
    reader_open(&r.in, input, from, width, given(args, "header"));
    const bool as_input = from == FORMAT_WAV && !given(args, "rate");
    writer_open(&r.out, output, to, as_input ? r.in.rate : (int32_t)rate);
    if (given(args, "whole"))
        run_whole(&r);
    else
        stream(&r);
    writer_close(&r.out);
    reader_close(&r.in);
    recur_layer_release(r.layer);
    free(r.x);
    free(r.y);
    return WELL;
}

const command run_command = {
    .name = "run",
    .files = "FILE [INPUT]",
    .summary = "rows through a model, step by step, to the standard output",
    .help =
        "The input is INPUT, or the standard input. The format of a file follows from its name\n"
        "(.csv .f32 .wav); else it is csv. CSV has a row on each line, numbers with commas or\n"
        "semicolons between them; empty lines and lines that begin with # are left out. What\n"
        "is there is answered at once, so a pipe may stay open.",
    .least_files = 1,
    .most_files = 2,
    .options = options,
    .run = run,
};
