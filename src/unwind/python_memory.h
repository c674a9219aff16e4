/* The memory of a held process, read a page at a time and each page once: what an interpreter has stands
 * close together, and each read is a system call while the process stands still. Private to python*.c. */
#pragma once

#include "capture/capture.h"

struct python_page {
    uint64_t number;      /* of the address */
    const uint8_t *bytes; /* in a block, or a copied stack; NULL: an empty place of the table */
    uint32_t size;        /* readable from its start */
};

struct python_memory {
    struct memory memory;
    const struct memory *of;   /* borrowed */
    struct python_page *pages; /* by a hash of the number; at most half of the places are taken */
    size_t place_count, count, most;
    const struct capture_thread **stacks; /* those that were copied, by address; borrowed from the capture */
    size_t stack_count;
    size_t read_count; /* pages that were read */
    uint8_t **blocks;
    size_t block_count;
    int error; /* what ended it: -ESRCH, -ENOMEM, -ENOBUFS past `most` */
};

/* Both are borrowed; stacks that were copied are not read again. most: pages. */
int python_memory_init(struct python_memory *memory, const struct capture *capture, const struct memory *of,
                       size_t most) _must_check_;
void python_memory_release(struct python_memory *memory);
