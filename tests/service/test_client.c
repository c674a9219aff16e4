/* The front's reader of answers, fed piece by piece. */
#include "service/answer.h"
#include "service/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* The bytes of a good answer of length (-1: in chunks) whose body is written in these pieces. */
static size_t make_answer(int64_t length, const char *const *pieces, char *bytes, size_t size)
{
    struct answer_head head = {.content_type = "text/plain", .file_name = "f", .length = length};
    struct pipe_answer answer;
    struct error error = {0};
    struct sink *sink;
    int ends[2], r = 0;
    ssize_t n;

    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    pipe_answer_init(&answer, ends[1], 0, NULL);
    assert_int_equal(answer.answer.begin(&answer.answer, &head, &sink, &error), 0);
    for (; *pieces; pieces++)
        assert_int_equal(sink_write(sink, *pieces, strlen(*pieces)), 0);
    r = pipe_answer_end(&answer, r, &error);
    if (r < 0)
        fail_msg("%s", error.text);
    pipe_answer_release(&answer);
    n = read(ends[0], bytes, size);
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_true(n > 0 && (size_t)n < size);
    return (size_t)n;
}

/* Feeds `size` bytes one at a time, then closes; collects the body. Returns 0 for a whole answer. */
static int feed(const char *bytes, size_t size, char *body, size_t room)
{
    int ends[2], head = -EAGAIN, r = 0;
    size_t done = 0, fed = 0;

    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    _cleanup_answer_reader_ struct answer_reader reader = ANSWER_READER_INIT(ends[0]);
    memset(body, 0, room);
    for (;;) {
        if (head == -EAGAIN)
            head = answer_reader_head(&reader);
        if (head < 0 && head != -EAGAIN) {
            r = head;
            break;
        }
        ssize_t n = head < 0 ? -EAGAIN : answer_reader_read(&reader, body + done, room - done);
        if (n > 0) {
            done += (size_t)n;
            continue;
        }
        if (n != -EAGAIN) {
            r = (int)n;
            break;
        }
        if (fed < size)
            assert_int_equal(write(ends[1], bytes + fed++, 1), 1);
        else
            ends[1] = fd_close(ends[1]);
    }
    (void)fd_close(ends[1]);
    return r;
}

static void every_piece_and_every_cut(void **state)
{
    static const char *const pieces[] = {"first ", "", "second", NULL};
    (void)state;

    for (int chunked = 0; chunked < 2; chunked++) {
        char bytes[1000], body[100];
        size_t size = make_answer(chunked ? -1 : 12, pieces, bytes, sizeof bytes);
        assert_int_equal(feed(bytes, size, body, sizeof body), 0);
        assert_string_equal(body, "first second");
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(feed(bytes, cut, body, sizeof body), -EPIPE);
    }
}

static void errors_have_no_body(void **state)
{
    struct answer_reader reader;
    char body[10];
    int ends[2];
    (void)state;

    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(answer_write_error(ends[1], 0, ESRCH, "It is gone."), 0);
    reader = ANSWER_READER_INIT(ends[0]);
    assert_int_equal(answer_reader_head(&reader), 0);
    assert_int_equal(reader.message.code, ESRCH);
    assert_string_equal(fields_get(&reader.message.fields, "message"), "It is gone.");
    assert_int_equal(answer_reader_read(&reader, body, sizeof body), 0);
    answer_reader_release(&reader);
    (void)close(ends[1]);
}

/* More or less than was said is no good answer. */
static void a_wrong_length_is_an_error(void **state)
{
    static const char *const bodies[] = {"short", "much too long"};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bodies); i++) {
        struct answer_head head = {.content_type = "text/plain", .length = 7};
        struct pipe_answer answer;
        struct error error = {0};
        struct sink *sink;
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        pipe_answer_init(&answer, ends[1], 0, NULL);
        assert_int_equal(answer.answer.begin(&answer.answer, &head, &sink, &error), 0);
        assert_int_equal(sink_write(sink, bodies[i], strlen(bodies[i])), 0);
        assert_int_equal(pipe_answer_end(&answer, 0, &error), -EIO);
        pipe_answer_release(&answer);
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_and_every_cut),
        cmocka_unit_test(errors_have_no_body),
        cmocka_unit_test(a_wrong_length_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
