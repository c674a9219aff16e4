#include "base/array.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/parse.h"
#include "perf/parts.h"

#include <errno.h>
#include <fcntl.h>

static int ring_of(struct perf *perf, uint64_t processor, size_t *capacity)
{
    struct {
        struct perf_ring *items;
        size_t count, capacity;
    } rings = {.items = perf->rings, .count = perf->ring_count, .capacity = *capacity};
    int r = ARRAY_RESERVE(&rings, 1, LIMIT_PROCESSORS);

    perf->rings = rings.items;
    *capacity = rings.capacity;
    if (r == 0)
        perf->rings[perf->ring_count++] = (struct perf_ring){.processor = (int)processor, .fd = -1};
    return r;
}

/* "0-3,6,8-11\n": Linux, Documentation/admin-guide/cputopology.rst. */
static int parse_list(struct perf *perf, const char *at, const char *end)
{
    size_t capacity = 0;
    int r = 0;

    do {
        uint64_t first, last;

        if (!scan_u64(&at, end, &first))
            return -EBADMSG;
        last = first;
        if ((scan_char(&at, end, '-') && !scan_u64(&at, end, &last)) || last < first ||
            last >= LIMIT_PROCESSORS)
            return -EBADMSG;
        for (uint64_t processor = first; r == 0 && processor <= last; processor++)
            r = ring_of(perf, processor, &capacity);
    } while (r == 0 && scan_char(&at, end, ','));
    return r;
}

int perf_processors_find(struct perf *perf)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(65536);
    size_t capacity = 0;
    long count;
    int r = io_read_file_at(AT_FDCWD, "/sys/devices/system/cpu/online", &text);

    if (r == 0)
        return parse_list(perf, buffer_string(&text), buffer_string(&text) + text.size);
    /* A container without /sys: their numbers nearly always have no gaps. */
    count = sysconf(_SC_NPROCESSORS_ONLN);
    r = 0;
    for (long processor = 0; r == 0 && processor < count; processor++)
        r = ring_of(perf, (uint64_t)processor, &capacity);
    return perf->ring_count > 0 ? r : -ENODEV;
}
