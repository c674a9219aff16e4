/* The images that somebody uses, and as many of the others as are worth their memory. Private to image.c. */
#pragma once

#include "unwind/image.h"

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

/* Which file it is, by what the kernel says of it: a build id is the file's own word. All bytes count. */
struct image_key {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

/* Embedded in an image. */
struct image_cached {
    struct image_key key;
    struct image_cached *next, *previous; /* the last used first */
    size_t references, size;              /* bytes, as estimated when the last reference went */
    bool is_kept;                         /* in the list */
};

struct image_cached *
image_cache_find(const struct image_key *key); /* NULL: not there. No reference is taken */
void image_cache_add(struct image_cached *image);
void image_cache_use(struct image_cached *image); /* it is the last used now */
void image_cache_remove(struct image_cached *image);
/* The least recently used of those without references, if they are more than may be; NULL: they are not. */
struct image_cached *image_cache_excess(void);
struct image_cached *image_cache_unused(void); /* the same of any; NULL: all have references */
