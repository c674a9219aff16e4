/* A profile of which the tests know everything. 1,000 samples of 10 ms, in threads 4201 "main" (700) and 4202
 * "work<er>&;" (300):
 *
 *   main   main.c:10 -> spin (inlined, spin.h:3) -> ...        420   "hot"
 *          main -> recurse x 5                                 200
 *          main -> read -> [kernel] do_syscall_64              80
 *   worker start -> hostile names -> hot                       240
 *          start -> a function without a name                  50
 *          start -> script.py's run (no module, no address)    10
 *
 * and 7 samples were lost. A full one has 786,432 more, half of the first stack and half of the fourth: the
 * log has no room for the last 1,000. */
#pragma once

#include "profile/profile.h"

enum { MADE_UP_SAMPLES = 1000, MADE_UP_PERIOD = 10000000 };

/* What a hostile program calls its functions. */
#define MADE_UP_HOSTILE "</text><script>alert(1)</script>;\"'&\n\x01\xff\xc3\xa4]]>"

int made_up_profile(bool full, struct profile *ret_profile) _must_check_;
