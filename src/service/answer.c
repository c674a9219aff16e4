#include "service/answer.h"

#include "base/io.h"
#include "base/parse.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int write_fields(int fd, int stall_ms, const struct fields *fields)
{
    _cleanup_buffer_ struct buffer message = BUFFER_INIT(LIMIT_MESSAGE + sizeof(uint32_t));
    uint32_t size = 0;
    int r = buffer_append(&message, &size, sizeof size);

    if (r == 0)
        r = fields_encode(fields, &message);
    if (r < 0)
        return r;
    size = htole32((uint32_t)(message.size - sizeof size));
    memcpy(message.data, &size, sizeof size);
    return io_write_full(fd, message.data, message.size, stall_ms);
}

int answer_write_error(int fd, int stall_ms, int code, const char *message)
{
    _cleanup_fields_ struct fields fields = {0};
    int r = fields_add_format(&fields, "code", "%d", code);

    if (r == 0)
        r = fields_add(&fields, "message", message);
    return r < 0 ? r : write_fields(fd, stall_ms, &fields);
}

/* The sink of a body whose length is not known: each write is a chunk, the empty chunk is the end. */
struct chunk_sink {
    struct sink sink;
    int fd;
    struct io_pace pace;
};

static int write_chunk(struct chunk_sink *chunks, const void *bytes, size_t size)
{
    uint32_t header = htole32((uint32_t)size);
    int r = io_write_paced(chunks->fd, &header, sizeof header, &chunks->pace);
    return r < 0 ? r : io_write_paced(chunks->fd, bytes, size, &chunks->pace);
}

static int chunk_sink_write(struct sink *sink, const void *bytes, size_t size)
{
    struct chunk_sink *chunks = (struct chunk_sink *)sink;
    int r = 0;

    for (size_t done = 0; r == 0 && done < size;) {
        size_t now = size - done < (1u << 30) ? size - done : 1u << 30; /* within a u32 */
        r = write_chunk(chunks, (const char *)bytes + done, now);
        done += now;
    }
    return r;
}

static int chunk_sink_finish(struct sink *sink, struct error *error)
{
    int r = write_chunk((struct chunk_sink *)sink, NULL, 0);
    return error_ensure(error, r, "The answer could not be sent");
}

static void chunk_sink_free(struct sink *sink)
{
    free(sink);
}

static const struct sink_ops chunk_sink_ops = {
    .name = "chunks", .write = chunk_sink_write, .finish = chunk_sink_finish, .free = chunk_sink_free};

static int chunk_sink_new(int fd, int stall_ms, uint64_t min_rate, struct sink **ret_sink)
{
    struct chunk_sink *chunks = calloc(1, sizeof *chunks);
    if (!chunks)
        return -ENOMEM;
    *chunks = (struct chunk_sink){
        .sink.ops = &chunk_sink_ops, .fd = fd, .pace = {.stall_ms = stall_ms, .min_rate = min_rate}};
    *ret_sink = &chunks->sink;
    return 0;
}

static int head_fields(const struct answer_head *head, struct fields *fields)
{
    int r = fields_add(fields, "code", "0");

    if (r == 0)
        r = fields_add(fields, "type", head->content_type);
    if (r == 0 && head->file_name)
        r = fields_add(fields, "file", head->file_name);
    if (r == 0 && head->length >= 0)
        r = fields_add_format(fields, "length", "%" PRId64, head->length);
    if (r == 0 && head->told && head->told->pid != 0)
        r = fields_add_format(fields, "pid", "%d", (int)head->told->pid);
    if (r == 0 && head->told && head->told->pid != 0)
        r = fields_add(fields, "uid", head->told->uid);
    if (r == 0 && head->told && head->told->pid != 0)
        r = fields_add(fields, "name", head->told->name);
    for (size_t i = 0; r == 0 && head->extra && i < head->extra->count; i++) {
        _cleanup_free_ char *name = NULL;
        if (asprintf(&name, "x:%s", head->extra->items[i].name) < 0) {
            name = NULL;
            return -ENOMEM;
        }
        r = fields_add(fields, name, head->extra->items[i].value);
    }
    return r;
}

