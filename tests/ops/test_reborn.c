/* A process ends, and another one gets its number, while something is asked of the first: nothing of it is
 * done to the second, and nothing of the one is told as the other's. */
#include "answer_memory.h"
#include "children.h"

#include "base/io.h"

#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { MARKS_SIZE = 1 << 20, PAGE = 4096, MARK_SIZE = 64, TICK_MS = 10 };

/* What only the child `seed` has in its memory. */
static void fill(uint64_t *marks, size_t size, uint64_t seed, size_t from)
{
    for (size_t i = 0; i < size / sizeof *marks; i++)
        marks[i] = 0x9e3779b97f4a7c15ull * (seed * 1000003 + from / sizeof *marks + i + 1);
}

static bool holds_marks(const struct buffer *body, uint64_t seed)
{
    for (size_t page = 0; page < MARKS_SIZE; page += 16 * PAGE) {
        uint64_t wanted[MARK_SIZE / sizeof(uint64_t)];

        fill(wanted, sizeof wanted, seed, page);
        if (body->size && memmem(body->data, body->size, wanted, sizeof wanted))
            return true;
    }
    return false;
}

_Noreturn static void live(const char *name, uint64_t seed, int ready)
{
    uint64_t *marks = mmap(NULL, MARKS_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, name);
    if (marks == MAP_FAILED)
        _exit(1);
    fill(marks, MARKS_SIZE, seed, 0);
    if (write(ready, "x", 1) != 1)
        _exit(1);
    for (;;)
        (void)pause();
}

/* With that number, which must be free; 0: any. Skips the test where that is not permitted. */
static pid_t give_birth(pid_t number, const char *name, uint64_t seed)
{
    struct clone_args arguments = {.exit_signal = SIGCHLD,
                                   .set_tid = number ? (uint64_t)(uintptr_t)&number : 0,
                                   .set_tid_size = number ? 1 : 0};
    int ends[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid < 0 && (errno == EPERM || errno == ENOSYS))
        skip();
    assert_true(pid >= 0);
    if (pid == 0)
        live(name, seed, ends[1]);
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    expect_running(pid);
    return pid;
}

static void bear_again(pid_t pid)
{
    end_child(pid);
    (void)poll(NULL, 0, 2 * TICK_MS); /* numbers are not used again within the tick that start times have */
    assert_int_equal(give_birth(pid, "second", 2), pid);
}

static int permit(const struct operation_context *context, const struct request *request,
                  const struct pidref *target, struct error *error)
{
    const char *denied = context->admit_data;
    char name[17] = "";
    int fd = openat(target->dir_fd, "comm", O_RDONLY | O_CLOEXEC);
    (void)request;

    if (fd >= 0) {
        (void)!read(fd, name, sizeof name - 1); /* of one that has ended there is none */
        (void)close(fd);
    }
    return denied && strncmp(name, denied, strlen(denied)) == 0 ? error_set(error, EACCES, "Denied.") : 0;
}

static void a_profile_is_of_the_one_that_it_was_begun_for(void **state)
{
    pid_t pid = give_birth(0, "first", 1);
    struct error error;
    (void)state;

    test_context.admit = permit;
    {
        _cleanup_answer_ struct memory_answer begun = MEMORY_ANSWER_INIT, none = MEMORY_ANSWER_INIT;
        if (run(&begun, &error, "profile-start", pid, 0, NULL) < 0)
            fail_msg("%s", error.text);
        bear_again(pid);
        assert_int_equal(run(&none, &error, "profile-stop", pid, 0, NULL), -ENOENT);
    }
    { /* who may not begin one takes nothing away */
        _cleanup_answer_ struct memory_answer none = MEMORY_ANSWER_INIT, kept = MEMORY_ANSWER_INIT;
        test_context.admit_data = (void *)"second";
        assert_int_equal(run(&none, &error, "profile-start", pid, 0, NULL), -EACCES);
        end_child(pid);
        if (run(&kept, &error, "profile-stop", pid, 0, "keep", "true", NULL) < 0)
            fail_msg("%s", error.text);
        assert_non_null(strstr(kept.file, "first"));
    }
    { /* nobody can ask for the first one's any more, so the second's takes its place */
        _cleanup_answer_ struct memory_answer begun = MEMORY_ANSWER_INIT, taken = MEMORY_ANSWER_INIT;
        test_context.admit_data = NULL;
        assert_int_equal(give_birth(pid, "second", 2), pid);
        if (run(&begun, &error, "profile-start", pid, 0, NULL) < 0)
            fail_msg("%s", error.text);
        assert_non_null(
            strstr(buffer_string(&begun.body), "\"name\":\"second\",\"is_profile_running\":true"));
        if (run(&taken, &error, "profile-stop", pid, 0, NULL) < 0)
            fail_msg("%s", error.text);
        assert_non_null(strstr(taken.file, "second"));
    }
    test_context.admit = NULL;
    end_child(pid);
}

