#include "proc/read.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>

static int gone_or(int r)
{
    return r == -ENOENT ? -ESRCH : r;
}

int proc_read_small(int directory_fd, const char *name, char *text, size_t size, size_t *ret_size)
{
    _cleanup_close_ int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);
    size_t done = 0;

    if (fd < 0)
        return gone_or(-errno);
    while (done < size) {
        ssize_t n = read(fd, text + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        done += (size_t)n;
        /* Such a file is made whole at its first read, so a line end before the buffer's end is the end, and
         * a second read for it can be saved. */
        if (n == 0 || (done < size && text[done - 1] == '\n')) {
            *ret_size = done;
            return 0;
        }
    }
    return -ENOBUFS;
}

int proc_read_whole(int directory_fd, const char *name, struct buffer *buffer)
{
    return gone_or(io_read_file_at(directory_fd, name, buffer));
}

int proc_read_memory_file(int directory_fd, const char *name, struct buffer *buffer)
{
    int r = proc_read_whole(directory_fd, name, buffer);

    if (r == -ESRCH && faccessat(directory_fd, "stat", F_OK, 0) == 0)
        r = 0;
    return r;
}
