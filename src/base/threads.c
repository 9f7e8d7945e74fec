/* threads.c - a small pool: made only for a context that asks for more than one thread, asleep when
 * there is nothing to do.
 *
 * Tasks of a job are independent, so results do not depend on who runs them. A caller that finds
 * the pool busy, or itself in a process forked from the one that made the pool, runs all tasks on
 * its own thread. */
#include "base/base.h"

#if RECUR_THREADS

#include <stdatomic.h>

#include "base/system.h"

struct recur__pool {
    recur_allocator allocator; /* of the context */
    size_t bytes;
    recur__process process;
    recur__lock busy; /* held by the caller whose job runs */
    recur__lock lock; /* guards what follows */
    recur__condition wake, done;
    uint64_t jobs; /* begun so far */
    int running;   /* workers that have not finished the job */
    bool quit;
    recur__task *task;
    void *job;
    int64_t tasks;
    atomic_int_fast64_t next;
    int workers;
    recur__thread thread[];
};

static void run_tasks(recur__pool *pool)
{
    for (int64_t i;
         (i = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) < pool->tasks;)
        pool->task(pool->job, i);
}

RECUR__THREAD(work, argument)
{
    recur__pool *pool = argument;
    uint64_t jobs = 0; /* that this worker knows of */
    recur__lock_take(&pool->lock);
    for (;;) {
        while (pool->jobs == jobs && !pool->quit) recur__condition_wait(&pool->wake, &pool->lock);
        if (pool->quit) break;
        jobs = pool->jobs;
        recur__lock_give(&pool->lock);
        run_tasks(pool);
        recur__lock_take(&pool->lock);
        if (--pool->running == 0) recur__condition_wake(&pool->done);
    }
    recur__lock_give(&pool->lock);
    return RECUR__THREAD_END;
}

recur__pool *recur__pool_create(const recur_allocator *allocator, int threads)
{
    const size_t bytes = sizeof(recur__pool) + (size_t)(threads - 1) * sizeof(recur__thread);
    recur__pool *pool = allocator->alloc(allocator->user, bytes, 64);
    if (!pool) return NULL;
    memset(pool, 0, bytes);
    pool->allocator = *allocator;
    pool->bytes = bytes;
    pool->process = recur__this_process();
    recur__lock_init(&pool->busy);
    recur__lock_init(&pool->lock);
    recur__condition_init(&pool->wake);
    recur__condition_init(&pool->done);
    /* Fewer, if the system has no more. */
    recur__threads_start(pool->thread, threads - 1, &pool->workers, work, pool);
    return pool;
}

void recur__pool_release(recur__pool *pool)
{
    if (!pool) return;
    if (pool->process == recur__this_process()) {
        recur__lock_take(&pool->lock);
        pool->quit = true;
        recur__condition_wake_all(&pool->wake);
        recur__lock_give(&pool->lock);
        for (int i = 0; i < pool->workers; i++) recur__thread_join(pool->thread[i]);
        recur__condition_free(&pool->done);
        recur__condition_free(&pool->wake);
        recur__lock_free(&pool->lock);
        recur__lock_free(&pool->busy);
    }
    const recur_allocator allocator = pool->allocator;
    allocator.free(allocator.user, pool, pool->bytes);
}

bool recur__pool_run(recur__pool *pool, int64_t tasks, recur__task *task, void *job)
{
    if (tasks < 2 || !pool || pool->process != recur__this_process() ||
        !recur__lock_try(&pool->busy))
        return false;
    recur__lock_take(&pool->lock);
    pool->task = task;
    pool->job = job;
    pool->tasks = tasks;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    pool->running = pool->workers;
    pool->jobs++;
    recur__condition_wake_all(&pool->wake);
    recur__lock_give(&pool->lock);
    run_tasks(pool);
    recur__lock_take(&pool->lock);
    while (pool->running > 0) recur__condition_wait(&pool->done, &pool->lock);
    recur__lock_give(&pool->lock);
    recur__lock_give(&pool->busy);
    return true;
}

#else /* a context has no pool */

recur__pool *recur__pool_create(const recur_allocator *allocator, int threads)
{
    (void)allocator;
    (void)threads;
    return NULL;
}

void recur__pool_release(recur__pool *pool) { (void)pool; }

bool recur__pool_run(recur__pool *pool, int64_t tasks, recur__task *task, void *job)
{
    (void)pool;
    (void)tasks;
    (void)task;
    (void)job;
    return false;
}

#endif
