/* main.c - recur: networks in files, looked at, run, measured and compared from a shell. */
#include "command.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

static const command *const commands[] = { &info_command,   &verify_command, &run_command,
                                           &bench_command,  &diff_command,   &import_command,
                                           &compile_command };
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *to)
{
    fprintf(to, "usage: recur COMMAND [option ...] FILE ...\n\n"
                "Recurrent networks in files: look at them, run them, measure them.\n\n");
    for (int i = 0; i < COMMANDS; i++) {
        char left[32];
        snprintf(left, sizeof left, "%s %s", commands[i]->name, commands[i]->files);
        fprintf(to, "  recur %-16s  %s\n", left, commands[i]->summary);
    }
    fprintf(to, "\n\"recur COMMAND --help\" has the options of a command, recur(1) the whole.\n"
                "Exit status: 0 well, 1 the answer is no or a file is bad, 2 called wrongly.\n");
}

static int print_version(void)
{
    const uint32_t version = recur_version();
    printf("recur %u.%u.%u (%s)\n", version >> 16, version >> 8 & 255, version & 255,
           recur_context_isa(NULL));
    return finished(WELL);
}

int main(int count, char **words)
{
    setlocale(LC_CTYPE, "");
    handle_signals();
    const char *name = count > 1 ? words[1] : "";
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
        print_help(stdout);
        return finished(WELL);
    }
    if (!strcmp(name, "--version")) return print_version();
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i]->name) != 0) continue;
        arguments args;
        name_command(name);
        read_arguments(commands[i], count - 2, words + 2, &args);
        return finished(commands[i]->run(&args));
    }
    if (!*name) misuse("it wants a command; \"recur --help\" lists them");
    misuse("there is no command \"%s\"; \"recur --help\" lists them", name);
}
