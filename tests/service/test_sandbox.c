/* What each process of the service may still ask of the kernel, call by call: each in a child that is closed
 * off just as the service does it. */
#include "service/sandbox_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "service/closed_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if !defined(SANDBOX_SANITIZED)
/* --- System calls --- */

enum who {
    INSPECTOR = 1 << 0,
    KEPT = 1 << 1,
    DUMP = 1 << 2,
    PROFILE = 1 << 3,
    STOP = 1 << 4,
    WATCH = 1 << 5,
    FRONT = 1 << 6,
    PEER = 1 << 7,
    FETCH = 1 << 8,
    /* where debuginfod is to be asked, and there are other instances */
    ASKING_INSPECTOR = 1 << 9,
    ASKING_KEPT = 1 << 10,
    ALL = (1 << 11) - 1,

    INSPECTORS = INSPECTOR | ASKING_INSPECTOR,
    HOLDERS = INSPECTORS | KEPT | DUMP | PROFILE | ASKING_KEPT,
    FINDERS = HOLDERS | WATCH,
    FORKERS = HOLDERS | STOP,
    WORKING = FORKERS | WATCH | FETCH,
    FETCHERS = FETCH | ASKING_INSPECTOR | ASKING_KEPT,
    CONNECTED = PEER | FETCHERS,
    NOBODY = 0,
};

