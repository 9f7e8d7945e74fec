/* model.h - model files: safetensors with the parameters and, as texts beside them, what else is
 * needed to go on: the program, the options that shape the model, and the epochs done. */
#ifndef EXAMPLES_MODEL_H
#define EXAMPLES_MODEL_H

#include "options.h"

#include <recur.h>

/* A new file with its texts. The runs are added to it (run_save), then it is written. */
recur_file *model_new(const option_row *table, int64_t epochs);
void model_write(recur_file *file, const char *path);

/* Opens a file and sets the options that shape the model from it. The runs are loaded from it
 * (run_load), then it is closed; a tensor that nobody wanted is an error. A path that is NULL gives
 * NULL, and no epochs. */
recur_file *model_open(const char *path, const option_row *table, int64_t *epochs);
void model_close(recur_file *file, const char *path);

#endif
