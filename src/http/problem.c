#include "http/problem.h"

#include "base/json.h"

#include <errno.h>

static const struct {
    unsigned status;
    const char *title, *arm_code;
} statuses[] = {
    {400, "Bad Request", "BadRequest"},
    {401, "Unauthorized", "Unauthorized"},
    {403, "Forbidden", "Forbidden"},
    {404, "Not Found", "NotFound"},
    {405, "Method Not Allowed", "MethodNotAllowed"},
    {409, "Conflict", "Conflict"},
    {413, "Content Too Large", "RequestEntityTooLarge"},
    {414, "URI Too Long", "RequestUriTooLong"},
    {421, "Misdirected Request", "MisdirectedRequest"},
    {429, "Too Many Requests", "TooManyRequests"},
    {500, "Internal Server Error", "InternalServerError"},
    {501, "Not Implemented", "NotImplemented"},
    {502, "Bad Gateway", "BadGateway"},
    {503, "Service Unavailable", "ServiceUnavailable"},
    {504, "Gateway Timeout", "GatewayTimeout"},
};

unsigned problem_status(int code)
{
    switch (code) {
    case EINVAL:
        return 400;
    case ENOKEY:
        return 401;
    case EACCES:
    case EPERM:
        return 403;
    case ESRCH:
    case ENOENT:
        return 404;
    case EBUSY:
        return 409;
    case EFBIG:
        return 413;
    case E2BIG:
        return 414;
    case EUSERS:
        return 429;
    case EOPNOTSUPP:
        return 501;
    case EHOSTUNREACH:
        return 502;
    case EAGAIN:
        return 503;
    case ETIMEDOUT:
        return 504;
    default:
        return 500;
    }
}

unsigned problem_status_in(enum problem_form form, int code)
{
    return form == PROBLEM_MONITOR && code == ESRCH ? 400 : problem_status(code);
}

const char *problem_type(enum problem_form form)
{
    return form == PROBLEM_MONITOR ? "application/problem+json" : "application/json; charset=utf-8";
}

const char *problem_title(unsigned status)
{
    for (size_t i = 0; i < ELEMENTS_OF(statuses); i++) {
        if (statuses[i].status == status)
            return statuses[i].title;
    }
    return "Error";
}

const char *problem_arm_code(unsigned status)
{
    for (size_t i = 0; i < ELEMENTS_OF(statuses); i++) {
        if (statuses[i].status == status)
            return statuses[i].arm_code;
    }
    return "Error";
}

unsigned problem_retry_after(unsigned status)
{
    return status == 429 || status == 503 ? 1 : 0;
}

int problem_write(enum problem_form form, unsigned status, const char *message, struct buffer *out)
{
    struct json json = JSON_INIT(out);

    json_object_begin(&json);
    if (form == PROBLEM_ARM) {
        json_key(&json, "error");
        json_object_begin(&json);
        json_member_string(&json, "code", problem_arm_code(status));
        json_member_string(&json, "message", message);
        json_object_end(&json);
    } else {
        if (form == PROBLEM_KUDU)
            json_member_string(&json, "Message", message);
        json_member_string(&json, "type", "about:blank"); /* RFC 9457: the status says what it is */
        json_member_string(&json, "title", problem_title(status));
        json_member_u64(&json, "status", status);
        json_member_string(&json, "detail", message);
    }
    json_object_end(&json);
    return json_finish(&json);
}
