/* A capture of a living process. What can be read without a stop is read before it: the hold is for
 * registers, stacks and, where the caller will read memory, the mappings. */
#include "base/clock.h"
#include "capture/capture.h"
#include "capture/clone.h"
#include "capture/interrupted.h"
#include "capture/linkage.h"
#include "capture/present.h"
#include "capture/process.h"
#include "capture/stack.h"
#include "capture/texts.h"
#include "capture/unheld.h"
#include "proc/living.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { NS_PER_SECOND = 1000000000 };

struct live {
    const struct procfs *procfs;
    const struct capture_options *options;
    const struct pidref *process;
    struct pidref memory_of; /* living.h */
    struct host host;
    size_t thread_count;        /* before the stop, as the next two */
    struct thread_list threads; /* only with thread_details, or unheld */
    struct earlier_maps earlier;
    struct capture *capture;
    struct error *error;
};

/* Of one that has ended altogether what the zombie still says. */
static int choose_memory(struct live *live)
{
    if (living_open(live->process, &live->memory_of) == 0)
        return 0;
    live->memory_of = *live->process;
    live->memory_of.dir_fd = fcntl(live->process->dir_fd, F_DUPFD_CLOEXEC, 3);
    return live->memory_of.dir_fd < 0 ? -errno : 0;
}

static int64_t ticks_to_ns(const struct host *host, uint64_t ticks)
{
    uint64_t each = NS_PER_SECOND / host->ticks_per_second;

    return ticks > INT64_MAX / each ? INT64_MAX : (int64_t)(ticks * each);
}

static void fill_process(struct live *live, const struct proc_stat *stat)
{
    struct capture *capture = live->capture;
    struct proc_status status;

    capture->pid = live->process->pid;
    capture->parent = stat->parent;
    if (proc_status_read(live->process->dir_fd, &status) == 0)
        capture->user = status.uid[1];
    process_full_name(live->process->dir_fd, stat->name, capture->name, sizeof capture->name);
    (void)snprintf(capture->machine_version, sizeof capture->machine_version, "%s",
                   live->host.version); /* both have the same size */
    capture->start_time = host_time_of_ticks(&live->host, stat->start_ticks);
    capture->user_time = ticks_to_ns(&live->host, stat->user_ticks);
    capture->system_time = ticks_to_ns(&live->host, stat->system_ticks);
    capture->page_size = live->host.page_size;
    live->thread_count = stat->thread_count > 0 ? (size_t)stat->thread_count : 1;
}

static int read_maps(struct live *live)
{
    struct capture *capture = live->capture;
    struct map_list maps = {0};
    struct buffer text = {0};
    int r = maps_read(live->memory_of.dir_fd, &maps, &text);

    if (r < 0)
        return r;
    map_list_release(&capture->maps);
    buffer_release(&capture->maps_text);
    capture->maps = maps;
    capture->maps_text = text;
    return 0;
}

static int read_modules(struct live *live)
{
    module_list_release(&live->capture->modules);
    return modules_read(&live->memory_of, &live->capture->maps, true, &live->capture->modules);
}

/* Everything that needs no stop. What permission denies is left out here: whether the process may be held at
 * all, and why not, is trace_hold's to say. */
static int read_before(struct live *live)
{
    struct proc_stat stat;
    int r = host_read(live->procfs, &live->host);

    if (r == 0)
        r = proc_stat_read(live->process->dir_fd, &stat);
    if (r == 0)
        r = choose_memory(live);
    if (r < 0)
        return r;
    fill_process(live, &stat);
    if (!live->options->no_texts)
        texts_read(live->procfs, live->process, &live->memory_of, live->capture);
    if ((live->options->thread_details || live->options->unheld) &&
        threads_read(live->process, &live->host, live->options->thread_details, &live->threads) == -ENOMEM)
        return -ENOMEM;
    if (live->options->files && open_files_read(live->process, true, &live->capture->files) == -ENOMEM)
        return -ENOMEM;
    r = read_maps(live);
    if (r == 0)
        r = read_modules(live);
    if (r == 0 && live->options->reader)
        live->options->reader->prepare(live->options->reader_context, &live->memory_of, live->capture);
    return r == -EACCES || r == -EPERM ? 0 : r;
}

