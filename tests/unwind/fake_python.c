#include "fake_python.h"

#include <assert.h>
#include <string.h>

enum { TYPES = FAKE_BASE + 0x100, RUNTIME = FAKE_BASE + 0x200, FIRST_FREE = 0x800, UNITS = 8 };

void fake_python_put(struct fake_python *fake, uint64_t address, const void *bytes, size_t size)
{
    assert(address >= FAKE_BASE && address - FAKE_BASE <= FAKE_SIZE - size);
    memcpy(fake->bytes + (address - FAKE_BASE), bytes, size);
}

static uint64_t new_object(struct fake_python *fake, size_t size, uint64_t type)
{
    uint64_t address = FAKE_BASE + fake->used;

    fake->used += (size + 15) & ~(size_t)15;
    assert(fake->used < 0x3000);
    fake_python_put_u64(fake, address + fake->layout.object_type, type);
    return address;
}

static uint64_t new_text(struct fake_python *fake, const char *text)
{
    size_t length = strlen(text);
    uint64_t object = new_object(fake, fake->layout.text_ascii + length + 1, fake->place.text_type);
    uint32_t state = (1u | 1u << 3 | 1u << 4) << fake->layout.text_kind_bit; /* width 1, compact, ASCII */

    fake_python_put_u64(fake, object + fake->layout.text_length, length);
    fake_python_put(fake, object + fake->layout.text_state, &state, sizeof state);
    fake_python_put(fake, object + fake->layout.text_ascii, text, length + 1);
    return object;
}

/* Two units of each line, from the first on; the table tells no columns. */
static uint64_t new_lines(struct fake_python *fake)
{
    static const uint8_t table[] = {0xe9, 0x00, 0xe9, 0x02, 0xe9, 0x02, 0xe9, 0x02};
    uint64_t object = new_object(fake, fake->layout.bytes_value + sizeof table, fake->place.bytes_type);

    fake_python_put_u64(fake, object + fake->layout.object_count, sizeof table);
    fake_python_put(fake, object + fake->layout.bytes_value, table, sizeof table);
    return object;
}

static uint64_t new_code(struct fake_python *fake, const char *name, uint32_t first_line)
{
    const struct python_layout *layout = &fake->layout;
    uint64_t code = new_object(fake, layout->code_bytes + UNITS * 2, fake->place.code_type);

    fake->inner_name = new_text(fake, name);
    fake->inner_lines = new_lines(fake);
    fake_python_put_u64(fake, code + layout->object_count, UNITS);
    fake_python_put_u64(fake, code + layout->code_name, fake->inner_name);
    fake_python_put_u64(fake, code + layout->code_file, new_text(fake, "made-up.py"));
    fake_python_put_u64(fake, code + layout->code_lines, fake->inner_lines);
    fake_python_put(fake, code + layout->code_first_line, &first_line, sizeof first_line);
    return code;
}

static void make_frame(struct fake_python *fake, uint64_t frame, uint64_t previous, uint64_t code,
                       uint8_t owner, bool is_entry)
{
    const struct python_layout *layout = &fake->layout;
    uint8_t entry = is_entry;

    fake_python_put_u64(fake, frame + layout->frame_previous, previous);
    fake_python_put_u64(fake, frame + layout->frame_code, code);
    fake_python_put_u64(fake, frame + layout->frame_instruction,
                        code + layout->code_bytes + 4); /* 2nd line */
    fake_python_put(fake, frame + layout->frame_owner, &owner, 1);
    if (layout->frame_is_entry)
        fake_python_put(fake, frame + layout->frame_is_entry, &entry, 1);
}

/* What an interpreter of 3.13 or 3.14 says of itself, with the numbers of Debian's builds for what is large
 * made small. */
