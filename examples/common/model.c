/* model.c - model files; see model.h. */
#include "model.h"
#include "try.h"

#include <string.h>

/* The number of epochs done is a row, so that it is written and checked like an option. */
static option_row epochs_row(int64_t *epochs)
{
    return (option_row){
        .name = "epochs", .kind = OPTION_COUNT, .variable = epochs, .low = 0, .high = 1e9
    };
}

static void write_text(recur_file *file, const option_row *row)
{
    char text[64];
    option_text(row, text, sizeof text);
    TRY(recur_file_set_metadata(file, row->name, text));
}

recur_file *model_new(const option_row *table, int64_t epochs)
{
    recur_file *file;
    const option_row done = epochs_row(&epochs);
    TRY(recur_file_open_memory(NULL, NULL, 0, &file));
    TRY(recur_file_set_metadata(file, "program", program_name()));
    write_text(file, &done);
    for (const option_row *row = table; row->name; row++)
        if (row->place == IN_MODEL) write_text(file, row);
    return file;
}

void model_write(recur_file *file, const char *path)
{
    if (recur_file_write(file, path)) die("cannot save %s: %s", path, recur_last_error());
    recur_file_release(file);
}

static void read_text(recur_file *file, const char *path, const option_row *row)
{
    char message[256];
    const char *text = recur_file_metadata(file, row->name);
    if (!text) die("%s: it has no text '%s'", path, row->name);
    if (option_set(row, text, message, sizeof message))
        die("%s: text '%s': %s", path, row->name, message);
}

recur_file *model_open(const char *path, const option_row *table, int64_t *epochs)
{
    recur_file *file;
    *epochs = 0;
    if (!path) return NULL;
    if (recur_file_open(NULL, path, &file)) die("cannot load %s: %s", path, recur_last_error());
    const option_row done = epochs_row(epochs);
    const char *program = recur_file_metadata(file, "program");
    if (!program || strcmp(program, program_name()) != 0)
        die("%s: this is not a model of %s but of %s", path, program_name(),
            program ? program : "another program");
    read_text(file, path, &done);
    for (const option_row *row = table; row->name; row++)
        if (row->place == IN_MODEL) read_text(file, path, row);
    return file;
}

void model_close(recur_file *file, const char *path)
{
    if (!file) return;
    if (recur_file_all_used(file)) die("%s: %s", path, recur_last_error());
    recur_file_release(file);
}
