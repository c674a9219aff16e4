/* Where threads began, found without stopping anything: of the first thread the program's entry point, of the
 * others the routine that was given to pthread_create, where the C library is glibc. What can't be proved is
 * 0. Needs the right to read the process's memory. Used within src/capture only. */
#pragma once

#include "capture/process.h"

uint64_t thread_start_find(const struct pidref *process, pid_t id);

struct thread_starts {
    struct thread_start {
        pid_t id; /* as the thread knows itself: of its innermost pid namespace; in a result as we see it */
        uint64_t address;
    } * items;
    size_t count, capacity;
};
void thread_starts_release(struct thread_starts *starts);
#define _cleanup_thread_starts_ _cleanup_(thread_starts_release)

/* Those of all threads in list, in one pass over the target's memory. Only -ENOMEM is an error. */
int thread_starts_read(const struct pidref *process, const struct thread_list *list,
                       struct thread_starts *ret_starts) _must_check_;
uint64_t thread_starts_get(const struct thread_starts *starts, pid_t id); /* 0: not known */
