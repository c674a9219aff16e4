#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static enum log_level most_detailed = LOG_LEVEL_INFO;
static char program_name[32] = "procscope";

void log_configure(enum log_level most, const char *program)
{
    most_detailed = most;
    (void)snprintf(program_name, sizeof program_name, "%s", program);
}

void log_write(enum log_level level, const char *format, ...)
{
    char text[1024], line[sizeof text * 4 + 64];
    size_t used;
    va_list arguments;
    int saved = errno;

    if (level > most_detailed)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* a long line is cut */
    va_end(arguments);

    if (getenv("JOURNAL_STREAM"))
        used = (size_t)snprintf(line, sizeof line, "<%d>%s: ", (int)level, program_name);
    else
        used = (size_t)snprintf(line, sizeof line, "%s: ", program_name);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f)
            used += (size_t)snprintf(line + used, sizeof line - used, "\\x%02x", *c);
        else
            line[used++] = (char)*c;
    }
    line[used++] = '\n';
    if (write(STDERR_FILENO, line, used) < 0) {
        /* nowhere left to say it */
    }
    errno = saved;
}
