/* The inspector with real workers: what comes back for good requests, bad ones, and workers that fail. */
#include "inspector_harness.h"

#include "service/sandbox.h"

#include <fcntl.h>
#include <sys/socket.h>

static void answers_come_back_whole(void **state)
{
    struct harness *harness = start_inspector(NULL);
    (void)state;

    for (int unknown = 0; unknown < 2; unknown++) {
        _cleanup_answer_reader_ struct answer_reader reader =
            ask(harness, "stream", 0, "bytes", "3000000", "unknown", unknown ? "yes" : "no", NULL);
        assert_int_equal(code_of(&reader), 0);
        assert_int_equal(reader.message.length, unknown ? -1 : 3000000);
        assert_string_equal(fields_get(&reader.message.fields, "x:X-Test"), "yes");
        assert_string_equal(fields_get(&reader.message.fields, "file"), "x.dmp");
        assert_int_equal(body_of(&reader, NULL, 0), 3000000);
    }
    end_inspector(harness);
}

static void errors_come_with_their_words(void **state)
{
    struct harness *harness = start_inspector(NULL);
    _cleanup_answer_reader_ struct answer_reader failing = ask(harness, "fail", 77, NULL);
    _cleanup_answer_reader_ struct answer_reader unknown = ask(harness, "nothing", 77, NULL);
    _cleanup_answer_reader_ struct answer_reader argument = ask(harness, "echo", 77, "colour", "red", NULL);
    _cleanup_answer_reader_ struct answer_reader value = ask(harness, "echo", 77, "time", "red", NULL);
    _cleanup_answer_reader_ struct answer_reader far = ask(harness, "echo", 1 << 30, NULL);
    _cleanup_answer_reader_ struct answer_reader silent = ask(harness, "silent", 1, NULL);
    (void)state;

    assert_int_equal(code_of(&failing), EBUSY);
    assert_string_equal(message_of(&failing), "It is 77.");
    assert_int_equal(body_of(&failing, NULL, 0), 0);
    assert_int_equal(code_of(&unknown), EOPNOTSUPP);
    assert_int_equal(code_of(&argument), EINVAL);
    assert_non_null(strstr(message_of(&argument), "colour"));
    assert_int_equal(code_of(&value), EINVAL);
    assert_int_equal(code_of(&far), ESRCH);
    assert_int_equal(code_of(&silent), EIO);
    end_inspector(harness);
}

static void a_crash_costs_one_answer(void **state)
{
    const char *const arguments[] = {"--workers", "1", NULL};
    struct harness *harness = start_inspector(arguments);
    _cleanup_answer_reader_ struct answer_reader before = ask(harness, "echo", 0, NULL);
    pid_t first = pid_of(&before);
    (void)state;

    for (int i = 0; i < 20; i++) {
        _cleanup_answer_reader_ struct answer_reader crash = ask(harness, "crash", 0, NULL);
        _cleanup_answer_reader_ struct answer_reader echo = ask(harness, "echo", 0, NULL);
        assert_int_equal(code_of(&crash), EIO);
        assert_string_equal(message_of(&crash), "The worker was ended by signal 9 before it answered.");
        assert_int_not_equal(pid_of(&echo), first);
    }
    end_inspector(harness);
}

static void a_worker_is_kept(void **state)
{
    const char *const arguments[] = {"--workers", "1", NULL};
    struct harness *harness = start_inspector(arguments);
    _cleanup_answer_reader_ struct answer_reader one = ask(harness, "echo", 0, NULL);
    pid_t pid = pid_of(&one);
    (void)state;

    for (int i = 0; i < 50; i++) {
        _cleanup_answer_reader_ struct answer_reader other = ask(harness, "echo", 0, NULL);
        assert_int_equal(pid_of(&other), pid);
    }
    end_inspector(harness);
}

/* Though others are free, and come first; while it is at work, another one does it. */
static void a_worker_that_knows_its_target_is_preferred(void **state)
{
    const char *const arguments[] = {"--workers", "3", NULL};
    struct harness *harness = start_inspector(arguments);
    _cleanup_answer_reader_ struct answer_reader busy = ask(harness, "echo", 0, "time", "1500ms", NULL);
    _cleanup_answer_reader_ struct answer_reader first = ask(harness, "learn", 7, NULL);
    pid_t first_pid = pid_of(&first), busy_pid = pid_of(&busy);
    (void)state;

    for (int i = 0; i < 20; i++) {
        _cleanup_answer_reader_ struct answer_reader again = ask(harness, "learn", 7, NULL);
        _cleanup_answer_reader_ struct answer_reader other = ask(harness, "learn", 8, NULL);
        assert_int_equal(pid_of(&again), first_pid);
        assert_int_not_equal(pid_of(&other), 0);
    }
    assert_int_not_equal(first_pid, busy_pid);
    {
        _cleanup_answer_reader_ struct answer_reader slow = ask(harness, "learn", 7, "time", "1h", NULL);
        _cleanup_answer_reader_ struct answer_reader meanwhile = ask(harness, "learn", 7, NULL);
        _cleanup_answer_reader_ struct answer_reader next = ask(harness, "learn", 7, NULL);
        (void)slow; /* it keeps its worker until the end of this block */
        assert_int_not_equal(pid_of(&meanwhile), first_pid);
        assert_int_not_equal(pid_of(&next), first_pid);
    }
    end_inspector(harness);
}

