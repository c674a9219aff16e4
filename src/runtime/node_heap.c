#include "runtime/node_heap.h"

#include "base/clock.h"
#include "base/limits.h"
#include "runtime/node_guard.h"
#include "runtime/node_types.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ENDING = 2, WORDS_MAX = 300, LOOK_MS = 1000 }; /* the last where there is no pidfd */

/* What comes of a program that writes its heap: a line, the heap; or words instead of it. */
struct reading {
    const struct pidref *process;
    struct node_fifo fifo;
    const struct node_heap_wish *wish;
    bool is_asked, is_walked, is_begun, is_over; /* by the guard; V8 walks; bytes came; no more will */
    size_t line_size;                            /* of NODE_FIFO_BEGUN, so far */
    char words[WORDS_MAX];                       /* those of a refusal */
    size_t words_size;
    bool is_refused;
    char ending[ENDING]; /* the last bytes */
    uint64_t until_ms;   /* 0: as long as it takes */
    char *piece;
    int (*take)(void *to, const char *bytes, size_t size);
    void *to;
};

static void take_words(struct reading *reading, const char *bytes, size_t size)
{
    size_t room = sizeof reading->words - 1 - reading->words_size;

    memcpy(reading->words + reading->words_size, bytes, size < room ? size : room);
    reading->words_size += size < room ? size : room;
}

static int take_heap(struct reading *reading, const char *bytes, size_t size)
{
    size_t kept = size < ENDING ? ENDING - size : 0, added = ENDING - kept;

    if (!reading->is_begun) {
        node_fifo_done(&reading->fifo);
        reading->is_begun = true;
        reading->until_ms = 0;
        reading->is_refused = bytes[0] == NODE_FIFO_REFUSED;
    }
    if (reading->is_refused) {
        take_words(reading, bytes, size);
        return 0;
    }
    memmove(reading->ending, reading->ending + ENDING - kept, kept);
    memcpy(reading->ending + kept, bytes + size - added, added);
    return reading->take(reading->to, bytes, size);
}

static int take_bytes(struct reading *reading, const char *bytes, size_t size)
{
    static const char line[] = NODE_FIFO_BEGUN;
    size_t left = strlen(line) - reading->line_size, piece = size < left ? size : left;

    if (memcmp(bytes, line + reading->line_size, piece) != 0)
        return -EBADMSG;
    reading->line_size += piece;
    if (!reading->is_walked && reading->line_size == strlen(line)) {
        reading->is_walked = true;
        reading->until_ms = clock_monotonic_ms() + reading->wish->walk_ms;
    }
    return size > piece ? take_heap(reading, bytes + piece, size - piece) : 0;
}

static int read_bytes(struct reading *reading)
{
    ssize_t n = read(reading->fifo.fd, reading->piece, LIMIT_STREAM_CHUNK);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    reading->is_over = n == 0;
    return n > 0 ? take_bytes(reading, reading->piece, (size_t)n) : 0;
}

static int read_step(struct reading *reading, struct error *error)
{
    struct pollfd waited[] = {{.fd = reading->fifo.fd, .events = POLLIN},
                              {.fd = reading->is_asked ? -1 : reading->fifo.channel, .events = POLLIN},
                              {.fd = reading->process->pid_fd, .events = POLLIN}};
    int timeout = clock_left_ms(reading->until_ms, LOOK_MS);

    if (timeout < 0)
        return timeout;
    if (poll(waited, ELEMENTS_OF(waited), timeout) <= 0)
        return pidref_has_ended(reading->process) ? -ESRCH : 0;
    if (waited[0].revents)
        return read_bytes(reading);
    if (waited[1].revents) {
        reading->is_asked = true;
        return runtime_place_told(reading->fifo.channel, 0, NULL, error);
    }
    return -ESRCH;
}

static int judge(const struct reading *reading, struct error *error)
{
    const char *words = reading->words;

    if (reading->is_refused)
        return error_set(error, EREMOTEIO, "Node has not written its heap: %.*s.",
                         (int)strcspn(words + 1, "\n"), words + 1);
    if (reading->is_begun && memcmp(reading->ending, "]}", ENDING) == 0)
        return 0;
    return error_set(error, EREMOTEIO, "Node has not written all of its heap.");
}

