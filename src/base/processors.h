/* How many threads of ours can run at once. */
#pragma once

/* The processors that the scheduler lets us use, or fewer where a quota of our cgroup or of one above it
 * (cpu.max) gives less time than that: rounded up, at least 1. */
unsigned processors_available(void);

/* The same of made-up cgroups: own is the text of /proc/self/cgroup, root the directory where the unified
 * hierarchy is mounted, or a copy of one. 0: no quota. For tests. */
unsigned processors_of_quota(const char *own, int root_fd);
