#include "proc/files.h"

#include "base/io.h"
#include "base/limits.h"
#include "base/parse.h"
#include "proc/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void open_file_list_release(struct open_file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].text);
    free(list->items);
    *list = (struct open_file_list){0};
}

/* The text of a descriptor that is no socket, out of what its link says: kernel fs/anon_inodes.c, mm/memfd.c.
 */
static char *text_of_link(char *link)
{
    static const char memfd[] = "/memfd:", deleted[] = " (deleted)", anonymous[] = "anon_inode:";
    size_t length = strlen(link);

    if (strncmp(link, memfd, sizeof memfd - 1) == 0 && length > sizeof memfd + sizeof deleted - 3 &&
        strcmp(link + length - (sizeof deleted - 1), deleted) == 0)
        return strndup(link + 1, length - sizeof deleted);
    if (strncmp(link, anonymous, sizeof anonymous - 1) != 0)
        return strdup(link);
    link += sizeof anonymous - 1;
    length -= sizeof anonymous - 1;
    if (length > 2 && link[0] == '[' && link[length - 1] == ']')
        return strndup(link + 1, length - 2);
    return strdup(link);
}

/* Whether the link is "socket:[N]". */
static bool socket_inode(const char *link, uint64_t *ret_inode)
{
    static const char prefix[] = "socket:[";
    const char *at = link + sizeof prefix - 1, *end = link + strlen(link);

    return strncmp(link, prefix, sizeof prefix - 1) == 0 && scan_u64(&at, end, ret_inode) &&
           scan_char(&at, end, ']') && at == end;
}

/* Flags and position: the first lines of fdinfo, "pos:\t0\nflags:\t0100002\n", the flags in octal. What
 * follows can be long (epoll and inotify list what they watch) and is left unread. */
static void file_details(int directory_fd, struct open_file *file)
{
    char name[48], text[512];
    _cleanup_close_ int fd = -1;
    const char *at, *end;
    ssize_t size;

    (void)snprintf(name, sizeof name, "fdinfo/%d", file->fd); /* fits */
    fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size = fd < 0 ? -1 : io_read_full(fd, text, sizeof text - 1);
    if (size <= 0)
        return;
    text[size] = '\0';
    end = text + size;
    at = strstr(text, "pos:");
    if (at) {
        at += strlen("pos:");
        scan_blanks(&at, end);
        (void)scan_u64(&at, end, &file->position); /* stays 0 where there is no number */
    }
    at = strstr(text, "flags:");
    if (at) {
        at += strlen("flags:");
        scan_blanks(&at, end);
        for (; at < end && *at >= '0' && *at <= '7'; at++)
            file->flags = file->flags << 3 | (uint64_t)(*at - '0');
    }
}

/* Adds the descriptor `name` of the open directory /proc/PID/fd. 0 also where it was closed meanwhile. */
static int file_add(const struct pidref *process, int fd_directory, const char *name, bool details,
                    struct open_file_list *list, struct socket_query_list *sockets)
{
    struct open_file file = {0};
    _cleanup_free_ char *link = NULL;
    uint64_t number, inode;
    int r;

    if (parse_u64(name, &number) < 0 || number > INT32_MAX)
        return 0;
    file.fd = (int)number;
    r = ARRAY_RESERVE(list, 1, LIMIT_FILES);
    if (r < 0)
        return r;
    r = io_readlink_at(fd_directory, name, &link);
    if (r == -ENOENT)
        return 0;
    if (r == -ENAMETOOLONG) /* the kernel gives no path that does not fit a page */
        r = (link = strdup("[path too long]")) ? 0 : -ENOMEM;
    if (r < 0)
        return r;
    if (socket_inode(link, &inode)) {
        struct socket_query query = {.inode = inode, .place = list->count};
        r = ARRAY_RESERVE(sockets, 1, LIMIT_FILES);
        if (r < 0)
            return r;
        if (process->pid_fd >= 0)
            socket_protocol_read(fd_directory, name, query.protocol);
        sockets->items[sockets->count++] = query;
    } else if (!(file.text = text_of_link(link))) {
        return -ENOMEM;
    }
    if (details)
        file_details(process->dir_fd, &file);
    list->items[list->count++] = file;
    return 0;
}

static int compare_files(const void *a, const void *b)
{
    const struct open_file *one = a, *other = b;
    return (one->fd > other->fd) - (one->fd < other->fd);
}

/* Hands the texts of the sockets over to the descriptors that asked for them. */
static int sockets_fill(const struct pidref *process, struct open_file_list *list,
                        struct socket_query_list *sockets)
{
    int r = sockets->count ? sockets_resolve(process->dir_fd, sockets) : 0;

    if (r < 0)
        return r;
    for (size_t i = 0; i < sockets->count; i++)
        list->items[sockets->items[i].place].text = TAKE_PTR(sockets->items[i].text);
    return 0;
}

static DIR *open_fd_directory(const struct pidref *process)
{
    int fd = openat(process->dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !directory)
        (void)fd_close(fd);
    return directory;
}

int open_files_read(const struct pidref *process, bool details, struct open_file_list *ret_list)
{
    _cleanup_closedir_ DIR *directory = open_fd_directory(process);
    _cleanup_open_file_list_ struct open_file_list list = {0};
    _cleanup_socket_query_list_ struct socket_query_list sockets = {0};
    struct dirent *entry;
    int r;

    if (!directory)
        return errno == ENOENT ? -ESRCH : -errno;
    while (errno = 0, (entry = readdir(directory))) {
        r = file_add(process, dirfd(directory), entry->d_name, details, &list, &sockets);
        if (r < 0)
            return r;
    }
    if (errno && errno != ENOENT) /* ENOENT: it ended while we read */
        return -errno;
    r = sockets_fill(process, &list, &sockets);
    if (r < 0)
        return r;
    if (list.count)
        qsort(list.items, list.count, sizeof list.items[0], compare_files);
    *ret_list = list;
    list = (struct open_file_list){0};
    return 0;
}

int open_files_count(const struct pidref *process, size_t *ret_count)
{
    _cleanup_closedir_ DIR *directory = NULL;
    struct dirent *entry;
    struct stat facts;
    size_t count = 0;

    /* Linux 6.2 and later give the count as the size of the directory, to everyone; it is 0 before. */
    if (process->pid_fd >= 0 && fstatat(process->dir_fd, "fd", &facts, 0) == 0 && facts.st_size > 0) {
        *ret_count = (size_t)facts.st_size;
        return 0;
    }
    directory = open_fd_directory(process);
    if (!directory)
        return errno == ENOENT ? -ESRCH : -errno;
    while (errno = 0, (entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            count++;
    if (errno)
        return errno == ENOENT ? -ESRCH : -errno;
    *ret_count = count;
    return 0;
}
