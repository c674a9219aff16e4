#include "trace/looks.h"

#include "base/clock.h"
#include "trace/threads.h"

#include <errno.h>
#include <stdlib.h>

int looks_begin(struct looks *looks, const pid_t *tids, size_t count)
{
    struct look *items = calloc(count + 1, sizeof items[0]);

    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        items[i].tid = tids[i];
    looks->items = items;
    looks->count = count;
    atomic_store(&looks->left, count);
    return 0;
}

bool looks_can_help(const struct looks *looks)
{
    return atomic_load(&looks->left) > 0;
}

static bool claim(struct look *look)
{
    enum look_state open = LOOK_OPEN;

    return atomic_compare_exchange_strong(&look->state, &open, LOOK_BEGUN);
}

/* From the end, as the holder begins at the other one: where they meet all is done. */
bool looks_help(struct looks *looks, const struct pidref *process, uint64_t until_ns)
{
    size_t left;

    while ((left = atomic_load(&looks->left)) > 0) {
        struct look *look = &looks->items[left - 1];

        if (!claim(look)) {
            atomic_store(&looks->left, 0); /* the holder is here */
            break;
        }
        if (!atomic_compare_exchange_strong(&looks->left, &left, left - 1))
            break; /* the holder has all */
        look->alone = interrupted_look(process, look->tid, &look->waited);
        atomic_store(&look->state, LOOK_DONE);
        if (clock_monotonic_ns() > until_ns)
            return true;
    }
    return false;
}

/* What became of a thread's look; a new one where there is none to be had at once. */
static void take(struct look *look, const struct pidref *process, struct traced_thread *thread)
{
    if (look && look->tid == thread->tid && !claim(look) && atomic_load(&look->state) == LOOK_DONE) {
        thread->alone = look->alone;
        thread->waited = look->waited;
    } else {
        thread->alone = interrupted_look(process, thread->tid, &thread->waited);
    }
}

/* The list has the threads in the order of the looks, less those that had ended. */
void looks_take(struct looks *looks, const struct pidref *process, struct thread_list *threads)
{
    size_t at = 0;

    for (size_t i = 0; i < threads->count; i++) {
        while (at < looks->count && looks->items[at].tid != threads->items[i].tid)
            at++;
        take(at < looks->count ? &looks->items[at] : NULL, process, &threads->items[i]);
    }
    atomic_store(&looks->left, 0);
}

void looks_release(struct looks *looks)
{
    free(looks->items);
    *looks = (struct looks){0};
}
