/* Dumps of children made for it; what they hold is looked at elsewhere (tests/dump, tests/integration). */
#include "answer_memory.h"
#include "children.h"

#include "ops/dump_name.h"

#include <sys/mman.h>

static void forms_of_a_dump_are_checked(void **state)
{
    static const struct {
        const char *arguments[3][2];
        const char *says;
    } bad[] = {
        {{{"compress", "bzip2"}}, "gzip or zstd, not 'bzip2'"},
        {{{"compress", "gzip"}, {"level", "4"}}, "level of gzip is 0 (fastest) to 3 (smallest), not '4'"},
        {{{"compress", "zstd"}, {"level", "0"}}, "level of zstd is 1 (fastest) to 9 (smallest), not '0'"},
        {{{"format", "core"}, {"compress", "zstd"}, {"level", "10"}}, "level of zstd is 1"},
        {{{"format", "zip"}, {"level", "9"}}, "level of a zip is 0"},
        {{{"format", "zip"}, {"compress", "gzip"}}, "A zip is compressed already"},
        {{{"level", "1"}}, "'level' needs compress=gzip"},
        {{{"inner", "core"}}, "needs format=zip"},
        {{{"modules", "all"}}, "needs format=zip"},
        {{{"format", "zip"}, {"modules", "some"}}, "debugger, all or none, not 'some'"},
    };

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
        _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
        struct error error;
        int r = run(&answer, &error, "dump", 0, 0, bad[i].arguments[0][0], bad[i].arguments[0][1],
                    bad[i].arguments[1][0], bad[i].arguments[1][1], bad[i].arguments[2][0],
                    bad[i].arguments[2][1], NULL);

        if (r != -EINVAL || !strstr(error.text, bad[i].says))
            fail_msg("%zu: %d %s", i, r, error.text);
    }
}

static void names_of_dumps(void **state)
{
    static const struct {
        const char *process, *instance, *expected;
    } names[] = {
        {"java", "0123456789", "java-012345-01-02-03-04-05"},
        {"../../etc/passwd", "a/b", "_._.._etc_passwd-a_b-01-02-03-04-05"},
        {"a\"b\r\nX: y", "h", "a_b__X__y-h-01-02-03-04-05"},
        {"\xff\xfe", "", "__-local-01-02-03-04-05"},
        {"", "h", "process-h-01-02-03-04-05"},
    };
    char text[DUMP_NAME_SIZE];
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
        dump_name(names[i].process, names[i].instance, 1704164645LL * 1000000000, text);
        assert_string_equal(text, names[i].expected);
    }
}

/* A number that a dump must hold and the dumper does not know. */
static uint64_t *make_marks(void)
{
    uint64_t *marks = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(marks != MAP_FAILED);
    for (size_t i = 0; i < (1 << 20) / sizeof *marks; i++)
        marks[i] = 0x9e3779b97f4a7c15ull * (i + 1);
    return marks;
}

static void dumps_of_a_child(void **state)
{
    static const struct {
        const char *type, *format, *ending, *magic;
    } kinds[] = {{"0", "raw", ".dmp", "MDMP"},
                 {"2", "raw", ".dmp", "MDMP"},
                 {"2", "zip", ".zip", "PK\3\4"},
                 {"0x1ffffff", "raw", ".dmp", "MDMP"}};
    uint64_t *marks = make_marks();
    pid_t child = start_named("the target");
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
        _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
        bool full = strcmp(kinds[i].type, "0") != 0, zip = strcmp(kinds[i].format, "zip") == 0, is_snapshot;
        struct error error;

        if (run(&answer, &error, "dump", child, 0, "dumpType", kinds[i].type, "format", kinds[i].format,
                NULL) < 0)
            fail_msg("%s", error.text);
        assert_memory_equal(answer.body.data, kinds[i].magic, 4);
        assert_int_equal(answer.length, zip ? -1 : (int64_t)answer.body.size);
        assert_int_equal(strncmp(answer.file, "the_target-012345-", 18), 0);
        assert_string_equal(answer.file + strlen(answer.file) - 4, kinds[i].ending);
#if defined(__x86_64__)
        assert_string_equal(fields_get(&answer.extra, "X-Dump-Mode"), full ? "snapshot" : "stop");
#endif
        assert_string_equal(fields_get(&answer.extra, "X-Dump-Threads"), "1");
        assert_non_null(fields_get(&answer.extra, "X-Dump-Memory-Bytes"));
        is_snapshot = strcmp(fields_get(&answer.extra, "X-Dump-Mode"), "snapshot") == 0;
        assert_true(!fields_get(&answer.extra, "X-Dump-Pause-Microseconds") == (full && !is_snapshot));
        assert_true(!fields_get(&answer.extra, "X-Dump-Flags-Ignored") == (kinds[i].type[1] != 'x'));
        if (!zip)
            assert_true(!memmem(answer.body.data, answer.body.size, marks, 1 << 20) == !full);
        expect_running(child);
    }
    end_child(child);
    assert_int_equal(munmap(marks, 1 << 20), 0);
}

/* A reader that fails in the middle of a full dump: the target runs again. */
static void a_dump_that_fails_frees_its_target(void **state)
{
    pid_t child = start_named("freed");
    (void)state;

    for (uint64_t after = 1; after < 300000; after = after * 3 + 1) {
        _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
        struct error error;
        answer.fail_after = after;
        assert_true(run(&answer, &error, "dump", child, 0, "dumpType", "2", NULL) < 0);
        expect_running(child);
    }
    end_child(child);
}

static void a_dump_of_what_can_not_be_dumped(void **state)
{
    _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
    struct error error;
    pid_t zombie = fork();
    siginfo_t info;
    (void)state;

    if (zombie == 0)
        _exit(0);
    assert_int_equal(waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(run(&answer, &error, "dump", zombie, 0, NULL), -EBUSY);
    assert_int_equal(waitpid(zombie, NULL, 0), zombie);
    if (access("/proc/2/exe", F_OK) < 0 && geteuid() == 0) {
        _cleanup_answer_ struct memory_answer kernel = MEMORY_ANSWER_INIT;
        int r = run(&kernel, &error, "dump", 2, 0, NULL);
        assert_true(r == -EINVAL || r == -ESRCH); /* in a container 2 may be nobody */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_a_dump_are_checked),
        cmocka_unit_test(names_of_dumps),
        cmocka_unit_test(dumps_of_a_child),
        cmocka_unit_test(a_dump_that_fails_frees_its_target),
        cmocka_unit_test(a_dump_of_what_can_not_be_dumped),
    };
    return cmocka_run_group_tests(tests, set_up_context, tear_down_context);
}
