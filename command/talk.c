/* talk.c - sentences, the progress line, signals, and numbers for people. */
#include "command.h"

#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *command_name;

/* What a signal has to tidy up. */
static volatile sig_atomic_t line_shown;
static const char *volatile unfinished;

void name_command(const char *name) { command_name = name; }

static void say(const char *sentence, va_list list)
{
    progress_end();
    fflush(stdout);
    fprintf(stderr, "recur%s%s: ", command_name ? " " : "", command_name ? command_name : "");
    vfprintf(stderr, sentence, list);
    fputc('\n', stderr);
}

_Noreturn static void leave(int status)
{
    if (unfinished) unlink(unfinished);
    exit(status);
}

_Noreturn void misuse(const char *sentence, ...)
{
    va_list list;
    va_start(list, sentence);
    say(sentence, list);
    va_end(list);
    leave(MISUSED);
}

_Noreturn void fail(const char *sentence, ...)
{
    va_list list;
    va_start(list, sentence);
    say(sentence, list);
    va_end(list);
    leave(NO);
}

void warn(const char *sentence, ...)
{
    va_list list;
    va_start(list, sentence);
    say(sentence, list);
    va_end(list);
}

void check(recur_status status, const char *path)
{
    if (!status) return;
    const char *sentence = recur_last_error();
    if (!path || strstr(sentence, path)) fail("%s", sentence);
    fail("%s: %s", path, sentence);
}

/* ---- progress ------------------------------------------------------------------------------- */

void progress(const char *format, ...)
{
    static struct timespec last;
    struct timespec now;
    if (!isatty(STDERR_FILENO)) return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const double since = (double)(now.tv_sec - last.tv_sec) +
                         1e-9 * (double)(now.tv_nsec - last.tv_nsec);
    if (line_shown && since < 0.1) return;
    last = now;
    line_shown = 1;
    va_list list;
    va_start(list, format);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, format, list);
    va_end(list);
    fflush(stderr);
}

void progress_end(void)
{
    if (!line_shown) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    line_shown = 0;
}

/* ---- signals -------------------------------------------------------------------------------- */

/* Only calls that are allowed in a handler. The signal then does what it would have done. */
static void tidy_up(int number)
{
    if (unfinished) unlink(unfinished);
    if (line_shown && write(STDERR_FILENO, "\r\033[K", 4) < 0) line_shown = 0;
    signal(number, SIG_DFL);
    raise(number);
}

void handle_signals(void)
{
    const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction before, tidy = { .sa_handler = tidy_up };
        sigemptyset(&tidy.sa_mask);
        if (sigaction(numbers[i], NULL, &before) || before.sa_handler == SIG_IGN) continue;
        sigaction(numbers[i], &tidy, NULL);
    }
}

void unfinished_file(const char *path) { unfinished = path; }

int finished(int status)
{
    progress_end();
    if (fflush(stdout) || ferror(stdout))
        fail("the standard output cannot be written: %s", strerror(errno));
    return status;
}

/* ---- memory and numbers --------------------------------------------------------------------- */

void *take(void *memory, size_t count, size_t size)
{
    const size_t most = (size_t)-1 / 2;
    void *more = size && count > most / size ? NULL : realloc(memory, count * size + 1);
    if (!more) fail("there is no memory for %zu times %zu bytes", count, size);
    return more;
}

char *text(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    const int length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    char *made = take(NULL, (size_t)length + 1, 1);
    va_start(list, format);
    vsnprintf(made, (size_t)length + 1, format, list);
    va_end(list);
    return made;
}

enum { BUFFERS = 16, BUFFER = 40 };

static char *buffer(void)
{
    static char buffers[BUFFERS][BUFFER];
    static int next;
    next = (next + 1) % BUFFERS;
    return buffers[next];
}

const char *grouped(int64_t number)
{
    char digits[BUFFER], *to = buffer();
    const int length = snprintf(digits, sizeof digits, "%lld", (long long)number);
    int at = 0;
    for (int i = 0; i < length; i++) {
        const int behind = length - i;
        if (i > 0 && behind % 3 == 0 && digits[i - 1] != '-') to[at++] = ',';
        to[at++] = digits[i];
    }
    to[at] = 0;
    return to;
}

const char *bytes_text(int64_t bytes)
{
    static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB", "PB", "EB" };
    char *to = buffer();
    double size = (double)bytes;
    int unit = 0;
    for (; size >= 999.5; unit++) size /= 1000;
    snprintf(to, BUFFER, unit && size < 9.95 ? "%.1f %s" : "%.0f %s", size, units[unit]);
    return to;
}

const char *shown(const char *name)
{
    enum { COPIES = 4 };
    static char *copies[COPIES];
    static int next;
    next = (next + 1) % COPIES;
    char *copy = copies[next] = take(copies[next], strlen(name) + 1, 1);
    strcpy(copy, name);
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127) *c = ' ';
    return copy;
}

const char *many(int64_t count, const char *things)
{
    char *to = buffer();
    snprintf(to, BUFFER, "%s %s%s", grouped(count), things, count == 1 ? "" : "s");
    return to;
}

bool plain_letters(void) { return strcmp(nl_langinfo(CODESET), "UTF-8") != 0; }
