/* Where a runtime is asked that has to be asked in its own /tmp, as its own user. */
#pragma once

#include "base/error.h"
#include "proc/pidref.h"

/* All descriptors were opened with our own rights. */
struct runtime_place {
    const struct pidref *process;
    const char *name; /* "The Java virtual machine" */
    pid_t inner_pid;  /* in its own pid namespace */
    uid_t user;       /* effective, as we see them */
    gid_t group;
    int tmp_fd; /* its /tmp, O_PATH */
    uint64_t deadline_ms;
};

/* Looks at the process. place->tmp_fd is the caller's to close, on failure -1. -EBUSY: it is stopped. */
int runtime_place_look(const struct pidref *process, const char *name, uint64_t deadline_ms,
                       struct runtime_place *ret_place, struct error *error) _must_check_;

/* Becomes the target's user, for a child that touches its /tmp. */
int runtime_place_become_user(const struct runtime_place *place, struct error *error) _must_check_;

/* What a child says to its parent on a channel of packets: how it went (error->code 0: well), and a
 * descriptor (-1: none). */
int runtime_place_tell(int channel, const struct error *error, int fd) _must_check_;
/* Takes that from the guard of a FIFO, by deadline_ms. 0, or what the guard failed with, in its words; -EIO
 * it was ended. ret_fd may be NULL: none is awaited. */
int runtime_place_told(int channel, uint64_t deadline_ms, int *ret_fd, struct error *error) _must_check_;
