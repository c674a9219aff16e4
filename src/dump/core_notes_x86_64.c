/* The registers of an x86-64 thread as a core has them: the kernel's arch/x86/kernel/ptrace.c,
 * x86_64_regsets. */
#include "dump/core_notes.h"

#include <elf.h>
#include <string.h>

_Static_assert(sizeof(elf_gregset_t) == sizeof(struct user_regs_struct), "NT_PRSTATUS pr_reg");
_Static_assert(sizeof(struct elf_prstatus) == 336, "NT_PRSTATUS");
_Static_assert(sizeof(struct user_fpregs_struct) == 512, "NT_FPREGSET");

const uint16_t core_machine = EM_X86_64;

void core_general_registers(const struct registers *registers, elf_gregset_t *ret_registers)
{
    memcpy(ret_registers, &registers->general, sizeof *ret_registers);
}

size_t core_machine_notes(const struct capture_thread *thread,
                          struct core_note ret_notes[CORE_MACHINE_NOTES_MAX])
{
    size_t count = 0;

    ret_notes[count++] = (struct core_note){"CORE", NT_FPREGSET, sizeof thread->registers.floating,
                                            &thread->registers.floating};
    if (thread->extended)
        ret_notes[count++] =
            (struct core_note){"LINUX", NT_X86_XSTATE, (uint32_t)thread->extended_size, thread->extended};
    return count;
}
