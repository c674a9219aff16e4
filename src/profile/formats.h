/* A profile as a file. Which program opens which: docs/PROFILE.md.
 *
 * Writers take a profile that is not added to meanwhile, and leave sink unfinished. They go through it as
 * they write: beside the profile they need memory for a tree of its functions and an order of its log, 24 MiB
 * at most, whatever the file's size. That is not known before the end. */
#pragma once

#include "profile/profile.h"
#include "stream/sink.h"

int profile_write_pprof(const struct profile *profile, struct sink *sink) _must_check_;
int profile_write_speedscope(const struct profile *profile, struct sink *sink) _must_check_;
int profile_write_folded(const struct profile *profile, struct sink *sink) _must_check_;
int profile_write_svg(const struct profile *profile, struct sink *sink) _must_check_;
int profile_write_diagsession(const struct profile *profile, struct sink *sink) _must_check_;
int profile_write_nettrace(const struct profile *profile, struct sink *sink) _must_check_;

struct profile_format {
    const char *name; /* as in format= */
    const char *suffix, *content_type;
    int (*write)(const struct profile *profile, struct sink *sink);
};

/* NULL: there is none of that name. */
const struct profile_format *profile_format_find(const char *name);
extern const struct profile_format profile_formats[]; /* the last has no name */
