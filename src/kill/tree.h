/* Ends a process and all that descends from it, leaf first and race-free: every process is held by a pidfd
 * and its start time while it gets a signal, and the tree is scanned again until a pass finds no descendant
 * that was not seen. Before SIGKILL all are stopped, parents first, so that none forks meanwhile; the parent
 * of the root can see that stop. With a grace time or another signal nobody is stopped, as they are to act on
 * it. Should we be killed between the stop and the end, a helper process lets them run again: guard.h, which
 * also says what that does not cover.
 *
 * Who descends from whom is what the kernel says now: a process whose parent ended before we had stopped that
 * parent belongs to init and is not known any more (daemons; what a program starts just before it goes in its
 * grace time). */
#pragma once

#include "base/error.h"
#include "kill/members.h"
#include "proc/pidref.h"
#include "proc/tasks.h"

struct kill_options {
    int signal;          /* 0 = SIGKILL; the first signal */
    uint64_t grace_ms;   /* > 0: signal (SIGTERM where 0), then so long to go by themselves, then SIGKILL */
    bool dry_run;        /* only find out whom it would end */
    const pid_t *spared; /* never ended, nor what is below them: the service's own processes */
    size_t spared_count;
    member_question
        *may; /* asked about each before it is signalled, also of those found late; NULL: nobody is */
    void *may_data;
};

struct kill_result {
    struct id_list ended;     /* in the order in which they were ended (or would be) */
    struct id_list remaining; /* still there at the end: not permitted, or it did not die in time */
    struct id_list kept;      /* those of them that were not to be signalled */
};

void kill_result_release(struct kill_result *result);

/* Never ends pid 1, kernel threads, the spared or ourselves.
 * -EPERM the root may not be signalled, and so nobody was; -EINVAL pid 1 of the host, a kernel thread, a
 * spared process; -ETIMEDOUT some remain after SIGKILL (result still filled). Returns once the ended are gone
 * (or zombies of a parent that does not reap). */
int kill_tree(const struct procfs *procfs, const struct pidref *root, const struct kill_options *options,
              struct kill_result *ret_result, struct error *error) _must_check_;
