#include "instances/reply.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>

static void wait_for_room(struct reply *reply, bool waits)
{
    if (reply->waits_for_room == waits)
        return;
    reply->waits_for_room = waits;
    if (loop_watch_change(reply->loop, &reply->watch, waits ? EPOLLOUT : 0) < 0)
        reply->is_broken = true;
}

static void flush(struct reply *reply)
{
    while (!reply->is_broken && reply->done < reply->pending.size) {
        ssize_t n =
            write(reply->watch.fd, reply->pending.data + reply->done, reply->pending.size - reply->done);
        if (n >= 0)
            reply->done += (size_t)n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            reply->is_broken = true;
    }
    if (reply->done == reply->pending.size) {
        buffer_clear(&reply->pending);
        reply->done = 0;
    }
    /* also to hear, from the loop, that it is over */
    wait_for_room(reply, reply->pending.size > 0 || reply->is_ended || reply->is_broken);
}

static void on_pipe(struct loop_watch *watch, uint32_t events)
{
    struct reply *reply = (struct reply *)((char *)watch - offsetof(struct reply, watch));

    if (events & EPOLLERR)
        reply->is_broken = true;
    flush(reply);
    if (reply->is_broken || (reply->is_ended && reply->pending.size == 0))
        reply->gone(reply);
    else if (reply->pending.size == 0 && reply->room)
        reply->room(reply);
}

int reply_init(struct reply *reply, struct loop *loop, int fd, void (*room)(struct reply *),
               void (*gone)(struct reply *))
{
    int r;

    *reply = (struct reply){.loop = loop,
                            .watch = {.fd = fd, .ready = on_pipe},
                            .pending = BUFFER_INIT(REPLY_PENDING_MAX),
                            .room = room,
                            .gone = gone};
    r = loop_watch_add(loop, &reply->watch, 0);
    if (r < 0)
        reply->watch.fd = fd_close(fd);
    return r;
}

void reply_release(struct reply *reply)
{
    if (reply->watch.fd >= 0)
        loop_watch_remove(reply->loop, &reply->watch);
    reply->watch.fd = fd_close(reply->watch.fd);
    buffer_release(&reply->pending);
}

static int append_head(struct reply *reply, const struct fields *fields)
{
    _cleanup_buffer_ struct buffer message = BUFFER_INIT(LIMIT_MESSAGE);
    uint32_t size;
    int r = fields_encode(fields, &message);

    if (r < 0)
        return r;
    size = htole32((uint32_t)message.size);
    r = buffer_append(&reply->pending, &size, sizeof size);
    if (r == 0)
        r = buffer_append(&reply->pending, message.data, message.size);
    if (r == 0)
        reply->is_begun = true;
    return r;
}

int reply_begin(struct reply *reply, const struct fields *fields, int64_t length)
{
    int r;

    reply->is_chunked = length < 0;
    r = append_head(reply, fields);
    if (r == 0)
        flush(reply);
    return reply->is_broken ? -EPIPE : r;
}

int reply_body(struct reply *reply, const void *bytes, size_t size)
{
    uint32_t header = htole32((uint32_t)size);
    int r = 0;

    if (size == 0)
        return 0;
    reply->body += size;
    if (reply->is_chunked)
        r = buffer_append(&reply->pending, &header, sizeof header);
    if (r == 0 && !reply->is_broken && reply->pending.size == 0) { /* mostly all of it fits, without a copy */
        ssize_t n = write(reply->watch.fd, bytes, size);
        if (n > 0) {
            bytes = (const char *)bytes + n;
            size -= (size_t)n;
        }
    }
    if (r == 0 && size > 0)
        r = buffer_append(&reply->pending, bytes, size);
    if (r == 0)
        flush(reply);
    return reply->is_broken ? -EPIPE : r;
}

bool reply_is_full(const struct reply *reply)
{
    return reply->pending.size > 0;
}

void reply_end(struct reply *reply)
{
    static const uint32_t last = 0;

    if (reply->is_chunked && buffer_append(&reply->pending, &last, sizeof last) < 0)
        reply->is_broken = true; /* a cut then */
    reply->is_ended = true;
    flush(reply);
}

void reply_error(struct reply *reply, int code, const char *message)
{
    reply_error_with(reply, code, message, NULL);
}

void reply_error_with(struct reply *reply, int code, const char *message, const char *set_cookie)
{
    _cleanup_fields_ struct fields fields = {0};

    reply->code = code;
    if (fields_add_format(&fields, "code", "%d", code) < 0 || fields_add(&fields, "message", message) < 0 ||
        (set_cookie && fields_add(&fields, "x:Set-Cookie", set_cookie) < 0) ||
        append_head(reply, &fields) < 0)
        reply->is_broken = true;
    reply->is_ended = true;
    flush(reply);
}

void reply_json(struct reply *reply, const struct buffer *text)
{
    _cleanup_fields_ struct fields fields = {0};
    int r = fields_add(&fields, "code", "0");

    if (r == 0)
        r = fields_add(&fields, "type", "application/json; charset=utf-8");
    if (r == 0)
        r = fields_add_format(&fields, "length", "%zu", text->size);
    if (r == 0)
        r = reply_begin(reply, &fields, (int64_t)text->size);
    if (r == 0)
        r = reply_body(reply, text->data, text->size);
    if (r < 0)
        reply->is_broken = true;
    reply_end(reply);
}
