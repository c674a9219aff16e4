/* A thread of a process that still has its memory. A leader that has ended while its other threads live on is
 * a zombie: its directory says nothing of memory, mappings, files and environment. /proc/TID answers for the
 * others, although no listing shows it. */
#pragma once

#include "proc/pidref.h"

/* *ret_living: the process, by the directory of its leader or, where that has ended, of a living thread. Only
 * dir_fd is its own, and is to be closed by living_close(); process must outlive it. -ESRCH: all have ended.
 */
int living_open(const struct pidref *process, struct pidref *ret_living) _must_check_;
void living_close(struct pidref *living);
#define _cleanup_living_ _cleanup_(living_close)
