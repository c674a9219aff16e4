#include "unwind/python_code.h"

#include "base/limits.h"

#include <errno.h>
#include <string.h>

enum { FIRST_CAPACITY = 256, KIND_BITS = 3 };

void python_codes_release(struct python_codes *codes)
{
    free(codes->table);
    *codes = (struct python_codes){0};
}

static struct python_code *place_of(struct python_code *table, size_t capacity, uint64_t address)
{
    size_t at = (size_t)(address * 0x9e3779b97f4a7c15u >> 32); /* 2^64 over the golden ratio */

    for (;; at++) {
        struct python_code *code = &table[at & (capacity - 1)];

        if (code->address == 0 || code->address == address)
            return code;
    }
}

static int make_room(struct python_codes *codes)
{
    size_t capacity = codes->capacity ? codes->capacity * 2 : FIRST_CAPACITY;
    struct python_code *table;

    if (codes->count < codes->capacity / 2)
        return 0;
    if (codes->count >= LIMIT_PYTHON_CODES)
        return -ENOBUFS;
    table = calloc(capacity, sizeof table[0]);
    if (!table)
        return -ENOMEM;
    for (size_t i = 0; i < codes->capacity; i++)
        if (codes->table[i].address)
            *place_of(table, capacity, codes->table[i].address) = codes->table[i];
    free(codes->table);
    codes->table = table;
    codes->capacity = capacity;
    return 0;
}

static bool is_a(const struct python_codes *codes, uint64_t object, uint64_t type)
{
    uint64_t found;

    return object != 0 && object % 8 == 0 &&
           memory_read_u64(codes->memory, object + codes->layout->object_type, &found) == 0 && found == type;
}

/* Frames are many, and each may have a table of its own or one that it shares with all the others. */
static bool may_read(struct python_codes *codes, uint64_t size)
{
    if (size > codes->bytes)
        return false;
    codes->bytes -= size;
    return true;
}

/* Half of a pair by itself: such stand for bytes of a file's name that are not UTF-8 (PEP 383), which they
 * become again. */
