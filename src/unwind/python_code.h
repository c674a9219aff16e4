/* Code objects of Python: what a function is called, and which line an instruction comes from. Private to
 * python*.c. */
#pragma once

#include "base/string_pool.h"
#include "unwind/python.h"
#include "unwind/python_layout.h"

struct python_code {
    uint64_t address;            /* of the object; 0: an empty place */
    const char *function, *file; /* in the pool; function NULL: it is no code object */
    uint64_t bytes, size;        /* its instructions; bytes */
    uint64_t lines;              /* the location table ... */
    uint32_t lines_size;         /* ... in bytes; 0: none */
    int first_line;
    uint64_t last_offset; /* what was asked for last ... */
    unsigned last_line;   /* ... and the answer */
};

/* All borrowed. */
struct python_codes {
    const struct memory *memory;
    const struct python_layout *layout;
    uint64_t code_type, text_type, bytes_type; /* addresses of the type objects */
    struct string_pool *strings;
    struct python_code *table; /* by a hash of the address; owned */
    size_t capacity, count;
    size_t steps; /* entries of location tables that may still be looked at ... */
    size_t bytes; /* ... and how much of tables and names may be read */
};

void python_codes_release(struct python_codes *codes);

/* The code object at address, and the line of the instruction that a frame of it has. -EINVAL: there is none,
 * or the instruction is none of its own; -ENOBUFS, -ENOMEM. */
int python_code_find(struct python_codes *codes, uint64_t address, uint64_t instruction,
                     struct python_frame *ret_frame) _must_check_;

/* The line of the instruction `offset` bytes into the code, by a location table as CPython 3.11 and later
 * write it (Objects/locations.md); 0: it has none. */
unsigned python_line(const uint8_t *table, size_t size, int first_line, uint64_t offset, size_t *steps);
