/* The instructions of call frame information. DWARF 5, 6.4.2 and 7.24; those of GNU: binutils' dwarf2.def; of
 * aarch64: "DWARF for the Arm 64-bit Architecture". Each takes at least a byte and none goes back, so the
 * entry's size bounds them. */
#include "unwind/cfi_section.h"

#include <dwarf.h>

enum {
    REMEMBERED_MAX = 16,      /* compilers nest one or two */
    EXPRESSION_MAX = 4096,    /* bytes; those of compilers have some ten */
    PRIMARY = 0xc0,           /* the bits of an opcode with an operand in the others */
    SPARC_WINDOW_SAVE = 0x2d, /* DW_CFA_AARCH64_negate_ra_state there, which changes no rule: the bits of a
                                 signature are taken off whatever it says */
};

struct state {
    struct cfi_rule cfa;
    struct cfi_rule registers[CFI_REGISTERS];
};

struct program {
    const struct cfi_function *function;
    struct state *states; /* the present one is states[remembered], below it those that are remembered */
    const struct state *initial;
    unsigned remembered;
    uint64_t location, address;
    uint64_t start, end; /* of the row */
};

static struct state *present(struct program *program)
{
    return &program->states[program->remembered];
}

static void set_rule(struct program *program, uint64_t number, enum cfi_kind kind, int64_t value)
{
    if (number < CFI_REGISTERS)
        present(program)->registers[number] =
            (struct cfi_rule){.number = (uint8_t)number, .kind = (uint8_t)kind, .value = value};
}

static bool set_expression(struct cfi_rule *rule, uint8_t number, enum cfi_kind kind, struct reader *reader)
{
    uint64_t size = reader_uleb(reader);
    const uint8_t *bytes = reader_take(reader, size);

    if (!bytes || size > EXPRESSION_MAX)
        return false;
    *rule = (struct cfi_rule){number, (uint8_t)kind, (uint16_t)size, .expression = bytes};
    return true;
}

static bool set_register_expression(struct program *program, enum cfi_kind kind, struct reader *reader)
{
    uint64_t number = reader_uleb(reader);
    struct cfi_rule unused;

    if (number >= CFI_REGISTERS)
        return set_expression(&unused, 0, kind, reader);
    return set_expression(&present(program)->registers[number], (uint8_t)number, kind, reader);
}

static bool set_cfa(struct program *program, uint64_t number, int64_t offset)
{
    if (number >= CFI_REGISTERS)
        return false;
    present(program)->cfa =
        (struct cfi_rule){.number = (uint8_t)number, .kind = CFI_IS_OFFSET, .value = offset};
    return true;
}

/* Half of a rule that counts from a register stays as it is. */
static bool change_cfa(struct program *program, const uint64_t *number, const int64_t *offset)
{
    const struct cfi_rule *cfa = &present(program)->cfa;

    if (cfa->kind != CFI_IS_OFFSET)
        return false;
    return set_cfa(program, number ? *number : cfa->number, offset ? *offset : cfa->value);
}

static bool restore(struct program *program, uint64_t number)
{
    if (!program->initial)
        return false; /* in the CIE itself */
    if (number < CFI_REGISTERS)
        present(program)->registers[number] = program->initial->registers[number];
    return true;
}

static bool remember(struct program *program)
{
    if (program->remembered + 1 >= REMEMBERED_MAX)
        return false;
    program->states[program->remembered + 1] = program->states[program->remembered];
    program->remembered++;
    return true;
}

/* Since GCC 4.4 and in LLVM the CFA comes back, too. */
static bool recall(struct program *program)
{
    if (program->remembered == 0)
        return false;
    program->remembered--;
    return true;
}

/* False: the new location is behind address, so the row is complete. */
static bool advance_to(struct program *program, uint64_t location)
{
    program->location = location;
    if (location > program->address) {
        program->end = location < program->end ? location : program->end;
        return false;
    }
    program->start = location > program->start ? location : program->start;
    return true;
}

static bool advance(struct program *program, uint64_t count)
{
    return advance_to(program, program->location + count * program->function->code_factor);
}

static int64_t scaled(const struct program *program, uint64_t value)
{
    return (int64_t)(value * (uint64_t)program->function->data_factor);
}

/* Rules of registers. False: broken, or unknown. */
static bool register_instruction(struct program *program, uint8_t opcode, struct reader *reader)
{
    uint64_t number;

    if (opcode == DW_CFA_expression)
        return set_register_expression(program, CFI_AT_EXPRESSION, reader);
    if (opcode == DW_CFA_val_expression)
        return set_register_expression(program, CFI_IS_EXPRESSION, reader);
    number = reader_uleb(reader);
    switch (opcode) {
    case DW_CFA_undefined:
        set_rule(program, number, CFI_UNDEFINED, 0);
        return true;
    case DW_CFA_same_value:
        set_rule(program, number, CFI_SAME, 0);
        return true;
    case DW_CFA_offset_extended:
        set_rule(program, number, CFI_AT_OFFSET, scaled(program, reader_uleb(reader)));
        return true;
    case DW_CFA_offset_extended_sf:
        set_rule(program, number, CFI_AT_OFFSET, scaled(program, (uint64_t)reader_sleb(reader)));
        return true;
    case DW_CFA_GNU_negative_offset_extended:
        set_rule(program, number, CFI_AT_OFFSET, -scaled(program, reader_uleb(reader)));
        return true;
    case DW_CFA_val_offset:
        set_rule(program, number, CFI_IS_OFFSET, scaled(program, reader_uleb(reader)));
        return true;
    case DW_CFA_val_offset_sf:
        set_rule(program, number, CFI_IS_OFFSET, scaled(program, (uint64_t)reader_sleb(reader)));
        return true;
    case DW_CFA_register:
        set_rule(program, number, CFI_IN_REGISTER, (int64_t)reader_uleb(reader));
        return true;
    case DW_CFA_restore_extended:
        return restore(program, number);
    default:
        return false;
    }
}

