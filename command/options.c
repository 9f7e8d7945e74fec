/* options.c - the words behind a sub-command. */
#include "command.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const isas[] = { "auto",   "ref",  "sse2", "avx2",
                                    "avx512", "neon", "vec4", "avx2_exact" };
static const char *const precisions[] = { "float32", "bfloat16", "int8" };
enum { ISAS = sizeof isas / sizeof *isas, PRECISIONS = sizeof precisions / sizeof *precisions };

void print_command_help(const command *c)
{
    printf("usage: recur %s [option ...] %s\n\n%s\n", c->name, c->files, c->summary);
    if (*c->help) printf("\n%s\n", c->help);
    printf("\noptions:\n");
    for (const option *o = c->options; o->name; o++) {
        char left[40];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->argument ? " " : "",
                 o->argument ? o->argument : "");
        printf("  %-20s  %s\n", left, o->help);
    }
    printf("  %-20s  %s\n", "--help", "this text");
}

/* The place of an option; the sentence of an unknown one says where all are listed. */
static int place(const command *c, const char *name, size_t length)
{
    for (int i = 0; c->options[i].name; i++) {
        const char *known = c->options[i].name;
        if (strlen(known) == length && !memcmp(known, name, length)) return i;
    }
    return -1;
}

/* Takes an option at words[i] and gives the place of the last word that belongs to it. */
static int read_option(arguments *args, int i, int count, char **words)
{
    const char *name = words[i] + 2;
    const size_t length = strcspn(name, "=");
    const int at = place(args->command, name, length);
    if (at < 0)
        misuse("there is no option %.*s; \"recur %s --help\" lists them", (int)length + 2, words[i],
               args->command->name);
    if (args->value[at]) misuse("--%.*s is given twice", (int)length, name);
    const bool wants = args->command->options[at].argument;
    if (!wants && name[length]) misuse("--%.*s takes no value", (int)length, name);
    if (!wants)
        args->value[at] = "";
    else if (name[length])
        args->value[at] = name + length + 1;
    else if (i + 1 < count)
        args->value[at] = words[++i];
    else
        misuse("--%s wants a value: --%s %s", name, name, args->command->options[at].argument);
    return i;
}

void read_arguments(const command *c, int count, char **words, arguments *args)
{
    *args = (arguments){ .command = c };
    bool options = true;
    for (int i = 0; i < count; i++) {
        const char *word = words[i];
        if (options && (!strcmp(word, "--help") || !strcmp(word, "-h"))) {
            print_command_help(c);
            exit(finished(WELL));
        }
        if (options && !strcmp(word, "--")) {
            options = false;
        } else if (options && !strncmp(word, "--", 2)) {
            i = read_option(args, i, count, words);
        } else if (options && !strcmp(word, "-o")) {
            char *spelled = "--output";
            char *pair[] = { spelled, i + 1 < count ? words[i + 1] : NULL };
            i += read_option(args, 0, i + 1 < count ? 2 : 1, pair);
        } else if (options && word[0] == '-' && word[1]) {
            misuse("there is no option %s; \"recur %s --help\" lists them", word, c->name);
        } else {
            if (args->files == c->most_files)
                misuse("\"%s\" is one file too many: recur %s %s", word, c->name, c->files);
            args->file[args->files++] = word;
        }
    }
    if (args->files < c->least_files)
        misuse("it wants %s: recur %s %s", c->least_files > 1 ? "two files" : "a file", c->name,
               c->files);
}

const char *given(const arguments *args, const char *name)
{
    return args->value[place(args->command, name, strlen(name))];
}

int64_t given_count(const arguments *args, const char *name, int64_t otherwise, int64_t most)
{
    const char *word = given(args, name);
    if (!word) return otherwise;
    char *end;
    errno = 0;
    const long long count = strtoll(word, &end, 10);
    if (end == word || *end || errno || count < 1 || count > most)
        misuse("--%s is \"%s\"; it must be a whole number from 1 to %lld", name, word,
               (long long)most);
    return count;
}

double given_number(const arguments *args, const char *name, double otherwise)
{
    const char *word = given(args, name);
    if (!word) return otherwise;
    char *end;
    const double number = strtod(word, &end);
    if (end == word || *end || !isfinite(number) || number < 0)
        misuse("--%s is \"%s\"; it must be a number that is not negative", name, word);
    return number;
}

/* The place of a word in a list; the sentence about another one has them all. */
static int32_t one_of(const char *name, const char *word, const char *const *list, int count)
{
    char all[80] = "";
    for (int i = 0; i < count; i++) {
        if (!strcmp(list[i], word)) return i;
        const size_t length = strlen(all);
        snprintf(all + length, sizeof all - length, "%s%s", i ? ", " : "", list[i]);
    }
    misuse("--%s is \"%s\"; it must be one of %s", name, word, all);
}

int32_t given_isa(const arguments *args)
{
    const char *word = given(args, "isa");
    return word ? one_of("isa", word, isas, ISAS) : RECUR_ISA_AUTO;
}

int32_t given_precision(const arguments *args)
{
    const char *word = given(args, "precision");
    return word ? one_of("precision", word, precisions, PRECISIONS) : RECUR_PRECISION_FLOAT32;
}

const char *isa_name(int32_t isa) { return isa < ISAS ? isas[isa] : NULL; }

const char *precision_name(int32_t precision) { return precisions[precision]; }
