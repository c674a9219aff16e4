#include "cmd/format.h"

#include "base/parse.h"

#include <inttypes.h>
#include <string.h>

/* Results of snprintf are ignored in this file on purpose: every form fits FORMAT_SIZE. */

void format_bytes(int64_t bytes, char text[FORMAT_SIZE])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    text[0] = '\0';
    if (bytes < 0)
        return;
    if (bytes < 1024) {
        (void)snprintf(text, FORMAT_SIZE, "%" PRId64 " B", bytes);
        return;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    while (value >= 1023.95 && unit + 1 < ELEMENTS_OF(units))
        value /= 1024, unit++;
    (void)snprintf(text, FORMAT_SIZE, "%.1f %s", value, units[unit]);
}

void format_duration_ns(uint64_t ns, char text[FORMAT_SIZE])
{
    uint64_t s = ns / 1000000000;
    if (ns < 1000000)
        (void)snprintf(text, FORMAT_SIZE, "%" PRIu64 " us", ns / 1000);
    else if (ns < 1000000000)
        (void)snprintf(text, FORMAT_SIZE, "%" PRIu64 " ms", ns / 1000000);
    else if (s < 60)
        (void)snprintf(text, FORMAT_SIZE, "%" PRIu64 ".%02" PRIu64 " s", s, ns / 10000000 % 100);
    else if (s < 3600)
        (void)snprintf(text, FORMAT_SIZE, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
    else if (s < 86400)
        (void)snprintf(text, FORMAT_SIZE, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
    else
        (void)snprintf(text, FORMAT_SIZE, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
}

bool format_time_span(const char *kudu, char text[FORMAT_SIZE])
{
    const char *cursor = kudu, *end = kudu + strlen(kudu);
    uint64_t days = 0, hours, minutes, seconds, fraction = 0;
    if (!scan_u64(&cursor, end, &hours))
        return false;
    if (scan_char(&cursor, end, '.')) {
        days = hours;
        if (!scan_u64(&cursor, end, &hours))
            return false;
    }
    if (!scan_char(&cursor, end, ':') || !scan_u64(&cursor, end, &minutes) || !scan_char(&cursor, end, ':') ||
        !scan_u64(&cursor, end, &seconds))
        return false;
    if (scan_char(&cursor, end, '.') && (end - cursor != 7 || !scan_u64(&cursor, end, &fraction)))
        return false;
    if (cursor != end || days > 1000000 || hours > 23 || minutes > 59 || seconds > 59)
        return false;
    uint64_t total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
    if (total == 0 && fraction == 0)
        (void)snprintf(text, FORMAT_SIZE, "0 s");
    else
        format_duration_ns(total * 1000000000 + fraction * 100, text);
    return true;
}

void format_date(const char *kudu, char text[FORMAT_SIZE])
{
    size_t size = strlen(kudu);
    if (size >= 20 && kudu[10] == 'T' && kudu[size - 1] == 'Z')
        (void)snprintf(text, FORMAT_SIZE, "%.10s %.8s UTC", kudu, kudu + 11);
    else
        (void)snprintf(text, FORMAT_SIZE, "%s", kudu);
}
