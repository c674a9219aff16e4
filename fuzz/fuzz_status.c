/* /proc/PID/status. */
#include "proc/status.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proc_status status;

    memset(&status, 0xa5, sizeof status);
    if (proc_status_parse((const char *)data, size, &status) < 0)
        return 0;
    if (status.thread_group <= 0 || !status.state || status.namespace_depth > NAMESPACE_DEPTH_MAX ||
        status.vm_rss < -1 || status.vm_swap < -1 || status.thread_count < -1 || status.seccomp < -1 ||
        status.tracer < 0 || status.parent < 0)
        __builtin_trap();
    for (size_t i = 0; i < status.namespace_depth; i++)
        if (status.namespace_pids[i] < 0)
            __builtin_trap();
    return 0;
}
