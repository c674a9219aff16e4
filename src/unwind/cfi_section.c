#include "unwind/cfi_section.h"

#include "base/array.h"
#include "base/limits.h"

#include <dwarf.h>

enum {
    TABLE_ENTRY = 8,
    HEADER_START = 4,      /* a version and three encodings */
    AUGMENTATION_MAX = 32, /* letters and their NUL; compilers' have seven at most */
    INSTRUCTIONS_MAX =
        4 * 1024 * 1024, /* bytes, gone through for each row; functions of megabytes have some ten KiB */
};

void cfi_section_release(struct cfi_section *section)
{
    free(section->index.items);
    *section = (struct cfi_section){0};
}

bool cfi_pointer_read(const struct cfi_section *section, struct reader *reader, uint8_t encoding,
                      uint64_t *ret_value)
{
    uint64_t place = section->address + (uint64_t)(reader->at - section->bytes), value;

    switch (encoding & 0x0f) {
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
        value = reader_unsigned(reader, 8);
        break;
    case DW_EH_PE_uleb128:
        value = reader_uleb(reader);
        break;
    case DW_EH_PE_sleb128:
        value = (uint64_t)reader_sleb(reader);
        break;
    case DW_EH_PE_udata2:
        value = reader_unsigned(reader, 2);
        break;
    case DW_EH_PE_udata4:
        value = reader_unsigned(reader, 4);
        break;
    case DW_EH_PE_sdata2:
        value = (uint64_t)reader_signed(reader, 2);
        break;
    case DW_EH_PE_sdata4:
        value = (uint64_t)reader_signed(reader, 4);
        break;
    default:
        return false;
    }
    switch (encoding & 0x70) {
    case DW_EH_PE_absptr:
        break;
    case DW_EH_PE_pcrel:
        value += place;
        break;
    default: /* relative to what only the loader knows */
        return false;
    }
    *ret_value = value;
    return !reader->broken;
}

/* GNU ld, gold and lld all write this one form of table; for another one the section is gone through. */
void cfi_section_set_header(struct cfi_section *section, const uint8_t *header, size_t size, uint64_t address)
{
    const struct cfi_section of_header = {.bytes = header, .size = size, .address = address};
    struct reader reader = {header, header + size, false};
    uint64_t frames, count;

    if (size < HEADER_START || header[0] != 1 || header[3] != (DW_EH_PE_datarel | DW_EH_PE_sdata4))
        return;
    reader.at += HEADER_START;
    if (!cfi_pointer_read(&of_header, &reader, header[1], &frames) || frames != section->address ||
        !cfi_pointer_read(&of_header, &reader, header[2], &count) || count == 0 ||
        count > reader_left(&reader) / TABLE_ENTRY)
        return;
    section->table = reader.at;
    section->table_count = count;
    section->table_base = address;
}

/* Takes the next entry's frame off the reader. *ret_id: what is in the place of a CIE's id; *ret_id_place:
 * where that stands. False: the end. */
static bool entry_read(const struct cfi_section *section, struct reader *reader, struct reader *ret_entry,
                       uint64_t *ret_id, uint64_t *ret_id_place)
{
    uint64_t length = reader_unsigned(reader, 4);
    size_t offset_size = 4;
    const uint8_t *from;

    if (length == UINT32_MAX) {
        length = reader_unsigned(reader, 8);
        offset_size = 8;
    }
    from = reader_take(reader, length);
    if (!from || length < offset_size)
        return false; /* a length of 0 is the end of .eh_frame */
    *ret_entry = (struct reader){from, from + length, false};
    *ret_id_place = (uint64_t)(from - section->bytes);
    *ret_id = reader_unsigned(ret_entry, offset_size);
    if (offset_size == 4 && !section->is_eh && *ret_id == UINT32_MAX)
        *ret_id = UINT64_MAX;
    return true;
}

static bool is_cie(const struct cfi_section *section, uint64_t id)
{
    return section->is_eh ? id == 0 : id == UINT64_MAX;
}

/* The augmentation's data, as its letters say. ret_encoding: of addresses in the FDE. False: a letter that
 * can't be skipped. */
static bool augmentation_read(const struct cfi_section *section, const char *letters, struct reader *reader,
                              struct cfi_function *function)
{
    uint64_t size = reader_uleb(reader), unused;
    const uint8_t *from = reader_take(reader, size);
    struct reader data;

    if (!from)
        return false;
    data = (struct reader){from, from + size, false};
    for (letters++; *letters && !data.broken; letters++) {
        uint8_t encoding;

        switch (*letters) {
        case 'R':
            function->encoding = reader_u8(&data);
            break;
        case 'L':
            (void)reader_u8(&data); /* how the FDE points to its language's data */
            break;
        case 'P': /* personality */
            encoding = reader_u8(&data);
            if (!cfi_pointer_read(section, &data, encoding & 0x0f, &unused))
                return false;
            break;
        case 'S':
            function->is_signal = true;
            break;
        case 'B': /* aarch64: return addresses are signed with the other key */
            break;
        default: /* the rest is sized, and can be left out */
            return !data.broken;
        }
    }
    return !data.broken;
}

