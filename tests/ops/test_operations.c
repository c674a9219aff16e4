/* The operations on processes of this machine: ourselves and children made for it. */
#include "answer_memory.h"

#include "base/parse.h"
#include "ops/dump_name.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Whether it sleeps, which a process that is held or stopped does not. */
static bool sleeps(pid_t pid)
{
    char path[64], text[512];
    ssize_t size;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    size = read(fd, text, sizeof text - 1);
    (void)close(fd);
    assert_true(size > 0);
    text[size] = '\0';
    return strstr(text, ") S ") != NULL;
}

/* Its pause() is begun anew after a hold, so it may be on its way there. */
static void expect_running(pid_t pid)
{
    for (int i = 0; !sleeps(pid); i++) {
        assert_true(i < 10000);
        (void)poll(NULL, 0, 1);
    }
}

static pid_t start_child(const char *name)
{
    int ends[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (name)
            (void)prctl(PR_SET_NAME, name);
        if (write(ends[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    expect_running(pid);
    return pid;
}

static void end_child(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void expect_json(const struct memory_answer *answer)
{
    assert_string_equal(answer->type, "application/json; charset=utf-8");
    assert_int_equal(answer->length, answer->body.size);
    assert_string_equal(answer->file, "");
}

_printf_(2, 3) static void expect_text(const struct memory_answer *answer, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!strstr(buffer_string(&answer->body), text))
        fail_msg("%s is not in %.4000s", text, buffer_string(&answer->body));
}

static void list_has_the_child_and_no_kernel_threads(void **state)
{
    _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
    pid_t child = start_child("zz hostile\") {");
    struct error error;
    (void)state;

    assert_int_equal(run(&answer, &error, "list", 0, 0, NULL), 0);
    expect_json(&answer);
    expect_text(&answer, "{\"id\":%d,\"name\":\"zz hostile\\\") {\"", (int)child);
    expect_text(&answer, "\"href\":\"http://h/api/processes/%d\"", (int)child);
    assert_null(strstr(buffer_string(&answer.body), "\"kthreadd\""));
    end_child(child);
}

static void list_is_sorted_by_lower_cased_name(void **state)
{
    static const char *const names[] = {"Qz-beta", "qz-ALPHA", "QZ-gamma", "qz-alpha"};
    _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
    pid_t children[ELEMENTS_OF(names)];
    const char *at[ELEMENTS_OF(names)];
    struct error error;
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        children[i] = start_child(names[i]);
    assert_int_equal(run(&answer, &error, "list", 0, 0, "allUsers", "true", NULL), 0);
    for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "{\"id\":%d,\"name\":\"%s\"", (int)children[i], names[i]);
        at[i] = strstr(buffer_string(&answer.body), text);
        assert_non_null(at[i]);
        end_child(children[i]);
    }
    assert_true(at[1] < at[3] || children[1] > children[3]); /* the same name: by pid */
    assert_true(at[3] < at[0] && at[0] < at[2]);
}

static void show_and_its_parts(void **state)
{
    static const struct {
        const char *operation, *text;
    } parts[] = {{"show", "\"command_line\":"},
                 {"threads", "\"state\":\"Wait\""},
                 {"modules", "\"base_address\""},
                 {"environment", "{"}};
    pid_t child = start_child("shown");
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(parts); i++) {
        _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
        struct error error;
        if (run(&answer, &error, parts[i].operation, child, 0, NULL) < 0)
            fail_msg("%s: %s", parts[i].operation, error.text);
        expect_json(&answer);
        expect_text(&answer, "%s", parts[i].text);
    }
    {
        _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
        struct error error;
        assert_int_equal(run(&answer, &error, "thread", child, child, NULL), 0);
        expect_text(&answer, "\"process\":\"http://h/api/processes/%d\"", (int)child);
    }
    end_child(child);
}

static void a_module_by_its_base(void **state)
{
    _cleanup_answer_ struct memory_answer list = MEMORY_ANSWER_INIT, one = MEMORY_ANSWER_INIT,
                                          none = MEMORY_ANSWER_INIT;
    const char *at, *text = "\"base_address\":\"";
    struct error error;
    uint64_t base = 0;
    (void)state;

    assert_int_equal(run(&list, &error, "modules", 0, 0, NULL), 0);
    at = strstr(buffer_string(&list.body), text);
    assert_non_null(at);
    at += strlen(text);
    assert_true(scan_hex(&at, at + strlen(at), &base));
    if (run(&one, &error, "module", 0, (int64_t)base, NULL) < 0)
        fail_msg("%s", error.text);
    expect_text(&one, "\"module_memory_size\"");
    assert_int_equal(run(&none, &error, "module", 0, (int64_t)base + 1, NULL), -ENOENT);
}

/* The service's own id is written as its real pid. */
static void id_0_is_the_service(void **state)
{
    _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
    struct error error;
    (void)state;

    assert_int_equal(run(&answer, &error, "show", 0, 0, NULL), 0);
    expect_text(&answer, "{\"id\":%d,", (int)getpid());
}

static void the_main_process(void **state)
{
    _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
    struct error error;
    (void)state;

    test_context.main_pid = start_child("main");
    assert_int_equal(run(&answer, &error, "show", -1, 0, NULL), 0);
    expect_text(&answer, "{\"id\":%d,", (int)test_context.main_pid);
    end_child(test_context.main_pid);
    test_context.main_pid = 0;
}

static void what_is_not_there(void **state)
{
    static const char *const names[] = {"show",   "threads",     "thread", "modules",
                                        "module", "environment", "dump"};
    pid_t gone = start_child(NULL);
    (void)state;

    end_child(gone);
    for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
        static const int64_t ids[] = {-2, 4194305, INT64_MAX, INT64_MIN, 0x100000001};
        _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
        struct error error;
        assert_int_equal(run(&answer, &error, names[i], gone, 1, NULL), -ESRCH);
        assert_non_null(strstr(error.text, "is not running"));
        for (size_t k = 0; k < ELEMENTS_OF(ids); k++)
            assert_int_equal(run(&answer, &error, names[i], ids[k], 1, NULL), -ESRCH);
        assert_null(answer.sink);
    }
    {
        _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
        struct error error;
        assert_int_equal(run(&answer, &error, "thread", 0, 1, NULL), -ENOENT);
        assert_int_equal(run(&answer, &error, "thread", 0, 0, NULL), -ENOENT);
        assert_int_equal(run(&answer, &error, "gcdump", 0, 0, NULL), -EOPNOTSUPP);
        assert_int_equal(run(&answer, &error, "profile-start", gone, 0, NULL), -ESRCH);
        assert_int_equal(run(&answer, &error, "profile-stop", 0, 0, NULL), -ENOENT);
        assert_int_equal(run(&answer, &error, "other", 0, 0, NULL), -EOPNOTSUPP);
    }
}

