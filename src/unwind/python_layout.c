/* Up to 3.12 the layout is known by version: structures don't change in the releases of one. Offsets were
 * printed with offsetof() against the headers of 3.11.2, 3.11.7 and 3.12.1, of a usual build for 64 bits:
 *
 *   Include/internal/pycore_runtime.h   struct pyruntimestate, interpreters.head
 *   Include/internal/pycore_interp.h    struct _is, next and threads.head
 *   Include/cpython/pystate.h           struct _ts, struct _PyCFrame
 *   Include/internal/pycore_frame.h     struct _PyInterpreterFrame
 *   Include/cpython/code.h              PyCodeObject
 *   Include/cpython/unicodeobject.h     PyASCIIObject, PyCompactUnicodeObject; bytesobject.h PyBytesObject
 *
 * From 3.13 on the interpreter tells: struct _Py_DebugOffsets, in pycore_runtime.h of 3.13 and
 * pycore_debug_offsets.h of 3.14. */
#include "unwind/python_layout.h"

#include <errno.h>
#include <string.h>

static const struct python_layout layouts[] = {
    {
        .minor = 11,
        .runtime_interpreters = 40,
        .interpreter_next = 0,
        .interpreter_threads = 16,
        .thread_next = 8,
        .thread_native_id = 160,
        .thread_frame = 56,
        .thread_stack = 296,
        .has_c_frames = true,
        .c_frame_current = 8,
        .c_frame_previous = 16,
        .frame_size = 72,
        .frame_previous = 48,
        .frame_code = 32,
        .frame_instruction = 56,
        .frame_owner = 69,
        .frame_is_entry = 68,
        .code_size = 184,
        .code_file = 112,
        .code_name = 128,
        .code_lines = 136,
        .code_first_line = 72,
        .code_bytes = 184,
        .object_type = 8,
        .object_count = 16,
        .bytes_value = 32,
        .text_length = 16,
        .text_state = 32,
        .text_ascii = 48,
        .text_compact = 72,
        .text_kind_bit = 2,
    },
    {
        .minor = 12,
        .runtime_interpreters = 40,
        .interpreter_next = 0,
        .interpreter_threads = 72,
        .thread_next = 8,
        .thread_native_id = 144,
        .thread_frame = 56,
        .thread_stack = 232,
        .has_c_frames = true,
        .c_frame_current = 0,
        .c_frame_previous = 8,
        .frame_size = 72,
        .frame_previous = 8,
        .frame_code = 0,
        .frame_instruction = 56,
        .frame_owner = 70,
        .code_size = 192,
        .code_file = 112,
        .code_name = 128,
        .code_lines = 136,
        .code_first_line = 68,
        .code_bytes = 192,
        .object_type = 8,
        .object_count = 16,
        .bytes_value = 32,
        .text_length = 16,
        .text_state = 32,
        .text_ascii = 40,
        .text_compact = 56,
        .text_kind_bit = 2,
    },
};

const struct python_layout *python_layout_known(unsigned minor)
{
    for (size_t i = 0; i < ELEMENTS_OF(layouts); i++)
        if (layouts[i].minor == minor)
            return &layouts[i];
    return NULL;
}

/* Members of struct _Py_DebugOffsets, each 8 bytes, by their number. */
enum { VERSION = 1, FREE_THREADED = 2, TOLD_MAX = 96 };

struct told {
    uint8_t interpreters_head;                                /* of runtime_state */
    uint8_t interpreter_size, interpreter_next, threads_head; /* of interpreter_state */
    uint8_t thread_size, thread_next, current_frame, native_thread_id;
    uint8_t frame_size, frame_previous, executable, instr_ptr, owner;
    uint8_t code_size, filename, qualname, linetable, firstlineno, co_code_adaptive;
    uint8_t object_size, ob_type;
    uint8_t bytes_size, bytes_ob_size, ob_sval;
    uint8_t unicode_size, state, length, asciiobject_size;
    uint8_t count; /* of all that are looked at */
};

static const struct told told_of[] = {
    [13 - 13] = {.interpreters_head = 5,
                 .interpreter_size = 6,
                 .interpreter_next = 8,
                 .threads_head = 9,
                 .thread_size = 19,
                 .thread_next = 21,
                 .current_frame = 23,
                 .native_thread_id = 25,
                 .frame_size = 28,
                 .frame_previous = 29,
                 .executable = 30,
                 .instr_ptr = 31,
                 .owner = 33,
                 .code_size = 34,
                 .filename = 35,
                 .qualname = 37,
                 .linetable = 38,
                 .firstlineno = 39,
                 .co_code_adaptive = 43,
                 .object_size = 44,
                 .ob_type = 45,
                 .bytes_size = 64,
                 .bytes_ob_size = 65,
                 .ob_sval = 66,
                 .unicode_size = 67,
                 .state = 68,
                 .length = 69,
                 .asciiobject_size = 70,
                 .count = 71},
    [14 - 13] = {.interpreters_head = 5,
                 .interpreter_size = 6,
                 .interpreter_next = 8,
                 .threads_head = 9,
                 .thread_size = 22,
                 .thread_next = 24,
                 .current_frame = 26,
                 .native_thread_id = 28,
                 .frame_size = 31,
                 .frame_previous = 32,
                 .executable = 33,
                 .instr_ptr = 34,
                 .owner = 36,
                 .code_size = 39,
                 .filename = 40,
                 .qualname = 42,
                 .linetable = 43,
                 .firstlineno = 44,
                 .co_code_adaptive = 48,
                 .object_size = 50,
                 .ob_type = 51,
                 .bytes_size = 74,
                 .bytes_ob_size = 75,
                 .ob_sval = 76,
                 .unicode_size = 77,
                 .state = 78,
                 .length = 79,
                 .asciiobject_size = 80,
                 .count = 81},
};

