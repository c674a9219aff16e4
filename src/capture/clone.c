#include "capture/clone.h"

#include "base/sorted.h"
#include "trace/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* FNV-1a. */
static uint64_t hash_of(const struct buffer *text)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < text->size; i++)
        hash = (hash ^ (unsigned char)text->data[i]) * 0x100000001b3u;
    return hash;
}

int earlier_maps_keep(const struct capture *capture, bool all, struct earlier_maps *ret_earlier)
{
    struct earlier_maps earlier = {.hash = hash_of(&capture->maps_text)};

    if (all) {
        earlier.items = calloc(capture->maps.count + 1, sizeof earlier.items[0]);
        if (!earlier.items)
            return -ENOMEM;
        earlier.count = capture->maps.count;
    }
    for (size_t i = 0; i < earlier.count; i++) {
        const struct map *map = &capture->maps.items[i];

        earlier.items[i] = (struct earlier_map){.start = map->start,
                                                .end = map->end,
                                                .inode = map->inode,
                                                .device = map->device,
                                                .permissions = map->permissions};
    }
    *ret_earlier = earlier;
    return 0;
}

bool earlier_maps_same(const struct earlier_maps *earlier, const struct capture *capture)
{
    return earlier->hash == hash_of(&capture->maps_text);
}

void earlier_maps_release(struct earlier_maps *earlier)
{
    free(earlier->items);
    *earlier = (struct earlier_maps){0};
}

static bool overlaps(const struct map_list *list, const struct earlier_map *map)
{
    size_t at = SORTED_UP_TO(list->items, list->count, end, map->start);

    return at < list->count && list->items[at].start < map->end;
}

static bool is_still_there(const struct map_list *now, const struct earlier_map *map)
{
    const struct map *found = maps_find(now, map->start);

    return found && found->end >= map->end && found->inode == map->inode && found->device == map->device;
}

/* Mappings of before the stop that the clone has nothing of. */
static int find_missing(const struct earlier_maps *earlier, const struct map_list *cloned,
                        struct earlier_maps *ret_missing)
{
    size_t count = 0;

    for (size_t i = 0; i < earlier->count; i++)
        count += !overlaps(cloned, &earlier->items[i]);
    if (count == 0)
        return 0;
    ret_missing->items = calloc(count, sizeof ret_missing->items[0]);
    if (!ret_missing->items)
        return -ENOMEM;
    for (size_t i = 0; i < earlier->count; i++)
        if (!overlaps(cloned, &earlier->items[i]))
            ret_missing->items[ret_missing->count++] = earlier->items[i];
    return 0;
}

static int compare_maps(const void *a, const void *b)
{
    const struct map *left = a, *right = b;

    return left->start < right->start ? -1 : left->start > right->start;
}

static int add_map(struct map_list *list, const struct earlier_map *map)
{
    static const char nameless[] = "";
    int r = ARRAY_RESERVE(list, 1, LIMIT_MAPS);

    if (r == 0)
        list->items[list->count++] = (struct map){.start = map->start,
                                                  .end = map->end,
                                                  .permissions = map->permissions,
                                                  .device = map->device,
                                                  .inode = map->inode,
                                                  .path = nameless};
    return r;
}

/* What is missing was unmapped before the stop, or is kept from clones: then it is there still. */
static int add_missing(struct capture *capture, int directory_fd, const struct earlier_maps *missing,
                       struct range_list *ret_added)
{
    _cleanup_map_list_ struct map_list now = {0};
    int r = maps_read(directory_fd, &now, NULL);

    if (r < 0)
        return r == -ENOMEM ? r : 0; /* it has ended: with it went what only it had */
    for (size_t i = 0; r == 0 && i < missing->count; i++) {
        if (!is_still_there(&now, &missing->items[i]))
            continue;
        r = add_map(&capture->maps, &missing->items[i]);
        if (r == 0)
            r = range_list_add(ret_added, missing->items[i].start, missing->items[i].end);
    }
    if (ret_added->count > 0)
        qsort(capture->maps.items, capture->maps.count, sizeof capture->maps.items[0], compare_maps);
    range_list_merge(ret_added);
    return r;
}

static int lay_over(struct capture *capture, int directory_fd, const struct trace *trace,
                    const struct range_list *missing)
{
    _cleanup_free_ struct memory_range *ranges = NULL;
    _cleanup_close_ int fd = openat(directory_fd, "mem", O_RDONLY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return 0; /* it has ended */
    ranges = calloc(missing->count, sizeof ranges[0]);
    if (!ranges)
        return -ENOMEM;
    for (size_t i = 0; i < missing->count; i++)
        ranges[i] = (struct memory_range){missing->items[i].start, missing->items[i].end};
    r = memory_fd_new(fd, &capture->running);
    if (r < 0)
        return r;
    (void)TAKE_FD(fd); /* the memory's now */
    return memory_overlay_new(trace_memory(trace), capture->running, ranges, missing->count,
                              &capture->overlay);
}

static int find_live(struct capture *capture, const struct range_list *missing)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < missing->count; i++)
        r = range_list_add(&capture->live, missing->items[i].start, missing->items[i].end);
    for (size_t i = 0; r == 0 && i < capture->maps.count; i++)
        if (capture->maps.items[i].permissions & MAP_IS_SHARED)
            r = range_list_add(&capture->live, capture->maps.items[i].start, capture->maps.items[i].end);
    range_list_merge(&capture->live);
    return r;
}

int clone_read_maps(struct capture *capture, const struct earlier_maps *earlier, int directory_fd,
                    const struct trace *trace)
{
    struct earlier_maps missing = {0};
    _cleanup_range_list_ struct range_list added = {0};
    int r;

    map_list_release(&capture->maps);
    buffer_release(&capture->maps_text);
    r = maps_read(trace_clone_directory(trace), &capture->maps, &capture->maps_text);
    if (r == 0)
        r = find_missing(earlier, &capture->maps, &missing);
    if (r == 0 && missing.count > 0)
        r = add_missing(capture, directory_fd, &missing, &added);
    if (r == 0 && added.count > 0)
        r = lay_over(capture, directory_fd, trace, &added);
    earlier_maps_release(&missing);
    return r < 0 ? r : find_live(capture, &added);
}
