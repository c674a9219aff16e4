/* What sandbox*.c have between them. */
#pragma once

#include "service/sandbox.h"

/* What a process may ask of the kernel: each a list in sandbox_calls.c and rules in sandbox_filter.c. A
 * filter stays with all that is forked from who has it, and each adds up: so the inspector has whatever one
 * of its children needs. */
enum sandbox_power {
    POWER_LOOP = 1 << 0,    /* an event loop over what is open: no file, no process, nothing new but pipes */
    POWER_CONNECT = 1 << 1, /* to other machines, and to look up their names */
    POWER_WORK = 1 << 2,  /* files, libraries that are loaded late, and to become less: whoever is no front */
    POWER_FORK = 1 << 3,  /* processes of its own, signals to any */
    POWER_TRACE = 1 << 4, /* to hold processes and read their memory */
    POWER_PATHS = 1 << 5, /* to open what lies at a path of theirs */
    POWER_ASK = 1 << 6,   /* runtimes: sockets and FIFOs in file systems, as another user */
    POWER_TCP = 1 << 7,   /* the same over TCP: Node */
    POWER_SAMPLE = 1 << 8, /* perf events */
    POWER_KEEP = 1 << 9,   /* files of its own: what debuginfod sends */
    POWER_START = 1 << 10, /* what only the inspector does, for itself or a child that is just beginning */
    POWER_ALL = (1 << 11) - 1
};

/* Calls that are allowed whatever their arguments are. */
struct sandbox_calls {
    unsigned powers; /* each of them has it */
    size_t count;
    const int *calls;
};
extern const struct sandbox_calls sandbox_calls[]; /* ends with a count of 0 */

/* A filter of system calls in the kernel's form; without POWER_FORK only for the process that made it. Made
 * once where it is loaded often, which takes less time. */
struct sandbox_program {
    size_t count;
    struct sock_filter *instructions; /* owned */
    unsigned flags;                   /* to load it with */
};

int sandbox_filter_compile(unsigned powers, struct sandbox_program *ret_program,
                           struct error *error) _must_check_;
void sandbox_program_release(struct sandbox_program *program);
/* From here on this process, and what it forks, has these powers and no other. */
int sandbox_filter_load(const struct sandbox_program *program, struct error *error) _must_check_;
/* Both. */
int sandbox_filter(unsigned powers, struct error *error) _must_check_;

/* Files that this process may still open by a path. What is open stays so. */
enum sandbox_files {
    FILES_NONE,
    FILES_OF_NETWORKS, /* to read what says how names are looked up and whom to trust */
};

/* Landlock, as far as the kernel has it: 0 where it has none. Only for threads that are begun later. */
int sandbox_landlock(enum sandbox_files files, struct error *error) _must_check_;
/* Only to write: nowhere but beneath `folder`. */
int sandbox_landlock_write(const char *folder, struct error *error) _must_check_;
