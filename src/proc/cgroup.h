/* Whose a process is, by its control group: /proc/PID/cgroup, cgroups(7). */
#pragma once

#include "base/cleanup.h"

#include <stddef.h>
#include <sys/types.h>

enum { CGROUP_NAME_MAX = 128 };

struct proc_cgroup {
    char unit[CGROUP_NAME_MAX]; /* "nginx.service", of systemd; "" none. Cut where longer; raw bytes */
    char container[13];         /* the first 12 digits of a container's id; "" none */
};

/* Nothing that can be said of text is an error. */
void proc_cgroup_parse(const char *text, size_t size, struct proc_cgroup *ret_cgroup);
/* -ESRCH when it is gone. */
int proc_cgroup_read(int directory_fd, struct proc_cgroup *ret_cgroup) _must_check_;
