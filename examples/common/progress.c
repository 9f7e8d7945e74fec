/* progress.c - one line that is drawn over and over; see progress.h. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "progress.h"
#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 20 };

static struct {
    int64_t epoch, epochs, rows;
    double started, shown;
    int drawn; /* the line is on the screen */
} now;

static int wanted(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

void progress_begin(int64_t epoch, int64_t epochs, int64_t rows)
{
    progress_end();
    now.epoch = epoch;
    now.epochs = epochs;
    now.rows = rows;
    now.started = now.shown = seconds();
}

void progress_show(const score *s)
{
    const double time = seconds();
    if (time - now.shown < 0.1 || !wanted()) return;
    const double part = (double)s->rows / (double)now.rows,
                 rate = (double)s->rows / (time - now.started);
    const double left = ((double)(now.epochs - now.epoch) + 1 - part) * (double)now.rows /
                        rate; /* of all epochs */
    char bar[BAR + 1];
    for (int i = 0; i < BAR; i++) bar[i] = i < (int)(part * BAR) ? '#' : '.';
    bar[BAR] = '\0';
    char accuracy[32] = ""; /* of what has classes */
    if (s->right) snprintf(accuracy, sizeof accuracy, "  acc %.2f%%", score_accuracy(s));
    fprintf(stderr, "\r\033[Kepoch %lld/%lld %s  loss %.4f%s  %.0f/s  %d:%02d left",
            (long long)now.epoch, (long long)now.epochs, bar, score_loss(s), accuracy, rate,
            (int)left / 60, (int)left % 60);
    fflush(stderr);
    now.shown = time;
    now.drawn = 1;
}

void progress_end(void)
{
    if (now.drawn) fputs("\r\033[K", stderr);
    now.drawn = 0;
}
