#include "unwind/expression.h"

#include "unwind/reader.h"

#include <dwarf.h>
#include <errno.h>

enum {
    STACK_MAX = 64,
    STEPS_MAX = 4096, /* branches go back, too */
};

struct evaluation {
    struct reader reader;
    const uint8_t *begin;
    const struct walk_registers *registers;
    const struct memory *memory;
    uint64_t stack[STACK_MAX];
    size_t depth;
    int result; /* the first error; all that comes after is void */
};

static void fail(struct evaluation *evaluation, int result)
{
    if (evaluation->result == 0)
        evaluation->result = result;
}

static void push(struct evaluation *evaluation, uint64_t value)
{
    if (evaluation->depth == STACK_MAX)
        fail(evaluation, -EINVAL);
    else
        evaluation->stack[evaluation->depth++] = value;
}

static uint64_t pop(struct evaluation *evaluation)
{
    if (evaluation->depth == 0) {
        fail(evaluation, -EINVAL);
        return 0;
    }
    return evaluation->stack[--evaluation->depth];
}

static void pick(struct evaluation *evaluation, uint64_t from_top)
{
    if (from_top >= evaluation->depth)
        fail(evaluation, -EINVAL);
    else
        push(evaluation, evaluation->stack[evaluation->depth - 1 - from_top]);
}

static void push_register(struct evaluation *evaluation, uint64_t number, int64_t offset)
{
    if (walk_registers_has(evaluation->registers, number))
        push(evaluation, evaluation->registers->values[number] + (uint64_t)offset);
    else
        fail(evaluation, -ENODATA);
}

static void dereference(struct evaluation *evaluation, size_t size)
{
    uint64_t address = pop(evaluation), value = 0;

    if (size == 0 || size > sizeof value) {
        fail(evaluation, -EINVAL);
        return;
    }
    if (evaluation->result == 0 && memory_read_exactly(evaluation->memory, address, &value, size) < 0)
        fail(evaluation, -EIO);
    push(evaluation, value);
}

static void jump(struct evaluation *evaluation, bool taken)
{
    int64_t distance = reader_signed(&evaluation->reader, 2);
    int64_t to = evaluation->reader.at - evaluation->begin + distance;

    if (!taken)
        return;
    if (to < 0 || to > evaluation->reader.end - evaluation->begin)
        fail(evaluation, -EINVAL);
    else
        evaluation->reader.at = evaluation->begin + to;
}

static bool constant(struct evaluation *evaluation, uint8_t operation)
{
    struct reader *reader = &evaluation->reader;

    if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31) {
        push(evaluation, operation - DW_OP_lit0);
        return true;
    }
    switch (operation) {
    case DW_OP_const1u:
    case DW_OP_const2u:
    case DW_OP_const4u:
    case DW_OP_const8u:
        push(evaluation, reader_unsigned(reader, 1u << (operation - DW_OP_const1u) / 2));
        return true;
    case DW_OP_const1s:
    case DW_OP_const2s:
    case DW_OP_const4s:
    case DW_OP_const8s:
        push(evaluation, (uint64_t)reader_signed(reader, 1u << (operation - DW_OP_const1s) / 2));
        return true;
    case DW_OP_constu:
        push(evaluation, reader_uleb(reader));
        return true;
    case DW_OP_consts:
        push(evaluation, (uint64_t)reader_sleb(reader));
        return true;
    default:
        return false;
    }
}

static bool of_registers(struct evaluation *evaluation, uint8_t operation)
{
    struct reader *reader = &evaluation->reader;
    uint64_t number;

    if (operation >= DW_OP_breg0 && operation <= DW_OP_breg31) {
        push_register(evaluation, operation - DW_OP_breg0, reader_sleb(reader));
        return true;
    }
    if (operation == DW_OP_bregx) {
        number = reader_uleb(reader);
        push_register(evaluation, number, reader_sleb(reader));
        return true;
    }
    return false;
}

static bool of_stack(struct evaluation *evaluation, uint8_t operation)
{
    uint64_t top, second, third;

    switch (operation) {
    case DW_OP_dup:
        pick(evaluation, 0);
        return true;
    case DW_OP_over:
        pick(evaluation, 1);
        return true;
    case DW_OP_pick:
        pick(evaluation, reader_u8(&evaluation->reader));
        return true;
    case DW_OP_drop:
        (void)pop(evaluation);
        return true;
    case DW_OP_swap:
        top = pop(evaluation);
        second = pop(evaluation);
        push(evaluation, top);
        push(evaluation, second);
        return true;
    case DW_OP_rot:
        top = pop(evaluation);
        second = pop(evaluation);
        third = pop(evaluation);
        push(evaluation, top);
        push(evaluation, third);
        push(evaluation, second);
        return true;
    default:
        return false;
    }
}

