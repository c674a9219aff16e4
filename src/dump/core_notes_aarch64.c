/* The registers of an AArch64 thread as a core has them: the kernel's arch/arm64/kernel/ptrace.c,
 * aarch64_regsets. */
#include "dump/core_notes.h"

#include <elf.h>
#include <string.h>

_Static_assert(sizeof(elf_gregset_t) == sizeof(struct user_regs_struct), "NT_PRSTATUS pr_reg");
_Static_assert(sizeof(struct user_fpsimd_struct) == 528, "NT_FPREGSET");

const uint16_t core_machine = EM_AARCH64;

void core_general_registers(const struct registers *registers, elf_gregset_t *ret_registers)
{
    memcpy(ret_registers, &registers->general, sizeof *ret_registers);
}

size_t core_machine_notes(const struct capture_thread *thread,
                          struct core_note ret_notes[CORE_MACHINE_NOTES_MAX])
{
    ret_notes[0] = (struct core_note){"CORE", NT_FPREGSET, sizeof thread->registers.floating,
                                      &thread->registers.floating};
    return 1;
}
