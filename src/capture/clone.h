/* What a capture takes from a copy-on-write clone (trace/snapshot.h) while the process runs on. Used within
 * src/capture only. */
#pragma once

#include "capture/capture.h"

/* What is kept of the mappings of before the stop: with 60,000 of them two whole lists would be too much. */
struct earlier_maps {
    struct earlier_map {
        uint64_t start, end, inode;
        dev_t device;
        unsigned permissions;
    } * items;
    size_t count;
    uint64_t hash; /* of their text */
};

int earlier_maps_keep(const struct capture *capture, bool all, struct earlier_maps *ret_earlier) _must_check_;
bool earlier_maps_same(const struct earlier_maps *earlier, const struct capture *capture); /* by the hash */
void earlier_maps_release(struct earlier_maps *earlier);

/* Fills capture->maps with the clone's, and adds those that a clone lacks (MADV_DONTFORK): they are read
 * live, through capture->overlay. capture->live gets all that is. The text of the maps is the clone's alone.
 * directory_fd: /proc/PID of the process. */
int clone_read_maps(struct capture *capture, const struct earlier_maps *earlier, int directory_fd,
                    const struct trace *trace) _must_check_;
