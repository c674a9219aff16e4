/* Ctrl-C (SIGINT), SIGTERM and SIGHUP while something is made that must not be left half done. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>

/* From now on the first of them is only noted; a second one ends the program as if we were not here. */
void interrupt_note(void);
/* From now on Ctrl-Z does nothing, nor a terminal that wants no output of the background: stopped by one of
 * them while we hold a process, it would stay held until somebody thinks of us. */
void interrupt_no_stop(void);
/* Instead: the first of them makes the descriptor of interrupt_fd() readable, a second one ends the program.
 */
int interrupt_end_early(void) _must_check_;
int interrupt_fd(void);
bool interrupt_came(void);
/* Ends the program by the signal that came, so that a shell sees why; returns only where none did. */
void interrupt_obey(void);
