#include "base/clock.h"

#include <time.h>

static uint64_t now(clockid_t which)
{
    struct timespec at;
    (void)clock_gettime(which, &at); /* can't fail for these clocks */
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
    return now(CLOCK_MONOTONIC);
}

uint64_t clock_thread_ns(void)
{
    return now(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t clock_monotonic_ms(void)
{
    return now(CLOCK_MONOTONIC) / 1000000u;
}

int64_t clock_realtime_ns(void)
{
    return (int64_t)now(CLOCK_REALTIME);
}
