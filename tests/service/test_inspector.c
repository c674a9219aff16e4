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

static void the_end_of_the_front_ends_it(void **state)
{
    struct harness *harness = start_inspector(NULL);
    struct answer_reader reader = ask(harness, "heavy", 1, "time", "300s", NULL);
    (void)state;

    end_inspector(harness); /* which looks for children that are left */
    assert_int_equal(code_of(&reader), -1);
    answer_reader_release(&reader);
}

static void a_stop_lets_running_answers_end(void **state)
{
    struct harness *harness = start_inspector(NULL);
    _cleanup_answer_reader_ struct answer_reader reader = ask(harness, "heavy", 1, "time", "400ms", NULL);
    _cleanup_answer_reader_ struct answer_reader echo = ask(harness, "echo", 1, NULL);
    (void)state;

    assert_true(pid_of(&echo) > 0); /* so both have been taken up */
    assert_int_equal(kill(harness->pid, SIGTERM), 0);
    assert_true(pid_of(&reader) > 0);
    assert_int_equal(wait_inspector(harness), 10);
}

/* A second SIGTERM changes nothing, Ctrl-C again ends it at once. */
static void a_stop_can_be_hurried(void **state)
{
    struct harness *harness = start_inspector(NULL);
    _cleanup_answer_reader_ struct answer_reader heavy = ask(harness, "heavy", 1, "time", "300s", NULL);
    _cleanup_answer_reader_ struct answer_reader other = ask(harness, "heavy", 2, "time", "300ms", NULL);
    _cleanup_answer_reader_ struct answer_reader echo = ask(harness, "echo", 1, NULL);
    (void)state;

    assert_true(pid_of(&echo) > 0);
    assert_int_equal(kill(harness->pid, SIGTERM), 0);
    (void)poll(NULL, 0, 50); /* so that they do not become one */
    assert_int_equal(kill(harness->pid, SIGTERM), 0);
    assert_true(pid_of(&other) > 0);
    assert_int_equal(kill(harness->pid, SIGINT), 0);
    assert_int_equal(wait_inspector(harness), 10);
    assert_int_equal(code_of(&heavy), -1);
}

static void a_stop_is_bounded(void **state)
{
    const char *const arguments[] = {"--stop-timeout", "100ms", NULL};
    struct harness *harness = start_inspector(arguments);
    _cleanup_answer_reader_ struct answer_reader reader = ask(harness, "heavy", 1, "time", "300s", NULL);
    _cleanup_answer_reader_ struct answer_reader echo = ask(harness, "echo", 1, NULL);
    (void)state;

    assert_true(pid_of(&echo) > 0);
    assert_int_equal(kill(harness->pid, SIGTERM), 0);
    assert_int_equal(wait_inspector(harness), 10);
    assert_int_equal(code_of(&reader), -1);
}

/* When the inspector is killed, its workers must not live on. */
static void workers_die_with_the_inspector(void **state)
{
    struct harness *harness = start_inspector(NULL);
    struct answer_reader echo = ask(harness, "echo", 0, NULL);
    pid_t worker = pid_of(&echo);
    int status;
    (void)state;

    answer_reader_release(&echo);
    assert_int_equal(kill(harness->pid, SIGKILL), 0);
    assert_int_equal(waitpid(harness->pid, &status, 0), harness->pid);
    for (int i = 0; kill(worker, 0) == 0 && i < 10000; i++) {
        char path[64], text[256] = "";
        (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)worker);
        FILE *file = fopen(path, "re");
        if (!file || !fgets(text, sizeof text, file) || strstr(text, ") Z ")) {
            if (file)
                (void)fclose(file);
            break; /* a zombie, where pid 1 does not collect */
        }
        (void)fclose(file);
        assert_true(i < 9999);
        (void)poll(NULL, 0, 1);
    }
    (void)close(harness->channel);
    config_release(&harness->config);
    free(harness);
}

/* Workers are killed at moments of chance while requests come: each answer is whole, an error or a cut, and
 * afterwards all is well. */
