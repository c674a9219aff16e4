#include "proc/process_guid.h"

#include "proc/read.h"

#include <string.h>

void process_guid_boot(const struct procfs *procfs, uint8_t ret_boot[GUID_SIZE])
{
    char text[GUID_TEXT_SIZE + 1];
    size_t size = 0;

    memset(ret_boot, 0, GUID_SIZE);
    if (proc_read_small(procfs->fd, "sys/kernel/random/boot_id", text, sizeof text, &size) < 0 ||
        size < GUID_TEXT_SIZE - 1)
        return;
    text[GUID_TEXT_SIZE - 1] = '\0';
    (void)!guid_parse(text, ret_boot); /* else it stays at zeros */
}

/* The bytes 6 and 8 hold version and variant: pid and time stand beside them, and so stay tellable apart. */
void process_guid(const uint8_t boot[GUID_SIZE], pid_t pid, uint64_t start_ticks, uint8_t ret_guid[GUID_SIZE])
{
    enum { PID_BYTES = 4, START_AT = 10, START_BYTES = 6, VERSION = 8, VARIANT = 2 };
    uint8_t guid[GUID_SIZE];

    memcpy(guid, boot, GUID_SIZE);
    for (unsigned i = 0; i < PID_BYTES; i++)
        guid[i] ^= (uint8_t)((uint32_t)pid >> 8 * i);
    for (unsigned i = 0; i < START_BYTES; i++)
        guid[START_AT + i] ^= (uint8_t)(start_ticks >> 8 * i);
    guid[6] = (uint8_t)(VERSION << 4 | (guid[6] & 0x0f));
    guid[8] = (uint8_t)(VARIANT << 6 | (guid[8] & 0x3f));
    memcpy(ret_guid, guid, GUID_SIZE);
}
