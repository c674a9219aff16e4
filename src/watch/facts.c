#include "watch/facts.h"

#include "base/io.h"
#include "proc/patient.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* A process may say that its arguments are as long as its memory; more than this is not looked at. */
enum { COMMAND_LOOKED_AT = 4096, ENVIRON_LOOKED_AT = 128 * 1024 };

/* The kernel's mark at the end of a link to a file that is gone; a file may also be called so. */
static void take_program(int directory_fd, struct watch_facts *facts)
{
    static const char mark[] = " (deleted)";
    _cleanup_free_ char *path = NULL;
    struct stat program;
    size_t length;

    if (io_readlink_at(directory_fd, "exe", &path) < 0)
        return;
    length = strlen(path);
    if (length > sizeof mark - 1 && strcmp(path + length - (sizeof mark - 1), mark) == 0 &&
        fstatat(directory_fd, "exe", &program, 0) == 0 && program.st_nlink == 0) {
        facts->badges |= BADGE_DELETED;
        path[length - (sizeof mark - 1)] = '\0';
    }
}

static void take_command(int directory_fd, struct watch_facts *facts)
{
    _cleanup_buffer_ struct buffer block = BUFFER_INIT(COMMAND_LOOKED_AT), text = {0};
    int r = proc_read_patiently(directory_fd, "cmdline", &block);

    facts->badges |= r == -ETIMEDOUT ? BADGE_HUNG : 0u;
    if (r < 0 && r != -ENOBUFS)
        return;
    if (cmdline_join(&block, &text) == 0)
        (void)snprintf(facts->command, sizeof facts->command, "%s", buffer_string(&text)); /* cut */
}

static void take_environment(int directory_fd, struct watch_facts *facts)
{
    _cleanup_buffer_ struct buffer block = BUFFER_INIT(ENVIRON_LOOKED_AT);
    int r = proc_read_patiently(directory_fd, "environ", &block);
    const char *pool;

    if (r < 0 && r != -ENOBUFS)
        return;
    pool = environ_get(&block, "APP_POOL_ID");
    if (pool && strncmp(pool, "~1", 2) == 0)
        facts->badges |= BADGE_SCM;
    if (environ_get(&block, "WEBJOBS_NAME"))
        facts->badges |= BADGE_WEBJOB;
}

void watch_facts_read(int directory_fd, const struct proc_stat *stat, struct watch_facts *ret_facts)
{
    struct proc_status status = {.uid = {[1] = (uid_t)-1}};
    struct runtime runtime;

    memset(ret_facts, 0,
           sizeof *ret_facts); /* with what lies between the members: they are compared as bytes */
    if (proc_status_read(directory_fd, &status) == 0) {
        ret_facts->badges |= status.seccomp > 0 ? BADGE_SECCOMP : 0u;
        ret_facts->badges |= status.tracer > 0 ? BADGE_TRACED : 0u;
    }
    ret_facts->user = status.uid[1];
    if (stat->flags & PROC_FLAG_KERNEL_THREAD) {
        bool is_worker =
            strncmp(stat->name, "kworker/", 8) == 0; /* behind its name stands what it works at */
        size_t length = is_worker ? strcspn(stat->name, "-+") : strlen(stat->name);

        memcpy(ret_facts->name, stat->name, length); /* which is shorter */
        ret_facts->badges |= BADGE_KERNEL;
        return;
    }
    process_full_name(directory_fd, stat->name, ret_facts->name, sizeof ret_facts->name);
    take_program(directory_fd, ret_facts);
    runtime_read(directory_fd, stat, &runtime);
    runtime_text(&runtime, ret_facts->runtime);
    take_command(directory_fd, ret_facts);
    take_environment(directory_fd, ret_facts);
    if (proc_cgroup_read(directory_fd, &ret_facts->cgroup) < 0)
        ret_facts->cgroup = (struct proc_cgroup){0};
}