/* With arguments with which the kernel would do nothing, but say something else than EPERM. */
static const struct call {
    const char *name;
    unsigned who; /* may */
    long number;
    long arguments[6];
} calls[] = {
/* clang-format off */
#define CALL(who, name, ...) {#name " " #__VA_ARGS__, (who), SYS_##name, {__VA_ARGS__}}
    CALL(ALL, read, -1, 0, 1),
    CALL(ALL, futex, 0, -1),
    CALL(ALL, mmap, 0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
    CALL(ALL, mprotect, 0, 0, PROT_READ),
    CALL(ALL, clone, CLONE_THREAD),
    CALL(ALL, fcntl, -1, F_GETFD),
    CALL(ALL, fcntl, -1, F_SETFL, O_NONBLOCK),
    CALL(ALL, sendmsg, -1, 0, 0),
    CALL(ALL, setsockopt, -1, SOL_SOCKET, SO_SNDBUF),
    CALL(ALL, prctl, PR_SET_NAME, 0),
    /* what a front asks its inspector by must not make it wait, nor wake others */
    CALL(WORKING, fcntl, -1, F_SETFL, 0),
    CALL(WORKING, fcntl, -1, F_SETOWN, 1),
    CALL(WORKING, fcntl, -1, F_SETSIG, 1),
    CALL(WORKING, setsockopt, -1, SOL_SOCKET, SO_LINGER),
    CALL(WORKING, setsockopt, -1, 1L << 32 | SOL_SOCKET, SO_LINGER),
    CALL(WORKING, setsockopt, -1, SOL_SOCKET, 1L << 32 | SO_LINGER),
    CALL(WORKING, sendto, -1, 0, 0, MSG_FASTOPEN),
    CALL(WORKING, sendmsg, -1, 0, MSG_FASTOPEN),
    CALL(INSPECTORS | FRONT | PEER, accept4, -1, 0, 0, 0),
    CALL(INSPECTORS | FRONT | PEER, splice, -1, 0, -1, 0, 0, 0),
    /* files */
    CALL(WORKING | PEER, openat, -1, (long)"x", O_RDONLY),
    CALL(FINDERS | FETCH, openat, -1, (long)"x", O_WRONLY),
    CALL(FINDERS | FETCH, openat, -1, (long)"x", O_RDWR),
    CALL(FINDERS | FETCH, openat, -1, (long)"x", O_RDONLY | O_CREAT),
    CALL(FINDERS | FETCH, openat, -1, (long)"x", O_RDONLY | O_TRUNC),
    CALL(FINDERS, openat2, -1, 0, 0, 0),
    CALL(WORKING | PEER, statx, -1, 0, 0, 0, 0),
    CALL(WORKING, getdents64, -1, 0, 0),
    CALL(WORKING, readlinkat, -1, (long)"x", 0, 0),
    CALL(HOLDERS, mknodat, -1, (long)"x", S_IFIFO | 0600, 0),
    CALL(NOBODY, mknodat, -1, (long)"x", S_IFCHR | 0600, 0),
    CALL(HOLDERS | FETCH, unlinkat, -1, (long)"x", 0),
    CALL(HOLDERS | FETCH, renameat, -1, (long)"x", -1, (long)"y"),
    CALL(WORKING, ftruncate, -1, 0), /* the audit's line that has no room; only what is open for writing */
    CALL(NOBODY, truncate, 0, 0),
    CALL(NOBODY, linkat, -1, (long)"x", -1, (long)"y", 0),
    CALL(NOBODY, symlinkat, (long)"x", -1, (long)"y"),
    CALL(NOBODY, fchmodat, -1, (long)"x", 0),
    CALL(NOBODY, fchownat, -1, (long)"x", -1, -1, 0),
    CALL(NOBODY, chdir, 0),
    CALL(NOBODY, fchdir, -1),
    CALL(NOBODY, memfd_create, 0, 0),
    CALL(NOBODY, fanotify_init, -1, 0),
    CALL(NOBODY, setxattr, 0, 0, 0, 0, 0),
    CALL(NOBODY, name_to_handle_at, -1, 0, 0, 0, 0),
    CALL(NOBODY, open_by_handle_at, -1, 0, 0),
    /* sockets */
    CALL(WORKING | PEER, socket, AF_UNIX, -1, 0),
    CALL(INSPECTORS | DUMP | CONNECTED, socket, AF_INET, -1, 0),
    CALL(INSPECTORS | DUMP | CONNECTED, socket, AF_INET6, -1, 0),
    CALL(CONNECTED, socket, AF_NETLINK, -1, 0),
    CALL(NOBODY, socket, AF_PACKET, -1, 0),
    CALL(NOBODY, socket, AF_ALG, -1, 0),
    CALL(NOBODY, socket, AF_VSOCK, -1, 0),
    CALL(NOBODY, socket, AF_KEY, -1, 0),
    CALL(WORKING | PEER, connect, -1, 0, 0),
    CALL(CONNECTED, bind, -1, 0, 0),
    CALL(NOBODY, listen, -1, 0),
    /* processes */
    CALL(FORKERS, clone, CLONE_SIGHAND),
    CALL(NOBODY, clone, CLONE_NEWNS | CLONE_FS),
    CALL(NOBODY, clone, CLONE_NEWUSER | CLONE_FS),
    CALL(NOBODY, clone, CLONE_NEWNET | CLONE_SIGHAND),
    CALL(FORKERS, wait4, -2, 0, -1, 0),
    CALL(FORKERS, kill, 0x3fffffff, 0),
    CALL(FORKERS, tgkill, 0x3fffffff, 0x3fffffff, 0),
    CALL(FORKERS, pidfd_open, -1, 0),
    CALL(FORKERS, pidfd_send_signal, -1, 0, 0, 0),
    CALL(HOLDERS, ptrace, PTRACE_PEEKUSER, 0, 0, 0),
    CALL(HOLDERS, process_vm_readv, 0x3fffffff, 0, 0, 0, 0, 0),
    CALL(NOBODY, process_vm_writev, 0x3fffffff, 0, 0, 0, 0, 0),
    CALL(NOBODY, process_madvise, -1, 0, 0, 0, 0),
    CALL(NOBODY, pidfd_getfd, -1, 0, 0),
    CALL(NOBODY, kcmp, 0x3fffffff, 0x3fffffff, 0, 0, 0),
    CALL(HOLDERS, setresuid, -1, -1, -1),
    CALL(HOLDERS, setfsuid, -1),
    CALL(NOBODY, setuid, -1),
    CALL(WORKING, capget, 0, 0),
    CALL(NOBODY, execve, 0, 0, 0),
    CALL(NOBODY, execveat, -1, 0, 0, 0, 0),
    CALL(NOBODY, setns, -1, 0),
    CALL(NOBODY, unshare, 0),
    CALL(NOBODY, personality, 0xffffffff),
    CALL(NOBODY, setpriority, -1, 0, 0),
    CALL(NOBODY, sched_setscheduler, -1, 0, 0),
    CALL(WORKING, prctl, PR_GET_SECCOMP, 0),
    CALL(NOBODY, prctl, PR_SET_PTRACER, 0, 0, 0, 0),
    CALL(NOBODY, prctl, PR_SET_TIMERSLACK, 50000, 0, 0, 0),
    CALL(NOBODY, prctl, PR_SET_SECCOMP, -1, 0, 0, 0),
    CALL(NOBODY, prctl, PR_SET_KEEPCAPS, 2, 0, 0, 0),
    CALL(WORKING, prlimit64, 0, 0, 0, 0),
    CALL(NOBODY, prlimit64, 0x3fffffff, 0, 0, 0),
    /* the kernel's own rooms */
    CALL(INSPECTORS | PROFILE, perf_event_open, 0, 0, -1, -1, 0),
    CALL(WORKING, seccomp, -1, 0, 0),
    CALL(NOBODY, bpf, -1, 0, 0),
    CALL(NOBODY, userfaultfd, -1),
    CALL(NOBODY, io_uring_setup, 0, 0),
    CALL(NOBODY, io_uring_enter, -1, 0, 0, 0, 0, 0),
    CALL(NOBODY, io_setup, 0, 0),
    CALL(NOBODY, keyctl, -1),
    CALL(NOBODY, add_key, 0, 0, 0, 0, 0),
    CALL(NOBODY, request_key, 0, 0, 0, 0),
    CALL(NOBODY, shmget, 0, 0, 0),
    CALL(NOBODY, msgget, -1, 0),
    CALL(NOBODY, mq_open, 0, 0, 0, 0),
    CALL(ALL, ioctl, -1, 0x541b /* FIONREAD */, 0),
    CALL(NOBODY, ioctl, -1, 0x5412 /* TIOCSTI */, 0),
    /* the machine */
    CALL(NOBODY, mount, 1, 0, 0, 0, 0),
    CALL(NOBODY, umount2, 0, -1),
    CALL(NOBODY, pivot_root, 0, 0),
    CALL(NOBODY, chroot, 0),
    CALL(NOBODY, fsopen, 0, 0),
    CALL(NOBODY, fsconfig, -1, -1, 0, 0, 0),
    CALL(NOBODY, fsmount, -1, -1, 0),
    CALL(NOBODY, fspick, -1, 0, -1),
    CALL(NOBODY, open_tree, -1, 0, -1),
    CALL(NOBODY, move_mount, -1, 0, -1, 0, -1),
    CALL(NOBODY, mount_setattr, -1, 0, -1, 0, 0),
    CALL(NOBODY, swapon, 0, 0),
    CALL(NOBODY, swapoff, 1),
    CALL(NOBODY, quotactl, -1, 0, 0, 0),
    CALL(NOBODY, acct, 1),
    CALL(NOBODY, reboot, 0, 0, 0, 0),
    CALL(NOBODY, kexec_load, 0, 0, 0, 0xffff),
    CALL(NOBODY, kexec_file_load, -1, -1, 0, 0, -1),
    CALL(NOBODY, init_module, 0, 0, 0),
    CALL(NOBODY, finit_module, -1, 0, -1),
    CALL(NOBODY, delete_module, 0, 0),
    CALL(NOBODY, syslog, -1, 0, 0),
    CALL(NOBODY, settimeofday, 1, 0),
    CALL(NOBODY, clock_settime, -1, 0),
    CALL(NOBODY, adjtimex, 0),
    CALL(NOBODY, sethostname, 0, -1),
    CALL(NOBODY, setdomainname, 0, -1),
#if defined(__x86_64__)
    CALL(WORKING | PEER, open, 0, O_RDONLY),
    CALL(FINDERS | FETCH, open, 0, O_WRONLY),
    CALL(INSPECTORS | FETCHERS, unlink, 0),
    CALL(NOBODY, fork, 0),
    CALL(NOBODY, iopl, -1),
    CALL(NOBODY, ioperm, -1, -1, -1),
    CALL(NOBODY, modify_ldt, -1, 0, 0),
#endif
    /* clang-format on */
};

static long ask(const struct call *call)
{
    const long *a = call->arguments;

    errno = 0;
    return syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static struct config config, asking; /* asking: debuginfod, and there are other instances */

static const struct config *config_of(enum who who)
{
    return who & (PEER | FETCH | ASKING_INSPECTOR | ASKING_KEPT) ? &asking : &config;
}

static int close_child(enum who who, struct error *error)
{
    static const struct {
        unsigned who;
        enum sandbox_worker kind;
    } workers[] = {{KEPT | ASKING_KEPT, SANDBOX_KEPT},
                   {DUMP, SANDBOX_DUMP},
                   {PROFILE, SANDBOX_PROFILE},
                   {STOP, SANDBOX_STOP},
                   {WATCH, SANDBOX_WATCH}};
    int r = 0;

    for (size_t i = 0; i < ELEMENTS_OF(workers); i++)
        if (who & workers[i].who)
            return sandbox_worker(config_of(who), workers[i].kind, 1 << 30, error);
    if (who & (FRONT | PEER | FETCH))
        r = sandbox_drop_front(config_of(who), error);
    if (r == 0 && who == FRONT)
        r = sandbox_seal_front(error);
    if (r == 0 && who == PEER)
        r = sandbox_seal_peer(error);
    if (r == 0 && who == FETCH)
        r = sandbox_seal_fetch("/tmp", error);
    return r;
}

static void note(const char *what, const char *how)
{
    size_t used = strlen(shared->failed);

    (void)snprintf(shared->failed + used, sizeof shared->failed - used, "[%s: %s] ", what, how);
}

/* Each filter adds up to the inspector's. */
static int try_all(const void *argument)
{
    enum who who = *(const enum who *)argument;
    struct error error = {0};
    int r = sandbox_inspector(config_of(who), &error);

    if (r == 0)
        r = close_child(who, &error);
    if (r < 0)
        note("it could not be closed off", error.text);
    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(calls); i++) {
        bool is_denied = ask(&calls[i]) == -1 && errno == EPERM;

        if (is_denied == ((calls[i].who & who) != 0))
            note(calls[i].name, is_denied ? "denied" : strerror(errno));
    }
    return 0;
}

static void each_has_the_calls_that_it_needs_and_no_other(void **state)
{
    (void)state;
    for (unsigned who = 1; who & ALL; who <<= 1) {
        (void)in_a_child(try_all, &(enum who){(enum who)who}); /* it says itself what failed */
    }
}

/* Else it would prove nothing that they are denied. */
static int try_unclosed(const void *argument)
{
    (void)argument;
    for (size_t i = 0; i < ELEMENTS_OF(calls); i++)
        if (ask(&calls[i]) == -1 && errno == EPERM)
            note(calls[i].name, "denied");
    return 0;
}

static void without_a_filter_they_say_something_else(void **state)
{
    (void)state;
    if (geteuid() != 0 || prctl(PR_GET_SECCOMP) != 0)
        skip();                           /* then more than our filters denies some of them */
    (void)in_a_child(try_unclosed, NULL); /* likewise */
}

static bool may_have_new_code(int protection)
{
    void *page = mmap(NULL, 4096, PROT_READ | protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page != MAP_FAILED;
}

static void *wait_for_ever(void *data)
{
    while (poll(NULL, 0, -1) <= 0)
        ;
    return data;
}

/* The C library loads what it needs to cancel a thread when it does so first. */
static bool can_load_late(void)
{
    pthread_t thread;
    void *end = NULL;

    return pthread_create(&thread, NULL, wait_for_ever, NULL) == 0 && pthread_cancel(thread) == 0 &&
           pthread_join(thread, &end) == 0 && end == PTHREAD_CANCELED;
}

static int try_code(const void *argument)
{
    enum who who = *(const enum who *)argument;
    struct error error = {0};

    CHILD_EXPECT(sandbox_inspector(config_of(who), &error) == 0 && close_child(who, &error) == 0);
    CHILD_EXPECT(may_have_new_code(PROT_WRITE));
    CHILD_EXPECT(!may_have_new_code(PROT_WRITE | PROT_EXEC));
    CHILD_EXPECT(may_have_new_code(PROT_EXEC) == ((who & WORKING) != 0));
    CHILD_EXPECT(!(who & WORKING) || can_load_late());
    return 0;
}

static void code_comes_out_of_files_or_not_at_all(void **state)
{
    (void)state;
    for (unsigned who = 1; who & ALL; who <<= 1)
        (void)in_a_child(try_code, &(enum who){(enum who)who}); /* likewise */
}

/* What a core would tell is others'. */
static int try_core(const void *argument)
{
    enum who who = *(const enum who *)argument;
    struct error error = {0};
    struct rlimit core;

    CHILD_EXPECT(sandbox_inspector(config_of(who), &error) == 0 && close_child(who, &error) == 0);
    /* others may not ask; see test_service.c */
    CHILD_EXPECT(!(who & WORKING) || (getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max <= 1));
    (void)signal(SIGSEGV, SIG_DFL); /* which cmocka has taken */
    abort();                        /* who may not send itself SIGABRT ends by another signal */
}

static void none_leaves_a_core(void **state)
{
    (void)state;
    for (unsigned who = 1; who & ALL; who <<= 1) {
        int status;
        pid_t pid = fork();

        shared->failed[0] = '\0';
        assert_true(pid >= 0);
        if (pid == 0)
            _exit(try_core(&(enum who){(enum who)who}));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_string_equal(shared->failed, "");
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && !WCOREDUMP(status));
    }
}

#if defined(__x86_64__)
/* A filter for x86-64's numbers knows nothing of those of x32, nor of i386's. */
static int try_x32(const void *argument)
{
    enum who who = *(const enum who *)argument;
    struct error error = {0};

    CHILD_EXPECT(sandbox_inspector(config_of(who), &error) == 0 && close_child(who, &error) == 0);
    (void)syscall(0x40000000 | SYS_getpid);
    return 1;
}

static void calls_of_another_architecture_end_it(void **state)
{
    (void)state;
    for (unsigned who = 1; who & ALL; who <<= 1) {
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
            _exit(try_x32(&(enum who){(enum who)who}));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    }
}
#endif

/* The kernel shows filters to nobody who has one. */
static int try_read_seccomp(const void *argument)
{
    struct config reads = config;
    struct error error = {0};

    (void)argument;
    reads.read_seccomp = 1;
    CHILD_EXPECT(sandbox_inspector(&reads, &error) == 0 && prctl(PR_GET_SECCOMP) == 0);
    CHILD_EXPECT(sandbox_worker(&reads, SANDBOX_DUMP, 1 << 30, &error) == 0 && prctl(PR_GET_SECCOMP) == 0);
    CHILD_EXPECT(sandbox_worker(&reads, SANDBOX_KEPT, 1 << 30, &error) == 0 && prctl(PR_GET_SECCOMP) == 2);
    return 0;
}

static void only_who_reads_filters_has_none(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(try_read_seccomp, NULL), 0);
}

static int set_up(void **state)
{
    struct error error = {0};

    (void)state;
    if (share() < 0 || config_init(&config) < 0 || config_settle(&config, &error) < 0 ||
        config_init(&asking) < 0 || config_settle(&asking, &error) < 0)
        return -1;
    free(asking.debuginfod_urls);
    free(asking.registry);
    asking.debuginfod_urls = strdup("http://127.0.0.1:1");
    asking.registry = strdup("static:127.0.0.1:1");
    if (!asking.debuginfod_urls || !asking.registry)
        return -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    config_release(&config);
    config_release(&asking);
    return munmap(shared, sizeof *shared);
}
#endif

int main(void)
{
#if defined(SANDBOX_SANITIZED)
    return 77; /* there is none of it: service/sandbox.h */
#else
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_the_calls_that_it_needs_and_no_other),
        cmocka_unit_test(without_a_filter_they_say_something_else),
        cmocka_unit_test(code_comes_out_of_files_or_not_at_all),
        cmocka_unit_test(none_leaves_a_core),
#if defined(__x86_64__)
        cmocka_unit_test(calls_of_another_architecture_end_it),
#endif
        cmocka_unit_test(only_who_reads_filters_has_none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
#endif
}