/* A profile of the main process, which is another one by now. */
static void who_may_not_profile_it_gives_up_nothing(void **state)
{
    _cleanup_answer_ struct memory_answer begun = MEMORY_ANSWER_INIT, none = MEMORY_ANSWER_INIT,
                                          denied = MEMORY_ANSWER_INIT, taken = MEMORY_ANSWER_INIT;
    pid_t first = give_birth(0, "first", 1), other = give_birth(0, "other", 3);
    struct error error;
    (void)state;

    test_context.admit = permit;
    test_context.main_pid = first;
    if (run(&begun, &error, "profile-start", REQUEST_ID_MAIN, 0, NULL) < 0)
        fail_msg("%s", error.text);
    test_context.main_pid = other;
    assert_int_equal(run(&none, &error, "profile-stop", REQUEST_ID_MAIN, 0, NULL), -ENOENT);
    test_context.admit_data = (void *)"first";
    assert_int_equal(run(&denied, &error, "profile-start", REQUEST_ID_MAIN, 0, NULL), -EACCES);
    assert_int_equal(run(&denied, &error, "profile-stop", first, 0, NULL), -EACCES);
    test_context.admit_data = NULL;
    if (run(&taken, &error, "profile-stop", first, 0, NULL) < 0)
        fail_msg("%s", error.text);
    assert_non_null(strstr(taken.file, "first"));
    test_context.admit = NULL;
    test_context.main_pid = 0;
    end_child(first);
    end_child(other);
}

static bool bear_again_when_asked(const struct operation_context *context, const struct request *request,
                                  const struct pidref *target)
{
    size_t *asked = context->admit_data;
    (void)request;

    if (++*asked == 1)
        bear_again(target->pid);
    return true;
}

static void who_was_to_be_ended_is_ended_and_nobody_else(void **state)
{
    static const char *const ways[][2] = {{"signal", "KILL"}, {"signal", "TERM"}, {"grace", "200ms"}};
    pid_t service = start_named("service");
    struct error error;
    (void)state;

    test_context.service_pid = service;
    test_context.may = bear_again_when_asked;
    for (size_t i = 0; i < ELEMENTS_OF(ways); i++) {
        _cleanup_answer_ struct memory_answer answer = MEMORY_ANSWER_INIT;
        pid_t pid = give_birth(0, "first", 1);
        size_t asked = 0;
        int r;

        test_context.admit_data = &asked;
        r = run(&answer, &error, "stop", pid, 0, ways[i][0], ways[i][1], NULL);
        assert_int_equal(asked, 1); /* about the first; the second is none of the tree */
        assert_int_equal(r, -ESRCH);
        expect_running(pid);
        end_child(pid);
    }
    test_context.may = NULL;
    test_context.admit_data = NULL;
    test_context.service_pid = getpid();
    end_child(service);
}

static void a_uid_is_of_one_process_for_ever(void **state)
{
    _cleanup_answer_ struct memory_answer first = MEMORY_ANSWER_INIT, second = MEMORY_ANSWER_INIT;
    pid_t pid = give_birth(0, "first", 1);
    struct request_told told = {0};
    struct request request = {.operation = "show", .id = pid, .told = &told};
    struct error error = {0};
    (void)state;

    assert_int_equal(operation_run(&test_context, &request, &first.answer, &error), 0);
    (void)snprintf(request.wanted_uid, sizeof request.wanted_uid, "%s", told.uid); /* fits */
    request.told = NULL;
    bear_again(pid);
    assert_int_equal(operation_run(&test_context, &request, &second.answer, &error), -ESRCH);
    end_child(pid);
}

/* --- A dump, in a process of its own as in the service: who holds the target is not its parent, and so has
 * a part in when the number is free --- */

struct dumper {
    struct answer answer; /* first */
    struct sink sink;
    struct buffer body;
    int to_test, from_test;
    unsigned at, steps; /* at which step the target is to end; 0 is before it is touched */
};

static void reach_step(struct dumper *dumper)
{
    char byte;

    if (dumper->steps++ == dumper->at &&
        (write(dumper->to_test, "x", 1) != 1 || read(dumper->from_test, &byte, 1) != 1))
        _exit(1);
}

static int dumper_write(struct sink *sink, const void *bytes, size_t size)
{
    struct dumper *dumper = (struct dumper *)((char *)sink - offsetof(struct dumper, sink));

    reach_step(dumper);
    return buffer_append(&dumper->body, bytes, size);
}

