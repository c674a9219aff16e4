/* Takes samples of one process into a profile, with names. By perf events where they may be had; else, and
 * for what is not running, by holding the process for moments at a low rate. Not for several threads at once.
 */
#pragma once

#include "base/error.h"
#include "proc/pidref.h"
#include "profile/profile.h"

struct sampler;

struct sampler_options {
    enum profile_what what;
    unsigned frequency;  /* samples a second; 0: 99 by perf events, 10 by holding */
    bool frame_pointers; /* unwind by these in the kernel, rather than by call frame information: for JITs,
                            and less work */
    bool by_holding;     /* although there may be perf events */
};

/* ret_profile (empty before) is filled from now on, and the caller's to release when the sampler is gone.
 * process is borrowed. -ESRCH it is not running; else a sentence says what is missing. */
int sampler_new(const struct procfs *procfs, const struct pidref *process,
                const struct sampler_options *options, struct profile *ret_profile,
                struct sampler **ret_sampler, struct error *error) _must_check_;
void sampler_free(struct sampler *sampler); /* accepts NULL */
static inline void cleanup_sampler(struct sampler **sampler)
{
    sampler_free(*sampler);
}
#define _cleanup_sampler_ _cleanup_(cleanup_sampler)

/* Readable when sampler_read() is to be called. */
int sampler_fd(const struct sampler *sampler);
/* -ESRCH: the process has ended, and what was taken is all. -ENOMEM. */
int sampler_read(struct sampler *sampler) _must_check_;
/* Takes what is left; the profile is whole then. */
int sampler_finish(struct sampler *sampler) _must_check_;
