/* What the kernel and the target say of a thread in text: /proc/PID/task/TID/syscall, and the command line
 * that completes a name (the target's own memory, so whatever it likes). The first byte chooses. */
#include "capture/process_name.h"
#include "capture/thread_parts.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct thread_info thread = {0};
    char comm[16] = "", name[256];

    if (size < 1 || buffer_append(&text, data + 1, size - 1) < 0)
        return 0;
    if (data[0] % 2 == 0) {
        thread_system_call_parse(buffer_string(&text), text.size, &thread);
        return 0;
    }
    memcpy(comm, buffer_string(&text), text.size < 15 ? text.size : 15);
    process_name_complete(&text, comm, name, sizeof name);
    if (strlen(name) < strlen(comm) || strncmp(name, comm, strlen(comm)) != 0)
        __builtin_trap();
    return 0;
}