static int read_all(struct reading *reading, struct error *error)
{
    int r = 0;

    while (r == 0 && !reading->is_over)
        r = read_step(reading, error);
    if (r == 0)
        return judge(reading, error);
    if (r == -EBADMSG && reading->line_size < strlen(NODE_FIFO_BEGUN))
        return error_set(error, EREMOTEIO,
                         "Something else than Node writes where its heap is awaited: the program, or another "
                         "of its user. A dump of the process can be had all the same.");
    if (r != -ETIMEDOUT || reading->is_begun)
        return r;
    return error_set(error, ETIMEDOUT,
                     reading->is_walked
                         ? "V8 did not begin to write the heap in time."
                         : "Node's main thread did not get round to it in time: it is busy, or waits for "
                           "something else than its events. It was told that nobody waits any more.");
}

/* The guard of whoever asked last may be about to end: it stays until it has seen the inspector closed. */
static int begin_in_turn(const struct runtime_place *place, struct reading *reading, struct error *error)
{
    enum { TURN_MS = 5000, STEP_NS = 50 * 1000 * 1000 };
    uint64_t wait_ms = reading->wish->patience_ms / 2 < TURN_MS ? reading->wish->patience_ms / 2 : TURN_MS;
    uint64_t until = clock_monotonic_ms() + wait_ms;
    int r = node_fifo_begin(place, &reading->fifo, error);

    while (r == -EALREADY && clock_monotonic_ms() < until) {
        (void)nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL); /* shorter is no harm */
        r = node_fifo_begin(place, &reading->fifo, error);
    }
    if (r != -EALREADY)
        return r;
    if (error)
        error->code = EBUSY;
    return -EBUSY;
}

static int dump_once(const struct runtime_place *place, struct reading *reading, struct error *error)
{
    int r = begin_in_turn(place, reading, error);

    if (r < 0)
        return r;
    reading->until_ms = clock_monotonic_ms() + reading->wish->patience_ms;
    r = read_all(reading, error);
    node_fifo_release(&reading->fifo);
    reading->fifo = NODE_FIFO_INIT;
    return r;
}

/* A guard that was ended may have left the inspector open: another one closes it. */
static int dump_patiently(const struct runtime_place *place, struct reading *reading, struct error *error)
{
    enum { TRIES = 3 };
    int r = -EIO;

    for (int i = 0; i < TRIES && r == -EIO && !reading->is_begun; i++) {
        reading->is_asked = reading->is_walked = false;
        reading->line_size = 0;
        r = dump_once(place, reading, error);
    }
    return r;
}

int node_heap_dump(const struct pidref *process, const struct node_heap_wish *wish,
                   int (*take)(void *to, const char *bytes, size_t size), void *to, struct error *error)
{
    struct reading reading = {.process = process,
                              .fifo = NODE_FIFO_INIT,
                              .wish = wish,
                              .take = take,
                              .to = to,
                              .piece = malloc(LIMIT_STREAM_CHUNK)};
    struct runtime_place place;
    int r = reading.piece ? runtime_place_look(process, "Node", 0, &place, error) : -ENOMEM;

    if (r == 0)
        r = dump_patiently(&place, &reading, error);
    if (reading.piece)
        place.tmp_fd = fd_close(place.tmp_fd);
    free(reading.piece);
    if (r == -ESRCH)
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)process->pid);
    return error_ensure(error, r, "Node can't be asked for its heap");
}

int node_heap_types(const struct pidref *process, const struct node_heap_wish *wish,
                    int (*take)(void *to, const struct heap_type *type), void *to, struct error *error)
{
    _cleanup_node_types_ struct node_types *types = NULL;
    int r = node_types_new(&types);

    if (r == 0)
        r = node_heap_dump(process, wish, node_types_take, types, error);
    if (r == 0)
        r = node_types_finish(types, take, to);
    if (r == -EBADMSG)
        return error_set(error, EREMOTEIO,
                         "Node's heap snapshot is not of the form that V8 gives it, and can't be counted; "
                         "heapdump gives it as it is.");
    return r;
}
