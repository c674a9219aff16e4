/* /proc/PID/maps: the mappings in address order. Read whole; a torn read (order or overlap wrong) is done
 * again. */
#pragma once

#include "base/buffer.h"

#include <stdbool.h>
#include <sys/types.h>

enum map_permission { MAP_READ = 1, MAP_WRITE = 2, MAP_EXECUTE = 4, MAP_IS_SHARED = 8 };

struct map {
    uint64_t start, end, offset; /* bytes; end is behind the last */
    unsigned permissions;
    dev_t device;
    ino_t inode;
    const char *path; /* newlines unescaped, " (deleted)" taken off; "" anonymous; "[heap]" and such as they
                         are. Owned by the list */
    bool deleted;
};

struct map_list {
    struct map *items;
    size_t count, capacity;
    struct buffer paths; /* what the paths point into, or the text itself */
};

void map_list_release(struct map_list *list);
#define _cleanup_map_list_ _cleanup_(map_list_release)

/* Lines that are out of order, overlap the one before or are no mapping are left out; -EBADMSG where nothing
 * is left. */
int maps_parse(const char *text, size_t size, struct map_list *ret_list) _must_check_;
/* directory_fd: /proc/PID. ret_list must be empty. ret_text (may be NULL) gets the file's text as it was
 * read. */
int maps_read(int directory_fd, struct map_list *ret_list, struct buffer *ret_text) _must_check_;
const struct map *maps_find(const struct map_list *list, uint64_t address); /* NULL: not mapped */
