/* Facts of the machine that don't change while it runs. */
#pragma once

#include "proc/procfs.h"

struct host {
    int64_t boot_time_ns; /* wall clock at boot, since 1970 */
    uint64_t ticks_per_second;
    uint64_t page_size;
    char name[65];     /* host name */
    char version[256]; /* uname: "Linux 6.1.0 #1 SMP ... x86_64" */
};

int host_read(const struct procfs *procfs, struct host *ret_host) _must_check_;
int64_t host_time_of_ticks(const struct host *host, uint64_t ticks_since_boot); /* ns since 1970 */
