#include "capture/process_name.h"

#include "capture/process.h"
#include "proc/patient.h"

#include <stdio.h>
#include <string.h>

enum {
    COMM_CUT = 15,       /* TASK_COMM_LEN - 1 */
    ARGUMENTS_MAX = 3,   /* argv[0]; of a script "INTERPRETER [OPTION] SCRIPT", whose name the kernel takes */
    COMMAND_TEXT = 4096, /* of the command line that are looked at */
};

/* What Node 24 calls its first thread, and with it the process. */
static bool names_only_a_thread(const char *comm)
{
    return strcmp(comm, "MainThread") == 0;
}

static bool is_complete(const char *comm)
{
    return strlen(comm) != COMM_CUT && !names_only_a_thread(comm);
}

void process_name_complete(const struct buffer *cmdline, const char *comm, char *ret_name, size_t size)
{
    const char *at = buffer_string(cmdline), *end = at + cmdline->size;

    (void)snprintf(ret_name, size, "%s", comm); /* cut to the room there is */
    if (is_complete(comm))
        return;
    for (unsigned i = 0; i < ARGUMENTS_MAX && at < end; i++) {
        size_t length = strnlen(at, (size_t)(end - at));
        const char *slash = memrchr(at, '/', length), *base = slash ? slash + 1 : at;
        size_t base_length = length - (size_t)(base - at);
        if (names_only_a_thread(comm) ? base_length > 0
                                      : base_length > COMM_CUT && memcmp(base, comm, COMM_CUT) == 0) {
            (void)snprintf(ret_name, size, "%.*s", (int)base_length, base); /* likewise */
            return;
        }
        at += length + 1;
    }
}

void process_full_name(int directory_fd, const char *comm, char *ret_name, size_t size)
{
    _cleanup_buffer_ struct buffer cmdline = BUFFER_INIT(COMMAND_TEXT);

    /* most names are shorter, and lists ask for thousands */
    if (!is_complete(comm))
        (void)!proc_read_patiently(directory_fd, "cmdline", &cmdline); /* what came will do */
    process_name_complete(&cmdline, comm, ret_name, size);
}
