/* Trees of tests/targets/family.c are ended; that none is left shows at their standard output, which ends
 * with the last of them, known to us or not. */
#include "kill/tree.h"

#include "base/io.h"
#include "base/limits.h"
#include "proc/stat.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

struct family {
    pid_t pid;
    int output;
    struct procfs procfs;
    struct pidref root;
};

static struct family start(const char *shape, const char *number)
{
    struct family family = {.root = PIDREF_INIT};
    int output[2];
    char said[6];

    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    family.pid = fork();
    assert_true(family.pid >= 0);
    if (family.pid == 0) {
        if (dup2(output[1], 1) == 1)
            execl(TARGETS "/family", "family", shape, number, NULL);
        _exit(127);
    }
    close(output[1]);
    family.output = output[0];
    assert_int_equal(io_read_full(family.output, said, sizeof said), sizeof said);
    assert_memory_equal(said, "ready\n", sizeof said);
    assert_int_equal(procfs_open("/proc", &family.procfs, NULL), 0);
    assert_int_equal(pidref_open(&family.procfs, family.pid, &family.root, NULL), 0);
    return family;
}

/* What the family said until its last member was gone. */
static size_t finish(struct family *family, char *said, size_t size)
{
    struct pollfd end = {.fd = family->output, .events = POLLIN};
    size_t total = 0;
    ssize_t r;

    do {
        assert_int_equal(poll(&end, 1, 20000), 1); /* 0: somebody survived */
        r = read(family->output, said + total, size - total);
        assert_true(r >= 0);
        total += (size_t)r;
    } while (r > 0);
    assert_int_equal(waitpid(family->pid, NULL, 0), family->pid);
    pidref_close(&family->root);
    procfs_close(&family->procfs);
    close(family->output);
    return total;
}

static void expect_killed(struct family *family, size_t at_least)
{
    struct kill_options options = {0};
    struct kill_result result = {0};
    struct error error = {0};
    char said[64];
    int r = kill_tree(&family->procfs, &family->root, &options, &result, &error);

    if (r < 0)
        fail_msg("%s", error.text);
    assert_true(result.ended.count >= at_least);
    assert_int_equal(result.remaining.count, 0);
    assert_int_equal(result.ended.items[result.ended.count - 1], family->pid); /* the root last */
    kill_result_release(&result);
    finish(family, said, sizeof said);
}

static pid_t parent_of(const struct procfs *procfs, pid_t pid)
{
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    struct proc_stat stat;

    assert_int_equal(pidref_open(procfs, pid, &ref, NULL), 0);
    assert_int_equal(proc_stat_read(ref.dir_fd, &stat), 0);
    return stat.parent;
}

static void test_dry_run_names_leaf_first_and_signals_nobody(void **state)
{
    struct family family = start("chain", "20");
    struct kill_options options = {.dry_run = true};
    struct kill_result result = {0};
    struct error error = {0};

    (void)state;
    assert_int_equal(kill_tree(&family.procfs, &family.root, &options, &result, &error), 0);
    assert_int_equal(result.ended.count, 21);
    for (size_t i = 0; i + 1 < result.ended.count; i++)
        assert_int_equal(parent_of(&family.procfs, result.ended.items[i]), result.ended.items[i + 1]);
    assert_int_equal(result.ended.items[20], family.pid);
    kill_result_release(&result);
    expect_killed(&family, 21);
}

static void test_deep_and_wide(void **state)
{
    struct family deep = start("chain", "400"), wide = start("wide", "1500");

    (void)state;
    expect_killed(&deep, 401);
    expect_killed(&wide, 1501);
}

static void test_nobody_escapes_by_forking(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct family family = start("forking", "60");
        expect_killed(&family, 1);
    }
}

static void test_nobody_is_started_anew(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct family family = start("restarting", NULL);
        expect_killed(&family, 2);
    }
}

static void test_dying_meanwhile(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct family family = start("wide", "50");
        pid_t killer = fork();

        if (killer == 0) {
            struct kill_result result = {0};
            struct kill_options options = {.signal = SIGKILL};
            _exit(kill_tree(&family.procfs, &family.root, &options, &result, NULL) == 0 ? 0 : 1);
        }
        struct kill_options options = {0};
        struct kill_result result = {0};
        struct error error = {0};
        int r = kill_tree(&family.procfs, &family.root, &options, &result, &error);
        char said[64];

        assert_true(r == 0 || r == -ESRCH);
        if (r == 0)
            assert_int_equal(result.remaining.count, 0);
        kill_result_release(&result);
        assert_int_equal(waitpid(killer, NULL, 0), killer);
        finish(&family, said, sizeof said);
    }
}

static void test_grace_lets_them_go_by_themselves(void **state)
{
    struct family family = start("polite", NULL);
    struct kill_options options = {.grace_ms = 20000};
    struct kill_result result = {0};
    struct error error = {0};
    char said[64];

    (void)state;
    assert_int_equal(kill_tree(&family.procfs, &family.root, &options, &result, &error), 0);
    assert_int_equal(result.ended.count, 3);
    assert_int_equal(result.remaining.count, 0);
    kill_result_release(&result);
    assert_int_equal(finish(&family, said, sizeof said), 3 * strlen("asked\n"));
}

