/* options.h - the command line from a table. A row names a variable, which holds the default. All
 * of parsing, checking, --help and the texts in a model file come from the row. */
#ifndef EXAMPLES_OPTIONS_H
#define EXAMPLES_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

/* What a row's variable is. */
enum option_kind {
    OPTION_FLAG,   /* int32_t: 1 if given         */
    OPTION_COUNT,  /* int64_t from low to high    */
    OPTION_NUMBER, /* double from low to high     */
    OPTION_TEXT,   /* const char *                */
    OPTION_CHOICE, /* int32_t: value of a choice  */
    OPTION_ALSO    /* another name of the row above */
};

typedef struct {
    const char *name; /* NULL ends a list */
    int32_t value;
} choice;

/* --cell: rnn, lstm, gru, as RECUR_CELL_*. */
extern const choice cell_choices[];

typedef struct {
    const char *name; /* "hidden" is --hidden; NULL ends a table */
    enum option_kind kind;
    void *variable;
    double low, high;     /* of counts and numbers                           */
    const char *argument; /* of texts: "FILE"                                */
    const choice *choices;
    int place;           /* IN_MODEL: goes into model files, and comes from them */
    const char *meaning; /* for --help                                      */
} option_row;

enum { ON_LINE_ONLY, IN_MODEL };

/* The rows of a table. */
/* clang-format off */
#define FLAG(name, variable, place, meaning) \
    { name, OPTION_FLAG, variable, 0, 1, NULL, NULL, place, meaning }
#define COUNT(name, variable, low, high, place, meaning) \
    { name, OPTION_COUNT, variable, low, high, NULL, NULL, place, meaning }
#define NUMBER(name, variable, low, high, meaning) \
    { name, OPTION_NUMBER, variable, low, high, NULL, NULL, ON_LINE_ONLY, meaning }
#define NUMBER_OF_MODEL(name, variable, low, high, meaning) \
    { name, OPTION_NUMBER, variable, low, high, NULL, NULL, IN_MODEL, meaning }
#define TEXT(name, variable, argument, meaning) \
    { name, OPTION_TEXT, variable, 0, 0, argument, NULL, ON_LINE_ONLY, meaning }
#define CHOICE(name, variable, choices, place, meaning) \
    { name, OPTION_CHOICE, variable, 0, 0, NULL, choices, place, meaning }
#define ALSO(name) \
    { name, OPTION_ALSO, NULL, 0, 0, NULL, NULL, ON_LINE_ONLY, NULL }
#define END_OF_OPTIONS { NULL, OPTION_FLAG, NULL, 0, 0, NULL, NULL, ON_LINE_ONLY, NULL }

/* What every program can be told about a run. */
typedef struct {
    int64_t epochs, seed;
    const char *csv, *save, *load;
} run_settings;

#define RUN_OPTIONS(settings) \
    COUNT("epochs", &(settings).epochs, 0, 1e6, ON_LINE_ONLY, \
          "epochs in all, those of --load included"), \
    COUNT("seed", &(settings).seed, 0, 1e15, ON_LINE_ONLY, "seed of all random numbers"), \
    TEXT("csv", &(settings).csv, "FILE", "write the curves there"), \
    TEXT("save", &(settings).save, "FILE", "write the model there"), \
    TEXT("load", &(settings).load, "FILE", "go on with this model; its shape comes from the file")
/* clang-format on */

/* Sets the variables from the command line. --help prints purpose and table and ends the program
 * with status 0; anything wrong ends it with a message and status 2. */
void options_parse(int argc, char **argv, const char *purpose, const option_row *table);

/* Sets a row's variable from a text; gives 0, or -1 with the reason in message. */
int option_set(const option_row *row, const char *text, char *message, size_t size);

/* The value of a row's variable as a text; "" for a text that is not set. */
void option_text(const option_row *row, char *text, size_t size);

#endif
