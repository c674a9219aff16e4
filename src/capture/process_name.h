/* The kernel cuts a process's name at 15 bytes; its command line often holds the whole. Used within
 * src/capture only; others call process_full_name. */
#pragma once

#include "base/buffer.h"

/* As process_full_name (capture/process.h), out of a command line that was read already. */
void process_name_complete(const struct buffer *cmdline, const char *comm, char *ret_name, size_t size);
