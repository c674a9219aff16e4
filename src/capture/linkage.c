#include "capture/linkage.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>

/* A dynamic section is a few dozen entries; a path has at most PATH_MAX bytes. */
enum { DYNAMIC_ENTRIES_MAX = 1024, NAME_MAX_BYTES = 4096 };

struct search {
    const struct capture *capture;
    const struct memory *memory;
    struct range_list *pages;
};

/* The pages that hold size bytes at address, as far as they are mapped and may be read. */
static int add(struct search *search, uint64_t address, uint64_t size)
{
    uint64_t page_mask = ~(search->capture->page_size - 1);
    const struct map *map = maps_find(&search->capture->maps, address);
    uint64_t end;

    if (!map || !(map->permissions & MAP_READ) || map->end > INT64_MAX ||
        strncmp(map->path, "/dev/", strlen("/dev/")) == 0)
        return 0;
    end = size > map->end - address ? map->end : (address + size + ~page_mask) & page_mask;
    return range_list_add(search->pages, address & page_mask, end);
}

static int add_modules(struct search *search)
{
    const struct capture *capture = search->capture;
    int r = 0;

    for (size_t i = 0; r == 0 && i < capture->modules.count; i++)
        r = add(search, capture->modules.items[i].base, capture->page_size);
    for (size_t i = 0; r == 0 && i < capture->maps.count; i++) {
        const struct map *map = &capture->maps.items[i];

        if (strcmp(map->path, "[vdso]") == 0)
            r = add(search, map->start, map->end - map->start);
    }
    return r;
}

/* Adds a dynamic section and returns in ret_debug where its DT_DEBUG points to; 0: nowhere. */
static int add_dynamic(struct search *search, uint64_t address, uint64_t *ret_debug)
{
    Elf64_Dyn entry;
    size_t count = 0;

    *ret_debug = 0;
    do {
        if (memory_read_exactly(search->memory, address + count * sizeof entry, &entry, sizeof entry) < 0)
            break;
        if (entry.d_tag == DT_DEBUG)
            *ret_debug = entry.d_un.d_ptr;
        count++;
    } while (entry.d_tag != DT_NULL && count < DYNAMIC_ENTRIES_MAX);
    return count ? add(search, address, count * sizeof entry) : 0;
}

/* The program's own headers, by way of the kernel's word where they are, to its dynamic section. */
static int add_program(struct search *search, uint64_t *ret_debug)
{
    uint64_t headers = capture_auxv(search->capture, AT_PHDR), dynamic = 0, bias = 0;
    uint64_t count = capture_auxv(search->capture, AT_PHNUM);
    bool has_dynamic = false;
    Elf64_Phdr header;
    int r;

    *ret_debug = 0;
    if (headers == 0 || count == 0 || count > LIMIT_ELF_PROGRAM_HEADERS ||
        capture_auxv(search->capture, AT_PHENT) != sizeof header)
        return 0;
    for (uint64_t i = 0; i < count; i++) {
        if (memory_read_exactly(search->memory, headers + i * sizeof header, &header, sizeof header) < 0)
            return 0;
        if (header.p_type == PT_PHDR)
            bias = headers - header.p_vaddr;
        if (header.p_type == PT_DYNAMIC) {
            dynamic = header.p_vaddr;
            has_dynamic = true;
        }
    }
    r = add(search, headers, count * sizeof header);
    return r == 0 && has_dynamic ? add_dynamic(search, bias + dynamic, ret_debug) : r;
}

/* Walks ld.so's list: each link map, where it stands, and its name. */
static int walk_link_maps(const struct memory *memory, uint64_t debug_address,
                          int (*each)(void *data, uint64_t address, const struct link_map *link,
                                      const char *name),
                          void *data)
{
    char name[NAME_MAX_BYTES];
    struct r_debug debug;
    struct link_map link;
    uint64_t address;
    int r = 0;

    if (memory_read_exactly(memory, debug_address, &debug, sizeof debug) < 0)
        return 0;
    address = (uintptr_t)debug.r_map;
    for (size_t i = 0; r == 0 && address != 0 && i < LIMIT_MODULES; i++) {
        if (memory_read_exactly(memory, address, &link, sizeof link) < 0)
            break;
        if (memory_read_string(memory, (uintptr_t)link.l_name, name, sizeof name) < 0)
            name[0] = '\0';
        r = each(data, address, &link, name);
        address = (uintptr_t)link.l_next;
    }
    return r;
}

static int add_link_map(void *data, uint64_t address, const struct link_map *link, const char *name)
{
    struct search *search = data;
    uint64_t unused;
    int r = add(search, address, sizeof *link);

    if (r == 0)
        r = add(search, (uintptr_t)link->l_name, strlen(name) + 1);
    return r < 0 ? r : add_dynamic(search, (uintptr_t)link->l_ld, &unused);
}

static int add_link_maps(struct search *search, uint64_t debug_address)
{
    int r = add(search, debug_address, sizeof(struct r_debug));
    return r < 0 ? r : walk_link_maps(search->memory, debug_address, add_link_map, search);
}

struct names_search {
    int (*named)(void *data, uint64_t dynamic, const char *name);
    void *data;
};

static int tell_name(void *data, uint64_t address, const struct link_map *link, const char *name)
{
    const struct names_search *names = data;

    (void)address;
    return names->named(names->data, (uintptr_t)link->l_ld, name);
}

int linkage_names(const struct capture *capture, const struct memory *memory,
                  int (*named)(void *data, uint64_t dynamic, const char *name), void *data)
{
    _cleanup_range_list_ struct range_list unused = {0};
    struct search search = {.capture = capture, .memory = memory, .pages = &unused};
    struct names_search names = {.named = named, .data = data};
    uint64_t debug;
    int r = add_program(&search, &debug);

    return r < 0 || debug == 0 ? r : walk_link_maps(memory, debug, tell_name, &names);
}

int linkage_find(const struct capture *capture, const struct memory *memory, struct range_list *ret_pages)
{
    struct search search = {.capture = capture, .memory = memory, .pages = ret_pages};
    uint64_t debug;
    int r = add_modules(&search);

    if (r == 0)
        r = add_program(&search, &debug);
    if (r == 0 && debug != 0)
        r = add_link_maps(&search, debug);
    range_list_merge(ret_pages);
    return r;
}

int linkage_copy(struct capture *capture, const struct memory *memory)
{
    _cleanup_range_list_ struct range_list pages = {0};
    struct buffer *bytes = &capture->linkage_bytes;
    uint64_t total = 0;
    int r = linkage_find(capture, memory, &pages);

    for (size_t i = 0; i < pages.count; i++) {
        uint64_t size = pages.items[i].end - pages.items[i].start;

        if (size > LIMIT_LINKAGE - total)
            pages.count = i;
        else
            total += size;
    }
    bytes->limit = LIMIT_LINKAGE;
    if (r == 0)
        r = buffer_reserve(bytes, total); /* all at once: pointers into it must stay good */
    if (r == 0)
        r = ARRAY_RESERVE(&capture->linkage, pages.count, 4 * (size_t)LIMIT_MAPS);
    for (size_t i = 0; r == 0 && i < pages.count; i++) {
        const struct range *range = &pages.items[i];
        uint8_t *to = (uint8_t *)bytes->data + bytes->size;
        size_t size = (size_t)(range->end - range->start);

        (void)memory_read_padded(memory, range->start, to, size, capture->page_size); /* zeros are well */
        bytes->size += size;
        capture->linkage.items[capture->linkage.count++] =
            (struct memory_piece){.start = range->start, .end = range->end, .bytes = to};
    }
    return r;
}
