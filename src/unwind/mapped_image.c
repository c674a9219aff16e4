#include "unwind/mapped_image.h"

#include "base/limits.h"
#include "elf/image.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

enum { PAGE = 4096 };

/* UINT64_MAX: it can't be; segments that say to overlap could have us read for hours. */
static uint64_t file_size(const struct elf_image *image)
{
    uint64_t size = sizeof(Elf64_Ehdr), total = 0, end;

    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];

        if (segment->type != PT_LOAD)
            continue;
        if (__builtin_add_overflow(segment->offset, segment->file_size, &end) ||
            __builtin_add_overflow(total, segment->file_size, &total) || total > LIMIT_MAPPED_IMAGE)
            return UINT64_MAX;
        size = end > size ? end : size;
    }
    return size;
}

/* The loader of glibc writes addresses over what the dynamic section holds, others leave it as linked. */
static void dynamic_unrelocate(const struct elf_image *image, uint64_t base, char *bytes, size_t size)
{
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];

        if (segment->type != PT_DYNAMIC || segment->offset > size ||
            segment->file_size > size - segment->offset)
            continue;
        for (uint64_t at = 0; segment->file_size - at >= sizeof(Elf64_Dyn); at += sizeof(Elf64_Dyn)) {
            char *place = bytes + segment->offset + at;
            Elf64_Dyn entry;

            memcpy(&entry, place, sizeof entry);
            if (entry.d_un.d_ptr >= base && entry.d_un.d_ptr - base < image->load_size) {
                entry.d_un.d_ptr = entry.d_un.d_ptr - base + image->load_address;
                memcpy(place, &entry, sizeof entry);
            }
        }
    }
}

int mapped_image_read(const struct memory *memory, uint64_t base, char **ret_bytes, size_t *ret_size)
{
    _cleanup_elf_image_ struct elf_image image = {0};
    _cleanup_free_ char *bytes = NULL;
    Elf64_Ehdr header;
    uint64_t size;
    int r = elf_image_read(memory, base, true, &image);

    if (r < 0)
        return r;
    size = file_size(&image);
    if (!image.is_64 || size > LIMIT_MAPPED_IMAGE)
        return image.is_64 ? -EFBIG : -ENOEXEC;
    bytes = calloc(1, size);
    if (!bytes)
        return -ENOMEM;
    for (size_t i = 0; i < image.segment_count; i++) {
        const struct elf_segment *segment = &image.segments[i];

        if (segment->type == PT_LOAD)
            (void)memory_read_padded(memory, base + (segment->address - image.load_address),
                                     bytes + segment->offset, segment->file_size, PAGE);
    }
    if (memory_read_exactly(memory, base, &header, sizeof header) < 0)
        return -ENOEXEC;
    header.e_shoff = 0;
    header.e_shnum = header.e_shstrndx = 0;
    memcpy(bytes, &header, sizeof header);
    dynamic_unrelocate(&image, base, bytes, size);
    *ret_bytes = TAKE_PTR(bytes);
    *ret_size = size;
    return 0;
}
