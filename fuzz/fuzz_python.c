/* The memory of a process that says to have an interpreter of Python in it, as hostile as can be. The first
 * byte chooses the version, the rest is the memory (tests/unwind/fake_python.c makes such). */
#include "unwind/python_parts.h"

#include <string.h>

enum { BASE = 0x10000, RUNTIME = BASE + 0x200, TYPES = BASE + 0x100, VERSIONS = 4, OLDEST = 11 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct python *python)
{
    const struct python_run *runs;
    size_t count = python_runs(python, 0, UINT64_MAX, &runs), length = 0;
    uint64_t last = 0;

    for (size_t i = 0; i < count; i++) {
        const struct python_frame *frames = python_run_frames(python, &runs[i]);

        if (runs[i].mark < last || runs[i].count == 0)
            __builtin_trap();
        last = runs[i].mark;
        for (size_t j = 0; j < runs[i].count; j++)
            length += strlen(frames[j].function) + (frames[j].file ? strlen(frames[j].file) : 0);
    }
    if (length == SIZE_MAX)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_python_ struct python *python = python_new(0);
    _cleanup_memory_ struct memory *memory = NULL;
    const struct capture capture = {0};

    if (!python || size < 1 || memory_bytes_new(BASE, data + 1, size - 1, &memory) < 0)
        return 0;
    python->place = (struct python_place){.base = BASE,
                                          .minor = OLDEST + data[0] % VERSIONS,
                                          .runtime = RUNTIME,
                                          .code_type = TYPES,
                                          .text_type = TYPES + 8,
                                          .bytes_type = TYPES + 16};
    if (python_read(python, &capture, memory) == 0)
        look(python);
    return 0;
}
