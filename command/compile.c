/* compile.c - recur compile: a model as a C file and a header. */
#include "command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const option options[] = {
    { "output", "FILE.c", "where it goes, and the header beside it; also -o" },
    { "name", "NAME", "what its names begin with; without it that of the file" },
    { "int8", NULL, "whole numbers of 8 bits, and the bits of such a snapshot" },
    { "own-math", NULL, "exp and tanh of its own, rounded once: no library is wanted" },
    { "library-math", NULL, "int8 with expf and tanhf: faster, but not the same bits" },
    { "exact", NULL, "the bits of exact contexts, on any machine; fast with floats" },
    { "arena", NULL, "what a step takes is the caller's, not on the stack" },
    { "ids", NULL, "a step takes an id, not a row" },
    { "prefix", "P", "the model whose names begin with P" },
    { NULL, NULL, NULL },
};

/* ---- the sample of the file ----------------------------------------------------------------- */

typedef struct stored_sample {
    recur_packed *packed;
    float *x;
    int32_t *ids;
    recur_model_sample sample;
} stored_sample;

/* The numbers of a tensor of the sample; NULL: the file has none of this name. */
static float *numbers_of(const opened *file, const char *prefix, const char *name, int64_t *count)
{
    recur_tensor tensor = { .size = sizeof tensor };
    char *whole = text("%srecur.sample.%s", prefix, name);
    float *numbers = NULL;
    if (!recur_file_find(file->file, whole, &tensor)) {
        numbers = take(NULL, (size_t)tensor.count + 1, sizeof *numbers);
        check(recur_file_read(file->file, whole, numbers, tensor.count), file->path);
        *count = tensor.count;
    }
    free(whole);
    return numbers;
}

/* Opening the model has run the sample, so its tensors fit each other. */
static bool read_sample(const opened *file, const char *prefix, int64_t width, stored_sample *out)
{
    int64_t sequences, count = 0;
    float *lengths = numbers_of(file, prefix, "lengths", &sequences);
    if (!lengths) return false;
    int64_t *whole = take(NULL, (size_t)sequences + 1, sizeof *whole);
    for (int64_t b = 0; b < sequences; b++) whole[b] = (int64_t)lengths[b];
    *out = (stored_sample){ 0 };
    check(recur_packed_create(NULL, sequences, whole, 0, &out->packed), NULL);
    float *rows = numbers_of(file, prefix, "x", &count);
    const bool ids = !rows;
    if (ids) rows = numbers_of(file, prefix, "ids", &count);
    int32_t *joined = take(NULL, (size_t)count + 1, sizeof *joined);
    for (int64_t i = 0; ids && i < count; i++) joined[i] = (int32_t)rows[i];
    if (ids) out->ids = take(NULL, (size_t)count + 1, sizeof *out->ids);
    if (!ids) out->x = take(NULL, (size_t)count + 1, sizeof *out->x);
    if (ids)
        check(recur_packed_pack(out->packed, RECUR_LAYOUT_JOINED, sizeof *joined, joined, out->ids),
              NULL);
    else
        check(recur_packed_pack(out->packed, RECUR_LAYOUT_JOINED, (size_t)width * sizeof *rows,
                                rows, out->x),
              NULL);
    out->sample = (recur_model_sample){
        .size = sizeof out->sample, .packed = out->packed, .x = out->x, .ids = out->ids
    };
    free(lengths);
    free(whole);
    free(rows);
    free(joined);
    return true;
}

static void free_sample(stored_sample *s)
{
    recur_packed_release(s->packed);
    free(s->x);
    free(s->ids);
}

/* ---- names ---------------------------------------------------------------------------------- */

/* The last part of a path without what follows its point, as a name of C. */
static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    char *name = text("%s%.*s", isdigit((unsigned char)*base) ? "n" : "", (int)strcspn(base, "."),
                      base);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c)) *c = '_';
    if (strlen(name) > 32) name[32] = '\0';
    return name;
}

static int run(const arguments *args)
{
    opened file;
    open_file(args->file[0], NULL, &file);
    const char *prefix = chosen_prefix(&file, given(args, "prefix"));
    const char *output = given(args, "output"), *wanted = given(args, "name");
    recur_layer *layer = model_of(&file, prefix);
    const char *named_by = output ? output : file.path;
    char *name = wanted ? text("%s", wanted) : name_of(named_by);
    char *path = output ? text("%s", output) : text("%s.c", name);
    stored_sample s;
    const bool sampled = read_sample(&file, prefix, described(layer).input_size, &s);
    const recur_compile_options how = {
        .size = sizeof how,
        .flags = (given(args, "own-math") ? RECUR_COMPILE_OWN_MATH : 0u) |
                 (given(args, "library-math") ? RECUR_COMPILE_LIBRARY_MATH : 0u) |
                 (given(args, "exact") ? RECUR_COMPILE_EXACT : 0u) |
                 (given(args, "arena") ? RECUR_COMPILE_ARENA : 0u) |
                 (given(args, "ids") ? RECUR_COMPILE_IDS : 0u),
        .precision = given(args, "int8") ? RECUR_PRECISION_INT8 : RECUR_PRECISION_FLOAT32,
        .name = name,
        .sample = sampled ? &s.sample : NULL,
    };
    check(recur_compile_c(layer, &how, path), file.path);
    printf("%s: %s, %s, %s\n", path, many(recur_layer_param_count(layer), "parameter"),
           precision_name(how.precision),
           sampled ? "with the sample as a self-test" : "without a sample");
    if (sampled) free_sample(&s);
    free(name);
    free(path);
    recur_layer_release(layer);
    close_file(&file);
    return WELL;
}

const command compile_command = {
    .name = "compile",
    .files = "FILE",
    .summary = "a model as C, for machines without this library",
    .help = "Writes one file of C99 and a header: constant weights, NAME_init and NAME_step, no\n"
            "allocation, no call but to expf and tanhf. With -DNAME_SELF_TEST it has a main that\n"
            "runs the model's sample.",
    .least_files = 1,
    .most_files = 1,
    .options = options,
    .run = run,
};
