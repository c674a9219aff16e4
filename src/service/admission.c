#include "service/admission.h"

#include "base/io.h"
#include "base/limits.h"
#include "capture/process.h"
#include "proc/read.h"

#include <errno.h>
#include <string.h>

struct facts {
    char name[256], program[256], *path;
    struct buffer cgroups;
    struct rule_target target;
};

/* The paths of /proc/PID/cgroup, without what stands before them. */
static void read_cgroups(const struct pidref *target, struct buffer *out)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_CGROUP_TEXT);
    char *rest, *line;

    if (proc_read_whole(target->dir_fd, "cgroup", &text) < 0 || !text.data)
        return;
    rest = text.data;
    while ((line = strsep(&rest, "\n"))) {
        const char *path = strchr(line, ':');
        path = path ? strchr(path + 1, ':') : NULL;
        if (path && (buffer_append_string(out, path + 1) < 0 || buffer_append_string(out, "\n") < 0))
            buffer_clear(out); /* without memory they are unknown */
    }
}

/* An update takes the file away below a program that runs: it is the same program. */
static void without_deletion(char *path)
{
    static const char mark[] = " (deleted)";
    size_t size = strlen(path), mark_size = sizeof mark - 1;

    if (size > mark_size && strcmp(path + size - mark_size, mark) == 0)
        path[size - mark_size] = '\0';
}

static void read_facts(const struct pidref *target, struct facts *facts)
{
    struct proc_status status;
    struct proc_stat stat;
    const char *base;

    *facts = (struct facts){.target.user = (uid_t)-1, .cgroups.limit = LIMIT_CGROUP_TEXT};
    if (proc_stat_read(target->dir_fd, &stat) == 0)
        process_full_name(target->dir_fd, stat.name, facts->name, sizeof facts->name);
    if (proc_status_read(target->dir_fd, &status) == 0)
        facts->target.user = status.uid[1];
    if (io_readlink_at(target->dir_fd, "exe", &facts->path) == 0) {
        without_deletion(facts->path);
        base = strrchr(facts->path, '/');
        (void)snprintf(facts->program, sizeof facts->program, "%s", base ? base + 1 : facts->path); /* cut */
    }
    read_cgroups(target, &facts->cgroups);
    facts->target.name = facts->name;
    facts->target.program = facts->program;
    facts->target.cgroups = buffer_string(&facts->cgroups);
}

static void release_facts(struct facts *facts)
{
    free(facts->path);
    buffer_release(&facts->cgroups);
}

static bool rules_allow(const struct admission *admission, const struct principal *principal,
                        const struct pidref *target)
{
    _cleanup_(release_facts) struct facts facts = {0};

    if (admission->rules->count == 0)
        return true;
    if (target)
        read_facts(target, &facts);
    return rule_list_allows(admission->rules, principal, admission->operation->name,
                            target ? &facts.target : NULL);
}

bool admission_may(const struct operation_context *context, const struct request *request,
                   const struct pidref *target)
{
    (void)request; /* the operation is the admission's */
    return rules_allow(context->admit_data, context->principal, target);
}

/* The memory of our own processes holds what clients have shown, and the key of TLS: whoever has it may all
 * that they may. */
static int check_own(const struct operation_context *context, const struct admission *admission,
                     const struct pidref *target, struct error *error)
{
    struct proc_stat stat;

    if (admission->operation->role < ROLE_DUMPER || proc_stat_read(target->dir_fd, &stat) < 0 ||
        (target->pid != context->service_pid && stat.parent != context->service_pid))
        return 0;
    return operation_check_role(context->principal, ROLE_ADMIN, "the memory of procscope's own processes",
                                error);
}

static int refuse(const struct admission *admission, const struct principal *principal,
                  const struct pidref *target, struct error *error)
{
    if (!target)
        return error_set(error, EACCES, "A rule of this service denies %s to %s.", admission->operation->name,
                         principal->name);
    return error_set(error, EACCES, "A rule of this service denies %s of process %d to %s.",
                     admission->operation->name, (int)target->pid, principal->name);
}

/* By the second look its pid may be another's. */
static bool is_decided(const struct admission *admission, const struct pidref *target)
{
    return admission->is_done && (target ? target->pid : 0) == admission->pid &&
           (!target || target->start_time == admission->start_time);
}

static void decide(struct admission *admission, const struct pidref *target)
{
    admission->is_done = true;
    admission->pid = target ? target->pid : 0;
    admission->start_time = target ? target->start_time : 0;
}

int admission_admit(const struct operation_context *context, const struct request *request,
                    const struct pidref *target, struct error *error)
{
    struct admission *admission = context->admit_data;
    int r = 0;

    if (is_decided(admission, target))
        return 0;
    if (!rules_allow(admission, context->principal, target))
        r = refuse(admission, context->principal, target, error);
    if (r == 0 && target)
        r = check_own(context, admission, target, error);
    if (r == -EACCES) {
        audit_denied(admission->audit, admission->operation, request, target, context, error);
        admission->was_denied = true;
    }
    if (r == 0)
        r = audit_begin(admission->audit, admission->operation, request, target, context, error);
    if (r == 0)
        decide(admission, target);
    return r;
}
