/* Call frame information of hostile files, over hostile stacks. The first byte chooses: an expression; or a
 * file in ELF, whose rows are looked up at addresses of its own, and by which a stack is walked that is the
 * file, too. */
#include "unwind/walk.h"
#include "unwind/walk_machine.h"

#include <gelf.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAMES = 64, LOOKUPS = 64 };

static const char maps_text[] = "10000-100000 rwxp 00000000 00:00 0 \n";
static const uint64_t base = 0x10000, end = 0x100000;

/* Stand in for images.c and image.c: one file, which is mapped at its own addresses. */
struct image {
    struct module module;
    struct cfi *cfi;
};

const struct module *images_find(struct images *images, uint64_t address, struct image **ret_image,
                                 uint64_t *ret_file_address)
{
    struct image *image = (struct image *)images;

    if (address >= end)
        return NULL;
    *ret_image = image;
    *ret_file_address = address;
    return &image->module;
}

struct cfi *image_cfi(struct image *image)
{
    return image->cfi;
}

static void check_row(const struct cfi_row *row, uint64_t address)
{
    if (row->start > address || row->end <= address || row->count > CFI_REGISTERS ||
        row->return_register >= CFI_REGISTERS || row->cfa.number >= CFI_REGISTERS)
        __builtin_trap();
    for (size_t i = 0; i < row->count; i++)
        if (row->rules[i].number >= CFI_REGISTERS || (i && row->rules[i].number <= row->rules[i - 1].number))
            __builtin_trap();
}

static void walk(struct image *image, const uint8_t *data, size_t size)
{
    _cleanup_memory_ struct memory *memory = NULL;
    _cleanup_map_list_ struct map_list maps = {0};
    struct walked_frame frames[FRAMES];
    struct registers registers = {0};
    enum walk_end why;
    uint64_t words[2] = {0};
    size_t count;

    if (memory_bytes_new(base, data, size, &memory) < 0 ||
        maps_parse(maps_text, sizeof maps_text - 1, &maps) < 0)
        return;
    memcpy(words, data, size < sizeof words ? size : sizeof words);
    memcpy(&registers.general,
           data + size - (size < sizeof registers.general ? size : sizeof registers.general),
           size < sizeof registers.general ? size : sizeof registers.general);
    registers_set_position(&registers, words[1] % end, base + words[0] % (end - base));
    count = walk_stack(&(struct walk_process){(struct images *)image, &maps, memory}, &registers, frames,
                       FRAMES, &why);
    if (count == 0 || count > FRAMES || (why == WALK_TOO_DEEP) != (count == FRAMES))
        __builtin_trap();
}

static void of_file(const uint8_t *data, size_t size)
{
    struct image image = {0};
    char *copy = malloc(size); /* libelf may write into it */
    Elf *elf;

    if (!copy)
        return;
    memcpy(copy, data, size);
    elf = elf_memory(copy, size);
    image.cfi = elf ? cfi_new(elf, NULL) : NULL;
    for (uint64_t i = 0; image.cfi && i < LOOKUPS; i++) {
        uint64_t address = i * 0x111;
        const struct cfi_row *row = cfi_find(image.cfi, address);

        if (row)
            check_row(row, address);
    }
    walk(&image, data, size);
    cfi_free(image.cfi);
    elf_end(elf);
    free(copy);
}

static void of_expression(const uint8_t *data, size_t size)
{
    _cleanup_memory_ struct memory *memory = NULL;
    const struct walk_registers registers = {.values = {base, base + 8, 1}, .known = 0xf};
    uint64_t value = 4711, first = base;
    int r;

    if (memory_bytes_new(base, data, size, &memory) < 0)
        return;
    r = expression_evaluate(data, size, &first, &registers, memory, &value);
    if (r > 0 || (r < 0 && value != 4711))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    elf_version(EV_CURRENT);
    if (size < 2)
        return 0;
    if (data[0] & 1)
        of_expression(data + 1, size - 1);
    else
        of_file(data + 1, size - 1);
    return 0;
}
