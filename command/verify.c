/* verify.c - recur verify: whether a file is whole, its numbers finite, its models right. */
#include "command.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const option options[] = {
    { "quiet", NULL, "print nothing; the status says it" },
    { NULL, NULL, NULL },
};

/* Whether the header, which is JSON behind its length in eight bytes, has the checksum that the
 * library has verified. Inside a text its quotes would be escaped, so the key is found as it is. */
static bool has_checksum(const char *path)
{
    static const char key[] = "\"recur.checksum\"";
    FILE *file = fopen(path, "rb");
    unsigned char length[8];
    if (!file || fread(length, 1, sizeof length, file) != sizeof length) {
        if (file) fclose(file);
        return false;
    }
    uint64_t left = 0;
    for (int i = 7; i >= 0; i--) left = left << 8 | length[i];
    size_t fits = 0;
    int c = 0;
    for (; left && fits < sizeof key - 1 && (c = getc(file)) != EOF; left--) {
        if (c == key[fits])
            fits++;
        else
            fits = c == key[0];
    }
    while (left-- && ((c = getc(file)) == ' ' || c == ':')) {} /* of a tensor's name comes a { */
    fclose(file);
    return fits == sizeof key - 1 && c == '"';
}

typedef struct found {
    int64_t numbers, others; /* finite ones; tensors that have no numbers                        */
} found;

/* False, with a sentence on the standard output, if a number is not finite. */
static bool finite(recur_file *file, found *f, bool quiet)
{
    float *numbers = NULL;
    bool good = true;
    const int64_t count = recur_file_tensor_count(file);
    for (int64_t i = 0; i < count; i++) {
        recur_tensor tensor = { .size = sizeof tensor };
        check(recur_file_tensor_info(file, i, &tensor), NULL);
        progress("verify: tensor %s of %s", grouped(i + 1), grouped(count));
        numbers = take(numbers, (size_t)tensor.count, sizeof *numbers);
        const recur_status status = recur_file_read(file, tensor.name, numbers, tensor.count);
        if (status == RECUR_E_UNSUPPORTED) {
            f->others++;
            continue;
        }
        check(status, NULL);
        int64_t at = 0;
        while (at < tensor.count && isfinite(numbers[at])) at++;
        f->numbers += tensor.count;
        if (at == tensor.count) continue;
        progress_end();
        if (!quiet)
            printf("  numbers   BAD   %s has %g at place %lld\n", shown(tensor.name),
                   (double)numbers[at], (long long)at);
        good = false;
    }
    progress_end();
    free(numbers);
    return good;
}

/* Opening a model runs its sample and checks its structure. */
static bool models_open(const opened *file, bool quiet)
{
    bool good = true;
    for (int64_t i = 0; i < file->models; i++) {
        recur_layer *layer;
        char *name = *file->prefix[i] ? text("\"%s\": ", shown(file->prefix[i])) : text("%s", "");
        char *lengths = text("%srecur.sample.lengths", file->prefix[i]);
        recur_tensor sample = { .size = sizeof sample };
        const bool sampled = !recur_file_find(file->file, lengths, &sample);
        const bool opens = !recur_file_get_model(file->file, file->prefix[i], &layer);
        const char *what = sampled ? "its sample comes out the same" : "it has no sample";
        if (!quiet)
            printf("  model     %-5s %s%s\n", opens ? "ok" : "BAD", name,
                   opens ? what : recur_last_error());
        if (opens) recur_layer_release(layer);
        good = good && opens;
        free(lengths);
        free(name);
    }
    return good;
}

static int verify(const arguments *args)
{
    const bool quiet = given(args, "quiet");
    opened file;
    open_file(args->file[0], NULL, &file);
    const bool summed = has_checksum(file.path);
    if (!quiet)
        printf("%s\n  checksum  %s\n", file.path,
               summed ? "ok    every bit is as it was written"
                      : "none  damage of numbers is not told");
    found f = { 0 };
    bool good = finite(file.file, &f, quiet);
    if (!quiet && good)
        printf("  numbers   ok    %s, all finite%s\n", grouped(f.numbers),
               f.others ? "; tensors of other types were left out" : "");
    good = models_open(&file, quiet) && good;
    if (!quiet && !file.models) printf("  model     none  only tensors and texts\n");
    close_file(&file);
    return good ? WELL : NO;
}

const command verify_command = {
    .name = "verify",
    .files = "FILE",
    .summary = "whether it is whole: checksum, finite numbers, sample",
    .help = "Status 0: it is. Status 1: it is not, and the output says why.",
    .least_files = 1,
    .most_files = 1,
    .options = options,
    .run = verify,
};
