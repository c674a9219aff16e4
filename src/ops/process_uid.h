/* What dotnet-monitor calls the uid of a process: the number that a .NET runtime has given itself, which is
 * asked for it once; of all others one that is made of the boot, the pid and its beginning. */
#pragma once

#include "capture/runtime.h"
#include "ops/operation.h"
#include "proc/process_guid.h"

/* One request's look at them. */
struct process_uids {
    const struct procfs *procfs;
    uint8_t boot[GUID_SIZE];
    uint64_t patience_ms; /* that is left for runtimes that do not answer */
};

void process_uids_init(struct process_uids *uids, const struct operation_context *context);

/* A runtime that can't be asked, or does not answer in time, has one as all others, too. */
void process_uid(struct process_uids *uids, pid_t pid, uint64_t start_ticks, const struct runtime *runtime,
                 char ret_uid[GUID_TEXT_SIZE]);

/* Whether it is the process's, either way. */
bool process_uid_is(struct process_uids *uids, pid_t pid, uint64_t start_ticks, const struct runtime *runtime,
                    const char *uid);
