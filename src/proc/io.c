#include "proc/io.h"

#include "base/parse.h"
#include "proc/read.h"

#include <errno.h>
#include <string.h>

static bool take(const char *text, const char *end, const char *key, uint64_t *ret_value)
{
    const char *at = memmem(text, (size_t)(end - text), key, strlen(key));

    if (!at)
        return false;
    at += strlen(key);
    scan_blanks(&at, end);
    return scan_u64(&at, end, ret_value);
}

int proc_io_parse(const char *text, size_t size, struct proc_io *ret_io)
{
    struct proc_io io = {0};

    /* the line's beginning too: "cancelled_write_bytes:" follows */
    if (!take(text, text + size, "\nread_bytes:", &io.read_bytes) ||
        !take(text, text + size, "\nwrite_bytes:", &io.write_bytes))
        return -EBADMSG;
    *ret_io = io;
    return 0;
}

int proc_io_read(int directory_fd, struct proc_io *ret_io)
{
    char text[512]; /* seven numbers */
    size_t size;
    int r = proc_read_small(directory_fd, "io", text, sizeof text, &size);

    if (r == -ENOBUFS)
        return -EBADMSG;
    return r < 0 ? r : proc_io_parse(text, size, ret_io);
}
