/* A number that no other process has, here or elsewhere, as long as it lives and after: of this boot, the pid
 * and when it began (RFC 9562, version 8). */
#pragma once

#include "base/guid.h"
#include "proc/procfs.h"

#include <sys/types.h>

/* Of this boot of the machine; all zeros where the kernel does not say. */
void process_guid_boot(const struct procfs *procfs, uint8_t ret_boot[GUID_SIZE]);
void process_guid(const uint8_t boot[GUID_SIZE], pid_t pid, uint64_t start_ticks,
                  uint8_t ret_guid[GUID_SIZE]);