static void workers_killed_at_any_moment(void **state)
{
    const char *const arguments[] = {"--workers", "2", "--dumps", "4", "--dumps-per-target", "4", NULL};
    struct harness *harness = start_inspector(arguments);
    unsigned good = 0, failed = 0, cut = 0;
    uint64_t chance = 1234567;
    (void)state;

    for (int i = 0; i < 400; i++) {
        struct answer_reader readers[3];
        char path[64];
        FILE *children;
        long child;

        readers[0] = ask(harness, "stream", 0, "bytes", "200000", NULL);
        readers[1] = ask(harness, "dump", 0, "bytes", "400000", NULL);
        readers[2] = ask(harness, "echo", 0, NULL);
        (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)harness->pid, (int)harness->pid);
        children = fopen(path, "re");
        assert_non_null(children);
        chance = chance * 6364136223846793005ull + 1442695040888963407ull;
        (void)nanosleep(&(struct timespec){.tv_nsec = (long)(chance >> 44)}, NULL); /* up to a millisecond */
        for (char word[32]; fgets(word, sizeof word, children);) {
            char *at = word;
            while (*at) {
                for (child = 0; *at >= '0' && *at <= '9'; at++)
                    child = child * 10 + (*at - '0');
                chance = chance * 6364136223846793005ull + 1442695040888963407ull;
                if (child > 1 && (chance >> 60) % 2)
                    (void)kill((pid_t)child, SIGKILL); /* children of our own inspector */
                while (*at == ' ' || *at == '\n')
                    at++;
            }
        }
        (void)fclose(children);
        for (size_t k = 0; k < ELEMENTS_OF(readers); k++) {
            int code = code_of(&readers[k]);
            char text[64];
            ssize_t size;
            /* -1: it was killed after it had begun and before the head was out */
            if (code != 0 && code != EIO && code != -1)
                fail_msg("answer %zu: %d %s", k, code, message_of(&readers[k]));
            size = code == 0 ? body_of(&readers[k], k == 2 ? text : NULL, sizeof text) : 0;
            failed += code != 0;
            cut += size == -EPIPE;
            good += code == 0 && size > 0;
            assert_true(size >= 0 || size == -EPIPE);
            answer_reader_release(&readers[k]);
        }
    }
    print_message("%u whole, %u errors, %u cut\n", good, failed, cut);
    assert_true(good > 0 && failed > 0);
    for (int i = 0; i < 10; i++) {
        _cleanup_answer_reader_ struct answer_reader reader = ask(harness, "echo", 0, NULL);
        assert_true(pid_of(&reader) > 0);
    }
    end_inspector(harness);
}

/* Requests by the thousand leave no descriptor and no child behind. */
static void nothing_is_left_behind(void **state)
{
    struct harness *harness = start_inspector(NULL);
    size_t before = 0, after = 0;
    (void)state;

    for (int round = 0; round < 2000; round++) {
        _cleanup_answer_reader_ struct answer_reader reader =
            round % 50 == 7    ? ask(harness, "crash", 0, NULL)
            : round % 10 == 3  ? ask(harness, "heavy", 0, NULL)
            : round % 100 == 1 ? ask(harness, "nothing", 0, NULL)
                               : ask(harness, "echo", 0, NULL);
        (void)code_of(&reader);
        if (round == 99 || round == 1999) {
            char path[64];
            size_t *count = round == 99 ? &before : &after;
            (void)poll(NULL, 0, 200); /* what ran is collected by then */
            (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)harness->pid);
            DIR *directory = opendir(path);
            assert_non_null(directory);
            while (readdir(directory))
                ++*count;
            (void)closedir(directory);
        }
    }
    assert_true(after <= before + 1); /* a worker may be away after a crash */
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
        cmocka_unit_test(the_end_of_the_front_ends_it),
        cmocka_unit_test(a_stop_lets_running_answers_end),
        cmocka_unit_test(a_stop_can_be_hurried),
        cmocka_unit_test(a_stop_is_bounded),
        cmocka_unit_test(workers_die_with_the_inspector),
        cmocka_unit_test(workers_killed_at_any_moment),
        cmocka_unit_test(nothing_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
