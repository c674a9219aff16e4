/* Request methods as bits, so that a path's methods are one mask. */
#pragma once

enum http_method {
    HTTP_GET = 1 << 0, /* HEAD is a GET without its body: routes say GET */
    HTTP_HEAD = 1 << 1,
    HTTP_POST = 1 << 2,
    HTTP_PUT = 1 << 3,
    HTTP_DELETE = 1 << 4,
    HTTP_OPTIONS = 1 << 5,
    HTTP_OTHER = 1 << 6,
};

enum http_method http_method_parse(const char *text);

/* "GET"; "-" of HTTP_OTHER. */
const char *http_method_name(enum http_method method);

enum { HTTP_ALLOW_SIZE = 64 };
/* "GET, HEAD, DELETE": what Allow says of a mask of routes' methods. */
void http_method_allow(unsigned methods, char text[HTTP_ALLOW_SIZE]);
