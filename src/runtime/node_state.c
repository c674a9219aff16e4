/* What the main thread of a Node process is doing, and what it has open, seen from outside. */
#include "runtime/node_parts.h"

#include "base/parse.h"
#include "proc/read.h"
#include "proc/stat.h"
#include "proc/status.h"
#include "proc/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the kernel doesn't say what is waited for, any sleep may be the loop's. */
static bool waits_for_events(const struct pidref *process)
{
    static const char *const names[] = {"ep_poll", "do_epoll_wait", "0"};
    char text[64];
    size_t size;

    if (proc_read_small(process->dir_fd, "wchan", text, sizeof text - 1, &size) < 0)
        return true;
    text[size] = '\0';
    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        if (strcmp(text, names[i]) == 0)
            return true;
    return false;
}

int node_state_read(const struct pidref *process, enum node_state *ret_state)
{
    struct proc_stat stat;
    int r = proc_stat_read(process->dir_fd, &stat);

    if (r < 0)
        return r;
    if (stat.state != 'S')
        *ret_state = stat.state == 'R' || stat.state == 'D' ? NODE_RUNNING : NODE_ELSEWHERE;
    else
        *ret_state = waits_for_events(process) ? NODE_AT_LOOP : NODE_ELSEWHERE;
    return 0;
}

/* By its entry in fdinfo: "eventfd-count:                1". */
static bool has_event(const struct pidref *process, int fd)
{
    static const char label[] = "eventfd-count:";
    char name[32], text[512];
    const char *at;
    uint64_t count;
    size_t size;

    (void)snprintf(name, sizeof name, "fdinfo/%d", fd); /* fits */
    if (proc_read_small(process->dir_fd, name, text, sizeof text - 1, &size) < 0)
        return false;
    text[size] = '\0';
    at = strstr(text, label);
    if (!at)
        return false;
    at += strlen(label);
    scan_blanks(&at, text + size);
    return scan_hex(&at, text + size, &count) && count > 0;
}

/* A loop is woken by other threads through an eventfd, which it empties before it does what it was woken for:
 * so one that runs inside of something else (execSync) does not pass for the main loop. */
bool node_is_idle(const struct pidref *process)
{
    _cleanup_id_list_ struct id_list fds = {0};
    enum node_state state;
    struct proc_status status;
    int directory = -1;
    bool has = false;

    if (node_state_read(process, &state) < 0 || state != NODE_AT_LOOP ||
        proc_status_read(process->dir_fd, &status) < 0 ||
        (status.signals_pending | status.signals_shared_pending) >> (SIGUSR1 - 1) & 1 ||
        id_list_read(process->dir_fd, "fd", &fds) < 0)
        return false;
    directory = openat(process->dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < fds.count && !has && directory >= 0; i++) {
        char name[16], target[32];
        ssize_t size;

        (void)snprintf(name, sizeof name, "%d", (int)fds.items[i]); /* fits */
        size = readlinkat(directory, name, target, sizeof target);
        if (size == (ssize_t)strlen("anon_inode:[eventfd]") &&
            memcmp(target, "anon_inode:[eventfd]", (size_t)size) == 0)
            has = has_event(process, (int)fds.items[i]);
    }
    (void)fd_close(directory); /* always -1 */
    return !has && directory >= 0;
}

bool node_has_open(const struct pidref *process, int fd)
{
    _cleanup_id_list_ struct id_list fds = {0};
    struct stat wanted, facts;

    if (fstat(fd, &wanted) < 0 || id_list_read(process->dir_fd, "fd", &fds) < 0)
        return false;
    for (size_t i = 0; i < fds.count; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "fd/%d", (int)fds.items[i]); /* fits */
        if (fstatat(process->dir_fd, name, &facts, 0) == 0 && facts.st_ino == wanted.st_ino &&
            facts.st_dev == wanted.st_dev)
            return true;
    }
    return false;
}
