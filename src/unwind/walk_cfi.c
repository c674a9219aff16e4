#include "unwind/walk_parts.h"

#include <errno.h>

/* ret_cfi: whose row it is. */
static const struct cfi_row *row_at(struct walk *walk, uint64_t address, uint64_t *ret_file_address,
                                    struct cfi **ret_cfi)
{
    struct image *image = NULL;
    struct cfi *cfi;

    if (!images_find(walk->process->images, address, &image, ret_file_address) || !image)
        return NULL;
    cfi = image_cfi(image);
    *ret_cfi = cfi;
    return cfi ? cfi_find(cfi, *ret_file_address) : NULL;
}

/* Whether the kernel's frame is told by the code there. */
static bool is_kernels_frame(const struct walk *walk)
{
    struct walk_registers unused;
    uint64_t address;

    return walk_machine_interrupted(walk->process->memory, walk->address, &walk->registers, &unused,
                                    &address) == 0;
}

/* A call can be the last instruction of a function that the callee never comes back to: so what counts is
 * where the call is. But nothing calls the code that a signal handler returns to: before it stands another
 * function, or none. */
static const struct cfi_row *row_of(struct walk *walk, struct cfi **ret_cfi)
{
    uint64_t file_address;
    const struct cfi_row *row = row_at(walk, walk->address - walk->is_return, &file_address, ret_cfi);

    if (!walk->is_return)
        return row;
    if (row)
        return row->end == file_address + 1 && is_kernels_frame(walk) ? NULL : row;
    row = row_at(walk, walk->address, &file_address, ret_cfi);
    return row && row->is_signal ? row : NULL;
}

static int cfa_of(const struct walk *walk, const struct cfi_rule *rule, uint64_t *ret_cfa)
{
    if (rule->kind == CFI_IS_EXPRESSION)
        return expression_evaluate(rule->expression, rule->size, NULL, &walk->registers,
                                   walk->process->memory, ret_cfa);
    if (rule->kind != CFI_IS_OFFSET)
        return -EINVAL;
    if (!walk_registers_has(&walk->registers, rule->number))
        return -ENODATA;
    *ret_cfa = walk->registers.values[rule->number] + (uint64_t)rule->value;
    return 0;
}

static int value_of(const struct walk *walk, const struct cfi_rule *rule, uint64_t cfa, uint64_t *ret_value)
{
    const struct memory *memory = walk->process->memory;
    uint64_t place;
    int r;

    switch (rule->kind) {
    case CFI_SAME:
    case CFI_IN_REGISTER: {
        uint64_t number = rule->kind == CFI_SAME ? rule->number : (uint64_t)rule->value;

        if (!walk_registers_has(&walk->registers, number))
            return -ENODATA;
        *ret_value = walk->registers.values[number];
        return 0;
    }
    case CFI_AT_OFFSET:
        return memory_read_u64(memory, cfa + (uint64_t)rule->value, ret_value) < 0 ? -EIO : 0;
    case CFI_IS_OFFSET:
        *ret_value = cfa + (uint64_t)rule->value;
        return 0;
    case CFI_AT_EXPRESSION:
        r = expression_evaluate(rule->expression, rule->size, &cfa, &walk->registers, memory, &place);
        if (r == 0)
            r = memory_read_u64(memory, place, ret_value) < 0 ? -EIO : 0;
        return r;
    case CFI_IS_EXPRESSION:
        return expression_evaluate(rule->expression, rule->size, &cfa, &walk->registers, memory, ret_value);
    default: /* undefined */
        return -ENODATA;
    }
}

static const struct cfi_rule *rule_for(const struct cfi_row *row, uint8_t number)
{
    for (size_t i = 0; i < row->count; i++)
        if (row->rules[i].number == number)
            return &row->rules[i];
    return NULL;
}

/* Where the caller goes on. */
static int return_address(const struct walk *walk, const struct cfi_row *row, const struct walk_step *step,
                          uint64_t *ret_address)
{
    const struct cfi_rule *rule = rule_for(row, row->return_register);
    uint8_t number = row->return_register;

    if (rule && rule->kind == CFI_UNDEFINED)
        return -ENODATA;
    /* a link register holds the return address only until the function calls another */
    if ((!rule || rule->kind == CFI_SAME) && (number != walk_machine.link || walk->is_return))
        return -EINVAL;
    if (!walk_registers_has(&step->registers, number))
        return -EIO; /* its place on the stack could not be read */
    *ret_address = walk_machine_address(step->registers.values[number]);
    return *ret_address == 0 || *ret_address == walk_machine_address(UINT64_MAX) ? -ENODATA : 0;
}

static bool has_expressions(const struct cfi_row *row)
{
    bool found = row->cfa.kind == CFI_IS_EXPRESSION;

    for (size_t i = 0; i < row->count && !found; i++)
        found = row->rules[i].kind == CFI_AT_EXPRESSION || row->rules[i].kind == CFI_IS_EXPRESSION;
    return found;
}

static int step_by(const struct walk *walk, const struct cfi_row *row, struct walk_step *ret_step)
{
    struct walk_step step = {.by = WALKED_BY_CFI};
    uint64_t cfa = 0;
    int r = cfa_of(walk, &row->cfa, &cfa);

    if (r == -ENODATA)
        return -ENOENT; /* a register that the chain of frame pointers does without */
    if (r < 0)
        return r;
    step.registers = walk->registers;
    step.registers.known &= walk_machine.kept;
    walk_registers_set(&step.registers, walk_machine.stack_pointer, cfa);
    for (size_t i = 0; i < row->count; i++) {
        uint8_t number = row->rules[i].number;
        uint64_t value = 0;

        step.registers.known &= ~(1ull << number);
        if (value_of(walk, &row->rules[i], cfa, &value) == 0)
            walk_registers_set(&step.registers, number, value);
    }
    step.position = walk_registers_has(&step.registers, walk_machine.stack_pointer)
                        ? step.registers.values[walk_machine.stack_pointer]
                        : cfa;
    step.was_signal = row->is_signal;
    step.is_return = !row->is_signal;
    r = return_address(walk, row, &step, &step.address);
    *ret_step = step;
    return r;
}

/* Expressions can have thousands of steps in each of a thousand frames; compilers' have three. */
int walk_by_cfi(struct walk *walk, struct walk_step *ret_step)
{
    struct cfi *cfi = NULL;
    const struct cfi_row *row = row_of(walk, &cfi);
    int r;

    if (!row)
        return -ENOENT;
    if (!has_expressions(row))
        return step_by(walk, row, ret_step);
    if (!effort_begin(cfi_effort(cfi)))
        return -ENOENT;
    r = step_by(walk, row, ret_step);
    effort_end(cfi_effort(cfi));
    return r;
}
