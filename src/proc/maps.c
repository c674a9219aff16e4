#include "proc/maps.h"

#include "base/array.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/sorted.h"
#include "proc/read.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

void map_list_release(struct map_list *list)
{
    if (!list)
        return;
    free(list->items);
    buffer_release(&list->paths);
    list->items = NULL;
    list->count = list->capacity = 0;
}

static bool scan_permissions(const char **cursor, const char *end, unsigned *ret_permissions)
{
    static const struct {
        char set, other;
        unsigned permission;
    } places[] = {
        {'r', '-', MAP_READ}, {'w', '-', MAP_WRITE}, {'x', '-', MAP_EXECUTE}, {'s', 'p', MAP_IS_SHARED}};
    unsigned permissions = 0;

    if ((size_t)(end - *cursor) < ELEMENTS_OF(places))
        return false;
    for (size_t i = 0; i < ELEMENTS_OF(places); i++) {
        char c = (*cursor)[i];
        if (c == places[i].set)
            permissions |= places[i].permission;
        else if (c != places[i].other)
            return false;
    }
    *cursor += ELEMENTS_OF(places);
    *ret_permissions = permissions;
    return true;
}

/* start-end rwxp offset major:minor inode, then blanks. The cursor stays where the path begins. */
static bool scan_numbers(const char **cursor, const char *end, struct map *map)
{
    uint64_t device_major, device_minor, inode;

    if (!scan_hex(cursor, end, &map->start) || !scan_char(cursor, end, '-') ||
        !scan_hex(cursor, end, &map->end) || !scan_char(cursor, end, ' ') ||
        !scan_permissions(cursor, end, &map->permissions) || !scan_char(cursor, end, ' ') ||
        !scan_hex(cursor, end, &map->offset) || !scan_char(cursor, end, ' ') ||
        !scan_hex(cursor, end, &device_major) || !scan_char(cursor, end, ':') ||
        !scan_hex(cursor, end, &device_minor) || !scan_char(cursor, end, ' ') ||
        !scan_u64(cursor, end, &inode))
        return false;
    if (device_major > UINT32_MAX || device_minor > UINT32_MAX)
        return false;
    map->device = makedev((unsigned)device_major, (unsigned)device_minor);
    map->inode = (ino_t)inode;
    scan_blanks(cursor, end);
    return true;
}

/* The kernel writes a newline in a path as \012, and leaves everything else as it is, backslashes too: so
 * nothing else may be turned back. */
static char *unescape(char *from, char *end)
{
    char *to = memmem(from, (size_t)(end - from), "\\012", 4);

    if (!to)
        return end;
    for (from = to; from < end;) {
        if (*from == '\\' && end - from >= 4 && memcmp(from, "\\012", 4) == 0) {
            *to++ = '\n';
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    return to;
}

/* Makes the text from..end (a line's rest, writable, with room for a NUL at end) the path of map. */
static void take_path(char *from, char *end, struct map *map)
{
    static const char mark[] = " (deleted)";
    const size_t mark_size = sizeof mark - 1;

    map->deleted = false;
    map->path = "";
    if (from == end)
        return;
    if (*from != '[' && (size_t)(end - from) > mark_size && memcmp(end - mark_size, mark, mark_size) == 0) {
        map->deleted = true;
        end -= mark_size;
    }
    end = unescape(from, end);
    *end = '\0';
    map->path = from;
}

/* Parses list->paths in place. *ret_torn: how many lines did not fit in. The file isn't read at one instant,
 * but a page of text at a time: where mappings change between two pages, one may come twice, in part or in
 * the wrong place, and such a line is left out. */
static int parse_in_place(struct map_list *list, size_t *ret_torn)
{
    char *end = list->paths.data + list->paths.size, *line_end;
    uint64_t previous_end = 0;
    size_t torn = 0;

    for (char *line = list->paths.data; line < end; line = line_end + 1) {
        struct map map;
        const char *cursor = line;
        int r;

        line_end = memchr(line, '\n', (size_t)(end - line));
        if (!line_end) {
            line_end = end; /* data[size] is there for the NUL */
            torn++;
        }
        if (!scan_numbers(&cursor, line_end, &map) || map.start >= map.end || map.start < previous_end) {
            torn++;
            continue;
        }
        take_path(line + (cursor - line), line_end, &map);
        previous_end = map.end;
        r = ARRAY_RESERVE(list, 1, LIMIT_MAPS);
        if (r < 0)
            return r;
        list->items[list->count++] = map;
    }
    *ret_torn = torn;
    return 0;
}

int maps_parse(const char *text, size_t size, struct map_list *ret_list)
{
    _cleanup_map_list_ struct map_list list = {.paths = BUFFER_INIT(LIMIT_PROC_TEXT)};
    size_t torn = 0;
    int r = buffer_append(&list.paths, text, size);

    if (r == 0)
        r = parse_in_place(&list, &torn);
    if (r == 0 && list.count == 0 && torn > 0)
        r = -EBADMSG;
    if (r < 0)
        return r;
    *ret_list = list;
    list = (struct map_list){0};
    return 0;
}

/* Gives back the room for more: what grew by half each time is a third too large, and such lists are kept. */
static void shrink(struct map_list *list)
{
    struct map *items = list->count == 0 ? NULL : realloc(list->items, list->count * sizeof items[0]);

    if (!items)
        return; /* as it is */
    list->items = items;
    list->capacity = list->count;
}

int maps_read(int directory_fd, struct map_list *ret_list, struct buffer *ret_text)
{
    _cleanup_map_list_ struct map_list list = {.paths = BUFFER_INIT(LIMIT_PROC_TEXT)};
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_PROC_TEXT);
    size_t torn = 1;

    for (unsigned attempt = 0; torn > 0 && attempt <= LIMIT_TORN_READS; attempt++) {
        int r;
        list.count = 0;
        buffer_clear(&list.paths);
        buffer_clear(&text);
        torn = 0;
        r = proc_read_memory_file(directory_fd, "maps", &list.paths);
        if (r == 0 && ret_text)
            r = buffer_append(&text, buffer_string(&list.paths), list.paths.size);
        if (r == 0 && list.paths.size > 0)
            r = parse_in_place(&list, &torn);
        if (r < 0)
            return r;
    }
    shrink(&list);
    *ret_list = list;
    list = (struct map_list){0};
    if (ret_text) {
        *ret_text = text;
        text = (struct buffer){0};
    }
    return 0;
}

const struct map *maps_find(const struct map_list *list, uint64_t address)
{
    size_t begun = SORTED_UP_TO(list->items, list->count, start, address);
    const struct map *map = begun > 0 ? &list->items[begun - 1] : NULL;

    return map && address < map->end ? map : NULL;
}
