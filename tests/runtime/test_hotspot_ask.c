/* What a virtual machine is asked, and answers of all kinds, on a pair of sockets. */
#include "runtime/hotspot_attach.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/io.h"

#include <errno.h>
#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int take(void *to, const char *bytes, size_t size)
{
    return buffer_append(to, bytes, size);
}

/* The answer is there before it is asked for. */
static int ask(const char *answer, uint64_t most, uint64_t deadline_ms, struct buffer *ret_taken,
               struct error *error)
{
    static const char *const arguments[3] = {"Thread.print"};
    static const char asked[] = "1\0jcmd\0Thread.print\0\0";
    const struct pidref process = {.pid = getpid(), .dir_fd = -1, .pid_fd = -1};
    char request[64];
    int ends[2], r;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(write(ends[1], answer, strlen(answer)), strlen(answer));
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    r = hotspot_ask(&process, ends[0], "jcmd", arguments, most, deadline_ms, take, ret_taken, error);
    assert_int_equal(read(ends[1], request, sizeof request), sizeof asked);
    assert_memory_equal(request, asked, sizeof asked);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return r;
}

static void test_answers(void **state)
{
    const struct {
        const char *answer, *taken, *says;
        uint64_t most;
        int result;
    } cases[] = {
        {"0\ntext\nmore", "text\nmore", "", 100, 0},
        {"0\n", "", "", 100, 0},
        {"0\ntext", "", "can't be asked", 5, -EFBIG},
        {"100\nsorry\nmore", "", "refuses: sorry.", 100, -EREMOTEIO},
        {"words\nno", "", "refuses: no.", 100, -EREMOTEIO},
        {"", "", "without an answer", 100, -ENODATA},
        {"0", "", "without an answer", 100, -ENODATA},
    };

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        _cleanup_buffer_ struct buffer taken = BUFFER_INIT(100);
        struct error error = {0};

        assert_int_equal(ask(cases[i].answer, cases[i].most, clock_monotonic_ms() + 60000, &taken, &error),
                         cases[i].result);
        assert_string_equal(buffer_string(&taken), cases[i].taken);
        assert_non_null(strstr(error.text, cases[i].says));
    }
}

/* Whoever always has something more to say is not listened to for ever. */
static void test_time_is_over_though_more_is_there(void **state)
{
    _cleanup_buffer_ struct buffer taken = BUFFER_INIT(100);
    struct error error = {0};

    (void)state;
    assert_int_equal(ask("0\ntext", 100, clock_monotonic_ms(), &taken, &error), -ETIMEDOUT);
    assert_string_equal(buffer_string(&taken), "");
    assert_non_null(strstr(error.text, "did not answer in time"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_time_is_over_though_more_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
