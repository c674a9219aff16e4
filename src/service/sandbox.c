#include "service/sandbox_parts.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Number of "nobody" where the machine has no list of users, as in an empty container. */
enum { NOBODY = 65534 };

static int no_new_privileges(struct error *error)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_errno(error, errno, "PR_SET_NO_NEW_PRIVS failed");
    return 0;
}

static int limit(int resource, uint64_t value, struct error *error)
{
    struct rlimit present, wanted = {.rlim_cur = value, .rlim_max = value};

    if (getrlimit((__rlimit_resource_t)resource, &present) < 0)
        return error_errno(error, errno, "A resource limit could not be read");
    if (present.rlim_max < wanted.rlim_max)
        wanted.rlim_cur = wanted.rlim_max = present.rlim_max;
    if (setrlimit((__rlimit_resource_t)resource, &wanted) < 0)
        return error_errno(error, errno, "A resource limit could not be set");
    return 0;
}

/* No core: it would have in it what a target has in its memory, what clients show, and keys. Not 0, which
 * does not keep the kernel from handing it to a program (core_pattern): core(5) knows of none of that; the
 * kernel takes 1 for the sign of that program's own end (fs/coredump.c). */
static int no_core(struct error *error)
{
    return limit(RLIMIT_CORE, 1, error);
}

/* What is not in `kept` leaves the bounding set (where we may change it) and all other sets; what is in it
 * stays as far as we have it. */
static int keep_capabilities(const cap_value_t *kept, size_t count, struct error *error)
{
    cap_t present = cap_get_proc(), reduced = cap_init();
    int r = 0;

    if (!present || !reduced) {
        r = error_errno(error, errno, "The capabilities could not be read");
        goto end;
    }
    for (cap_value_t value = 0; r == 0 && value < cap_max_bits(); value++) {
        bool keep = false;
        cap_flag_value_t have = CAP_CLEAR;

        for (size_t i = 0; i < count; i++)
            keep = keep || kept[i] == value;
        if (!keep)
            (void)cap_drop_bound(value); /* needs CAP_SETPCAP; the sets below are what counts */
        if (keep && cap_get_flag(present, value, CAP_PERMITTED, &have) == 0 && have == CAP_SET &&
            (cap_set_flag(reduced, CAP_PERMITTED, 1, &value, CAP_SET) < 0 ||
             cap_set_flag(reduced, CAP_EFFECTIVE, 1, &value, CAP_SET) < 0))
            r = error_errno(error, errno, "The capabilities could not be reduced");
    }
    if (r == 0 && cap_set_proc(reduced) < 0)
        r = error_errno(error, errno, "The capabilities could not be reduced");
end:
    if (present)
        (void)cap_free(present); /* fails only for what is no cap_t */
    if (reduced)
        (void)cap_free(reduced); /* likewise */
    return r;
}

/* To look into any process (ptrace, files of others, its executable by /proc/PID/map_files, perf) and to end
 * it. Before Linux 5.9 map_files wanted CAP_SYS_ADMIN, before 5.8 perf too; the capture reads what it needs
 * another way there. */
static const cap_value_t inspecting[] = {CAP_SYS_PTRACE, CAP_KILL, CAP_DAC_READ_SEARCH,
                                         CAP_CHECKPOINT_RESTORE, CAP_PERFMON,
                                         CAP_SYS_ADMIN, /* only where seccomp filters are read */
                                         /* to ask a runtime as its own user, and debuginfod as the front's;
                                            no more than ptrace gives */
                                         CAP_SETUID, CAP_SETGID,
                                         /* from here on only for a new front */
                                         CAP_SETPCAP};
enum { INSPECTING_WORKER = 8 };

static int keep_inspecting(size_t count, bool reads_seccomp, struct error *error)
{
    cap_value_t kept[ELEMENTS_OF(inspecting)];
    size_t used = 0;

    for (size_t i = 0; i < count; i++)
        if (inspecting[i] != CAP_SYS_ADMIN || reads_seccomp)
            kept[used++] = inspecting[i];
    return keep_capabilities(kept, used, error);
}

/* What asks debuginfod is forked from a worker. */
static unsigned powers_to_fetch(const struct config *config)
{
    return config->debuginfod_urls[0] ? POWER_CONNECT | POWER_KEEP : 0;
}

static unsigned powers_of(enum sandbox_worker kind, const struct config *config)
{
    const unsigned holds = POWER_WORK | POWER_FORK | POWER_TRACE | POWER_PATHS | POWER_ASK;

    switch (kind) {
    case SANDBOX_KEPT:
        return holds | powers_to_fetch(config);
    case SANDBOX_DUMP:
        return holds | POWER_TCP;
    case SANDBOX_PROFILE:
        return holds | POWER_SAMPLE | powers_to_fetch(config);
    case SANDBOX_STOP:
        return POWER_WORK | POWER_FORK;
    case SANDBOX_WATCH:
        break;
    }
    return POWER_WORK | POWER_PATHS;
}

/* Of the workers; made by their inspector, so that each need only load its own. Not that of those who only
 * watch, which has their pid in it. */
static struct sandbox_program programs[SANDBOX_WATCH + 1];

#if defined(SANDBOX_SANITIZED)
static int filter_inspector(const struct config *config, struct error *error)
{
    (void)config, (void)error, (void)programs, (void)powers_of;
    return 0;
}

