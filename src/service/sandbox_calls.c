/* The system calls of each power, by what they are for. Those whose arguments decide are in
 * sandbox_filter.c. */
#include "service/sandbox_parts.h"

#include <seccomp.h>

/* What an event loop over sockets and pipes, with threads and TLS, needs once it runs. */
static const int all[] = {
    /* descriptors that are open, and new pipes */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(dup),
    SCMP_SYS(dup3),
    SCMP_SYS(fstat),
    SCMP_SYS(lseek),
    SCMP_SYS(pipe2),
    /* waiting */
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime),
    SCMP_SYS(signalfd4),
    /* sockets that are open: no socket(), bind() or connect() */
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    /* threads, signals to itself, the end */
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(futex),
    SCMP_SYS(membarrier),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* who, when, chance */
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrusage),
};

/* An answer's way to its client, and the connections that come in. */
static const int passing_on[] = {
    SCMP_SYS(splice), SCMP_SYS(tee), SCMP_SYS(sendfile), SCMP_SYS(accept), SCMP_SYS(accept4),
};

static const int looking[] = {
    SCMP_SYS(stat),   SCMP_SYS(lstat),     SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(readlink),   SCMP_SYS(fstatfs),
};

/* To look up names: the C library reads its lists again where they changed. */
static const int connecting[] = {
    SCMP_SYS(bind),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg),
};

/* Whoever works looks up users' names, too, for which the C library may ask others. */
static const int connects[] = {SCMP_SYS(connect)};

static const int working[] = {
    /* files, most of them in /proc */
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(faccessat2),
    SCMP_SYS(statfs),
    SCMP_SYS(getxattr),
    SCMP_SYS(preadv),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    /* channels */
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(setsockopt),
    SCMP_SYS(fcntl),
    /* what becomes less */
    SCMP_SYS(capget),
    SCMP_SYS(capset),
    SCMP_SYS(seccomp),
    SCMP_SYS(landlock_create_ruleset),
    SCMP_SYS(landlock_add_rule),
    SCMP_SYS(landlock_restrict_self),
    /* deadlines */
    SCMP_SYS(alarm),
    SCMP_SYS(setitimer),
};

static const int forking[] = {
    SCMP_SYS(wait4),      SCMP_SYS(waitid), SCMP_SYS(kill),
    SCMP_SYS(tgkill),     SCMP_SYS(setsid), SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(pidfd_open),
};

static const int tracing[] = {
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(sched_setaffinity),
};

static const int finding[] = {SCMP_SYS(openat2)};

static const int asking[] = {
    SCMP_SYS(flock),     SCMP_SYS(setgroups), SCMP_SYS(setresuid),
    SCMP_SYS(setresgid), SCMP_SYS(setfsuid),  SCMP_SYS(setfsgid),
};

static const int replacing[] = {SCMP_SYS(unlinkat), SCMP_SYS(renameat)};

static const int sampling[] = {SCMP_SYS(perf_event_open)};

static const int keeping[] = {
    SCMP_SYS(mkdir),     SCMP_SYS(mkdirat), SCMP_SYS(rmdir),    SCMP_SYS(rename),
    SCMP_SYS(utimensat), SCMP_SYS(fchmod),  SCMP_SYS(pwrite64),
};

/* Files of its own: what was fetched, the service's url-file. */
static const int removing[] = {SCMP_SYS(unlink)};

static const int starting[] = {
    SCMP_SYS(mlock),
};

#define CALLS(powers, list)                                                                                  \
    {                                                                                                        \
        (powers), ELEMENTS_OF(list), (list)                                                                  \
    }

const struct sandbox_calls sandbox_calls[] = {
    CALLS(POWER_ALL, all),
    CALLS(POWER_LOOP, passing_on),
    CALLS(POWER_WORK | POWER_CONNECT, looking),
    CALLS(POWER_CONNECT, connecting),
    CALLS(POWER_CONNECT | POWER_WORK, connects),
    CALLS(POWER_WORK, working),
    CALLS(POWER_FORK, forking),
    CALLS(POWER_TRACE, tracing),
    CALLS(POWER_PATHS, finding),
    CALLS(POWER_ASK, asking),
    CALLS(POWER_ASK | POWER_KEEP, replacing),
    CALLS(POWER_SAMPLE, sampling),
    CALLS(POWER_KEEP, keeping),
    CALLS(POWER_KEEP | POWER_START, removing),
    CALLS(POWER_START, starting),
    {0},
};
