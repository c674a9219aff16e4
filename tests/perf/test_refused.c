/* What is missing is said in one sentence; and what an ordinary user may do works for one. All of it happens
 * in children, as it can't be taken back. */
#include "support.h"

#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { SKIPPED = 77, NOBODY = 65534 };

static pid_t theirs; /* a target of ours, which the children have no right to */

/* 0, 77 for a skip, or the line that failed. */
static void run_in_child(int (*check)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(check());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED)
        skip();
    if (WEXITSTATUS(status) != 0)
        fail_msg("failed at step %d", WEXITSTATUS(status));
}

/* One that spins, or -1; of whoever the caller is now. In the child of a test nothing may be asserted. */
static pid_t start_spins(const char *threads)
{
    int output[2];
    char ready[6];
    pid_t pid;

    if (pipe2(output, O_CLOEXEC) < 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && dup2(output[1], 1) == 1)
            execl(TARGETS "/spins", "spins", threads, NULL);
        _exit(127);
    }
    (void)close(output[1]);
    if (pid > 0 && io_read_full(output[0], ready, sizeof ready) != sizeof ready)
        pid = -1;
    return pid; /* the pipe stays: its other end may not break */
}

/* perf_open() through a /proc; the sentence is printed, so that a person can see them all. */
static int try_open(const char *proc, pid_t pid, const struct perf_options *options, struct perf **ret_perf,
                    struct error *error)
{
    _cleanup_procfs_ struct procfs procfs = {.fd = -1};
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    int r = procfs_open(proc, &procfs, error);

    *error = (struct error){0};
    if (r == 0)
        r = pidref_open(&procfs, pid, &ref, error);
    if (r == 0)
        r = perf_open(&ref, options, ret_perf, error);
    if (r < 0)
        (void)dprintf(2, "%s\n", error->text); /* nobody depends on it */
    return r;
}

static int refused(pid_t pid, const struct perf_options *options, int code, const char *word)
{
    struct perf *perf = NULL;
    struct error error;
    int r = try_open("/proc", pid, options, &perf, &error);

    perf_close(perf);
    return r == -code && error.code == code && strstr(error.text, word) && !perf ? 0 : -1;
}

static int take_sample(void *context, const struct perf_record *record)
{
    *(unsigned *)context += record->kind == PERF_KIND_SAMPLE && record->sample.user_count > 0;
    return 0;
}

/* Whether samples come. */
static bool works(struct perf *perf)
{
    struct pollfd waited = {.fd = perf_fd_to_poll(perf), .events = POLLIN};
    uint64_t deadline = clock_monotonic_ms() + PATIENCE_MS;
    unsigned samples = 0;

    while (samples < 100 && clock_monotonic_ms() < deadline)
        if (poll(&waited, 1, PATIENCE_MS) != 1 || perf_read(perf, false, take_sample, &samples) < 0)
            return false;
    return samples >= 100;
}

static int become_nobody(void)
{
    if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) < 0)
        return SKIPPED; /* we are not root */
    return 0;
}

/* kernel.perf_event_paranoid; 9 where there is none */
static int64_t paranoid(void)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(64);
    int64_t value = 9;

    if (io_read_file_at(AT_FDCWD, "/proc/sys/kernel/perf_event_paranoid", &text) == 0) {
        const char *cursor = buffer_string(&text);
        (void)scan_i64(&cursor, cursor + text.size, &value);
    }
    return value;
}

static int nobody_samples_root(void)
{
    const struct perf_options any = {0}, by_processor = {.way = PERF_BY_PROCESSOR};

    if (become_nobody() != 0 || paranoid() < 1 || paranoid() == 9)
        return SKIPPED;
    if (refused(theirs, &any, EACCES, "CAP_PERFMON") != 0)
        return 1;
    return refused(theirs, &by_processor, EACCES, "CAP_PERFMON") == 0 ? 0 : 2;
}

