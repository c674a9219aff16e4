/* The notes of a core: gABI "Note Section", core(5), the kernel's include/uapi/linux/elfcore.h. */
#pragma once

#include "capture/capture.h"
#include "dump/batch.h"

#include <sys/procfs.h>

struct core_note {
    const char *name;
    uint32_t type;
    uint32_t size;
    const void *bytes; /* NULL: zeros */
};

/* core_notes_MACHINE.c: what differs from machine to machine. */
extern const uint16_t core_machine; /* e_machine */
enum { CORE_MACHINE_NOTES_MAX = 4 };
void core_general_registers(const struct registers *registers, elf_gregset_t *ret_registers);
/* The notes of a thread beyond NT_PRSTATUS, which borrow from it. Returns how many. */
size_t core_machine_notes(const struct capture_thread *thread,
                          struct core_note ret_notes[CORE_MACHINE_NOTES_MAX]);

/* NT_PRPSINFO, NT_AUXV and NT_FILE. Files whose names do not fit into LIMIT_FILE_NOTE are not named. */
int core_process_notes(const struct capture *capture, struct buffer *notes) _must_check_;

/* NT_PRSTATUS, NT_SIGINFO and the machine's own. */
uint64_t core_thread_notes_size(const struct capture_thread *thread);
int core_put_thread_notes(const struct capture *capture, const struct capture_thread *thread,
                          struct batch *batch) _must_check_;
