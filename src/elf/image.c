#include "elf/image.h"

#include "elf/format.h"

#include <errno.h>
#include <string.h>

enum {
    DYNAMIC_ENTRIES_MAX = 4096, /* real objects have some thirty */
    NOTE_STACK_SIZE = 1024,     /* real note segments fit in this; larger ones are read into the heap */
};

static uint64_t round_down(uint64_t address, uint64_t page)
{
    return address & ~(page - 1);
}

/* The segments, and the addresses they span as linked. */
static int segments_read(const struct memory *memory, uint64_t base, const struct elf_header *header,
                         struct elf_image *image)
{
    uint64_t low = UINT64_MAX, high = 0, page = (uint64_t)sysconf(_SC_PAGESIZE);

    if (header->program_count == 0)
        return 0;
    image->segments = calloc(header->program_count, sizeof image->segments[0]);
    if (!image->segments)
        return -ENOMEM;
    for (uint64_t i = 0; i < header->program_count; i++) {
        struct elf_segment *segment = &image->segments[image->segment_count];
        uint64_t align, end;

        if (!elf_segment_read(memory, base, header, i, segment, &align))
            return -ENOEXEC;
        image->segment_count++;
        if (segment->type != PT_LOAD || __builtin_add_overflow(segment->address, segment->memory_size, &end))
            continue;
        low = segment->address < low ? segment->address : low;
        high = end > high ? end : high;
    }
    if (low < high) {
        image->load_address = round_down(low, page);
        image->load_size = high - image->load_address;
    }
    return 0;
}

/* Where the byte of linked address `address` is in the memory, and how many follow it without a gap. */
static bool locate(const struct elf_image *image, uint64_t base, uint64_t address, uint64_t *ret_place,
                   uint64_t *ret_available)
{
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        uint64_t size = image->is_mapped ? segment->memory_size : segment->file_size, inside;

        if (segment->type != PT_LOAD || address < segment->address)
            continue;
        inside = address - segment->address;
        if (inside >= size)
            continue;
        *ret_available = size - inside;
        if (image->is_mapped) /* the header stands at the lowest linked address: wraps are harmless, reads
                                 fail */
            *ret_place = base + (address - image->load_address);
        else
            *ret_place = base + segment->offset + inside;
        return true;
    }
    return false;
}

/* Elf32_Nhdr and Elf64_Nhdr are the same; names and contents are padded to 4 bytes, or to 8 in segments that
 * are aligned so (.note.gnu.property). */
static void notes_scan(const char *bytes, size_t size, size_t align, struct elf_image *image)
{
    size_t at = 0;

    while (!image->build_id_size && size - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        size_t name, contents, next;

        memcpy(&note, bytes + at, sizeof note);
        name = at + sizeof note;
        if (note.n_namesz > size - name)
            return;
        contents = name + note.n_namesz;
        contents = (contents + align - 1) / align * align;
        if (contents > size || note.n_descsz > size - contents)
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof ELF_NOTE_GNU &&
            memcmp(bytes + name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0 && note.n_descsz > 0 &&
            note.n_descsz <= LIMIT_BUILD_ID) {
            memcpy(image->build_id, bytes + contents, note.n_descsz);
            image->build_id_size = note.n_descsz;
        }
        next = contents + note.n_descsz;
        next = (next + align - 1) / align * align;
        if (next > size)
            return;
        at = next;
    }
}

static void notes_read(const struct memory *memory, uint64_t place, uint64_t size, uint64_t align,
                       struct elf_image *image)
{
    char small[NOTE_STACK_SIZE];
    _cleanup_free_ char *large = NULL;
    char *bytes = small;
    ssize_t n;

    if (size > LIMIT_ELF_NOTES)
        size = LIMIT_ELF_NOTES;
    if (size > sizeof small) {
        large = malloc((size_t)size);
        if (!large)
            return;
        bytes = large;
    }
    n = memory_read(memory, place, bytes, (size_t)size);
    if (n > 0)
        notes_scan(bytes, (size_t)n, align == 8 ? 8 : 4, image);
}

