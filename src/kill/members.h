/* The members of a tree as they are found: each by its number and start time, so that a number that was used
 * again is never taken for the process that had it before. No descriptors are kept: a tree can be larger than
 * the number of files that we may open. */
#pragma once

#include "proc/pidref.h"
#include "proc/tasks.h"

enum member_state {
    MEMBER_FOUND,
    MEMBER_STOPPED, /* by SIGSTOP, all its threads: it can't fork */
    MEMBER_DENIED,  /* we may not signal it */
    MEMBER_KEPT,    /* it is not to be signalled, as whoever was asked said */
    MEMBER_GONE,
};

struct member {
    pid_t pid;
    uint64_t start_time; /* ticks since boot */
    enum member_state state;
    bool halted; /* by us: it must not stay so */
};

/* Whether that process may be signalled. */
typedef bool member_question(void *data, const struct pidref *member);

struct member_list {
    struct member *items; /* parents before their children */
    size_t count, capacity;
    const struct procfs *procfs; /* borrowed */
    const pid_t *spared;         /* borrowed: left out with all that is below them */
    size_t spared_count;
    member_question *may; /* NULL: all may be signalled */
    void *may_data;
};

void member_list_release(struct member_list *list);
#define _cleanup_member_list_ _cleanup_(member_list_release)

/* Adds the process that the search begins with. */
int member_list_add_root(struct member_list *list, const struct pidref *root) _must_check_;
/* Adds the descendants there are now and that are not members yet; count grows by them. */
int member_list_scan(struct member_list *list) _must_check_;

/* Signals the member, if it may be: its state becomes DENIED, KEPT or GONE where that is how it went. It is
 * asked about before each signal but SIGCONT, since a process changes its name and its owner. True: it was
 * sent. */
bool member_signal(const struct member_list *list, struct member *member, int signal);
/* Whether each of its threads is stopped or has ended. */
bool member_is_stopped(const struct member_list *list, const struct member *member);
/* Whether it can't be stopped for now, since it sits in an uninterruptible wait. */
bool member_is_stuck(const struct member_list *list, const struct member *member);
/* Waits until it is gone, or a zombie, but not past the deadline (clock_monotonic_ns()). */
bool member_wait_gone(const struct member_list *list, struct member *member, uint64_t deadline_ns);
