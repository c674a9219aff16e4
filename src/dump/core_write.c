/* Writes a core as it was planned, once, in order. */
#include "dump/batch.h"
#include "dump/core_layout.h"
#include "dump/core_notes.h"

#include <elf.h>
#include <string.h>

static int put_header(const struct core *core, struct batch *batch)
{
    bool extended = core->segment_count >= PN_XNUM;
    Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
                    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB, EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = core_machine,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof header,
        .e_ehsize = sizeof header,
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = extended ? PN_XNUM : (uint16_t)core->segment_count,
    };

    if (extended) {
        header.e_shoff = core->notes_offset - sizeof(Elf64_Shdr);
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shnum = 1;
    }
    return batch_put(batch, &header, sizeof header);
}

static uint32_t flags_of(const struct map *map)
{
    return (map->permissions & MAP_READ ? PF_R : 0u) | (map->permissions & MAP_WRITE ? PF_W : 0u) |
           (map->permissions & MAP_EXECUTE ? PF_X : 0u);
}

static int put_program_headers(const struct core *core, struct batch *batch)
{
    Elf64_Phdr header = {
        .p_type = PT_NOTE, .p_offset = core->notes_offset, .p_filesz = core->notes_size, .p_align = 4};
    struct core_walk walk = core_walk_begin(core);
    struct core_segment segment;
    int r = batch_put(batch, &header, sizeof header);

    while (r == 0 && core_walk_next(&walk, &segment)) {
        uint64_t size = segment.end - segment.start;

        header = (Elf64_Phdr){.p_type = PT_LOAD,
                              .p_flags = flags_of(segment.map),
                              .p_offset = segment.offset,
                              .p_vaddr = segment.start,
                              .p_filesz = segment.has_contents ? size : 0,
                              .p_memsz = size,
                              .p_align = core->capture->page_size};
        r = batch_put(batch, &header, sizeof header);
    }
    return r;
}

/* Where the true number of program headers stands if it passes 16 bits: gABI, "ELF Header", e_phnum. */
static int put_section_header(const struct core *core, struct batch *batch)
{
    Elf64_Shdr header = {.sh_type = SHT_NULL, .sh_size = 1, .sh_info = (uint32_t)core->segment_count};

    return core->segment_count >= PN_XNUM ? batch_put(batch, &header, sizeof header) : 0;
}

/* What the capture holds comes from there: it may be older than what the memory would give now. cursor moves
 * along the pieces, since contents come in order too. */
static int put_contents(const struct core *core, struct batch *batch, uint64_t start, uint64_t end,
                        size_t *cursor)
{
    const struct memory_piece_list *pieces = &core->pieces;
    int r = 0;

    while (r == 0 && start < end) {
        const struct memory_piece *piece = NULL;
        uint64_t until = end;

        while (*cursor < pieces->count && pieces->items[*cursor].end <= start)
            ++*cursor;
        if (*cursor < pieces->count)
            piece = &pieces->items[*cursor];
        if (piece && piece->start > start) {
            until = piece->start < end ? piece->start : end;
            piece = NULL;
        }
        if (piece) {
            until = piece->end < end ? piece->end : end;
            r = batch_put(batch, piece->bytes + (start - piece->start), until - start);
        } else {
            r = batch_put_memory(batch, start, until);
        }
        start = until;
    }
    return r;
}

static int put_all_contents(const struct core *core, struct batch *batch)
{
    struct core_walk walk = core_walk_begin(core);
    struct core_segment segment;
    size_t cursor = 0;
    int r = 0;

    while (r == 0 && core_walk_next(&walk, &segment)) {
        if (!segment.has_contents)
            continue;
        r = batch_pad(batch, segment.offset);
        if (r == 0)
            r = put_contents(core, batch, segment.start, segment.end, &cursor);
    }
    return r;
}

int core_write(const struct core *core, struct sink *sink, struct error *error)
{
    const struct capture *capture = core->capture;
    _cleanup_(batch_release) struct batch batch;
    int r = batch_init(&batch, core->memory, capture->page_size, sink, error);

    if (r == 0)
        r = put_header(core, &batch);
    if (r == 0)
        r = put_program_headers(core, &batch);
    if (r == 0)
        r = put_section_header(core, &batch);
    if (r == 0)
        r = batch_put(&batch, core->process_notes.data, core->process_notes.size);
    for (size_t i = 0; r == 0 && i < capture->thread_count; i++)
        r = core_put_thread_notes(capture, &capture->threads[i], &batch);
    if (r == 0)
        r = put_all_contents(core, &batch);
    if (r == 0 && core->when_read)
        core->when_read(core->when_read_data);
    return r < 0 ? r : batch_flush(&batch);
}
