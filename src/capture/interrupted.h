/* Stacks that threads were on before a signal's handler came in on a stack of its own (sigaltstack), as those
 * that tell of a crash do: who looks for what has crashed needs both. */
#pragma once

#include "capture/capture.h"

/* Fills capture->interrupted, within LIMIT_INTERRUPTED_BUDGET, once the threads' stacks are chosen. copy:
 * with the bytes, of threads whose stacks were copied; else they are to be read through the memory. What only
 * looks like such a stack may be among them. -ENOMEM, -ESRCH. */
int interrupted_stacks_find(struct capture *capture, const struct memory *memory, bool copy) _must_check_;