static bool of_one(struct evaluation *evaluation, uint8_t operation)
{
    uint64_t value;

    switch (operation) {
    case DW_OP_abs:
        value = pop(evaluation);
        push(evaluation, (int64_t)value < 0 ? -value : value);
        return true;
    case DW_OP_neg:
        push(evaluation, -pop(evaluation));
        return true;
    case DW_OP_not:
        push(evaluation, ~pop(evaluation));
        return true;
    case DW_OP_plus_uconst:
        value = pop(evaluation);
        push(evaluation, value + reader_uleb(&evaluation->reader));
        return true;
    case DW_OP_deref:
        dereference(evaluation, 8);
        return true;
    case DW_OP_deref_size:
        dereference(evaluation, reader_u8(&evaluation->reader));
        return true;
    case DW_OP_bra:
        value = pop(evaluation);
        jump(evaluation, value != 0);
        return true;
    case DW_OP_skip:
        jump(evaluation, true);
        return true;
    case DW_OP_nop:
        return true;
    default:
        return false;
    }
}

/* Division is signed, its rest is not (2.5.1.4). What has no result is -EINVAL. */
static int divide(uint8_t operation, uint64_t left, uint64_t right, uint64_t *ret_value)
{
    if (right == 0)
        return -EINVAL;
    if (operation == DW_OP_mod)
        *ret_value = left % right;
    else if (right == UINT64_MAX)
        *ret_value = -left; /* the one quotient that overflows would be fatal */
    else
        *ret_value = (uint64_t)((int64_t)left / (int64_t)right);
    return 0;
}

static int of_two(uint8_t operation, uint64_t left, uint64_t right, uint64_t *ret_value)
{
    int64_t signed_left = (int64_t)left, signed_right = (int64_t)right;

    switch (operation) {
    case DW_OP_and:
        *ret_value = left & right;
        return 0;
    case DW_OP_or:
        *ret_value = left | right;
        return 0;
    case DW_OP_xor:
        *ret_value = left ^ right;
        return 0;
    case DW_OP_plus:
        *ret_value = left + right;
        return 0;
    case DW_OP_minus:
        *ret_value = left - right;
        return 0;
    case DW_OP_mul:
        *ret_value = left * right;
        return 0;
    case DW_OP_div:
    case DW_OP_mod:
        return divide(operation, left, right, ret_value);
    case DW_OP_shl:
        *ret_value = right < 64 ? left << right : 0;
        return 0;
    case DW_OP_shr:
        *ret_value = right < 64 ? left >> right : 0;
        return 0;
    case DW_OP_shra:
        *ret_value = (uint64_t)(signed_left >> (right < 64 ? right : 63));
        return 0;
    case DW_OP_eq:
        *ret_value = left == right;
        return 0;
    case DW_OP_ne:
        *ret_value = left != right;
        return 0;
    case DW_OP_ge:
        *ret_value = signed_left >= signed_right;
        return 0;
    case DW_OP_gt:
        *ret_value = signed_left > signed_right;
        return 0;
    case DW_OP_le:
        *ret_value = signed_left <= signed_right;
        return 0;
    case DW_OP_lt:
        *ret_value = signed_left < signed_right;
        return 0;
    default:
        return -EINVAL;
    }
}

static void step(struct evaluation *evaluation)
{
    uint8_t operation = reader_u8(&evaluation->reader);
    uint64_t left, right, value = 0;

    if (constant(evaluation, operation) || of_registers(evaluation, operation) ||
        of_stack(evaluation, operation) || of_one(evaluation, operation))
        return;
    right = pop(evaluation);
    left = pop(evaluation);
    if (of_two(operation, left, right, &value) < 0)
        fail(evaluation, -EINVAL);
    push(evaluation, value);
}

int expression_evaluate(const uint8_t *bytes, size_t size, const uint64_t *first,
                        const struct walk_registers *registers, const struct memory *memory,
                        uint64_t *ret_value)
{
    struct evaluation evaluation = {
        .reader = {bytes, bytes + size, false}, .begin = bytes, .registers = registers, .memory = memory};
    unsigned steps = 0;
    uint64_t value;

    if (first)
        push(&evaluation, *first);
    while (evaluation.result == 0 && reader_left(&evaluation.reader) > 0) {
        if (++steps > STEPS_MAX)
            return -EINVAL;
        step(&evaluation);
        if (evaluation.reader.broken)
            fail(&evaluation, -EINVAL);
    }
    value = pop(&evaluation);
    if (evaluation.result == 0)
        *ret_value = value;
    return evaluation.result;
}
