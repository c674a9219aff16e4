#include "trace/trace.h"

#include "base/io.h"
#include "base/parse.h"
#include "proc/stat.h"
#include "proc/status.h"
#include "proc/tasks.h"
#include "trace/settle.h"
#include "trace/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

/* linux/capability.h */
enum { CAPABILITY_SYS_PTRACE = 19 };

static const char MEND_CAPABILITY[] =
    "Run it as root (sudo procscope ...), or give the program the right once: "
    "sudo setcap cap_sys_ptrace+ep $(which procscope); in a container: docker "
    "run --cap-add SYS_PTRACE.";

static void _printf_(3, 4)
    obstacle(struct trace_diagnosis *diagnosis, enum trace_obstacle kind, const char *format, ...)
{
    va_list arguments;

    diagnosis->obstacle = kind;
    va_start(arguments, format);
    (void)vsnprintf(diagnosis->reason, sizeof diagnosis->reason, format, arguments); /* cut is as good */
    va_end(arguments);
}

static void mend(struct trace_diagnosis *diagnosis, const char *text)
{
    (void)snprintf(diagnosis->mend, sizeof diagnosis->mend, "%s", text); /* cut is as good */
}

/* Names are the target's own choice: only what is plain is shown. */
static void plain_name(const char *name, char *ret_plain, size_t size)
{
    size_t i;

    for (i = 0; name[i] != '\0' && i + 1 < size; i++)
        ret_plain[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
    ret_plain[i] = '\0';
}

/* The kernel names the thread that traces; people know its process. */
static void say_traced(const struct procfs *procfs, pid_t pid, pid_t tracer,
                       struct trace_diagnosis *diagnosis)
{
    _cleanup_close_ int fd = -1;
    char path[32], name[COMM_MAX] = "?";
    struct proc_status status;
    struct proc_stat stat;

    (void)snprintf(path, sizeof path, "%d", tracer); /* fits */
    fd = openat(procfs->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && proc_status_read(fd, &status) == 0 && status.thread_group > 0)
        tracer = status.thread_group;
    if (fd >= 0 && proc_stat_read(fd, &stat) == 0)
        plain_name(stat.name, name, sizeof name);
    obstacle(diagnosis, TRACE_OBSTACLE_TRACED, "Process %d is being traced by process %d (%s).", pid, tracer,
             name);
    mend(diagnosis, "Only one tracer is possible at a time: end that one, or let it detach.");
}

/* The first traced thread's tracer: single threads can be traced, too. */
static pid_t find_tracer(const struct pidref *process, const struct proc_status *leader)
{
    _cleanup_id_list_ struct id_list ids = {0};

    if (leader->tracer != 0)
        return leader->tracer;
    if (id_list_read(process->dir_fd, "task", &ids) < 0)
        return 0;
    for (size_t i = 0; i < ids.count; i++) {
        _cleanup_close_ int fd = -1;
        struct proc_status status;

        if (task_open(process, ids.items[i], &fd, NULL) == 0 && proc_status_read(fd, &status) == 0 &&
            status.tracer != 0)
            return status.tracer;
    }
    return 0;
}

static int read_own_status(const struct procfs *procfs, struct proc_status *ret_status)
{
    _cleanup_close_ int fd = openat(procfs->fd, "self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : proc_status_read(fd, ret_status);
}

/* A filter that refuses ptrace does so before the kernel looks whom it is about: no process 0 exists. */
static bool seccomp_refuses_ptrace(const struct proc_status *own)
{
    return own->seccomp > 0 && ptrace(PTRACE_PEEKUSER, 0, NULL, NULL) < 0 && errno != ESRCH;
}

static uint64_t yama_scope(const struct procfs *procfs)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(64);
    uint64_t scope = 0;
    const char *cursor;

    if (io_read_file_at(procfs->fd, "sys/kernel/yama/ptrace_scope", &text) < 0)
        return 0; /* no Yama */
    cursor = buffer_string(&text);
    (void)scan_u64(&cursor, cursor + text.size, &scope); /* stays 0 where it is no number */
    return scope;
}

/* A process that is not dumpable has its files in /proc owned by root instead of by its user; the directory
 * itself is not. */
static bool is_undumpable(const struct pidref *process, const struct proc_status *status)
{
    struct stat owner;

    return status->uid[1] != 0 && fstatat(process->dir_fd, "mem", &owner, 0) == 0 && owner.st_uid == 0;
}

/* The order is the kernel's own: __ptrace_may_access(), then cap_ptrace_access_check(), then Yama. */
static void find_refusal(const struct procfs *procfs, const struct pidref *process,
                         const struct proc_status *target, struct trace_diagnosis *diagnosis)
{
    struct proc_status own;
    uint64_t scope = yama_scope(procfs);
    pid_t pid = process->pid;
    bool capable, same_user;

    if (read_own_status(procfs, &own) < 0) {
        obstacle(diagnosis, TRACE_OBSTACLE_USER, "Process %d may not be held.", pid);
        mend(diagnosis, MEND_CAPABILITY);
        return;
    }
    capable = (own.cap_effective >> CAPABILITY_SYS_PTRACE & 1) != 0;
    same_user = own.uid[0] == target->uid[0] && own.uid[0] == target->uid[1] &&
                own.uid[0] == target->uid[2] && own.gid[0] == target->gid[0] &&
                own.gid[0] == target->gid[1] && own.gid[0] == target->gid[2];
    if (scope >= 3) {
        obstacle(diagnosis, TRACE_OBSTACLE_YAMA,
                 "kernel.yama.ptrace_scope is 3: nobody may hold any process.");
        mend(diagnosis,
             "Set kernel.yama.ptrace_scope lower in /etc/sysctl.d and restart the machine: the kernel "
             "does not take a 3 back.");
    } else if (seccomp_refuses_ptrace(&own)) {
        obstacle(diagnosis, TRACE_OBSTACLE_SECCOMP, "A seccomp filter around procscope refuses ptrace.");
        mend(diagnosis, "Run it outside of that sandbox; in a container: docker run --security-opt "
                        "seccomp=unconfined --cap-add SYS_PTRACE.");
    } else if (capable) {
        obstacle(diagnosis, TRACE_OBSTACLE_NAMESPACE,
                 "Our capabilities do not count in the user namespace of process %d, or a security module "
                 "(AppArmor, SELinux) refuses.",
                 pid);
        mend(diagnosis,
             "Run procscope as root of the host, or of that namespace; a refusal by a security module "
             "is in the kernel log: dmesg | grep -i denied.");
    } else if (!same_user) {
        obstacle(diagnosis, TRACE_OBSTACLE_USER,
                 "Process %d belongs to user %u, and procscope runs as user %u "
                 "without CAP_SYS_PTRACE.",
                 pid, target->uid[0], own.uid[0]);
        mend(diagnosis, MEND_CAPABILITY);
    } else if (is_undumpable(process, target)) {
        obstacle(diagnosis, TRACE_OBSTACLE_DUMPABLE,
                 "Process %d is not dumpable: it asked for that with "
                 "prctl(PR_SET_DUMPABLE), or it ran a set-uid program.",
                 pid);
        mend(diagnosis, MEND_CAPABILITY);
    } else if ((target->cap_permitted & ~own.cap_permitted) != 0) {
        obstacle(diagnosis, TRACE_OBSTACLE_CAPABILITY, "Process %d has capabilities that procscope has not.",
                 pid);
        mend(diagnosis, MEND_CAPABILITY);
    } else if (scope > 0) {
        obstacle(diagnosis, TRACE_OBSTACLE_YAMA,
                 "kernel.yama.ptrace_scope is %u: only %s may hold process %d.", (unsigned)scope,
                 scope == 1 ? "its ancestors or root" : "root", pid);
        mend(diagnosis, "Run it as root (sudo procscope ...), or: sudo sysctl kernel.yama.ptrace_scope=0.");
    } else {
        obstacle(diagnosis, TRACE_OBSTACLE_NAMESPACE,
                 "Process %d may not be held: it is in another user namespace, "
                 "or a security module (AppArmor, SELinux) refuses.",
                 pid);
        mend(diagnosis, MEND_CAPABILITY);
    }
}

void trace_diagnose(const struct procfs *procfs, const struct pidref *process,
                    struct trace_diagnosis *ret_diagnosis)
{
    _cleanup_close_ int memory_fd = -1;
    struct proc_status status;
    struct proc_stat stat;
    pid_t pid = process->pid, tracer;

    *ret_diagnosis = (struct trace_diagnosis){.obstacle = TRACE_ALLOWED};
    if (proc_stat_read(process->dir_fd, &stat) < 0 || proc_status_read(process->dir_fd, &status) < 0) {
        obstacle(ret_diagnosis, TRACE_OBSTACLE_GONE, "Process with an Id of %d is not running.", pid);
        mend(ret_diagnosis, "Name one that is.");
    } else if ((stat.flags & PROC_FLAG_KERNEL_THREAD) != 0) {
        obstacle(ret_diagnosis, TRACE_OBSTACLE_KERNEL_THREAD, "Process %d is a thread of the kernel.", pid);
        mend(ret_diagnosis, "It has no memory or registers of its own: there is nothing to be held.");
    } else if (process_has_ended(process)) {
        obstacle(ret_diagnosis, TRACE_OBSTACLE_ZOMBIE,
                 "Process %d has ended and waits for its parent %d to notice "
                 "(a zombie).",
                 pid, stat.parent);
        mend(ret_diagnosis, "Its memory is gone: there is nothing left to be held.");
    } else if ((tracer = find_tracer(process, &status)) != 0 && !turn_is_ours(tracer)) {
        say_traced(procfs, pid, tracer, ret_diagnosis);
    } else if (is_32_bit(process)) {
        obstacle(ret_diagnosis, TRACE_OBSTACLE_32_BIT, "Process %d is a 32-bit one, which is not supported.",
                 pid);
        mend(ret_diagnosis, "Use a debugger of its own kind, such as gcore.");
    } else if (stat.state != 'Z') {
        /* Opening this asks the kernel the very question that PTRACE_SEIZE asks, and disturbs nobody. (The
         * leader may have ended before its threads; then there is nothing to ask it about.) */
        memory_fd = openat(process->dir_fd, "mem", O_RDONLY | O_CLOEXEC);
        if (memory_fd < 0 && (errno == EACCES || errno == EPERM))
            find_refusal(procfs, process, &status, ret_diagnosis);
        else {
            struct proc_status own;

            if (read_own_status(procfs, &own) == 0 && seccomp_refuses_ptrace(&own)) {
                obstacle(ret_diagnosis, TRACE_OBSTACLE_SECCOMP,
                         "A seccomp filter around procscope refuses ptrace.");
                mend(ret_diagnosis,
                     "Run it outside of that sandbox; in a container: docker run --security-opt "
                     "seccomp=unconfined --cap-add SYS_PTRACE.");
            }
        }
    }
}