static void test_grace_of_a_stopped_tree(void **state)
{
    struct family family = start("polite", NULL);
    struct kill_options options = {.grace_ms = 20000};
    struct kill_result result = {0};
    char said[64];

    (void)state;
    assert_int_equal(kill(family.pid, SIGSTOP), 0);
    assert_int_equal(kill_tree(&family.procfs, &family.root, &options, &result, NULL), 0);
    assert_int_equal(result.ended.count, 3);
    kill_result_release(&result);
    assert_int_equal(finish(&family, said, sizeof said), 3 * strlen("asked\n"));
}

static void test_force_after_grace(void **state)
{
    struct family family = start("stubborn", NULL);
    struct kill_options options = {.grace_ms = 200};
    struct kill_result result = {0};
    char said[64];

    (void)state;
    assert_int_equal(kill_tree(&family.procfs, &family.root, &options, &result, NULL), 0);
    assert_int_equal(result.ended.count, 3);
    assert_int_equal(result.remaining.count, 0);
    kill_result_release(&result);
    finish(&family, said, sizeof said);
}

static void test_another_signal_need_not_end_them(void **state)
{
    struct family family = start("stubborn", NULL);
    struct kill_options options = {.signal = SIGTERM};
    struct kill_result result = {0};

    (void)state;
    assert_int_equal(kill_tree(&family.procfs, &family.root, &options, &result, NULL), 0);
    assert_int_equal(result.ended.count, 0);
    assert_int_equal(result.remaining.count, 3);
    kill_result_release(&result);
    expect_killed(&family, 3);
}

/* The spared one lives on with what is below it, and runs: it was not stopped either. */
static void test_spared(void **state)
{
    struct family family = start("chain", "4");
    struct kill_options options = {.dry_run = true};
    struct kill_result all = {0}, result = {0};
    struct pidref spared = PIDREF_INIT;
    struct proc_stat stat;
    char said[64];
    pid_t middle;

    (void)state;
    assert_int_equal(kill_tree(&family.procfs, &family.root, &options, &all, NULL), 0);
    middle = all.ended.items[2];
    options = (struct kill_options){.spared = &middle, .spared_count = 1};
    assert_int_equal(pidref_open(&family.procfs, middle, &spared, NULL), 0);
    assert_int_equal(kill_tree(&family.procfs, &family.root, &options, &result, NULL), 0);
    assert_int_equal(result.ended.count, 2);
    assert_int_equal(result.ended.items[0], all.ended.items[3]);
    assert_int_equal(proc_stat_read(spared.dir_fd, &stat), 0);
    assert_int_equal(stat.state, 'S');
    kill_result_release(&result);
    options = (struct kill_options){0};
    assert_int_equal(kill_tree(&family.procfs, &spared, &options, &result, NULL), 0);
    assert_int_equal(result.ended.count, 3);
    kill_result_release(&result);
    kill_result_release(&all);
    pidref_close(&spared);
    finish(&family, said, sizeof said);
}

static void expect_refused(const struct procfs *procfs, pid_t pid, const struct kill_options *options)
{
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    struct kill_result result = {0};
    struct error error = {0};

    assert_int_equal(pidref_open(procfs, pid, &ref, NULL), 0);
    assert_int_equal(kill_tree(procfs, &ref, options, &result, &error), -EINVAL);
    assert_true(strlen(error.text) > 0);
}

static void test_who_is_never_ended(void **state)
{
    struct kill_options options = {.dry_run = true}; /* should it fail, no harm is done */
    pid_t parent = getppid();
    struct kill_options sparing = {.dry_run = true, .spared = &parent, .spared_count = 1};
    struct procfs procfs;

    (void)state;
    assert_int_equal(procfs_open("/proc", &procfs, NULL), 0);
    expect_refused(&procfs, 1, &options);
    expect_refused(&procfs, getpid(), &options);
    if (parent != 1)
        expect_refused(&procfs, parent, &sparing);
    if (access("/proc/2/exe", F_OK) != 0 && access("/proc/2/stat", F_OK) == 0) {
        _cleanup_pidref_ struct pidref two = PIDREF_INIT;
        struct proc_stat stat;

        assert_int_equal(pidref_open(&procfs, 2, &two, NULL), 0);
        if (proc_stat_read(two.dir_fd, &stat) == 0 && (stat.flags & PROC_FLAG_KERNEL_THREAD) != 0)
            expect_refused(&procfs, 2, &options);
    }
    procfs_close(&procfs);
}

static char state_of(const struct procfs *procfs, pid_t pid)
{
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    struct proc_stat stat;

    return pidref_open(procfs, pid, &ref, NULL) == 0 && proc_stat_read(ref.dir_fd, &stat) == 0 ? stat.state
                                                                                               : 'X';
}

