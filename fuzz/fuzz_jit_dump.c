/* A jitdump file of a target, as hostile as can be: what is found at some addresses of its own. */
#include "base/io.h"
#include "unwind/jit_dump.h"

#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct jit_dump *dump, uint64_t address)
{
    struct image_place place;

    if (jit_dump_find(dump, address, &place) &&
        strlen(place.function) + (place.file ? strlen(place.file) : 0) == SIZE_MAX)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_close_ int fd = memfd_create("jit", MFD_CLOEXEC);
    struct jit_dump *dump = fd >= 0 && io_write_full(fd, data, size, -1) == 0 ? jit_dump_of_file(fd) : NULL;

    for (size_t at = 0; dump && size >= 8 && at <= size - 8; at += 8) {
        uint64_t address;

        memcpy(&address, data + at, sizeof address);
        look(dump, address);
        look(dump, address + 16);
    }
    jit_dump_free(dump);
    return 0;
}
