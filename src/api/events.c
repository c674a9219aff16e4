#include "api/events.h"

#include "api/ask.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "ops/events.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

/* How long the sampler goes on when nobody looks any more: browsers come back after three seconds. */
enum { LINGER_MS = 8000 };

/* Of the worker's stream at a time, before others have their turn. */
enum { READ_SIZE = 64 * 1024, READS_AT_ONCE = 32 };

struct viewer {
    struct http_source base; /* first; its fd is an eventfd that says that there may be more */
    struct events *events;
    struct viewer *previous, *next;
    bool has_begun, has_ended, is_cut;
    uint64_t last;       /* number of the event that it has or is being sent */
    struct event *event; /* being sent; NULL: none */
    size_t sent;         /* of it */
    int64_t expires;     /* seconds since 1970; 0: never */
    unsigned status;     /* of an error, instead of events */
    struct buffer problem;
};

static void wake(const struct viewer *viewer)
{
    /* never read: each write is an edge to the epoll, and it is not written 2^64 times */
    (void)eventfd_write(viewer->base.fd, 1);
}

static void wake_all(const struct events *events)
{
    for (const struct viewer *viewer = events->viewers; viewer; viewer = viewer->next)
        wake(viewer);
}

/* --- One viewer --- */

static void begin_problem(struct viewer *viewer, int code, const char *text)
{
    viewer->status = problem_status(code);
    viewer->problem.limit = 64 * 1024;
    if (problem_write(PROBLEM_KUDU, viewer->status, text, &viewer->problem) < 0)
        buffer_clear(&viewer->problem); /* the status says enough */
}

static int viewer_head(struct http_source *base, struct http_exchange *exchange,
                       struct http_source_head *ret_head)
{
    struct viewer *viewer = (struct viewer *)base;
    struct events *events = viewer->events;
    const char *last = http_exchange_header(exchange, "Last-Event-ID");

    if (viewer->status != 0) {
        unsigned retry = problem_retry_after(viewer->status);
        char seconds[16];
        (void)snprintf(seconds, sizeof seconds, "%u", retry); /* fits */
        if (retry > 0)
            http_header(exchange, "Retry-After", seconds);
        *ret_head = (struct http_source_head){.status = viewer->status,
                                              .type = "application/json; charset=utf-8",
                                              .length = (int64_t)viewer->problem.size};
        return 0;
    }
    if (!events->ring.snapshot)
        return viewer->is_cut || viewer->has_ended ? -EPIPE : -EAGAIN;
    if (!last || !event_ring_find(&events->ring, last, &viewer->last)) {
        viewer->event = event_ring_snapshot(&events->ring);
        viewer->last = viewer->event->number;
    }
    viewer->has_begun = true;
    http_header(exchange, "X-Accel-Buffering", "no"); /* for nginx, which else holds it back */
    *ret_head = (struct http_source_head){.status = 200,
                                          .type = "text/event-stream; charset=utf-8",
                                          .length = -1,
                                          .stall_ms = events->config->stall_timeout};
    return 0;
}

/* -EAGAIN: there is nothing new. */
static int next_event(struct viewer *viewer)
{
    bool is_late = false;

    event_unref(viewer->event);
    viewer->event = NULL;
    viewer->sent = 0;
    if (viewer->is_cut)
        return -EPIPE;
    if (viewer->expires != 0 && viewer->expires <= clock_realtime_ns() / 1000000000)
        return 0; /* he may come back with something that is valid */
    viewer->event = event_ring_next(&viewer->events->ring, viewer->last, &is_late);
    if (is_late) {
        log_debug("A viewer of events takes too little, and is dropped.");
        return -EPIPE;
    }
    if (!viewer->event)
        return viewer->has_ended ? 0 : -EAGAIN;
    viewer->last = viewer->event->number;
    return 1;
}

static ssize_t viewer_read(struct http_source *base, void *bytes, size_t size)
{
    struct viewer *viewer = (struct viewer *)base;
    const char *from = buffer_string(&viewer->problem);
    size_t left = viewer->problem.size;

    if (viewer->status == 0 && (!viewer->event || viewer->sent == viewer->event->size)) {
        int r = next_event(viewer);
        if (r <= 0)
            return r;
    }
    if (viewer->status == 0) {
        from = viewer->event->text;
        left = viewer->event->size;
    }
    left -= viewer->sent;
    if (left > size)
        left = size;
    memcpy(bytes, from + viewer->sent, left);
    viewer->sent += left;
    return (ssize_t)left;
}

static void viewer_free(struct http_source *base)
{
    struct viewer *viewer = (struct viewer *)base;
    struct events *events = viewer->events;

    if (viewer->previous)
        viewer->previous->next = viewer->next;
    else
        events->viewers = viewer->next;
    if (viewer->next)
        viewer->next->previous = viewer->previous;
    if (--events->viewer_count == 0)
        events->unseen_since_ms = clock_monotonic_ms();
    event_unref(viewer->event);
    buffer_release(&viewer->problem);
    (void)fd_close(viewer->base.fd); /* always -1 */
    free(viewer);
}

