/* How busy the machine is: /proc/stat, meminfo, loadavg and pressure (Linux 4.20, where it is not turned
 * off). In a container these are the machine's, not the container's. */
#pragma once

#include "proc/procfs.h"

struct host_load {
    uint64_t busy_ticks, all_ticks; /* of all processors together, since boot; guests count once */
    unsigned processors;            /* that are online */
    int64_t memory_total, memory_available, swap_total, swap_free; /* bytes; -1 unknown */
    double load;                                                   /* of one minute; -1 unknown */
    /* per cent of the last 10 s in which somebody waited for it; -1 unknown */
    double cpu_pressure, memory_pressure, io_pressure;
};

/* Only /proc/stat is a must; whatever else can't be read is unknown. */
int host_load_read(const struct procfs *procfs, struct host_load *ret_load) _must_check_;

/* Parts of it, for tests. The text must be NUL-terminated. */
int host_load_parse_stat(const char *text, struct host_load *load) _must_check_; /* -EBADMSG */
void host_load_parse_memory(const char *text, struct host_load *load);
double host_load_parse_pressure(const char *text); /* of a file in /proc/pressure */
