/* NUL-separated blocks: walked as an environment, and joined as a command line, which is taken apart again as
 * a shell would. */
#include "proc/environ.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct buffer *block)
{
    struct environ_entry entry;

    for (size_t cursor = 0; environ_next(block, &cursor, &entry);) {
        _cleanup_free_ char *name = strndup(entry.name, entry.name_size);
        if (!name)
            return;
        if (entry.name_size == 0 || entry.value[entry.value_size] != '\0' ||
            entry.value + entry.value_size > block->data + block->size || entry.name[entry.name_size] != '=')
            __builtin_trap();
        if (!environ_get(block, name))
            __builtin_trap();
    }
}

/* Splits at blanks outside of quotes; '...' and \' are all the quoting there is. */
static int split(const struct buffer *line, struct buffer *block)
{
    const char *at = buffer_string(line);
    bool quoted = false;

    for (; *at; at++) {
        char c = *at;
        int r;
        if (c == '\'') {
            quoted = !quoted;
            continue;
        }
        if (!quoted && c == '\\')
            c = *++at;
        else if (!quoted && c == ' ')
            c = '\0';
        r = buffer_append(block, &c, 1);
        if (r < 0)
            return r;
    }
    if (quoted)
        __builtin_trap();
    return buffer_append(block, "", 1);
}

static size_t without_zeros(const struct buffer *block)
{
    size_t size = block->size;
    while (size > 0 && block->data[size - 1] == '\0')
        size--;
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_buffer_ struct buffer block = {0}, line = {0}, again = {0};
    size_t used;

    if (buffer_append(&block, data, size) < 0)
        return 0;
    walk(&block);
    if (cmdline_join(&block, &line) < 0)
        __builtin_trap();
    used = without_zeros(&block);
    if (used == 0) {
        if (line.size != 0)
            __builtin_trap();
        return 0;
    }
    if (line.size == used && memcmp(line.data, block.data, used) == 0)
        return 0; /* a title, or a lone plain word */
    if (split(&line, &again) < 0)
        return 0;
    if (without_zeros(&again) != used || memcmp(again.data, block.data, used) != 0)
        __builtin_trap();
    return 0;
}
