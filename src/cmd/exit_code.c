#include "cmd/exit_code.h"

#include "base/text.h"

#include <stdarg.h>

static const struct {
    int code;
    long status; /* of HTTP; 0: none stands for it */
    enum exit_code exit;
} meanings[] = {
    {EINVAL, 400, EXIT_USAGE},
    {EACCES, 403, EXIT_DENIED},
    {EPERM, 0, EXIT_DENIED},
    {ENOKEY, 401, EXIT_DENIED},
    {ESRCH, 404, EXIT_NOT_RUNNING},
    {ENOENT, 0, EXIT_NOT_RUNNING},
    {EBUSY, 409, EXIT_BUSY},
    {EFBIG, 413, EXIT_TOO_LARGE},
    {EUSERS, 429, EXIT_LATER},
    {EOPNOTSUPP, 501, EXIT_FAILED},
    {EAGAIN, 503, EXIT_LATER},
    {ETIMEDOUT, 504, EXIT_LATER},
    {EHOSTUNREACH, 502, EXIT_UNREACHABLE},

    {CODE_UNREACHABLE, 0, EXIT_UNREACHABLE},
    {CODE_CUT, 0, EXIT_CUT},
};

int exit_code_of(int code)
{
    if (code == 0)
        return EXIT_GOOD;
    for (size_t i = 0; i < ELEMENTS_OF(meanings); i++)
        if (meanings[i].code == code)
            return meanings[i].exit;
    return EXIT_FAILED;
}

int exit_errno_of_status(long status)
{
    if (status >= 200 && status < 300)
        return 0;
    for (size_t i = 0; i < ELEMENTS_OF(meanings); i++)
        if (status && meanings[i].status == status)
            return meanings[i].code;
    return EIO;
}

static void complain_text(const char *text)
{
    _cleanup_buffer_ struct buffer shown = BUFFER_INIT(0);
    if (text_escape(text, &shown) < 0)
        return; /* out of memory for one line: the exit code still tells */
    (void)fprintf(stderr, "procscope: %s\n", buffer_string(&shown)); /* nobody is left to tell */
}

int complain(const struct error *error)
{
    complain_text(error->text);
    return exit_code_of(error->code ? error->code : EIO);
}

int complain_usage(const char *format, ...)
{
    struct error error = {.code = EINVAL};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error.text, sizeof error.text, format, arguments); /* a cut sentence still tells */
    va_end(arguments);
    return complain(&error);
}
