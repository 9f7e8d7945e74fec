/* options.c - the command line from a table; see options.h. */
#include "options.h"
#include "try.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 48, FIRST = 256, HELP = 1 };

const choice cell_choices[] = { { "rnn", RECUR_CELL_RNN_TANH },
                                { "lstm", RECUR_CELL_LSTM },
                                { "gru", RECUR_CELL_GRU },
                                { NULL, 0 } };

/* ---- one row -------------------------------------------------------------------------------- */

static void list_choices(const option_row *row, char *text, size_t size)
{
    text[0] = '\0';
    for (const choice *c = row->choices; c->name; c++) {
        const size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%s", used ? "|" : "", c->name);
    }
}

/* Writes what stands behind the name in --help. */
static void describe_argument(const option_row *row, char *text, size_t size)
{
    if (row->kind == OPTION_CHOICE)
        list_choices(row, text, size);
    else if (row->kind == OPTION_TEXT)
        snprintf(text, size, "%s", row->argument);
    else if (row->kind == OPTION_COUNT)
        snprintf(text, size, "N");
    else if (row->kind == OPTION_NUMBER)
        snprintf(text, size, "X");
    else
        text[0] = 0;
}

void option_text(const option_row *row, char *text, size_t size)
{
    const char *word = NULL;
    text[0] = '\0';
    switch (row->kind) {
    case OPTION_FLAG:
        snprintf(text, size, "%d", (int)*(int32_t *)row->variable);
        break;
    case OPTION_COUNT:
        snprintf(text, size, "%lld", (long long)*(int64_t *)row->variable);
        break;
    case OPTION_NUMBER:
        snprintf(text, size, "%.9g", *(double *)row->variable);
        break;
    case OPTION_TEXT:
        word = *(const char **)row->variable;
        break;
    case OPTION_CHOICE:
        for (const choice *c = row->choices; c->name; c++)
            if (c->value == *(int32_t *)row->variable) word = c->name;
        break;
    case OPTION_ALSO:
        break;
    }
    if (word) snprintf(text, size, "%s", word);
}

static int set_choice(const option_row *row, const char *text)
{
    for (const choice *c = row->choices; c->name; c++) {
        if (strcmp(c->name, text) != 0) continue;
        *(int32_t *)row->variable = c->value;
        return 0;
    }
    return -1;
}

static int set_count(const option_row *row, const char *text, double low, double high)
{
    char *end;
    errno = 0;
    const long long n = strtoll(text, &end, 10);
    if (end == text || *end || errno || (double)n < low || (double)n > high) return -1;
    if (row->kind == OPTION_FLAG)
        *(int32_t *)row->variable = (int32_t)n;
    else
        *(int64_t *)row->variable = n;
    return 0;
}

static int set_number(const option_row *row, const char *text)
{
    char *end;
    const double x = strtod(text, &end);
    if (end == text || *end || !isfinite(x) || x < row->low || x > row->high) return -1;
    *(double *)row->variable = x;
    return 0;
}

int option_set(const option_row *row, const char *text, char *message, size_t size)
{
    char names[128];
    int failed = 0;
    switch (row->kind) {
    case OPTION_FLAG:
        failed = set_count(row, text, 0, 1);
        if (failed) snprintf(message, size, "'%s' is neither 0 nor 1", text);
        break;
    case OPTION_COUNT:
        failed = set_count(row, text, row->low, row->high);
        if (failed)
            snprintf(message, size, "'%s' is not a whole number from %.15g to %.15g", text,
                     row->low, row->high);
        break;
    case OPTION_NUMBER:
        failed = set_number(row, text);
        if (failed)
            snprintf(message, size, "'%s' is not a number from %g to %g", text, row->low,
                     row->high);
        break;
    case OPTION_TEXT:
        *(const char **)row->variable = text;
        break;
    case OPTION_CHOICE:
        failed = set_choice(row, text);
        list_choices(row, names, sizeof names);
        if (failed) snprintf(message, size, "'%s' is not one of %s", text, names);
        break;
    case OPTION_ALSO:
        failed = option_set(row - 1, text, message, size);
        break;
    }
    return failed;
}

/* ---- the whole table ------------------------------------------------------------------------ */

static void print_help(const char *purpose, const option_row *table)
{
    printf("usage: %s [options]\n\n%s\n\n", program_name(), purpose);
    for (const option_row *row = table; row->name; row++) {
        char argument[64], head[96], value[64];
        if (row->kind == OPTION_ALSO) continue;
        describe_argument(row, argument, sizeof argument);
        option_text(row, value, sizeof value);
        snprintf(head, sizeof head, "--%s%s%s", row->name, *argument ? " " : "", argument);
        printf("  %-22s %s", head, row->meaning);
        if (row[1].kind == OPTION_ALSO) printf("; also --%s", row[1].name);
        if (row->kind != OPTION_FLAG && *value) printf(" (%s)", value);
        putchar('\n');
    }
    printf("  %-22s %s\n", "--help", "this text; defaults are in parentheses");
}

void options_parse(int argc, char **argv, const char *purpose, const option_row *table)
{
    struct option known[MOST + 2] = { { "help", no_argument, NULL, HELP } };
    int at;
    set_program_name(argv[0]);
    for (int i = 0; table[i].name && i < MOST; i++)
        known[i + 1] = (struct option){ table[i].name,
                                        table[i].kind == OPTION_FLAG ? no_argument
                                                                     : required_argument,
                                        NULL, FIRST + i };
    opterr = 0;
    while ((at = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        char message[256];
        if (at == HELP) {
            print_help(purpose, table);
            exit(finish(0));
        }
        if (at == ':') die_of_usage("%s needs a value", argv[optind - 1]);
        if (at < FIRST && optopt > HELP && optopt < FIRST)
            die_of_usage("unknown option '-%c'", optopt);
        if (at < FIRST) die_of_usage("unknown option '%s'", argv[optind - 1]);
        const option_row *row = &table[at - FIRST];
        if (option_set(row, row->kind == OPTION_FLAG ? "1" : optarg, message, sizeof message))
            die_of_usage("--%s: %s", row->name, message);
    }
    if (optind < argc) die_of_usage("unexpected argument '%s'", argv[optind]);
}
