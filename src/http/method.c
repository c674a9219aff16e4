#include "http/method.h"

#include "base/cleanup.h"

#include <string.h>

static const struct {
    const char *name;
    enum http_method method;
} names[] = {
    {"GET", HTTP_GET}, {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST},
    {"PUT", HTTP_PUT}, {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS},
};

enum http_method http_method_parse(const char *text)
{
    for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
        if (strcmp(names[i].name, text) == 0)
            return names[i].method;
    }
    return HTTP_OTHER;
}

const char *http_method_name(enum http_method method)
{
    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        if (names[i].method == method)
            return names[i].name;
    return "-";
}

void http_method_allow(unsigned methods, char text[HTTP_ALLOW_SIZE])
{
    size_t used = 0;

    if (methods & HTTP_GET)
        methods |= HTTP_HEAD;
    text[0] = 0;
    for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
        if (methods & names[i].method)
            used += (size_t)snprintf(text + used, HTTP_ALLOW_SIZE - used, "%s%s", used ? ", " : "",
                                     names[i].name);
    }
}
