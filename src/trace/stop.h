/* The holding thread's work: to seize, stop and mend all threads, and to let them go. */
#pragma once

#include "trace/hold.h"

/* 0: all threads are stopped, and their registers read. Else as hold_begin says; what was seized still is. */
int stop_all(struct hold *hold) _must_check_;
/* Once. -ESRCH: not all could be, since the process was killed meanwhile; the holder's end does it. */
int let_go(struct hold *hold);
