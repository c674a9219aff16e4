#include "runtime/heap_fifo_file.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES_MAX = 65536 }; /* of /tmp that are looked at */

/* To open anything else could do things. */
static bool is_fifo(const struct runtime_place *place, const char *name)
{
    struct stat facts;

    return fstatat(place->tmp_fd, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISFIFO(facts.st_mode) &&
           (facts.st_uid == place->user || facts.st_uid == geteuid());
}

/* -EAGAIN: another guards it. */
static int open_locked(const struct runtime_place *place, const char *name, int *ret_fd)
{
    _cleanup_close_ int fd = -1;
    struct stat facts;

    if (!is_fifo(place, name))
        return -ENOENT;
    fd = openat(place->tmp_fd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return -EAGAIN;
    if (fstat(fd, &facts) < 0 || facts.st_nlink == 0)
        return -ENOENT; /* removed in between by who had the lock */
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Goes through the FIFOs of this process: takes those that were left behind into files, and returns how many
 * there are that others guard. */
static size_t look_through(const struct runtime_place *place, struct heap_fifo_files *files)
{
    char prefix[HEAP_FIFO_NAME];
    int length = snprintf(prefix, sizeof prefix, ".procscope_heap_pid%d_", (int)place->inner_pid);
    int fd = openat(place->tmp_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), seen = 0;
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    size_t guarded = 0;

    while (directory && seen++ < ENTRIES_MAX && (entry = readdir(directory))) {
        _cleanup_close_ int found = -1;
        int r;

        if (strncmp(entry->d_name, prefix, (size_t)length) != 0 || strlen(entry->d_name) >= HEAP_FIFO_NAME ||
            files->left_count == HEAP_FIFOS_LEFT)
            continue;
        r = open_locked(place, entry->d_name, &found);
        guarded += r == -EAGAIN;
        if (r < 0)
            continue;
        memcpy(files->left[files->left_count].name, entry->d_name, strlen(entry->d_name) + 1);
        files->left[files->left_count++].fd = TAKE_FD(found);
    }
    if (directory)
        (void)closedir(directory); /* nothing was written */
    else
        (void)fd_close(fd); /* always -1 */
    return guarded;
}

static int make_own(const struct runtime_place *place, struct heap_fifo_file *file)
{
    enum { TRIES = 8 };
    int r = -EAGAIN;

    for (int i = 0; i < TRIES && r < 0; i++) {
        (void)snprintf(file->name, sizeof file->name, ".procscope_heap_pid%d_%" PRIx64, (int)place->inner_pid,
                       clock_monotonic_ns() ^ (uint64_t)getpid() << 32); /* fits */
        if (mkfifoat(place->tmp_fd, file->name, 0600) < 0)
            r = -errno;
        else
            r = open_locked(place, file->name, &file->fd);
        if (r < 0 && r != -EEXIST && r != -EAGAIN && r != -ENOENT)
            return r; /* ENOENT, EAGAIN: another took it for one that was left behind, and removes it */
    }
    return r;
}

int heap_fifo_files_make(const struct runtime_place *place, struct heap_fifo_files *ret_files,
                         struct error *error)
{
    size_t guarded;

    *ret_files = (struct heap_fifo_files){.own = {.fd = -1}};
    guarded = look_through(place, ret_files);
    if (guarded + ret_files->left_count >= HEAP_FIFOS_LEFT)
        return error_set(error, EBUSY, "%s was asked for its heap already, and has not begun.", place->name);
    return error_ensure(error, make_own(place, &ret_files->own),
                        "A FIFO for the heap can't be made in the target's /tmp");
}

void heap_fifo_file_unlink(const struct runtime_place *place, const struct heap_fifo_file *file)
{
    if (file->fd >= 0 && is_fifo(place, file->name))
        (void)unlinkat(place->tmp_fd, file->name, 0); /* nothing more can be done */
}

void heap_fifo_file_hide(const struct runtime_place *place, struct heap_fifo_file *file)
{
    char hidden[HEAP_FIFO_NAME];

    if (file->fd < 0 || !is_fifo(place, file->name) ||
        snprintf(hidden, sizeof hidden, "%s~", file->name) >= (int)sizeof hidden)
        return;
    if (renameat(place->tmp_fd, file->name, place->tmp_fd, hidden) == 0)
        memcpy(file->name, hidden, sizeof hidden);
    else
        heap_fifo_file_unlink(place, file);
}

void heap_fifo_file_remove(const struct runtime_place *place, struct heap_fifo_file *file)
{
    heap_fifo_file_unlink(place, file);
    file->fd = fd_close(file->fd);
}