/* Memory is fetched from the kernel page by page at first touch: done here, it is not done in the hold. A
 * byte of each will do: a worker that did this before has them already. */
static int reserve_stacks(struct live *live)
{
    enum { USUAL_STACK = 32 * 1024, SMALLEST_PAGE = 4096 };
    struct buffer *stacks = &live->capture->stacks;
    size_t wanted = (live->thread_count + 1) * USUAL_STACK;
    int r;

    stacks->limit = (size_t)LIMIT_THREADS * LIMIT_STACK_MIN + LIMIT_STACK_BUDGET;
    wanted = wanted < LIMIT_STACK_BUDGET ? wanted : LIMIT_STACK_BUDGET;
    r = buffer_reserve(stacks, wanted);
    for (size_t i = 0; r == 0 && i < wanted; i += SMALLEST_PAGE)
        ((volatile char *)stacks->data)[i] = '\0';
    return r;
}

static int reserve_extended(struct live *live)
{
    struct buffer *extended = &live->capture->extended;
    size_t wanted = (live->thread_count + 16) * trace_extended_size();

    extended->limit = LIMIT_EXTENDED_BUDGET;
    return buffer_append_zeros(extended, wanted < LIMIT_EXTENDED_BUDGET ? wanted : LIMIT_EXTENDED_BUDGET);
}

