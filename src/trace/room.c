#include "trace/room.h"

#include "base/io.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FILE_LIMIT = 64 * 1024, KIB = 1024 };

static const char CGROUPS[] = "/sys/fs/cgroup";

static const char *read_file(int directory_fd, const char *name, struct buffer *text)
{
    buffer_clear(text);
    text->limit = FILE_LIMIT;
    return io_read_file_at(directory_fd, name, text) < 0 ? NULL : buffer_string(text);
}

/* The number behind a word at the begin of a line ("" for a file that is only a number). */
static bool find_number(const char *text, const char *word, uint64_t *ret_value)
{
    const char *end;

    if (!text)
        return false;
    end = text + strlen(text);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        const char *cursor;

        line += *line == '\n';
        if (strncmp(line, word, strlen(word)) != 0)
            continue;
        cursor = line + strlen(word);
        scan_blanks(&cursor, end);
        if (scan_u64(&cursor, end, ret_value))
            return true;
    }
    return false;
}

struct room {
    uint64_t bytes;
    bool of_cgroup;
    bool ends_group; /* who is killed for want of memory takes its whole cgroup along (memory.oom.group) */
};

/* Bytes that may still be charged to one cgroup: UINT64_MAX where it has no limit. Clean pages of files that
 * nobody used of late give way. */
static uint64_t room_in_cgroup(int fd, const char *limit_name, const char *used_name)
{
    _cleanup_buffer_ struct buffer text = {0};
    uint64_t limit, used, files = 0;

    if (!find_number(read_file(fd, limit_name, &text), "", &limit) ||
        !find_number(read_file(fd, used_name, &text), "", &used))
        return UINT64_MAX;
    (void)find_number(read_file(fd, "memory.stat", &text), "inactive_file", &files); /* else 0 */
    used = used > files ? used - files : 0;
    return limit > used ? limit - used : 0;
}

static bool is_ended_whole(int fd)
{
    _cleanup_buffer_ struct buffer text = {0};
    uint64_t value;

    return find_number(read_file(fd, "memory.oom.group", &text), "", &value) && value == 1;
}

/* The least room in a cgroup and those above it. */
static void room_up_from(const char *root, const char *path, const char *limit_name, const char *used_name,
                         struct room *room)
{
    char full[4096];
    size_t root_length = strlen(root);

    if (snprintf(full, sizeof full, "%s%s", root, path) >= (int)sizeof full)
        return;
    for (;;) {
        _cleanup_close_ int fd = open(full, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        uint64_t here = fd < 0 ? UINT64_MAX : room_in_cgroup(fd, limit_name, used_name);
        char *slash = strrchr(full, '/');

        if (here < room->bytes)
            room->bytes = here;
        room->ends_group = room->ends_group || (fd >= 0 && is_ended_whole(fd));
        if (!slash || (size_t)(slash - full) < root_length)
            return;
        *slash = '\0';
    }
}

static void room_in_cgroups(int directory_fd, struct room *room)
{
    _cleanup_buffer_ struct buffer text = {0};
    const char *line = read_file(directory_fd, "cgroup", &text);

    for (char *next; line && *line; line = next) {
        char path[2048];
        const char *end = strchrnul(line, '\n'), *name = memchr(line, ':', (size_t)(end - line));
        const char *colon = name ? memchr(name + 1, ':', (size_t)(end - name - 1)) : NULL;

        next = (char *)end + (*end == '\n');
        if (!colon ||
            snprintf(path, sizeof path, "%.*s", (int)(end - colon - 1), colon + 1) >= (int)sizeof path)
            continue;
        if (colon == name + 1)
            room_up_from(CGROUPS, path, "memory.max", "memory.current", room);
        else if (memmem(name, (size_t)(colon - name), "memory", 6))
            room_up_from("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes",
                         room);
    }
}

/* Free of the machine, or of the process's cgroup and those above it, whichever is less. */
static struct room room_of(int directory_fd)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct room room = {.bytes = UINT64_MAX, .of_cgroup = true};
    uint64_t kib;

    room_in_cgroups(directory_fd, &room);
    if (find_number(read_file(directory_fd, "../meminfo", &text), "MemAvailable:", &kib) &&
        kib <= room.bytes / KIB) {
        room.bytes = kib * KIB;
        room.of_cgroup = false;
    }
    return room;
}

/* "some avg10=0.00 ...": the part of the last 10 seconds in which somebody waited for memory, in percent. */
static bool waits_for_memory(int directory_fd)
{
    enum { TOO_MUCH = 20 };
    _cleanup_buffer_ struct buffer text = {0};
    uint64_t percent;

    return find_number(read_file(directory_fd, "../pressure/memory", &text), "some avg10=", &percent) &&
           percent >= TOO_MUCH;
}

/* The clone's page tables, and what the process will write while it is read: a guess, a quarter. Should that
 * be too little it is the clone that is killed. Where it would take the process along, nothing is guessed. */
int room_check(int directory_fd, const struct proc_status *status, struct error *error)
{
    enum { LEAST = 16 * 1024 * 1024, WRITTEN_PART = 4 };
    _cleanup_buffer_ struct buffer text = {0};
    const struct room room = room_of(directory_fd);
    uint64_t needed = LEAST, overcommit;

    if (status->vm_rss > 0)
        needed += (uint64_t)status->vm_rss / (room.ends_group ? 1 : WRITTEN_PART);
    if (status->vm_pte > 0)
        needed += (uint64_t)status->vm_pte;
    if (find_number(read_file(directory_fd, "../sys/vm/overcommit_memory", &text), "", &overcommit) &&
        overcommit == 2)
        return error_set(error, EOPNOTSUPP,
                         "The machine does not overcommit memory (vm.overcommit_memory 2).");
    if (waits_for_memory(directory_fd))
        return error_set(error, EOPNOTSUPP, "The machine is short of memory (/proc/pressure/memory).");
    if (room.bytes < needed)
        return error_set(
            error, EOPNOTSUPP, "%s has room for %" PRIu64 " MiB, and a clone may need %" PRIu64 " MiB.",
            room.of_cgroup ? "The process's cgroup" : "The machine", room.bytes >> 20, needed >> 20);
    return 0;
}

bool room_is_scarce(int directory_fd)
{
    enum { LEAST = 8 * 1024 * 1024 };

    return room_of(directory_fd).bytes < LEAST;
}
