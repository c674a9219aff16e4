#include "capture/present.h"

#include "base/io.h"
#include "base/sorted.h"
#include "capture/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

/* linux/fs.h has it from Linux 6.7 on; Debian 12's headers are older. */
struct page_region_argument {
    uint64_t start, end, categories;
};

struct pagemap_scan_argument {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define PAGEMAP_SCAN_REQUEST _IOWR('f', 16, struct pagemap_scan_argument)
#define PAGE_CATEGORY_PRESENT (1u << 3)
#define PAGE_CATEGORY_SWAPPED (1u << 4)

/* proc(5): /proc/PID/pagemap */
#define PAGEMAP_PRESENT ((uint64_t)1 << 63)
#define PAGEMAP_SWAPPED ((uint64_t)1 << 62)

struct search {
    int fd;
    uint64_t page_size;
    uint64_t gap;        /* stretches shorter than this are filled up */
    uint64_t thin_gap;   /* to what the gap was raised for the list's length; 0: not yet */
    uint64_t shared_end; /* of the last mapping of shared memory */
    struct range_list *ranges;
    bool no_scan; /* the kernel lacks PAGEMAP_SCAN */
    union {
        uint64_t entries[4096];
        struct page_region_argument regions[1024];
    };
};

/* Doubles the gap until half of the places are free. */
static void thin_out(struct search *search)
{
    struct range_list *list = search->ranges;

    while (list->count > PRESENT_RANGES_MAX / 2) {
        size_t kept = 0;

        search->gap = search->thin_gap = search->gap * 2;
        for (size_t i = 1; i < list->count; i++) {
            if (list->items[i].start - list->items[kept].end < search->gap)
                list->items[kept].end = list->items[i].end;
            else
                list->items[++kept] = list->items[i];
        }
        list->count = kept + 1;
    }
}

static int add(struct search *search, uint64_t start, uint64_t end)
{
    struct range_list *list = search->ranges;
    struct range *last = list->count ? &list->items[list->count - 1] : NULL;
    uint64_t gap = search->gap;
    int r;

    /* holes of shared memory are not filled up, unless for the list's length */
    if (last && last->end < search->shared_end)
        gap = search->thin_gap > search->page_size ? search->thin_gap : search->page_size;
    if (last && start - last->end < gap) {
        last->end = end;
        return 0;
    }
    if (list->count == PRESENT_RANGES_MAX)
        thin_out(search);
    r = ARRAY_RESERVE(list, 1, PRESENT_RANGES_MAX);
    if (r < 0)
        return r;
    list->items[list->count++] = (struct range){.start = start, .end = end};
    return 0;
}

/* The kernel walks its page tables and passes over empty stretches at once: a reservation of 256 GiB costs
 * nothing. */
static int scan(struct search *search, uint64_t start, uint64_t end)
{
    const struct page_region_argument *regions = search->regions;
    struct pagemap_scan_argument argument = {
        .size = sizeof argument,
        .end = end,
        .vec = (uintptr_t)regions,
        .vec_len = ELEMENTS_OF(search->regions),
        .category_anyof_mask = PAGE_CATEGORY_PRESENT | PAGE_CATEGORY_SWAPPED,
        .return_mask = PAGE_CATEGORY_PRESENT | PAGE_CATEGORY_SWAPPED,
    };

    while (start < end) {
        int found, r = 0;

        argument.start = start;
        found = ioctl(search->fd, PAGEMAP_SCAN_REQUEST, &argument);
        if (found < 0)
            return -errno;
        for (int i = 0; r == 0 && i < found; i++)
            r = add(search, regions[i].start, regions[i].end);
        if (r < 0)
            return r;
        if (argument.walk_end <= start)
            return -EIO;
        start = argument.walk_end;
    }
    return 0;
}

/* Without the scan: one entry of 8 bytes a page. */
static int read_entries(struct search *search, uint64_t start, uint64_t end)
{
    while (start < end) {
        uint64_t pages = (end - start) / search->page_size;
        size_t wanted = pages < ELEMENTS_OF(search->entries) ? (size_t)pages : ELEMENTS_OF(search->entries);
        ssize_t n = io_pread_full(search->fd, search->entries, wanted * sizeof search->entries[0],
                                  (off_t)(start / search->page_size * sizeof search->entries[0]));

        if (n <= 0)
            return n < 0 ? (int)n : -EIO;
        wanted = (size_t)n / sizeof search->entries[0];
        for (size_t i = 0; i < wanted; i++) {
            uint64_t at = start + i * search->page_size;
            int r = search->entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)
                        ? add(search, at, at + search->page_size)
                        : 0;
            if (r < 0)
                return r;
        }
        start += wanted * search->page_size;
    }
    return 0;
}

static int search_map(struct search *search, const struct map *map)
{
    int r = search->no_scan ? -ENOTTY : scan(search, map->start, map->end);

    if (r == -ENOTTY || r == -EINVAL) {
        search->no_scan = true;
        r = read_entries(search, map->start, map->end);
    }
    return r;
}

