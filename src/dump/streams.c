/* The head of a dump: which streams there are, and their directory. */
#include "dump/layout.h"

#include <string.h>

enum { NS_PER_SECOND = 1000000000 };

static bool has_threads(const struct minidump *minidump)
{
    return minidump->capture->thread_count > 0;
}

static bool has_regions(const struct minidump *minidump)
{
    return minidump_reads_memory(minidump->type);
}

static bool wants_handles(const struct minidump *minidump)
{
    return layout_wants(minidump, MD_TYPE_HANDLE_DATA);
}

static bool wants_file_text(const struct minidump *minidump)
{
    return layout_wants(minidump, MD_TYPE_HANDLE_DATA | MD_TYPE_FULL_AUXILIARY) &&
           minidump->capture->files.count > 0;
}

static bool wants_unloaded(const struct minidump *minidump)
{
    return layout_wants(minidump, MD_TYPE_UNLOADED_MODULES);
}

static bool wants_thread_info(const struct minidump *minidump)
{
    return layout_wants(minidump, MD_TYPE_THREAD_INFO);
}

static const struct {
    enum md_stream type;
    stream_build *build;
    bool (*wanted)(const struct minidump *minidump); /* NULL: always */
} streams[] = {
    {MD_SYSTEM_INFO, stream_system_info, NULL},
    {MD_MISC_INFO, stream_misc_info, NULL},
    {MD_EXCEPTION, stream_exception, has_threads},
    {MD_THREAD_LIST, stream_thread_list, NULL},
    {MD_THREAD_NAMES, stream_thread_names, NULL},
    {MD_THREAD_INFO_LIST, stream_thread_info, wants_thread_info},
    {MD_MODULE_LIST, stream_module_list, NULL},
    {MD_UNLOADED_MODULE_LIST, stream_unloaded_modules, wants_unloaded},
    {MD_HANDLE_DATA, stream_handles, wants_handles},
    {MD_LINUX_PROC_FD, stream_files, wants_file_text},
    {MD_MEMORY_LIST, stream_memory_list, NULL},
    {MD_MEMORY_INFO_LIST, stream_memory_info, NULL}, /* minidump_dump calls a dump without it faulty */
    {MD_MEMORY_64_LIST, stream_memory64_list, has_regions},
};

/* The kernel's texts, and the bits with which each is left out. */
static const struct {
    enum md_stream type;
    size_t offset; /* of the buffer in struct capture */
    uint32_t unless;
} texts[] = {
    {MD_LINUX_CPU_INFO, offsetof(struct capture, cpuinfo_text), 0},
    {MD_LINUX_PROC_STATUS, offsetof(struct capture, status_text), 0},
    {MD_LINUX_LSB_RELEASE, offsetof(struct capture, lsb_release_text), 0},
    {MD_LINUX_CMD_LINE, offsetof(struct capture, cmdline), MD_TYPE_WITHOUT_OPTIONAL_DATA},
    {MD_LINUX_ENVIRON, offsetof(struct capture, environ),
     MD_TYPE_WITHOUT_OPTIONAL_DATA | MD_TYPE_FILTER_TRIAGE},
    {MD_LINUX_AUXV, offsetof(struct capture, auxv), 0},
    {MD_LINUX_MAPS, offsetof(struct capture, maps_text), 0},
    {MD_LINUX_PROC_STAT, offsetof(struct capture, stat_text), 0},
    {MD_LINUX_PROC_UPTIME, offsetof(struct capture, uptime_text), 0},
};

_Static_assert(ELEMENTS_OF(texts) <= LAYOUT_TEXTS_MAX, "texts of a layout");

static const struct buffer *text_of(const struct minidump *minidump, size_t index)
{
    const struct buffer *text =
        (const struct buffer *)((const char *)minidump->capture + texts[index].offset);

    return layout_wants(minidump, texts[index].unless) || text->size == 0 ? NULL : text;
}

static void enter(struct minidump *minidump, enum md_stream type, size_t rva, size_t size)
{
    struct md_directory *directory = layout_at(minidump, sizeof(struct md_header));

    directory[minidump->directory_used++] =
        (struct md_directory){.type = type, .location = {.size = (uint32_t)size, .rva = (uint32_t)rva}};
}

