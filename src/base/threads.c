/* threads.c - a small pool: made only for a context that asks for more than one thread, asleep when
 * there is nothing to do.
 *
 * Tasks of a job are independent, so results do not depend on who runs them. A caller that finds
 * the pool busy, or itself in a process forked from the one that made the pool, runs all tasks on
 * its own thread. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/base.h"

struct recur__pool {
    recur_allocator allocator; /* of the context */
    size_t bytes;
    pid_t process;
    pthread_mutex_t busy;  /* held by the caller whose job runs */
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake, done;
    uint64_t jobs; /* begun so far */
    int running;   /* workers that have not finished the job */
    bool quit;
    recur__task *task;
    void *job;
    int64_t tasks;
    atomic_int_fast64_t next;
    int workers;
    pthread_t thread[];
};

static void run_tasks(recur__pool *pool)
{
    for (int64_t i;
         (i = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) < pool->tasks;)
        pool->task(pool->job, i);
}

static void *work(void *argument)
{
    recur__pool *pool = argument;
    uint64_t jobs = 0; /* that this worker knows of */
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (pool->jobs == jobs && !pool->quit) pthread_cond_wait(&pool->wake, &pool->mutex);
        if (pool->quit) break;
        jobs = pool->jobs;
        pthread_mutex_unlock(&pool->mutex);
        run_tasks(pool);
        pthread_mutex_lock(&pool->mutex);
        if (--pool->running == 0) pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* Signals are the host's: its handlers shall not find themselves on our threads. */
static void start_workers(recur__pool *pool, int workers)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->workers < workers &&
           pthread_create(&pool->thread[pool->workers], NULL, work, pool) == 0)
        pool->workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

recur__pool *recur__pool_create(const recur_allocator *allocator, int threads)
{
    const size_t bytes = sizeof(recur__pool) + (size_t)(threads - 1) * sizeof(pthread_t);
    recur__pool *pool = allocator->alloc(allocator->user, bytes, 64);
    if (!pool) return NULL;
    memset(pool, 0, bytes);
    pool->allocator = *allocator;
    pool->bytes = bytes;
    pool->process = getpid();
    pthread_mutex_init(&pool->busy, NULL);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    start_workers(pool, threads - 1); /* fewer, if the system has no more */
    return pool;
}

void recur__pool_release(recur__pool *pool)
{
    if (!pool) return;
    if (pool->process == getpid()) {
        pthread_mutex_lock(&pool->mutex);
        pool->quit = true;
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->mutex);
        for (int i = 0; i < pool->workers; i++) pthread_join(pool->thread[i], NULL);
        pthread_cond_destroy(&pool->done);
        pthread_cond_destroy(&pool->wake);
        pthread_mutex_destroy(&pool->mutex);
        pthread_mutex_destroy(&pool->busy);
    }
    const recur_allocator allocator = pool->allocator;
    allocator.free(allocator.user, pool, pool->bytes);
}

void recur__pool_run(recur__pool *pool, int64_t tasks, recur__task *task, void *job)
{
    if (tasks < 2 || !pool || pool->process != getpid() || pthread_mutex_trylock(&pool->busy)) {
        for (int64_t i = 0; i < tasks; i++) task(job, i);
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->task = task;
    pool->job = job;
    pool->tasks = tasks;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    pool->running = pool->workers;
    pool->jobs++;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    run_tasks(pool);
    pthread_mutex_lock(&pool->mutex);
    while (pool->running > 0) pthread_cond_wait(&pool->done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
    pthread_mutex_unlock(&pool->busy);
}
