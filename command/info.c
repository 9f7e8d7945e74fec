/* info.c - recur info: what is in a file. */
#include "command.h"

#include <stdlib.h>
#include <string.h>

static const option options[] = {
    { "batch", "B", "memory is told for B sequences (1)" },
    { "steps", "T", "of T steps each (100)" },
    { "prefix", "P", "only the model whose names begin with P" },
    { "tensors", NULL, "list the tensors of a model, too" },
    { NULL, NULL, NULL },
};

static const char SAMPLE[] = "recur.sample.";

static const char *shape_text(const recur_tensor *tensor)
{
    static char shape[100];
    int at = 0;
    shape[0] = 0;
    for (int d = 0; d < tensor->rank; d++)
        at += snprintf(shape + at, sizeof shape - (size_t)at, "[%lld]", (long long)tensor->dim[d]);
    return tensor->rank ? shape : "[]";
}

/* ---- tensors and texts ---------------------------------------------------------------------- */

static void print_tensors(const recur_file *file, const char *prefix)
{
    const int64_t count = recur_file_tensor_count(file);
    int width = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < count; i++) {
            recur_tensor tensor = { .size = sizeof tensor };
            check(recur_file_tensor_info(file, i, &tensor), NULL);
            if (strncmp(tensor.name, prefix, strlen(prefix)) != 0) continue;
            const char *name = shown(tensor.name);
            const int own = columns(name);
            if (own > width) width = own;
            if (pass)
                printf("  %s%*s  %-5s %11s  %s\n", name, width - own, "", tensor.type,
                       grouped(tensor.count), shape_text(&tensor));
        }
    }
}

/* A line of a text, with a word on how much there is beyond it. */
static void print_text(const char *key, const char *value)
{
    enum { MOST = 60 };
    const char *line = shown(value);
    int bytes = 0;
    for (int letters = 0; line[bytes]; bytes++) {
        letters += ((unsigned char)line[bytes] & 0xC0) != 0x80;
        if (letters > MOST) break;
    }
    printf("  %s: %.*s", shown(key), bytes, line);
    if (line[bytes]) printf(" ... (%s)", many((int64_t)strlen(value), "byte"));
    putchar('\n');
}

static bool of_a_model(const opened *file, const char *key)
{
    const size_t length = strlen(key), tail = strlen("recur.model");
    for (int64_t i = 0; i < file->models; i++)
        if (length == strlen(file->prefix[i]) + tail && !strcmp(key + length - tail, "recur.model"))
            return true;
    return false;
}

static void print_texts(const opened *file)
{
    bool any = false;
    for (int64_t i = 0; i < recur_file_metadata_count(file->file); i++) {
        const char *key = recur_file_metadata_key(file->file, i);
        if (of_a_model(file, key)) continue;
        if (!any) printf("\ntexts\n");
        any = true;
        print_text(key, recur_file_metadata(file->file, key));
    }
}

/* ---- a model -------------------------------------------------------------------------------- */

static void print_input(const recur_layer *layer)
{
    const recur_layer_info info = described(layer);
    const bool rows = info.capabilities & RECUR_CAN_TAKE_ROWS,
               ids = info.capabilities & RECUR_CAN_TAKE_IDS,
               step = info.capabilities & RECUR_CAN_STEP;
    if (!rows && !ids) {
        printf("  runs      by its parts, in a program of your own: it is a group\n");
        return;
    }
    printf("  takes     ");
    if (rows) printf("rows of %s%s", many(info.input_size, "number"), ids ? ", or " : "");
    if (ids) printf("ids below %s", grouped(info.input_size));
    printf("\n  gives     rows of %s, one for each %s\n", many(info.output_size, "number"),
           info.capabilities & RECUR_CAN_REDUCE_TIME ? "sequence" : "step");
    printf("  streams   %s\n",
           step ? "yes, step by step" : "no: it needs whole sequences (recur run --whole)");
}

static void print_state(const recur_layer *layer)
{
    recur_state *state;
    check(recur_state_create(layer, 1, &state), NULL);
    const int64_t count = recur_state_count(state), tensors = recur_state_tensor_count(state);
    if (!count) {
        printf("  state     none\n");
    } else {
        printf("  state     %s for each sequence:", many(count, "number"));
        for (int64_t i = 0; i < tensors; i++) {
            recur_tensor tensor = { .size = sizeof tensor };
            check(recur_state_tensor_info(state, i, &tensor), NULL);
            if (i == 6) {
                printf(" and %lld more", (long long)(tensors - i));
                break;
            }
            printf("%s %s %s", i ? "," : "", tensor.name, shape_text(&tensor));
        }
        putchar('\n');
    }
    recur_state_release(state);
}

