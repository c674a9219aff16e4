#include "service/client.h"

#include "base/parse.h"
#include "service/channel.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Larger than the default of 64 KiB, so that worker and front need not take turns; not larger, so that the
 * pages that go through it are still in the processor's cache. */
enum { ANSWER_PIPE_SIZE = 512 * 1024 };

int inspector_call(int channel, const struct request *request, int connection, int *ret_answer_fd,
                   struct error *error)
{
    _cleanup_buffer_ struct buffer message = BUFFER_INIT(LIMIT_MESSAGE);
    _cleanup_close_ int reading = -1, writing = -1;
    int ends[2], sent[2];
    int r = request_encode(request, &message);

    if (r < 0)
        return error_set(error, r == -ENOMEM ? ENOMEM : EINVAL, "The request is too large.");
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_errno(error, errno == EMFILE || errno == ENFILE ? EAGAIN : errno,
                           "A pipe for the answer could not be made");
    reading = ends[0];
    writing = ends[1];
    if (strcmp(request->operation, "dump") == 0)
        (void)fcntl(writing, F_SETPIPE_SZ, ANSWER_PIPE_SIZE); /* only faster: the default works as well */

    sent[0] = writing;
    sent[1] = connection;
    r = channel_send_several(channel, message.data, message.size, sent, connection >= 0 ? 2 : 1);
    if (r == -EAGAIN)
        return error_set(error, EAGAIN, "The inspector has too many requests waiting; try again.");
    if (r < 0)
        return error_errno(error, -r, "The inspector could not be asked");
    *ret_answer_fd = TAKE_FD(reading);
    return 0;
}

void answer_message_release(struct answer_message *message)
{
    if (message)
        fields_release(&message->fields);
}

int answer_message_decode(const void *bytes, size_t size, struct answer_message *ret_message)
{
    _cleanup_fields_ struct fields fields = {0};
    struct answer_message message = {.length = -1};
    const char *text;
    int64_t code;
    int r = fields_decode(bytes, size, &fields);

    if (r < 0)
        return r;
    text = fields_get(&fields, "code");
    if (!text || parse_i64(text, &code) < 0 || code < 0 || code > 4095)
        return -EBADMSG;
    message.code = (int)code;
    text = fields_get(&fields, "length");
    if (text && (parse_i64(text, &message.length) < 0 || message.length < 0))
        return -EBADMSG;
    message.fields = fields;
    fields = (struct fields){0};
    *ret_message = message;
    return 0;
}

void answer_reader_release(struct answer_reader *reader)
{
    if (!reader)
        return;
    reader->fd = fd_close(reader->fd);
    buffer_release(&reader->head);
    if (reader->has_message)
        answer_message_release(&reader->message);
    reader->has_message = false;
}

/* One read. > 0, -EAGAIN, -EPIPE at the end of the stream, or another negative errno. */
static ssize_t read_some(int fd, void *bytes, size_t size)
{
    ssize_t n;
    do {
        n = read(fd, bytes, size);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return n == 0 ? -EPIPE : n;
}

static uint32_t u32_at(const void *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return le32toh(value);
}

int answer_reader_head(struct answer_reader *reader)
{
    enum { SIZE_BYTES = 4 };
    int r;

    if (reader->has_message)
        return 0;
    reader->head.limit = LIMIT_MESSAGE + SIZE_BYTES;
    for (;;) {
        size_t wanted = SIZE_BYTES;
        ssize_t n;

        if (reader->head.size >= SIZE_BYTES) {
            wanted += u32_at(reader->head.data);
            if (wanted > LIMIT_MESSAGE + SIZE_BYTES)
                return -EBADMSG;
            if (reader->head.size == wanted)
                break;
        }
        r = buffer_reserve(&reader->head, wanted - reader->head.size);
        if (r < 0)
            return r;
        /* exactly to the end of the head: the body stays in the pipe */
        n = read_some(reader->fd, reader->head.data + reader->head.size, wanted - reader->head.size);
        if (n < 0)
            return (int)n;
        reader->head.size += (size_t)n;
    }
    r = answer_message_decode(reader->head.data + SIZE_BYTES, reader->head.size - SIZE_BYTES,
                              &reader->message);
    if (r < 0)
        return r;
    reader->has_message = true;
    reader->remaining = reader->message.length > 0 ? (uint64_t)reader->message.length : 0;
    reader->ended = reader->message.code != 0 || reader->message.length == 0;
    buffer_release(&reader->head);
    return 0;
}

/* The size of the next chunk into reader->remaining. */
static int next_chunk(struct answer_reader *reader)
{
    while (reader->chunk_size_have < sizeof reader->chunk_size) {
        ssize_t n = read_some(reader->fd, reader->chunk_size + reader->chunk_size_have,
                              sizeof reader->chunk_size - reader->chunk_size_have);
        if (n < 0)
            return (int)n;
        reader->chunk_size_have += (size_t)n;
    }
    reader->chunk_size_have = 0;
    reader->remaining = u32_at(reader->chunk_size);
    reader->ended = reader->remaining == 0;
    return 0;
}

ssize_t answer_reader_read(struct answer_reader *reader, void *bytes, size_t size)
{
    bool chunked = reader->message.length < 0;
    ssize_t n;

    if (!reader->ended && reader->remaining == 0) {
        int r = next_chunk(reader);
        if (r < 0)
            return r;
    }
    if (reader->ended || size == 0)
        return 0;
    n = read_some(reader->fd, bytes, size < reader->remaining ? size : (size_t)reader->remaining);
    if (n < 0)
        return n;
    reader->remaining -= (uint64_t)n;
    if (reader->remaining == 0 && !chunked)
        reader->ended = true;
    return n;
}

ssize_t answer_reader_move(struct answer_reader *reader, int pipe, size_t size)
{
    ssize_t n;

    if (reader->message.length < 0)
        return -EOPNOTSUPP;
    if (reader->ended)
        return 0;
    do {
        n = splice(reader->fd, NULL, pipe, NULL, size < reader->remaining ? size : (size_t)reader->remaining,
                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -EPIPE;
    reader->remaining -= (uint64_t)n;
    reader->ended = reader->remaining == 0;
    return n;
}
