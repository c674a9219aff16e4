#include "proc/environ.h"

#include "base/limits.h"
#include "proc/patient.h"

#include <errno.h>
#include <string.h>

/* A process may say itself where its environment lies, and how large it is (PR_SET_MM), so the size is no
 * measure of anything: what passes the limit is cut, not refused. */
static int read_block(int directory_fd, const char *name, struct buffer *ret_block)
{
    _cleanup_buffer_ struct buffer block = BUFFER_INIT(LIMIT_ENVIRON);
    int r = proc_read_patiently(directory_fd, name, &block);

    if (r < 0 && r != -ENOBUFS)
        return r;
    *ret_block = block;
    block = (struct buffer){0};
    return 0;
}

int proc_environ_read(int directory_fd, struct buffer *ret_block)
{
    return read_block(directory_fd, "environ", ret_block);
}

int proc_cmdline_read(int directory_fd, struct buffer *ret_block)
{
    return read_block(directory_fd, "cmdline", ret_block);
}

bool environ_next(const struct buffer *block, size_t *cursor, struct environ_entry *ret_entry)
{
    while (*cursor < block->size) {
        const char *text = block->data + *cursor;
        size_t size = strnlen(text, block->size - *cursor);
        const char *equals = memchr(text, '=', size);

        *cursor += size + 1;
        if (!equals || equals == text)
            continue;
        *ret_entry = (struct environ_entry){
            .name = text,
            .name_size = (size_t)(equals - text),
            .value = equals + 1,
            .value_size = size - (size_t)(equals - text) - 1,
        };
        return true;
    }
    return false;
}

const char *environ_get(const struct buffer *block, const char *name)
{
    size_t cursor = 0, size = strlen(name);
    struct environ_entry entry;

    while (environ_next(block, &cursor, &entry))
        if (entry.name_size == size && memcmp(entry.name, name, size) == 0)
            return entry.value;
    return NULL;
}
