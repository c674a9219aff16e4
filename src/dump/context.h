/* A thread's registers as a Windows CONTEXT of this machine. One file an architecture; only the host's is
 * compiled. */
#pragma once

#include "trace/registers.h"

#include <stdint.h>

#if defined(__x86_64__)
enum { CONTEXT_SIZE = 1232, CONTEXT_ARCHITECTURE = 9 }; /* PROCESSOR_ARCHITECTURE_AMD64 */
#elif defined(__aarch64__)
enum { CONTEXT_SIZE = 912, CONTEXT_ARCHITECTURE = 12 }; /* PROCESSOR_ARCHITECTURE_ARM64 */
#else
#error "no CONTEXT for this machine yet: add a context file"
#endif

/* Fills all CONTEXT_SIZE bytes. */
void context_fill(const struct registers *registers, void *bytes);

/* Where the thread's own data (TLS) is, 0 if the registers do not say. */
uint64_t context_thread_pointer(const struct registers *registers);