static void arguments_are_checked(void **state)
{
    static const char *const bad[][3] = {{"list", "allUsers", "perhaps"},  {"list", "other", "1"},
                                         {"dump", "dumpType", "33554432"}, {"dump", "dumpType", "-1"},
                                         {"dump", "dumpType", "full"},     {"dump", "dumpType", "4294967296"},
                                         {"dump", "format", "tar"}};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
        _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
        struct error error;
        int r = run(&answer, &error, bad[i][0], 0, 0, bad[i][1], bad[i][2], NULL);
        if (r != -EINVAL || !strstr(error.text, bad[i][1]))
            if (strcmp(bad[i][1], "format") != 0 || r != -EINVAL)
                fail_msg("%s=%s: %d %s", bad[i][1], bad[i][2], r, error.text);
    }
}

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
    pid_t child = start_child("the target");
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
    pid_t child = start_child("freed");
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

/* A child with a child of its own; both end with us. */
static pid_t start_family(pid_t *ret_grandchild)
{
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        pid_t grandchild;
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        grandchild = fork();
        if (grandchild == 0)
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        else if (write(ends[1], &grandchild, sizeof grandchild) != sizeof grandchild)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ends[0], ret_grandchild, sizeof *ret_grandchild), sizeof *ret_grandchild);
    (void)close(ends[0]);
    (void)close(ends[1]);
    expect_running(*ret_grandchild);
    return pid;
}

static void stop_ends_a_tree(void **state)
{
    _cleanup_answer_ struct memory_answer dry = MEMORY_ANSWER_INIT, wet = MEMORY_ANSWER_INIT;
    pid_t grandchild, child = start_family(&grandchild);
    struct error error;
    int status;
    (void)state;

    test_context.service_pid = start_child("service"); /* whose child the family is not */
    if (run(&dry, &error, "stop", child, 0, "dryRun", "true", NULL) < 0)
        fail_msg("%s", error.text);
    expect_text(&dry, "{\"ended\":[%d,%d],\"remaining\":[]}", (int)grandchild, (int)child);
    expect_running(child);
    assert_int_equal(run(&wet, &error, "stop", child, 0, "signal", "sigterm", "grace", "5s", NULL), 0);
    expect_text(&wet, "%d", (int)grandchild);
    expect_text(&wet, "\"remaining\":[]}");
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    end_child(test_context.service_pid);
    test_context.service_pid = getpid();
}

static void what_stop_refuses(void **state)
{
    static const char *const bad[][2] = {{"signal", "0"},   {"signal", "65"},  {"signal", "NONE"},
                                         {"signal", "SIG"}, {"signal", ""},    {"grace", "1h"},
                                         {"grace", "soon"}, {"dryRun", "try"}, {"force", "1"}};
    pid_t child = start_child("kept");
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
        _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
        struct error error;
        if (run(&answer, &error, "stop", child, 0, bad[i][0], bad[i][1], NULL) != -EINVAL)
            fail_msg("%s=%s was taken", bad[i][0], bad[i][1]);
    }
    {
        _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
        struct error error;
        assert_int_equal(run(&answer, &error, "stop", child, 0, NULL), -EINVAL); /* the service's child */
        test_context.service_pid = start_child("service");
        test_context.protected_pid = child;
        assert_int_equal(run(&answer, &error, "stop", child, 0, NULL), -EINVAL);
        assert_int_equal(run(&answer, &error, "stop", 1, 0, "dryRun", "true", NULL), -EINVAL);
        assert_int_equal(run(&answer, &error, "stop", getpid(), 0, NULL), -EINVAL);
        test_context.protected_pid = 0;
        end_child(test_context.service_pid);
        test_context.service_pid = getpid();
    }
    expect_running(child);
    end_child(child);
}

