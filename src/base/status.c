/* status.c - names of the codes, and the sentence of this thread's last failure. */
#include <stdarg.h>
#include <stdio.h>

#include "base/base.h"

static _Thread_local char last_error[512];
static _Thread_local uint64_t failures;

static const struct {
    recur_status code;
    const char *name, *text;
} statuses[] = {
    { RECUR_OK, "RECUR_OK", "success" },
    { RECUR_E_ARGUMENT, "RECUR_E_ARGUMENT", "an argument is NULL, unknown or out of its range" },
    { RECUR_E_SHAPE, "RECUR_E_SHAPE", "sizes that should agree do not" },
    { RECUR_E_MEMORY, "RECUR_E_MEMORY", "there is not enough memory" },
    { RECUR_E_ORDER, "RECUR_E_ORDER", "backward does not match the newest record of the tape" },
    { RECUR_E_UNSUPPORTED, "RECUR_E_UNSUPPORTED",
      "this kind of object or this version does not do that" },
    { RECUR_E_FORMAT, "RECUR_E_FORMAT", "the file is damaged or foreign" },
    { RECUR_E_IO, "RECUR_E_IO", "the operating system could not read or write" },
    { RECUR_E_NUMERIC, "RECUR_E_NUMERIC",
      "a number is NaN, infinite or not the expected one, where numbers are checked" },
    { RECUR_E_MISSING, "RECUR_E_MISSING", "there is nothing of that name" },
    { RECUR_E_NOT_FOUND, "RECUR_E_NOT_FOUND", "there is no such file or folder" },
};
enum { STATUSES = sizeof statuses / sizeof *statuses };

uint32_t recur_version(void) { return RECUR_VERSION; }

const char *recur_status_name(recur_status status)
{
    for (int i = 0; i < STATUSES; i++)
        if (statuses[i].code == status) return statuses[i].name;
    return "RECUR_E_UNKNOWN";
}

const char *recur_status_text(recur_status status)
{
    for (int i = 0; i < STATUSES; i++)
        if (statuses[i].code == status) return statuses[i].text;
    return "a code that this version does not know";
}

const char *recur_last_error(void) { return last_error; }

uint64_t recur__failures(void) { return failures; }

recur_status recur_fail(recur_status status, const char *sentence)
{
    return recur__fail(status, "%s", sentence ? sentence : "");
}

recur_status recur__fail(recur_status code, const char *format, ...)
{
    failures++;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return code;
}

recur_status recur__left_out(const char *function, const char *feature)
{
    return recur__fail(RECUR_E_UNSUPPORTED,
                       "%s: this library was built without it, by %s=none or RECUR_%s=0; build it "
                       "without that switch",
                       function, feature, feature);
}

recur_status recur__fail_in(const char *where, recur_status status)
{
    char sentence[sizeof last_error];
    memcpy(sentence, last_error, sizeof sentence);
    return recur__fail(status, "%.200s: %s", where, sentence);
}

recur_status recur__no_memory(size_t bytes)
{
    if (bytes == SIZE_MAX)
        return recur__fail(RECUR_E_MEMORY, "the size of the memory needed overflows");
    return recur__fail(RECUR_E_MEMORY, "the allocator has no %zu bytes", bytes);
}
