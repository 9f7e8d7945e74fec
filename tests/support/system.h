/* system.h - what the system of the test has. A test that needs what is not there is skipped. */
#ifndef SUPPORT_SYSTEM_H
#define SUPPORT_SYSTEM_H

enum {
#if defined(_WIN32)
    HAS_FORK = 0,
    HAS_LIMITS = 0, /* for the size of a file */
    HAS_MODES = 0,  /* of files */
#else
    HAS_FORK = 1,
    HAS_LIMITS = 1,
    HAS_MODES = 1,
#endif
};

#if defined(_WIN32)
#define NULL_DEVICE "NUL"
#else
#define NULL_DEVICE "/dev/null"
#endif

#endif
