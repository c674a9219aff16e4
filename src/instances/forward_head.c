#include "instances/forward_head.h"

#include "base/parse.h"

#include <string.h>
#include <strings.h>

enum { VALUE_MAX = 8 * 1024, HEADERS_MAX = 20 };

void forward_head_release(struct forward_head *head)
{
    fields_release(&head->fields);
    *head = (struct forward_head){.length = -1};
}

static bool is_passed(const char *name)
{
    static const char *const names[] = {"Content-Disposition",
                                        "Content-Encoding",
                                        "Cache-Control",
                                        "ETag",
                                        "Last-Modified",
                                        "Location",
                                        "Retry-After",
                                        "Vary",
                                        "Allow",
                                        "Content-Security-Policy",
                                        "Referrer-Policy",
                                        "Operation-Location",
                                        "X-Accel-Buffering"};

    static const char *const ours[] = {"X-Dump-", "X-Gcdump-", "X-Heap-", "X-Metrics-", "X-Profile-"};

    /* a proxy before us would act on others: X-Accel-Redirect, X-Sendfile */
    for (size_t i = 0; i < ELEMENTS_OF(ours); i++)
        if (strncasecmp(name, ours[i], strlen(ours[i])) == 0)
            return true;
    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static void take(struct forward_head *head, const char *name, const char *value)
{
    uint64_t length;
    char field[96];

    if (strcasecmp(name, "Content-Length") == 0) {
        if (parse_u64(value, &length) == 0 && length <= INT64_MAX)
            head->length = (int64_t)length;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        head->is_chunked = true;
    } else if (strcasecmp(name, "Content-Type") == 0) {
        (void)!fields_add(&head->fields, "type", value); /* no memory: the answer goes on without */
    } else if (is_passed(name) && head->fields.count < HEADERS_MAX && strlen(name) < sizeof field - 2) {
        (void)snprintf(field, sizeof field, "x:%s", name); /* fits */
        (void)!fields_add(&head->fields, field, value);    /* likewise */
    }
}

void forward_head_line(struct forward_head *head, const char *line, size_t size)
{
    _cleanup_free_ char *name = NULL;
    const char *colon = memchr(line, ':', size);
    size_t from, end = size;
    char *value;

    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        forward_head_release(head);
        return;
    }
    if (!colon || size > VALUE_MAX)
        return;
    while (end > 0 && strchr("\r\n \t", line[end - 1]))
        end--;
    from = (size_t)(colon - line) + 1;
    while (from < end && (line[from] == ' ' || line[from] == '\t'))
        from++;
    name = strndup(line, end);
    if (!name || from > end || strlen(name) != end) /* a NUL has no place there */
        return;
    name[colon - line] = 0;
    value = name + from;
    take(head, name, value);
}
