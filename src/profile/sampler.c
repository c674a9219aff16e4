#include "profile/sampler_parts.h"

#include "base/clock.h"
#include "base/io.h"
#include "capture/process.h"
#include "proc/living.h"
#include "trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

/* What has no memory has nothing that could be named, though it may be there. */
static int check_kind(const struct procfs *procfs, const struct pidref *process, struct error *error)
{
    struct trace_diagnosis diagnosis;

    trace_diagnose(procfs, process, &diagnosis);
    if (diagnosis.obstacle != TRACE_OBSTACLE_KERNEL_THREAD && diagnosis.obstacle != TRACE_OBSTACLE_ZOMBIE)
        return 0;
    return error_set(error, diagnosis.obstacle == TRACE_OBSTACLE_ZOMBIE ? EBUSY : EINVAL, "%s %s",
                     diagnosis.reason, diagnosis.mend);
}

int sampler_new(const struct procfs *procfs, const struct pidref *process,
                const struct sampler_options *options, struct profile *ret_profile,
                struct sampler **ret_sampler, struct error *error)
{
    struct sampler base = {.procfs = procfs, .process = process, .profile = ret_profile, .fd = -1};
    struct error refusal = {0};
    int r = check_kind(procfs, process, error);

    if (r < 0)
        return r;
    r = -EOPNOTSUPP;
    if (options->what == PROFILE_CPU && !options->by_holding) {
        r = sampler_perf_new(options, &base, ret_sampler, &refusal);
        if (r == 0 || r == -ESRCH || r == -ENOMEM || r == -EINVAL)
            return r < 0 ? error_set(error, -r, "%s", refusal.text) : 0;
    }
    r = sampler_hold_new(options, &base, ret_sampler, error);
    /* where both are refused, what perf lacks is what a profile is mostly taken with */
    return r < 0 && refusal.text[0] ? error_set(error, -r, "%s", refusal.text) : r;
}

void sampler_free(struct sampler *sampler)
{
    if (!sampler)
        return;
    naming_free(sampler->naming);
    sampler->ops->free(sampler);
}

int sampler_fd(const struct sampler *sampler)
{
    return sampler->fd;
}

static int read_samples(struct sampler *sampler, bool all)
{
    uint64_t now_ns;
    int r = sampler->ops->read(sampler, all);

    now_ns = clock_monotonic_ns() - sampler->began_ns;
    if (now_ns > sampler->profile->duration)
        sampler->profile->duration = now_ns;
    return r;
}

int sampler_read(struct sampler *sampler)
{
    return read_samples(sampler, false);
}

int sampler_finish(struct sampler *sampler)
{
    int r = read_samples(sampler, true);

    sampler->profile->given_up = naming_given_up(sampler->naming);
    return r == -ESRCH ? 0 : r;
}

int sampler_prepare(struct sampler *sampler, struct error *error)
{
    int r = naming_new(sampler->process, sampler->profile, &sampler->naming);

    if (r == -ESRCH)
        return error_set(error, ESRCH, "Process with an Id of %d is not running.",
                         (int)sampler->process->pid);
    if (r == -EACCES || r == -EPERM)
        return error_set(
            error, EACCES,
            "The memory of process %d may not be read, so nothing could be named. procscope doctor %d "
            "says what is in the way.",
            (int)sampler->process->pid, (int)sampler->process->pid);
    return error_ensure(error, r, "The process's files could not be read");
}

int sampler_begin(struct sampler *sampler, enum profile_what what, uint64_t period, const char *how,
                  struct error *error)
{
    _cleanup_buffer_ struct buffer command_line = BUFFER_INIT(LIMIT_ENVIRON);
    char name[256] = "", machine[2 * sizeof(struct utsname)] = "", executable[4096] = "";
    _cleanup_living_ struct pidref living = PIDREF_INIT;
    struct utsname host = {0};
    struct proc_stat stat;
    ssize_t size;
    int memory_of, r;