static void says_whose_the_process_is(void **state)
{
    (void)state;
    run_in_child(nobody_samples_root);
}

static int nobody_samples_own(void)
{
    const struct perf_options options = {.frequency = 1000, .kernel = true};
    _cleanup_perf_ struct perf *perf = NULL;
    struct error error;
    pid_t pid;

    if (become_nobody() != 0 || paranoid() < 1 || paranoid() > 2)
        return SKIPPED;
    pid = start_spins("2");
    if (pid < 0)
        return SKIPPED; /* where this was built, not all may look */
    if (try_open("/proc", pid, &options, &perf, &error) < 0)
        return 1;
    if (perf_facts(perf)->way != PERF_BY_THREAD ||
        perf_facts(perf)->descriptors != 3 * perf_facts(perf)->processors)
        return 2;
    if (paranoid() == 2 && (perf_facts(perf)->kernel_time || perf_facts(perf)->kernel_addresses))
        return 3;
    return works(perf) ? 0 : 4;
}

static void works_for_a_user(void **state)
{
    (void)state;
    run_in_child(nobody_samples_own);
}

/* Without CAP_IPC_LOCK, kernel.perf_event_mlock_kb is all there is: the rings get smaller, then there are
 * none. */
static int nobody_has_many_sessions(void)
{
    const struct perf_options options = {.way = PERF_BY_THREAD, .stack_bytes = 4096};
    struct rlimit none = {0};
    struct error error;
    size_t first = 0;
    pid_t pid;

    if (become_nobody() != 0 || paranoid() < 0 || paranoid() > 2 || setrlimit(RLIMIT_MEMLOCK, &none) < 0)
        return SKIPPED;
    pid = start_spins("1");
    if (pid < 0)
        return SKIPPED;
    for (int i = 0; i < 1000; i++) {
        struct perf *perf = NULL; /* never closed: we end soon */

        if (try_open("/proc", pid, &options, &perf, &error) < 0)
            return i > 0 && error.code == EACCES && strstr(error.text, "perf_event_mlock_kb") ? 0 : 1;
        if (first == 0)
            first = perf_facts(perf)->ring_bytes;
        if (perf_facts(perf)->ring_bytes > first)
            return 2;
    }
    return 3;
}

static void says_that_locked_memory_is_used_up(void **state)
{
    (void)state;
    run_in_child(nobody_has_many_sessions);
}

static int has_few_descriptors(void)
{
    const struct perf_options by_thread = {.way = PERF_BY_THREAD}, by_processor = {.way = PERF_BY_PROCESSOR};
    struct rlimit few = {.rlim_cur = 24, .rlim_max = 24};
    pid_t pid = start_spins("32");
    int r;

    if (pid < 0)
        return 1;
    for (int fd = 10; fd < 24; fd++) /* but for those of cmocka and the pipe */
        (void)close(fd);
    if (setrlimit(RLIMIT_NOFILE, &few) < 0)
        return 2;
    r = refused(pid, &by_thread, EMFILE, "33 threads");
    if (r < 0 && refused(pid, &by_thread, EACCES, "") == 0)
        return SKIPPED; /* it is not allowed here at all */
    if (r < 0)
        return 3;
    few.rlim_cur = 6;
    if (setrlimit(RLIMIT_NOFILE, &few) < 0)
        return 4;
    return refused(pid, &by_processor, EMFILE, "") == 0 || refused(pid, &by_processor, EACCES, "") == 0 ? 0
                                                                                                        : 5;
}

static void says_that_descriptors_are_missing(void **state)
{
    (void)state;
    run_in_child(has_few_descriptors);
}

static int is_filtered(int answer, const char *word, int code)
{
    const struct perf_options options = {0};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (!filter ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)answer), SCMP_SYS(perf_event_open), 0) < 0 ||
        seccomp_load(filter) < 0)
        return SKIPPED;
    return refused(theirs, &options, code, word) == 0 ? 0 : 1;
}

