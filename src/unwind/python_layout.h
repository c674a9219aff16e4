/* Where CPython's structures have their members. Private to python*.c. */
#pragma once

#include "memory/memory.h"

enum { PYTHON_OLDEST = 11, PYTHON_NEWEST = 14 }; /* 3.x */

/* Offsets in bytes, of: */
struct python_layout {
    unsigned minor; /* 3.x */
    bool free_threaded;
    uint32_t runtime_interpreters;
    uint32_t interpreter_next, interpreter_threads;
    uint32_t thread_next, thread_native_id;
    uint32_t thread_frame; /* the innermost frame; with C frames, the innermost of these */
    uint32_t
        thread_stack;  /* _PyStackChunk *datastack_chunk, and behind it its top and limit; 0: not needed */
    bool has_c_frames; /* _PyCFrame, from 3.11 to 3.12 */
    uint32_t c_frame_current, c_frame_previous;
    uint32_t frame_size, frame_previous, frame_code, frame_instruction, frame_owner;
    uint32_t frame_is_entry; /* 0: it has none; there are frames of the interpreter's own between runs */
    uint32_t code_size, code_file, code_name, code_lines, code_first_line, code_bytes;
    uint32_t object_type, object_count; /* the latter: ob_size of objects that have one */
    uint32_t bytes_value;
    uint32_t text_length, text_state, text_ascii, text_compact; /* the last two: where characters begin */
    unsigned text_kind_bit;                                     /* in state: of `kind`; the others follow */
};

/* Of 3.11 and 3.12. NULL: of no other. */
const struct python_layout *python_layout_known(unsigned minor);

/* As the interpreter itself tells it at the start of its _PyRuntime, from 3.13 on. -ENOENT: it tells nothing;
 * -EINVAL: nothing that can be. */
int python_layout_told(const struct memory *memory, uint64_t runtime,
                       struct python_layout *ret_layout) _must_check_;
