#include "api/answer_source.h"

#include "base/log.h"
#include "base/parse.h"
#include "service/client.h"

#include <errno.h>
#include <string.h>

enum { EVENTS_STALL_MS = 10000 }; /* for which a viewer of another instance may take nothing */

struct answer_source {
    struct http_source base; /* first */
    struct answer_reader reader;
    unsigned status;
    enum problem_form form;
    struct answer_watcher *watcher; /* NULL: none */
    bool is_cut;
    struct buffer problem; /* the body, where the answer is an error */
    size_t problem_sent;
};

void answer_disposition(const char *file_name, char text[DISPOSITION_SIZE])
{
    size_t used = (size_t)snprintf(text, DISPOSITION_SIZE, "attachment; filename=\"");
    size_t first = used;

    for (const unsigned char *c = (const unsigned char *)file_name; *c && used < DISPOSITION_SIZE - 2; c++) {
        bool plain = *c > 0x20 && *c < 0x7f && !strchr("\"\\/:*?<>|%;", *c) && !(*c == '.' && used == first);
        text[used++] = plain ? (char)*c : '_';
    }
    text[used++] = '"';
    text[used] = 0;
}

static void add_headers(struct http_exchange *exchange, const struct fields *fields)
{
    for (size_t i = 0; i < fields->count; i++)
        if (strncmp(fields->items[i].name, "x:", 2) == 0)
            http_header(exchange, fields->items[i].name + 2, fields->items[i].value);
}

/* What another instance said, if it is its answer; and events never end. */
static void set_status(const struct fields *fields, struct http_source_head *head)
{
    const char *status = fields_get(fields, "status");
    uint64_t number;

    if (status && parse_u64(status, &number) == 0 && number >= 200 && number < 600)
        head->status = (unsigned)number;
    if (status && head->type && strncmp(head->type, "text/event-stream", 17) == 0)
        head->stall_ms = EVENTS_STALL_MS;
}

static int begin_error(struct answer_source *source, struct http_exchange *exchange,
                       struct http_source_head *ret_head)
{
    const struct answer_message *message = &source->reader.message;
    const char *text = fields_get(&message->fields, "message");
    unsigned status = problem_status_in(source->form, message->code), retry = problem_retry_after(status);
    int r;

    if (!text || !*text)
        text = problem_title(status);
    if (status == 500)
        log_warning("%s: %s", http_exchange_target(exchange), text);
    add_headers(exchange, &message->fields);
    source->problem.limit = 64 * 1024;
    r = problem_write(source->form, status, text, &source->problem);
    if (r < 0)
        return r;
    if (retry > 0) {
        char seconds[16];
        (void)snprintf(seconds, sizeof seconds, "%u", retry); /* fits */
        http_header(exchange, "Retry-After", seconds);
    }
    *ret_head = (struct http_source_head){
        .status = status, .type = problem_type(source->form), .length = (int64_t)source->problem.size};
    return 0;
}

/* Keeps in mind that it stopped short; what it was stays. */
static int cut(struct answer_source *source, ssize_t n)
{
    source->is_cut = source->is_cut || (n < 0 && n != -EAGAIN);
    return (int)n; /* a block is far smaller than an int */
}

static enum answer_end end_of(const struct answer_source *source)
{
    if (source->is_cut)
        return ANSWER_CUT;
    if (!source->reader.has_message)
        return ANSWER_LEFT;
    if (source->reader.message.code != 0)
        return ANSWER_REFUSED;
    return source->reader.ended ? ANSWER_WHOLE : ANSWER_LEFT;
}

static int source_head(struct http_source *base, struct http_exchange *exchange,
                       struct http_source_head *ret_head)
{
    struct answer_source *source = (struct answer_source *)base;
    const struct fields *fields = &source->reader.message.fields;
    const char *file;
    int r = answer_reader_head(&source->reader);

    if (r < 0)
        return r == -EAGAIN ? r : cut(source, r);
    if (source->watcher)
        source->watcher->head(source->watcher, &source->reader.message);
    if (source->reader.message.code != 0)
        return begin_error(source, exchange, ret_head);
    file = fields_get(fields, "file");
    if (file && *file) {
        char disposition[DISPOSITION_SIZE];
        answer_disposition(file, disposition);
        http_header(exchange, "Content-Disposition", disposition);
    }
    add_headers(exchange, fields);
    *ret_head = (struct http_source_head){.status = source->status,
                                          .type = fields_get(fields, "type"),
                                          .length = source->reader.message.length};
    set_status(fields, ret_head);
    return 0;
}

static ssize_t source_read(struct http_source *base, void *bytes, size_t size)
{
    struct answer_source *source = (struct answer_source *)base;
    size_t left = source->problem.size - source->problem_sent;

    if (source->reader.message.code == 0)
        return cut(source, answer_reader_read(&source->reader, bytes, size));
    if (left > size)
        left = size;
    memcpy(bytes, source->problem.data + source->problem_sent, left);
    source->problem_sent += left;
    return (ssize_t)left;
}

static ssize_t source_move(struct http_source *base, int pipe, size_t size)
{
    struct answer_source *source = (struct answer_source *)base;

    return cut(source, answer_reader_move(&source->reader, pipe, size));
}

static void source_free(struct http_source *base)
{
    struct answer_source *source = (struct answer_source *)base;

    if (source->watcher)
        source->watcher->end(source->watcher, end_of(source));
    answer_reader_release(&source->reader);
    buffer_release(&source->problem);
    free(source);
}

int answer_source_start(struct http_exchange *exchange, int answer_fd, unsigned status,
                        struct answer_watcher *watcher)
{
    static const struct http_source_ops ops = {
        .head = source_head, .read = source_read, .move = source_move, .free = source_free};
    struct answer_source *source = calloc(1, sizeof *source);

    if (!source) {
        (void)fd_close(answer_fd);
        return -ENOMEM;
    }
    source->base = (struct http_source){.ops = &ops, .fd = answer_fd};
    source->reader = ANSWER_READER_INIT(answer_fd);
    source->status = status;
    source->watcher = watcher;
    source->form = http_exchange_problem_form(exchange);
    http_answer_source(exchange, &source->base);
    return 0;
}
