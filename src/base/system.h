/* system.h - what base takes from the operating system, under one name each: aligned memory, and
 * for the pool of threads a lock, a condition, threads that no signal of the host's reaches, and
 * which process made them. No other file of base knows which system it is; files have their own
 * file/disk_posix.c and file/disk_windows.c. */
#ifndef RECUR__SYSTEM_H
#define RECUR__SYSTEM_H

#include <stdlib.h>

#include "base/base.h"

#if defined(_WIN32)

#include <malloc.h>

#include "base/windows.h"

static inline void *recur__system_alloc(size_t bytes, size_t align)
{
    return _aligned_malloc(bytes, align);
}
static inline void recur__system_free(void *memory) { _aligned_free(memory); }

typedef SRWLOCK recur__lock;
typedef CONDITION_VARIABLE recur__condition;
typedef HANDLE recur__thread;
typedef int recur__process; /* a process of Windows never becomes two */

static inline void recur__lock_init(recur__lock *lock) { InitializeSRWLock(lock); }
static inline void recur__lock_free(recur__lock *lock) { (void)lock; }
static inline void recur__lock_take(recur__lock *lock) { AcquireSRWLockExclusive(lock); }
static inline bool recur__lock_try(recur__lock *lock) { return TryAcquireSRWLockExclusive(lock); }
static inline void recur__lock_give(recur__lock *lock) { ReleaseSRWLockExclusive(lock); }

static inline void recur__condition_init(recur__condition *c) { InitializeConditionVariable(c); }
static inline void recur__condition_free(recur__condition *c) { (void)c; }
static inline void recur__condition_wait(recur__condition *c, recur__lock *lock)
{
    SleepConditionVariableSRW(c, lock, INFINITE, 0);
}
static inline void recur__condition_wake(recur__condition *c) { WakeConditionVariable(c); }
static inline void recur__condition_wake_all(recur__condition *c) { WakeAllConditionVariable(c); }

#define RECUR__THREAD(name, argument) static DWORD WINAPI name(void *argument)
#define RECUR__THREAD_END             0
typedef DWORD WINAPI recur__thread_start(void *argument);

/* Starts threads until there are `wanted`; *started says how many there are. */
static inline void recur__threads_start(recur__thread *threads, int wanted, int *started,
                                        recur__thread_start *start, void *argument)
{
    for (; *started < wanted; ++*started) {
        threads[*started] = CreateThread(NULL, 0, start, argument, 0, NULL);
        if (!threads[*started]) return;
    }
}
static inline void recur__thread_join(recur__thread thread)
{
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}
static inline recur__process recur__this_process(void) { return 0; }

#else

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static inline void *recur__system_alloc(size_t bytes, size_t align)
{
    void *memory = NULL;
    return posix_memalign(&memory, align, bytes) ? NULL : memory;
}
static inline void recur__system_free(void *memory) { free(memory); }

typedef pthread_mutex_t recur__lock;
typedef pthread_cond_t recur__condition;
typedef pthread_t recur__thread;
typedef pid_t recur__process;

static inline void recur__lock_init(recur__lock *lock) { pthread_mutex_init(lock, NULL); }
static inline void recur__lock_free(recur__lock *lock) { pthread_mutex_destroy(lock); }
static inline void recur__lock_take(recur__lock *lock) { pthread_mutex_lock(lock); }
static inline bool recur__lock_try(recur__lock *lock) { return pthread_mutex_trylock(lock) == 0; }
static inline void recur__lock_give(recur__lock *lock) { pthread_mutex_unlock(lock); }

static inline void recur__condition_init(recur__condition *c) { pthread_cond_init(c, NULL); }
static inline void recur__condition_free(recur__condition *c) { pthread_cond_destroy(c); }
static inline void recur__condition_wait(recur__condition *c, recur__lock *lock)
{
    pthread_cond_wait(c, lock);
}
static inline void recur__condition_wake(recur__condition *c) { pthread_cond_signal(c); }
static inline void recur__condition_wake_all(recur__condition *c) { pthread_cond_broadcast(c); }

#define RECUR__THREAD(name, argument) static void *name(void *argument)
#define RECUR__THREAD_END             NULL
typedef void *recur__thread_start(void *argument);

/* Signals are the host's: its handlers shall not find themselves on our threads. */
static inline void recur__threads_start(recur__thread *threads, int wanted, int *started,
                                        recur__thread_start *start, void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (*started < wanted && pthread_create(&threads[*started], NULL, start, argument) == 0)
        ++*started;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
static inline void recur__thread_join(recur__thread thread) { pthread_join(thread, NULL); }
static inline recur__process recur__this_process(void) { return getpid(); }

#endif
#endif
