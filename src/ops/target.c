#include "ops/listed.h"
#include "ops/operation.h"
#include "ops/process_uid.h"
#include "ops/table.h"
#include "proc/main_process.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* The one that has the uid and the name that are wanted. */
static int find_wanted(const struct operation_context *context, const struct request *request, pid_t *ret_pid,
                       struct error *error)
{
    _cleanup_listed_ struct listed_processes listed = {0};
    const struct listed_choice choice = {.all_users = geteuid() == 0};
    struct process_uids uids;
    pid_t found = 0;
    int r = listed_read(context, &choice, &listed, error);

    if (r < 0)
        return r;
    process_uids_init(&uids, context);
    for (size_t i = 0; i < listed.count; i++) {
        const struct listed *item = &listed.items[i];
        const struct process_entry *entry = item->entry;

        if ((request->wanted_name[0] && strcasecmp(item->name, request->wanted_name) != 0) ||
            (request->wanted_uid[0] &&
             !process_uid_is(&uids, entry->pid, entry->start_ticks, &item->runtime, request->wanted_uid)))
            continue;
        if (found)
            return error_set(
                error, EINVAL,
                "More than one process has the name '%.100s', %d and %d among them: say which by "
                "pid or uid.",
                request->wanted_name, (int)found, (int)entry->pid);
        found = entry->pid;
    }
    if (!found)
        return error_set(error, ESRCH, "No process with the %s '%.100s' is running.",
                         request->wanted_uid[0] ? "uid" : "name",
                         request->wanted_uid[0] ? request->wanted_uid : request->wanted_name);
    *ret_pid = found;
    return 0;
}

static int choose(const struct operation_context *context, const struct request *request, pid_t *ret_pid,
                  struct error *error)
{
    if (request->id == REQUEST_ID_SELF) {
        *ret_pid = context->service_pid;
        return 0;
    }
    if (request->id == REQUEST_ID_MAIN) {
        const struct main_process_choice choice = {
            .pid = context->main_pid, .name = context->main_name, .pid_file = context->main_pid_file};
        return main_process_find(context->procfs, &choice, context->service_pid, ret_pid, error);
    }
    if (request->id == REQUEST_ID_WANTED && (request->wanted_uid[0] || request->wanted_name[0]))
        return find_wanted(context, request, ret_pid, error);
    if (request->id < 0 || request->id > (int64_t)LIMIT_PROCESSES)
        return error_set(error, ESRCH, "Process with an Id of %" PRId64 " is not running.", request->id);
    *ret_pid = (pid_t)request->id;
    return 0;
}

/* A pid that was used again meanwhile is another process: so this looks at the one that is open. */
static int check_wanted(const struct operation_context *context, const struct request *request,
                        const struct pidref *target, struct error *error)
{
    struct process_uids uids;
    struct runtime runtime = {0};
    struct proc_stat stat;
    char name[256];

    if (proc_stat_read(target->dir_fd, &stat) < 0)
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)target->pid);
    process_uids_init(&uids, context);
    runtime_read(target->dir_fd, &stat, &runtime);
    process_full_name(target->dir_fd, stat.name, name, sizeof name);
    if (request->wanted_name[0] && strcasecmp(name, request->wanted_name) != 0)
        return error_set(error, ESRCH, "Process %d has the name '%.100s', not '%.100s'.", (int)target->pid,
                         name, request->wanted_name);
    if (request->wanted_uid[0] &&
        !process_uid_is(&uids, target->pid, target->start_time, &runtime, request->wanted_uid))
        return error_set(error, ESRCH, "Process %d has another uid than '%s'.", (int)target->pid,
                         request->wanted_uid);
    if (request->told) {
        request->told->pid = target->pid;
        process_uid(&uids, target->pid, target->start_time, &runtime, request->told->uid);
        (void)snprintf(request->told->name, sizeof request->told->name, "%s", name); /* fits */
    }
    return 0;
}

int operation_target(const struct operation_context *context, const struct request *request,
                     struct pidref *ret_target, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    pid_t pid = 0;
    int r = choose(context, request, &pid, error);

    if (r == 0)
        r = pidref_open(context->procfs, pid, &target, error);
    if (r == 0 && context->admit) /* before anything is asked of it */
        r = context->admit(context, request, &target, error);
    if (r == 0 && (request->wanted_uid[0] || request->wanted_name[0] || request->told))
        r = check_wanted(context, request, &target, error);
    if (r < 0)
        return r;
    *ret_target = target;
    target = PIDREF_INIT;
    return 0;
}
