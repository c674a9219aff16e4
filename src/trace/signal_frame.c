#include "trace/signal_frame.h"

#include "trace/arch.h"

#include <string.h>
#include <ucontext.h>

enum {
    ALIGNMENT = 16,         /* of a ucontext, on all our machines */
    FRAME_MAX = 128 * 1024, /* with all registers that a machine has: 64 KiB is one matrix of SME */
};

static bool is_in(uint64_t address, const stack_t *stack)
{
    return address - (uintptr_t)stack->ss_sp < stack->ss_size;
}

/* Nearly all that is no frame fails the first of these. Who comes from another stack begins at the top. */
static bool is_frame(const struct stack_part *part, size_t at, uint64_t *ret_pointer)
{
    const uint8_t *context = part->bytes + at;
    uint64_t address = part->address + at, top;
    struct ucontext_t *link;
    stack_t stack;

    memcpy(&stack, context + offsetof(ucontext_t, uc_stack), sizeof stack);
    if (!is_in(address, &stack) || !is_in(part->pointer, &stack))
        return false;
    top = (uintptr_t)stack.ss_sp + stack.ss_size;
    memcpy(&link, context + offsetof(ucontext_t, uc_link), sizeof link);
    return top - address <= FRAME_MAX && !link && /* the kernel sets none */
           arch_context_pointer(context, address, top, ret_pointer) && !is_in(*ret_pointer, &stack);
}

bool signal_frame_next(const struct stack_part *part, size_t *at, uint64_t *ret_pointer)
{
    size_t from = *at;

    if (from == 0 && part->pointer > part->address)
        from = (part->pointer - part->address + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    for (; from < part->size && part->size - from >= arch_context_size; from += ALIGNMENT) {
        if (!is_frame(part, from, ret_pointer))
            continue;
        *at = from + ALIGNMENT;
        return true;
    }
    *at = part->size;
    return false;
}
