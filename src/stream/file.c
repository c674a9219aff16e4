/* A sink to a file that appears whole or not at all.
 *
 * Where the file system can, the file has no name until it is whole (O_TMPFILE), so that not even our sudden
 * death leaves anything behind; elsewhere it has a hidden name beside its own. */
#include "base/clock.h"
#include "base/io.h"
#include "stream/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

struct file_sink {
    struct sink sink;
    int fd;
    int directory_fd;
    char *name;         /* within the directory */
    char temporary[64]; /* within the directory; "" while the file has no name */
    bool in_place;      /* a device or FIFO: written as it stands */
};

static void temporary_name(char *ret_name, size_t size)
{
    uint64_t random;

    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = clock_monotonic_ns(); /* good enough: O_EXCL and EEXIST deal with equal names */
    (void)snprintf(ret_name, size, ".procscope-%016" PRIx64 ".tmp", random); /* fits: 32 characters */
}

static int file_write(struct sink *sink, const void *bytes, size_t size)
{
    struct file_sink *self = (struct file_sink *)sink;

    return io_write_full(self->fd, bytes, size, -1);
}

/* Gives the nameless file a temporary name. */
static int file_link(struct file_sink *self)
{
    char source[32], name[sizeof self->temporary];

    (void)snprintf(source, sizeof source, "/proc/self/fd/%d", self->fd); /* fits */
    temporary_name(name, sizeof name);
    if (linkat(AT_FDCWD, source, self->directory_fd, name, AT_SYMLINK_FOLLOW) < 0)
        return -errno;
    memcpy(self->temporary, name, sizeof name);
    return 0;
}

static int file_finish(struct sink *sink, struct error *error)
{
    struct file_sink *self = (struct file_sink *)sink;
    int fd, r;

    if (!self->in_place && !self->temporary[0]) {
        r = file_link(self);
        if (r < 0)
            return error_errno(error, -r, "Can't give the file %s its name", self->name);
    }
    fd = TAKE_FD(self->fd);
    if (close(fd) < 0 && errno != EINTR) /* where a network file system says that it is full */
        return error_errno(error, errno, "Can't write the file %s", self->name);
    if (self->in_place)
        return 0;
    if (renameat(self->directory_fd, self->temporary, self->directory_fd, self->name) < 0)
        return error_errno(error, errno, "Can't give the file %s its name", self->name);
    self->temporary[0] = '\0';
    return 0;
}

static void file_free(struct sink *sink)
{
    struct file_sink *self = (struct file_sink *)sink;

    self->fd = fd_close(self->fd);
    if (self->temporary[0])
        (void)unlinkat(self->directory_fd, self->temporary, 0); /* given up: nobody is left to tell */
    self->directory_fd = fd_close(self->directory_fd);
    free(self->name);
    free(self);
}

static const struct sink_ops file_ops = {
    .name = "file", .write = file_write, .finish = file_finish, .free = file_free};

/* Sets directory_fd and name of where path leads to. A link is followed, so that it stays one. */
static int file_locate(struct file_sink *self, const char *path)
{
    char real[PATH_MAX];
    const char *slash;
    _cleanup_free_ char *directory = NULL;

    if (realpath(path, real))
        path = real;
    slash = strrchr(path, '/');
    self->name = strdup(slash ? slash + 1 : path);
    directory = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!self->name || !directory)
        return -ENOMEM;
    if (!self->name[0])
        return -EISDIR;
    self->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return self->directory_fd < 0 ? -errno : 0;
}

static int file_open(struct file_sink *self)
{
    struct stat facts;

    if (fstatat(self->directory_fd, self->name, &facts, 0) == 0 && !S_ISREG(facts.st_mode)) {
        /* /dev/stdout and the like must not be replaced by a file */
        self->in_place = true;
        self->fd = openat(self->directory_fd, self->name, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return self->fd < 0 ? -errno : 0;
    }
    self->fd = openat(self->directory_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (self->fd >= 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL)
        return -errno;
    for (unsigned i = 0; i < 16; i++) {
        char name[sizeof self->temporary];

        temporary_name(name, sizeof name);
        self->fd =
            openat(self->directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (self->fd >= 0) {
            memcpy(self->temporary, name, sizeof name);
            return 0;
        }
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

int sink_file_new(const char *path, struct sink **ret_sink, struct error *error)
{
    struct file_sink *self = malloc(sizeof *self);
    int r;

    if (!self)
        return error_errno(error, ENOMEM, "Can't write the file %s", path);
    *self = (struct file_sink){.sink.ops = &file_ops, .fd = -1, .directory_fd = -1};
    r = file_locate(self, path);
    if (r == 0)
        r = file_open(self);
    if (r < 0) {
        file_free(&self->sink);
        return error_errno(error, -r, "Can't write the file %s", path);
    }
    *ret_sink = &self->sink;
    return 0;
}