/* Those that say what an operation has done: X-Dump-... */
static void note_facts(struct pipe_answer *pipe, const struct fields *extra)
{
    static const char prefix[] = "X-Dump-";
    size_t used = 0;

    for (size_t i = 0; extra && i < extra->count; i++)
        if (strcmp(extra->items[i].name, "X-Dump-Pause-Microseconds") == 0 &&
            parse_i64(extra->items[i].value, &pipe->pause_us) < 0)
            pipe->pause_us = -1; /* it is always a number */
    for (size_t i = 0; extra && i < extra->count && used < sizeof pipe->facts; i++)
        if (strncmp(extra->items[i].name, prefix, sizeof prefix - 1) == 0)
            used += (size_t)snprintf(pipe->facts + used, sizeof pipe->facts - used, "%s%s %s",
                                     used ? ", " : "", extra->items[i].name + sizeof prefix - 1,
                                     extra->items[i].value); /* cut where it gets too long */
}

static int pipe_answer_begin(struct answer *answer, const struct answer_head *head, struct sink **ret_sink,
                             struct error *error)
{
    struct pipe_answer *pipe = (struct pipe_answer *)answer;
    _cleanup_fields_ struct fields fields = {0};
    _cleanup_sink_ struct sink *sink = NULL;
    uint64_t min_rate = head->holds ? pipe->min_rate : 0;
    int r;

    if (pipe->sink)
        return error_set(error, EINVAL, "An answer was begun twice.");
    r = head->length < 0 ? chunk_sink_new(pipe->fd, pipe->stall_ms, min_rate, &sink)
                         : sink_fd_paced_new(pipe->fd, pipe->stall_ms, min_rate, &sink);
    if (r == 0)
        r = head_fields(head, &fields);
    if (r < 0)
        return error_ensure(error, r, "The answer's head could not be made");
    /* From here on an error head would come too late: the inspector must not write one after our bytes. */
    atomic_store(pipe->begun, true);
    r = write_fields(pipe->fd, pipe->stall_ms, &fields);
    if (r < 0)
        return error_ensure(error, r, "The answer could not be sent");
    pipe->length = head->length;
    note_facts(pipe, head->extra);
    pipe->sink = *ret_sink = TAKE_PTR(sink);
    return 0;
}

static void pipe_answer_held(struct answer *answer, uint64_t ns)
{
    ((struct pipe_answer *)answer)->pause_us = (int64_t)(ns / 1000);
}

void pipe_answer_init(struct pipe_answer *answer, int fd, int stall_ms, atomic_bool *begun)
{
    *answer = (struct pipe_answer){.answer.begin = pipe_answer_begin,
                                   .answer.held = pipe_answer_held,
                                   .fd = fd,
                                   .stall_ms = stall_ms,
                                   .pause_us = -1};
    answer->begun = begun ? begun : &answer->own_begun;
}

void pipe_answer_release(struct pipe_answer *answer)
{
    sink_free(answer->sink);
    answer->sink = NULL;
}

int pipe_answer_end(struct pipe_answer *answer, int r, struct error *error)
{
    if (r == 0 && !answer->sink)
        r = error_set(error, EIO, "The operation ended without an answer.");
    if (r < 0 && !atomic_load(answer->begun)) {
        int code = error && error->code ? error->code : -r;
        atomic_store(answer->begun, true);
        /* a reader that is gone by now does not miss it */
        (void)!answer_write_error(answer->fd, answer->stall_ms, code,
                                  error && error->code ? error->text : strerror(code));
        return r;
    }
    if (r == 0 && answer->length >= 0 && answer->sink->written != (uint64_t)answer->length)
        r = error_set(error, EIO, "An answer of %" PRId64 " bytes ended after %" PRIu64 ".", answer->length,
                      answer->sink->written);
    if (r == 0)
        r = sink_finish(answer->sink, error);
    return r;
}