static bool cie_read(const struct cfi_section *section, uint64_t offset, struct cfi_function *function,
                     bool *ret_sized)
{
    struct reader reader, entry;
    uint64_t id, place;
    uint8_t version;
    const char *letters;
    const uint8_t *letters_end;

    if (offset >= section->size)
        return false;
    reader = (struct reader){section->bytes + offset, section->bytes + section->size, false};
    if (!entry_read(section, &reader, &entry, &id, &place) || !is_cie(section, id))
        return false;
    version = reader_u8(&entry);
    letters = (const char *)entry.at;
    letters_end = memchr(entry.at, '\0',
                         reader_left(&entry) < AUGMENTATION_MAX ? reader_left(&entry) : AUGMENTATION_MAX);
    if (!letters_end || (version != 1 && version != 3 && version != 4))
        return false;
    entry.at = letters_end + 1;
    if (version == 4 && (reader_u8(&entry) != 8 || reader_u8(&entry) != 0))
        return false; /* addresses of 8 bytes, no segments */
    function->code_factor = reader_uleb(&entry);
    function->data_factor = reader_sleb(&entry);
    function->return_register = version == 1 ? reader_u8(&entry) : reader_uleb(&entry);
    function->encoding = DW_EH_PE_absptr;
    function->is_signal = false;
    *ret_sized = letters[0] == 'z';
    if (letters[0] != '\0' && (!*ret_sized || !augmentation_read(section, letters, &entry, function)))
        return false;
    function->common = entry;
    return !entry.broken && function->return_register < CFI_REGISTERS;
}

/* The entry at offset. False: it is no FDE, or broken. */
static bool function_read(const struct cfi_section *section, uint64_t offset,
                          struct cfi_function *ret_function)
{
    struct reader reader, entry;
    struct cfi_function function;
    uint64_t id, place, size;
    bool sized;

    if (offset >= section->size)
        return false;
    reader = (struct reader){section->bytes + offset, section->bytes + section->size, false};
    if (!entry_read(section, &reader, &entry, &id, &place) || is_cie(section, id))
        return false;
    if (section->is_eh && id > place)
        return false;
    /* .eh_frame counts back from the field itself */
    if (!cie_read(section, section->is_eh ? place - id : id, &function, &sized))
        return false;
    if (!cfi_pointer_read(section, &entry, function.encoding, &function.start) ||
        !cfi_pointer_read(section, &entry, function.encoding & 0x0f, &size) ||
        __builtin_add_overflow(function.start, size, &function.end) || size == 0)
        return false;
    if (sized && !reader_take(&entry, reader_uleb(&entry)))
        return false;
    if (reader_left(&entry) > INSTRUCTIONS_MAX || reader_left(&function.common) > INSTRUCTIONS_MAX)
        return false;
    function.own = entry;
    *ret_function = function;
    return !entry.broken;
}

static int compare_entries(const void *a, const void *b)
{
    const struct cfi_entry *left = a, *right = b;

    if (left->start != right->start)
        return left->start < right->start ? -1 : 1;
    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

/* One pass over a section that has no table. */
static void index_build(struct cfi_section *section)
{
    struct reader reader = {section->bytes, section->bytes + section->size, false}, entry;
    struct cfi_function function;
    uint64_t id, place;

    section->is_indexed = true;
    while (reader_left(&reader) > 0) {
        uint64_t offset = (uint64_t)(reader.at - section->bytes);

        if (!entry_read(section, &reader, &entry, &id, &place)) {
            if (section->is_eh || reader.broken)
                break;
            continue; /* .debug_frame has no end mark */
        }
        if (is_cie(section, id) || !function_read(section, offset, &function))
            continue;
        if (ARRAY_RESERVE(&section->index, 1, LIMIT_CFI_FUNCTIONS) < 0)
            break; /* the rest goes unfound */
        section->index.items[section->index.count++] = (struct cfi_entry){function.start, offset};
    }
    if (section->index.count > 0)
        qsort(section->index.items, section->index.count, sizeof section->index.items[0], compare_entries);
}

static uint64_t entry_start(const struct cfi_section *section, size_t i)
{
    int32_t start;

    if (!section->table)
        return section->index.items[i].start;
    memcpy(&start, section->table + i * TABLE_ENTRY, sizeof start);
    return section->table_base + (uint64_t)(int64_t)start;
}

static uint64_t entry_offset(const struct cfi_section *section, size_t i)
{
    int32_t entry;

    if (!section->table)
        return section->index.items[i].offset;
    memcpy(&entry, section->table + i * TABLE_ENTRY + sizeof entry, sizeof entry);
    return section->table_base + (uint64_t)(int64_t)entry - section->address;
}

bool cfi_section_find(struct cfi_section *section, uint64_t address, struct cfi_function *ret_function)
{
    struct cfi_function function;
    size_t low = 0, high;

    if (!section->bytes)
        return false;
    if (!section->table && !section->is_indexed)
        index_build(section);
    high = section->table ? section->table_count : section->index.count;
    while (low < high) { /* the first that starts behind address */
        size_t middle = low + (high - low) / 2;

        if (entry_start(section, middle) <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || !function_read(section, entry_offset(section, low - 1), &function) ||
        address < function.start || address >= function.end)
        return false;
    *ret_function = function;
    return true;
}
