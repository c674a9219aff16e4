#include "watch/watch.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/limits.h"
#include "proc/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define NS_PER_SECOND 1000000000ull

enum { FACTS_EVERY = 16 }; /* samples */

void watch_release(struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        free(watch->items[i].facts);
    free(watch->items);
    free(watch->ended);
    *watch = (struct watch){0};
}

/* amount in so many ns, as a second's. */
static uint64_t rate(uint64_t now, uint64_t before, uint64_t elapsed_ns)
{
    /* counters of a process never fall, but those of a restored one (CRIU) may begin anew */
    if (now <= before || elapsed_ns == 0)
        return 0;
    return (uint64_t)((double)(now - before) * (double)NS_PER_SECOND / (double)elapsed_ns + 0.5);
}

static uint64_t permille(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (uint64_t)((double)part * 1000 / (double)whole + 0.5);
}

static void take_io(const struct watch *watch, int directory_fd, struct watched *item, uint64_t elapsed_ns)
{
    struct proc_io io;

    (void)watch; /* rates need no more than the time that passed */
    if (item->has_no_io || proc_io_read(directory_fd, &io) < 0) {
        item->has_no_io = true;
        item->has_io = false;
        item->values.read = item->values.written = 0;
        return;
    }
    item->values.read = item->has_io ? rate(io.read_bytes, item->io.read_bytes, elapsed_ns) : 0;
    item->values.written = item->has_io ? rate(io.write_bytes, item->io.write_bytes, elapsed_ns) : 0;
    item->io = io;
    item->has_io = true;
}

static int take_facts(int directory_fd, const struct proc_stat *stat, struct watched *item)
{
    struct watch_facts *facts = malloc(sizeof *facts);

    if (!facts)
        return -ENOMEM;
    watch_facts_read(directory_fd, stat, facts);
    if (item->facts && (facts->badges & BADGE_HUNG))
        memcpy(facts->command, item->facts->command, sizeof facts->command); /* as it was last known */
    if (!item->facts || memcmp(item->facts, facts, sizeof *facts) != 0)
        item->changes |= WATCHED_WHOLE;
    free(item->facts);
    item->facts = facts;
    item->has_no_io = (stat->flags & PROC_FLAG_KERNEL_THREAD) != 0; /* which does what it does for others */
    memcpy(item->comm, stat->name, sizeof item->comm);
    return 0;
}

static unsigned differences(const struct watched_values *a, const struct watched_values *b)
{
    return (a->parent != b->parent ? WATCHED_WHOLE : 0u) | (a->state != b->state ? WATCHED_STATE : 0u) |
           (a->cpu_permille != b->cpu_permille ? WATCHED_CPU : 0u) |
           (a->memory != b->memory ? WATCHED_MEMORY : 0u) |
           (a->threads != b->threads ? WATCHED_THREADS : 0u) | (a->read != b->read ? WATCHED_READ : 0u) |
           (a->written != b->written ? WATCHED_WRITTEN : 0u);
}

/* One that began since the last sample has used all its time since then. */
static uint64_t ticks_before(const struct watch *watch, const struct watched *item, bool is_new)
{
    return is_new && watch->samples == 0 ? UINT64_MAX : is_new ? 0 : item->cpu_ticks;
}

/* The kernel names its workers anew with every piece of work. */
static bool has_fixed_name(const struct watched *item)
{
    return item->facts->badges & BADGE_KERNEL;
}

