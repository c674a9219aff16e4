/* Files that say who may do what: whoever may write to them may do everything. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <sys/stat.h>

enum { ACCESS_FILE_MAX = 1024 * 1024 };

/* Opens it for reading, with the same checks. */
int access_file_open(const char *path, bool secret, int *ret_fd, struct error *error) _must_check_;

/* Appends the file. Refused is one that others than its owner may write to, or (secret) read, or that belongs
 * to neither root nor us. facts may be NULL. */
int access_file_read(const char *path, bool secret, struct buffer *text, struct stat *ret_facts,
                     struct error *error) _must_check_;

/* The next line of text that is neither empty nor begins with #, cut out of it in place: *cursor moves behind
 * it. NULL: there is none. number counts all lines. */
char *access_file_line(char **cursor, unsigned *number);
