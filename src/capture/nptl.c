#include "capture/nptl.h"

#include "capture/mapped_file.h"
#include "elf/image.h"
#include "elf/symbols.h"

#include <errno.h>
#include <string.h>

enum {
    OFFSET_MAX = 8192, /* of a field of struct pthread, which has 2304 bytes in glibc 2.36 on x86-64 */
    IMAGES_MAX = 16,   /* files that are looked at for the symbols */
};

/* A file of the target's that may hold symbols wanted here. */
struct image {
    struct memory *file;
    uint64_t bias;
};

static void image_release(struct image *image)
{
    memory_free(image->file);
    *image = (struct image){0};
}
#define _cleanup_image_ _cleanup_(image_release)

static int image_open(const struct pidref *process, const struct map *map, struct image *ret_image)
{
    _cleanup_memory_ struct memory *file = NULL;
    _cleanup_elf_image_ struct elf_image elf = {0};
    _cleanup_close_ int fd = -1;
    int r = mapped_file_open(process, map, &fd);

    if (r < 0)
        return r;
    r = memory_fd_new(fd, &file);
    if (r < 0)
        return r;
    fd = -1;
    r = elf_image_read(file, 0, false, &elf);
    if (r < 0)
        return r;
    if (!elf.is_64 || map->start < elf.load_address)
        return -ENOENT;
    *ret_image = (struct image){.file = TAKE_PTR(file), .bias = map->start - elf.load_address};
    return 0;
}

static int image_symbol(const struct image *image, const char *name, uint64_t *ret_address)
{
    uint64_t value = 0;
    int r = elf_symbol_find(image->file, name, &value);

    if (r < 0)
        return r;
    *ret_address = image->bias + value;
    return 0;
}

/* The offset that the descriptor `name` tells, of a field of so many bits (0: any). */
static int image_offset(const struct image *image, const struct memory *memory, const char *name,
                        uint32_t bits, uint32_t *ret_offset)
{
    uint32_t descriptor[3];
    uint64_t address = 0;
    int r = image_symbol(image, name, &address);

    if (r == 0)
        r = memory_read_exactly(memory, address, descriptor, sizeof descriptor);
    if (r < 0)
        return r;
    if ((bits != 0 && descriptor[0] != bits) || descriptor[2] >= OFFSET_MAX)
        return -ENOENT;
    *ret_offset = descriptor[2];
    return 0;
}

static bool begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Each file's first mapping: the one of its beginning. The program itself is the first of all, and counts in
 * case it is linked statically. */
static const struct map *next_image(const struct map_list *maps, size_t *cursor, bool loader)
{
    bool is_first = *cursor == 0;

    while (*cursor < maps->count) {
        const struct map *map = &maps->items[(*cursor)++];
        const char *slash = strrchr(map->path, '/');
        if (map->path[0] != '/' || map->offset != 0)
            continue;
        if (loader
                ? begins_with(slash, "/ld-") || begins_with(slash, "/ld.so") || begins_with(slash, "/ld64.")
                : is_first || begins_with(slash, "/libc.so") || begins_with(slash, "/libc-") ||
                      begins_with(slash, "/libpthread"))
            return map;
        is_first = false;
    }
    return NULL;
}

/* Since 2.34 the lists are in the loader's _rtld_global. */
static int heads_in_loader(const struct pidref *process, const struct map_list *maps,
                           const struct memory *memory, const struct image *library, struct nptl *nptl)
{
    static const char *const names[2] = {"_thread_db_rtld_global__dl_stack_used",
                                         "_thread_db_rtld_global__dl_stack_user"};
    const struct map *map;
    size_t cursor = 0;

    for (unsigned i = 0; i < IMAGES_MAX && (map = next_image(maps, &cursor, true)); i++) {
        _cleanup_image_ struct image loader = {0};
        uint64_t global = 0;
        uint32_t offsets[2];
        if (image_open(process, map, &loader) < 0 || image_symbol(&loader, "_rtld_global", &global) < 0)
            continue;
        for (unsigned list = 0; list < 2; list++) {
            int r = image_offset(library, memory, names[list], 0, &offsets[list]);
            if (r < 0)
                return r;
            nptl->heads[list] = global + offsets[list];
        }
        return 0;
    }
    return -ENOENT;
}

