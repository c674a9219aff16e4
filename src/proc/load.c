#include "proc/load.h"

#include "base/limits.h"
#include "base/parse.h"
#include "proc/read.h"

#include <errno.h>
#include <string.h>

/* user nice system idle iowait irq softirq steal: guest and guest_nice, which follow, are in user and nice
 * already. */
enum { TIMES = 8, TIMES_LEAST = 4, TIME_IDLE = 3, TIME_IOWAIT = 4 };

static bool is_processor(const char *line)
{
    return strncmp(line, "cpu", 3) == 0 && line[3] >= '0' && line[3] <= '9';
}

int host_load_parse_stat(const char *text, struct host_load *load)
{
    const char *at = text + 4, *end = text + strlen(text);
    uint64_t times[TIMES] = {0};
    unsigned count = 0;

    if (strncmp(text, "cpu ", 4) != 0)
        return -EBADMSG;
    for (; count < TIMES; count++) {
        scan_blanks(&at, end);
        if (!scan_u64(&at, end, &times[count]))
            break;
    }
    if (count < TIMES_LEAST)
        return -EBADMSG;
    load->all_ticks = load->busy_ticks = 0;
    for (unsigned i = 0; i < TIMES; i++) {
        load->all_ticks += times[i]; /* of a broken file: wraps, and is seen as nonsense by nobody but us */
        if (i != TIME_IDLE && i != TIME_IOWAIT)
            load->busy_ticks += times[i];
    }
    load->processors = 0;
    for (const char *line = strchr(text, '\n'); line && is_processor(line + 1); line = strchr(line + 1, '\n'))
        load->processors++;
    return 0;
}

/* A line "key:   1234 kB". -1: there is none. */
static int64_t kilobytes(const char *text, const char *key)
{
    const char *at = strncmp(text, key, strlen(key)) == 0 ? text : strstr(text, key), *end;
    uint64_t value;

    if (!at)
        return -1;
    at += strlen(key);
    end = at + strlen(at);
    scan_blanks(&at, end);
    return scan_u64(&at, end, &value) && value <= INT64_MAX / 1024 ? (int64_t)(value * 1024) : -1;
}

void host_load_parse_memory(const char *text, struct host_load *load)
{
    load->memory_total = kilobytes(text, "MemTotal:");
    load->memory_available = kilobytes(text, "\nMemAvailable:");
    load->swap_total = kilobytes(text, "\nSwapTotal:");
    load->swap_free = kilobytes(text, "\nSwapFree:");
}

/* "12.34" at the beginning of text, as the kernel writes loads and pressures. -1: none. */
static double hundredths(const char *text)
{
    const char *at = text, *end = text + strlen(text);
    uint64_t whole, part = 0;

    if (!scan_u64(&at, end, &whole) || whole > UINT32_MAX)
        return -1;
    if (scan_char(&at, end, '.') && at + 2 <= end && (!scan_u64(&at, end, &part) || part > 99))
        return -1;
    return (double)whole + (double)part / 100;
}

double host_load_parse_pressure(const char *text)
{
    static const char key[] = "some avg10=";

    return strncmp(text, key, sizeof key - 1) == 0 ? hundredths(text + sizeof key - 1) : -1;
}

/* A short file as a string: "" where it can't be read. */
static const char *read_text(const struct procfs *procfs, const char *name, struct buffer *text)
{
    buffer_clear(text);
    if (proc_read_whole(procfs->fd, name, text) < 0)
        buffer_clear(text);
    return buffer_string(text);
}

int host_load_read(const struct procfs *procfs, struct host_load *ret_load)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_PROC_TEXT);
    struct host_load load = {0};
    int r = proc_read_whole(procfs->fd, "stat", &text);

    if (r == 0)
        r = host_load_parse_stat(buffer_string(&text), &load);
    if (r < 0)
        return r == -ESRCH ? -ENOENT : r;
    host_load_parse_memory(read_text(procfs, "meminfo", &text), &load);
    load.load = hundredths(read_text(procfs, "loadavg", &text));
    load.cpu_pressure = host_load_parse_pressure(read_text(procfs, "pressure/cpu", &text));
    load.memory_pressure = host_load_parse_pressure(read_text(procfs, "pressure/memory", &text));
    load.io_pressure = host_load_parse_pressure(read_text(procfs, "pressure/io", &text));
    *ret_load = load;
    return 0;
}
