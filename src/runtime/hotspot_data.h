/* The performance data of a HotSpot virtual machine: a file below /tmp/hsperfdata_USER that it has mapped and
 * writes its figures into, which is read here without asking it. It is the program's own, so it may be
 * anything. -XX:-UsePerfData: there is none.
 *
 * Form: jdk src/hotspot/share/runtime/perfMemory.hpp (PerfDataPrologue, PerfDataEntry). In the byte order of
 * the machine, except for the magic number. */
#pragma once

#include "proc/maps.h"
#include "proc/pidref.h"

#include <stdint.h>

enum { HOTSPOT_DATA_MOST = 1024 * 1024 }; /* bytes; 32 KiB, unless it was told otherwise */

struct hotspot_data {
    int fd; /* -1: there is none */
    char *bytes;
    size_t size; /* of what was read last */
};

#define HOTSPOT_DATA_INIT ((struct hotspot_data){.fd = -1})

/* By the mappings of the process, which is inner_pid in its own namespace. -ENOENT: it has no such file. */
int hotspot_data_open(const struct pidref *process, const struct map_list *maps, pid_t inner_pid,
                      struct hotspot_data *ret_data) _must_check_;
void hotspot_data_release(struct hotspot_data *data);
#define _cleanup_hotspot_data_ _cleanup_(hotspot_data_release)

/* Reads what it says now. */
int hotspot_data_read(struct hotspot_data *data) _must_check_;

/* -ENOENT: there is no such figure, or it is no number. */
int hotspot_data_number(const struct hotspot_data *data, const char *name, int64_t *ret_value) _must_check_;
/* At most size - 1 bytes of a text. Likewise. */
int hotspot_data_text(const struct hotspot_data *data, const char *name, char *ret_text,
                      size_t size) _must_check_;
