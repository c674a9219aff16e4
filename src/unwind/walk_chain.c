/* Functions without call frame information: code made at run time, and what was written by hand. */
#include "unwind/walk_parts.h"

#include <errno.h>

enum {
    CALL_MAX = 8,
    NEAR = 64 * 1024, /* how far into a function one may be */
};

static bool is_code(const struct walk *walk, uint64_t address)
{
    const struct map *map = maps_find(walk->process->maps, address);

    return map && (map->permissions & MAP_EXECUTE);
}

static bool is_of_file(const struct walk *walk, uint64_t address)
{
    const struct map *map = maps_find(walk->process->maps, address);

    return map && map->inode != 0;
}

enum likelihood {
    NOT_A_RETURN,
    /* In code whose bytes are not there, or that a runtime has made: Java's interpreter jumps to what it
     * calls, and has put an address on the stack for it to return to. */
    UNCHECKED,
    BEHIND_CALL,      /* of something */
    BEHIND_THIS_CALL, /* of the function that the thread is in, likely */
};

static enum likelihood judge(const struct walk *walk, uint64_t address)
{
    uint8_t bytes[CALL_MAX];
    size_t size = walk_machine.code_before_return;
    uint64_t target = 0;

    if (address < size || !is_code(walk, address - 1))
        return NOT_A_RETURN;
    if (memory_read_exactly(walk->process->memory, address - size, bytes, size) < 0)
        return UNCHECKED;
    if (!walk_machine_is_call(bytes, address, &target))
        return is_of_file(walk, address - 1) ? NOT_A_RETURN : UNCHECKED;
    return target <= walk->address && walk->address - target < NEAR ? BEHIND_THIS_CALL : BEHIND_CALL;
}

/* The caller of a leaf function that has put nothing on the stack yet but `pushed` bytes, and changed no
 * register. */
static int leaf_step(const struct walk *walk, uint64_t pushed, enum likelihood at_least,
                     struct walk_step *ret_step)
{
    uint64_t place = walk->position + pushed, position = place + walk_machine.leaf_size, address;

    if (walk_machine.link != NO_REGISTER)
        address = walk->registers.values[walk_machine.link];
    else if (memory_read_u64(walk->process->memory, place, &address) < 0)
        return -EIO;
    address = walk_machine_address(address);
    if (judge(walk, address) < at_least)
        return -ENOENT;
    *ret_step = (struct walk_step){.registers = walk->registers,
                                   .address = address,
                                   .position = position,
                                   .is_return = true,
                                   .by = WALKED_BY_GUESS};
    ret_step->registers.known &= walk_machine.kept;
    if (walk_machine.link != NO_REGISTER)
        ret_step->registers.known &= ~(1ull << walk_machine.link);
    walk_registers_set(&ret_step->registers, walk_machine.stack_pointer, position);
    return 0;
}

/* Both machines keep the caller's frame pointer where the own one points to, and the return address behind
 * it. */
static int chain_step(const struct walk *walk, struct walk_step *ret_step)
{
    uint64_t pointer, pair[2];

    if (!walk_registers_has(&walk->registers, walk_machine.frame_pointer))
        return -EINVAL;
    pointer = walk->registers.values[walk_machine.frame_pointer];
    if (pointer == 0 && walk->is_return)
        return -ENODATA; /* both ABIs mark the outermost frame so */
    if (pointer % sizeof pair[0] != 0 || pointer < walk->position)
        return -EINVAL;
    if (memory_read_exactly(walk->process->memory, pointer, pair, sizeof pair) < 0)
        return maps_find(walk->process->maps, pointer) ? -EIO : -EINVAL;
    pair[1] = walk_machine_address(pair[1]);
    if (pair[1] == 0 && pair[0] == 0)
        return -ENODATA;
    if (judge(walk, pair[1]) == NOT_A_RETURN)
        return -EINVAL;
    *ret_step = (struct walk_step){.address = pair[1],
                                   .position = pointer + sizeof pair,
                                   .is_return = true,
                                   .by = WALKED_BY_FRAME_POINTER};
    walk_registers_set(&ret_step->registers, walk_machine.frame_pointer, pair[0]);
    if (walk_machine.pair_ends_frame)
        walk_registers_set(&ret_step->registers, walk_machine.stack_pointer, ret_step->position);
    return 0;
}

static int interrupted_step(const struct walk *walk, struct walk_step *ret_step)
{
    struct walk_step step = {.was_signal = true, .by = WALKED_BY_CFI};
    int r;

    if (!walk_registers_has(&walk->registers, walk_machine.stack_pointer))
        return -ENOENT;
    r = walk_machine_interrupted(walk->process->memory, walk->address, &walk->registers, &step.registers,
                                 &step.address);
    step.position = step.registers.values[walk_machine.stack_pointer];
    if (r == 0)
        *ret_step = step;
    return r;
}

int walk_by_chain(struct walk *walk, struct walk_step *ret_step)
{
    uint64_t pushed;
    int r = interrupted_step(walk, ret_step);

    if (r != -ENOENT)
        return r;
    if (walk->is_return)
        return chain_step(walk, ret_step);
    /* Where there is no code at all, a call has just led there. */
    if (!is_code(walk, walk->address))
        return leaf_step(walk, 0, BEHIND_CALL, ret_step) == 0 ? 0 : -EINVAL;
    if (walk_machine_at_edge(walk->process->memory, walk->address, &pushed) &&
        leaf_step(walk, pushed, BEHIND_CALL, ret_step) == 0)
        return 0;
    if (leaf_step(walk, 0, BEHIND_THIS_CALL, ret_step) == 0)
        return 0;
    r = chain_step(walk, ret_step);
    return r == -EINVAL && leaf_step(walk, 0, BEHIND_CALL, ret_step) == 0 ? 0 : r;
}
