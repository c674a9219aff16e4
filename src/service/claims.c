#include "service/claims.h"

#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <time.h>

int claims_init(struct claims *claims, size_t slots, size_t per_target)
{
    void *shared =
        mmap(NULL, slots * sizeof *claims->pids, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        return -errno;
    *claims = (struct claims){.pids = shared, .count = slots, .per_target = per_target};
    return 0;
}

void claims_release(struct claims *claims)
{
    if (claims->pids)
        (void)munmap(claims->pids, claims->count * sizeof *claims->pids); /* fails only for bad arguments */
    *claims = (struct claims){0};
}

void claims_drop(const struct claims *claims, size_t slot)
{
    atomic_store(&claims->pids[slot], 0);
}

/* First the claim, then the look at the others': so of two at least one sees the other. */
static bool try_take(const struct claims *claims, size_t slot, pid_t pid)
{
    size_t others = 0;

    atomic_store(&claims->pids[slot], pid);
    for (size_t i = 0; i < claims->count; i++)
        others += i != slot && atomic_load(&claims->pids[i]) == pid;
    if (others < claims->per_target)
        return true;
    claims_drop(claims, slot);
    return false;
}

int claims_take(const struct claims *claims, size_t slot, pid_t pid, uint64_t wait_ms, struct error *error)
{
    uint64_t until = clock_monotonic_ms() + wait_ms;

    while (!try_take(claims, slot, pid)) {
        if (clock_monotonic_ms() >= until)
            return error_set(error, EUSERS,
                             "A dump of this process is already being taken, which is the limit "
                             "(dumps-per-target); try again when it is done.");
        /* not all at the same pace, so that they don't keep each other out */
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000 + (long)(slot % 64) * 100000}, NULL);
    }
    return 0;
}
