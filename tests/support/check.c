/* check.c - checks that say what they saw. */
#include "support/support.h"

const tolerance OUTPUTS = { 2e-6, 1e-5, 0 };
const tolerance GRADIENTS = { 1e-5, 0, 1e-4 };

static char now[256];

void trying(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(now, sizeof now, format, arguments);
    va_end(arguments);
}

int support_teardown(void **state)
{
    (void)state;
    give_back();
    now[0] = 0;
    return 0;
}

void support_ok(recur_status status, const char *call, const char *file, int line)
{
    if (status)
        fail_msg("%s:%d: [%s] %s gave %s: %s", file, line, now, call, recur_status_name(status),
                 recur_last_error());
}

/* Sets a sentence that no other call says, so that a stale one is noticed. */
static const char *stale(void)
{
    static char sentence[256];
    if (!sentence[0]) {
        assert_int_equal(recur_tape_set_seed(NULL, 0), RECUR_E_ARGUMENT);
        snprintf(sentence, sizeof sentence, "%s", recur_last_error());
    }
    return sentence;
}

void support_forget(void)
{
    assert_non_null(stale());
    assert_int_equal(recur_tape_set_seed(NULL, 0), RECUR_E_ARGUMENT);
}

static bool digit(char c) { return c >= '0' && c <= '9'; }

/* Whether a sentence has a word; a number must not be part of a longer one. */
static bool has_word(const char *sentence, const char *word, size_t length)
{
    for (const char *at = sentence; *at; at++) {
        if (strncmp(at, word, length) != 0) continue;
        const bool before = at > sentence && digit(at[-1]) && digit(word[0]);
        const bool after = digit(at[length]) && digit(word[length - 1]);
        if (!before && !after) return true;
    }
    return false;
}

void support_fails(recur_status code, recur_status got, const char *words, const char *call,
                   const char *file, int line)
{
    const char *sentence = recur_last_error();
    if (got != code)
        fail_msg("%s:%d: [%s] %s gave %s (%s), not %s", file, line, now, call,
                 recur_status_name(got), got ? sentence : "success", recur_status_name(code));
    if (!sentence[0] || (strcmp(sentence, stale()) == 0 && !strstr(call, "recur_tape_set_seed")))
        fail_msg("%s:%d: [%s] %s says nothing of its own: \"%s\"", file, line, now, call, sentence);
    while (*words) {
        const size_t length = strcspn(words, " ");
        if (length && !has_word(sentence, words, length))
            fail_msg("%s:%d: [%s] %s says \"%s\", without %.*s", file, line, now, call, sentence,
                     (int)length, words);
        words += length + (words[length] == ' ');
    }
}

void check_doubles(const char *what, int64_t count, const double *got, const double *want,
                   tolerance allowed)
{
    double largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(want[i]));
    for (int64_t i = 0; i < count; i++) {
        const double error = fabs(got[i] - want[i]);
        if (error <=
            allowed.absolute + allowed.relative * fabs(want[i]) + allowed.of_largest * largest)
            continue;
        fail_msg("[%s] %s[%lld of %lld] is %.9g, should be %.9g (largest %.3g)", now, what,
                 (long long)i, (long long)count, got[i], want[i], largest);
    }
}

void check_close(const char *what, int64_t count, const float *got, const double *want,
                 tolerance allowed)
{
    check_doubles(what, count, widen(count, got), want, allowed);
}

void check_near(const char *what, int64_t count, const float *got, const float *want,
                tolerance allowed)
{
    check_close(what, count, got, widen(count, want), allowed);
}

void check_same(const char *what, int64_t count, const float *got, const float *want)
{
    for (int64_t i = 0; i < count; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("[%s] %s[%lld of %lld] is %.9g, should be exactly %.9g", now, what,
                     (long long)i, (long long)count, (double)got[i], (double)want[i]);
}
