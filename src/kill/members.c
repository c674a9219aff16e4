#include "kill/members.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/limits.h"
#include "proc/list.h"
#include "proc/stat.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

void member_list_release(struct member_list *list)
{
    free(list->items);
    list->items = NULL;
    list->count = list->capacity = 0;
}

static int add(struct member_list *list, pid_t pid, uint64_t start_time)
{
    int r = ARRAY_RESERVE(list, 1, LIMIT_PROCESSES);

    if (r < 0)
        return r;
    list->items[list->count++] = (struct member){.pid = pid, .start_time = start_time, .state = MEMBER_FOUND};
    return 0;
}

int member_list_add_root(struct member_list *list, const struct pidref *root)
{
    return add(list, root->pid, root->start_time);
}

static bool is_spared(const struct member_list *list, pid_t pid)
{
    for (size_t i = 0; i < list->spared_count; i++) {
        if (list->spared[i] == pid)
            return true;
    }
    return pid == 1 || pid == getpid();
}

static int compare_entry(const void *pid, const void *entry)
{
    pid_t a = *(const pid_t *)pid, b = ((const struct process_entry *)entry)->pid;

    return (a > b) - (a < b);
}

static const struct process_entry *find_entry(const struct process_list *processes, pid_t pid)
{
    return processes->count == 0
               ? NULL
               : bsearch(&pid, processes->items, processes->count, sizeof *processes->items, compare_entry);
}

/* Marks the entries that are members already. A parent that ended while the list was read is not in it,
 * though its child names it: not found is no harm, the child's next reading names its new parent, and it is
 * lost only where nobody had stopped that parent yet. */
static void mark_members(const struct member_list *list, const struct process_list *processes, bool *marks)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct process_entry *entry = find_entry(processes, list->items[i].pid);

        if (entry && entry->start_ticks == list->items[i].start_time)
            marks[entry - processes->items] = true;
    }
}

/* A child is never older than its parent: where it seems so, the parent's number was used again. */
static bool is_child_of_member(const struct process_list *processes, const bool *marks,
                               const struct process_entry *entry)
{
    const struct process_entry *parent = find_entry(processes, entry->parent);

    return parent && marks[parent - processes->items] && parent->start_ticks <= entry->start_ticks;
}

int member_list_scan(struct member_list *list)
{
    _cleanup_process_list_ struct process_list processes = {0};
    _cleanup_free_ bool *marks = NULL;
    size_t before;
    int r = process_list_read(list->procfs, &processes);

    if (r < 0)
        return r;
    marks = calloc(processes.count + 1, sizeof *marks);
    if (!marks)
        return -ENOMEM;
    mark_members(list, &processes, marks);
    do { /* once more where a child has a lower number than its parent, which a wrap of the numbers makes */
        before = list->count;
        for (size_t i = 0; i < processes.count; i++) {
            const struct process_entry *entry = &processes.items[i];

            if (marks[i] || entry->kernel_thread || is_spared(list, entry->pid) ||
                !is_child_of_member(&processes, marks, entry))
                continue;
            r = add(list, entry->pid, entry->start_ticks);
            if (r < 0)
                return r;
            marks[i] = true;
        }
    } while (list->count > before);
    return 0;
}

/* -ESRCH when it is gone, and another may have its number. */
static int open_member(const struct member_list *list, const struct member *member, struct pidref *ret_ref)
{
    int r = pidref_open(list->procfs, member->pid, ret_ref, NULL);

    if (r == 0 && ret_ref->start_time != member->start_time) {
        pidref_close(ret_ref);
        r = -ESRCH;
    }
    return r;
}

bool member_signal(const struct member_list *list, struct member *member, int signal)
{
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    int r = open_member(list, member, &ref);

    if (r == 0 && signal != SIGCONT && list->may && !list->may(list->may_data, &ref)) {
        member->state = MEMBER_KEPT;
        return false;
    }
    if (r == 0)
        r = pidref_signal(&ref, signal);
    if (r == 0)
        return true;
    member->state = r == -ESRCH ? MEMBER_GONE : MEMBER_DENIED;
    return false;
}

static bool is_halted(char state)
{
    return state == 'T' || state == 't' || state == 'Z' || state == 'X';
}

bool member_is_stopped(const struct member_list *list, const struct member *member)
{
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    _cleanup_id_list_ struct id_list threads = {0};
    struct proc_stat stat;

    if (open_member(list, member, &ref) < 0 || proc_stat_read(ref.dir_fd, &stat) < 0)
        return true;
    if (!is_halted(stat.state))
        return false;
    if (stat.thread_count <= 1)
        return true;
    if (id_list_read(ref.dir_fd, "task", &threads) < 0)
        return true;
    for (size_t i = 0; i < threads.count; i++) {
        _cleanup_close_ int fd = -1;

        if (task_open(&ref, threads.items[i], &fd, NULL) == 0 && proc_stat_read(fd, &stat) == 0 &&
            !is_halted(stat.state))
            return false;
    }
    return true;
}

bool member_is_stuck(const struct member_list *list, const struct member *member)
{
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    struct proc_stat stat;

    return open_member(list, member, &ref) == 0 && proc_stat_read(ref.dir_fd, &stat) == 0 &&
           stat.state == 'D';
}

/* Without pidfds: a zombie that has no other threads. */
static bool has_ended(const struct pidref *ref)
{
    struct proc_stat stat;

    return proc_stat_read(ref->dir_fd, &stat) < 0 || stat.state == 'X' ||
           (stat.state == 'Z' && stat.thread_count <= 1);
}

static bool wait_ref(const struct pidref *ref, uint64_t deadline_ns)
{
    const struct timespec pause = {.tv_nsec = 2000000};

    for (;;) {
        uint64_t now = clock_monotonic_ns();
        uint64_t left_ms = deadline_ns > now ? (deadline_ns - now + 999999) / 1000000 : 0;

        if (ref->pid_fd >= 0) {
            struct pollfd ended = {.fd = ref->pid_fd, .events = POLLIN};
            int r = poll(&ended, 1, left_ms > 1000000 ? 1000000 : (int)left_ms);

            if (r > 0)
                return true;
            if (r < 0 && errno != EINTR)
                return has_ended(ref);
        } else if (has_ended(ref)) {
            return true;
        } else if (left_ms > 0) {
            (void)nanosleep(&pause, NULL); /* cut short is as good */
        }
        if (left_ms == 0)
            return false;
    }
}

bool member_wait_gone(const struct member_list *list, struct member *member, uint64_t deadline_ns)
{
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;

    if (member->state == MEMBER_GONE)
        return true;
    if (open_member(list, member, &ref) == 0 && !wait_ref(&ref, deadline_ns))
        return false;
    member->state = MEMBER_GONE;
    return true;
}
