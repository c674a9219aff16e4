#include "service/pool_slots.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* Slots that are alike, and the key that says how many there are. */
struct slots {
    size_t from, count;
    const char *what, *key;
};

static struct slots profile_slots(const struct pool *pool)
{
    return (struct slots){pool->kept + pool->dumps, pool->profiles, "profiles are being taken", "profiles"};
}

static struct slots slots_for(const struct pool *pool, const struct job *job)
{
    struct slots profiles = profile_slots(pool);
    size_t behind = profiles.from + profiles.count;

    if (job->flags & OPERATION_HEAVY)
        return (struct slots){pool->kept, pool->dumps, "dumps are being taken", "dumps"};
    if (job->flags & (OPERATION_SESSION | OPERATION_GIVES_UP))
        return profiles;
    if (job->flags & OPERATION_ENDLESS)
        return (struct slots){behind + pool->stops, pool->watches, "watches are running", NULL};
    return (struct slots){behind, pool->stops, "processes are being ended", "stops"};
}

int pool_find_slot(const struct pool *pool, const struct job *job, size_t *ret_slot, struct error *error)
{
    const struct slots slots = slots_for(pool, job);
    size_t free_slot = SIZE_MAX, same = 0;

    for (size_t slot = slots.from; slot < slots.from + slots.count; slot++) {
        const struct pool_worker *worker = &pool->workers[slot];
        if (worker->pid == 0)
            free_slot = slot;
        else if (worker->job && worker->job->target == job->target && job->target != REQUEST_ID_WANTED)
            same++;
    }
    if (job->flags & OPERATION_HEAVY && same >= pool->dumps_per_target)
        return error_set(error, EUSERS,
                         "A dump of this process is already being taken, which is the limit "
                         "(dumps-per-target); try again when it is done.");
    if (free_slot == SIZE_MAX)
        return error_set(error, EUSERS, "%zu %s, which is the limit%s%s%s; try again later.", slots.count,
                         slots.what, slots.key ? " (" : "", slots.key ? slots.key : "", slots.key ? ")" : "");
    *ret_slot = free_slot;
    return 0;
}

bool pool_find_session(const struct pool *pool, int64_t target, size_t *ret_slot)
{
    const struct slots slots = profile_slots(pool);

    for (size_t slot = slots.from; slot < slots.from + slots.count; slot++) {
        const struct pool_worker *worker = &pool->workers[slot];
        if (worker->has_session && worker->channel >= 0 &&
            (worker->session == target || abs(atomic_load(&pool->profiled[slot])) == target)) {
            *ret_slot = slot;
            return true;
        }
    }
    return false;
}

int pool_check_session(const struct pool *pool, const struct job *job, struct error *error)
{
    const struct slots slots = profile_slots(pool);

    /* its client may have the answer before we have the report */
    for (size_t slot = slots.from; slot < slots.from + slots.count; slot++) {
        const struct job *other = pool->workers[slot].job;
        if (other && other->flags & OPERATION_SESSION && other->target == job->target)
            return error_set(error, EUSERS,
                             "The profile of this process is just being begun or fetched; try again.");
    }
    if (!(job->flags & OPERATION_BEGINS_SESSION))
        return error_set(error, ENOENT, "No profile of process %" PRId64 " is running.", job->target);
    return 0;
}
