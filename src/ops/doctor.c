/* What this user may do to a process: each thing is tried, without touching the process, and what is in the
 * way is named with its mend. Without a process (id 0): what the user may do at all. */
#include "ops/table.h"

#include "base/io.h"
#include "proc/patient.h"
#include "proc/users.h"
#include "trace/trace.h"

#include <errno.h>
#include <string.h>

/* linux/capability.h */
static const struct {
    unsigned number;
    const char *name;
} known_capabilities[] = {
    {2, "CAP_DAC_READ_SEARCH"}, {5, "CAP_KILL"},     {19, "CAP_SYS_PTRACE"},
    {21, "CAP_SYS_ADMIN"},      {38, "CAP_PERFMON"}, {40, "CAP_CHECKPOINT_RESTORE"},
};

enum { CAPABILITY_DAC_READ_SEARCH = 2, CAPABILITY_KILL = 5, CAPABILITY_PTRACE = 19 };

static const char mend_root[] = "Run procscope as root, or give it the capabilities: sudo setcap "
                                "cap_sys_ptrace,cap_kill,cap_dac_read_search+ep $(which procscope).";

static void check(struct json *json, const char *name, bool allowed, const char *reason, const char *mend)
{
    json_object_begin(json);
    json_member_string(json, "operation", name);
    json_member_bool(json, "allowed", allowed);
    if (!allowed && reason && reason[0])
        json_member_string(json, "reason", reason);
    if (!allowed && mend && mend[0])
        json_member_string(json, "mend", mend);
    json_object_end(json);
}

/* One that reads a file of /proc/PID: r is what came of it. The kernel asks the same there as for holding
 * (ptrace_may_access), but for Yama. */
static void check_read(struct json *json, const char *name, int r, const struct trace_diagnosis *diagnosis)
{
    char reason[128];
    bool explained = diagnosis->obstacle != TRACE_ALLOWED && diagnosis->obstacle != TRACE_OBSTACLE_YAMA &&
                     diagnosis->obstacle != TRACE_OBSTACLE_TRACED;

    (void)snprintf(reason, sizeof reason, "Reading it fails: %s.",
                   r == -ETIMEDOUT ? "the process hangs in the kernel, with its memory locked"
                                   : strerror(r < 0 ? -r : 0)); /* fits */
    check(json, name, r >= 0, explained ? diagnosis->reason : reason, explained ? diagnosis->mend : "");
}

static int try_environment(const struct pidref *target)
{
    _cleanup_buffer_ struct buffer block = BUFFER_INIT(LIMIT_ENVIRON);
    return proc_environ_read(target->dir_fd, &block);
}

static int try_modules(const struct pidref *target)
{
    _cleanup_map_list_ struct map_list maps = {0};
    return proc_memory_is_locked(target->dir_fd) ? -ETIMEDOUT : maps_read(target->dir_fd, &maps, NULL);
}

static int try_files(const struct pidref *target)
{
    _cleanup_open_file_list_ struct open_file_list files = {0};

    return open_files_read(target, false, &files); /* their number alone is told to everyone */
}

static void check_stop(struct json *json, const struct operation_context *context,
                       const struct pidref *target, const struct proc_stat *stat)
{
    char reason[160];
    int r;

    if (target->pid == 1 || stat->flags & PROC_FLAG_KERNEL_THREAD) {
        check(json, "stop", false,
              target->pid == 1 ? "Process 1 is the machine's first process, which is never ended."
                               : "It is a thread of the kernel, which no signal ends.",
              "");
        return;
    }
    if (target->pid == context->service_pid) {
        check(json, "stop", true, "", "");
        return;
    }
    r = pidref_signal(target, 0); /* only asks whether it might */
    (void)snprintf(reason, sizeof reason, "It may not be signalled: %s.",
                   strerror(r < 0 ? -r : 0)); /* fits */
    check(json, "stop", r == 0, reason, r == -EPERM ? mend_root : "");
}

static void write_target(struct json *json, const struct operation_context *context,
                         const struct pidref *target)
{
    struct trace_diagnosis diagnosis = {0};
    struct proc_status status = {0};
    struct proc_stat stat = {0};
    char name[256];
    int detail = proc_status_read(target->dir_fd, &status);

    if (detail == 0)
        detail = proc_stat_read(target->dir_fd, &stat);
    trace_diagnose(context->procfs, target, &diagnosis);
    operation_target_name(target, name, sizeof name);
    json_key(json, "process");
    json_object_begin(json);
    json_member_i64(json, "id", target->pid);
    json_member_string(json, "name", name);
    if (detail == 0)
        json_member_string(json, "user", user_name(status.uid[1]));
    json_object_end(json);

    json_key(json, "checks");
    json_array_begin(json);
    check(json, "list", true, "", "");
    check_read(json, "detail", detail, &diagnosis);
    check_read(json, "files", try_files(target), &diagnosis);
    check_read(json, "environment", try_environment(target), &diagnosis);
    check_read(json, "modules", try_modules(target), &diagnosis);
    check(json, "dump", diagnosis.obstacle == TRACE_ALLOWED, diagnosis.reason, diagnosis.mend);
    check_stop(json, context, target, &stat);
    json_array_end(json);
}

