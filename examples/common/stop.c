/* stop.c - Ctrl-C ends training after the current batch; see stop.h. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "stop.h"
#include "progress.h"
#include "try.h"

#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t mark;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    mark = 1;
}

void stop_on_interrupt(void)
{
    struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

int stopped(void) { return mark; }

int stopped_status(int64_t epochs, const char *saved)
{
    progress_end();
    fprintf(stderr, "%s: interrupted after %lld whole epochs; ", program_name(), (long long)epochs);
    if (saved)
        fprintf(stderr, "the model is in %s\n", saved);
    else
        fputs("the model is not saved (--save FILE would)\n", stderr);
    return 130;
}
