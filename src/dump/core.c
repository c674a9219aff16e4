/* The plan of a core. */
#include "dump/core.h"

#include "capture/linkage.h"
#include "dump/core_layout.h"
#include "dump/core_notes.h"
#include "dump/minidump.h"
#include "dump/minidump_format.h"
#include "dump/regions.h"

#include <elf.h>
#include <errno.h>

/* What a core holds whatever the type: docs/CORE.md. The same bits make no difference to what is read. */
static const uint32_t always_on =
    MD_TYPE_FULL_MEMORY_INFO | MD_TYPE_IGNORE_INACCESSIBLE | MD_TYPE_MODULE_HEADERS | MD_TYPE_AVX_STATE;

bool core_reads_memory(uint32_t type)
{
    return minidump_reads_memory(type & ~always_on);
}

/* The bits that choose memory are those that make a minidump read it. */
static uint32_t ignored_of(uint32_t type)
{
    uint32_t ignored = 0;

    for (unsigned bit = 0; bit < 32; bit++)
        if (type >> bit & 1 && !(always_on >> bit & 1) && !minidump_reads_memory(1u << bit))
            ignored |= 1u << bit;
    return ignored;
}

bool core_walk_next(struct core_walk *walk, struct core_segment *ret_segment)
{
    const struct map_list *maps = &walk->core->capture->maps;
    const struct range_list *ranges = &walk->core->ranges;
    uint64_t page_size = walk->core->capture->page_size, start, end;
    const struct map *map;
    bool inside;

    while (walk->map < maps->count && walk->address >= maps->items[walk->map].end)
        walk->map++;
    if (walk->map == maps->count)
        return false;
    map = &maps->items[walk->map];
    start = walk->address > map->start ? walk->address : map->start;
    while (walk->range < ranges->count && ranges->items[walk->range].end <= start)
        walk->range++;
    end = map->end;
    inside = walk->range < ranges->count && ranges->items[walk->range].start <= start;
    if (walk->range < ranges->count) {
        uint64_t limit = inside ? ranges->items[walk->range].end : ranges->items[walk->range].start;

        end = limit < end ? limit : end;
    }
    walk->offset = (walk->offset + page_size - 1) & ~(page_size - 1);
    *ret_segment = (struct core_segment){.map = map,
                                         .start = start,
                                         .end = end,
                                         .offset = walk->offset + start % page_size,
                                         .has_contents = inside};
    if (inside)
        walk->offset = ret_segment->offset + (end - start);
    walk->address = end;
    return true;
}

static int add_piece(struct core *core, uint64_t start, uint64_t end, const uint8_t *bytes)
{
    int r = ARRAY_RESERVE(&core->pieces, 1, 2 * (size_t)LIMIT_THREADS);

    if (r == 0)
        core->pieces.items[core->pieces.count++] = (struct memory_piece){start, end, bytes};
    return r == 0 ? range_list_add(&core->ranges, start, end) : r;
}

static int compare_pieces(const void *a, const void *b)
{
    const struct memory_piece *left = a, *right = b;

    return left->start < right->start ? -1 : left->start > right->start;
}

static int choose_memory(struct core *core)
{
    const struct memory_piece_list *linkage = &core->capture->linkage;
    struct stack_bytes stacks;
    int r = stack_bytes_init(&stacks, core->capture, core->memory);

    if (r == 0 && core->memory)
        r = regions_choose(&stacks, core->type & ~always_on, &core->ranges);
    if (r == 0 && core->memory)
        r = linkage_find(core->capture, core->memory, &core->ranges);
    for (size_t i = 0; r == 0 && i < stacks.piece_count; i++) {
        const struct stack_piece *piece = &stacks.pieces[i];

        r = piece->bytes ? add_piece(core, piece->start, piece->end, piece->bytes)
                         : range_list_add(&core->ranges, piece->start, piece->end);
    }
    for (size_t i = 0; r == 0 && i < linkage->count; i++)
        r = add_piece(core, linkage->items[i].start, linkage->items[i].end, linkage->items[i].bytes);
    range_list_merge(&core->ranges);
    if (core->pieces.count > 0)
        qsort(core->pieces.items, core->pieces.count, sizeof core->pieces.items[0], compare_pieces);
    stack_bytes_release(&stacks);
    return r;
}

static void place(struct core *core)
{
    struct core_walk walk = core_walk_begin(core);
    struct core_segment segment;
    uint64_t headers;

    core->segment_count = 1;
    while (core_walk_next(&walk, &segment)) {
        core->segment_count++;
        core->memory_bytes += segment.has_contents ? segment.end - segment.start : 0;
    }
    headers = sizeof(Elf64_Ehdr) + core->segment_count * sizeof(Elf64_Phdr);
    core->notes_offset = headers + (core->segment_count >= PN_XNUM ? sizeof(Elf64_Shdr) : 0);
    core->notes_size = core->process_notes.size;
    for (size_t i = 0; i < core->capture->thread_count; i++)
        core->notes_size += core_thread_notes_size(&core->capture->threads[i]);
    core->size = core->notes_offset + core->notes_size;
    core->contents_offset = (core->size + core->capture->page_size - 1) & ~(core->capture->page_size - 1);
    walk = core_walk_begin(core);
    while (core_walk_next(&walk, &segment))
        if (segment.has_contents)
            core->size = segment.offset + (segment.end - segment.start);
}

static int lay_out(struct core *core)
{
    int r = choose_memory(core);

    if (r == 0)
        r = core_process_notes(core->capture, &core->process_notes);
    if (r < 0)
        return r;
    place(core);
    return core->size > INT64_MAX ? -EFBIG : 0;
}

int core_plan(const struct capture *capture, const struct memory *memory, uint32_t type,
              struct core **ret_core, uint32_t *ret_ignored, struct error *error)
{
    struct core *core;
    int r;

    if (type & ~MINIDUMP_TYPE_VALID)
        return error_set(error, EINVAL,
                         "The dump type 0x%x has bits that do not exist; valid are those of 0x%x.", type,
                         MINIDUMP_TYPE_VALID);
    if (!memory && core_reads_memory(type))
        return error_set(error, EINVAL, "A core of type 0x%x needs the memory, not only the stacks.", type);
    core = calloc(1, sizeof *core);
    if (!core)
        return error_errno(error, ENOMEM, "Can't plan the core");
    core->capture = capture;
    core->memory = memory;
    core->type = type;
    core->process_notes.limit = LIMIT_PROC_TEXT + 2 * LIMIT_FILE_NOTE;
    r = lay_out(core);
    if (r < 0) {
        core_free(core);
        return error_ensure(error, r, "Can't plan the core");
    }
    *ret_core = core;
    if (ret_ignored)
        *ret_ignored = ignored_of(type);
    return 0;
}

uint64_t core_size(const struct core *core)
{
    return core->size;
}

uint64_t core_memory_bytes(const struct core *core)
{
    return core->memory_bytes;
}

uint64_t core_live_bytes(const struct core *core)
{
    return range_list_common(&core->ranges, &core->capture->live);
}

void core_when_read(struct core *core, void (*call)(void *data), void *data)
{
    core->when_read = call;
    core->when_read_data = data;
}

void core_free(struct core *core)
{
    if (!core)
        return;
    range_list_release(&core->ranges);
    free(core->pieces.items);
    buffer_release(&core->process_notes);
    free(core);
}
