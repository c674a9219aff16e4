#include "base/io.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

int fd_close(int fd)
{
    int saved = errno;
    if (fd >= 0)
        (void)close(fd); /* on Linux the descriptor is gone whatever close says */
    errno = saved;
    return -1;
}

ssize_t io_read_full(int fd, void *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, (char *)bytes + done, size - done);
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

ssize_t io_pread_full(int fd, void *bytes, size_t size, off_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(fd, (char *)bytes + done, size - done, offset + (off_t)done);
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return done ? (ssize_t)done : -errno;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

/* Waits until fd can be written or `since` is stall_ms ago. Signals don't make it longer. */
static int wait_writable(int fd, uint64_t since, int stall_ms)
{
    for (;;) {
        struct pollfd waiting = {.fd = fd, .events = POLLOUT};
        uint64_t waited = clock_monotonic_ms() - since;
        int ready, rest = -1;

        if (stall_ms >= 0)
            rest = waited < (uint64_t)stall_ms ? stall_ms - (int)waited : 0;
        ready = poll(&waiting, 1, rest);
        if (ready > 0)
            return 0;
        if (ready == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

/* Only time that is waited counts: how long the bytes take to be made is not the reader's doing. */
static int check_pace(struct io_pace *pace, uint64_t waited_ms)
{
    bool keeps_up;

    pace->waited_ms += waited_ms;
    if (pace->stall_ms < 0 || pace->waited_ms < (uint64_t)pace->stall_ms)
        return 0;
    keeps_up = pace->taken >= (double)pace->min_rate * (double)pace->waited_ms / 1000;
    pace->waited_ms = pace->taken = 0;
    return keeps_up ? 0 : -ETIMEDOUT;
}

int io_write_paced(int fd, const void *bytes, size_t size, struct io_pace *pace)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = write(fd, (const char *)bytes + done, size - done);
        int r = 0;
        if (n >= 0) {
            done += (size_t)n;
            pace->taken += (size_t)n;
        } else if (errno == EAGAIN) {
            uint64_t since = clock_monotonic_ms();
            r = wait_writable(fd, since, pace->stall_ms);
            if (r == 0)
                r = check_pace(pace, clock_monotonic_ms() - since);
        } else if (errno != EINTR) {
            r = -errno;
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int io_write_full(int fd, const void *bytes, size_t size, int stall_ms)
{
    struct io_pace pace = {.stall_ms = stall_ms};

    return io_write_paced(fd, bytes, size, &pace);
}

/* 0 at the end of the file, -ENOBUFS where there is more. */
static int at_end(int fd)
{
    char byte;
    ssize_t n = io_read_full(fd, &byte, 1);

    return n > 0 ? -ENOBUFS : (int)n;
}

int io_read_file_at(int directory_fd, const char *name, struct buffer *buffer)
{
    _cleanup_close_ int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    for (;;) {
        size_t room;
        ssize_t n;
        int r = 0;

        if (buffer->capacity < buffer->size + 1024)
            r = buffer_reserve(buffer, buffer->size < 4096 ? 4096 : buffer->size);
        if (r == -ENOBUFS)
            r = buffer_reserve(buffer, 1);
        if (r == -ENOBUFS)
            return at_end(fd); /* just as large as the limit, or larger */
        if (r < 0)
            return r;
        room = buffer->capacity - buffer->size - 1;
        n = read(fd, buffer->data + buffer->size, room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        buffer->size += (size_t)n;
        buffer->data[buffer->size] = '\0';
    }
    return 0;
}

int io_readlink_at(int directory_fd, const char *name, char **ret_target)
{
    char target[PATH_MAX + 16];
    ssize_t length = readlinkat(directory_fd, name, target, sizeof target - 1);
    char *copy;

    if (length < 0)
        return -errno;
    target[length] = '\0';
    copy = strdup(target);
    if (!copy)
        return -ENOMEM;
    *ret_target = copy;
    return 0;
}

int io_open_regular(const char *path, int *ret_fd)
{
    _cleanup_close_ int path_fd = open(path, O_PATH | O_CLOEXEC);
    struct stat status;
    char name[32];
    int fd;

    if (path_fd < 0 || fstat(path_fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size == 0)
        return -ENOENT;
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", path_fd); /* fits */
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

void io_close_all_but(int from, const int *kept, size_t count)
{
    for (;;) {
        int next = -1;
        for (size_t i = 0; i < count; i++)
            if (kept[i] >= from && (next < 0 || kept[i] < next))
                next = kept[i];
        if (next != from)
            (void)close_range((unsigned)from, next < 0 ? ~0u : (unsigned)next - 1, 0);
        if (next < 0)
            return;
        from = next + 1;
    }
}
