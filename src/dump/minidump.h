/* Writes a minidump of a Linux process: capture + memory -> sink, all offsets fixed before the first byte,
 * one pass. Layout and stream meanings: docs/MINIDUMP.md; formats: Microsoft's minidumpapiset.h
 * documentation, Breakpad's minidump_format.h for the Linux streams. Knows no pid and opens no file. */
#pragma once

#include "capture/capture.h"
#include "memory/memory.h"
#include "stream/sink.h"

#define MINIDUMP_TYPE_VALID 0x01ffffffu
#define MINIDUMP_WITH_FULL_MEMORY 0x2u

/* Whether a dump of this type reads memory beyond the stacks, so that the target must be held (or a snapshot
 * exist) while it is written; else a capture with copied stacks will do, and memory may be NULL below. */
bool minidump_reads_memory(uint32_t type);

struct minidump; /* a layout: what will be written where */

/* type: MINIDUMP_TYPE bits; -EINVAL for bits above MINIDUMP_TYPE_VALID. ret_ignored gets the given bits that
 * have no effect in this version. capture and memory are borrowed and must outlive the layout. -EFBIG where
 * what must lie below 4 GiB does not. */
int minidump_plan(const struct capture *capture, const struct memory *memory, uint32_t type,
                  struct minidump **ret_minidump, uint32_t *ret_ignored, struct error *error) _must_check_;
uint64_t minidump_size(const struct minidump *minidump);         /* bytes, exact */
uint64_t minidump_memory_bytes(const struct minidump *minidump); /* of them: memory of the process */
/* Of those: memory that goes on changing while it is read (capture.live). */
uint64_t minidump_live_bytes(const struct minidump *minidump);
/* minidump_write calls it once the last of the memory was read, before the last bytes go out: whoever is held
 * for that memory need not wait for them. The memory is not used again. */
void minidump_when_read(struct minidump *minidump, void (*call)(void *data), void *data);
/* Exactly minidump_size bytes into sink, or an error (the sink's). Pages that can't be read any more are
 * zeros. */
int minidump_write(const struct minidump *minidump, struct sink *sink, struct error *error) _must_check_;
void minidump_free(struct minidump *minidump);
