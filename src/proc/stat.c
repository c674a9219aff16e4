#include "proc/stat.h"

#include "base/parse.h"
#include "proc/read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Numbers behind the state, counted as proc(5) does: field 4 is the first of them. Everything up to rss has
 * been there since before Linux 2.6; what comes later may be missing. */
enum { FIELD_FIRST = 4, FIELD_LAST_NEEDED = 24, FIELD_LAST = 41 };

static bool scan_field(const char **cursor, const char *end, uint64_t *ret_value)
{
    int64_t negative;

    scan_blanks(cursor, end);
    if (*cursor < end && **cursor == '-') {
        if (!scan_i64(cursor, end, &negative))
            return false;
        *ret_value = (uint64_t)negative;
        return true;
    }
    return scan_u64(cursor, end, ret_value);
}

int proc_stat_parse(const char *text, size_t size, struct proc_stat *ret_stat)
{
    const char *cursor = text, *end = text + size, *name, *name_end;
    uint64_t fields[FIELD_LAST + 1] = {0}, pid;
    struct proc_stat stat = {0};
    size_t name_size;

    if (!scan_u64(&cursor, end, &pid) || pid > INT32_MAX || !scan_char(&cursor, end, ' ') ||
        !scan_char(&cursor, end, '('))
        return -EBADMSG;
    name = cursor;
    name_end = memrchr(name, ')', (size_t)(end - name));
    if (!name_end)
        return -EBADMSG;
    name_size = (size_t)(name_end - name);
    if (name_size > sizeof stat.name - 1)
        name_size = sizeof stat.name - 1;
    memcpy(stat.name, name, name_size);

    cursor = name_end + 1;
    scan_blanks(&cursor, end);
    if (cursor == end)
        return -EBADMSG;
    stat.state = *cursor++;
    for (unsigned i = FIELD_FIRST; i <= FIELD_LAST; i++)
        if (!scan_field(&cursor, end, &fields[i])) {
            if (i <= FIELD_LAST_NEEDED)
                return -EBADMSG;
            break;
        }

    stat.pid = (pid_t)pid;
    stat.parent = (pid_t)fields[4];
    stat.group = (pid_t)fields[5];
    stat.session = (pid_t)fields[6];
    stat.flags = fields[9];
    stat.user_ticks = fields[14];
    stat.system_ticks = fields[15];
    stat.child_user_ticks = fields[16];
    stat.child_system_ticks = fields[17];
    stat.priority = (int64_t)fields[18];
    stat.nice = (int64_t)fields[19];
    stat.thread_count = (int64_t)fields[20];
    stat.start_ticks = fields[22];
    stat.virtual_bytes = fields[23];
    stat.resident_pages = (int64_t)fields[24];
    stat.start_stack = fields[28];
    stat.stack_pointer = fields[29];
    stat.instruction_pointer = fields[30];
    stat.processor = (int64_t)fields[39];
    stat.realtime_priority = (int64_t)fields[40];
    stat.policy = (int64_t)fields[41];
    *ret_stat = stat;
    return 0;
}

static int read_file(int directory_fd, const char *name, struct proc_stat *ret_stat)
{
    char text[2048]; /* 52 numbers of 20 digits and the longest name stay below */
    size_t size;
    int r = proc_read_small(directory_fd, name, text, sizeof text, &size);

    if (r < 0)
        return r;
    return proc_stat_parse(text, size, ret_stat);
}

int proc_stat_read(int directory_fd, struct proc_stat *ret_stat)
{
    return read_file(directory_fd, "stat", ret_stat);
}

int proc_stat_read_thread(int directory_fd, pid_t thread, struct proc_stat *ret_stat)
{
    char name[32];

    (void)snprintf(name, sizeof name, "task/%d/stat", (int)thread); /* fits */
    return read_file(directory_fd, name, ret_stat);
}
