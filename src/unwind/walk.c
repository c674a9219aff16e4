#include "unwind/walk.h"

#include "unwind/walk_parts.h"

#include <errno.h>

/* One step further out, by what is known best. */
static int step_out(struct walk *walk, struct walk_step *ret_step)
{
    int r = walk_by_cfi(walk, ret_step);

    return r == -ENOENT ? walk_by_chain(walk, ret_step) : r;
}

/* Stacks grow downwards on all our machines, so a caller's frame lies above. A leaf function's may begin
 * where its caller's ends, where a call puts nothing on the stack; what a signal has interrupted may have had
 * another stack. */
static bool is_further_out(struct walk *walk, const struct walk_step *step)
{
    if (step->position > walk->position)
        return true;
    if (step->was_signal)
        return ++walk->switches <= WALK_SWITCHES_MAX;
    return step->position == walk->position && !walk->is_return && step->address != walk->address;
}

static enum walk_end end_for(int r)
{
    return r == -ENODATA ? WALK_OUTERMOST : r == -EIO ? WALK_NO_MEMORY : WALK_LOST;
}

size_t walk_stack(const struct walk_process *process, const struct registers *registers,
                  struct walked_frame *frames, size_t size, enum walk_end *ret_end)
{
    struct walk walk = {.process = process, .address = registers_program_counter(registers)};
    struct walk_step step = {.address = walk.address, .by = WALKED_BY_REGISTERS};
    size_t count = 0;

    walk_machine_load(registers, &step.registers);
    step.position = registers_stack_pointer(registers);
    while (count < size) {
        int r;

        walk.registers = step.registers;
        walk.address = step.address;
        walk.position = step.position;
        walk.is_return = step.is_return;
        if (walk_machine.program_counter != NO_REGISTER)
            walk_registers_set(&walk.registers, walk_machine.program_counter, walk.address);
        frames[count++] = (struct walked_frame){
            .address = walk.address, .position = walk.position, .is_return = walk.is_return, .by = step.by};
        step = (struct walk_step){0};
        r = step_out(&walk, &step);
        frames[count - 1].is_signal = step.was_signal;
        if (r < 0) {
            *ret_end = end_for(r);
            return count;
        }
        if (!is_further_out(&walk, &step)) {
            *ret_end = WALK_LOOP;
            return count;
        }
    }
    *ret_end = WALK_TOO_DEEP;
    return count;
}