static size_t encode(uint32_t letter, char *out)
{
    if (letter == 0 || (letter >= 0xd800 && letter < 0xe000) || letter > 0x10ffff) {
        if (letter >= 0xdc80 && letter <= 0xdcff) {
            out[0] = (char)(letter - 0xdc00);
            return 1;
        }
        letter = 0xfffd;
    }
    if (letter < 0x80) {
        out[0] = (char)letter;
        return 1;
    }
    if (letter < 0x800) {
        out[0] = (char)(0xc0 | letter >> 6);
        out[1] = (char)(0x80 | (letter & 63));
        return 2;
    }
    if (letter < 0x10000) {
        out[0] = (char)(0xe0 | letter >> 12);
        out[1] = (char)(0x80 | (letter >> 6 & 63));
        out[2] = (char)(0x80 | (letter & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | letter >> 18);
    out[1] = (char)(0x80 | (letter >> 12 & 63));
    out[2] = (char)(0x80 | (letter >> 6 & 63));
    out[3] = (char)(0x80 | (letter & 63));
    return 4;
}

static uint32_t letter_at(const uint8_t *bytes, size_t index, unsigned width)
{
    uint16_t two;
    uint32_t four;

    if (width == 1)
        return bytes[index];
    if (width == 2) {
        memcpy(&two, bytes + index * 2, sizeof two);
        return two;
    }
    memcpy(&four, bytes + index * 4, sizeof four);
    return four;
}

/* A str; NULL: it is none, or too long. */
static const char *read_text(struct python_codes *codes, uint64_t object)
{
    const struct python_layout *layout = codes->layout;
    _cleanup_free_ uint8_t *bytes = NULL;
    _cleanup_free_ char *text = NULL;
    uint64_t length;
    size_t size = 0;
    uint32_t state;
    unsigned width;
    bool is_compact, is_ascii;

    if (!is_a(codes, object, codes->text_type) ||
        memory_read_u64(codes->memory, object + layout->text_length, &length) < 0 ||
        memory_read_u32(codes->memory, object + layout->text_state, &state) < 0)
        return NULL;
    state >>= layout->text_kind_bit;
    width = state & ((1u << KIND_BITS) - 1);
    is_compact = state >> KIND_BITS & 1;
    is_ascii = state >> (KIND_BITS + 1) & 1;
    if (!is_compact || (width != 1 && width != 2 && width != 4) || (is_ascii && width != 1) ||
        length >= LIMIT_NAME || !may_read(codes, length * width))
        return NULL;
    bytes = malloc(length * width + 1);
    text = malloc(length * 4 + 1);
    if (!bytes || !text ||
        memory_read_exactly(codes->memory, object + (is_ascii ? layout->text_ascii : layout->text_compact),
                            bytes, length * width) < 0)
        return NULL;
    for (size_t i = 0; i < length; i++)
        size += encode(letter_at(bytes, i, width), text + size);
    text[size] = '\0';
    return string_pool_add(codes->strings, text);
}

static void read_lines(const struct python_codes *codes, uint64_t object, struct python_code *code)
{
    uint64_t size;

    if (!is_a(codes, object, codes->bytes_type) ||
        memory_read_u64(codes->memory, object + codes->layout->object_count, &size) < 0 ||
        size > LIMIT_PYTHON_LINES)
        return;
    code->lines = object + codes->layout->bytes_value;
    code->lines_size = (uint32_t)size;
}

static void read_code(struct python_codes *codes, struct python_code *code)
{
    const struct python_layout *layout = codes->layout;
    uint64_t name, file, lines, units;
    uint32_t first_line;

    if (!is_a(codes, code->address, codes->code_type) ||
        memory_read_u64(codes->memory, code->address + layout->object_count, &units) < 0 ||
        memory_read_u64(codes->memory, code->address + layout->code_name, &name) < 0 ||
        memory_read_u64(codes->memory, code->address + layout->code_file, &file) < 0 ||
        memory_read_u64(codes->memory, code->address + layout->code_lines, &lines) < 0 ||
        memory_read_u32(codes->memory, code->address + layout->code_first_line, &first_line) < 0 ||
        units > UINT32_MAX)
        return;
    code->function = read_text(codes, name);
    code->file = read_text(codes, file);
    code->bytes = code->address + layout->code_bytes;
    code->size = units * 2;
    code->first_line = (int)first_line;
    read_lines(codes, lines, code);
}

/* Up to 3.12 a frame that has not begun yet stands before the first. */
static bool is_in(const struct python_code *code, uint64_t instruction)
{
    return instruction + 2 >= code->bytes && instruction < code->bytes + code->size && instruction % 2 == 0;
}

static unsigned line_of(struct python_codes *codes, struct python_code *code, uint64_t instruction)
{
    uint64_t offset = instruction - code->bytes;
    _cleanup_free_ uint8_t *table = NULL;

    if (instruction < code->bytes)
        return code->first_line > 0 ? (unsigned)code->first_line : 0;
    if (code->last_line > 0 && code->last_offset == offset)
        return code->last_line;
    table = may_read(codes, code->lines_size) ? malloc(code->lines_size + 1) : NULL;
    if (!table || memory_read_exactly(codes->memory, code->lines, table, code->lines_size) < 0)
        return 0;
    code->last_offset = offset;
    code->last_line = python_line(table, code->lines_size, code->first_line, offset, &codes->steps);
    return code->last_line;
}

int python_code_find(struct python_codes *codes, uint64_t address, uint64_t instruction,
                     struct python_frame *ret_frame)
{
    struct python_code *code;
    int r = address ? make_room(codes) : -EINVAL;

    if (r < 0)
        return r;
    code = place_of(codes->table, codes->capacity, address);
    if (code->address == 0) {
        *code = (struct python_code){.address = address};
        codes->count++;
        read_code(codes, code);
    }
    /* with free threads each may have bytecode of its own, elsewhere: then the line is not known */
    if (!code->function || (!is_in(code, instruction) && !codes->layout->free_threaded))
        return -EINVAL;
    *ret_frame = (struct python_frame){.function = code->function, .file = code->file};
    if (is_in(code, instruction))
        ret_frame->line = line_of(codes, code, instruction);
    return 0;
}
