/* Whether there is memory for a copy-on-write clone: as long as it lives each page that the process writes is
 * there twice, and counts against the process's own cgroup. */
#pragma once

#include "base/error.h"
#include "proc/status.h"

/* Before: -EOPNOTSUPP with the reason in one sentence. directory_fd: /proc/PID. */
int room_check(int directory_fd, const struct proc_status *status, struct error *error) _must_check_;

/* Meanwhile: whether it gets so scarce that the clone should go. */
bool room_is_scarce(int directory_fd);
