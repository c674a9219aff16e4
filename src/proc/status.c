#include "proc/status.h"

#include "base/limits.h"
#include "base/parse.h"
#include "proc/read.h"

#include <errno.h>
#include <string.h>

enum value_kind {
    KIND_STATE,
    KIND_PID,
    KIND_IDS,
    KIND_PIDS,
    KIND_KILOBYTES,
    KIND_COUNT,
    KIND_MASK,
    KIND_INT
};

struct field {
    const char *key;
    unsigned char key_size;
    unsigned char kind;
    unsigned short offset;
};

#define FIELD(key, kind, member)                                                                             \
    {                                                                                                        \
        key, sizeof(key) - 1, kind, offsetof(struct proc_status, member)                                     \
    }

/* In the order in which the kernel writes them, so that the next one wanted is nearly always the next here.
 */
static const struct field fields[] = {
    FIELD("State", KIND_STATE, state),
    FIELD("Tgid", KIND_PID, thread_group),
    FIELD("PPid", KIND_PID, parent),
    FIELD("TracerPid", KIND_PID, tracer),
    FIELD("Uid", KIND_IDS, uid),
    FIELD("Gid", KIND_IDS, gid),
    FIELD("NSpid", KIND_PIDS, namespace_pids),
    FIELD("VmPeak", KIND_KILOBYTES, vm_peak),
    FIELD("VmSize", KIND_KILOBYTES, vm_size),
    FIELD("VmLck", KIND_KILOBYTES, vm_locked),
    FIELD("VmHWM", KIND_KILOBYTES, vm_hwm),
    FIELD("VmRSS", KIND_KILOBYTES, vm_rss),
    FIELD("VmData", KIND_KILOBYTES, vm_data),
    FIELD("VmStk", KIND_KILOBYTES, vm_stack),
    FIELD("VmExe", KIND_KILOBYTES, vm_exe),
    FIELD("VmLib", KIND_KILOBYTES, vm_lib),
    FIELD("VmPTE", KIND_KILOBYTES, vm_pte),
    FIELD("VmSwap", KIND_KILOBYTES, vm_swap),
    FIELD("CoreDumping", KIND_INT, dumping),
    FIELD("Threads", KIND_COUNT, thread_count),
    FIELD("SigPnd", KIND_MASK, signals_pending),
    FIELD("ShdPnd", KIND_MASK, signals_shared_pending),
    FIELD("SigBlk", KIND_MASK, signals_blocked),
    FIELD("SigIgn", KIND_MASK, signals_ignored),
    FIELD("SigCgt", KIND_MASK, signals_caught),
    FIELD("CapInh", KIND_MASK, cap_inheritable),
    FIELD("CapPrm", KIND_MASK, cap_permitted),
    FIELD("CapEff", KIND_MASK, cap_effective),
    FIELD("CapBnd", KIND_MASK, cap_bounding),
    FIELD("CapAmb", KIND_MASK, cap_ambient),
    FIELD("NoNewPrivs", KIND_INT, no_new_privileges),
    FIELD("Seccomp", KIND_INT, seccomp),
};

/* A line's field, searched from *next on and round; NULL for the many that nobody asked for. */
static const struct field *find_field(const char *key, size_t size, size_t *next)
{
    for (size_t i = 0; i < ELEMENTS_OF(fields); i++) {
        size_t at = (*next + i) % ELEMENTS_OF(fields);
        if (fields[at].key_size == size && memcmp(fields[at].key, key, size) == 0) {
            *next = at + 1;
            return &fields[at];
        }
    }
    return NULL;
}

/* uid_t and gid_t are both 32 bits without a sign; 4294967295 is the kernel's "not mapped here". */
static void take_ids(const char *at, const char *end, uint32_t *ids)
{
    uint64_t value;

    for (unsigned i = 0; i < 4; i++) {
        scan_blanks(&at, end);
        if (!scan_u64(&at, end, &value) || value > UINT32_MAX)
            return;
        ids[i] = (uint32_t)value;
    }
}

