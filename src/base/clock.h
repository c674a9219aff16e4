/* Time. Monotonic nanoseconds for durations and deadlines; wall time only for what a person or a file is
 * told. */
#pragma once

#include <stdint.h>

uint64_t clock_monotonic_ns(void);
uint64_t clock_monotonic_ms(void);
uint64_t clock_thread_ns(void);  /* processor time of this thread */
int64_t clock_realtime_ns(void); /* since 1970, UTC */

/* How long poll() may wait for what is to come until then (monotonic; 0: whenever it likes), at most most_ms.
 * -ETIMEDOUT: it is too late. */
int clock_left_ms(uint64_t until_ms, int most_ms);
