#include "unwind/perf_map.h"

#include "base/io.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/sorted.h"
#include "capture/mapped_file.h"
#include "proc/status.h"
#include "proc/tasks.h"
#include "unwind/code_ranges.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

struct perf_map {
    struct code_ranges ranges; /* of which a value is where the name begins */
    struct buffer text;        /* the names, NUL behind each */
};

void perf_map_free(struct perf_map *map)
{
    if (!map)
        return;
    code_ranges_release(&map->ranges);
    buffer_release(&map->text);
    free(map);
}

/* The JVM writes 0x before its numbers. */
static bool scan_number(const char **at, const char *end, uint64_t *ret_value)
{
    if (end - *at > 2 && (*at)[0] == '0' && (*at)[1] == 'x')
        *at += 2;
    return scan_hex(at, end, ret_value);
}

/* What is no entry is passed over. */
static int add_line(struct perf_map *map, const char *line, const char *end)
{
    uint64_t start, size;
    size_t length;
    int r;

    if (!scan_number(&line, end, &start) || !scan_char(&line, end, ' ') || !scan_number(&line, end, &size) ||
        !scan_char(&line, end, ' ') || line == end)
        return 0;
    length = (size_t)(end - line) < LIMIT_PERF_MAP_NAME ? (size_t)(end - line) : LIMIT_PERF_MAP_NAME;
    r = code_ranges_add(&map->ranges, start, size, (uint32_t)map->text.size);
    if (r == 0)
        r = buffer_append(&map->text, line, length);
    return r < 0 ? r : buffer_append(&map->text, "", 1);
}

struct perf_map *perf_map_parse(const char *text, size_t size)
{
    struct perf_map *map = calloc(1, sizeof *map);
    const char *end = text + size, *line_end;
    int r = 0;

    if (!map)
        return NULL;
    map->text.limit = LIMIT_PERF_MAP;
    /* a last line without an end is being written just now */
    while (r == 0 && text < end && (line_end = memchr(text, '\n', (size_t)(end - text)))) {
        r = add_line(map, text, line_end);
        text = line_end + 1;
    }
    if (map->ranges.count == 0) {
        perf_map_free(map);
        return NULL;
    }
    code_ranges_sort(&map->ranges);
    return map;
}

static int open_map(const struct pidref *process, int *ret_fd)
{
    _cleanup_close_ int fd = -1, leader_fd = -1;
    struct proc_status status;
    struct stat facts;
    char path[48];
    pid_t pid = process->pid;
    int r = task_open(process, pid, &leader_fd, NULL); /* its directory may be another thread's */

    if (r == 0)
        r = proc_status_read(leader_fd, &status);
    if (r < 0)
        return r;
    for (size_t i = 0; i < NAMESPACE_DEPTH_MAX && status.namespace_pids[i] > 0; i++)
        pid = status.namespace_pids[i];                              /* the innermost is its own */
    (void)snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)pid); /* fits */
    r = mapped_file_open_path(process, path, &fd);
    if (r < 0)
        return r;
    if (fstat(fd, &facts) < 0 || facts.st_uid != status.uid[1])
        return -EACCES;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Of one that is too large the beginning. */
struct perf_map *perf_map_read(const struct pidref *process)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_PERF_MAP);
    _cleanup_close_ int fd = -1;
    ssize_t n;

    if (open_map(process, &fd) < 0)
        return NULL;
    do {
        if (buffer_reserve(&text, LIMIT_STREAM_CHUNK) < 0)
            break;
        n = io_read_full(fd, text.data + text.size, LIMIT_STREAM_CHUNK);
        text.size += n > 0 ? (size_t)n : 0;
    } while (n == (ssize_t)LIMIT_STREAM_CHUNK);
    return perf_map_parse(buffer_string(&text), text.size);
}

bool perf_map_find(const struct perf_map *map, uint64_t address, const char **ret_name, uint64_t *ret_offset)
{
    const struct code_range *found = code_ranges_find(&map->ranges, address);

    if (!found)
        return false;
    *ret_name = map->text.data + found->value;
    *ret_offset = address - found->start;
    return true;
}