static int is_filtered_with_eperm(void)
{
    return is_filtered(EPERM, "seccomp", EACCES);
}

static int is_filtered_with_enosys(void)
{
    return is_filtered(ENOSYS, "seccomp", EOPNOTSUPP);
}

/* Docker's answer and Podman's. */
static void says_that_a_filter_refuses(void **state)
{
    (void)state;
    run_in_child(is_filtered_with_eperm);
    run_in_child(is_filtered_with_enosys);
}

static int has_options_refused(void)
{
    const struct perf_options often = {.frequency = LIMIT_PERF_FREQUENCY + 1},
                              much = {.stack_bytes = LIMIT_PERF_STACK + 1};

    if (refused(theirs, &often, EINVAL, "1000") != 0)
        return 1;
    return refused(theirs, &much, EINVAL, "32768") == 0 ? 0 : 2;
}

static void refuses_what_is_too_much(void **state)
{
    (void)state;
    run_in_child(has_options_refused);
}

static int samples_a_zombie(void)
{
    const struct perf_options options = {.way = PERF_BY_THREAD};
    struct perf *perf = NULL;
    struct error error;
    siginfo_t info;
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0)
        return 1;
    if (try_open("/proc", pid, &options, &perf, &error) == -EACCES)
        return SKIPPED;
    return !perf && error.code == ESRCH ? 0 : 2;
}

static void says_that_it_has_ended(void **state)
{
    (void)state;
    run_in_child(samples_a_zombie);
}

/* The samples have the numbers that the process has for us. */
static int samples_into_a_namespace(void)
{
    const struct perf_options options = {.frequency = 1000};
    _cleanup_perf_ struct perf *perf = NULL;
    struct error error;
    pid_t pid;
    int r;

    if (unshare(CLONE_NEWPID) < 0)
        return SKIPPED;
    pid = start_spins("1"); /* the first process of its namespace */
    if (pid < 0)
        return 1;
    r = try_open("/proc", pid, &options, &perf, &error);
    if (r == -EACCES)
        return SKIPPED;
    return r == 0 && works(perf) ? 0 : 2;
}

static int sample_within(void)
{
    const struct perf_options options = {.frequency = 1000};
    _cleanup_perf_ struct perf *perf = NULL;
    struct error error;
    pid_t pid = start_spins("1");
    int r;

    if (pid < 0)
        return 3;
    if (refused(pid, &options, ESRCH, "") != 0) /* the /proc is still the outer one */
        return 4;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", 0, NULL) < 0)
        return SKIPPED;
    r = try_open("/proc", pid, &options, &perf, &error);
    if (r == -EACCES)
        return SKIPPED;
    return r == 0 && works(perf) ? 0 : 5;
}

static int samples_in_a_namespace(void)
{
    int status;
    pid_t pid;

    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
        return SKIPPED;
    pid = fork();
    if (pid == 0)
        _exit(sample_within());
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void samples_across_namespaces(void **state)
{
    (void)state;
    run_in_child(samples_into_a_namespace);
    run_in_child(samples_in_a_namespace);
}

static int start_theirs(void **state)
{
    (void)state;
    theirs = start_spins("1");
    return theirs > 0 ? 0 : -1;
}

static int end_theirs(void **state)
{
    (void)state;
    return kill(theirs, SIGKILL) == 0 && waitpid(theirs, NULL, 0) == theirs ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_whose_the_process_is),
        cmocka_unit_test(works_for_a_user),
        cmocka_unit_test(says_that_locked_memory_is_used_up),
        cmocka_unit_test(says_that_descriptors_are_missing),
        cmocka_unit_test(says_that_a_filter_refuses),
        cmocka_unit_test(refuses_what_is_too_much),
        cmocka_unit_test(says_that_it_has_ended),
        cmocka_unit_test(samples_across_namespaces),
    };
    return cmocka_run_group_tests(tests, start_theirs, end_theirs);
}
