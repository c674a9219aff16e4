#include "proc/smaps.h"

#include "base/io.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

enum { PIECE = 64 * 1024 }; /* a line is a path's length at most, each byte written as four */

struct parser {
    smaps_taker take;
    void *context;
    struct map_list map; /* the one mapping whose numbers are coming; empty: none */
    struct memory_use use;
};

void memory_use_add(struct memory_use *sum, const struct memory_use *use)
{
    sum->size += use->size;
    sum->rss += use->rss;
    sum->pss += use->pss;
    sum->private_clean += use->private_clean;
    sum->private_dirty += use->private_dirty;
    sum->shared += use->shared;
    sum->huge += use->huge;
    sum->swap += use->swap;
    sum->locked += use->locked;
}

/* The mapping before is complete. */
static int hand_over(struct parser *parser)
{
    int r = parser->map.count > 0 ? parser->take(parser->context, &parser->map.items[0], &parser->use) : 0;

    map_list_release(&parser->map);
    parser->map = (struct map_list){0};
    parser->use = (struct memory_use){0};
    return r;
}

/* "Rss:                1204 kB" */
static void take_number(struct parser *parser, const char *line, const char *end)
{
    static const struct {
        const char *name;
        size_t member;
    } numbers[] = {
        {"Size:", offsetof(struct memory_use, size)},
        {"Rss:", offsetof(struct memory_use, rss)},
        {"Pss:", offsetof(struct memory_use, pss)},
        {"Private_Clean:", offsetof(struct memory_use, private_clean)},
        {"Private_Dirty:", offsetof(struct memory_use, private_dirty)},
        {"Shared_Clean:", offsetof(struct memory_use, shared)},
        {"Shared_Dirty:", offsetof(struct memory_use, shared)},
        {"AnonHugePages:", offsetof(struct memory_use, huge)},
        {"ShmemPmdMapped:", offsetof(struct memory_use, huge)},
        {"FilePmdMapped:", offsetof(struct memory_use, huge)},
        {"Swap:", offsetof(struct memory_use, swap)},
        {"Locked:", offsetof(struct memory_use, locked)},
    };
    uint64_t value;

    for (size_t i = 0; i < ELEMENTS_OF(numbers); i++) {
        size_t size = strlen(numbers[i].name);

        if ((size_t)(end - line) <= size || memcmp(line, numbers[i].name, size) != 0)
            continue;
        line += size;
        scan_blanks(&line, end);
        if (scan_u64(&line, end, &value) && value <= UINT64_MAX / 1024)
            *(uint64_t *)((char *)&parser->use + numbers[i].member) += value * 1024;
        return;
    }
}

/* Pages of hugetlbfs are not in the other numbers: they are in memory all the same. */
static void take_hugetlb(struct parser *parser, const char *line, const char *end)
{
    static const char shared[] = "Shared_Hugetlb:", private[] = "Private_Hugetlb:";
    bool is_shared = (size_t)(end - line) > sizeof shared && memcmp(line, shared, sizeof shared - 1) == 0;
    uint64_t value;

    if (!is_shared &&
        !((size_t)(end - line) > sizeof private && memcmp(line, private, sizeof private - 1) == 0))
        return;
    line += is_shared ? sizeof shared - 1 : sizeof private - 1;
    scan_blanks(&line, end);
    if (!scan_u64(&line, end, &value) || value > UINT64_MAX / 1024)
        return;
    parser->use.rss += value * 1024;
    parser->use.pss += value * 1024;
    parser->use.huge += value * 1024;
    *(is_shared ? &parser->use.shared : &parser->use.private_dirty) += value * 1024;
}

/* Names of numbers begin with a capital, addresses with a digit or a small letter. */
static int take_line(struct parser *parser, const char *line, const char *end)
{
    int r;

    if (line == end)
        return 0;
    if (*line >= 'A' && *line <= 'Z') {
        if (parser->map.count > 0) {
            take_number(parser, line, end);
            take_hugetlb(parser, line, end);
        }
        return 0;
    }
    r = hand_over(parser);
    if (r == 0)
        r = maps_parse(line, (size_t)(end - line), &parser->map);
    return r == -EBADMSG ? 0 : r;
}

/* All whole lines; returns how much that was, or a negative errno. */
static ssize_t take_lines(struct parser *parser, const char *text, size_t size)
{
    const char *line = text, *end = text + size, *line_end;

    while ((line_end = memchr(line, '\n', (size_t)(end - line)))) {
        int r = take_line(parser, line, line_end);

        if (r < 0)
            return r;
        line = line_end + 1;
    }
    return line - text;
}

int smaps_parse(const char *text, size_t size, smaps_taker take, void *context)
{
    struct parser parser = {.take = take, .context = context};
    ssize_t done = take_lines(&parser, text, size);
    int r = done < 0 ? (int)done : take_line(&parser, text + done, text + size);

    if (r == 0)
        r = hand_over(&parser);
    map_list_release(&parser.map);
    return r;
}

static int read_pieces(struct parser *parser, int fd, char *piece)
{
    size_t filled = 0;

    for (;;) {
        ssize_t n = read(fd, piece + filled, PIECE - filled), done;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ESRCH ? 0 : -errno; /* without memory, since Linux 6.16 */
        if (n == 0)
            return hand_over(parser);
        filled += (size_t)n;
        done = take_lines(parser, piece, filled);
        if (done < 0)
            return (int)done;
        if (done == 0 && filled == PIECE)
            done = PIECE; /* no line of the kernel's */
        filled -= (size_t)done;
        memmove(piece, piece + done, filled);
    }
}

int smaps_read(int directory_fd, smaps_taker take, void *context)
{
    struct parser parser = {.take = take, .context = context};
    _cleanup_close_ int fd = openat(directory_fd, "smaps", O_RDONLY | O_CLOEXEC);
    _cleanup_free_ char *piece = malloc(PIECE);
    int r;

    if (!piece)
        return -ENOMEM;
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    r = read_pieces(&parser, fd, piece);
    map_list_release(&parser.map);
    return r;
}
