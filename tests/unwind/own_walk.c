#include "own_walk.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

void own_walk_begin(struct own_walk *own, pid_t pid)
{
    int memory;

    *own = (struct own_walk){.procfs.fd = -1, .process = PIDREF_INIT};
    assert_int_equal(procfs_open("/proc", &own->procfs, NULL), 0);
    assert_int_equal(pidref_open(&own->procfs, pid ? pid : getpid(), &own->process, NULL), 0);
    assert_int_equal(maps_read(own->process.dir_fd, &own->maps, NULL), 0);
    assert_int_equal(modules_read(&own->process, &own->maps, true, &own->modules), 0);
    memory = openat(own->process.dir_fd, "mem", O_RDONLY | O_CLOEXEC);
    assert_true(memory >= 0);
    assert_int_equal(memory_fd_new(memory, &own->memory), 0);
    assert_int_equal(images_new(&own->maps, &own->modules, &own->process, own->memory, &own->images), 0);
}

void own_walk_end(struct own_walk *own)
{
    images_free(own->images);
    memory_free(own->memory);
    module_list_release(&own->modules);
    map_list_release(&own->maps);
    pidref_close(&own->process);
    procfs_close(&own->procfs);
}

struct registers own_registers(const ucontext_t *context)
{
    struct registers registers = {0};
#if defined(__x86_64__)
    const greg_t *from = context->uc_mcontext.gregs;
    struct user_regs_struct *to = &registers.general;

    to->rip = (uint64_t)from[REG_RIP];
    to->rsp = (uint64_t)from[REG_RSP];
    to->rbp = (uint64_t)from[REG_RBP];
    to->rbx = (uint64_t)from[REG_RBX];
    to->rax = (uint64_t)from[REG_RAX];
    to->rcx = (uint64_t)from[REG_RCX];
    to->rdx = (uint64_t)from[REG_RDX];
    to->rsi = (uint64_t)from[REG_RSI];
    to->rdi = (uint64_t)from[REG_RDI];
    to->r8 = (uint64_t)from[REG_R8];
    to->r9 = (uint64_t)from[REG_R9];
    to->r10 = (uint64_t)from[REG_R10];
    to->r11 = (uint64_t)from[REG_R11];
    to->r12 = (uint64_t)from[REG_R12];
    to->r13 = (uint64_t)from[REG_R13];
    to->r14 = (uint64_t)from[REG_R14];
    to->r15 = (uint64_t)from[REG_R15];
#elif defined(__aarch64__)
    memcpy(registers.general.regs, context->uc_mcontext.regs, sizeof registers.general.regs);
    registers.general.sp = context->uc_mcontext.sp;
    registers.general.pc = context->uc_mcontext.pc;
#endif
    return registers;
}

void own_walk_registers(struct own_walk *own, const struct registers *registers)
{
    const struct walk_process process = {own->images, &own->maps, own->memory};

    own->count = walk_stack(&process, registers, own->frames, OWN_FRAMES, &own->end);
}
