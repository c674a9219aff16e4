#include "proc/numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>

/* The kernel makes up each entry of these directories anew, so the fewer calls the better: this holds 1,000
 * or 2,000 entries. */
enum { DIRECTORY_BUFFER = 48 * 1024 };

/* A number as the kernel writes it: no sign, no leading zero, not 0 except alone (a descriptor). */
static pid_t number_of(const char *name)
{
    uint32_t value = 0;

    if (name[0] == '0')
        return name[1] == '\0' ? 0 : -1;
    for (const char *at = name; *at; at++) {
        if (*at < '0' || *at > '9' || at - name >= 10)
            return -1;
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint32_t)(*at - '0'), &value) || value > INT32_MAX)
            return -1;
    }
    return name[0] ? (pid_t)value : -1;
}

int numbers_read(int directory_fd, const char *name, number_taker take, void *context)
{
    _cleanup_close_ int fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _Alignas(struct dirent64) char entries[DIRECTORY_BUFFER];

    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    for (;;) {
        ssize_t size = getdents64(fd, entries, sizeof entries);
        if (size < 0)
            return errno == ENOENT ? -ESRCH : -errno;
        if (size == 0)
            return 0;
        for (char *at = entries; at < entries + size;) {
            const struct dirent64 *entry = (const struct dirent64 *)at;
            pid_t number = number_of(entry->d_name);
            int r = number < 0 ? 0 : take(context, number);
            if (r < 0)
                return r;
            at += entry->d_reclen;
        }
    }
}
