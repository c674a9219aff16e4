/* An ELF file for unwinding and naming: its call frame information, its functions, its source lines. Read by
 * libelf and libdw without mapping the file (it may shrink), each part when it is first asked for. Kept by build
 * id, for the next process that has it mapped, in a cache that is bounded in bytes; one for the whole program,
 * which uses it from one thread. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image;
struct cfi;

/* Where an address is. All strings are the image's. */
struct image_place {
    const char *function; /* demangled; NULL: unknown */
    uint64_t offset;      /* from its start; bytes */
    const char *file;     /* NULL: unknown */
    unsigned line;        /* 0: unknown */
    bool inlined;         /* into the next place */
};

/* In the cache? Takes a reference. NULL: no. */
struct image *image_cached(const uint8_t *build_id, size_t size);
/* fd: is taken over whatever comes of it. directory: where the file's own debug link counts from, or NULL.
 * -ENOEXEC: not ELF of this machine. Takes a reference. */
int image_open(int fd, const char *directory, struct image **ret_image) _must_check_;
/* The same of bytes that are copied: the vdso. */
int image_of_bytes(const void *bytes, size_t size, struct image **ret_image) _must_check_;
void image_release(struct image *image); /* gives a reference back; it may stay in the cache */

/* What its CFI says; NULL: it has none. Belongs to the image. */
struct cfi *image_cfi(struct image *image);

/* The function at that address of the file and, with lines, what is inlined there, innermost first, the function
 * itself last. Returns how many, at most size; 0: not even a name is known. */
size_t image_places(struct image *image, uint64_t file_address, bool lines, struct image_place *places,
                    size_t size);
