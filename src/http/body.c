#include "http/body.h"

#include <errno.h>
#include <string.h>

void request_body_release(struct request_body *body, size_t *all)
{
    *all -= body->kept.size;
    buffer_release(&body->kept);
    body->kept.size = 0;
}

/* Who wants none is not told that it could not be kept. */
bool request_body_take(struct request_body *body, const char *bytes, size_t *size, size_t *all)
{
    size_t more = *size;
    int r;

    *size = 0;
    body->seen += more;
    if (!body->is_wanted || body->lost)
        return body->seen <= BODY_MAX;
    if (body->seen > BODY_KEPT)
        r = -EFBIG;
    else if (more > BODIES_KEPT - *all)
        r = -EAGAIN;
    else
        r = buffer_append(&body->kept, bytes, more);
    if (r == 0) {
        *all += more;
    } else {
        request_body_release(body, all);
        body->lost = -r;
    }
    return body->seen <= BODY_MAX;
}

int request_body_text(const struct request_body *body, const char **ret_text, struct error *error)
{
    if (body->lost == EFBIG)
        return error_set(error, EFBIG, "The request's body is larger than %d bytes.", BODY_KEPT);
    if (body->lost)
        return error_set(error, EAGAIN, "There are too many requests with a body; try again in a moment.");
    if (body->kept.size > 0 && memchr(body->kept.data, '\0', body->kept.size))
        return error_set(error, EINVAL, "The request's body is no text.");
    *ret_text = body->kept.size > 0 ? body->kept.data : NULL; /* a buffer ends with a NUL */
    return 0;
}