/* Whether /proc shows processes of others (mount option hidepid): process 1 is always another's or ours. */
static bool sees_others(const struct operation_context *context)
{
    struct proc_stat stat;
    struct pidref first = PIDREF_INIT;
    bool seen =
        pidref_open(context->procfs, 1, &first, NULL) == 0 && proc_stat_read(first.dir_fd, &stat) == 0;

    pidref_close(&first);
    return seen;
}

static uint64_t read_yama(const struct operation_context *context)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(64);
    const char *at;

    if (io_read_file_at(context->procfs->fd, "sys/kernel/yama/ptrace_scope", &text) < 0)
        return 0; /* a kernel without it */
    at = buffer_string(&text);
    return at[0] >= '0' && at[0] <= '9' ? (uint64_t)(at[0] - '0') : 0;
}

static void write_general(struct json *json, const struct operation_context *context,
                          const struct proc_status *own)
{
    bool may_trace = own->cap_effective >> CAPABILITY_PTRACE & 1;
    bool may_read = may_trace && own->cap_effective >> CAPABILITY_DAC_READ_SEARCH & 1;
    bool may_signal = own->cap_effective >> CAPABILITY_KILL & 1;
    uint64_t yama = read_yama(context);
    bool dump = yama < 3 && may_trace;
    const char *others = "Processes of other users need CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH.";

    json_key(json, "checks");
    json_array_begin(json);
    check(json, "list", sees_others(context),
          "/proc is mounted with hidepid: processes of other users are not shown.",
          "Mount it without (mount -o remount,hidepid=0 /proc), or run procscope as root.");
    check(json, "detail", may_trace, others, mend_root);
    check(json, "environment", may_trace, others, mend_root);
    check(json, "modules", may_read, others, mend_root);
    check(json, "dump", dump,
          yama >= 3   ? "kernel.yama.ptrace_scope is 3: nobody may hold any process."
          : yama == 2 ? "kernel.yama.ptrace_scope is 2: only CAP_SYS_PTRACE may hold a process."
          : yama == 1 ? "kernel.yama.ptrace_scope is 1: without CAP_SYS_PTRACE only descendants may be held."
                      : others,
          yama >= 3 ? "Set kernel.yama.ptrace_scope lower in /etc/sysctl.d and restart the machine."
                    : mend_root);
    check(json, "stop", may_signal, "Processes of other users need CAP_KILL.", mend_root);
    json_array_end(json);
}

static void write_self(struct json *json, const struct proc_status *own, uint64_t yama)
{
    json_key(json, "user");
    json_object_begin(json);
    json_member_i64(json, "uid", own->uid[1]);
    json_member_string(json, "name", user_name(own->uid[1]));
    json_key(json, "capabilities");
    json_array_begin(json);
    for (size_t i = 0; i < ELEMENTS_OF(known_capabilities); i++)
        if (own->cap_effective >> known_capabilities[i].number & 1)
            json_text(json, known_capabilities[i].name);
    json_array_end(json);
    json_object_end(json);
    json_member_u64(json, "yama_ptrace_scope", yama);
}

static int read_own(const struct operation_context *context, struct proc_status *ret_status,
                    struct error *error)
{
    struct pidref self = PIDREF_INIT;
    int r = pidref_open(context->procfs, getpid(), &self, error);

    if (r == 0)
        r = proc_status_read(self.dir_fd, ret_status);
    pidref_close(&self);
    return error_ensure(error, r, "Our own status could not be read");
}

int operation_doctor(const struct operation_context *context, const struct request *request,
                     struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);
    struct proc_status own;
    int r = read_own(context, &own, error);

    if (r == 0 && request->id != 0)
        r = operation_target(context, request, &target, error);
    else if (r == 0 && context->admit)
        r = context->admit(context, request, NULL, error);
    if (r < 0)
        return r;
    json_object_begin(&json);
    write_self(&json, &own, read_yama(context));
    if (request->id != 0)
        write_target(&json, context, &target);
    else
        write_general(&json, context, &own);
    json_object_end(&json);
    return operation_answer_json(answer, &json, error);
}
