/* Where the socket of a runtime is: among files of the target's own, which may be anything. */
#include "runtime/dotnet_ipc.h"

#include "base/limits.h"
#include "capture/mapped_file.h"
#include "capture/runtime.h"
#include "proc/environ.h"
#include "proc/living.h"
#include "proc/stat.h"
#include "proc/status.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { NAME_SIZE = 64, ENTRIES_MAX = 65536 };

/* The process's place and numbers. */
struct place {
    const struct pidref *process;
    int folder_fd;
    pid_t inner_pid;
    uid_t user;
    gid_t group;
    bool is_off; /* as its environment says */
    char folder[PATH_MAX];
};

static bool is_zero(const char *value)
{
    return value && (strcmp(value, "0") == 0 || strcasecmp(value, "0x0") == 0);
}

/* The older names count, too. */
static bool is_switched_off(const struct buffer *environment)
{
    static const char *const names[] = {"DOTNET_EnableDiagnostics", "COMPlus_EnableDiagnostics",
                                        "DOTNET_EnableDiagnostics_IPC", "COMPlus_EnableDiagnostics_IPC"};

    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        if (is_zero(environ_get(environment, names[i])))
            return true;
    return false;
}

static int read_place(const struct pidref *process, struct place *place, struct error *error)
{
    _cleanup_living_ struct pidref living = PIDREF_INIT;
    _cleanup_buffer_ struct buffer environment = BUFFER_INIT(LIMIT_ENVIRON);
    struct proc_status status;
    const char *folder;
    int r = living_open(process, &living);

    if (r == 0)
        r = proc_status_read(process->dir_fd, &status);
    if (r < 0)
        return r;
    place->process = process;
    place->inner_pid =
        status.namespace_depth > 0 ? status.namespace_pids[status.namespace_depth - 1] : process->pid;
    place->user = status.uid[1];
    place->group = status.gid[1];
    r = proc_environ_read(living.dir_fd, &environment);
    if (r == -EACCES || r == -EPERM)
        return error_set(error, EACCES, "A .NET runtime is asked by its own user (here %u) or by root.",
                         (unsigned)place->user);
    if (r < 0)
        return r;
    place->is_off = is_switched_off(&environment);
    folder = environ_get(&environment, "TMPDIR");
    if (!folder || !*folder)
        folder = "/tmp";
    if ((size_t)snprintf(place->folder, sizeof place->folder, "%s", folder) >= sizeof place->folder)
        return -ENAMETOOLONG;
    if (status.state == 'T')
        return error_set(error, EBUSY, "Process %d is stopped.", (int)process->pid);
    return mapped_file_find(process, place->folder, O_DIRECTORY, &place->folder_fd);
}

/* An O_PATH descriptor of what is at the name, where that is the runtime's own. */
static int open_socket(const struct place *place, const char *name, struct stat *ret_facts, int *ret_fd)
{
    _cleanup_close_ int fd = openat(place->folder_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || fstat(fd, ret_facts) < 0)
        return -errno;
    if (!S_ISSOCK(ret_facts->st_mode) || ret_facts->st_uid != place->user)
        return -ENOENT;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int64_t later(const struct stat *facts)
{
    return (int64_t)facts->st_mtim.tv_sec * 1000000000 + facts->st_mtim.tv_nsec;
}

/* Where clocks are the container's own its beginning is another number there than here: the newest. */
static int search(const struct place *place, int *ret_fd)
{
    _cleanup_close_ int found = -1;
    char prefix[NAME_SIZE];
    int64_t newest = INT64_MIN;
    int folder = openat(place->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *entries = folder < 0 ? NULL : fdopendir(folder);
    const struct dirent *entry;

    if (!entries) {
        int failure = errno;

        (void)fd_close(folder);
        return -failure;
    }
    (void)snprintf(prefix, sizeof prefix, "dotnet-diagnostic-%d-", (int)place->inner_pid); /* fits */
    for (size_t i = 0; i < ENTRIES_MAX && (entry = readdir(entries)); i++) {
        size_t size = strlen(entry->d_name), ending = strlen("-socket");
        struct stat facts;
        int fd;

        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || size < ending ||
            strcmp(entry->d_name + size - ending, "-socket") != 0 ||
            open_socket(place, entry->d_name, &facts, &fd) < 0)
            continue;
        if (later(&facts) <= newest) {
            (void)fd_close(fd);
            continue;
        }
        (void)fd_close(found);
        found = fd;
        newest = later(&facts);
    }
    if (found < 0)
        return -ENOENT;
    *ret_fd = TAKE_FD(found);
    return 0;
}

static int find_socket(const struct place *place, int *ret_fd)
{
    char name[NAME_SIZE];
    struct stat facts;

    (void)snprintf(name, sizeof name, "dotnet-diagnostic-%d-%llu-socket", (int)place->inner_pid,
                   (unsigned long long)place->process->start_time); /* fits */
    return open_socket(place, name, &facts, ret_fd) == 0 ? 0 : search(place, ret_fd);
}

static int nothing_there(const struct place *place, struct error *error)
{
    const struct pidref *process = place->process;
    struct runtime runtime = {0};
    struct proc_stat stat;

    if (proc_stat_read(process->dir_fd, &stat) == 0)
        runtime_read(process->dir_fd, &stat, &runtime);
    if (runtime.kind != RUNTIME_DOTNET)
        return error_set(error, EOPNOTSUPP, "Process %d has no .NET runtime that can be asked.",
                         (int)process->pid);
    if (place->is_off)
        return error_set(error, EBUSY,
                         "Process %d has its .NET diagnostics switched off (DOTNET_EnableDiagnostics=0).",
                         (int)process->pid);
    return error_set(
        error, EBUSY,
        "The .NET runtime of process %d has no diagnostics socket in %.200s: it is just starting, "
        "has diagnostics switched off, or the socket was removed.",
        (int)process->pid, place->folder);
}

int dotnet_find(const struct pidref *process, struct dotnet *ret_dotnet, struct error *error)
{
    struct place place = {.folder_fd = -1};
    int fd = -1, r = read_place(process, &place, error);

    if (r == 0)
        r = find_socket(&place, &fd);
    if (r == -ENOENT || r == -ENOTDIR)
        r = nothing_there(&place, error);
    (void)fd_close(place.folder_fd);
    if (r == -ESRCH)
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)process->pid);
    if (r < 0)
        return error_ensure(error, r, "The socket of the .NET runtime can't be reached");
    *ret_dotnet =
        (struct dotnet){.process = process, .socket_fd = fd, .user = place.user, .group = place.group};
    return 0;
}

void dotnet_release(struct dotnet *dotnet)
{
    if (dotnet)
        dotnet->socket_fd = fd_close(dotnet->socket_fd);
}
