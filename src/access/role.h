/* What one may do, in five steps: each may all that stands before it. */
#pragma once

#include "base/cleanup.h"

enum role {
    ROLE_NONE,     /* nothing */
    ROLE_READER,   /* lists, details, threads, modules */
    ROLE_OPERATOR, /* environments, open files, stacks and profiles; ends processes */
    ROLE_DUMPER,   /* dumps and heaps: all that a process has in its memory */
    ROLE_ADMIN,    /* stops the service itself */
};

const char *role_name(enum role role);
int role_parse(const char *text, enum role *ret_role) _must_check_; /* -EINVAL */
