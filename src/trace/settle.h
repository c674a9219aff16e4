/* What is looked at before a process is touched at all. */
#pragma once

#include "proc/pidref.h"

/* Waits until no thread sits in an uninterruptible wait: such a thread can't be stopped, and all the others
 * would be held for nothing while we wait for it. One moment outside of it is enough: disk reads come and go.
 * -ETIMEDOUT with the thread in ret_culprit; -ESRCH. */
int settle_wait(const struct pidref *process, uint64_t deadline_ns, pid_t *ret_culprit) _must_check_;

/* Whether the process has ended as a whole (a zombie, or gone), and not just its leader. */
bool process_has_ended(const struct pidref *process);

/* Whether the process is a 32-bit one, by its auxiliary vector. False where that can't be read. */
bool is_32_bit(const struct pidref *process);
