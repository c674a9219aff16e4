/* Made-up performance data of a HotSpot virtual machine. */
#pragma once

#include "base/buffer.h"

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>
#include <string.h>

static inline void put_prologue(struct buffer *out)
{
    static const char prologue[32] = {(char)0xca, (char)0xfe, (char)0xc0, (char)0xc0, 1, 2, 0, 1, [24] = 32};

    assert_int_equal(buffer_append(out, prologue, sizeof prologue), 0);
}

/* length: elements of the value; 0: it is a number. */
static inline void put_entry(struct buffer *out, const char *name, char type, const void *value,
                             uint32_t size, uint32_t length)
{
    uint32_t name_size = (uint32_t)(strlen(name) + 8) / 8 * 8, value_size = (size + 7) / 8 * 8;
    uint32_t head[5] = {24 + name_size + value_size, 24, length, (unsigned char)type, 24 + name_size};
    char padded[64] = {0};

    assert_int_equal(buffer_append(out, head, sizeof head), 0);
    assert_int_equal(buffer_append(out, padded, 4), 0);
    assert_true(strlen(name) < sizeof padded && size <= sizeof padded);
    memcpy(padded, name, strlen(name));
    assert_int_equal(buffer_append(out, padded, name_size), 0);
    memset(padded, 0, sizeof padded);
    memcpy(padded, value, size);
    assert_int_equal(buffer_append(out, padded, value_size), 0);
}

static inline void put_number(struct buffer *out, const char *name, int64_t value)
{
    put_entry(out, name, 'J', &value, sizeof value, 0);
}

static inline void put_string(struct buffer *out, const char *name, const char *value)
{
    put_entry(out, name, 'B', value, (uint32_t)strlen(value) + 1, (uint32_t)strlen(value) + 1);
}
