/* A made-up process with an interpreter of Python: a thread that is in two runs of functions,
 *     inner (line 12) <- middle (line 20) | outer (line 3)
 * each run's evaluation function with its mark on the C stack. */
#pragma once

#include "unwind/python_layout.h"
#include "unwind/python_parts.h"

enum {
    FAKE_BASE = 0x10000,
    FAKE_SIZE = 16 * 1024,
    FAKE_THREAD = 4711,
    FAKE_INNER_MARK = FAKE_BASE + 0x3000,
    FAKE_OUTER_MARK = FAKE_BASE + 0x3800
};

struct fake_python {
    uint8_t bytes[FAKE_SIZE]; /* at FAKE_BASE */
    struct python_layout layout;
    struct python_place place;
    size_t used;
    uint64_t thread;
    uint64_t inner, middle, outer;                /* frames */
    uint64_t inner_code, inner_name, inner_lines; /* objects */
};

/* minor: 11 to 14. */
void fake_python_make(struct fake_python *fake, unsigned minor);
void fake_python_put(struct fake_python *fake, uint64_t address, const void *bytes, size_t size);
static inline void fake_python_put_u64(struct fake_python *fake, uint64_t address, uint64_t value)
{
    fake_python_put(fake, address, &value, sizeof value);
}
