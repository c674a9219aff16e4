/* Processes as dotnet-monitor lists and shows them: those of every language. */
#include "view/monitor.h"
#include "ops/listed.h"
#include "ops/process_uid.h"
#include "ops/table.h"

#include "base/clock.h"
#include "base/io.h"
#include "proc/main_process.h"
#include "runtime/dotnet_info.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* 0: nobody can say which it is. */
static pid_t default_pid(const struct operation_context *context)
{
    const struct main_process_choice choice = {
        .pid = context->main_pid, .name = context->main_name, .pid_file = context->main_pid_file};
    pid_t pid = 0;

    return main_process_find(context->procfs, &choice, context->service_pid, &pid, NULL) < 0 ? 0 : pid;
}

int operation_monitor_list(const struct operation_context *context, const struct request *request,
                           struct answer *answer, struct error *error)
{
    _cleanup_listed_ struct listed_processes listed = {0};
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    const struct listed_choice choice = {.all_users = geteuid() == 0};
    struct json json = JSON_INIT(&text);
    struct process_uids uids;
    pid_t main_pid = default_pid(context);
    int r = listed_read(context, &choice, &listed, error);

    (void)request; /* there is nothing to choose */
    if (r < 0)
        return r;
    process_uids_init(&uids, context);
    json_array_begin(&json);
    for (size_t i = 0; i < listed.count; i++) {
        const struct listed *item = &listed.items[i];
        char uid[GUID_TEXT_SIZE];
        const struct monitor_process process = {.pid = item->entry->pid,
                                                .uid = uid,
                                                .name = item->name,
                                                .is_default = item->entry->pid == main_pid};

        process_uid(&uids, item->entry->pid, item->entry->start_ticks, &item->runtime, uid);
        monitor_identifier(&json, &process);
    }
    json_array_end(&json);
    return operation_answer_json(answer, &json, error);
}

/* By its program's file; NULL: unknown. */
static const char *architecture_of(const struct pidref *target)
{
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {{EM_X86_64, "x64"}, {EM_386, "x86"}, {EM_AARCH64, "arm64"}, {EM_ARM, "arm"}};
    _cleanup_close_ int fd = openat(target->dir_fd, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    Elf32_Ehdr header; /* up to e_machine both sizes are the same */

    if (fd < 0 || pread(fd, &header, sizeof header, 0) != sizeof header ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return NULL;
    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        if (names[i].machine == header.e_machine)
            return names[i].name;
    return NULL;
}

static uid_t owner_of(const struct pidref *target)
{
    struct proc_status status;

    return proc_status_read(target->dir_fd, &status) == 0 ? status.uid[1] : (uid_t)-1;
}

static void read_assembly(const struct pidref *target, const struct runtime *runtime,
                          struct dotnet_info *info)
{
    enum { PATIENCE_MS = 200 };
    _cleanup_dotnet_ struct dotnet dotnet = DOTNET_INIT;

    if (runtime->kind == RUNTIME_DOTNET && dotnet_find(target, &dotnet, NULL) == 0)
        (void)!dotnet_info_read(&dotnet, clock_monotonic_ms() + PATIENCE_MS, info, NULL); /* else unknown */
}

int operation_monitor_show(const struct operation_context *context, const struct request *request,
                           struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER), block = BUFFER_INIT(LIMIT_ENVIRON),
                                   line = BUFFER_INIT(LIMIT_PROC_TEXT), shown = BUFFER_INIT(LIMIT_PROC_TEXT);
    struct json json = JSON_INIT(&text);
    struct dotnet_info info = {0};
    struct runtime runtime = {0};
    struct proc_stat stat;
    struct mask mask;
    struct monitor_process process = {0};
    int r = operation_target(context, request, &target, error);

    if (r < 0)
        return r;
    if (proc_stat_read(target.dir_fd, &stat) == 0)
        runtime_read(target.dir_fd, &stat, &runtime);
    mask = operation_mask(context, owner_of(&target));
    r = mask.commands ? 0 : proc_cmdline_read(target.dir_fd, &block);
    if (r == 0)
        r = cmdline_join(&block, &line);
    if (r == 0)
        r = mask_append(&mask, buffer_string(&line), line.size, &shown);
    if (r < 0)
        return operation_denied(context, &target, r, "The command line", error);
    read_assembly(&target, &runtime, &info);
    process = (struct monitor_process){.pid = target.pid,
                                       .uid = request->told ? request->told->uid : "",
                                       .name = request->told ? request->told->name : "",
                                       .command_line = buffer_string(&shown),
                                       .architecture = architecture_of(&target),
                                       .assembly = info.assembly};
    monitor_process(&json, &process);
    return operation_answer_json(answer, &json, error);
}