static int dumper_begin(struct answer *answer, const struct answer_head *head, struct sink **ret_sink,
                        struct error *error)
{
    static const struct sink_ops ops = {.name = "dumper", .write = dumper_write};
    struct dumper *dumper = (struct dumper *)answer;
    (void)head, (void)error;

    reach_step(dumper);
    dumper->sink.ops = &ops;
    *ret_sink = &dumper->sink;
    return 0;
}

static int dumper_admit(const struct operation_context *context, const struct request *request,
                        const struct pidref *target, struct error *error)
{
    (void)request, (void)target, (void)error;
    reach_step(context->admit_data);
    return 0;
}

_Noreturn static void dump(pid_t pid, const char *mode, unsigned at, int to_test, int from_test, int out)
{
    struct dumper dumper = {.answer.begin = dumper_begin,
                            .body = BUFFER_INIT(1u << 30),
                            .to_test = to_test,
                            .from_test = from_test,
                            .at = at};
    struct request request = {.operation = "dump", .id = pid};
    struct error error = {0};
    int32_t r;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    test_context.admit = dumper_admit;
    test_context.admit_data = &dumper;
    if (fields_add(&request.arguments, "dumpType", "2") < 0 ||
        fields_add(&request.arguments, "mode", mode) < 0)
        _exit(1);
    r = operation_run(&test_context, &request, &dumper.answer, &error);
    (void)close(to_test); /* so it is told also that the step was never reached */
    if (io_write_full(out, &r, sizeof r, -1) < 0 ||
        io_write_full(out, buffer_string(&dumper.body), dumper.body.size, -1) < 0)
        _exit(1);
    _exit(0);
}

/* Its parent may only collect it once who holds it has let go. */
static bool ends_within(pid_t pid, unsigned ms)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    for (unsigned i = 0; i < ms; i++) {
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return true;
        (void)poll(NULL, 0, 1);
    }
    return false;
}

/* Returns whether the step was reached. */
static bool dump_and_bear_again(const char *mode, unsigned at, size_t *reborn)
{
    pid_t pid = give_birth(0, "first", 1), worker;
    struct buffer text = BUFFER_INIT(UINT32_MAX); /* a sanitizer's own memory is in it, too */
    struct stat facts;
    int told[2], order[2], out = memfd_create("dump", MFD_CLOEXEC), status;
    bool is_reached, is_reborn = false;
    int32_t r;
    char byte;

    assert_true(out >= 0);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    assert_int_equal(pipe2(order, O_CLOEXEC), 0);
    worker = fork();
    assert_true(worker >= 0);
    if (worker == 0)
        dump(pid, mode, at, told[1], order[0], out);
    (void)close(told[1]);
    (void)close(order[0]);
    is_reached = read(told[0], &byte, 1) == 1;
    if (is_reached) {
        is_reborn = ends_within(pid, 50);
        if (is_reborn)
            assert_int_equal(give_birth(pid, "second", 2), pid);
        assert_int_equal(write(order[1], "x", 1), 1);
    }
    assert_int_equal(waitpid(worker, &status, 0), worker);
    assert_int_equal(status, 0);
    assert_int_equal(lseek(out, 0, SEEK_SET), 0);
    assert_int_equal(io_read_full(out, &r, sizeof r), sizeof r);
    assert_int_equal(fstat(out, &facts), 0);
    assert_int_equal(buffer_reserve(&text, (size_t)facts.st_size), 0);
    text.size = (size_t)io_read_full(out, text.data, (size_t)facts.st_size - sizeof r);
    assert_false(holds_marks(&text, 2));
    if (r == 0 && !is_reached)
        assert_true(holds_marks(&text, 1)); /* as it would see those of the second */
    if (is_reborn)
        expect_running(pid);
    *reborn += is_reborn;
    if (!is_reached || is_reborn)
        end_child(pid);
    else
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    buffer_release(&text);
    (void)close(told[0]);
    (void)close(order[1]);
    (void)close(out);
    return is_reached;
}

static void a_dump_is_of_the_first_or_cut(void **state)
{
    static const char *const modes[] = {"stop", "snapshot"};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(modes); i++) {
        size_t reborn = 0;
        unsigned at = 0;

        while (dump_and_bear_again(modes[i], at, &reborn))
            at = at < 4 ? at + 1 : at * 2;
        assert_true(at > 4);
        assert_true(reborn >= 1); /* before it was touched, at least */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_is_of_the_one_that_it_was_begun_for),
        cmocka_unit_test(who_may_not_profile_it_gives_up_nothing),
        cmocka_unit_test(who_was_to_be_ended_is_ended_and_nobody_else),
        cmocka_unit_test(a_uid_is_of_one_process_for_ever),
        cmocka_unit_test(a_dump_is_of_the_first_or_cut),
    };
    return cmocka_run_group_tests(tests, set_up_context, tear_down_context);
}