    if (proc_stat_read(sampler->process->dir_fd, &stat) < 0)
        return error_set(error, ESRCH, "Process with an Id of %d is not running.",
                         (int)sampler->process->pid);
    process_full_name(sampler->process->dir_fd, stat.name, name, sizeof name);
    memory_of = living_open(sampler->process, &living) == 0 ? living.dir_fd : sampler->process->dir_fd;
    if (io_read_file_at(memory_of, "cmdline", &command_line) == 0)
        for (size_t i = 0; i + 1 < command_line.size; i++)
            if (command_line.data[i] == '\0')
                command_line.data[i] = ' ';
    size = readlinkat(memory_of, "exe", executable, sizeof executable - 1);
    executable[size < 0 ? 0 : size] = '\0';
    if (uname(&host) == 0)
        (void)snprintf(machine, sizeof machine, "%s %s, %s", host.sysname, host.release,
                       host.machine); /* fits */
    sampler->began_ns = clock_monotonic_ns();
    r = profile_init(sampler->profile,
                     &(struct profile_facts){.pid = sampler->process->pid,
                                             .name = name,
                                             .command_line = buffer_string(&command_line),
                                             .executable = executable,
                                             .began = clock_realtime_ns(),
                                             .period = period,
                                             .what = what,
                                             .processors = (unsigned)sysconf(_SC_NPROCESSORS_ONLN),
                                             .host = host.nodename,
                                             .machine = machine,
                                             .how = how});
    return r < 0 ? error_ensure(error, r, "The profile could not be begun") : 0;
}

int sampler_add_user(struct sampler *sampler, uint64_t address, bool is_return, struct sampler_stack *stack)
{
    size_t count;
    int r;

    if (stack->count >= LIMIT_PROFILE_DEPTH)
        return 0;
    r = naming_user(sampler->naming, address, is_return, stack->frames + stack->count, &count);
    if (r == 0)
        stack->count += count;
    return r;
}

/* Returns which frame is the first of which nothing is known; *ret_count: none. */
static size_t walk(struct sampler *sampler, const struct registers *registers, const struct memory *memory,
                   struct walked_frame walked[LIMIT_PROFILE_DEPTH], size_t *ret_count)
{
    const struct walk_process process = {
        .images = naming_images(sampler->naming), .maps = naming_maps(sampler->naming), .memory = memory};
    enum walk_end end;
    size_t stale = 0;

    *ret_count = walk_stack(&process, registers, walked, LIMIT_PROFILE_DEPTH, &end);
    while (stale < *ret_count &&
           !naming_is_stale(sampler->naming, walked[stale].address - walked[stale].is_return))
        stale++;
    return stale;
}

int sampler_add_walk(struct sampler *sampler, const struct registers *registers, const struct memory *memory,
                     struct sampler_stack *stack)
{
    struct walked_frame walked[LIMIT_PROFILE_DEPTH];
    size_t count, stale;
    int r = 0;

    stale = walk(sampler, registers, memory, walked, &count);
    if (stale < count && naming_renew(sampler->naming))
        stale = walk(sampler, registers, memory, walked, &count);
    count = stale < count ? stale + 1 : count; /* the way on from there is by what was mapped before */
    for (size_t i = 0; i < count && r == 0; i++)
        r = sampler_add_user(sampler, walked[i].address, walked[i].is_return, stack);
    return r;
}

/* "" where it has ended meanwhile. */
static void read_name(const struct sampler *sampler, pid_t tid, char *name, size_t size)
{
    char path[32];
    _cleanup_close_ int fd = -1;
    ssize_t n;

    (void)snprintf(path, sizeof path, "task/%d/comm", (int)tid); /* fits */
    fd = openat(sampler->process->dir_fd, path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? 0 : io_read_full(fd, name, size - 1);
    n = n < 0 ? 0 : n;
    if (n > 0 && name[n - 1] == '\n')
        n--;
    name[n] = '\0';
}

int sampler_count(struct sampler *sampler, uint64_t at_ns, pid_t tid, const char *name,
                  const struct sampler_stack *stack)
{
    uint64_t time = at_ns > sampler->began_ns ? at_ns - sampler->began_ns : 0;
    size_t before = sampler->profile->threads.count;
    uint32_t thread;
    char own[COMM_MAX];
    int r = profile_add_thread(sampler->profile, tid, name, &thread);

    if (r == 0 && !name && sampler->profile->threads.count > before) {
        read_name(sampler, tid, own, sizeof own);
        r = profile_add_thread(sampler->profile, tid, own, &thread);
    }
    return r < 0 ? r : profile_add_sample(sampler->profile, time, thread, stack->frames, stack->count);
}
