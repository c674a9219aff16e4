#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

int error_set(struct error *error, int code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        error->code = code;
        va_start(arguments, format);
        (void)vsnprintf(error->text, sizeof error->text, format, arguments); /* cutting is what we want */
        va_end(arguments);
    }
    return -code;
}

int error_errno(struct error *error, int code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        size_t used;
        error->code = code;
        va_start(arguments, format);
        (void)vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
        used = strlen(error->text);
        (void)snprintf(error->text + used, sizeof error->text - used, ": %s.", strerror(code));
    }
    return -code;
}

int error_ensure(struct error *error, int r, const char *what)
{
    if (error && r < 0 && error->code != -r)
        (void)error_errno(error, -r, "%s", what);
    return r;
}