static void doctor(void **state)
{
    _cleanup_answer_ struct memory_answer general = MEMORY_ANSWER_INIT, target = MEMORY_ANSWER_INIT;
    pid_t child = start_child("patient");
    struct error error;
    (void)state;

    assert_int_equal(run(&general, &error, "doctor", 0, 0, NULL), 0);
    expect_text(&general, "\"checks\":[{\"operation\":\"list\"");
    assert_int_equal(run(&target, &error, "doctor", child, 0, NULL), 0);
    expect_text(&target, "\"process\":{\"id\":%d,\"name\":\"patient\"", (int)child);
    expect_text(&target, "{\"operation\":\"environment\",\"allowed\":true}");
    expect_text(&target, "{\"operation\":\"stop\",\"allowed\":true}");
    end_child(child);
}

/* What an ordinary user is told about a process of root, and that nothing of it comes out. */
static void an_ordinary_user_is_told_why(void **state)
{
    pid_t child, other;
    int status;
    (void)state;

    if (geteuid() != 0)
        skip();
    child = start_child("of root");
    other = fork();
    assert_true(other >= 0);
    if (other == 0) {
        static const char *const names[] = {"environment", "modules", "dump"};
        struct error error;
        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(1);
        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
            struct memory_answer answer = MEMORY_ANSWER_INIT;
            int r = run(&answer, &error, names[i], child, 0, NULL);
            if ((r != -EACCES && r != -EPERM) || !strstr(error.text, "root")) {
                print_message("%s: %d %s\n", names[i], r, error.text);
                _exit(2);
            }
        }
        {
            struct memory_answer answer = MEMORY_ANSWER_INIT;
            if (run(&answer, &error, "doctor", child, 0, NULL) < 0 ||
                !strstr(buffer_string(&answer.body),
                        "{\"operation\":\"dump\",\"allowed\":false,\"reason\":\"") ||
                !strstr(buffer_string(&answer.body),
                        "{\"operation\":\"stop\",\"allowed\":false,\"reason\":\"") ||
                !strstr(buffer_string(&answer.body),
                        "{\"operation\":\"environment\",\"allowed\":false,\"reason\":\"") ||
                !strstr(buffer_string(&answer.body), "{\"operation\":\"list\",\"allowed\":true}")) {
                print_message("%s\n", buffer_string(&answer.body));
                _exit(3);
            }
        }
        {
            struct memory_answer answer = MEMORY_ANSWER_INIT;
            if (run(&answer, &error, "list", 0, 0, NULL) < 0 ||
                strstr(buffer_string(&answer.body), "\"of root\""))
                _exit(4);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(other, &status, 0), other);
    end_child(child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* One that nobody gave a role would take admin's: no harm, but no answer either. */
static void every_operation_says_whom_it_is_for(void **state)
{
    const struct principal reader = {.role = ROLE_READER, .name = "rita"}, none = {.role = ROLE_NONE};
    struct error error;
    (void)state;

    for (const struct operation *operation = operations; operation->name; operation++) {
        assert_int_not_equal(operation->role, ROLE_NONE);
        assert_int_equal(operation_check_role(&none, operation->role, operation->name, &error), -EACCES);
        if (operation->flags & (OPERATION_CHANGES | OPERATION_HEAVY))
            assert_int_equal(operation_check_role(&reader, operation->role, operation->name, &error),
                             -EACCES);
    }
    assert_int_equal(operation_check_role(&reader, ROLE_NONE, "x", &error), -EACCES);
    assert_int_equal(operation_check_role(NULL, ROLE_ADMIN, "x", &error), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_says_whom_it_is_for),
        cmocka_unit_test(list_has_the_child_and_no_kernel_threads),
        cmocka_unit_test(list_is_sorted_by_lower_cased_name),
        cmocka_unit_test(show_and_its_parts),
        cmocka_unit_test(a_module_by_its_base),
        cmocka_unit_test(id_0_is_the_service),
        cmocka_unit_test(the_main_process),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(forms_of_a_dump_are_checked),
        cmocka_unit_test(names_of_dumps),
        cmocka_unit_test(dumps_of_a_child),
        cmocka_unit_test(a_dump_that_fails_frees_its_target),
        cmocka_unit_test(a_dump_of_what_can_not_be_dumped),
        cmocka_unit_test(stop_ends_a_tree),
        cmocka_unit_test(what_stop_refuses),
        cmocka_unit_test(doctor),
        cmocka_unit_test(an_ordinary_user_is_told_why),
    };
    return cmocka_run_group_tests(tests, set_up_context, tear_down_context);
}
