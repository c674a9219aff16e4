/* An ELF file for unwinding and naming: its call frame information, its functions, its source lines. Read by
 * libelf and libdw without mapping the file (it may shrink), each part when it is first asked for. Kept for
 * the next process that has the very same file mapped, in a cache that is bounded in bytes; one for the whole
 * program, which uses it from one thread. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image;
struct cfi;
struct effort;

/* Where an address is. All strings are the image's, and good for as long as there is a reference to it. */
struct image_place {
    const char *function; /* demangled; NULL: unknown */
    uint64_t offset;      /* from its start; bytes */
    const char *file;     /* NULL: unknown */
    unsigned line;        /* 0: unknown */
    bool inlined;         /* into the next place */
};

/* How files are had that belong to an image (debug links), as whoever has it mapped would open them. name: in
 * the image's own directory, or a path from the root. */
struct image_files {
    int (*find)(const void *context, const char *name, int *ret_fd);
    const void *context;
    const char *directory; /* the image's own, as whoever has it mapped would say; NULL: unknown */
};

/* In the cache, with all that was ever asked of it? Takes a reference. NULL: no. It is the file that counts
 * (device, inode, size, times), and not the build id that it tells: anybody can write one like another's. */
struct image *image_cached(int fd);
/* fd: is taken over whatever comes of it. files: NULL: none; used during the call only. -ENOEXEC: not ELF of
 * this machine. What files led to is whoever has it mapped's word alone, and is not remembered for others.
 * Takes a reference. */
int image_open(int fd, const struct image_files *files, struct image **ret_image) _must_check_;
/* The same of bytes that are copied, out of a process's memory: it may be that process's invention, build id
 * and all, and is not remembered for others. */
int image_of_bytes(const void *bytes, size_t size, struct image **ret_image) _must_check_;
void image_release(struct image *image); /* gives a reference back; it may stay in the cache. Accepts NULL */

static inline void cleanup_image(struct image **image)
{
    image_release(*image);
}
#define _cleanup_image_ _cleanup_(cleanup_image)

/* Empties the cache of what nobody uses. */
void image_forget_unused(void);

const uint8_t *image_build_id(const struct image *image, size_t *ret_size); /* size 0: none */
uint64_t image_load_address(const struct image *image); /* the page where it begins, as linked */

/* What its CFI says; NULL: it has none. Belongs to the image. */
struct cfi *image_cfi(struct image *image);

/* The function at that address of the file and, with lines, what is inlined there, innermost first, the
 * function itself last. Returns how many, at most size; 0: not even a name is known. */
size_t image_places(struct image *image, uint64_t file_address, bool lines, struct image_place *places,
                    size_t size);
/* Whether looking up took so long (LIMIT_NAMES_MS, LIMIT_CFI_MS) that names, lines or call frame information
 * are missing. */
bool image_gave_up(struct image *image);
struct effort *image_effort(struct image *image); /* for names and lines */
