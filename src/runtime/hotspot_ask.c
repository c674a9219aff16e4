#include "runtime/hotspot_parts.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/parse.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* The answer's first line is a number; behind another than 0 stand words for a person. */
struct answer {
    char first[16];
    size_t first_size;
    bool is_begun, is_refused;
    struct buffer words;
    int (*take)(void *to, const char *bytes, size_t size);
    void *to;
};

int hotspot_send(int fd, const char *command, const char *const arguments[3])
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_MESSAGE);
    int r = buffer_append(&text, "1", 2); /* with the NUL */
    ssize_t n;

    if (r == 0)
        r = buffer_append(&text, command, strlen(command) + 1);
    for (size_t i = 0; i < 3 && r == 0; i++) {
        const char *argument = arguments[i] ? arguments[i] : "";

        r = buffer_append(&text, argument, strlen(argument) + 1);
    }
    if (r < 0)
        return r;
    n = send(fd, text.data, text.size, MSG_NOSIGNAL);
    if (n < 0)
        return -errno;
    return (size_t)n == text.size ? 0 : -EIO;
}

/* How much of the piece belongs to the first line. */
static size_t take_first(struct answer *answer, const char *bytes, size_t size)
{
    const char *end = memchr(bytes, '\n', size);
    size_t piece = end ? (size_t)(end - bytes) : size;
    size_t room = sizeof answer->first - 1 - answer->first_size;
    int64_t code;

    memcpy(answer->first + answer->first_size, bytes, piece < room ? piece : room);
    answer->first_size += piece < room ? piece : room;
    if (!end)
        return size;
    answer->is_begun = true;
    answer->is_refused = parse_i64(answer->first, &code) < 0 || code != 0;
    return piece + 1;
}

static int take_piece(struct answer *answer, const char *bytes, size_t size)
{
    if (!answer->is_begun) {
        size_t first = take_first(answer, bytes, size);

        bytes += first;
        size -= first;
    }
    if (size == 0)
        return 0;
    if (!answer->is_refused)
        return answer->take(answer->to, bytes, size);
    /* the beginning of its words will do */
    return buffer_append(
        &answer->words, bytes,
        size < answer->words.limit - answer->words.size ? size : answer->words.limit - answer->words.size);
}

/* > 0 bytes, 0 the end, or a negative errno. */
static ssize_t read_piece(const struct pidref *process, int fd, char *bytes, size_t size,
                          uint64_t deadline_ms)
{
    for (;;) {
        struct pollfd waited[] = {{.fd = fd, .events = POLLIN}, {.fd = process->pid_fd, .events = POLLIN}};
        uint64_t now = clock_monotonic_ms();
        ssize_t n;

        if (now >= deadline_ms) /* also of one that always has something more to say */
            return -ETIMEDOUT;
        n = recv(fd, bytes, size, MSG_DONTWAIT);
        if (n >= 0)
            return n;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        (void)poll(waited, ELEMENTS_OF(waited), (int)(deadline_ms - now)); /* EINTR: as good as a step */
        if (waited[1].revents && !(waited[0].revents & POLLIN))
            return -ESRCH; /* its socket may be another's by now */
    }
}

static int read_answer(const struct pidref *process, int fd, struct answer *answer, uint64_t most,
                       uint64_t deadline_ms)
{
    _cleanup_free_ char *bytes = malloc(LIMIT_STREAM_CHUNK);
    uint64_t total = 0;
    ssize_t n;
    int r = 0;

    if (!bytes)
        return -ENOMEM;
    while ((n = read_piece(process, fd, bytes, LIMIT_STREAM_CHUNK, deadline_ms)) > 0 && r == 0) {
        total += (uint64_t)n;
        r = total > most ? -EFBIG : take_piece(answer, bytes, (size_t)n);
    }
    if (r < 0 || n < 0)
        return r < 0 ? r : (int)n;
    return answer->is_begun ? 0 : -ENODATA;
}

/* Its words are a few lines. */
static int refused(const struct answer *answer, struct error *error)
{
    const char *words = buffer_string(&answer->words);

    return error_set(error, EREMOTEIO, "The Java virtual machine refuses: %.*s.", (int)strcspn(words, "\n"),
                     words);
}

int hotspot_ask(const struct pidref *process, int fd, const char *command, const char *const arguments[3],
                uint64_t most, uint64_t deadline_ms, int (*take)(void *to, const char *bytes, size_t size),
                void *to, struct error *error)
{
    enum { WORDS_MAX = 256 };
    struct answer answer = {.words = BUFFER_INIT(WORDS_MAX), .take = take, .to = to};
    int r = hotspot_send(fd, command, arguments);

    if (r == 0)
        r = read_answer(process, fd, &answer, most, deadline_ms);
    if (r == 0 && answer.is_refused)
        r = refused(&answer, error);
    else if (r == -ETIMEDOUT)
        r = error_set(
            error, ETIMEDOUT,
            "The Java virtual machine did not answer in time: it may be collecting garbage, or one of its "
            "threads does not let it come to a halt.");
    else if (r == -ENODATA || r == -ECONNRESET || r == -EPIPE)
        r = error_set(error, -r, "The Java virtual machine closed the connection without an answer.");
    else if (r == -ESRCH)
        r = error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)process->pid);
    buffer_release(&answer.words);
    return error_ensure(error, r, "The Java virtual machine can't be asked");
}