enum { STRUCTURE_MAX = 1024, STATE_MAX = 16 * 1024 * 1024 }; /* bytes; those of 3.13: 304 and 283 Ki */

/* Each member lies in its structure, and those are as large as such structures are: what isn't is another
 * layout than the version says. */
static bool can_be(const uint64_t *v, const struct told *at)
{
    const struct {
        uint8_t size, members[4];
        uint32_t most;
    } structures[] = {
        {at->interpreter_size, {at->interpreter_next, at->threads_head}, STATE_MAX},
        {at->thread_size, {at->thread_next, at->current_frame, at->native_thread_id}, STRUCTURE_MAX},
        {at->frame_size, {at->frame_previous, at->executable, at->instr_ptr}, STRUCTURE_MAX},
        {at->code_size, {at->filename, at->qualname, at->linetable}, STRUCTURE_MAX},
        {at->object_size, {at->ob_type}, STRUCTURE_MAX},
        {at->bytes_size, {at->bytes_ob_size}, STRUCTURE_MAX},
        {at->unicode_size, {at->length}, STRUCTURE_MAX},
    };

    for (size_t i = 0; i < ELEMENTS_OF(structures); i++) {
        uint64_t size = v[structures[i].size];

        if (size < 16 || size > structures[i].most)
            return false;
        for (size_t j = 0; j < ELEMENTS_OF(structures[i].members) && structures[i].members[j]; j++)
            if (v[structures[i].members[j]] > size - 8 || v[structures[i].members[j]] % 8 != 0)
                return false;
    }
    return v[at->interpreters_head] < STATE_MAX && v[at->interpreters_head] % 8 == 0 &&
           v[at->owner] < v[at->frame_size] && v[at->firstlineno] < v[at->code_size] - 4 &&
           v[at->co_code_adaptive] <= v[at->code_size] && v[at->ob_sval] < v[at->bytes_size] &&
           v[at->state] < v[at->unicode_size] - 4 && v[at->asciiobject_size] < v[at->unicode_size];
}

int python_layout_told(const struct memory *memory, uint64_t runtime, struct python_layout *ret_layout)
{
    const struct told *at;
    uint64_t v[TOLD_MAX];
    unsigned minor;

    if (memory_read_exactly(memory, runtime, v, sizeof v) < 0 || memcmp(v, "xdebugpy", sizeof v[0]) != 0)
        return -ENOENT;
    minor = v[VERSION] >> 16 & 0xff; /* PY_VERSION_HEX */
    if (v[VERSION] >> 24 != 3 || minor < 13 || minor - 13 >= ELEMENTS_OF(told_of))
        return -EINVAL;
    at = &told_of[minor - 13];
    if (v[FREE_THREADED] > 1 || !can_be(v, at))
        return -EINVAL;
    *ret_layout = (struct python_layout){
        .minor = minor,
        .free_threaded = v[FREE_THREADED],
        .runtime_interpreters = (uint32_t)v[at->interpreters_head],
        .interpreter_next = (uint32_t)v[at->interpreter_next],
        .interpreter_threads = (uint32_t)v[at->threads_head],
        .thread_next = (uint32_t)v[at->thread_next],
        .thread_native_id = (uint32_t)v[at->native_thread_id],
        .thread_frame = (uint32_t)v[at->current_frame],
        .frame_size = (uint32_t)v[at->frame_size],
        .frame_previous = (uint32_t)v[at->frame_previous],
        .frame_code = (uint32_t)v[at->executable],
        .frame_instruction = (uint32_t)v[at->instr_ptr],
        .frame_owner = (uint32_t)v[at->owner],
        .code_size = (uint32_t)v[at->code_size],
        .code_file = (uint32_t)v[at->filename],
        .code_name = (uint32_t)v[at->qualname],
        .code_lines = (uint32_t)v[at->linetable],
        .code_first_line = (uint32_t)v[at->firstlineno],
        .code_bytes = (uint32_t)v[at->co_code_adaptive],
        .object_type = (uint32_t)v[at->ob_type],
        .object_count = (uint32_t)v[at->bytes_ob_size],
        .bytes_value = (uint32_t)v[at->ob_sval],
        .text_length = (uint32_t)v[at->length],
        .text_state = (uint32_t)v[at->state],
        .text_ascii = (uint32_t)v[at->asciiobject_size],
        .text_compact = (uint32_t)v[at->asciiobject_size] + 16, /* utf8_length, utf8 */
        /* `interned` has two bits; from 3.14 on a byte where threads are free */
        .text_kind_bit = minor >= 14 && v[FREE_THREADED] ? 8 : 2,
    };
    return 0;
}
