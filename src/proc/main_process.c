#include "proc/main_process.h"

#include "base/io.h"
#include "base/limits.h"
#include "base/parse.h"
#include "proc/environ.h"
#include "proc/list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define HOW_TO_NAME "name it with --main-pid, --main-name or --main-pid-file."

enum { INIT_DEPTH_MAX = 16 }; /* inits that start inits; also ends a circle in a torn list */

static int check_running(const struct procfs *procfs, pid_t pid, const char *option, pid_t *ret_pid,
                         struct error *error)
{
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    int r = pidref_open(procfs, pid, &ref, NULL);

    if (r == -ESRCH)
        return error_set(error, ESRCH, "The main process, %d as given by %s, is not running.", (int)pid,
                         option);
    if (r < 0)
        return error_errno(error, -r, "Cannot look at the main process, %d as given by %s", (int)pid, option);
    *ret_pid = pid;
    return 0;
}

static int find_by_pid_file(const struct procfs *procfs, const char *path, pid_t *ret_pid,
                            struct error *error)
{
    /* not blocking: a FIFO of that name must not hold us up */
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    char text[64];
    ssize_t size = fd < 0 ? -errno : io_read_full(fd, text, sizeof text);
    const char *at = text, *end;
    uint64_t pid;

    if (size == -ENOENT)
        return error_set(error, ESRCH, "The main process is not running: its pid file %s does not exist.",
                         path);
    if (size < 0)
        return error_errno(error, (int)-size, "Cannot read the pid file %s of the main process", path);
    end = text + size;
    scan_blanks(&at, end);
    if (!scan_u64(&at, end, &pid) || (at < end && !strchr(" \t\r\n", *at)) || pid == 0 || pid > INT32_MAX)
        return error_set(error, ESRCH,
                         "The pid file %s of the main process does not begin with a process id.", path);
    return check_running(procfs, (pid_t)pid, "--main-pid-file", ret_pid, error);
}

/* The kernel's name, of which it keeps 15 bytes. */
static bool has_short_name(const struct process_entry *entry, const char *name)
{
    return strncmp(entry->name, name, 15) == 0 && strnlen(entry->name, COMM_MAX) == strnlen(name, 15);
}

/* What the process was started as: the last part of its first argument. */
static bool has_argument_name(const struct procfs *procfs, const struct process_entry *entry,
                              const char *name)
{
    _cleanup_buffer_ struct buffer arguments = BUFFER_INIT(LIMIT_ENVIRON);
    _cleanup_close_ int fd = -1;
    const char *first, *slash;
    char directory[16];

    (void)snprintf(directory, sizeof directory, "%d", (int)entry->pid); /* any pid fits */
    fd = openat(procfs->fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || proc_cmdline_read(fd, &arguments) < 0)
        return false;
    first = buffer_string(&arguments);
    slash = strrchr(first, '/');
    return strcmp(slash ? slash + 1 : first, name) == 0;
}

static bool is_candidate(const struct process_entry *entry, pid_t own_pid)
{
    return entry->pid != own_pid && !entry->kernel_thread && entry->state != 'Z' && entry->state != 'X';
}

/* How a process may bear a name, the surest first. The kernel's name of a script is the script's and not its
 * interpreter's, so a long name that it cut off counts too, at last. */
enum naming { NAMED_BY_KERNEL, NAMED_BY_ARGUMENT, NAMED_IN_PART, NAMINGS };

static bool is_named(const struct procfs *procfs, const struct process_entry *entry, const char *name,
                     enum naming naming)
{
    if (naming == NAMED_BY_ARGUMENT)
        return has_argument_name(procfs, entry, name);
    return (strlen(name) > 15) == (naming == NAMED_IN_PART) && has_short_name(entry, name);
}

/* Of several of that name the one that started first: servers' workers bear the name of their master. */
static int find_by_name(const struct procfs *procfs, const char *name, pid_t own_pid, pid_t *ret_pid,
                        struct error *error)
{
    _cleanup_process_list_ struct process_list list = {0};
    const struct process_entry *best = NULL;
    int r = process_list_read(procfs, &list);

    if (r < 0)
        return error_errno(error, -r, "Cannot list the processes");
    for (enum naming naming = 0; naming < NAMINGS && !best; naming++) {
        for (size_t i = 0; i < list.count; i++) {
            const struct process_entry *entry = &list.items[i];

            if (is_candidate(entry, own_pid) && (!best || entry->start_ticks < best->start_ticks) &&
                is_named(procfs, entry, name, naming))
                best = entry;
        }
    }
    if (!best)
        return error_set(error, ESRCH,
                         "The main process is not running: no process has the name %s (--main-name).", name);
    *ret_pid = best->pid;
    return 0;
}

static bool is_marked(const struct procfs *procfs, const char *name)
{
    return faccessat(procfs->fd, name, F_OK, 0) == 0;
}

/* Whether process 1 is a container's and not the machine's. Its own root is asked for the marks of Docker and
 * Podman, since with the pid namespace of the host they are in ours alone. */
static bool is_container(const struct procfs *procfs)
{
    static const char initial_namespace[] = "pid:[4026531836]"; /* PROC_PID_INIT_INO of the kernel */
    static const char *const managers[] = {"docker", "kubepods", "containerd", "lxc", "libpod"};
    _cleanup_buffer_ struct buffer cgroup = BUFFER_INIT(64 * 1024);
    _cleanup_free_ char *namespace = NULL;

    if (io_readlink_at(procfs->fd, "self/ns/pid", &namespace) == 0 &&
        strcmp(namespace, initial_namespace) != 0)
        return true;
    if (is_marked(procfs, "1/root/.dockerenv") || is_marked(procfs, "1/root/run/.containerenv"))
        return true;
    if (io_read_file_at(procfs->fd, "1/cgroup", &cgroup) < 0)
        return false;
    for (size_t i = 0; i < ELEMENTS_OF(managers); i++)
        if (strstr(buffer_string(&cgroup), managers[i]))
            return true;
    return false;
}

