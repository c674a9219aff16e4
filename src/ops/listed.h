/* The processes that lists show, with their whole names and their runtimes. Asked for often: one stat a
 * process, and a second look only at names that the kernel cut, and at runtimes that aren't known yet. */
#pragma once

#include "capture/runtime.h"
#include "ops/operation.h"
#include "proc/list.h"

struct listed {
    const struct process_entry *entry;
    const char *name; /* entry's own, or owned */
    struct runtime runtime;
};

struct listed_processes {
    struct process_list list;
    struct listed *items; /* by lower-cased name, as Kudu has them */
    size_t count;
};

struct listed_choice {
    bool all_users; /* else only our own */
    bool kernel;    /* kernel threads, too */
};

int listed_read(const struct operation_context *context, const struct listed_choice *choice,
                struct listed_processes *ret_listed, struct error *error) _must_check_;
void listed_release(struct listed_processes *listed);
#define _cleanup_listed_ _cleanup_(listed_release)
