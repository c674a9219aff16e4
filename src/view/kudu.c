/* The process itself: summary and detail. The order of the members is Kudu's. */
#include "view/kudu.h"

#include "base/clock.h"
#include "proc/users.h"
#include "view/kudu_member.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* MACHINE\user: Kudu's own page shows what follows the backslash. */
static void member_user(struct json *json, const struct kudu_style *style, uid_t user)
{
    if (user == (uid_t)-1)
        return;
    json_key(json, "user_name");
    json_format(json, "%s\\%s", style->machine, user_name(user));
}

static void members_identity(struct json *json, const struct kudu_style *style, pid_t pid, const char *name)
{
    json_member_string(json, "name", name);
    json_member_string(json, "machineName", style->machine);
    kudu_member_href(json, style, "href", pid, "");
}

/* Kudu has no such members. */
static void members_runtime(struct json *json, const struct runtime *runtime)
{
    if (runtime->kind == RUNTIME_UNKNOWN)
        return;
    json_member_string(json, "runtime", runtime_name(runtime->kind));
    if (*runtime->version)
        json_member_string(json, "runtime_version", runtime->version);
}

void kudu_summary(struct json *json, const struct kudu_style *style, pid_t pid, const char *name, uid_t user,
                  const struct runtime *runtime)
{
    kudu_object_begin(json, style, pid);
    members_identity(json, style, pid, name);
    member_user(json, style, user);
    if (runtime)
        members_runtime(json, runtime);
    arm_object_end(json, &style->arm);
}

static void member_children(struct json *json, const struct kudu_style *style, const struct id_list *children)
{
    json_key(json, "children");
    json_array_begin(json);
    for (size_t i = 0; i < children->count; i++)
        json_format(json, "%s/%d", kudu_collection(style), (int)children->items[i]);
    json_array_end(json);
}

static void member_files(struct json *json, const struct open_file_list *files)
{
    json_key(json, "open_file_handles");
    json_array_begin(json);
    for (size_t i = 0; i < files->count; i++)
        json_text(json, files->items[i].text);
    json_array_end(json);
}

static void members_threads_and_files(struct json *json, const struct kudu_style *style, pid_t pid,
                                      const struct process_info *info)
{
    struct kudu_style inside = *style;

    inside.arm = arm_inside(&style->arm, "/threads/");
    json_key(json, "threads");
    kudu_threads(json, &inside, pid, &info->threads, false);
    if (!style->mask.files)
        member_files(json, &info->files);
    inside.arm = arm_inside(&style->arm, "/modules/");
    json_key(json, "modules");
    kudu_modules(json, &inside, pid, &info->modules);
}

static void member_command_line(struct json *json, const struct kudu_style *style,
                                const struct buffer *command_line)
{
    _cleanup_buffer_ struct buffer shown = {0};
    int r = 0;

    if (style->mask.commands)
        return;
    r = mask_append(&style->mask, buffer_string(command_line), command_line->size, &shown);
    if (r < 0 && json->error == 0)
        json->error = r;
    kudu_member_text(json, "command_line", buffer_string(&shown));
}

static void members_cpu(struct json *json, const struct process_info *info)
{
    kudu_member_date(json, "start_time", info->start_time);
    kudu_member_time_span(json, "total_cpu_time", info->user_time + info->system_time);
    kudu_member_time_span(json, "user_cpu_time", info->user_time);
    kudu_member_time_span(json, "privileged_cpu_time", info->system_time);
}

/* A kernel thread or a zombie has no memory: that is 0, not unknown. */
static void member_size(struct json *json, const struct process_info *info, const char *key, int64_t bytes)
{
    bool has_memory = !info->kernel_thread && !strchr("ZXx", info->stat.state);

    kudu_member_number(json, key, bytes < 0 && !has_memory ? 0 : bytes);
}

/* As .NET has them on Linux, which takes swap for both paged sizes, and the page tables, which it lacks, for
 * the pool that is never paged. Linux keeps no peak of a process's swap. */
static void members_memory(struct json *json, const struct process_info *info)
{
    const struct proc_status *status = &info->status;

    member_size(json, info, "working_set", status->vm_rss);
    member_size(json, info, "peak_working_set", status->vm_hwm);
    member_size(json, info, "private_memory", status->vm_data);
    member_size(json, info, "virtual_memory", status->vm_size);
    member_size(json, info, "peak_virtual_memory", status->vm_peak);
    member_size(json, info, "paged_system_memory", status->vm_swap);
    member_size(json, info, "non_paged_system_memory", status->vm_pte);
    member_size(json, info, "paged_memory", status->vm_swap);
    member_size(json, info, "peak_paged_memory", -1);
}

/* What Azure says of a process through its environment. */
static void members_azure(struct json *json, const struct buffer *block)
{
    const char *pool = environ_get(block, "APP_POOL_ID");
    const char *job = environ_get(block, "WEBJOBS_NAME"), *type = environ_get(block, "WEBJOBS_TYPE");

    kudu_member_flag(json, "is_scm_site", pool && strncmp(pool, "~1", 2) == 0);
    kudu_member_flag(json, "is_webjob", job != NULL);
    if (job && type) {
        json_key(json, "description");
        json_format(json, "WebJob: %s, Type: %s", job, type);
    }
}

void kudu_process(struct json *json, const struct kudu_style *style, const struct process_info *info)
{
    pid_t pid = info->stat.pid, parent = info->stat.parent > 0 ? info->stat.parent : -1;

    kudu_object_begin(json, style, pid);
    members_identity(json, style, pid, info->name);
    kudu_member_href(json, style, "minidump", pid, "/dump");
    kudu_member_href(json, style, "gcdump", pid, "/gcdump");
    kudu_member_flag(json, "is_profile_running", info->is_profiled);
    kudu_member_flag(json, "is_hung", info->is_hung);
    kudu_member_href(json, style, "parent", parent, "");
    member_children(json, style, &info->children);
    members_threads_and_files(json, style, pid, info);
    json_member_string(json, "file_name", info->file_name ? info->file_name : "N/A");
    member_command_line(json, style, &info->command_line);
    member_user(json, style, info->status.uid[1]);
    members_runtime(json, &info->runtime);
    kudu_member_number(json, "handle_count", info->handle_count);
    kudu_member_number(json, "module_count", info->modules_denied ? -1 : (int64_t)info->modules.count);
    kudu_member_number(json, "thread_count", (int64_t)info->threads.count);
    members_cpu(json, info);
    members_memory(json, info);
    kudu_member_date(json, "time_stamp", clock_realtime_ns());
    if (!info->environ_denied) {
        struct kudu_style inside = *style;
        inside.arm = (struct arm_style){0}; /* no resource */
        json_key(json, "environment_variables");
        kudu_environment(json, &inside, &info->environ, "all");
    }
    members_azure(json, &info->environ);
    arm_object_end(json, &style->arm);
}