enum init_kind {
    INIT_NONE,      /* a workload */
    INIT_OF_ONE,    /* starts one program and reaps what is left to it: its oldest child is the workload */
    INIT_OF_MANY,   /* a supervisor: each child may be one */
    INIT_SHELL,     /* a script's children, or the shell itself where it has none */
    INIT_NAMESPACE, /* holds the namespaces of a pod: the workloads are nobody's children */
};

static enum init_kind init_kind_of(const char *name)
{
    static const struct {
        const char *name;
        enum init_kind kind;
    } known[] = {
        {"tini", INIT_OF_ONE},        {"tini-static", INIT_OF_ONE},  {"dumb-init", INIT_OF_ONE},
        {"docker-init", INIT_OF_ONE}, {"catatonit", INIT_OF_ONE},    {"podman-init", INIT_OF_ONE},
        {"my_init", INIT_OF_MANY},    {"s6-svscan", INIT_OF_MANY},   {"s6-supervise", INIT_OF_MANY},
        {"runsvdir", INIT_OF_MANY},   {"runsv", INIT_OF_MANY},       {"runit", INIT_OF_MANY},
        {"runit-init", INIT_OF_MANY}, {"supervisord", INIT_OF_MANY}, {"init", INIT_OF_MANY},
        {"systemd", INIT_OF_MANY},    {"openrc-init", INIT_OF_MANY}, {"busybox", INIT_SHELL},
        {"sh", INIT_SHELL},           {"bash", INIT_SHELL},          {"dash", INIT_SHELL},
        {"ash", INIT_SHELL},          {"zsh", INIT_SHELL},           {"su", INIT_OF_ONE},
        {"sudo", INIT_OF_ONE},        {"pause", INIT_NAMESPACE},     {"catatonit-pause", INIT_NAMESPACE},
    };

    for (size_t i = 0; i < ELEMENTS_OF(known); i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].kind;
    return strncmp(name, "s6-", 3) == 0 ? INIT_OF_MANY : INIT_NONE;
}

/* What was found to be a workload: two are enough to know that it is not clear. */
struct workloads {
    const struct process_list *list;
    pid_t own_pid;
    const struct process_entry *items[2];
    size_t count;
};

/* Goes down from a process through inits to what they were there to start. */
static void workloads_collect(struct workloads *workloads, const struct process_entry *from, unsigned depth)
{
    enum init_kind kind = init_kind_of(from->name);
    pid_t parent = kind == INIT_NAMESPACE ? 0 : from->pid;
    const struct process_entry *oldest = NULL;
    size_t before = workloads->count;

    if (kind == INIT_NONE)
        workloads->items[workloads->count++] = from;
    if (kind == INIT_NONE || depth >= INIT_DEPTH_MAX)
        return;
    for (size_t i = 0; workloads->count < 2 && i < workloads->list->count; i++) {
        const struct process_entry *entry = &workloads->list->items[i];

        if (entry->parent != parent || entry == from || !is_candidate(entry, workloads->own_pid))
            continue;
        if (kind != INIT_OF_ONE)
            workloads_collect(workloads, entry, depth + 1);
        else if (!oldest || entry->start_ticks < oldest->start_ticks)
            oldest = entry;
    }
    if (oldest)
        workloads_collect(workloads, oldest, depth + 1);
    if (kind == INIT_SHELL && workloads->count == before)
        workloads->items[workloads->count++] = from;
}

static int find_in_container(const struct procfs *procfs, pid_t own_pid, pid_t *ret_pid, struct error *error)
{
    _cleanup_process_list_ struct process_list list = {0};
    struct workloads found = {.list = &list, .own_pid = own_pid};
    int r = process_list_read(procfs, &list);

    if (r < 0)
        return error_errno(error, -r, "Cannot look for the main process");
    if (list.count > 0 && list.items[0].pid == 1 && is_candidate(&list.items[0], own_pid))
        workloads_collect(&found, &list.items[0], 0);
    if (found.count == 0)
        return error_set(error, ESRCH,
                         "There is no main process: process 1 of this container started none; " HOW_TO_NAME);
    if (found.count > 1)
        return error_set(error, ESRCH,
                         "Which process is the main one is not clear: %s started %d (%s), %d (%s) and maybe "
                         "others; " HOW_TO_NAME,
                         list.items[0].name, (int)found.items[0]->pid, found.items[0]->name,
                         (int)found.items[1]->pid, found.items[1]->name);
    *ret_pid = found.items[0]->pid;
    return 0;
}

int main_process_find(const struct procfs *procfs, const struct main_process_choice *choice, pid_t own_pid,
                      pid_t *ret_pid, struct error *error)
{
    if (choice->pid)
        return check_running(procfs, choice->pid, "--main-pid", ret_pid, error);
    if (choice->name && *choice->name)
        return find_by_name(procfs, choice->name, own_pid, ret_pid, error);
    if (choice->pid_file && *choice->pid_file)
        return find_by_pid_file(procfs, choice->pid_file, ret_pid, error);
    if (!is_container(procfs))
        return error_set(error, ESRCH,
                         "No main process is configured, and this is not a container; " HOW_TO_NAME);
    return find_in_container(procfs, own_pid, ret_pid, error);
}
