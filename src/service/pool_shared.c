/* What the pool shares with its workers: a few pages that all of them can write to, and what is put down
 * there. */
#include "service/pool.h"

#include <errno.h>
#include <sys/mman.h>

static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static void forget(void *memory, size_t size)
{
    if (memory)
        (void)munmap(memory, size); /* fails only for bad arguments */
}

int pool_share(struct pool *pool, size_t dumps_per_target)
{
    pool->begun = share(pool_size(pool) * sizeof *pool->begun);
    pool->profiled = share(pool_size(pool) * sizeof *pool->profiled);
    pool->metrics = share(sizeof *pool->metrics);
    if (!pool->begun || !pool->profiled || !pool->metrics)
        return -ENOMEM;
    return claims_init(&pool->claims, pool_size(pool), dumps_per_target);
}

void pool_forget_shared(struct pool *pool)
{
    forget(pool->begun, pool_size(pool) * sizeof *pool->begun);
    forget(pool->profiled, pool_size(pool) * sizeof *pool->profiled);
    forget(pool->metrics, sizeof *pool->metrics);
    pool->begun = NULL;
    pool->profiled = NULL;
    pool->metrics = NULL;
    claims_release(&pool->claims);
}

void pool_measure(struct pool *pool, size_t waiting)
{
    const size_t counts[METRICS_KINDS] = {pool->kept, pool->dumps, pool->profiles, pool->stops,
                                          pool->watches};
    size_t slot = 0;

    for (size_t kind = 0; kind < METRICS_KINDS; kind++) {
        size_t busy = 0;

        for (size_t end = slot + counts[kind]; slot < end; slot++)
            busy += pool->workers[slot].job || pool->workers[slot].has_session;
        atomic_store_explicit(&pool->metrics->places[kind], counts[kind], memory_order_relaxed);
        atomic_store_explicit(&pool->metrics->busy[kind], busy, memory_order_relaxed);
    }
    atomic_store_explicit(&pool->metrics->waiting, waiting, memory_order_relaxed);
}