/* The tensors of a sample are those of docs/model-files.md. */
static void print_sample(const recur_file *file, const char *prefix)
{
    recur_tensor lengths = { .size = sizeof lengths }, x = { .size = sizeof x },
                 y = { .size = sizeof y };
    char *names[4] = { text("%s%slengths", prefix, SAMPLE), text("%s%sx", prefix, SAMPLE),
                       text("%s%sids", prefix, SAMPLE), text("%s%sy", prefix, SAMPLE) };
    if (recur_file_find(file, names[0], &lengths) || recur_file_find(file, names[3], &y) ||
        (recur_file_find(file, names[1], &x) && recur_file_find(file, names[2], &x)))
        printf("  sample    none\n");
    else
        printf("  sample    %s, %s in, %s out; it was run, and comes out the same\n",
               many(lengths.count, "sequence"), many(x.dim[0], "row"), many(y.dim[0], "row"));
    for (int i = 0; i < 4; i++) free(names[i]);
}

static void print_memory(const recur_layer *layer, int64_t B, int64_t T)
{
    recur_packed *packed;
    check(recur_packed_create(NULL, B, NULL, T, &packed), NULL);
    recur_memory m = { .size = sizeof m };
    check(recur_layer_memory(layer, packed, 0, &m), NULL);
    recur_packed_release(packed);
    printf("\n  memory, for %s of %s\n", many(B, "sequence"), many(T, "step"));
    const struct {
        const char *name, *what;
        int64_t bytes;
    } lines[] = {
        { "layer", "with its parameters", m.layer },
        { "snapshot", "what a stream runs on, beside the layer", m.snapshot },
        { "state", "of the sequences", m.state },
        { "forward", "scratch while it runs, not recorded", m.inference },
        { "training", "tape, layout, one record, scratch",
          m.tape + m.layout + m.record + (m.training > m.inference ? m.training : m.inference) },
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        printf("    %-10s %14s bytes  %s\n", lines[i].name, grouped(lines[i].bytes), lines[i].what);
}

typedef struct wanted {
    int64_t B, T;
    bool tensors;
} wanted;

static void print_model(const opened *file, const char *prefix, const wanted *w)
{
    recur_layer *layer = model_of(file, prefix);
    tree parts = make_tree(layer);
    const int64_t count = recur_layer_param_count(layer);
    printf("\nmodel%s%s%s: %s, %s\n", *prefix ? " \"" : "", shown(prefix), *prefix ? "\"" : "",
           many(count, "parameter"), bytes_text(4 * count));
    print_tree(&parts);
    putchar('\n');
    print_input(layer);
    print_state(layer);
    print_sample(file->file, prefix);
    print_memory(layer, w->B, w->T);
    if (w->tensors) {
        printf("\n  tensors\n");
        print_tensors(file->file, prefix);
    }
    free_tree(&parts);
    recur_layer_release(layer);
}

static int info(const arguments *args)
{
    const wanted w = { .B = given_count(args, "batch", 1, INT32_MAX),
                       .T = given_count(args, "steps", 100, INT32_MAX),
                       .tensors = given(args, "tensors") };
    opened file;
    open_file(args->file[0], NULL, &file);
    const char *prefix = given(args, "prefix");
    const int64_t tensors = recur_file_tensor_count(file.file);
    size_t bytes = 0;
    check(recur_file_write_memory(file.file, NULL, &bytes), file.path);
    const char *models = file.models > 1 ? many(file.models, "model") : "a model";
    printf("%s: %s, %s, %s\n", file.path, many(tensors, "tensor"), bytes_text((int64_t)bytes),
           file.models ? models : "no model");
    if (prefix) {
        print_model(&file, chosen_prefix(&file, prefix), &w);
    } else {
        for (int64_t i = 0; i < file.models; i++) print_model(&file, file.prefix[i], &w);
        if (!file.models && tensors) {
            printf("\ntensors\n");
            print_tensors(file.file, "");
        }
        print_texts(&file);
    }
    close_file(&file);
    return WELL;
}

const command info_command = {
    .name = "info",
    .files = "FILE",
    .summary = "what is in a file: structure, sizes, state, memory, sample",
    .help = "Of a file without a model it lists tensors and texts.",
    .least_files = 1,
    .most_files = 1,
    .options = options,
    .run = info,
};