static int begin_head(struct minidump *minidump)
{
    struct md_header header = {
        .signature = MD_SIGNATURE,
        .version = MD_VERSION,
        .directory_rva = sizeof header,
        .time = (uint32_t)(minidump->capture->time / NS_PER_SECOND),
        .flags = minidump->type,
    };
    size_t ignored;
    int r;

    for (size_t i = 0; i < ELEMENTS_OF(streams); i++)
        header.stream_count += !streams[i].wanted || streams[i].wanted(minidump);
    for (size_t i = 0; i < ELEMENTS_OF(texts); i++)
        header.stream_count += text_of(minidump, i) != NULL;
    r = layout_append(minidump, &header, sizeof header, 1, &ignored);
    if (r == 0)
        r = layout_append(minidump, NULL, header.stream_count * sizeof(struct md_directory), 1, &ignored);
    return r;
}

int layout_head(struct minidump *minidump)
{
    int r = begin_head(minidump);

    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(streams); i++) {
        size_t rva, size;

        if (streams[i].wanted && !streams[i].wanted(minidump))
            continue;
        r = streams[i].build(minidump, &rva, &size);
        if (r == 0)
            enter(minidump, streams[i].type, rva, size);
    }
    return r;
}

static uint64_t aligned(uint64_t offset)
{
    return (offset + LAYOUT_ALIGNMENT - 1) & ~(uint64_t)(LAYOUT_ALIGNMENT - 1);
}

static struct md_location context_location(const struct minidump *minidump, size_t thread)
{
    return (struct md_location){.size = CONTEXT_SIZE,
                                .rva = (uint32_t)(minidump->contexts_rva + thread * CONTEXT_SIZE)};
}

static void place_threads(struct minidump *minidump)
{
    struct md_thread *threads = layout_at(minidump, minidump->thread_list_rva + sizeof(uint32_t));
    struct md_memory *memory = layout_at(minidump, minidump->memory_list_rva + sizeof(uint32_t));

    for (size_t i = 0; i < minidump->capture->thread_count; i++)
        threads[i].context = context_location(minidump, i);
    for (size_t i = 0; i < minidump->stacks.piece_count; i++) {
        const struct stack_piece *piece = &minidump->stacks.pieces[i];
        const struct stack_run *run = stack_bytes_find(&minidump->stacks, piece->start);

        if (piece->thread == SIZE_MAX)
            continue;
        threads[piece->thread].stack.location = (struct md_location){
            .size = (uint32_t)(piece->end - piece->start),
            .rva = (uint32_t)(minidump->stacks_rva + run->offset + (piece->start - run->start)),
        };
    }
    for (size_t i = 0; i < minidump->stacks.run_count; i++)
        memory[i].location.rva = (uint32_t)(minidump->stacks_rva + minidump->stacks.runs[i].offset);
    if (minidump->exception_rva) {
        struct md_exception *exception = layout_at(minidump, minidump->exception_rva);
        exception->context = context_location(minidump, exception->context.rva);
    }
}

void layout_place(struct minidump *minidump)
{
    struct md_header *header = layout_at(minidump, 0);
    uint64_t at = aligned(minidump->head.size), page_size = minidump->capture->page_size;

    for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
        const struct buffer *text = text_of(minidump, i);

        if (!text)
            continue;
        minidump->texts[minidump->text_count++] = (struct text_piece){.text = text, .rva = at};
        enter(minidump, texts[i].type, at, text->size);
        at = aligned(at + text->size);
    }
    header->stream_count = (uint32_t)minidump->directory_used;
    minidump->contexts_rva = at;
    at = aligned(at + (uint64_t)minidump->capture->thread_count * CONTEXT_SIZE);
    minidump->stacks_rva = at;
    at += minidump->stacks.size;
    /* in the file as in the process: whole pages are read, copied and sent as such, which is faster */
    if (minidump->regions.count > 0 && page_size > 0)
        at = (at + page_size - 1) / page_size * page_size;
    minidump->regions_rva = at;
    for (size_t i = 0; i < minidump->regions.count; i++)
        at += minidump->regions.items[i].end - minidump->regions.items[i].start;
    minidump->size = at;
    place_threads(minidump);
    if (minidump->memory64_list_rva) {
        struct md_memory64_head *memory64 = layout_at(minidump, minidump->memory64_list_rva);
        memory64->base_rva = minidump->regions_rva;
    }
}
