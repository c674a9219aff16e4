/* What the virtual machine says of itself in its performance data, a file below /tmp/hsperfdata_USER that it
 * has mapped: the first letter of sun.rt.jvmCapabilities is whether it can be attached to. Is that file
 * switched off
 * (-XX:-UsePerfData), the command line tells.
 *
 * Form: jdk src/hotspot/share/runtime/perfMemory.hpp (PerfDataPrologue, PerfDataEntry),
 * services/runtimeService.cpp. In the byte order of the machine, except for the magic number. */
#include "runtime/hotspot_parts.h"

#include "base/io.h"
#include "base/limits.h"
#include "base/parse.h"
#include "capture/mapped_file.h"
#include "proc/environ.h"
#include "proc/read.h"
#include "proc/tasks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    DATA_MOST = 1024 * 1024, /* 32 KiB, unless it was told otherwise */
    ENTRY_OFFSET = 24,       /* in the prologue, as is the number of entries behind it */
    PROLOGUE_SIZE = 32,
    ENTRY_SIZE = 20,
    ENTRY_NAME = 4, /* in an entry: offset of its name, and of its value */
    ENTRY_VALUE = 16,
};

static const unsigned char magic[] = {0xca, 0xfe, 0xc0, 0xc0};

static uint32_t number_at(const char *data, size_t offset)
{
    uint32_t value;

    memcpy(&value, data + offset, sizeof value);
    return value;
}

/* The value of a text; NULL: there is no such entry. */
static const char *find_value(const char *data, size_t size, const char *name)
{
    size_t at, name_size = strlen(name) + 1;

    if (size < PROLOGUE_SIZE || memcmp(data, magic, sizeof magic) != 0)
        return NULL;
    at = number_at(data, ENTRY_OFFSET);
    while (at <= size - ENTRY_SIZE) {
        size_t length = number_at(data, at), name_at = number_at(data, at + ENTRY_NAME);
        size_t value_at = number_at(data, at + ENTRY_VALUE);

        if (length < ENTRY_SIZE || length > size - at)
            return NULL;
        if (name_at < length && name_size <= length - name_at && value_at < length &&
            memcmp(data + at + name_at, name, name_size) == 0)
            return data + at + value_at;
        at += length;
    }
    return NULL;
}

static int told_by_data(const struct pidref *process, const struct map *map)
{
    _cleanup_free_ char *data = malloc(DATA_MOST);
    _cleanup_close_ int fd = -1;
    const char *value;
    ssize_t n;
    int r = data ? mapped_file_open(process, map, &fd) : -ENOMEM;

    if (r < 0)
        return r;
    n = io_pread_full(fd, data, DATA_MOST, 0);
    value = n > 0 ? find_value(data, (size_t)n, "sun.rt.jvmCapabilities") : NULL;
    if (!value || (*value != '0' && *value != '1'))
        return -ENOENT;
    return *value == '1';
}

/* The last one counts. */
static int told_by_command_line(const struct pidref *process)
{
    _cleanup_buffer_ struct buffer block = BUFFER_INIT(LIMIT_ENVIRON);
    int r = proc_cmdline_read(process->dir_fd, &block), told = -ENOENT;

    if (r < 0)
        return r;
    for (size_t at = 0; at < block.size; at += strlen(block.data + at) + 1) {
        if (strcmp(block.data + at, "-XX:+DisableAttachMechanism") == 0)
            told = 0;
        else if (strcmp(block.data + at, "-XX:-DisableAttachMechanism") == 0)
            told = -ENOENT;
    }
    return told;
}

/* /tmp/hsperfdata_USER/N: tools like jconsole have those of others mapped. */
static bool is_own_data(const char *path, pid_t inner_pid)
{
    const char *folder = strstr(path, "/hsperfdata_"), *name = folder ? strchr(folder + 1, '/') : NULL;
    int64_t number;

    return name && parse_i64(name + 1, &number) == 0 && number == inner_pid;
}

int hotspot_allows(const struct runtime_place *hotspot, const struct map_list *maps)
{
    for (size_t i = 0; i < maps->count; i++) {
        int r;

        if (!is_own_data(maps->items[i].path, hotspot->inner_pid))
            continue;
        r = told_by_data(hotspot->process, &maps->items[i]);
        if (r >= 0)
            return r;
    }
    return told_by_command_line(hotspot->process);
}

/* "java", "javac", ...: the JDK's own, which handle no signals themselves. */
static bool is_launcher(const struct runtime_place *hotspot)
{
    _cleanup_free_ char *path = NULL;
    const char *slash =
        io_readlink_at(hotspot->process->dir_fd, "exe", &path) < 0 ? NULL : strrchr(path, '/');

    return slash && strncmp(slash + 1, "java", strlen("java")) == 0;
}

/* JDK 8 gives its threads no names that the system knows, so there are launchers to be told, too. */
bool hotspot_takes_signals(const struct runtime_place *hotspot)
{
    static const char dispatcher[] = "Signal Dispatch\n"; /* -er: the kernel keeps 15 bytes */
    _cleanup_id_list_ struct id_list threads = {0};

    if (is_launcher(hotspot))
        return true;
    if (id_list_read(hotspot->process->dir_fd, "task", &threads) < 0)
        return false;
    for (size_t i = 0; i < threads.count; i++) {
        char name[48], text[32];
        size_t size;

        (void)snprintf(name, sizeof name, "task/%d/comm", threads.items[i]); /* fits */
        if (proc_read_small(hotspot->process->dir_fd, name, text, sizeof text, &size) == 0 &&
            size == strlen(dispatcher) && memcmp(text, dispatcher, size) == 0)
            return true;
    }
    return false;
}
