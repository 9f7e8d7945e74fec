/* forbidden.h - functions in the place of malloc, locks and BLAS, for what must call none of them.
 * In a child process, under strict seccomp, they end it with their name. Included by one file of a
 * program, which defines _GNU_SOURCE first. POSSIBLE is 0 where this cannot be done. */
#ifndef FORBIDDEN_H
#define FORBIDDEN_H

#if defined(RECUR__CHECKED) || !defined(__linux__)
#define POSSIBLE 0 /* sanitizers have a malloc of their own, and call the system */
#else
#define POSSIBLE 1
#endif

#if POSSIBLE

#include <dlfcn.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile bool inside; /* a step */
enum { FORBIDDEN = 3 };

static void forbid(const char *name)
{
    if (!inside) return;
    const ssize_t written = write(2, name, strlen(name));
    syscall(SYS_exit, written > 0 ? FORBIDDEN : FORBIDDEN + 1);
}

/* What stands behind a function of this program: looked for once, before anything is inside. */
static void *next(const char *name, void **found)
{
    if (!*found) *found = dlsym(RTLD_NEXT, name);
    return *found;
}

#define STANDS_FOR(type, name, parameters, arguments) \
    type name parameters;                             \
    type name parameters                              \
    {                                                 \
        static void *found;                           \
        type(*function) parameters;                   \
        forbid(#name "\n");                           \
        *(void **)&function = next(#name, &found);    \
        return function arguments;                    \
    }

STANDS_FOR(void *, malloc, (size_t n), (n))
STANDS_FOR(void *, realloc, (void *p, size_t n), (p, n))
STANDS_FOR(void *, aligned_alloc, (size_t a, size_t n), (a, n))
STANDS_FOR(int, posix_memalign, (void **p, size_t a, size_t n), (p, a, n))
STANDS_FOR(void *, mmap, (void *p, size_t n, int r, int f, int d, off_t o), (p, n, r, f, d, o))
STANDS_FOR(int, munmap, (void *p, size_t n), (p, n))
STANDS_FOR(int, pthread_mutex_lock, (pthread_mutex_t * m), (m))
STANDS_FOR(int, pthread_mutex_trylock, (pthread_mutex_t * m), (m))
STANDS_FOR(int, pthread_mutex_unlock, (pthread_mutex_t * m), (m))
STANDS_FOR(int, pthread_cond_broadcast, (pthread_cond_t * c), (c))

/* dlsym itself may ask for memory by calloc, and give it back. */
void *calloc(size_t n, size_t size)
{
    static char early[4096];
    static size_t used;
    static void *found;
    static bool looking;
    void *(*function)(size_t, size_t);
    forbid("calloc\n");
    if (looking) {
        used += (n * size + 15) / 16 * 16;
        return used <= sizeof early ? early + used - (n * size + 15) / 16 * 16 : NULL;
    }
    looking = !found;
    *(void **)&function = next("calloc", &found);
    looking = false;
    return function(n, size);
}

void free(void *p)
{
    static void *found;
    void (*function)(void *);
    forbid("free\n");
    *(void **)&function = next("free", &found);
    function(p);
}

/* This program trains nothing, so nobody needs what these do. */
void cblas_sgemm(void);
void cblas_sgemm(void) { forbid("cblas_sgemm\n"); }
void cblas_sgemv(void);
void cblas_sgemv(void) { forbid("cblas_sgemv\n"); }

#endif
#endif
