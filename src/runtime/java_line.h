/* The lines of a thread dump, each taken apart for itself. Used by java_dump.c alone. A line is
 * NUL-terminated, and is cut into pieces where it stands. */
#pragma once

#include "runtime/java_dump.h"

/* The strings of these are pieces of the line, until they are kept. False: it is no such line. */
bool java_line_thread(char *line, struct java_thread *ret_thread);
bool java_line_frame(char *line, struct java_frame *ret_frame); /* "\tat ..." */
bool java_line_lock(char *line, struct java_lock *ret_lock);    /* "\t- locked <0x...> (a ...)" */
bool java_line_owned(char *line, struct java_lock *ret_lock);   /* "\t- <0x...> (a ...)" */
bool java_line_state(char *line, struct java_thread *thread);   /* "   java.lang.Thread.State: ..." */
bool java_line_machine(char *line, const char **ret_machine, const char **ret_version);
/* "Found 2 deadlocks." */
bool java_line_deadlocks(const char *line, uint64_t *ret_count);
/* What stands in front of a number at the line's end. */
bool java_line_number(const char *line, const char *words, uint64_t *ret_number);
