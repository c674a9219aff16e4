/* Stacks out of a core file. Not in the table of operations: a path is for who sits at this machine. */
#pragma once

#include "ops/operation.h"

/* Arguments as of `stacks`, and `core`, the file's path; the request's child is a thread's id, or 0. */
extern const struct operation operation_core_stacks;