/* The CFA's rule, and what is left. */
static bool other_instruction(struct program *program, uint8_t opcode, struct reader *reader)
{
    uint64_t number;
    int64_t offset;

    switch (opcode) {
    case DW_CFA_nop:
    case SPARC_WINDOW_SAVE:
        return true;
    case DW_CFA_def_cfa:
        number = reader_uleb(reader);
        return set_cfa(program, number, (int64_t)reader_uleb(reader));
    case DW_CFA_def_cfa_sf:
        number = reader_uleb(reader);
        return set_cfa(program, number, scaled(program, (uint64_t)reader_sleb(reader)));
    case DW_CFA_def_cfa_register:
        number = reader_uleb(reader);
        return change_cfa(program, &number, NULL);
    case DW_CFA_def_cfa_offset:
        offset = (int64_t)reader_uleb(reader);
        return change_cfa(program, NULL, &offset);
    case DW_CFA_def_cfa_offset_sf:
        offset = scaled(program, (uint64_t)reader_sleb(reader));
        return change_cfa(program, NULL, &offset);
    case DW_CFA_def_cfa_expression:
        return set_expression(&present(program)->cfa, 0, CFI_IS_EXPRESSION, reader);
    case DW_CFA_remember_state:
        return remember(program);
    case DW_CFA_restore_state:
        return recall(program);
    case DW_CFA_GNU_args_size:
        (void)reader_uleb(reader); /* only who throws needs it */
        return true;
    default:
        return register_instruction(program, opcode, reader);
    }
}

/* Returns 1 to go on, 0 when the row is complete, -1 where it is broken. */
static int instruction(struct program *program, const struct cfi_section *section, struct reader *reader)
{
    uint8_t opcode = reader_u8(reader), operand = opcode & (uint8_t)~PRIMARY;
    uint64_t location;

    switch (opcode & PRIMARY) {
    case DW_CFA_advance_loc:
        return advance(program, operand);
    case DW_CFA_offset:
        set_rule(program, operand, CFI_AT_OFFSET, scaled(program, reader_uleb(reader)));
        return 1;
    case DW_CFA_restore:
        return restore(program, operand) ? 1 : -1;
    }
    switch (opcode) {
    case DW_CFA_set_loc:
        if (!cfi_pointer_read(section, reader, program->function->encoding, &location))
            return -1;
        return advance_to(program, location);
    case DW_CFA_advance_loc1:
        return advance(program, reader_unsigned(reader, 1));
    case DW_CFA_advance_loc2:
        return advance(program, reader_unsigned(reader, 2));
    case DW_CFA_advance_loc4:
        return advance(program, reader_unsigned(reader, 4));
    default:
        return other_instruction(program, opcode, reader) ? 1 : -1;
    }
}

static bool run(struct program *program, const struct cfi_section *section, struct reader reader)
{
    int r = 1;

    while (r > 0 && reader_left(&reader) > 0 && !reader.broken)
        r = instruction(program, section, &reader);
    return r >= 0 && !reader.broken;
}

static struct cfi_row *row_new(const struct program *program, const struct state *state)
{
    struct cfi_row *row;
    size_t count = 0;

    for (size_t i = 0; i < CFI_REGISTERS; i++)
        count += state->registers[i].kind != CFI_UNSPECIFIED;
    row = calloc(1, sizeof *row + count * sizeof row->rules[0]);
    if (!row)
        return NULL;
    row->start = program->start;
    row->end = program->end;
    row->cfa = state->cfa;
    row->return_register = (uint8_t)program->function->return_register;
    row->is_signal = program->function->is_signal;
    for (size_t i = 0; i < CFI_REGISTERS; i++)
        if (state->registers[i].kind != CFI_UNSPECIFIED)
            row->rules[row->count++] = state->registers[i];
    return row;
}

struct cfi_row *cfi_program_run(const struct cfi_section *section, const struct cfi_function *function,
                                uint64_t address)
{
    struct state states[REMEMBERED_MAX], initial;
    struct program program = {.function = function,
                              .states = states,
                              .location = function->start,
                              .address = UINT64_MAX, /* all of the CIE's, whose location doesn't count */
                              .start = function->start,
                              .end = function->end};

    states[0] = (struct state){0};
    if (!run(&program, section, function->common))
        return NULL;
    initial = *present(&program);
    program.states[0] = initial;
    program.remembered = 0;
    program.initial = &initial;
    program.location = program.start = function->start;
    program.address = address;
    if (!run(&program, section, function->own))
        return NULL;
    return row_new(&program, present(&program));
}
