/* Why the kernel won't have it. The checks are those of kernel/events/core.c, sys_perf_event_open(), in its
 * order; a seccomp filter comes before them. */
#include "base/io.h"
#include "base/parse.h"
#include "perf/parts.h"
#include "proc/status.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

enum { CAPABILITY_SYS_ADMIN = 21, CAPABILITY_PERFMON = 38 }; /* linux/capability.h */

#define MEND_CAPABILITY                                                                                      \
    "run it as root (sudo procscope ...), or give the program the right once: sudo setcap "                  \
    "cap_perfmon,cap_sys_ptrace+ep $(which procscope); in a container: docker run --cap-add PERFMON"

/* of /proc/sys/kernel */
static bool setting_read(const char *name, int64_t *ret_value)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(64);
    char path[64];
    const char *cursor;

    (void)snprintf(path, sizeof path, "/proc/sys/kernel/%s", name); /* fits */
    if (io_read_file_at(AT_FDCWD, path, &text) < 0)
        return false;
    cursor = buffer_string(&text);
    return scan_i64(&cursor, cursor + text.size, ret_value);
}

static bool status_of(const struct pidref *process, const char *path, struct proc_status *ret_status)
{
    _cleanup_close_ int fd = openat(process->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 && proc_status_read(fd, ret_status) == 0;
}

/* A kernel that is asked for an event of no description says EFAULT. A filter answers before it; a kernel
 * that forbids all events (paranoid 3, a patch of Debian's and Android's) says EACCES. */
static int probe(void)
{
    return syscall(SYS_perf_event_open, NULL, 0, -1, -1, PERF_FLAG_FD_CLOEXEC) < 0 ? errno : 0;
}

static bool is_capable(const struct proc_status *own)
{
    return (own->cap_effective >> CAPABILITY_PERFMON & 1) != 0 ||
           (own->cap_effective >> CAPABILITY_SYS_ADMIN & 1) != 0;
}

static int say_denied(const struct pidref *process, struct error *error)
{
    struct proc_status own = {0}, target = {0};
    int64_t paranoid = 2;
    int pid = (int)process->pid, probed = probe();
    bool known = status_of(process, "../self", &own) && status_of(process, ".", &target);

    (void)setting_read("perf_event_paranoid", &paranoid); /* not there: as most have it */
    if (probed == EPERM || (probed != EFAULT && known && own.seccomp > 0))
        return error_set(error, EACCES,
                         "A seccomp filter around procscope refuses perf_event_open: run it outside of that "
                         "sandbox; in a container: docker run --cap-add PERFMON --security-opt "
                         "seccomp=unconfined.");
    if (known && is_capable(&own))
        return error_set(
            error, EACCES,
            "Our CAP_PERFMON does not count here (kernel.perf_event_paranoid is %lld): it is that of a "
            "user namespace, or a security module or lockdown mode refuses; run procscope as root of "
            "the host.",
            (long long)paranoid);
    if (paranoid > 2)
        return error_set(error, EACCES,
                         "kernel.perf_event_paranoid is %lld, which allows sampling with CAP_PERFMON "
                         "only: " MEND_CAPABILITY "; or: sudo sysctl kernel.perf_event_paranoid=2.",
                         (long long)paranoid);
    if (known && own.uid[1] != target.uid[0])
        return error_set(error, EACCES,
                         "Process %d belongs to user %u, and procscope runs as user %u without "
                         "CAP_PERFMON: " MEND_CAPABILITY ".",
                         pid, target.uid[0], own.uid[1]);
    return error_set(
        error, EACCES,
        "Process %d may not be sampled without CAP_PERFMON: it is not dumpable, has capabilities that "
        "procscope has not, or a security module refuses: " MEND_CAPABILITY ".",
        pid);
}

static int say_invalid(const struct perf *perf, struct error *error)
{
    int64_t most;

    if (setting_read("perf_event_max_sample_rate", &most) && (int64_t)perf->facts.frequency > most)
        return error_set(error, EINVAL,
                         "%u samples a second are more than this kernel allows at present: "
                         "kernel.perf_event_max_sample_rate is %lld.",
                         perf->facts.frequency, (long long)most);
    return error_set(error, EINVAL, "This kernel does not know such perf events.");
}

int perf_refuse(const struct pidref *process, const struct perf *perf, int code, struct error *error)
{
    switch (code) {
    case EACCES:
    case EPERM:
        return say_denied(process, error);
    case EINVAL:
        return say_invalid(perf, error);
    case ENOSYS:
        return error_set(
            error, EOPNOTSUPP,
            "This kernel has no perf_event_open (CONFIG_PERF_EVENTS), or a seccomp filter around "
            "procscope hides it.");
    case ESRCH:
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)process->pid);
    case EMFILE:
    case ENFILE:
        return error_set(
            error, code,
            "Sampling on %zu processors takes as many descriptors, and there are not enough: raise the "
            "limit (ulimit -n, LimitNOFILE=).",
            perf->ring_count);
    default:
        return error_errno(error, code, "Cannot sample process %d", (int)process->pid);
    }
}
