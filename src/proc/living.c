#include "proc/living.h"

#include "proc/stat.h"
#include "proc/tasks.h"

#include <errno.h>
#include <fcntl.h>

static bool has_ended(const struct proc_stat *stat)
{
    return stat->state == 'Z' || stat->state == 'X';
}

/* The directory above is procfs itself, whichever it is. In task/ there is the same, but for map_files. */
static int find_thread(const struct pidref *process, int *ret_fd)
{
    _cleanup_close_ int root_fd = openat(process->dir_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_id_list_ struct id_list ids = {0};
    int r = root_fd < 0 ? -errno : id_list_read(process->dir_fd, "task", &ids);

    for (size_t i = 0; r == 0 && i < ids.count; i++) {
        _cleanup_close_ int fd = -1;
        struct proc_stat stat;
        char name[16];

        (void)snprintf(name, sizeof name, "%d", (int)ids.items[i]); /* fits */
        fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || proc_stat_read(fd, &stat) < 0 || has_ended(&stat))
            continue;
        *ret_fd = TAKE_FD(fd);
        return 0;
    }
    return r < 0 ? r : -ESRCH;
}

int living_open(const struct pidref *process, struct pidref *ret_living)
{
    struct pidref living = *process;
    struct proc_stat stat;
    int r = proc_stat_read(process->dir_fd, &stat);

    living.dir_fd = -1;
    if (r == 0 && has_ended(&stat)) {
        r = find_thread(process, &living.dir_fd);
    } else if (r == 0) {
        living.dir_fd = fcntl(process->dir_fd, F_DUPFD_CLOEXEC, 3);
        r = living.dir_fd < 0 ? -errno : 0;
    }
    if (r < 0)
        return r;
    *ret_living = living;
    return 0;
}

void living_close(struct pidref *living)
{
    living->dir_fd = fd_close(living->dir_fd);
}