static void a_stream_that_is_cut_is_seen(void **state)
{
    static const char *const ways[][2] = {{"die", "no"}, {"die", "yes"}, {"short", "no"}};
    struct harness *harness = start_inspector(NULL);
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(ways); i++) {
        _cleanup_answer_reader_ struct answer_reader reader =
            ask(harness, "stream", 0, "bytes", "500000", ways[i][0], "300000", "unknown", ways[i][1], NULL);
        assert_int_equal(code_of(&reader), 0);
        assert_int_equal(body_of(&reader, NULL, 0), -EPIPE);
    }
    end_inspector(harness);
}

static void a_deadline_ends_an_operation(void **state)
{
    const char *const arguments[] = {"--operation-timeout", "150ms", "--dump-timeout", "150ms", NULL};
    struct harness *harness = start_inspector(arguments);
    _cleanup_answer_reader_ struct answer_reader light = ask(harness, "echo", 0, "time", "60s", NULL);
    _cleanup_answer_reader_ struct answer_reader heavy = ask(harness, "heavy", 0, "time", "60s", NULL);
    _cleanup_answer_reader_ struct answer_reader waiting = ask(harness, "waiting", 0, "time", "400ms", NULL);
    (void)state;

    assert_int_equal(code_of(&light), ETIMEDOUT);
    assert_string_equal(message_of(&light), "The operation did not end within its deadline of 0.15 s.");
    assert_int_equal(code_of(&heavy), ETIMEDOUT);
    /* what it waits for is added */
    assert_true(pid_of(&waiting) > 0);
    end_inspector(harness);
}

static void the_memory_of_a_worker_is_limited(void **state)
{
    const char *const arguments[] = {"--worker-memory", "32M", NULL};
    struct harness *harness = start_inspector(arguments);
    _cleanup_answer_reader_ struct answer_reader small = ask(harness, "eat", 0, "bytes", "1000000", NULL);
    _cleanup_answer_reader_ struct answer_reader large = ask(harness, "eat", 0, "bytes", "64000000", NULL);
    (void)state;

    assert_true(pid_of(&small) > 0);
#if defined(SANDBOX_SANITIZED)
    assert_int_equal(code_of(&large), 0);
#else
    assert_int_equal(code_of(&large), ENOMEM);
#endif
    end_inspector(harness);
}

static void the_queue_is_bounded(void **state)
{
    const char *const arguments[] = {"--workers", "1", "--queue", "3", NULL};
    struct harness *harness = start_inspector(arguments);
    struct answer_reader readers[12];
    int good = 0, refused = 0;
    (void)state;

    /* the first holds the one worker until all others have come */
    readers[0] = ask(harness, "echo", 0, "time", "1500ms", NULL);
    for (size_t i = 1; i < ELEMENTS_OF(readers); i++)
        readers[i] = ask(harness, "echo", 0, NULL);
    for (size_t i = 0; i < ELEMENTS_OF(readers); i++) {
        int code = code_of(&readers[i]);
        good += code == 0;
        refused += code == EAGAIN;
        answer_reader_release(&readers[i]);
    }
    assert_int_equal(good, 4);
    assert_int_equal(refused, 8);
    end_inspector(harness);
}

static void dumps_are_limited(void **state)
{
    const char *const arguments[] = {"--dumps", "2", NULL};
    struct harness *harness = start_inspector(arguments);
    _cleanup_answer_reader_ struct answer_reader first = ask(harness, "heavy", 10, "time", "1500ms", NULL);
    _cleanup_answer_reader_ struct answer_reader same = ask(harness, "heavy", 10, NULL);
    _cleanup_answer_reader_ struct answer_reader second = ask(harness, "heavy", 11, "time", "1500ms", NULL);
    _cleanup_answer_reader_ struct answer_reader third = ask(harness, "heavy", 12, NULL);
    (void)state;

    assert_int_equal(code_of(&same), EUSERS);
    assert_non_null(strstr(message_of(&same), "this process"));
    assert_int_equal(code_of(&third), EUSERS);
    assert_true(pid_of(&first) != pid_of(&second));
    end_inspector(harness);
}

