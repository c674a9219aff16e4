#include "api/permit.h"

#include "api/ask.h"

#include <errno.h>

/* Waits for the inspector's word. */
struct permit {
    struct http_source base; /* first */
    struct answer_reader reader;
    permit_function *answer;
    void *context;
    size_t first;
    struct buffer said;
};

static void answer_now(struct permit *permit, struct http_exchange *exchange)
{
    const struct answer_message *message = &permit->reader.message;
    _cleanup_target_ struct target target = {0};
    struct error error = {.code = message->code};
    const char *text = fields_get(&message->fields, "message");

    if (error.code != 0)
        (void)snprintf(error.text, sizeof error.text, "%s",
                       text ? text : "You may not ask for this."); /* cut */
    else if (target_parse(http_exchange_target(exchange), &target, &error) == 0)
        permit->answer(permit->context, exchange, &target, permit->first, &permit->said);
    if (error.code != 0)
        http_answer_error(exchange, &error);
}

/* -EAGAIN: it is not all there. */
static int take_body(struct permit *permit)
{
    char bytes[4096];
    ssize_t n;

    permit->said.limit = LIMIT_METRICS;
    while ((n = answer_reader_read(&permit->reader, bytes, sizeof bytes)) > 0) {
        int r = buffer_append(&permit->said, bytes, (size_t)n);
        if (r < 0)
            return r;
    }
    return (int)n;
}

static int permit_head(struct http_source *base, struct http_exchange *exchange,
                       struct http_source_head *ret_head)
{
    struct permit *permit = (struct permit *)base;
    int r = answer_reader_head(&permit->reader);

    (void)ret_head; /* the answer is another's */
    if (r == 0 && permit->reader.message.code == 0)
        r = take_body(permit);
    if (r < 0)
        return r;
    answer_now(permit, exchange);
    return -EAGAIN;
}

static ssize_t permit_read(struct http_source *base, void *bytes, size_t size)
{
    (void)base, (void)bytes, (void)size;
    return -EPIPE; /* it never has a body */
}

static void permit_free(struct http_source *base)
{
    struct permit *permit = (struct permit *)base;

    answer_reader_release(&permit->reader);
    buffer_release(&permit->said);
    free(permit);
}

int permit_ask(const struct caller *caller, struct http_exchange *exchange, const struct operation *operation,
               size_t first, permit_function *answer, void *context, struct error *error)
{
    static const struct http_source_ops ops = {.head = permit_head, .read = permit_read, .free = permit_free};
    _cleanup_request_ struct request request = {0};
    struct permit *permit = calloc(1, sizeof *permit);
    int fd = -1, r = permit ? 0 : -ENOMEM;

    (void)snprintf(request.operation, sizeof request.operation, "%s", operation->name); /* fits: our own */
    if (r == 0)
        r = ask_inspector(caller->channel, exchange, &request, &fd, error);
    if (r < 0) {
        free(permit);
        return error_ensure(error, r, "The request could not be passed on");
    }
    *permit = (struct permit){.base = {.ops = &ops, .fd = fd},
                              .reader = ANSWER_READER_INIT(fd),
                              .answer = answer,
                              .context = context,
                              .first = first};
    http_answer_source(exchange, &permit->base);
    return 0;
}