/* Without the right to read its memory now there is none to hold it either, which trace_hold() explains. */
static int copy_linkage(struct live *live)
{
    _cleanup_memory_ struct memory *memory = NULL;
    _cleanup_close_ int fd = openat(live->memory_of.dir_fd, "mem", O_RDONLY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return 0;
    r = memory_fd_new(fd, &memory);
    if (r < 0)
        return r;
    (void)TAKE_FD(fd); /* the memory's now */
    return linkage_copy(live->capture, memory);
}

/* Debuggers show the first thread first. */
static void bring_to_front(struct capture *capture, pid_t id)
{
    for (size_t i = 1; i < capture->thread_count; i++) {
        struct capture_thread thread = capture->threads[i];

        if (thread.id != id)
            continue;
        memmove(&capture->threads[1], &capture->threads[0], i * sizeof thread);
        capture->threads[0] = thread;
        return;
    }
}

static void fill_thread(struct capture_thread *thread, const struct trace_facts *facts,
                        const struct host *host)
{
    memcpy(thread->name, facts->name, sizeof thread->name);
    thread->state = facts->state;
    thread->priority = facts->priority;
    thread->nice = facts->nice;
    thread->start_time = host_time_of_ticks(host, facts->start_ticks);
    thread->user_time = ticks_to_ns(host, facts->user_ticks);
    thread->system_time = ticks_to_ns(host, facts->system_ticks);
}

static int read_registers(struct live *live, struct trace *trace)
{
    struct capture *capture = live->capture;

    for (size_t i = 0; i < trace_thread_count(trace); i++) {
        struct capture_thread *thread = &capture->threads[capture->thread_count];
        int r = trace_registers(trace, i, &thread->registers);

        if (r == -ESRCH)
            continue; /* it died meanwhile */
        if (r < 0)
            return r;
        thread->id = trace_thread_id(trace, i);
        fill_thread(thread, trace_thread_facts(trace, i), &live->host);
        thread->extended = trace_extended(trace, i, &thread->extended_size);
        if (thread->id == capture->pid || capture->thread_count == 0)
            capture->requesting_thread = thread->id;
        capture->thread_count++;
    }
    bring_to_front(capture, capture->requesting_thread);
    return capture->thread_count ? 0 : -ESRCH;
}

/* Lists of mappings can be long, so there is never more than one: of the first is kept what the second is
 * compared with. */
static int forget_maps(struct live *live)
{
    int r = earlier_maps_keep(live->capture, live->options->snapshot != NULL, &live->earlier);

    if (r < 0)
        return r;
    map_list_release(&live->capture->maps);
    buffer_release(&live->capture->maps_text);
    return 0;
}

/* The mappings as they are now, and the modules if the mappings changed. trace: has a clone, or NULL. */
static int renew_maps(struct live *live, const struct trace *trace)
{
    struct capture *capture = live->capture;
    int r;

    r = trace ? clone_read_maps(capture, &live->earlier, live->memory_of.dir_fd, trace) : read_maps(live);
    return r < 0 || earlier_maps_same(&live->earlier, capture) ? r : read_modules(live);
}

static int begin_capture(struct live *live, struct trace *trace)
{
    struct capture *capture = live->capture;

    capture->thread_capacity = trace_thread_count(trace);
    capture->threads = calloc(capture->thread_capacity + 1, sizeof capture->threads[0]);
    if (!capture->threads)
        return -ENOMEM;
    capture->time = clock_realtime_ns();
    return read_registers(live, trace);
}

static int read_held(struct live *live, struct trace *trace)
{
    struct capture *capture = live->capture;
    int r = 0;

    if (!live->options->copy_stacks)
        r = renew_maps(live, NULL);
    /* in the time between reading the mappings and the stop a stack may have come into being */
    if (r == 0 && stacks_choose(capture) > 0 && live->options->copy_stacks) {
        r = earlier_maps_keep(capture, false, &live->earlier);
        if (r == 0)
            r = renew_maps(live, NULL);
        if (r == 0)
            (void)stacks_choose(
                capture); /* a pointer that is still in no mapping is the program's own doing */
    }
    if (r == 0 && live->options->copy_stacks)
        r = stacks_copy(capture, trace_memory(trace));
    if (r == 0)
        r = interrupted_stacks_find(capture, trace_memory(trace), live->options->copy_stacks);
    if (r == 0 && live->options->reader)
        r = live->options->reader->read(live->options->reader_context, capture, trace_memory(trace));
    if (r == 0 && live->options->find_untouched)
        r = present_find(live->memory_of.dir_fd, -1, capture);
    return r;
}

/* All but the registers is read while the process runs on. */
static int read_clone(struct live *live, struct trace *trace)
{
    int r;

    trace_let_go(trace, &live->capture->held_ns);
    live->capture->is_snapshot = true;
    r = renew_maps(live, trace);
    if (r == 0) {
        (void)stacks_choose(live->capture); /* a pointer into no mapping is the program's own doing */
        r = interrupted_stacks_find(live->capture, trace_memory(trace), false);
    }
    if (r == 0 && live->options->find_untouched)
        r = present_find(live->memory_of.dir_fd, trace_clone_directory(trace), live->capture);
    return r;
}

/* > 0: there is a clone; 0: there is none. */
static int try_snapshot(struct live *live, struct trace *trace)
{
    struct error error = {0};
    int r;

    if (!live->options->snapshot)
        return 0;
    r = trace_snapshot(trace, live->process, live->options->snapshot, &error);
    if (r == 0)
        return 1;
    if (r == -ESRCH || live->options->snapshot_only) /* -ETIMEDOUT is for a process that could not be held */
        return error_set(live->error, r == -ETIMEDOUT ? EAGAIN : -r, "%s", error.text);
    (void)snprintf(live->capture->mode_reason, sizeof live->capture->mode_reason, "%.255s", error.text);
    return 0;
}

static int read_traced(struct live *live, struct trace *trace)
{
    int r = begin_capture(live, trace);

    if (r == 0)
        r = try_snapshot(live, trace);
    if (r > 0)
        return read_clone(live, trace);
    return r < 0 ? r : read_held(live, trace);
}

static const struct thread_info *find_thread(const struct thread_list *list, pid_t id)
{
    size_t low = 0, high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (list->items[middle].id == id)
            return &list->items[middle];
        if (list->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* What /proc said of each thread before the stop; of those that came since, what it says now. Their start
 * addresses take searches in files, which nobody is held for. */
static void fill_threads(struct live *live)
{
    bool in_full =
        live->options->thread_details && (live->options->copy_stacks || live->capture->is_snapshot);

    if (!live->options->thread_details && !live->options->unheld)
        return; /* what was known right before the stop is well */
    for (size_t i = 0; i < live->capture->thread_count; i++) {
        struct capture_thread *thread = &live->capture->threads[i];
        const struct thread_info *info = find_thread(&live->threads, thread->id);
        struct thread_info now;

        if (!info) {
            if (thread_read(live->process, &live->host, thread->id, in_full, &now, NULL) < 0)
                continue;
            info = &now;
        }
        (void)snprintf(thread->name, sizeof thread->name, "%s", info->name); /* both have the same size */
        thread->state = info->state;
        thread->priority = info->priority;
        thread->nice = info->nice;
        thread->start_time = info->start_time;
        thread->user_time = info->user_time;
        thread->system_time = info->system_time;
        thread->start_address = info->start_address;
    }
}

/* In place of the hold, and of what is read in it. */
static int look_only(struct live *live)
{
    _cleanup_close_ int task_fd = openat(live->process->dir_fd, "task", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = task_fd < 0 ? -ESRCH : 0;

    live->capture->time = clock_realtime_ns();
    if (r == 0)
        r = unheld_threads(live->capture, task_fd, &live->threads, live->options->extended);
    if (r == 0 && live->options->find_untouched)
        r = present_find(live->memory_of.dir_fd, -1, live->capture);
    if (r == 0)
        fill_threads(live);
    return r;
}

static int capture_with(struct live *live, struct trace **ret_trace)
{
    struct trace_options hold = {.general_only = live->options->general_only,
                                 .deadline_ms = live->options->deadline_ms,
                                 .most_ms = live->options->most_ms,
                                 .wait_ms = live->options->wait_ms,
                                 .once = live->options->once,
                                 .waited_ns = live->options->waited_ns};
    struct trace *trace = NULL;
    int r = read_before(live);

    if (r == 0 && live->options->unheld) {
        r = live->options->copy_linkage ? copy_linkage(live) : 0;
        return r < 0 ? r : look_only(live);
    }
    if (r == 0 && live->options->copy_stacks)
        r = reserve_stacks(live);
    if (r == 0 && live->options->extended)
        r = reserve_extended(live);
    if (r == 0 && live->options->copy_linkage)
        r = copy_linkage(live);
    if (r == 0 && !live->options->copy_stacks)
        r = forget_maps(live);
    hold.extended.bytes = (uint8_t *)live->capture->extended.data;
    hold.extended.size = live->capture->extended.size;
    if (r == 0)
        r = trace_hold(live->process, &hold, &trace, live->error);
    if (r < 0)
        return r;
    r = read_traced(live, trace);
    if (r == -ESRCH && trace_ran_out(trace))
        r = error_set(live->error, EBUSY, "Process %d could not be read within %" PRIu64 " ms.",
                      (int)live->process->pid, hold.most_ms);
    if (r < 0 || live->options->copy_stacks) {
        trace_release(trace, &live->capture->held_ns);
        trace = NULL;
    }
    if (r < 0)
        return r;
    fill_threads(live);
    *ret_trace = trace;
    return 0;
}

int capture_live(const struct procfs *procfs, const struct pidref *process,
                 const struct capture_options *options, struct capture *ret_capture, struct trace **ret_trace,
                 struct error *error)
{
    struct capture capture = {0};
    struct live live = {
        .procfs = procfs,
        .options = options,
        .process = process,
        .memory_of = {.dir_fd = -1, .pid_fd = -1},
        .capture = &capture,
        .error = error,
    };
    int r = capture_with(&live, ret_trace);

    living_close(&live.memory_of);
    thread_list_release(&live.threads);
    earlier_maps_release(&live.earlier);
    if (r < 0) {
        if (options->failed_ns)
            *options->failed_ns = capture.held_ns;
        capture_release(&capture);
        if (r == -ESRCH)
            return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)process->pid);
        return error_ensure(error, r, "Can't capture the process");
    }
    *ret_capture = capture;
    return 0;
}
