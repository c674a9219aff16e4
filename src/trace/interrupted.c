#include "trace/interrupted.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/parse.h"
#include "proc/read.h"
#include "proc/stat.h"
#include "proc/tasks.h"
#include "trace/arch.h"
#include "trace/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>

enum {
    SHORTEST_MS = 10,      /* a shorter timeout is late by less than that, which isn't worth a look */
    LOOK_NS = 50000,       /* from the last look to the interrupt: no time to wait anew in */
    INTERRUPT_NS = 150000, /* ... and to its return: it takes effect at its beginning; what takes long is
                              to wake another processor, 30 to 60 us on a virtual machine */
    MOVES_BUDGET_NS = 100000000, /* for moves between processors: on a busy one we wait for our turn */
    DRIFT_PART = 1000, /* the two clocks may run apart by a thousandth: NTP's limit is half of that */
    NS_PER_MS = 1000000,
};

/* The first bytes of a file below a directory of /proc. */
static size_t read_start(int directory_fd, const char *name, char *text, size_t size)
{
    _cleanup_close_ int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : io_read_full(fd, text, size);

    return n < 0 ? 0 : (size_t)n;
}

/* Behind "KEY   :" in the text of a sched file: kernel/sched/debug.c, proc_sched_show_task(). A name of a
 * thread, in its first line, may look like that, too: then it ends up unknown. NULL: it is not there. */
static const char *value_of(const char *text, const char *end, const char *key)
{
    const char *at = memmem(text, (size_t)(end - text), key, strlen(key));

    at = at ? memchr(at, ':', (size_t)(end - at)) : NULL;
    if (!at)
        return NULL;
    at++;
    scan_blanks(&at, end);
    return at;
}

/* Milliseconds and six digits behind the point. 0 stands there from when a thread is woken on another
 * processor until it runs there: then it is on its way out of the call that it slept in. */
static bool parse_exec_start(const char *text, const char *end, uint64_t *ret_ns)
{
    const char *at = value_of(text, end, "\nse.exec_start"), *point;
    uint64_t ms, ns;

    if (!at || !scan_u64(&at, end, &ms) || !scan_char(&at, end, '.'))
        return false;
    point = at;
    if (!scan_u64(&at, end, &ns) || at - point != 6 || ms > UINT64_MAX / NS_PER_MS - 1)
        return false;
    *ret_ns = ms * NS_PER_MS + ns;
    return *ret_ns > 0;
}

/* When the thread ran last, and (NULL: not asked) how often it has gone to sleep. */
static bool read_sched(int directory_fd, const char *name, uint64_t *ret_exec_start_ns, uint64_t *ret_sleeps)
{
    char text[1024]; /* about 50 bytes a line; these two are among the first ten */
    const char *end = text + read_start(directory_fd, name, text, sizeof text), *at;

    if (ret_sleeps) {
        at = value_of(text, end, "\nnr_voluntary_switches");
        if (!at || !scan_u64(&at, end, ret_sleeps))
            return false;
    }
    return parse_exec_start(text, end, ret_exec_start_ns);
}

/* The third number of schedstat; 0 where this kernel doesn't count. */
static uint64_t read_runs(int directory_fd, const char *name)
{
    char text[80];
    const char *at = text, *end = text + read_start(directory_fd, name, text, sizeof text);
    uint64_t ran, delayed, runs;

    if (!scan_u64(&at, end, &ran) || !scan_char(&at, end, ' ') || !scan_u64(&at, end, &delayed) ||
        !scan_char(&at, end, ' ') || !scan_u64(&at, end, &runs))
        return 0;
    return runs;
}

/* "running", or the call's number and its arguments. */
static bool parse_call(const char *text, size_t size, long *ret_number, uint64_t arguments[6])
{
    const char *at = text, *end = text + size;
    uint64_t number;

    if (!scan_u64(&at, end, &number))
        return false;
    for (size_t i = 0; i < 6; i++)
        if (!scan_char(&at, end, ' ') || !scan_char(&at, end, '0') || !scan_char(&at, end, 'x') ||
            !scan_hex(&at, end, &arguments[i]))
            return false;
    *ret_number = (long)number;
    return true;
}

/* All of one sleep: it hasn't run between the first and the last of these. */
static void look_since(int task_fd, struct waited *waited)
{
    struct proc_stat stat;

    waited->runs = read_runs(task_fd, "schedstat");
    if (waited->runs == 0 || proc_stat_read(task_fd, &stat) < 0 ||
        !read_sched(task_fd, "sched", &waited->since_ns, &waited->sleeps) ||
        read_runs(task_fd, "schedstat") != waited->runs)
        return;
    waited->processor = (int)stat.processor;
    waited->known = WAITED_SLEPT;
}

bool interrupted_look(const struct pidref *process, pid_t tid, struct waited *ret_waited)
{
    _cleanup_close_ int fd = -1;
    char text[256], name[48];
    uint64_t arguments[6];
    size_t size;
    long number;

    *ret_waited = (struct waited){0};
    (void)snprintf(name, sizeof name, "task/%d/syscall", tid); /* fits */
    if (proc_read_small(process->dir_fd, name, text, sizeof text, &size) < 0 ||
        !parse_call(text, size, &number, arguments) || !arch_call_answers_eintr(number))
        return false;
    if (arch_timeout_ms(number, arguments) >= SHORTEST_MS && task_open(process, tid, &fd, NULL) == 0)
        look_since(fd, ret_waited);
    return true;
}

/* What the clock of the processor that we are on is behind clock_monotonic_ns() (mostly), or a little more.
 */