static void build_id_find(const struct memory *memory, uint64_t base, const struct elf_header *header,
                          struct elf_image *image)
{
    for (size_t i = 0; i < image->segment_count && !image->build_id_size; i++) {
        struct elf_segment segment = image->segments[i];
        uint64_t align = 0, place, available;

        if (segment.type != PT_NOTE || !elf_segment_read(memory, base, header, i, &segment, &align))
            continue;
        if (image->is_mapped && !locate(image, base, segment.address, &place, &available))
            continue;
        if (!image->is_mapped)
            place = base + segment.offset;
        notes_read(memory, place, segment.file_size, align, image);
    }
}

/* The loader of glibc writes addresses over what the dynamic section holds; others leave it as linked. An
 * address inside the image where it is mapped is taken as written over. */
static bool locate_dynamic(const struct elf_image *image, uint64_t base, uint64_t value, uint64_t *ret_place,
                           uint64_t *ret_available)
{
    if (image->is_mapped && value >= base && value - base < image->load_size)
        value = value - base + image->load_address;
    return locate(image, base, value, ret_place, ret_available);
}

static void soname_find(const struct memory *memory, uint64_t base, struct elf_image *image)
{
    const struct elf_segment *dynamic = NULL;
    uint64_t place, available, strings = 0, strings_size = UINT64_MAX, name = UINT64_MAX;
    size_t entry_size = elf_dynamic_size(image->is_64);

    for (size_t i = 0; i < image->segment_count && !dynamic; i++)
        if (image->segments[i].type == PT_DYNAMIC)
            dynamic = &image->segments[i];
    if (!dynamic || !locate(image, base, dynamic->address, &place, &available))
        return;
    for (size_t i = 0; i < DYNAMIC_ENTRIES_MAX && (i + 1) * entry_size <= dynamic->memory_size; i++) {
        char bytes[sizeof(Elf64_Dyn)];
        struct elf_dynamic_entry entry;

        if (memory_read_exactly(memory, place + i * entry_size, bytes, entry_size) < 0)
            return;
        entry = elf_dynamic_decode(image->is_64, bytes);
        if (entry.tag == DT_NULL)
            break;
        if (entry.tag == DT_STRTAB)
            strings = entry.value;
        else if (entry.tag == DT_STRSZ)
            strings_size = entry.value;
        else if (entry.tag == DT_SONAME)
            name = entry.value;
    }
    if (name >= strings_size || !locate_dynamic(image, base, strings, &place, &available) ||
        name >= available)
        return;
    if (memory_read_string(memory, place + name, image->soname, sizeof image->soname) < 0)
        image->soname[0] = '\0';
}

/* What only the section table tells: whether debug information is there, and the build id of objects without
 * program headers (kernel modules). */
static void sections_scan(const struct memory *memory, const struct elf_header *header,
                          struct elf_image *image)
{
    struct elf_section names, section;

    if (header->section_names >= header->section_count ||
        !elf_section_read(memory, header, header->section_names, &names) || names.type != SHT_STRTAB)
        return;
    for (uint64_t i = 1; i < header->section_count; i++) {
        char name[32];
        uint64_t place;

        if (!elf_section_read(memory, header, i, &section))
            return;
        if (section.type == SHT_NOTE && !image->build_id_size)
            notes_read(memory, section.offset, section.size, section.align, image);
        if (section.type != SHT_PROGBITS || section.name >= names.size ||
            __builtin_add_overflow(names.offset, section.name, &place) ||
            memory_read_string(memory, place, name, sizeof name) < 0)
            continue;
        if (strcmp(name, ".debug_info") == 0 || strcmp(name, ".zdebug_info") == 0)
            image->has_debug_info = true;
        else if (strcmp(name, ".gnu_debuglink") == 0)
            image->has_debug_link = true;
    }
}

int elf_image_read(const struct memory *memory, uint64_t base, bool mapped, struct elf_image *ret_image)
{
    _cleanup_elf_image_ struct elf_image image = {0};
    struct elf_header header;
    int r = elf_header_read(memory, base, !mapped, &header);

    if (r < 0)
        return r;
    image.is_64 = header.is_64;
    image.is_mapped = mapped;
    image.machine = header.machine;
    image.type = header.type;
    image.entry = header.entry;
    r = segments_read(memory, base, &header, &image);
    if (r < 0)
        return r;
    build_id_find(memory, base, &header, &image);
    soname_find(memory, base, &image);
    if (!mapped)
        sections_scan(memory, &header, &image);
    *ret_image = image;
    image = (struct elf_image){0};
    return 0;
}

void elf_image_release(struct elf_image *image)
{
    free(image->segments);
    *image = (struct elf_image){0};
}