static void take_namespace_pids(const char *at, const char *end, struct proc_status *status)
{
    uint64_t value;

    status->namespace_depth = 0;
    while (status->namespace_depth < NAMESPACE_DEPTH_MAX) {
        scan_blanks(&at, end);
        if (!scan_u64(&at, end, &value) || value > INT32_MAX)
            return;
        status->namespace_pids[status->namespace_depth++] = (pid_t)value;
    }
}

static void take_number(const struct field *field, uint64_t value, void *member)
{
    switch ((enum value_kind)field->kind) {
    case KIND_PID:
        if (value <= INT32_MAX)
            *(pid_t *)member = (pid_t)value;
        break;
    case KIND_KILOBYTES:
        if (value <= INT64_MAX / 1024)
            *(int64_t *)member = (int64_t)(value * 1024);
        break;
    case KIND_COUNT:
        if (value <= INT64_MAX)
            *(int64_t *)member = (int64_t)value;
        break;
    case KIND_INT:
        if (value <= INT32_MAX)
            *(int *)member = (int)value;
        break;
    case KIND_MASK:
        *(uint64_t *)member = value;
        break;
    case KIND_STATE:
    case KIND_IDS:
    case KIND_PIDS:
        break;
    }
}

static void take_value(const struct field *field, const char *at, const char *end, struct proc_status *status)
{
    void *member = (char *)status + field->offset;
    uint64_t value;

    scan_blanks(&at, end);
    switch ((enum value_kind)field->kind) {
    case KIND_STATE:
        if (at < end)
            status->state = *at;
        return;
    case KIND_IDS:
        take_ids(at, end, member);
        return;
    case KIND_PIDS:
        take_namespace_pids(at, end, status);
        return;
    case KIND_MASK:
        if (scan_hex(&at, end, &value))
            take_number(field, value, member);
        return;
    case KIND_PID:
    case KIND_KILOBYTES:
    case KIND_COUNT:
    case KIND_INT:
        if (scan_u64(&at, end, &value))
            take_number(field, value, member);
        return;
    }
}

static struct proc_status unknown_status(void)
{
    struct proc_status status = {.no_new_privileges = -1, .seccomp = -1, .dumping = -1, .thread_count = -1};

    for (size_t i = 0; i < ELEMENTS_OF(fields); i++)
        if (fields[i].kind == KIND_KILOBYTES)
            *(int64_t *)((char *)&status + fields[i].offset) = -1;
    memset(status.uid, 0xff, sizeof status.uid);
    memset(status.gid, 0xff, sizeof status.gid);
    return status;
}

int proc_status_parse(const char *text, size_t size, struct proc_status *ret_status)
{
    struct proc_status status = unknown_status();
    const char *end = text + size;
    size_t next = 0;

    /* The first line is the name, in which the kernel writes a newline as \n: no name can fake a field. */
    for (const char *line = text, *line_end; line < end; line = line_end + 1) {
        const struct field *field = NULL;
        const char *colon;

        line_end = memchr(line, '\n', (size_t)(end - line));
        if (!line_end)
            line_end = end;
        colon = memchr(line, ':', (size_t)(line_end - line));
        if (colon)
            field = find_field(line, (size_t)(colon - line), &next);
        if (field)
            take_value(field, colon + 1, line_end, &status);
    }
    if (status.thread_group <= 0 || !status.state)
        return -EBADMSG;
    *ret_status = status;
    return 0;
}

int proc_status_read(int directory_fd, struct proc_status *ret_status)
{
    char text[4096];
    size_t size;
    int r = proc_read_small(directory_fd, "status", text, sizeof text, &size);

    if (r == -ENOBUFS) { /* tens of thousands of supplementary groups */
        _cleanup_buffer_ struct buffer whole = BUFFER_INIT(LIMIT_PROC_TEXT);
        r = proc_read_whole(directory_fd, "status", &whole);
        return r < 0 ? r : proc_status_parse(buffer_string(&whole), whole.size, ret_status);
    }
    return r < 0 ? r : proc_status_parse(text, size, ret_status);
}
