/* Whether a virtual machine lets itself be asked: in its performance data the first letter of
 * sun.rt.jvmCapabilities says so (jdk services/runtimeService.cpp). Is that switched off, the command line
 * tells. */
#include "runtime/hotspot_parts.h"

#include "base/io.h"
#include "base/limits.h"
#include "proc/environ.h"
#include "proc/read.h"
#include "proc/tasks.h"
#include "runtime/hotspot_data.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int told_by_data(const struct runtime_place *hotspot, const struct map_list *maps)
{
    _cleanup_hotspot_data_ struct hotspot_data data = HOTSPOT_DATA_INIT;
    char value[2];
    int r = hotspot_data_open(hotspot->process, maps, hotspot->inner_pid, &data);

    if (r == 0)
        r = hotspot_data_text(&data, "sun.rt.jvmCapabilities", value, sizeof value);
    if (r < 0)
        return r;
    return *value == '0' || *value == '1' ? *value == '1' : -ENOENT;
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

int hotspot_allows(const struct runtime_place *hotspot, const struct map_list *maps)
{
    int r = told_by_data(hotspot, maps);

    return r < 0 ? told_by_command_line(hotspot->process) : r;
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