static int add_viewer(struct events *events, struct http_exchange *exchange, int64_t expires)
{
    static const struct http_source_ops ops = {.head = viewer_head, .read = viewer_read, .free = viewer_free};
    struct viewer *viewer = calloc(1, sizeof *viewer);

    if (!viewer)
        return -ENOMEM;
    viewer->base = (struct http_source){.ops = &ops, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (viewer->base.fd < 0) {
        int r = errno == EMFILE || errno == ENFILE ? -EAGAIN : -errno;
        free(viewer);
        return r;
    }
    viewer->events = events;
    viewer->expires = expires;
    viewer->next = events->viewers;
    if (events->viewers)
        events->viewers->previous = viewer;
    events->viewers = viewer;
    events->viewer_count++;
    events->unseen_since_ms = 0;
    http_answer_source(exchange, &viewer->base);
    if (events->ring.snapshot)
        wake(viewer);
    return 0;
}

/* --- The sampler --- */

/* Its worker sees that nobody reads any more, and ends. */
static void end_sampler(struct events *events)
{
    if (!events->is_running)
        return;
    http_server_unwatch(events->server, events->reader.fd);
    answer_reader_release(&events->reader);
    buffer_release(&events->incoming);
    event_ring_clear(&events->ring);
    events->is_running = events->has_head = false;
}

/* It ended by itself: who waits for the beginning is told why, the others are cut off. The next one who comes
 * begins another. */
static void fail(struct events *events, int code, const char *text)
{
    for (struct viewer *viewer = events->viewers; viewer; viewer = viewer->next) {
        if (!viewer->has_begun && viewer->status == 0)
            begin_problem(viewer, code, text);
        viewer->is_cut = viewer->is_cut || viewer->has_begun;
    }
    end_sampler(events);
    wake_all(events);
}

/* Takes the whole frames out of what came. Their sizes are bounded by the buffer's. */
static int take_frames(struct events *events)
{
    size_t at = 0;
    int r = 0;

    while (r == 0 && events->incoming.size - at >= sizeof(struct events_frame)) {
        const char *bytes = events->incoming.data + at;
        struct events_frame frame;

        memcpy(&frame, bytes, sizeof frame);
        frame.size = le32toh(frame.size);
        if (frame.size > LIMIT_EVENTS_FRAME)
            return -EBADMSG;
        if (events->incoming.size - at - sizeof frame < frame.size)
            break;
        r = event_ring_add(&events->ring, le32toh(frame.kind) == EVENTS_SNAPSHOT, le64toh(frame.number),
                           bytes + sizeof frame, frame.size);
        at += sizeof frame + frame.size;
    }
    if (at > 0) {
        memmove(events->incoming.data, events->incoming.data + at, events->incoming.size - at);
        events->incoming.size -= at;
    }
    return r;
}

/* > 0: so much came, and there may be more; -EAGAIN: nothing just now; all else: the end. */
static ssize_t read_some(struct events *events)
{
    ssize_t n;
    int r = buffer_reserve(&events->incoming, READ_SIZE);

    if (r < 0)
        return r;
    n = answer_reader_read(&events->reader, events->incoming.data + events->incoming.size, READ_SIZE);
    if (n <= 0)
        return n;
    events->incoming.size += (size_t)n;
    events->incoming.data[events->incoming.size] = '\0';
    r = take_frames(events);
    return r < 0 ? r : n;
}

static void on_stream(void *context, struct http_server *server)
{
    struct events *events = context;
    uint64_t next = events->ring.next;
    ssize_t n = 1;

    (void)server; /* events has it */
    if (!events->is_running)
        return;
    if (!events->has_head) {
        int r = answer_reader_head(&events->reader);
        const struct answer_message *message = &events->reader.message;

        if (r == -EAGAIN)
            return;
        if (r < 0 || message->code != 0) {
            const char *text = r < 0 ? NULL : fields_get(&message->fields, "message");
            fail(events, r < 0 ? EIO : message->code, text ? text : "The processes can't be watched.");
            return;
        }
        events->has_head = true;
    }
    for (unsigned i = 0; i < READS_AT_ONCE && n > 0; i++)
        n = read_some(events);
    if (n <= 0 && n != -EAGAIN) {
        fail(events, EIO, "The worker that watches the processes has ended; try again.");
    } else if (events->unseen_since_ms && clock_monotonic_ms() - events->unseen_since_ms > LINGER_MS) {
        end_sampler(events);
    } else if (events->ring.snapshot && events->ring.next != next) {
        wake_all(events);
    }
}

static int begin_sampler(struct events *events, struct http_exchange *exchange, struct error *error)
{
    _cleanup_request_ struct request request = {.operation = "events"};
    int fd, r = ask_inspector(events->channel, exchange, &request, &fd, error);

    if (r < 0)
        return r;
    events->reader = ANSWER_READER_INIT(fd);
    events->incoming = BUFFER_INIT(LIMIT_EVENTS_FRAME + 2 * READ_SIZE);
    events->ring.epoch = (uint64_t)clock_realtime_ns() / 1000;
    r = http_server_watch(events->server, fd, EPOLLIN, on_stream, events, error);
    if (r < 0) {
        answer_reader_release(&events->reader);
        return r;
    }
    events->is_running = true;
    events->has_head = false;
    return 0;
}

/* --- The route --- */

void events_attach(struct events *events, struct http_exchange *exchange, int64_t expires)
{
    struct error error = {0};
    int r = 0;

    if (events->is_stopping)
        r = error_set(&error, EAGAIN, "The service is just being stopped.");
    if (r == 0 && !events->is_running)
        r = begin_sampler(events, exchange, &error);
    if (r == 0)
        r = error_ensure(&error, add_viewer(events, exchange, expires), "The events could not be begun");
    if (r < 0)
        http_answer_error(exchange, &error);
}

void events_stop(struct events *events)
{
    events->is_stopping = true;
    for (struct viewer *viewer = events->viewers; viewer; viewer = viewer->next) {
        viewer->has_ended = true;
        if (!viewer->has_begun && viewer->status == 0)
            begin_problem(viewer, EAGAIN, "The service is just being stopped.");
    }
    wake_all(events);
}

void events_release(struct events *events)
{
    if (events->is_running) {
        answer_reader_release(&events->reader);
        buffer_release(&events->incoming);
    }
    event_ring_clear(&events->ring);
    events->is_running = false;
}
