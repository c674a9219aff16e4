#include "ops/operation.h"
#include "proc/main_process.h"

#include <errno.h>
#include <inttypes.h>

int operation_target(const struct operation_context *context, const struct request *request,
                     struct pidref *ret_target, struct error *error)
{
    struct pidref target = PIDREF_INIT;
    pid_t pid = (pid_t)request->id;

    if (request->id == REQUEST_ID_SELF) {
        pid = context->service_pid;
    } else if (request->id == REQUEST_ID_MAIN) {
        struct main_process_choice choice = {
            .pid = context->main_pid, .name = context->main_name, .pid_file = context->main_pid_file};
        int r = main_process_find(context->procfs, &choice, context->service_pid, &pid, error);
        if (r < 0)
            return r;
    } else if (request->id < 0 || request->id > (int64_t)LIMIT_PROCESSES) {
        return error_set(error, ESRCH, "Process with an Id of %" PRId64 " is not running.", request->id);
    }
    int r = pidref_open(context->procfs, pid, &target, error);

    if (r == 0 && context->admit)
        r = context->admit(context, request, &target, error);
    if (r < 0) {
        pidref_close(&target);
        return r;
    }
    *ret_target = target;
    return 0;
}
