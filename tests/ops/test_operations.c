/* The operations on processes of this machine: ourselves and children made for it. */
#include "answer_memory.h"
#include "children.h"

#include "base/parse.h"

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
    pid_t child = start_named("zz hostile\") {");
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
        children[i] = start_named(names[i]);
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
    pid_t child = start_named("shown");
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

    test_context.main_pid = start_named("main");
    assert_int_equal(run(&answer, &error, "show", -1, 0, NULL), 0);
    expect_text(&answer, "{\"id\":%d,", (int)test_context.main_pid);
    end_child(test_context.main_pid);
    test_context.main_pid = 0;
}

static void what_is_not_there(void **state)
{
    static const char *const names[] = {"show",   "threads",     "thread", "modules",
                                        "module", "environment", "dump"};
    pid_t gone = start_named(NULL);
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

    test_context.service_pid = start_named("service"); /* whose child the family is not */
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

/* Asked about the second time, the parent has got another child, which nobody has looked at yet. */
struct late_child {
    pid_t parent, child;
    int order, told;
    size_t asked;
};

static pid_t start_forking(struct late_child *late)
{
    int order[2], told[2];
    pid_t child;

    assert_int_equal(pipe2(order, O_CLOEXEC), 0);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    *late = (struct late_child){.parent = fork(), .order = order[1], .told = told[0]};
    assert_true(late->parent >= 0);
    if (late->parent == 0) {
        char byte;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(order[1]);
        if (read(order[0], &byte, 1) == 1 && (child = fork()) == 0)
            (void)prctl(PR_SET_NAME, "late");
        else if (write(told[1], &child, sizeof child) != sizeof child)
            _exit(1);
        for (;;)
            (void)pause();
    }
    (void)close(order[0]);
    (void)close(told[1]);
    return late->parent;
}

static bool may_but_late(const struct operation_context *context, const struct request *request,
                         const struct pidref *target)
{
    struct late_child *late = context->admit_data;
    (void)request;

    if (++late->asked == 1) {
        assert_int_equal(write(late->order, "x", 1), 1);
        assert_int_equal(read(late->told, &late->child, sizeof late->child), sizeof late->child);
        return true;
    }
    return target->pid != late->child;
}

static void stop_asks_about_whom_it_finds_late(void **state)
{
    static const char *const ways[][2] = {{"signal", "KILL"}, {"signal", "TERM"}, {"grace", "200ms"}};
    pid_t service = start_named("service");
    struct error error;
    (void)state;

    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* the late one is ours to collect */
    test_context.service_pid = service;
    test_context.may = may_but_late;
    for (size_t i = 0; i < ELEMENTS_OF(ways); i++) {
        _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
        struct late_child late;
        pid_t parent = start_forking(&late);

        test_context.admit_data = &late;
        assert_int_equal(run(&answer, &error, "stop", parent, 0, ways[i][0], ways[i][1], NULL), 0);
        expect_text(&answer, "{\"ended\":[%d],\"remaining\":[%d],\"denied\":[%d]}", (int)parent,
                    (int)late.child, (int)late.child);
        assert_int_equal(waitpid(parent, NULL, 0), parent);
        expect_running(late.child);
        end_child(late.child);
        (void)close(late.order);
        (void)close(late.told);
    }
    test_context.may = NULL;
    test_context.admit_data = NULL;
    end_child(service);
    test_context.service_pid = getpid();
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

static void what_stop_refuses(void **state)
{
    static const char *const bad[][2] = {{"signal", "0"},   {"signal", "65"},  {"signal", "NONE"},
                                         {"signal", "SIG"}, {"signal", ""},    {"grace", "1h"},
                                         {"grace", "soon"}, {"dryRun", "try"}, {"force", "1"}};
    pid_t child = start_named("kept");
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
        test_context.service_pid = start_named("service");
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
    pid_t child = start_named("patient");
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
    child = start_named("of root");
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
        cmocka_unit_test(stop_ends_a_tree),
        cmocka_unit_test(stop_asks_about_whom_it_finds_late),
        cmocka_unit_test(what_stop_refuses),
        cmocka_unit_test(doctor),
        cmocka_unit_test(an_ordinary_user_is_told_why),
    };
    return cmocka_run_group_tests(tests, set_up_context, tear_down_context);
}
