/* What a process has mapped to be read only: code, and the tables beside it. That is the same after a hold as
 * in it, so it can be read while the process runs, and tells of the instant that was captured; what is
 * writable can't, and gives -EIO. */
#pragma once

#include "memory/memory.h"
#include "proc/maps.h"
#include "proc/pidref.h"

/* Takes of maps what it needs. -EACCES the memory may not be read; -ESRCH, -ENOMEM. */
int code_memory_new(const struct pidref *process, const struct map_list *maps,
                    struct memory **ret_memory) _must_check_;