static bool read_behind(int64_t *ret_behind_ns)
{
    uint64_t there_ns;

    (void)sched_yield(); /* can't fail; brings our own exec_start up to date */
    if (!read_sched(AT_FDCWD, "/proc/thread-self/sched", &there_ns, NULL))
        return false;
    *ret_behind_ns = (int64_t)(clock_monotonic_ns() - there_ns);
    return true;
}

static int set_affinity(pid_t tid, const struct processors *set)
{
    return sched_setaffinity(tid, sizeof *set, &set->first) < 0 ? -errno : 0;
}

/* Not to one that we don't run on as it is: it may be set apart for a purpose. */
static bool move_to(const struct moves *moves, int processor)
{
    struct processors set = {0};

    if (processor < 0 || processor >= PROCESSORS_MAX ||
        !CPU_ISSET_S((size_t)processor, sizeof set, &moves->before.first))
        return false;
    CPU_SET_S((size_t)processor, sizeof set, &set.first);
    return set_affinity(0, &set) == 0;
}

/* For all threads that slept in on that processor. The clock stood now and then since, but never went ahead:
 * so they may have slept for longer than this gives, and not for less. */
static void find_since_of(struct thread_list *threads, const struct moves *moves, int processor)
{
    int64_t behind_ns = 0;
    bool known = move_to(moves, processor) && read_behind(&behind_ns) && !moves->called_back;

    for (size_t i = 0; i < threads->count; i++) {
        struct waited *waited = &threads->items[i].waited;

        if (waited->known != WAITED_SLEPT || waited->processor != processor)
            continue;
        waited->known = known ? WAITED_SINCE : WAITED_UNKNOWN;
        waited->since_ns += (uint64_t)behind_ns;
    }
}

void interrupted_find_since(struct thread_list *threads, struct moves *moves)
{
    uint64_t end_ns = clock_monotonic_ns() + MOVES_BUDGET_NS;

    for (size_t i = 0; i < threads->count && !moves->called_back && clock_monotonic_ns() < end_ns; i++) {
        const struct waited *waited = &threads->items[i].waited;

        if (waited->known != WAITED_SLEPT)
            continue;
        if (!moves->away) {
            if (sched_getaffinity(0, sizeof moves->before, &moves->before.first) < 0)
                return;
            moves->tid = gettid();
            moves->end_ns = end_ns;
            moves->away = true;
        }
        find_since_of(threads, moves, waited->processor);
    }
    if (moves->away)
        (void)set_affinity(0, &moves->before); /* they were ours a moment ago */
    moves->away = false;
}

void interrupted_call_back(struct moves *moves)
{
    if (!moves->away || clock_monotonic_ns() < moves->end_ns)
        return;
    moves->called_back = true;
    (void)set_affinity(moves->tid, &moves->before); /* likewise */
}

static uint64_t runs_of(const struct pidref *process, pid_t tid)
{
    char name[48];

    (void)snprintf(name, sizeof name, "task/%d/schedstat", tid); /* fits */
    return read_runs(process->dir_fd, name);
}

int interrupted_interrupt(const struct pidref *process, struct traced_thread *thread)
{
    struct waited *waited = &thread->waited;
    uint64_t began_ns = clock_monotonic_ns(), look_ns = 0;
    int r;

    if (waited->known == WAITED_SINCE) {
        if (runs_of(process, thread->tid) != waited->runs)
            waited->known = WAITED_UNKNOWN;
        look_ns = clock_monotonic_ns() - began_ns;
    }
    r = ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL) < 0 ? -errno : 0;
    if (waited->known == WAITED_SINCE &&
        (look_ns > LOOK_NS || clock_monotonic_ns() - began_ns > INTERRUPT_NS))
        waited->known = WAITED_UNKNOWN;
    return r;
}

/* What is left of the timeout, rounded up. */
static uint32_t left_ms(const struct waited *waited)
{
    uint64_t now_ns = clock_monotonic_ns(), waited_ms;

    if (now_ns <= waited->since_ns)
        return waited->timeout_ms;
    waited_ms = (now_ns - waited->since_ns) / NS_PER_MS;
    waited_ms -= waited_ms / DRIFT_PART;
    return waited_ms >= waited->timeout_ms ? 0 : waited->timeout_ms - (uint32_t)waited_ms;
}

/* It ran once since, to stop. More often where others had the processor in between, but then it has gone to
 * sleep only once more, by its stop. Else it is in another call, or slept in later. */
static bool has_slept_on(const struct pidref *process, const struct traced_thread *thread)
{
    const struct waited *waited = &thread->waited;
    uint64_t unused, sleeps;
    char name[48];

    if (runs_of(process, thread->tid) == waited->runs + 1)
        return true;
    (void)snprintf(name, sizeof name, "task/%d/sched", thread->tid); /* fits */
    return read_sched(process->dir_fd, name, &unused, &sleeps) && sleeps == waited->sleeps + 1;
}

void interrupted_shorten(const struct pidref *process, struct traced_thread *thread)
{
    struct waited *waited = &thread->waited;
    uint32_t left;

    if (waited->known != WAITED_SINCE)
        return;
    waited->known = WAITED_UNKNOWN;
    waited->timeout_ms = arch_timeout_left_ms(&thread->registers);
    left = left_ms(waited);
    if (left < waited->timeout_ms && has_slept_on(process, thread) &&
        arch_timeout_shorten(thread->tid, &thread->registers, left))
        waited->known = WAITED_SHORTENED;
}

void interrupted_shorten_again(struct traced_thread *thread)
{
    uint32_t left;

    if (thread->waited.known != WAITED_SHORTENED)
        return;
    left = left_ms(&thread->waited);
    if (left < arch_timeout_left_ms(&thread->registers))
        (void)arch_timeout_shorten(thread->tid, &thread->registers, left); /* else it ends a little late */
}
