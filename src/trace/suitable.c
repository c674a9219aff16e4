/* When a process is better not cloned: what can be known before it is touched. */
#include "trace/inject.h"
#include "trace/room.h"
#include "trace/settle.h"
#include "trace/snapshot.h"

#include "base/limits.h"
#include "proc/maps.h"

#include <errno.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

/* As measured for 4 KiB pages on one machine: what copying a MiB of page tables takes, a thousand mappings,
 * and all else. */
enum {
    US_A_MIB_OF_TABLES = 4500,
    US_A_THOUSAND_MAPS = 500,
    US_WITHOUT = 1500,
    PATIENCE = 5,
    DEADLINE_LEAST_MS = 1000
};

/* With the right to, and free of filters oneself: kernel/seccomp.c seccomp_get_filter(). */
static bool may_read_filters(void)
{
    cap_t capabilities = prctl(PR_GET_SECCOMP) == 0 ? cap_get_proc() : NULL;
    cap_flag_value_t have = CAP_CLEAR;

    if (!capabilities)
        return false;
    if (cap_get_flag(capabilities, CAP_SYS_ADMIN, CAP_EFFECTIVE, &have) < 0)
        have = CAP_CLEAR;
    (void)cap_free(capabilities); /* fails only for what is no cap_t */
    return have == CAP_SET;
}

static int check_seccomp(const struct proc_status *status, bool *ret_has_filters, struct error *error)
{
    *ret_has_filters = status->seccomp > 0;
    if (!*ret_has_filters || may_read_filters())
        return 0;
    return error_set(
        error, EOPNOTSUPP,
        "A seccomp filter of the process may forbid the clone; to look into it takes CAP_SYS_ADMIN "
        "(in the service the key read-seccomp) and no filter on procscope itself.");
}

/* Where a clone and the process write the same page of a private mapping of huge pages, there may be no page
 * for the second. */
static bool is_of_huge_pages(const struct map *map)
{
    static const char *const places[] = {"/anon_hugepage", "/dev/hugepages/", "/memfd:hugepage"};

    for (size_t i = 0; i < ELEMENTS_OF(places); i++)
        if (!(map->permissions & MAP_IS_SHARED) && strncmp(map->path, places[i], strlen(places[i])) == 0)
            return true;
    return false;
}

static int check_maps(const struct pidref *process, struct snapshot_options *options, struct error *error)
{
    _cleanup_map_list_ struct map_list maps = {0};
    int r = maps_read(process->dir_fd, &maps, NULL);

    if (r == -ESRCH || (r == 0 && maps.count == 0))
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)process->pid);
    if (r < 0)
        return error_errno(error, -r, "Its mappings can't be read");
    for (size_t i = 0; i < maps.count; i++) {
        const struct map *map = &maps.items[i];

        if (is_of_huge_pages(map))
            return error_set(error, EOPNOTSUPP, "The process has private mappings of huge pages (hugetlb).");
        if (strcmp(map->path, "[vdso]") == 0 && (map->permissions & MAP_EXECUTE) != 0) {
            options->vdso_start = map->start;
            options->vdso_end = map->end;
        }
    }
    options->expected_us = maps.count * US_A_THOUSAND_MAPS / 1000;
    if (options->vdso_end == 0)
        return error_set(error, EOPNOTSUPP, "The process has no vdso that can be found.");
    return 0;
}

int snapshot_suits(const struct pidref *process, struct snapshot_options *ret_options, struct error *error)
{
    struct snapshot_options options = {0};
    struct proc_status status;
    int r;

    if (arch_program_size() == 0)
        return error_set(error, EOPNOTSUPP, "Snapshots are not made on this kind of processor.");
    if (proc_status_read(process->dir_fd, &status) < 0)
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)process->pid);
    if (status.state == 'Z' &&
        !process_has_ended(process)) /* then nobody tells of the memory of the others */
        return error_set(error, EOPNOTSUPP, "The first thread of the process has ended, before the others.");
    if (status.state == 'T')
        return error_set(error, EOPNOTSUPP, "The process is stopped already.");
    r = check_seccomp(&status, &options.has_filters, error);
    if (r == 0)
        r = room_check(process->dir_fd, &status, error);
    if (r == 0)
        r = check_maps(process, &options, error);
    if (r < 0)
        return r;
    options.expected_us += US_WITHOUT;
    if (status.vm_pte > 0)
        options.expected_us += (uint64_t)status.vm_pte / 1024 * US_A_MIB_OF_TABLES / 1024;
    options.deadline_ms = options.expected_us * PATIENCE / 1000;
    if (options.deadline_ms < DEADLINE_LEAST_MS)
        options.deadline_ms = DEADLINE_LEAST_MS;
    *ret_options = options;
    return 0;
}
