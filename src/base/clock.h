/* Time. Monotonic nanoseconds for durations and deadlines; wall time only for what a person or a file is
 * told. */
#pragma once

#include <stdint.h>

uint64_t clock_monotonic_ns(void);
uint64_t clock_monotonic_ms(void);
uint64_t clock_thread_ns(void);  /* processor time of this thread */
int64_t clock_realtime_ns(void); /* since 1970, UTC */