/* item: as it was, or new and empty but for its pid. -ESRCH: gone, or hidden from us. */
static int take_process(struct watch *watch, const struct procfs *procfs, struct watched *item,
                        uint64_t elapsed_ns)
{
    _cleanup_close_ int fd = -1;
    struct watched_values before = item->values;
    bool is_new = !item->facts;
    struct proc_stat stat;
    char name[16];
    uint64_t ticks;
    int r;

    (void)snprintf(name, sizeof name, "%d", (int)item->pid); /* fits */
    fd = openat(procfs->fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : -ESRCH;
    r = proc_stat_read(fd, &stat);
    if (r < 0)
        return r == -ENOMEM ? r : -ESRCH;
    if (!is_new && stat.start_ticks != item->start_ticks)
        return -ESTALE; /* another one by now */
    item->changes = 0;
    item->start_ticks = stat.start_ticks;
    ticks = stat.user_ticks + stat.system_ticks;
    item->values.cpu_permille =
        rate(ticks, ticks_before(watch, item, is_new), elapsed_ns) * 1000 / watch->host.ticks_per_second;
    item->cpu_ticks = ticks;
    item->values.state = stat.state;
    item->values.parent = stat.parent;
    item->values.memory = stat.resident_pages > 0 ? (uint64_t)stat.resident_pages * watch->host.page_size : 0;
    item->values.threads = stat.thread_count > 0 ? (uint64_t)stat.thread_count : 0;
    if (is_new || (!has_fixed_name(item) && strcmp(stat.name, item->comm) != 0) ||
        ((uint64_t)item->pid + watch->samples) % FACTS_EVERY == 0)
        r = take_facts(fd, &stat, item);
    take_io(watch, fd, item, elapsed_ns);
    item->changes |= differences(&before, &item->values);
    return r;
}

static int note_end(struct watch *watch, struct watched *item)
{
    struct {
        pid_t *items;
        size_t count, capacity;
    } ended = {watch->ended, watch->ended_count, watch->ended_capacity};
    int r = ARRAY_RESERVE(&ended, 1, LIMIT_WATCHED);

    watch->ended = ended.items;
    watch->ended_capacity = ended.capacity;
    free(item->facts);
    item->facts = NULL;
    if (r == 0)
        watch->ended[watch->ended_count++] = item->pid;
    return r;
}

/* Takes over the item before, which may be NULL, and puts what becomes of it behind those of next. */
static int take_next(struct watch *watch, const struct procfs *procfs, struct watched *before, pid_t pid,
                     uint64_t elapsed_ns, struct watch *next)
{
    struct watched item = before ? *before : (struct watched){.pid = pid};
    int r = take_process(watch, procfs, &item, elapsed_ns);

    if (before)
        before->facts = NULL; /* the item's now */
    if (r == -ESTALE) {
        r = note_end(watch, &item);
        item = (struct watched){.pid = pid};
        if (r == 0)
            r = take_process(watch, procfs, &item, elapsed_ns);
    }
    if (r == -ESRCH || r == -ESTALE) {
        r = before && item.facts ? note_end(watch, &item) : 0;
        free(item.facts);
        return r;
    }
    if (r == 0)
        r = ARRAY_RESERVE(next, 1, LIMIT_WATCHED);
    if (r == 0)
        next->items[next->count++] = item;
    else
        free(item.facts);
    return r;
}

/* Both lists ascend. */
static int merge(struct watch *watch, const struct procfs *procfs, const struct id_list *ids,
                 uint64_t elapsed_ns, struct watch *next)
{
    size_t old = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < ids->count; i++) {
        struct watched *before = NULL;
        for (; r == 0 && old < watch->count && watch->items[old].pid < ids->items[i]; old++)
            r = note_end(watch, &watch->items[old]);
        if (old < watch->count && watch->items[old].pid == ids->items[i])
            before = &watch->items[old++];
        if (r == 0 && next->count == LIMIT_WATCHED) {
            watch->left_out++;
            r = before ? note_end(watch, before) : 0;
        } else if (r == 0) {
            r = take_next(watch, procfs, before, ids->items[i], elapsed_ns, next);
        }
    }
    for (; r == 0 && old < watch->count; old++)
        r = note_end(watch, &watch->items[old]);
    return r;
}

static int take_host(struct watch *watch, const struct procfs *procfs)
{
    struct host_load before = watch->load;
    int r = host_load_read(procfs, &watch->load);

    if (r == 0 && watch->samples == 0)
        return host_read(procfs, &watch->host);
    /* the kernel's count of idle time may fall, by its own documentation */
    if (r == 0 && watch->load.all_ticks > before.all_ticks && watch->load.busy_ticks >= before.busy_ticks)
        watch->host_cpu_permille =
            permille(watch->load.busy_ticks - before.busy_ticks, watch->load.all_ticks - before.all_ticks);
    if (watch->host_cpu_permille > 1000)
        watch->host_cpu_permille = 1000;
    return r;
}

int watch_sample(struct watch *watch, const struct procfs *procfs)
{
    _cleanup_id_list_ struct id_list ids = {0};
    struct watch next = {0};
    uint64_t now_ns = clock_monotonic_ns();
    int r = take_host(watch, procfs);

    watch->ended_count = 0;
    watch->left_out = 0;
    if (r == 0)
        r = id_list_read(procfs->fd, ".", &ids);
    if (r == 0)
        r = merge(watch, procfs, &ids, watch->samples ? now_ns - watch->sampled_ns : 0, &next);
    /* what was taken over left no facts behind, so both can be freed as they are */
    for (size_t i = 0; i < watch->count; i++)
        free(watch->items[i].facts);
    free(watch->items);
    watch->items = next.items;
    watch->count = next.count;
    watch->capacity = next.capacity;
    watch->sampled_ns = now_ns;
    watch->time_ns = clock_realtime_ns();
    watch->samples++;
    return r;
}
