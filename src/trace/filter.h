/* What the seccomp filters of a thread would say to a system call that it has not made. The kernel shows the
 * filters to who has CAP_SYS_ADMIN and no filter itself (PTRACE_SECCOMP_GET_FILTER); they are classic BPF
 * programs over struct seccomp_data: linux/seccomp.h, linux/filter.h, networking/filter.rst. */
#pragma once

#include "base/cleanup.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum filter_verdict {
    FILTER_ALLOWS,
    FILTER_FAILS, /* the call would fail, and do nothing else */
    FILTER_HARMS, /* it would end the process, raise a signal or ask another process; or can't be told */
};

struct filter {
    struct sock_filter *code;
    size_t count;
};

struct filter_list {
    struct filter *items;
    size_t count, capacity;
};

/* All filters of a thread that is stopped and traced by the calling thread; ret_list empty before. -EPERM no
 * right to; -EOPNOTSUPP they can't be shown. */
int filters_read(pid_t tid, struct filter_list *ret_list) _must_check_;
void filter_list_release(struct filter_list *list);
#define _cleanup_filter_list_ _cleanup_(filter_list_release)

/* The strictest of all. None: FILTER_ALLOWS. */
enum filter_verdict filters_judge(const struct filter_list *list, const struct seccomp_data *call);

/* One program's answer (SECCOMP_RET_...). -EBADMSG: it is none that the kernel would have taken, or it asks
 * for the instruction pointer, which nobody knows beforehand. */
int filter_run(const struct sock_filter *code, size_t count, const struct seccomp_data *call,
               uint32_t *ret_answer) _must_check_;
