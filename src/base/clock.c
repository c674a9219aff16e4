#include "base/clock.h"

#include <errno.h>
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

int clock_left_ms(uint64_t until_ms, int most_ms)
{
    uint64_t now_ms = clock_monotonic_ms();

    if (until_ms == 0)
        return most_ms;
    if (now_ms >= until_ms)
        return -ETIMEDOUT;
    return until_ms - now_ms < (uint64_t)most_ms ? (int)(until_ms - now_ms) : most_ms;
}
