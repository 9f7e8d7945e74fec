/* model.c - an LSTM or a GRU as a C file: model CELL INPUTS UNITS PRECISION PATH. */
#include <recur.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **words)
{
    if (count != 6) return 2;
    const recur_recurrent_options options = {
        .size = sizeof options,
        .cell = strcmp(words[1], "gru") ? RECUR_CELL_LSTM : RECUR_CELL_GRU,
        .input_size = atoi(words[2]),
        .hidden_size = atoi(words[3]),
    };
    const recur_compile_options how = {
        .size = sizeof how,
        .name = "m",
        .precision = strncmp(words[4], "int8", 4) ? RECUR_PRECISION_FLOAT32 : RECUR_PRECISION_INT8,
        .flags = (strcmp(words[4], "int8-library") ? 0 : RECUR_COMPILE_LIBRARY_MATH) |
                 (strstr(words[4], "-exact") ? RECUR_COMPILE_EXACT : 0),
    };
    recur_layer *layer;
    if (recur_recurrent_create(NULL, &options, &layer) ||
        recur_layer_init(layer, NULL, RECUR_INIT_DEFAULT, 0, 1) ||
        recur_compile_c(layer, &how, words[5])) {
        fprintf(stderr, "model: %s\n", recur_last_error());
        return 1;
    }
    recur_layer_release(layer);
    return 0;
}
