#include "dump/regions.h"

#include "dump/context.h"
#include "dump/minidump.h"
#include "dump/minidump_format.h"

#include <errno.h>
#include <string.h>

/* Pages that stacks and registers point to: at most so many, the lowest addresses of a full table win. */
enum { REFERENCED_PAGES_MAX = 16384 };

static const uint32_t memory_bits = MD_TYPE_DATA_SEGS | MD_TYPE_FULL_MEMORY | MD_TYPE_INDIRECTLY_REFERENCED |
                                    MD_TYPE_PROCESS_THREAD_DATA | MD_TYPE_PRIVATE_READ_WRITE |
                                    MD_TYPE_CODE_SEGS | MD_TYPE_PRIVATE_WRITE_COPY | MD_TYPE_MODULE_HEADERS;

struct choice {
    const struct stack_bytes *stacks;
    const struct capture *capture;
    uint32_t type;
    struct range_list *list;
};

static bool wants(const struct choice *choice, uint32_t bits)
{
    return (choice->type & bits) != 0;
}

bool minidump_reads_memory(uint32_t type)
{
    return (type & memory_bits) != 0;
}

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

bool region_is_readable(const struct map *map)
{
    const char *path = map->path;

    if (!(map->permissions & MAP_READ) || map->end > INT64_MAX) /* the kernel's own half can't be read */
        return false;
    if (begins_with(path, "[vvar") || begins_with(path, "[vsyscall]"))
        return false;
    /* Reading a device's registers through its mapping may change or hang the device. /dev/shm and
     * /dev/hugepages are memory; a shared anonymous mapping is called /dev/zero (deleted). */
    if (begins_with(path, "/dev/"))
        return begins_with(path, "/dev/shm/") || begins_with(path, "/dev/hugepages") ||
               begins_with(path, "/dev/zero");
    return !begins_with(path, "/sys/") && !begins_with(path, "/proc/") &&
           !begins_with(path, "anon_inode:[vfio");
}

static bool is_private(const struct map *map)
{
    return !(map->permissions & MAP_IS_SHARED);
}

static bool is_of_file(const struct map *map)
{
    return map->inode != 0;
}

/* What a .NET runtime knows of its program, and code that it has made: memory of its own alone, but mapped as
 * shared, since it maps some of it twice, to be written here and executed there. */
static bool is_of_dotnet(const struct map *map)
{
    return map->deleted && strcmp(map->path, "/memfd:doublemapper") == 0;
}

/* Where the file of an assembly begins: by what stands there debuggers know which file it is. */
static bool is_assembly_head(const struct map *map)
{
    const char *dot = strrchr(map->path, '.');

    return is_of_file(map) && map->offset == 0 && map->permissions & MAP_READ && dot &&
           (strcmp(dot, ".dll") == 0 || strcmp(dot, ".exe") == 0);
}

/* .bss: anonymous memory right behind the last segment of a file. */
static bool is_bss(const struct map_list *maps, size_t index)
{
    const struct map *map = &maps->items[index];

    return index > 0 && !is_of_file(map) && !map->path[0] && map[-1].end == map->start &&
           is_of_file(&map[-1]) && is_private(&map[-1]);
}

static bool map_is_wanted(const struct choice *choice, size_t index)
{
    const struct map *map = &choice->capture->maps.items[index];
    bool writable = map->permissions & MAP_WRITE;

    if (!region_is_readable(map))
        return false;
    if (wants(choice, MD_TYPE_FULL_MEMORY))
        return true;
    if (wants(choice, MD_TYPE_CODE_SEGS) && map->permissions & MAP_EXECUTE)
        return true;
    if (wants(choice, MD_TYPE_PRIVATE_READ_WRITE) && is_of_dotnet(map))
        return true;
    if (!writable || !is_private(map))
        return false;
    if (wants(choice, MD_TYPE_PRIVATE_READ_WRITE))
        return true;
    if (wants(choice, MD_TYPE_DATA_SEGS | MD_TYPE_PRIVATE_WRITE_COPY) && is_of_file(map))
        return true;
    return wants(choice, MD_TYPE_DATA_SEGS) && is_bss(&choice->capture->maps, index);
}

/* The parts of memory without a file on disk that were ever touched; all of any other mapping. cursor moves
 * along the present ranges, since the mappings come in order too. */
