/* Which event a thread is sampled by, where it may be by two: its own, and one that it has inherited from the
 * thread that bore it while events were still being opened. Private to src/perf. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct perf_owners;

/* NULL: no memory. period_ns: between two samples. */
struct perf_owners *perf_owners_new(uint64_t period_ns);
void perf_owners_free(struct perf_owners *owners); /* accepts NULL */

/* Whether to count the sample that event id took of the thread on that processor. */
bool perf_owners_count(struct perf_owners *owners, pid_t tid, int processor, uint64_t id, uint64_t time_ns);