/* Ends the family, and is itself ended once the first is stopped. Returns when nothing of it is left. */
_Noreturn static void begin_and_die(const struct family *family)
{
    struct kill_options options = {0};
    struct kill_result result = {0};
    pid_t killer;

    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || (killer = fork()) < 0)
        _exit(1);
    if (killer == 0)
        _exit(kill_tree(&family->procfs, &family->root, &options, &result, NULL) == 0 ? 0 : 1);
    while (strchr("RSD", state_of(&family->procfs, family->pid)))
        ;
    if (kill(killer, SIGKILL) < 0)
        _exit(1);
    while (waitpid(-1, NULL, 0) > 0) /* the killer, and the guard that it leaves behind */
        ;
    _exit(0);
}

static void test_killed_half_way_it_leaves_nobody_stopped(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct family family = start("wide", "1000");
        struct kill_options dry = {.dry_run = true}, options = {0};
        struct kill_result all = {0}, result = {0};
        pid_t middle, before;
        bool alive = false;
        int status;
        char said[64];

        assert_int_equal(kill_tree(&family.procfs, &family.root, &dry, &all, NULL), 0);
        assert_int_equal(all.ended.count, 1001);
        before = all.ended.items[500]; /* stopped by another: not ours to let run */
        assert_int_equal(kill(before, SIGSTOP), 0);
        while (state_of(&family.procfs, before) != 'T')
            ;
        middle = fork();
        assert_true(middle >= 0);
        if (middle == 0)
            begin_and_die(&family);
        assert_int_equal(waitpid(middle, &status, 0), middle);
        assert_int_equal(status, 0);
        for (size_t j = 0; j < all.ended.count; j++) {
            char now = state_of(&family.procfs, all.ended.items[j]);

            if (all.ended.items[j] == before)
                assert_true(now == 'T' || now == 'X' || now == 'Z');
            else
                assert_int_not_equal(now, 'T');
        }
        alive = !strchr("XZ", state_of(&family.procfs, family.pid));
        if (alive)
            assert_int_equal(kill_tree(&family.procfs, &family.root, &options, &result, NULL), 0);
        kill_result_release(&result);
        kill_result_release(&all);
        finish(&family, said, sizeof said);
    }
}

/* Runs in a child that has become nobody. Returns what kill_tree said, and how many were ended and remained.
 */
static int kill_as_nobody(const struct family *family, size_t *ret_ended, size_t *ret_remaining)
{
    int results[2], r[3] = {0};
    pid_t child;

    assert_int_equal(pipe2(results, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        struct kill_options options = {0};
        struct kill_result result = {0};

        if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
            _exit(1);
        r[0] = kill_tree(&family->procfs, &family->root, &options, &result, NULL);
        r[1] = (int)result.ended.count;
        r[2] = (int)result.remaining.count;
        _exit(io_write_full(results[1], r, sizeof r, -1) == 0 ? 0 : 1);
    }
    close(results[1]);
    assert_int_equal(io_read_full(results[0], r, sizeof r), sizeof r);
    close(results[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    *ret_ended = (size_t)r[1];
    *ret_remaining = (size_t)r[2];
    return r[0];
}

static void test_without_permission(void **state)
{
    struct kill_options dry = {.dry_run = true}, options = {0};
    struct kill_result found = {0}, result = {0};
    struct pidref child = PIDREF_INIT;
    struct family family;
    size_t ended, remaining;
    char said[64];

    (void)state;
    if (geteuid() != 0)
        skip();
    family = start("wide", "3");
    assert_int_equal(kill_as_nobody(&family, &ended, &remaining), -EPERM);
    expect_killed(&family, 4);

    family = start("lent", NULL); /* its child could be ended, but is not who was meant */
    assert_int_equal(kill_as_nobody(&family, &ended, &remaining), -EPERM);
    expect_killed(&family, 2);

    family = start("foreign", NULL);
    assert_int_equal(kill_tree(&family.procfs, &family.root, &dry, &found, NULL), 0);
    assert_int_equal(found.ended.count, 2);
    assert_int_equal(pidref_open(&family.procfs, found.ended.items[0], &child, NULL), 0);
    assert_int_equal(kill_as_nobody(&family, &ended, &remaining), 0);
    assert_int_equal(ended, 1);
    assert_int_equal(remaining, 1);
    assert_int_equal(kill_tree(&family.procfs, &child, &options, &result, NULL), 0);
    pidref_close(&child);
    kill_result_release(&found);
    kill_result_release(&result);
    finish(&family, said, sizeof said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dry_run_names_leaf_first_and_signals_nobody),
        cmocka_unit_test(test_deep_and_wide),
        cmocka_unit_test(test_nobody_escapes_by_forking),
        cmocka_unit_test(test_nobody_is_started_anew),
        cmocka_unit_test(test_dying_meanwhile),
        cmocka_unit_test(test_grace_lets_them_go_by_themselves),
        cmocka_unit_test(test_grace_of_a_stopped_tree),
        cmocka_unit_test(test_force_after_grace),
        cmocka_unit_test(test_another_signal_need_not_end_them),
        cmocka_unit_test(test_spared),
        cmocka_unit_test(test_who_is_never_ended),
        cmocka_unit_test(test_without_permission),
        cmocka_unit_test(test_killed_half_way_it_leaves_nobody_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
