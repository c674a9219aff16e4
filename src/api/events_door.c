#include "api/events_door.h"

#include "api/ask.h"
#include "base/parse.h"

#include <errno.h>

/* Waits for the inspector's word. */
struct knock {
    struct http_source base; /* first */
    struct events_door *door;
    struct answer_reader reader;
};

void events_door_init(struct events_door *door, const struct config *config, int channel)
{
    *door = (struct events_door){0};
    for (enum role role = ROLE_READER; role <= ROLE_ADMIN; role++)
        door->of_role[role] = (struct events){.config = config, .channel = channel};
}

void events_door_set_server(struct events_door *door, struct http_server *server)
{
    for (enum role role = ROLE_READER; role <= ROLE_ADMIN; role++)
        door->of_role[role].server = server;
}

void events_door_release(struct events_door *door)
{
    for (enum role role = ROLE_READER; role <= ROLE_ADMIN; role++)
        events_release(&door->of_role[role]);
}

void events_door_stop(struct events_door *door)
{
    for (enum role role = ROLE_READER; role <= ROLE_ADMIN; role++)
        events_stop(&door->of_role[role]);
}

static size_t count_viewers(const struct events_door *door)
{
    size_t count = 0;

    for (enum role role = ROLE_READER; role <= ROLE_ADMIN; role++)
        count += door->of_role[role].viewer_count;
    return count;
}

static void let_in(struct events_door *door, struct http_exchange *exchange, const struct fields *fields)
{
    const char *role_text = fields_get(fields, "x:X-Role"), *expires_text = fields_get(fields, "x:X-Expires");
    uint64_t most = door->of_role[ROLE_READER].config->viewers;
    enum role role = ROLE_NONE;
    int64_t expires = 0;

    if (!role_text || role_parse(role_text, &role) < 0 || role == ROLE_NONE || !expires_text ||
        parse_i64(expires_text, &expires) < 0) {
        http_answer_problem(exchange, 500, "The inspector did not say who watches.");
    } else if (http_exchange_method(exchange) == HTTP_HEAD) {
        http_answer_static(exchange, 200, "text/event-stream; charset=utf-8", "", 0);
    } else if (count_viewers(door) >= most) {
        struct error error = {0};
        (void)error_set(&error, EUSERS,
                        "%zu viewers watch the processes already, which is the limit (viewers).",
                        count_viewers(door)); /* the code is in it */
        http_answer_error(exchange, &error);
    } else {
        events_attach(&door->of_role[role], exchange, expires);
    }
}

static int knock_head(struct http_source *base, struct http_exchange *exchange,
                      struct http_source_head *ret_head)
{
    struct knock *knock = (struct knock *)base;
    int r = answer_reader_head(&knock->reader);

    (void)ret_head; /* the answer is another's */
    if (r < 0)
        return r;
    if (knock->reader.message.code == 0) {
        let_in(knock->door, exchange, &knock->reader.message.fields);
    } else {
        struct error error = {.code = knock->reader.message.code};
        const char *text = fields_get(&knock->reader.message.fields, "message");
        (void)snprintf(error.text, sizeof error.text, "%s", text ? text : "You may not watch."); /* cut */
        http_answer_error(exchange, &error);
    }
    return -EAGAIN;
}

static ssize_t knock_read(struct http_source *base, void *bytes, size_t size)
{
    (void)base, (void)bytes, (void)size;
    return -EPIPE; /* it never has a body */
}

static void knock_free(struct http_source *base)
{
    answer_reader_release(&((struct knock *)base)->reader);
    free(base);
}

void events_door_handle(struct events_door *door, struct http_exchange *exchange)
{
    static const struct http_source_ops ops = {.head = knock_head, .read = knock_read, .free = knock_free};
    _cleanup_request_ struct request request = {.operation = "events", .head_only = true};
    struct knock *knock = calloc(1, sizeof *knock);
    struct error error = {0};
    int fd = -1, r = knock ? 0 : error_errno(&error, ENOMEM, "The events could not be begun");

    if (r == 0)
        r = ask_inspector(door->of_role[ROLE_READER].channel, exchange, &request, &fd, &error);
    if (r < 0) {
        free(knock);
        http_answer_error(exchange, &error);
        return;
    }
    *knock = (struct knock){.base = {.ops = &ops, .fd = fd}, .door = door, .reader = ANSWER_READER_INIT(fd)};
    http_answer_source(exchange, &knock->base);
}
