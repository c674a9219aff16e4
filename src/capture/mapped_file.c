#include "capture/mapped_file.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Looks before it opens: the O_PATH descriptor touches nothing. Where map is given the inode must be its.
 * Devices may differ: a mapping shows a layer of an overlay, or the whole of a btrfs, and the path a merged
 * or a sub-volume. */
static int reopen_regular(int path_fd, const struct map *map, int *ret_fd)
{
    char name[32];
    struct stat status;
    int fd;

    if (fstat(path_fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -ENOENT;
    if (map && status.st_ino != map->inode)
        return -ENOENT;
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", path_fd); /* fits */
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

static int open_map_link(const struct pidref *process, const struct map *map, int *ret_fd)
{
    _cleanup_close_ int path_fd = -1;
    char name[64];

    (void)snprintf(name, sizeof name, "map_files/%" PRIx64 "-%" PRIx64, map->start, map->end); /* fits */
    path_fd = openat(process->dir_fd, name, O_PATH | O_CLOEXEC);
    return path_fd < 0 ? -errno : reopen_regular(path_fd, NULL, ret_fd);
}

int mapped_file_find(const struct pidref *process, const char *path, int flags, int *ret_fd)
{
    struct open_how how = {.flags = (uint64_t)(O_PATH | O_CLOEXEC | flags),
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    _cleanup_close_ int root_fd = openat(process->dir_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd;

    if (root_fd < 0)
        return -errno;
    fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) { /* Linux before 5.6, or a filter of a container */
        path += strspn(path, "/");
        fd = openat(root_fd, *path ? path : ".", O_PATH | O_CLOEXEC | flags);
    }
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

int mapped_file_path(const struct pidref *process, const struct map *map, char **ret_path)
{
    _cleanup_free_ char *root = NULL;
    const char *path = map->path;
    size_t size;
    int r;

    if (path[0] != '/')
        return -ENOENT;
    r = io_readlink_at(process->dir_fd, "root", &root);
    if (r < 0)
        return r;
    size = strlen(root);
    if (root[0] == '/' && size > 1) {
        if (strncmp(path, root, size) != 0 || path[size] != '/')
            return -ENOENT;
        path += size;
    }
    *ret_path = strdup(path);
    return *ret_path ? 0 : -ENOMEM;
}

bool mapped_file_is_at(const struct pidref *process, const struct map *map, const char *path)
{
    _cleanup_close_ int path_fd = -1;
    struct stat status;

    return mapped_file_find(process, path, 0, &path_fd) == 0 && fstat(path_fd, &status) == 0 &&
           S_ISREG(status.st_mode) && status.st_ino == map->inode;
}

int mapped_file_root_link(const struct pidref *process, const char *name, char **ret_text)
{
    _cleanup_close_ int root_fd = openat(process->dir_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);

    return root_fd < 0 ? -errno : io_readlink_at(root_fd, name, ret_text);
}

static int open_below_root(const struct pidref *process, const struct map *map, int *ret_fd)
{
    _cleanup_close_ int path_fd = -1;
    _cleanup_free_ char *path = NULL;
    int r = mapped_file_path(process, map, &path);

    if (r == 0)
        r = mapped_file_find(process, path, 0, &path_fd);
    return r < 0 ? r : reopen_regular(path_fd, map, ret_fd);
}

/* What the target named: files of /proc, which can be used up by reading, say that they are empty. */
static int reopen_named(int path_fd, int *ret_fd)
{
    struct stat status;

    if (fstat(path_fd, &status) < 0)
        return -errno;
    return status.st_size == 0 ? -ENOENT : reopen_regular(path_fd, NULL, ret_fd);
}

int mapped_file_open_beside(const struct pidref *process, const struct map *map, const char *name,
                            int *ret_fd)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    _cleanup_close_ int directory_fd = -1, path_fd = -1;
    _cleanup_free_ char *path = NULL;
    struct stat status;
    char *slash;
    int r = mapped_file_path(process, map, &path);

    if (r < 0)
        return r;
    slash = strrchr(path, '/');
    *slash = '\0'; /* mapped_file_path gives absolute paths */
    r = mapped_file_find(process, slash == path ? "/" : path, O_DIRECTORY, &directory_fd);
    if (r < 0)
        return r;
    if (fstatat(directory_fd, slash + 1, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (status.st_ino != map->inode)
        return -ENOENT;
    path_fd = (int)syscall(SYS_openat2, directory_fd, name, &how, sizeof how);
    if (path_fd < 0 && (errno == ENOSYS || errno == EPERM))
        path_fd = openat(directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return path_fd < 0 ? -errno : reopen_named(path_fd, ret_fd);
}

int mapped_file_open_path(const struct pidref *process, const char *path, int *ret_fd)
{
    _cleanup_close_ int path_fd = -1;
    int r = mapped_file_find(process, path, 0, &path_fd);

    return r < 0 ? r : reopen_named(path_fd, ret_fd);
}

/* The program itself can be reached also where it was deleted. */
static int open_executable(const struct pidref *process, const struct map *map, int *ret_fd)
{
    _cleanup_close_ int path_fd = openat(process->dir_fd, "exe", O_PATH | O_CLOEXEC);

    return path_fd < 0 ? -errno : reopen_regular(path_fd, map, ret_fd);
}

int mapped_file_open(const struct pidref *process, const struct map *map, int *ret_fd)
{
    if (map->path[0] != '/' || map->inode == 0)
        return -ENOENT;
    if (open_map_link(process, map, ret_fd) == 0)
        return 0;
    if (!map->deleted && open_below_root(process, map, ret_fd) == 0)
        return 0;
    return open_executable(process, map, ret_fd) == 0 ? 0 : -ENOENT;
}
