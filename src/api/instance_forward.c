#include "api/instance_forward.h"

#include "api/answer_source.h"
#include "api/arm.h"
#include "api/ask.h"

#include <errno.h>
#include <string.h>

void instance_cookie(const struct caller *caller, const char *id, char text[INSTANCE_COOKIE_SIZE])
{
    (void)snprintf(text, INSTANCE_COOKIE_SIZE, INSTANCE_COOKIE "=%s; Path=%s/; HttpOnly; SameSite=Lax%s", id,
                   caller->config->path_prefix, *id ? "" : "; Max-Age=0"); /* cut: no cookie */
}

/* What of the client's headers the other one is to see. Who he is, is not among them: that is signed. */
static int add_headers(struct http_exchange *exchange, struct request *request)
{
    static const char *const passed[] = {
        "Accept", "Accept-Encoding", "If-None-Match",     "If-Modified-Since",      "Last-Event-ID",
        "Range",  "Referer",         "x-ms-geo-location", "x-ms-client-request-id", "Content-Type"};
    int r = 0;

    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(passed); i++) {
        const char *value = http_exchange_header(exchange, passed[i]);
        char name[48];
        (void)snprintf(name, sizeof name, "h:%s", passed[i]); /* fits */
        if (value)
            r = fields_add(&request->arguments, name, value);
    }
    return r;
}

static int add_body(const struct http_exchange *exchange, struct request *request, struct error *error)
{
    const char *body;
    int r = http_exchange_body(exchange, &body, error);

    return r < 0 || !body ? r : fields_add(&request->arguments, "body", body);
}

static int fill(const struct caller *caller, struct http_exchange *exchange, const char *id,
                const char *target, bool remembers, const char *method, struct request *request,
                struct error *error)
{
    struct request with_base = {0};
    char cookie[INSTANCE_COOKIE_SIZE];
    int r = call_set_base(caller, exchange, "", 0, &with_base, error);

    if (r < 0)
        return r;
    r = fields_add(&request->arguments, "instance", id);
    if (r == 0)
        r = fields_add(&request->arguments, "method", method);
    if (r == 0)
        r = fields_add(&request->arguments, "target", target);
    if (r == 0)
        r = fields_add(&request->arguments, "base", with_base.base);
    /* one that names an instance which nobody knows any more would keep the client from all others */
    instance_cookie(caller, "", cookie);
    if (r == 0 && http_exchange_header(exchange, "Cookie"))
        r = fields_add(&request->arguments, "forget", cookie);
    instance_cookie(caller, id, cookie);
    if (r == 0 && remembers)
        r = fields_add(&request->arguments, "remember", cookie);
    request->for_reader = arm_is_for_reader(caller, exchange);
    if (r == 0)
        r = add_body(exchange, request, error);
    return r < 0 ? r : add_headers(exchange, request);
}

void instance_forward(const struct caller *caller, struct http_exchange *exchange, const char *id,
                      const char *target, bool remembers, const char *operation)
{
    _cleanup_request_ struct request request = {.operation = "forward"};
    enum http_method method = http_exchange_method(exchange);
    struct error error = {0};
    int fd, r;

    if (!(method & (HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_DELETE))) {
        http_header(exchange, "Allow", "GET, HEAD, POST, DELETE");
        http_answer_problem(exchange, 405, "The requested resource does not support this method.");
        return;
    }
    r = fill(caller, exchange, id, target, remembers, http_method_name(method), &request, &error);
    if (r == 0 && operation)
        r = fields_add(&request.arguments, "operation", operation);
    if (r == 0)
        r = ask_inspector(caller->channel, exchange, &request, &fd, &error);
    if (r == 0)
        r = answer_source_start(exchange, fd, 200, NULL);
    if (r < 0) {
        (void)error_ensure(&error, r, "The request could not be passed on");
        http_answer_error(exchange, &error);
    }
}
