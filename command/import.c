/* import.c - recur import: a model file of another program's network. */
#include "command.h"

#include <string.h>

static const option options[] = {
    { "from", "FORM", "nam or rtneural; without it the name tells: .nam, or else rtneural" },
    { "type", "TYPE", "how parameters are stored: F32, F16 or BF16 (F32)" },
    { NULL, NULL, NULL },
};

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), e = strlen(end);
    return n >= e && !strcmp(text + n - e, end);
}

static bool is_nam(const arguments *args)
{
    const char *from = given(args, "from");
    if (!from) return ends_with(args->file[0], ".nam");
    if (strcmp(from, "nam") != 0 && strcmp(from, "rtneural") != 0)
        misuse("--from is \"%s\"; it must be nam or rtneural", from);
    return !strcmp(from, "nam");
}

static void save(const recur_layer *layer, const char *type, const char *to)
{
    recur_file *file;
    check(recur_file_open_memory(NULL, NULL, 0, &file), NULL);
    if (recur_file_set_type(file, type ? type : "F32")) misuse("--type: %s", recur_last_error());
    check(recur_file_put_model(file, "", layer, NULL), NULL);
    check(recur_file_write(file, to), NULL);
    recur_file_release(file);
}

static int run(const arguments *args)
{
    const char *from = args->file[0], *to = args->file[1];
    recur_layer *layer;
    if (is_nam(args))
        check(recur_import_nam(NULL, from, &layer), NULL); /* the sentence names the file */
    else
        check(recur_import_rtneural(NULL, from, &layer), NULL);
    save(layer, given(args, "type"), to);
    const recur_layer_info info = described(layer);
    printf("%s: %s → %s features, %s, written to %s\n", from, grouped(info.input_size),
           grouped(info.output_size), many(recur_layer_param_count(layer), "parameter"), to);
    recur_layer_release(layer);
    return WELL;
}

const command import_command = {
    .name = "import",
    .files = "IN OUT",
    .summary = "a .nam or RTNeural file as a model file",
    .help =
        "IN is a .nam file of Neural Amp Modeler (LSTM), or a network in one of the JSON forms\n"
        "that RTNeural reads. OUT becomes a model file, which the other commands take.\n",
    .least_files = 2,
    .most_files = 2,
    .options = options,
    .run = run,
};
