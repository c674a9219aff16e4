#include "ops/table.h"

#include "proc/patient.h"
#include "trace/trace.h"

#include <errno.h>
#include <string.h>

int operation_style(const struct operation_context *context, const struct request *request, struct host *host,
                    struct kudu_style *ret_style, struct error *error)
{
    int r = host_read(context->procfs, host);

    if (r < 0)
        return error_errno(error, -r, "The machine's clock could not be read");
    *ret_style = (struct kudu_style){.base = request->base, .machine = context->machine_name, .host = host};
    return 0;
}

int operation_answer_style(const struct operation_context *context, const struct request *request,
                           struct host *host, struct kudu_style *ret_style, struct error *error)
{
    struct kudu_style style;
    int r = operation_style(context, request, host, &style, error);

    if (r < 0)
        return r;
    if (request->dialect != DIALECT_KUDU && request->resource[0])
        style.arm = (struct arm_style){.id = request->resource,
                                       .location = request->location[0] ? request->location : NULL,
                                       .nested = request->dialect == DIALECT_ARM};
    *ret_style = style;
    return 0;
}

struct mask operation_mask(const struct operation_context *context, uid_t owner)
{
    return mask_for(context->principal, owner, context->unmasked, context->secrets);
}

static int hangs(const struct pidref *target, const char *what, struct error *error)
{
    return error_set(error, ETIMEDOUT,
                     "%s of process %d could not be read: for two seconds nothing came. It hangs in the "
                     "kernel, with its memory locked; its threads' wait_reason says where.",
                     what, (int)target->pid);
}

int operation_target_with_memory(const struct operation_context *context, const struct request *request,
                                 struct pidref *ret_target, struct error *error)
{
    int r = operation_target(context, request, ret_target, error);

    return r == 0 && proc_memory_is_locked(ret_target->dir_fd) ? hangs(ret_target, "The memory", error) : r;
}

int operation_denied(const struct operation_context *context, const struct pidref *target, int r,
                     const char *what, struct error *error)
{
    struct trace_diagnosis diagnosis = {0};

    if (r == -ESRCH)
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)target->pid);
    if (r == -ETIMEDOUT)
        return hangs(target, what, error);
    if (r != -EACCES && r != -EPERM)
        return error_errno(error, -r, "%s of process %d could not be read", what, (int)target->pid);
    trace_diagnose(context->procfs, target, &diagnosis);
    if (diagnosis.obstacle == TRACE_ALLOWED || diagnosis.obstacle == TRACE_OBSTACLE_TRACED)
        return error_set(error, -r, "%s of process %d may not be read: the kernel refuses it.", what,
                         (int)target->pid);
    return error_set(error, -r, "%s of process %d may not be read. %s %s", what, (int)target->pid,
                     diagnosis.reason, diagnosis.mend);
}

uint64_t operation_hold_deadline_ms(const struct pidref *target)
{
    enum { LEAST_MS = 500, THREADS_A_MS = 4 };
    struct proc_stat stat;

    if (proc_stat_read(target->dir_fd, &stat) < 0 || stat.thread_count < 0)
        return LEAST_MS;
    return LEAST_MS + (uint64_t)stat.thread_count / THREADS_A_MS;
}

uint64_t operation_wait_ms(const struct operation_context *context, bool heavy)
{
    enum { MOST_MS = 60000 };
    uint64_t deadline_ms = heavy ? context->heavy_ms : context->light_ms;

    return deadline_ms == 0 || deadline_ms / 2 > MOST_MS ? MOST_MS : deadline_ms / 2;
}

uint64_t operation_runtime_patience_ms(const struct operation_context *context)
{
    uint64_t quarter_ms = context->light_ms / 4;

    return quarter_ms == 0 || quarter_ms > LIMIT_JAVA_MS ? LIMIT_JAVA_MS : quarter_ms;
}

void operation_target_name(const struct pidref *target, char *ret_name, size_t size)
{
    struct proc_stat stat;

    (void)snprintf(ret_name, size, "process"); /* fits, for one that is just gone */
    if (proc_stat_read(target->dir_fd, &stat) == 0)
        process_full_name(target->dir_fd, stat.name, ret_name, size);
}
