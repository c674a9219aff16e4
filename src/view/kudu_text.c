#include "view/kudu.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { NS_PER_TICK = 100, TICKS_PER_SECOND = 10000000, SECONDS_PER_DAY = 86400 };

void kudu_date(int64_t ns_since_1970, char text[KUDU_TIME_SIZE])
{
    int64_t ticks = ns_since_1970 / NS_PER_TICK - (ns_since_1970 % NS_PER_TICK < 0);
    int64_t fraction = ticks % TICKS_PER_SECOND;
    struct tm parts;

    if (fraction < 0)
        fraction += TICKS_PER_SECOND;
    time_t seconds = (time_t)((ticks - fraction) / TICKS_PER_SECOND);
    (void)gmtime_r(&seconds, &parts); /* 64 bits of nanoseconds stay within the years 1677 to 2262 */
    (void)snprintf(text, KUDU_TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%07" PRId64 "Z", parts.tm_year + 1900,
                   parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                   fraction); /* fits for every value */
}

/* .NET's constant ("c") form: the fraction is there, with all 7 digits, only when it is not 0. */
void kudu_time_span(int64_t ns, char text[KUDU_TIME_SIZE])
{
    int64_t ticks = ns / NS_PER_TICK;
    uint64_t size = ticks < 0 ? -(uint64_t)ticks : (uint64_t)ticks;
    uint64_t fraction = size % TICKS_PER_SECOND, seconds = size / TICKS_PER_SECOND;
    uint64_t days = seconds / SECONDS_PER_DAY;
    char day_text[24] = "", fraction_text[12] = "";

    seconds %= SECONDS_PER_DAY;
    if (days > 0)
        (void)snprintf(day_text, sizeof day_text, "%" PRIu64 ".", days); /* at most 106751 days */
    if (fraction > 0)
        (void)snprintf(fraction_text, sizeof fraction_text, ".%07" PRIu64, fraction); /* 8 characters */
    (void)snprintf(text, KUDU_TIME_SIZE, "%s%s%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 "%s",
                   ticks < 0 ? "-" : "", day_text, seconds / 3600, seconds / 60 % 60, seconds % 60,
                   fraction_text); /* fits: the longest is 26 characters */
}
