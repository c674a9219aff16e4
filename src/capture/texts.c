#include "capture/texts.h"

#include "base/io.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { RELEASE_FILE_MAX = 64 * 1024, CPUINFO_MAX = 4 * 1024 * 1024 };

/* A file of the target's own system. Its paths are resolved inside its root, and what is no plain file is
 * left alone: a container may hold a link to anywhere, or a FIFO. */
static void read_release_file(const struct pidref *memory_of, const char *path, struct buffer *text)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    _cleanup_close_ int root = openat(memory_of->dir_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int fd = -1;
    struct stat facts;
    ssize_t n;

    if (root < 0)
        return;
    fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd < 0 || fstat(fd, &facts) < 0 || !S_ISREG(facts.st_mode) ||
        buffer_reserve(text, RELEASE_FILE_MAX) < 0)
        return;
    n = io_read_full(fd, text->data, RELEASE_FILE_MAX);
    text->size = n > 0 ? (size_t)n : 0;
    text->data[text->size] = '\0';
}

/* The texts are worth having but not worth failing for: what can't be read stays empty. */
static void read_text(int directory_fd, const char *name, size_t limit, struct buffer *text)
{
    text->limit = limit;
    if (io_read_file_at(directory_fd, name, text) < 0 && text->size < limit)
        buffer_clear(text);
}

void texts_read(const struct procfs *procfs, const struct pidref *process, const struct pidref *memory_of,
                struct capture *capture)
{
    read_text(process->dir_fd, "status", LIMIT_PROC_TEXT, &capture->status_text);
    read_text(process->dir_fd, "stat", LIMIT_PROC_TEXT, &capture->stat_text);
    read_text(memory_of->dir_fd, "cmdline", LIMIT_ENVIRON, &capture->cmdline);
    read_text(memory_of->dir_fd, "environ", LIMIT_ENVIRON, &capture->environ);
    read_text(memory_of->dir_fd, "auxv", LIMIT_PROC_TEXT, &capture->auxv);
    read_text(procfs->fd, "cpuinfo", CPUINFO_MAX, &capture->cpuinfo_text);
    read_text(procfs->fd, "uptime", LIMIT_PROC_TEXT, &capture->uptime_text);
    read_release_file(memory_of, "etc/lsb-release", &capture->lsb_release_text);
    if (capture->lsb_release_text.size == 0)
        read_release_file(memory_of, "etc/os-release", &capture->lsb_release_text);
}
