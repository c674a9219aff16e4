#include "target.h"

#include "capture/process.h"
#include "capture/thread_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static const struct fact *fact_of(const struct target *target, const char *name)
{
    for (size_t i = 0; i < target->fact_count; i++)
        if (strcmp(target->facts[i].name, name) == 0)
            return &target->facts[i];
    fail_msg("no thread %s", name);
    return NULL;
}

static struct thread_info thread_of(const struct target *target, pid_t id)
{
    struct thread_info thread;
    struct error error = {0};

    assert_int_equal(thread_read(&target->ref, &target->host, id, true, &thread, &error), 0);
    return thread;
}

static void assert_start(const struct thread_info *thread, const struct fact *fact)
{
    char text[32];

    (void)snprintf(text, sizeof text, "0x%" PRIX64, thread->start_address); /* fits */
    assert_string_equal(text, fact->start);
}

static const struct thread_info *in_list(const struct thread_list *list, pid_t id)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].id == id)
            return &list->items[i];
    fail_msg("no thread %d", (int)id);
    return NULL;
}

/* What the program says of its threads is what we find: one by one, and all together. */
static void check_starts(const char *program)
{
    const char *const arguments[] = {program, NULL};
    struct target target = target_start(arguments, NULL);
    _cleanup_thread_list_ struct thread_list list = {0};

    assert_int_equal(threads_read(&target.ref, &target.host, true, &list), 0);
    assert_int_equal(list.count, 8);
    assert_int_equal(target.fact_count, 8);
    for (size_t i = 0; i < target.fact_count; i++) {
        const struct fact *fact = &target.facts[i];
        struct thread_info thread = thread_of(&target, fact->id);
        assert_start(in_list(&list, fact->id), fact);
        assert_start(&thread, fact);
        if (fact->id != target.pid)
            assert_string_equal(thread.name, fact->name);
    }
    target_stop(&target);
}

static void start_routines_are_those_of_the_program(void **state)
{
    (void)state;
    check_starts(TARGETS "/starts");
}

static void start_routines_of_a_static_program_too(void **state)
{
    (void)state;
    if (access(TARGETS "/starts_static", X_OK) < 0)
        skip();
    check_starts(TARGETS "/starts_static");
}

static const struct thread_info *named(const struct thread_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    fail_msg("no thread %s", name);
    return NULL;
}

/* There its threads know themselves by other ids than we see. */
static void start_routines_in_another_pid_namespace(void **state)
{
    const char *const arguments[] = {"unshare", "--pid", "--fork", "--kill-child", TARGETS "/starts", NULL};
    _cleanup_thread_list_ struct thread_list list = {0};
    _cleanup_process_info_ struct process_info outer = {0};
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    struct error error = {0};
    struct target target;

    (void)state;
    if (geteuid() != 0)
        skip();
    target = target_start(arguments, NULL);
    assert_int_equal(process_info_read(&target.procfs, &target.ref, &target.host, &outer, &error), 0);
    assert_int_equal(outer.children.count, 1);
    assert_int_equal(pidref_open(&target.procfs, outer.children.items[0], &ref, &error), 0);
    assert_int_equal(threads_read(&ref, &target.host, true, &list), 0);
    assert_int_equal(list.count, 8);
    for (size_t i = 0; i < target.fact_count; i++) {
        const struct fact *fact = &target.facts[i];
        const char *name = strcmp(fact->name, "main") == 0 ? "starts" : fact->name;
        struct thread_info thread;
        assert_start(named(&list, name), fact);
        assert_int_not_equal(named(&list, name)->id, fact->id);
        assert_int_equal(thread_read(&ref, &target.host, named(&list, name)->id, true, &thread, &error), 0);
        assert_start(&thread, fact);
    }
    target_stop(&target);
}

static bool is_named(const struct target *target, pid_t id)
{
    for (size_t i = 0; i < target->fact_count; i++)
        if (target->facts[i].id == id)
            return true;
    return false;
}

static void one_among_thousands_is_found(void **state)
{
    const char *const arguments[] = {TARGETS "/starts", "3000", NULL};
    struct target target = target_start(arguments, NULL);
    _cleanup_thread_list_ struct thread_list list = {0};
    struct thread_info thread;
    uint64_t common = 0;

    (void)state;
    thread = thread_of(&target, fact_of(&target, "sleeper")->id);
    assert_start(&thread, fact_of(&target, "sleeper"));
    assert_int_equal(threads_read(&target.ref, &target.host, true, &list), 0);
    assert_int_equal(list.count, 3008);
    for (size_t i = 0; i < list.count; i++) { /* the 3000 have one routine */
        uint64_t start = list.items[i].start_address;
        if (is_named(&target, list.items[i].id))
            continue;
        assert_true(start != 0 && (common == 0 || start == common));
        common = start;
    }
    target_stop(&target);
}

static void assert_waits(const struct target *target, const char *name, int64_t system_call)
{
    struct thread_info thread = thread_of(target, fact_of(target, name)->id);

    for (int i = 0; i < 1000 && thread.system_call != system_call;
         i++) {                                                        /* it says its name before it waits */
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* the next round looks again */
        thread = thread_of(target, thread.id);
    }
    assert_int_equal(thread.state, 'S');
    assert_int_equal(thread.system_call, system_call);
    assert_false(thread.is_32_bit);
}

