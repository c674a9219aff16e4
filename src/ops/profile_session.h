/* A profile that goes on between requests: `profile-start` begins it in the process that runs that operation,
 * and stays there for `profile-stop` to take. Whoever runs operations with OPERATION_SESSION keeps such a
 * process, lets it sample while it waits for its next request, and gives it all requests for that target. One
 * a process of ours. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The target of the session; 0: there is none. */
pid_t profile_session_pid(void);
bool profile_session_is_over(void); /* nothing is sampled any more, and it waits to be fetched */
/* Readable when profile_session_step() is to be called; -1: what was to be sampled was. */
int profile_session_fd(void);
/* In how many milliseconds it is to be called at the latest. */
int profile_session_timeout_ms(void);
/* Samples; ends sampling when its time is over, and the session when nobody has come for it. */
void profile_session_step(void);
