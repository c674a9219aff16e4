/* A process as an ELF core file tells of it: the kernel's, gdb's, ours. Notes: Linux
 * include/uapi/linux/elfcore.h and fs/binfmt_elf.c; more than 65,534 segments as in elf(5), PN_XNUM. */
#pragma once

#include "capture/capture.h"

/* Fills ret_capture (empty before) with ids, general registers, mappings, modules and the auxiliary vector;
 * names of threads, their states and times are not in a core. *ret_memory has what is in the file: -EIO for
 * the rest. fd stays the caller's, and must be open for as long as the memory is used. -EINVAL: no core of
 * this machine, in a sentence. */
int capture_core(int fd, struct capture *ret_capture, struct memory **ret_memory,
                 struct error *error) _must_check_;
