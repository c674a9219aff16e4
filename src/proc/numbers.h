/* Walks the numbered entries of a directory of /proc. Private to src/proc. */
#pragma once

#include "base/cleanup.h"

#include <sys/types.h>

/* Called for each; a negative errno ends the walk and is returned. */
typedef int (*number_taker)(void *context, pid_t number);

/* name: below directory_fd, "." for itself. Other entries are passed over. -ESRCH: the process that the
 * directory belongs to is gone. */
int numbers_read(int directory_fd, const char *name, number_taker take, void *context) _must_check_;
