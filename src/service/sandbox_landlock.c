/* Landlock: https://docs.kernel.org/userspace-api/landlock.html. What a kernel does not know yet it is not
 * asked for; the filter of system calls stands without it, too.
 *
 * Only for those who look into no process: to a process in a domain of Landlock all others that are not in it
 * are closed, not only to ptrace but to whatever the kernel checks as it does that: most of /proc/PID. And a
 * domain stays with all that is forked. So there is none for the inspector and the workers. */
#include "service/sandbox_parts.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of newer headers than Debian 12's: linux/landlock.h of Linux 6.12. */
enum {
    FS_REFER = 1 << 13,     /* from version 2 of the interface on */
    FS_TRUNCATE = 1 << 14,  /* 3 */
    FS_IOCTL_DEV = 1 << 15, /* 5 */
    NET_BIND_TCP = 1 << 0,  /* 4 */
    NET_CONNECT_TCP = 1 << 1,
    SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0, /* 6 */
    SCOPE_SIGNAL = 1 << 1,
};

enum {
    READS = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    RUNS = LANDLOCK_ACCESS_FS_EXECUTE,
    REMOVES = LANDLOCK_ACCESS_FS_REMOVE_DIR,
    WRITES = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
             LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
             LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
             LANDLOCK_ACCESS_FS_MAKE_SYM | FS_REFER | FS_TRUNCATE | FS_IOCTL_DEV,
};

/* As the kernel takes it: shorter ones, too, and longer ones where the rest is 0. */
struct denied {
    uint64_t files, network, scopes;
};

/* 0: the kernel has no Landlock, or it is turned off, or a filter around us refuses it. */
static long version(void)
{
    long found = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return found < 0 ? 0 : found;
}

static void leave_out_unknown(struct denied *denied)
{
    long known = version();

    if (known < 2)
        denied->files &= ~(uint64_t)FS_REFER; /* is always denied there */
    if (known < 3)
        denied->files &= ~(uint64_t)FS_TRUNCATE;
    if (known < 4)
        denied->network = 0;
    if (known < 5)
        denied->files &= ~(uint64_t)FS_IOCTL_DEV;
    if (known < 6)
        denied->scopes = 0;
}

/* What is not there need not be allowed. */
static int allow_beneath(int ruleset, const char *folder, uint64_t rights)
{
    _cleanup_close_ int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};

    if (fd < 0)
        return 0;
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

static int begin(struct denied *denied, int *ret_ruleset)
{
    long ruleset = -1;

    leave_out_unknown(denied);
    if (version() > 0) {
        ruleset = syscall(SYS_landlock_create_ruleset, denied, sizeof *denied, 0);
        if (ruleset < 0)
            return -errno;
    }
    *ret_ruleset = (int)ruleset;
    return 0;
}

static int finish(int ruleset, int r, struct error *error)
{
    if (r == 0 && ruleset >= 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        r = -errno;
    return r < 0 ? error_errno(error, -r, "Files could not be closed by Landlock") : 0;
}

/* resolv.conf is often a link to where who keeps it has it. */
static int allow_network_files(int ruleset)
{
    static const char *const folders[] = {"/etc", "/usr", "/run"};
    char *resolver = realpath("/etc/resolv.conf", NULL), *end = resolver ? strrchr(resolver, '/') : NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(folders); i++)
        r = allow_beneath(ruleset, folders[i], READS);
    if (r == 0 && end && end > resolver) {
        *end = '\0';
        r = allow_beneath(ruleset, resolver, READS);
    }
    free(resolver);
    return r;
}

int sandbox_landlock(enum sandbox_files files, struct error *error)
{
    struct denied denied = {.files = READS | RUNS | WRITES,
                            .network = files == FILES_NONE ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
                            .scopes = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL};
    _cleanup_close_ int ruleset = -1;
    int r = begin(&denied, &ruleset);

    if (r == 0 && ruleset >= 0 && files == FILES_OF_NETWORKS)
        r = allow_network_files(ruleset);
    return finish(ruleset, r, error);
}

int sandbox_landlock_write(const char *folder, struct error *error)
{
    struct denied denied = {.files = WRITES, .scopes = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL};
    _cleanup_close_ int ruleset = -1;
    const char *end = strrchr(folder, '/');
    char parent[PATH_MAX];
    int r = begin(&denied, &ruleset);

    (void)snprintf(parent, sizeof parent, "%.*s/", end ? (int)(end - folder) : 0,
                   folder); /* or is not there */
    if (r == 0 && ruleset >= 0)
        r = allow_beneath(ruleset, folder, denied.files);
    if (r == 0 && ruleset >= 0)
        r = allow_beneath(ruleset, parent, REMOVES); /* the folder itself */
    return finish(ruleset, r, error);
}
