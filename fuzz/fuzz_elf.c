/* ELF files and mapped images of targets, as hostile as can be. The first byte chooses how they are read. */
#include "elf/image.h"
#include "elf/symbols.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_memory_ struct memory *memory = NULL;
    _cleanup_elf_image_ struct elf_image image = {0};
    char version[64];
    uint64_t base, value;

    if (size < 1)
        return 0;
    base = data[0] & 1 ? 0x7f0000000000 : 0;
    if (memory_bytes_new(base, data + 1, size - 1, &memory) < 0)
        return 0;
    if (elf_image_read(memory, base, data[0] & 1, &image) == 0) {
        if (strnlen(image.soname, sizeof image.soname) == sizeof image.soname ||
            image.build_id_size > sizeof image.build_id || image.segment_count > LIMIT_ELF_PROGRAM_HEADERS)
            __builtin_trap();
        elf_version_of(image.soname, image.soname, version, sizeof version);
    }
    if (!(data[0] & 1) && elf_symbol_find(memory, "main", &value) > 0)
        __builtin_trap();
    return 0;
}
