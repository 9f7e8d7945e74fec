/* check.hpp - what the C++ tests share. */
#ifndef CHECK_HPP
#define CHECK_HPP

#include <recur.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#define CHECK(condition)                                                         \
    do {                                                                         \
        if (!(condition)) {                                                      \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1);                                                        \
        }                                                                        \
    } while (0)

/** The call must throw this code, and a sentence with these words. */
template <class Call> void check_throws(recur_status code, const char *words, Call call)
{
    try {
        call();
    } catch (const recur::error &e) {
        if (e.code() == code && std::strstr(e.what(), words)) return;
        std::fprintf(stderr, "%s: %s; expected %s with \"%s\"\n", e.name(), e.what(),
                     recur_status_name(code), words);
        std::exit(1);
    }
    std::fprintf(stderr, "nothing was thrown; expected %s with \"%s\"\n", recur_status_name(code),
                 words);
    std::exit(1);
}

#endif
