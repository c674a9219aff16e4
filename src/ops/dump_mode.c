#include "ops/dump_mode.h"

#include "proc/stat.h"
#include "proc/status.h"

#include <errno.h>
#include <inttypes.h>
#include <strings.h>

/* Measured with bench/run on two cores of a machine of 2024, idle: to stop all threads, read registers and
 * stacks and let them go took 0.25 ms for 8 threads, 9.4 ms for 500. Memory that is read while the target is
 * held is as slow as the dump's reader; a client on the same machine took 2 GB/s. */
enum { HOLD_US = 100, HOLD_NS_A_THREAD = 18600, STOP_BYTES_A_US = 2000 };

enum { MAX_PAUSE_LIMIT_MS = 3600 * 1000 };

int dump_wish_read(const struct request *request, struct dump_wish *ret_wish, struct error *error)
{
    static const char *const names[] = {
        [DUMP_AUTO] = "auto", [DUMP_SNAPSHOT] = "snapshot", [DUMP_STOP] = "stop"};
    const char *name = request_string(request, "mode");
    struct dump_wish wish = {.mode = DUMP_AUTO};
    bool is_known = !name;
    int r = request_u64(request, "maxPauseMs", 0, MAX_PAUSE_LIMIT_MS, &wish.max_pause_ms, error);

    if (r < 0)
        return r;
    for (size_t i = 0; name && i < ELEMENTS_OF(names); i++) {
        if (strcasecmp(name, names[i]) != 0)
            continue;
        wish.mode = (enum dump_wish_mode)i;
        is_known = true;
    }
    if (!is_known)
        return error_set(error, EINVAL, "The mode of a dump is auto, snapshot or stop, not '%.60s'.", name);
    *ret_wish = wish;
    return 0;
}

/* The process itself, where the asker has not looked. */
static void look_up(const struct dump_mode_question *question, uint64_t *ret_threads, uint64_t *ret_bytes)
{
    struct proc_status status;

    *ret_threads = question->threads;
    *ret_bytes = question->memory_bytes;
    if (question->threads > 0 || proc_status_read(question->target->dir_fd, &status) < 0)
        return;
    *ret_threads = status.thread_count > 0 ? (uint64_t)status.thread_count : 0;
    *ret_bytes = status.vm_rss > 0 ? (uint64_t)status.vm_rss : 0;
}

void dump_mode_expect(const struct dump_mode_question *question, struct dump_mode *ret_mode)
{
    struct error error = {0};
    uint64_t threads, bytes;

    look_up(question, &threads, &bytes);
    *ret_mode = (struct dump_mode){.name = "stop", .pause_us = HOLD_US + threads * HOLD_NS_A_THREAD / 1000};
    if (!question->reads_memory && question->wish->mode != DUMP_SNAPSHOT)
        return;
    if (question->wish->mode == DUMP_STOP) {
        (void)snprintf(ret_mode->reason, sizeof ret_mode->reason, "mode=stop asks for it."); /* fits */
    } else if (snapshot_suits(question->target, &ret_mode->snapshot, &error) == 0) {
        ret_mode->name = "snapshot";
        ret_mode->is_snapshot = true;
        ret_mode->pause_us += ret_mode->snapshot.expected_us;
        return;
    } else {
        (void)snprintf(ret_mode->reason, sizeof ret_mode->reason, "%.255s", error.text); /* cut is well */
    }
    if (question->reads_memory)
        ret_mode->pause_us += bytes / STOP_BYTES_A_US;
}

int dump_allowed(const struct procfs *procfs, const struct pidref *target, struct error *error)
{
    struct trace_diagnosis diagnosis;
    int code = EPERM;

    trace_diagnose(procfs, target, &diagnosis);
    switch (diagnosis.obstacle) {
    case TRACE_ALLOWED:
        return 0;
    case TRACE_OBSTACLE_GONE:
        code = ESRCH;
        break;
    case TRACE_OBSTACLE_KERNEL_THREAD:
        code = EINVAL;
        break;
    case TRACE_OBSTACLE_ZOMBIE:
    case TRACE_OBSTACLE_TRACED:
        code = EBUSY;
        break;
    case TRACE_OBSTACLE_32_BIT:
        code = EOPNOTSUPP;
        break;
    default:
        break;
    }
    return error_set(error, code, "%s %s", diagnosis.reason, diagnosis.mend);
}

int dump_mode_check(const struct dump_mode_question *question, const struct dump_mode *mode,
                    struct error *error)
{
    const struct dump_wish *wish = question->wish;

    if (wish->mode == DUMP_SNAPSHOT && !mode->is_snapshot) {
        int r =
            dump_allowed(question->procfs, question->target, error); /* for then another mode won't help */

        if (r < 0)
            return r;
        return error_set(error, EBUSY,
                         "No snapshot can be made of process %d: %s mode=auto would hold it while its memory "
                         "is read.",
                         (int)question->target->pid, mode->reason);
    }
    if (wish->max_pause_ms == 0 || mode->pause_us <= wish->max_pause_ms * 1000)
        return 0;
    return error_set(error, EBUSY,
                     "The dump would hold process %d for about %" PRIu64 " ms, longer than the %" PRIu64
                     " of maxPauseMs.%s%s",
                     (int)question->target->pid, (mode->pause_us + 999) / 1000, wish->max_pause_ms,
                     mode->reason[0] ? " " : "", mode->reason);
}