static void waiting_threads_tell_their_call(void **state)
{
    const char *const arguments[] = {TARGETS "/starts", NULL};
    struct target target = target_start(arguments, NULL);
    struct thread_info runner = thread_of(&target, fact_of(&target, "runner")->id);
    struct thread_info piper;

    (void)state;
    assert_waits(&target, "sleeper", SYS_clock_nanosleep);
    assert_waits(&target, "locker", SYS_futex);
    assert_waits(&target, "poller", SYS_poll);
    assert_waits(&target, "piper", SYS_read);
    assert_waits(&target, "talker", SYS_recvfrom);
    assert_waits(&target, "main", SYS_read);
    piper = thread_of(&target, fact_of(&target, "piper")->id);
    assert_int_equal(piper.system_call_arguments[2], 1); /* bytes that it wants */
    assert_int_equal(runner.state, 'R');
    assert_int_equal(runner.system_call, -1);
    assert_string_equal(runner.wait_channel, "");
    target_stop(&target);
}

static void facts_of_stat_are_the_kernels(void **state)
{
    _cleanup_thread_list_ struct thread_list list = {0};
    struct thread_info self;
    struct error error = {0};
    struct pidref ref = PIDREF_INIT;
    struct procfs procfs;
    struct host host;
    struct rusage usage;
    uint32_t processor;

    (void)state;
    assert_int_equal(procfs_open("/proc", &procfs, &error), 0);
    assert_int_equal(host_read(&procfs, &host), 0);
    assert_int_equal(pidref_open(&procfs, getpid(), &ref, &error), 0);
    assert_int_equal(pthread_setname_np(pthread_self(), "a b) (c\n"), 0);
    assert_int_equal(setpriority(PRIO_PROCESS, 0, 7), 0);
    assert_int_equal(thread_read(&ref, &host, getpid(), false, &self, &error), 0);
    assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
    assert_int_equal(syscall(SYS_getcpu, &processor, NULL, NULL), 0);
    assert_string_equal(self.name, "a b) (c\n");
    assert_int_equal(self.nice, 7);
    assert_int_equal(self.priority, 27);
    assert_int_equal(self.policy, SCHED_OTHER);
    assert_int_equal(self.state, 'R');
    assert_true(self.user_time <= (usage.ru_utime.tv_sec + 1) * INT64_C(1000000000));
    assert_true(self.processor < 4096);
    assert_int_equal(threads_read(&ref, &host, false, &list), 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].start_time, self.start_time);
    assert_int_equal(thread_read(&ref, &host, 1 << 30, false, &self, &error), -ENOENT);
    assert_non_null(strstr(error.text, "is not part of process"));
    pidref_close(&ref);
    procfs_close(&procfs);
}

/* Threads that come and go while they are read are no error, and nothing but their two routines is found. */
static void churning_threads_are_no_error(void **state)
{
    const char *const arguments[] = {TARGETS "/shapes", "churn", "1", NULL};
    struct target target = target_start(arguments, NULL);
    uint64_t routines[2] = {0};

    (void)state;
    for (int i = 0; i < 100; i++) {
        _cleanup_thread_list_ struct thread_list list = {0};
        assert_int_equal(threads_read(&target.ref, &target.host, true, &list), 0);
        for (size_t k = 0; k < list.count; k++) {
            uint64_t start = list.items[k].start_address;
            if (list.items[k].id == target.pid || start == 0 || start == routines[0] || start == routines[1])
                continue;
            assert_true(routines[1] == 0);
            routines[routines[0] != 0] = start;
        }
    }
    assert_true(routines[0] != 0);
    target_stop(&target);
}

static void the_dead_are_not_there(void **state)
{
    const char *const arguments[] = {TARGETS "/starts", NULL};
    struct target target = target_start(arguments, NULL);
    _cleanup_thread_list_ struct thread_list list = {0};
    struct thread_info thread;
    struct error error = {0};

    (void)state;
    assert_int_equal(kill(target.pid, SIGKILL), 0);
    assert_int_equal(waitpid(target.pid, NULL, 0), target.pid);
    assert_int_equal(threads_read(&target.ref, &target.host, true, &list), -ESRCH);
    assert_int_equal(thread_read(&target.ref, &target.host, target.pid, true, &thread, &error), -ESRCH);
    assert_string_equal(strstr(error.text, "is not running"), "is not running.");
    pidref_close(&target.ref);
    procfs_close(&target.procfs);
    close(target.input);
}

static void assert_call(const char *text, int64_t wanted)
{
    struct thread_info thread = {.system_call = 7};

    thread_system_call_parse(text, strlen(text), &thread);
    assert_int_equal(thread.system_call, wanted);
}

static void texts_of_syscall_are_read_strictly(void **state)
{
    struct thread_info thread = {0};
    const char *text = "35 0x1 0x2 0xffffffffffffffff 0x4 0x5 0x6 0x7ffd00000000 0x7f0000000000\n";

    (void)state;
    thread_system_call_parse(text, strlen(text), &thread);
    assert_int_equal(thread.system_call, 35);
    assert_true(thread.system_call_arguments[2] == UINT64_MAX);
    assert_int_equal(thread.system_call_arguments[5], 6);
    assert_call("0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n", 0);
    assert_call("running\n", -1);
    assert_call("-1 0x7ffd00000000 0x7f0000000000\n", -1);
    assert_call("", -1);
    assert_call("35", -1);
    assert_call("35 0x1 0x2", -1);
    assert_call("35 1 2 3 4 5 6 7 8\n", -1);
    assert_call("99999999999999999999 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8\n", -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_routines_are_those_of_the_program),
        cmocka_unit_test(start_routines_of_a_static_program_too),
        cmocka_unit_test(start_routines_in_another_pid_namespace),
        cmocka_unit_test(one_among_thousands_is_found),
        cmocka_unit_test(waiting_threads_tell_their_call),
        cmocka_unit_test(facts_of_stat_are_the_kernels),
        cmocka_unit_test(churning_threads_are_no_error),
        cmocka_unit_test(the_dead_are_not_there),
        cmocka_unit_test(texts_of_syscall_are_read_strictly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
