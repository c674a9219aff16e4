/* How the inspector ends, at once or after what runs, what ends with it, and that nothing is left of
 * thousands of requests. */
#include "inspector_harness.h"

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
        cmocka_unit_test(the_end_of_the_front_ends_it),   cmocka_unit_test(a_stop_lets_running_answers_end),
        cmocka_unit_test(a_stop_can_be_hurried),          cmocka_unit_test(a_stop_is_bounded),
        cmocka_unit_test(workers_die_with_the_inspector), cmocka_unit_test(workers_killed_at_any_moment),
        cmocka_unit_test(nothing_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