/* In a static program they are variables of their own, before 2.34 they were libpthread's. */
static int heads_in_library(const struct image *library, struct nptl *nptl)
{
    static const char *const names[][2] = {{"_dl_stack_used", "_dl_stack_user"},
                                           {"stack_used", "__stack_user"}};

    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        if (image_symbol(library, names[i][0], &nptl->heads[0]) == 0 &&
            image_symbol(library, names[i][1], &nptl->heads[1]) == 0)
            return 0;
    return -ENOENT;
}

static int layout_of(const struct image *library, const struct memory *memory, struct nptl *nptl)
{
    int r = image_offset(library, memory, "_thread_db_pthread_start_routine", 64, &nptl->start_routine);

    if (r == 0)
        r = image_offset(library, memory, "_thread_db_pthread_tid", 32, &nptl->tid);
    if (r == 0)
        r = image_offset(library, memory, "_thread_db_pthread_list", 0, &nptl->list);
    return r;
}

int nptl_find(const struct pidref *process, const struct map_list *maps, const struct memory *memory,
              struct nptl *ret_nptl)
{
    const struct map *map;
    size_t cursor = 0;

    for (unsigned i = 0; i < IMAGES_MAX && (map = next_image(maps, &cursor, false)); i++) {
        _cleanup_image_ struct image library = {0};
        struct nptl nptl = {0};
        if (image_open(process, map, &library) < 0 || layout_of(&library, memory, &nptl) < 0)
            continue;
        if (heads_in_loader(process, maps, memory, &library, &nptl) < 0 &&
            heads_in_library(&library, &nptl) < 0)
            continue;
        *ret_nptl = nptl;
        return 0;
    }
    return -ENOENT;
}

/* What one struct pthread says of itself; id 0 where that can't be relied on. Its thread may end meanwhile
 * and its stack go to another with another routine, so the id must be the same before and after. */
static struct thread_start read_thread(const struct nptl *nptl, const struct map_list *maps,
                                       const struct memory *memory, uint64_t address)
{
    struct thread_start start = {0};
    const struct map *map;
    uint32_t id, id_after;

    if (memory_read_u32(memory, address + nptl->tid, &id) < 0 || id > INT32_MAX ||
        memory_read_u64(memory, address + nptl->start_routine, &start.address) < 0 ||
        memory_read_u32(memory, address + nptl->tid, &id_after) < 0 || id_after != id)
        return start;
    map = maps_find(maps, start.address);
    if (map && map->permissions & MAP_EXECUTE)
        start.id = (pid_t)id;
    return start;
}

int nptl_walk(const struct nptl *nptl, const struct map_list *maps, const struct memory *memory, pid_t only,
              struct thread_starts *starts)
{
    for (size_t list = 0; list < ELEMENTS_OF(nptl->heads); list++) {
        uint64_t head = nptl->heads[list], at = head;
        for (size_t i = 0; i < LIMIT_THREADS; i++) {
            struct thread_start start;
            int r;
            /* the list_t in the head and in struct pthread begins with its next */
            if (memory_read_u64(memory, at, &at) < 0 || at == head || at < nptl->list)
                break;
            start = read_thread(nptl, maps, memory, at - nptl->list);
            if (start.id == 0 || (only != 0 && start.id != only))
                continue;
            r = ARRAY_RESERVE(starts, 1, 2 * LIMIT_THREADS);
            if (r < 0)
                return r;
            starts->items[starts->count++] = start;
            if (only != 0)
                return 0;
        }
    }
    return 0;
}