static void tell(struct fake_python *fake, unsigned minor)
{
    /* by member of struct _Py_DebugOffsets */
    static const uint64_t of_13[] = {
        [3] = 2048, [5] = 1024, [6] = 64,   [8] = 8,    [9] = 16,  [19] = 304, [21] = 8,  [22] = 16,
        [23] = 72,  [25] = 160, [28] = 80,  [29] = 8,   [31] = 56, [32] = 72,  [33] = 70, [34] = 208,
        [35] = 112, [36] = 120, [37] = 128, [38] = 136, [39] = 68, [43] = 200, [44] = 16, [45] = 8,
        [64] = 40,  [65] = 16,  [66] = 32,  [67] = 64,  [68] = 32, [69] = 16,  [70] = 40};
    static const uint64_t of_14[] = {
        [3] = 2048, [5] = 1024, [6] = 64,   [8] = 8,    [9] = 16,  [22] = 304, [24] = 8,  [25] = 16,
        [26] = 72,  [28] = 160, [31] = 80,  [32] = 8,   [34] = 56, [35] = 72,  [36] = 74, [39] = 208,
        [40] = 112, [41] = 120, [42] = 128, [43] = 136, [44] = 68, [48] = 200, [50] = 16, [51] = 8,
        [74] = 40,  [75] = 16,  [76] = 32,  [77] = 64,  [78] = 32, [79] = 16,  [80] = 40};
    const uint64_t *told = minor == 13 ? of_13 : of_14;
    size_t count = minor == 13 ? ELEMENTS_OF(of_13) : ELEMENTS_OF(of_14);

    fake_python_put(fake, RUNTIME, told, count * sizeof told[0]);
    fake_python_put(fake, RUNTIME, "xdebugpy", 8);
    fake_python_put_u64(fake, RUNTIME + 8, 3u << 24 | minor << 16 | 0xf0);
}

static void choose_layout(struct fake_python *fake, unsigned minor)
{
    struct memory *memory;
    int r;

    if (minor < 13) {
        fake->layout = *python_layout_known(minor);
        return;
    }
    tell(fake, minor);
    r = memory_bytes_new(FAKE_BASE, fake->bytes, FAKE_SIZE, &memory);
    assert(r == 0);
    r = python_layout_told(memory, RUNTIME, &fake->layout);
    assert(r == 0);
    memory_free(memory);
}

/* 3.11 has a structure of the evaluation function's on the C stack, later ones a frame of its own. */
static void make_marks(struct fake_python *fake)
{
    const struct python_layout *layout = &fake->layout;
    uint64_t none = fake->thread + 0x180, current = layout->frame_is_entry ? FAKE_INNER_MARK : fake->inner;

    if (layout->frame_is_entry) {
        fake_python_put_u64(fake, FAKE_INNER_MARK + layout->c_frame_current, fake->inner);
        fake_python_put_u64(fake, FAKE_INNER_MARK + layout->c_frame_previous, FAKE_OUTER_MARK);
        fake_python_put_u64(fake, FAKE_OUTER_MARK + layout->c_frame_current, fake->outer);
        fake_python_put_u64(fake, FAKE_OUTER_MARK + layout->c_frame_previous, none);
    } else {
        make_frame(fake, FAKE_INNER_MARK, fake->outer, 0, 3, false);
        make_frame(fake, FAKE_OUTER_MARK, 0, 0, 3, false);
    }
    if (layout->has_c_frames && !layout->frame_is_entry) {
        current = fake->thread + 0x1c0;
        fake_python_put_u64(fake, current + layout->c_frame_current, fake->inner);
    }
    fake_python_put_u64(fake, fake->thread + layout->thread_frame, current);
}

void fake_python_make(struct fake_python *fake, unsigned minor)
{
    uint64_t interpreter, codes[3], middle_end, outer_end;
    bool has_entries;

    *fake = (struct fake_python){.used = FIRST_FREE,
                                 .place = {.base = FAKE_BASE,
                                           .minor = minor,
                                           .runtime = RUNTIME,
                                           .code_type = TYPES,
                                           .text_type = TYPES + 8,
                                           .bytes_type = TYPES + 16}};
    choose_layout(fake, minor);
    has_entries = fake->layout.frame_is_entry;
    interpreter = new_object(fake, 128, 0);
    fake->thread = new_object(fake, 512, 0);
    fake->inner = new_object(fake, fake->layout.frame_size, 0);
    fake->middle = new_object(fake, fake->layout.frame_size, 0);
    fake->outer = new_object(fake, fake->layout.frame_size, 0);
    codes[0] = new_code(fake, "outer", 2);
    codes[1] = new_code(fake, "Class.middle", 19);
    fake->inner_code = codes[2] = new_code(fake, "inner", 11);
    fake_python_put_u64(fake, RUNTIME + fake->layout.runtime_interpreters, interpreter);
    fake_python_put_u64(fake, interpreter + fake->layout.interpreter_threads, fake->thread);
    fake_python_put_u64(fake, fake->thread + fake->layout.thread_native_id, FAKE_THREAD);
    middle_end = has_entries ? fake->outer : FAKE_INNER_MARK;
    outer_end = has_entries ? 0 : FAKE_OUTER_MARK;
    make_frame(fake, fake->inner, fake->middle, codes[2], 0, false);
    make_frame(fake, fake->middle, middle_end, codes[1], 0, true);
    make_frame(fake, fake->outer, outer_end, codes[0], 1, true);
    make_marks(fake);
}