static int add_map(struct choice *choice, const struct map *map, size_t *cursor)
{
    const struct range_list *present = &choice->capture->present;

    if (!choice->capture->present_known || !capture_map_is_sparse(choice->capture, map))
        return range_list_add(choice->list, map->start, map->end);
    while (*cursor < present->count && present->items[*cursor].end <= map->start)
        ++*cursor;
    for (size_t i = *cursor; i < present->count && present->items[i].start < map->end; i++) {
        const struct range *range = &present->items[i];
        uint64_t start = range->start > map->start ? range->start : map->start;
        uint64_t end = range->end < map->end ? range->end : map->end;
        int r = range_list_add(choice->list, start, end);

        if (r < 0)
            return r;
    }
    return 0;
}

/* One page at address, where something readable is mapped. */
static int add_page(struct choice *choice, uint64_t address)
{
    uint64_t page = address & ~(choice->capture->page_size - 1);
    const struct map *map = maps_find(&choice->capture->maps, page);

    if (!map || !region_is_readable(map))
        return 0;
    return range_list_add(choice->list, page, page + choice->capture->page_size);
}

static int add_assembly_heads(struct choice *choice)
{
    const struct map_list *maps = &choice->capture->maps;
    int r = 0;

    for (size_t i = 0; r == 0 && i < maps->count; i++)
        if (is_assembly_head(&maps->items[i]))
            r = add_page(choice, maps->items[i].start);
    return r;
}

static int add_headers_and_thread_data(struct choice *choice)
{
    const struct capture *capture = choice->capture;
    int r = 0;

    for (size_t i = 0; r == 0 && wants(choice, MD_TYPE_MODULE_HEADERS) && i < capture->modules.count; i++)
        r = add_page(choice, capture->modules.items[i].base);
    for (size_t i = 0; r == 0 && wants(choice, MD_TYPE_PROCESS_THREAD_DATA) && i < capture->thread_count;
         i++) {
        uint64_t pointer = context_thread_pointer(&capture->threads[i].registers);

        /* the thread's control block at the pointer, its variables below it */
        r = add_page(choice, pointer);
        if (r == 0 && pointer >= capture->page_size)
            r = add_page(choice, pointer - capture->page_size);
    }
    return r;
}

/* A hash set of pages. */
struct referenced {
    const struct map_list *maps;
    uint64_t page_mask;
    uint64_t pages[REFERENCED_PAGES_MAX * 2]; /* 0: free. Twice as many places, so that probing stays short */
    size_t count;
};

static void note_reference(void *context, uint64_t word)
{
    struct referenced *set = context;
    uint64_t page = word & set->page_mask;
    size_t place = (size_t)(page * 0x9e3779b97f4a7c15u >> 40) % ELEMENTS_OF(set->pages);
    const struct map *map;

    if (page == 0 || set->count == REFERENCED_PAGES_MAX)
        return;
    for (; set->pages[place]; place = (place + 1) % ELEMENTS_OF(set->pages))
        if (set->pages[place] == page)
            return;
    map = maps_find(set->maps, page);
    if (!map || !(map->permissions & MAP_WRITE) || !region_is_readable(map))
        return;
    set->pages[place] = page;
    set->count++;
}

static int add_referenced(struct choice *choice)
{
    _cleanup_free_ struct referenced *set = calloc(1, sizeof *set);
    const struct capture *capture = choice->capture;
    int r;

    if (!set)
        return -ENOMEM;
    set->maps = &capture->maps;
    set->page_mask = ~(capture->page_size - 1);
    for (size_t i = 0; i < capture->thread_count; i++) {
        uint64_t words[sizeof capture->threads[i].registers.general / sizeof(uint64_t)];

        memcpy(words, &capture->threads[i].registers.general, sizeof words);
        for (size_t word = 0; word < ELEMENTS_OF(words); word++)
            note_reference(set, words[word]);
    }
    r = stack_bytes_scan(choice->stacks, note_reference, set);
    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(set->pages); i++)
        if (set->pages[i])
            r = range_list_add(choice->list, set->pages[i], set->pages[i] + capture->page_size);
    return r;
}

int regions_choose(const struct stack_bytes *stacks, uint32_t type, struct range_list *ret_list)
{
    const struct map_list *maps = &stacks->capture->maps;
    struct choice choice = {.stacks = stacks, .capture = stacks->capture, .type = type, .list = ret_list};
    size_t cursor = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < maps->count; i++)
        if (map_is_wanted(&choice, i))
            r = add_map(&choice, &maps->items[i], &cursor);
    if (r == 0)
        r = add_headers_and_thread_data(&choice);
    if (r == 0 && wants(&choice, MD_TYPE_PRIVATE_READ_WRITE))
        r = add_assembly_heads(&choice);
    if (r == 0 && wants(&choice, MD_TYPE_INDIRECTLY_REFERENCED))
        r = add_referenced(&choice);
    if (r == 0)
        range_list_merge(ret_list);
    return r;
}