static bool is_private_anonymous(const struct map *map)
{
    /* not [vdso] and [vvar], which are the kernel's */
    return map->inode == 0 && map->permissions & MAP_READ && !(map->permissions & MAP_IS_SHARED) &&
           map->path[0] != '/' && strncmp(map->path, "[v", 2) != 0;
}

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Shared memory that has no place in any file system that is mounted, by the names that the kernel gives. */
static bool is_nameless_shared(const struct map *map)
{
    return begins_with(map->path, "/dev/zero") || begins_with(map->path, "/memfd:") ||
           begins_with(map->path, "/SYSV") || begins_with(map->path, "/anon_hugepage");
}

static bool may_be_shared_memory(const struct map *map)
{
    if (map->inode == 0 || !(map->permissions & MAP_READ) || major(map->device) != 0)
        return false;
    return map->permissions & MAP_IS_SHARED || is_nameless_shared(map) ||
           begins_with(map->path, "/dev/hugepages");
}

static int add_holed(struct search *search, const struct map *map, int file_fd)
{
    uint64_t at = map->offset, end = map->offset + (map->end - map->start);

    while (at < end) {
        off_t data = lseek(file_fd, (off_t)at, SEEK_DATA), hole;
        uint64_t from, until;
        int r;

        if (data < 0 || (uint64_t)data >= end)
            break; /* ENXIO: nothing any more */
        hole = lseek(file_fd, data, SEEK_HOLE);
        if (hole <= data)
            break; /* cut off meanwhile by another that shares it */
        from = (uint64_t)data & ~(search->page_size - 1);
        until = ((uint64_t)hole + search->page_size - 1) & ~(search->page_size - 1);
        if (until > end)
            until = end;
        r = add(search, map->start + (from - map->offset), map->start + (until - map->offset));
        if (r < 0)
            return r;
        at = until;
    }
    return 0;
}

static int search_shared(struct search *search, int directory_fd, const struct map *map,
                         struct range_list *shared)
{
    const struct pidref process = {.dir_fd = directory_fd, .pid_fd = -1};
    _cleanup_close_ int file_fd = -1;
    bool is_opened = mapped_file_open(&process, map, &file_fd) == 0;
    struct statfs system = {0};
    struct stat file;
    int r;

    if (is_opened && (fstat(file_fd, &file) < 0 || file.st_dev != map->device || file.st_ino != map->inode ||
                      fstatfs(file_fd, &system) < 0))
        is_opened = false;
    if (is_opened ? system.f_type != TMPFS_MAGIC && system.f_type != HUGETLBFS_MAGIC
                  : !is_nameless_shared(map))
        return 0; /* its pages are those of a file: reading them costs nobody anything for good */
    /* hugetlbfs says of none of its holes that it is one */
    r = is_opened && system.f_type == TMPFS_MAGIC ? add_holed(search, map, file_fd) : search_map(search, map);
    if (r == 0)
        r = ARRAY_RESERVE(shared, 1, LIMIT_MAPS);
    if (r == 0)
        shared->items[shared->count++] = (struct range){.start = map->start, .end = map->end};
    return r;
}

bool capture_map_is_sparse(const struct capture *capture, const struct map *map)
{
    size_t at = SORTED_UP_TO(capture->shared.items, capture->shared.count, end, map->start);

    return is_private_anonymous(map) ||
           (at < capture->shared.count && capture->shared.items[at].start == map->start);
}

/* A mapping of the clone's own has its pages there; what the clone shares or lacks has them in the process.
 */
static bool is_in_clone(const struct capture *capture, const struct map *map, size_t *cursor)
{
    const struct range_list *live = &capture->live;

    while (*cursor < live->count && live->items[*cursor].end <= map->start)
        ++*cursor;
    return *cursor == live->count || live->items[*cursor].start >= map->end;
}

static int search_all(struct search *search, int directory_fd, int own_fd, int clone_fd,
                      struct capture *capture)
{
    size_t cursor = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < capture->maps.count; i++) {
        const struct map *map = &capture->maps.items[i];
        bool is_private = is_private_anonymous(map);
        uint64_t gap = is_private ? PRESENT_GAP : search->page_size;

        search->fd = clone_fd >= 0 && is_in_clone(capture, map, &cursor) ? clone_fd : own_fd;
        search->gap = gap > search->thin_gap ? gap : search->thin_gap;
        if (is_private) {
            r = search_map(search, map);
        } else if (may_be_shared_memory(map)) {
            search->shared_end = map->end;
            r = search_shared(search, directory_fd, map, &capture->shared);
        }
    }
    return r;
}

int present_find(int directory_fd, int clone_fd, struct capture *capture)
{
    _cleanup_free_ struct search *search = malloc(sizeof *search);
    _cleanup_close_ int own = openat(directory_fd, "pagemap", O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int clone = clone_fd < 0 ? -1 : openat(clone_fd, "pagemap", O_RDONLY | O_CLOEXEC);
    int r;

    if (!search)
        return -ENOMEM;
    if (own < 0 || (clone_fd >= 0 && clone < 0))
        return 0; /* no kernel support or no right to: everything counts as touched */
    *search = (struct search){.page_size = capture->page_size, .ranges = &capture->present};
    r = search_all(search, directory_fd, own, clone, capture);
    capture->present_known = r == 0;
    return r == -ENOMEM ? r : 0;
}
