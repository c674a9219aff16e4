#include "access/file.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int check(const char *path, const struct stat *facts, bool secret, struct error *error)
{
    if (!S_ISREG(facts->st_mode))
        return error_set(error, EINVAL, "%.300s is no regular file.", path);
    if (facts->st_uid != 0 && facts->st_uid != geteuid())
        return error_set(error, EACCES,
                         "%.300s belongs to user %u; it has to be root's or the service's own.", path,
                         (unsigned)facts->st_uid);
    if (facts->st_mode & (S_IWGRP | S_IWOTH))
        return error_set(error, EACCES, "%.300s can be written to by others: chmod go-w %.100s.", path, path);
    if (secret && facts->st_mode & S_IROTH)
        return error_set(error, EACCES, "%.300s can be read by everyone: chmod o-r %.100s.", path, path);
    return 0;
}

static int open_checked(const char *path, bool secret, int *ret_fd, struct stat *ret_facts,
                        struct error *error)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int r;

    if (fd < 0 || fstat(fd, ret_facts) < 0)
        return error_errno(error, errno, "%.300s could not be read", path);
    r = check(path, ret_facts, secret, error);
    if (r < 0)
        return r;
    if (ret_facts->st_size > ACCESS_FILE_MAX)
        return error_set(error, EFBIG, "%.300s is larger than %d KiB.", path, ACCESS_FILE_MAX / 1024);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int access_file_open(const char *path, bool secret, int *ret_fd, struct error *error)
{
    struct stat facts;

    return open_checked(path, secret, ret_fd, &facts, error);
}

int access_file_read(const char *path, bool secret, struct buffer *text, struct stat *ret_facts,
                     struct error *error)
{
    _cleanup_close_ int fd = -1;
    struct stat facts;
    ssize_t n;
    int r = open_checked(path, secret, &fd, &facts, error);

    if (r < 0)
        return r;
    r = buffer_reserve(text, (size_t)facts.st_size);
    if (r < 0)
        return error_errno(error, -r, "%.300s could not be read", path);
    n = io_read_full(fd, text->data + text->size, (size_t)facts.st_size);
    if (n < 0)
        return error_errno(error, (int)-n, "%.300s could not be read", path);
    text->size += (size_t)n;
    text->data[text->size] = '\0';
    if (ret_facts)
        *ret_facts = facts;
    return 0;
}

char *access_file_line(char **cursor, unsigned *number)
{
    while (*cursor) {
        char *line = strsep(cursor, "\n");
        size_t size = strlen(line);

        ++*number;
        if (size > 0 && line[size - 1] == '\r')
            line[size - 1] = '\0';
        if (*line && *line != '#')
            return line;
    }
    return NULL;
}
