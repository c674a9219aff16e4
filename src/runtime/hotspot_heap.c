#include "runtime/hotspot_heap.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/limits.h"
#include "runtime/hotspot_fifo.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORDS_MAX = 1024, LAST_WORDS_MS = 30 * 1000, LOOK_MS = 1000 }; /* the last where there is no pidfd */

/* What comes of a virtual machine that dumps its heap: bytes by the FIFO, and words by the connection, all of
 * them at the end, or, of newer ones, by and by. */
struct reading {
    const struct pidref *process;
    struct hotspot_fifo *fifo;
    int socket;
    bool is_begun, is_over, is_answered; /* bytes came; no more will come; nor will words */
    struct buffer words;                 /* the beginning of them */
    uint64_t until_ms;                   /* 0: as long as it takes */
    char *piece;
    int (*take)(void *to, const char *bytes, size_t size);
    void *to;
};

static int read_bytes(struct reading *reading)
{
    ssize_t n = read(reading->fifo->fd, reading->piece, LIMIT_STREAM_CHUNK);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (n == 0) {
        reading->is_over = true;
        reading->until_ms = clock_monotonic_ms() + LAST_WORDS_MS;
        return 0;
    }
    if (!reading->is_begun)
        hotspot_fifo_done(reading->fifo);
    reading->is_begun = true;
    reading->until_ms = 0;
    return reading->take(reading->to, reading->piece, (size_t)n);
}

static int read_words(struct reading *reading)
{
    char text[256];
    ssize_t n = recv(reading->socket, text, sizeof text, MSG_DONTWAIT);
    size_t room = reading->words.limit - reading->words.size;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) { /* an end by an error is an end */
        reading->is_answered = true;
        hotspot_fifo_done(reading->fifo);
        return 0;
    }
    return buffer_append(&reading->words, text, (size_t)n < room ? (size_t)n : room);
}

static int read_step(struct reading *reading)
{
    struct pollfd waited[] = {{.fd = reading->is_over ? -1 : reading->fifo->fd, .events = POLLIN},
                              {.fd = reading->is_answered ? -1 : reading->socket, .events = POLLIN},
                              {.fd = reading->process->pid_fd, .events = POLLIN}};
    int timeout = reading->is_answered ? 0 : clock_left_ms(reading->until_ms, LOOK_MS);

    if (timeout < 0)
        return timeout;
    if (poll(waited, ELEMENTS_OF(waited), timeout) <= 0) {
        /* What has answered writes no more; was the FIFO never opened, nothing says so but this. */
        reading->is_over = reading->is_over || reading->is_answered;
        return pidref_has_ended(reading->process) ? -ESRCH : 0;
    }
    if (waited[0].revents)
        return read_bytes(reading);
    if (waited[1].revents)
        return read_words(reading);
    return -ESRCH;
}

/* Behind the number of the first line. Words of success are its own, the rest is for a person. */
static int judge(const struct reading *reading, struct error *error)
{
    const char *words = buffer_string(&reading->words), *first = strchr(words, '\n');
    const char *last = first ? first + 1 : words;

    if (reading->is_begun && strstr(words, "Heap dump file created"))
        return 0;
    if (strncmp(last, "Dumping heap to", strlen("Dumping heap to")) == 0 && strchr(last, '\n'))
        last = strchr(last, '\n') + 1;
    if (strstr(words, "overwrite"))
        return error_set(error, EOPNOTSUPP,
                         "This Java virtual machine writes heap dumps to files only: it takes Java 17.");
    if (!*last)
        return error_set(error, ECONNRESET, "The Java virtual machine ended its answer without a word.");
    return error_set(error, EREMOTEIO, "The Java virtual machine has not written its heap: %.*s.",
                     (int)strcspn(last, "\n"), last);
}

static int read_all(struct reading *reading, struct error *error)
{
    int r = 0;

    reading->piece = malloc(LIMIT_STREAM_CHUNK);
    if (!reading->piece)
        return -ENOMEM;
    while (r == 0 && !(reading->is_over && reading->is_answered))
        r = read_step(reading);
    if (r == 0)
        r = judge(reading, error);
    else if (r == -ETIMEDOUT && !reading->is_begun)
        r = error_set(
            error, ETIMEDOUT,
            "The Java virtual machine did not begin to write its heap in time: it may be collecting "
            "garbage, be stopped, or one of its threads does not let it come to a halt.");
    return r;
}

/* hotspot_connect's sentences are good enough for what goes wrong here. */
static int dump_to(const struct runtime_place *hotspot, int socket, const struct hotspot_heap_wish *wish,
                   struct reading *reading, struct error *error)
{
    _cleanup_hotspot_fifo_ struct hotspot_fifo fifo = HOTSPOT_FIFO_INIT;
    int r = hotspot_fifo_begin(hotspot, socket, wish->live ? "" : "-all", &fifo, error);

    if (r < 0)
        return r;
    reading->fifo = &fifo;
    reading->until_ms = clock_monotonic_ms() + wish->patience_ms;
    r = read_all(reading, error);
    free(reading->piece);
    buffer_release(&reading->words);
    return r;
}

int hotspot_heap_dump(const struct pidref *process, const struct map_list *maps,
                      const struct hotspot_heap_wish *wish,
                      int (*take)(void *to, const char *bytes, size_t size), void *to, struct error *error)
{
    _cleanup_close_ int socket = -1;
    struct reading reading = {.process = process, .words = BUFFER_INIT(WORDS_MAX), .take = take, .to = to};
    uint64_t deadline_ms = clock_monotonic_ms() + wish->patience_ms;
    struct runtime_place hotspot;
    int r = hotspot_connect(process, maps, deadline_ms, &socket, error);

    if (r < 0)
        return r;
    reading.socket = socket;
    r = hotspot_look(process, deadline_ms, &hotspot, error);
    if (r == 0)
        r = dump_to(&hotspot, socket, wish, &reading, error);
    hotspot.tmp_fd = fd_close(hotspot.tmp_fd);
    if (r == -ESRCH)
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)process->pid);
    return r;
}
