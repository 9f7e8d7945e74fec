/* try.h - failing loudly. A library returns errors; a program may end on them, with the sentence
 * that says why. */
#ifndef EXAMPLES_TRY_H
#define EXAMPLES_TRY_H

#include <stddef.h>
#include <recur.h>

/* Calls a function of the library; if it fails, says where and why, and ends the program with
 * status 1. */
#define TRY(call)                                                                \
    do {                                                                         \
        const recur_status status_ = (call);                                     \
        if (status_)                                                             \
            die("%s:%d: %s: %s", __FILE__, __LINE__, recur_status_name(status_), \
                recur_last_error());                                             \
    } while (0)

/* n zeroed elements of a type, to be freed; lack of memory ends the program. */
#define NEW(type, n) ((type *)new_array(n, sizeof(type)))

#if defined(__GNUC__)
#define PRINTF_LIKE __attribute__((noreturn, format(printf, 1, 2)))
#else
#define PRINTF_LIKE
#endif

/* The name that messages begin with: the last part of argv[0]. */
void set_program_name(const char *path);
const char *program_name(void);

/* A message on stderr and the end: die with status 1, die_of_usage with status 2. */
PRINTF_LIKE void die(const char *format, ...);
PRINTF_LIKE void die_of_usage(const char *format, ...);

void *new_array(int64_t n, size_t size);

/* Makes sure that all of stdout was written; gives the exit status. Call it last. */
int finish(int status);

#endif
