/* Scope cleanup: a variable marked _cleanup_(f) has f called on its address when its scope ends.
 * What is handed on to another owner is taken out with TAKE_PTR or TAKE_FD, so one glance tells who owns. */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _must_check_ __attribute__((warn_unused_result))
#define _printf_(text, first) __attribute__((__format__(__printf__, text, first)))
#define _unused_ __attribute__((unused))

#define ELEMENTS_OF(array) (sizeof(array) / sizeof((array)[0]))

#define TAKE_PTR(pointer)                                                                                    \
    ({                                                                                                       \
        __typeof__(pointer) *_from = &(pointer);                                                             \
        __typeof__(pointer) _taken = *_from;                                                                 \
        *_from = NULL;                                                                                       \
        _taken;                                                                                              \
    })

#define TAKE_FD(fd)                                                                                          \
    ({                                                                                                       \
        int *_from = &(fd);                                                                                  \
        int _taken = *_from;                                                                                 \
        *_from = -1;                                                                                         \
        _taken;                                                                                              \
    })

/* Closes fd unless it is negative and returns -1, to be assigned back. errno is kept. */
int fd_close(int fd);

static inline void cleanup_close(int *fd)
{
    *fd = fd_close(*fd);
}

static inline void cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void cleanup_fclose(FILE **file)
{
    if (*file)
        (void)fclose(*file); /* for files that were read: nothing can be lost */
}

static inline void cleanup_closedir(DIR **directory)
{
    if (*directory)
        (void)closedir(*directory);
}

#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)
