/* Which parts of a process's memory were ever touched, so that a dump of all memory leaves out what was only
 * reserved. For memory that is shared (shm_open, memfd, MAP_SHARED, SysV, hugetlbfs) there is more to it: to
 * read a page of it that does not exist yet makes the kernel give out that page for good. A dump would grow
 * the target by all that it had reserved. */
#pragma once

#include "capture/capture.h"

/* Fills capture->present and present_known. Untouched stretches of less than PRESENT_GAP count as touched, so
 * that the list stays short; the gap grows where there would be more than PRESENT_RANGES_MAX ranges. What
 * can't be found out leaves present_known false, which is not an error. Shared memory is asked for its holes
 * through its file, and counts by the page; where that can't be opened (without CAP_CHECKPOINT_RESTORE, what
 * has no path), only the pages that this process has touched itself count. directory_fd: /proc/PID of a
 * process that is held, or of which there is a clone: then clone_fd is /proc/PID of that, else -1. -ENOMEM.
 */
enum { PRESENT_GAP = 1024 * 1024, PRESENT_RANGES_MAX = 65536 };
int present_find(int directory_fd, int clone_fd, struct capture *capture) _must_check_;
