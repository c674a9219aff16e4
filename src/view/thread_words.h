/* Facts of a Linux thread in .NET's words (System.Diagnostics.ThreadState, ThreadWaitReason,
 * ThreadPriorityLevel), which are Windows's. docs/KUDU.md has the tables and the reasons. */
#pragma once

#include "capture/process.h"

enum { SYSTEM_CALL_NAME_MAX = 48 };

const char *thread_state_word(char state);
/* NULL unless the thread's state is Wait. system_call: its name, or NULL. */
const char *thread_wait_reason_word(const struct thread_info *thread, const char *system_call);
const char *thread_priority_level_word(const struct thread_info *thread);

/* Windows's scale: 1 idle, 8 normal, 15 highest of the ordinary, 16 to 31 realtime. Base: what nice and
 * policy ask for. Current: what the scheduler uses just now, which differs while a priority is inherited. */
int thread_base_priority(const struct thread_info *thread);
int thread_current_priority(const struct thread_info *thread);

/* The name of the system call the thread is in, "syscall_N" where this libseccomp does not know it. False:
 * in none, or unknown. */
bool thread_system_call_name(const struct thread_info *thread, char name[SYSTEM_CALL_NAME_MAX]);