/* The next dump right behind the last byte of one is not refused, though its process may not be gone yet. */
static void one_dump_after_the_other(void **state)
{
    const char *const arguments[] = {"--dumps", "1", NULL};
    struct harness *harness = start_inspector(arguments);
    (void)state;

    for (int i = 0; i < 200; i++) {
        _cleanup_answer_reader_ struct answer_reader reader = ask(harness, "dump", 5, "bytes", "5000", NULL);
        assert_int_equal(code_of(&reader), 0);
        assert_int_equal(body_of(&reader, NULL, 0), 5000);
    }
    end_inspector(harness);
}

/* The worker is told by its write, or ended by the inspector where it does not write. */
static void a_reader_that_goes_away_frees_the_slot(void **state)
{
    const char *const arguments[] = {"--dumps", "1", NULL};
    struct harness *harness = start_inspector(arguments);
    (void)state;

    for (int quiet = 0; quiet < 2; quiet++) {
        struct answer_reader gone = quiet ? ask(harness, "heavy", 1, "time", "300s", NULL)
                                          : ask(harness, "dump", 1, "bytes", "100000000", NULL);
        if (!quiet)
            assert_int_equal(code_of(&gone), 0);
        answer_reader_release(&gone);
        for (int code = EUSERS; code == EUSERS;) {
            _cleanup_answer_reader_ struct answer_reader next =
                ask(harness, "dump", 1, "bytes", "1000", NULL);
            code = code_of(&next);
            assert_true(code == 0 || code == EUSERS);
            (void)poll(NULL, 0, 5);
        }
    }
    end_inspector(harness);
}

/* A client that takes nothing is given up after the stall time. */
static void a_reader_that_stalls_is_cut(void **state)
{
    struct harness *harness = start_inspector(NULL);
    _cleanup_answer_reader_ struct answer_reader reader = ask(harness, "dump", 0, "bytes", "100000000", NULL);
    (void)state;

    assert_int_equal(code_of(&reader), 0);
    (void)poll(NULL, 0, 1500); /* longer than the second that the harness allows */
    assert_int_equal(body_of(&reader, NULL, 0), -EPIPE);
    end_inspector(harness);
}

static void rubbish_on_the_channel_is_survived(void **state)
{
    struct harness *harness = start_inspector(NULL);
    uint64_t chance = 88172645463325252ull;
    int file = memfd_create("x", MFD_CLOEXEC), ends[2];
    (void)state;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    for (int i = 0; i < 300; i++) {
        char bytes[2000];
        size_t size;
        for (size_t k = 0; k < sizeof bytes; k++) {
            chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
            bytes[k] = (char)chance;
        }
        size = 1 + chance % sizeof bytes;
        if (i % 3 == 0) /* the right beginning */
            memcpy(bytes, "1MSP\1\0\2\0", 8);
        while (channel_send(harness->channel, bytes, size,
                            i % 4 == 0   ? file
                            : i % 4 == 1 ? ends[1]
                            : i % 4 == 2 ? ends[0]
                                         : -1) == -EAGAIN)
            (void)poll(NULL, 0, 1);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)close(file);
    {
        _cleanup_answer_reader_ struct answer_reader reader = ask(harness, "echo", 0, NULL);
        assert_true(pid_of(&reader) > 0);
    }
    end_inspector(harness);
}

/* A descriptor more than allowed is closed, not kept: the other end sees it. */
static void three_descriptors_are_refused(void **state)
{
    struct harness *harness = start_inspector(NULL);
    _cleanup_buffer_ struct buffer message = {0};
    struct request request = {.operation = "echo"};
    union {
        char bytes[CMSG_SPACE(3 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec piece;
    struct msghdr header = {.msg_iov = &piece,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    struct cmsghdr *part = CMSG_FIRSTHDR(&header);
    int ends[2];
    char byte;
    (void)state;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(request_encode(&request, &message), 0);
    piece = (struct iovec){message.data, message.size};
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(3 * sizeof(int));
    memcpy(CMSG_DATA(part), (int[]){ends[1], ends[1], ends[1]}, 3 * sizeof(int));
    assert_true(sendmsg(harness->channel, &header, 0) > 0);
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    (void)close(ends[0]);
    end_inspector(harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_back_whole),
        cmocka_unit_test(errors_come_with_their_words),
        cmocka_unit_test(a_crash_costs_one_answer),
        cmocka_unit_test(a_worker_is_kept),
        cmocka_unit_test(a_worker_that_knows_its_target_is_preferred),
        cmocka_unit_test(a_stream_that_is_cut_is_seen),
        cmocka_unit_test(a_deadline_ends_an_operation),
        cmocka_unit_test(the_memory_of_a_worker_is_limited),
        cmocka_unit_test(the_queue_is_bounded),
        cmocka_unit_test(dumps_are_limited),
        cmocka_unit_test(one_dump_after_the_other),
        cmocka_unit_test(a_reader_that_goes_away_frees_the_slot),
        cmocka_unit_test(a_reader_that_stalls_is_cut),
        cmocka_unit_test(rubbish_on_the_channel_is_survived),
        cmocka_unit_test(three_descriptors_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
