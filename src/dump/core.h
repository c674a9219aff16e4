/* Writes an ELF core of a Linux process, as the kernel would: capture + memory -> sink, all offsets fixed
 * before the first byte, one pass. What is in it: docs/CORE.md; formats: gABI "ELF Header" and "Program
 * Header", core(5), the kernel's fs/binfmt_elf.c. Knows no pid and opens no file. */
#pragma once

#include "capture/capture.h"
#include "memory/memory.h"
#include "stream/sink.h"

/* Whether a core of this type (MINIDUMP_TYPE bits, as dump/minidump.h has them) reads memory beyond the
 * stacks, so that the target must be held while it is written. Else a capture with copied stacks and linkage
 * will do, and memory may be NULL below. */
bool core_reads_memory(uint32_t type);

struct core; /* a layout: what will be written where */

/* -EINVAL for bits above MINIDUMP_TYPE_VALID; -EFBIG where it would be no possible file. ret_ignored (may be
 * NULL) gets the given bits that have no effect on a core. capture and memory are borrowed and must outlive
 * the layout. */
int core_plan(const struct capture *capture, const struct memory *memory, uint32_t type,
              struct core **ret_core, uint32_t *ret_ignored, struct error *error) _must_check_;
uint64_t core_size(const struct core *core);         /* bytes, exact */
uint64_t core_memory_bytes(const struct core *core); /* of them: memory of the process */
/* Of those: memory that goes on changing while it is read (capture.live). */
uint64_t core_live_bytes(const struct core *core);
/* core_write calls it once the last of the memory was read, before the last bytes go out: whoever is held for
 * that memory need not wait for them. The memory is not used again. */
void core_when_read(struct core *core, void (*call)(void *data), void *data);
/* Exactly core_size bytes into sink, or an error (the sink's). Pages that can't be read any more are zeros.
 */
int core_write(const struct core *core, struct sink *sink, struct error *error) _must_check_;
void core_free(struct core *core); /* accepts NULL */