static int filter_worker(enum sandbox_worker kind, const struct config *config, struct error *error)
{
    (void)kind, (void)config, (void)error;
    return 0;
}
#else
static int prepare(enum sandbox_worker kind, const struct config *config, struct error *error)
{
    sandbox_program_release(&programs[kind]);
    return sandbox_filter_compile(powers_of(kind, config), &programs[kind], error);
}

static int filter_inspector(const struct config *config, struct error *error)
{
    unsigned powers = POWER_ALL & ~(POWER_CONNECT | POWER_KEEP);
    int r = 0;

    powers |= powers_to_fetch(config) | (*config->registry ? POWER_CONNECT : 0);
    for (size_t kind = 0; r == 0 && kind < SANDBOX_WATCH; kind++)
        r = prepare((enum sandbox_worker)kind, config, error);
    if (r == 0 && !config->read_seccomp)
        r = sandbox_filter(powers, error);
    return r;
}

static int filter_worker(enum sandbox_worker kind, const struct config *config, struct error *error)
{
    int r = programs[kind].count == 0 ? prepare(kind, config, error) : 0;

    return r < 0 ? r : sandbox_filter_load(&programs[kind], error);
}
#endif

int sandbox_inspector(const struct config *config, struct error *error)
{
    int r = keep_inspecting(ELEMENTS_OF(inspecting), config->read_seccomp, error);

    if (r == 0)
        r = no_new_privileges(error);
    if (r == 0)
        r = no_core(error);
    return r < 0 ? r : filter_inspector(config, error);
}

int sandbox_worker(const struct config *config, enum sandbox_worker kind, uint64_t memory_limit,
                   struct error *error)
{
    bool reads_seccomp = kind == SANDBOX_DUMP && config->read_seccomp;
    int r = keep_inspecting(INSPECTING_WORKER, reads_seccomp, error);

    if (r == 0)
        r = no_new_privileges(error);
    if (r == 0)
        r = no_core(error);
#if !defined(SANDBOX_SANITIZED)
    /* Not RLIMIT_AS: libraries and files that are mapped to be read are no memory of ours. */
    if (r == 0)
        r = limit(RLIMIT_DATA, memory_limit, error);
#else
    (void)memory_limit;
#endif
    if (r == 0 && !reads_seccomp)
        r = filter_worker(kind, config, error);
    return r;
}

struct account {
    uid_t user;
    gid_t group;
};

static int find_account(const char *name, struct account *ret_account, struct error *error)
{
    const struct passwd *entry = getpwnam(name);

    if (entry)
        *ret_account = (struct account){.user = entry->pw_uid, .group = entry->pw_gid};
    else if (strcmp(name, "nobody") == 0)
        *ret_account = (struct account){.user = NOBODY, .group = NOBODY};
    else
        return error_set(error, EINVAL, "There is no account '%.100s' (key user) on this machine.", name);
    if (ret_account->user == 0)
        return error_set(error, EINVAL, "The account '%.100s' (key user) is root's own.", name);
    return 0;
}

static int become(const struct account *account, struct error *error)
{
    if (setgroups(0, NULL) < 0 || setresgid(account->group, account->group, account->group) < 0 ||
        setresuid(account->user, account->user, account->user) < 0)
        return error_errno(error, errno, "The front could not become user %u", (unsigned)account->user);
    return 0;
}

int sandbox_drop_front(const struct config *config, struct error *error)
{
    int r = 0;

    if (geteuid() == 0) {
        struct account account = {.user = NOBODY, .group = NOBODY};
        r = find_account(config->user, &account, error);
        if (r < 0)
            return r;
        r = become(&account, error);
        /* A container may lack that user or the right to change to it. The front then stays what it is, but
         * without capabilities and behind the filter of system calls. */
        if (r == -EPERM || r == -EINVAL) {
            log_warning("%s It stays user 0 without capabilities.", error ? error->text : "");
            r = 0;
        }
    }
    if (r == 0)
        r = keep_capabilities(NULL, 0, error);
    if (r == 0)
        r = no_new_privileges(error);
    if (r == 0)
        r = no_core(error);
    /* Nobody of the same user may look into the front: it holds the channel to the inspector. */
    if (r == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
        r = error_errno(error, errno, "PR_SET_DUMPABLE failed");
    return r;
}

static int seal(unsigned powers, enum sandbox_files files, struct error *error)
{
#if defined(SANDBOX_SANITIZED)
    (void)powers, (void)files, (void)error;
    return 0;
#else
    int r = sandbox_landlock(files, error);
    return r < 0 ? r : sandbox_filter(powers, error);
#endif
}

int sandbox_seal_front(struct error *error)
{
    return seal(POWER_LOOP, FILES_NONE, error);
}

int sandbox_seal_peer(struct error *error)
{
    return seal(POWER_LOOP | POWER_CONNECT, FILES_OF_NETWORKS, error);
}

int sandbox_seal_fetch(const char *folder, struct error *error)
{
#if defined(SANDBOX_SANITIZED)
    (void)folder, (void)error;
    return 0;
#else
    int r = sandbox_landlock_write(folder, error);
    return r < 0 ? r : sandbox_filter(POWER_WORK | POWER_CONNECT | POWER_KEEP, error);
#endif
}
