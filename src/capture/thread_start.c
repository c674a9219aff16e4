#include "capture/thread_start.h"

#include "base/io.h"
#include "base/limits.h"
#include "capture/nptl.h"
#include "capture/thread_parts.h"
#include "proc/patient.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AUXV_MAX = 4096, WALKS_MAX = 3 };

void thread_starts_release(struct thread_starts *starts)
{
    free(starts->items);
    *starts = (struct thread_starts){0};
}

/* Where the kernel sent the first thread: AT_ENTRY is the program's own entry point, past the loader's. */
static uint64_t program_entry(const struct pidref *process)
{
    _cleanup_close_ int fd = openat(process->dir_fd, "auxv", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t word = process_is_32_bit(process->dir_fd) ? 4 : sizeof(long);
    unsigned char bytes[AUXV_MAX];
    ssize_t size = fd < 0 ? -1 : io_read_full(fd, bytes, sizeof bytes);

    for (ssize_t at = 0; at + (ssize_t)(2 * word) <= size; at += (ssize_t)(2 * word)) {
        uint64_t type = 0, value = 0;
        memcpy(&type, bytes + at, word); /* both machines are little endian */
        memcpy(&value, bytes + at + word, word);
        if (type == AT_NULL)
            break;
        if (type == AT_ENTRY)
            return value;
    }
    return 0;
}

/* The id by which the thread knows itself: that of its innermost pid namespace. 0: unknown. */
static pid_t inner_id(const struct pidref *process, pid_t id)
{
    _cleanup_close_ int thread_fd = -1;
    struct proc_status status;

    if (task_open(process, id, &thread_fd, NULL) < 0 || proc_status_read(thread_fd, &status) < 0)
        return 0;
    return status.namespace_depth > 0 ? status.namespace_pids[status.namespace_depth - 1] : id;
}

struct target {
    struct map_list maps;
    struct memory *memory;
    struct nptl nptl;
};

static void target_release(struct target *target)
{
    map_list_release(&target->maps);
    memory_free(target->memory);
}
#define _cleanup_target_ _cleanup_(target_release)

static int target_open(const struct pidref *process, struct target *target)
{
    _cleanup_close_ int fd = openat(process->dir_fd, "mem", O_RDONLY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    if (process_is_32_bit(process->dir_fd))
        return -EOPNOTSUPP;
    r = memory_fd_new(fd, &target->memory);
    if (r < 0)
        return r;
    fd = -1;
    r = maps_read(process->dir_fd, &target->maps, NULL);
    return r < 0 ? r : nptl_find(process, &target->maps, target->memory, &target->nptl);
}

uint64_t thread_start_find(const struct pidref *process, pid_t id)
{
    _cleanup_thread_starts_ struct thread_starts starts = {0};
    _cleanup_target_ struct target target = {0};
    pid_t inner;

    if (id == process->pid)
        return program_entry(process);
    inner = inner_id(process, id);
    if (inner == 0 || proc_memory_is_locked(process->dir_fd) || target_open(process, &target) < 0)
        return 0;
    /* threads that come and go can make one walk break off */
    for (unsigned i = 0; i < WALKS_MAX && starts.count == 0; i++)
        if (nptl_walk(&target.nptl, &target.maps, target.memory, inner, &starts) < 0)
            return 0;
    return starts.count > 0 ? starts.items[0].address : 0;
}

static int by_id(const void *left, const void *right)
{
    const struct thread_start *a = left, *b = right;

    return (a->id > b->id) - (a->id < b->id);
}

uint64_t thread_starts_get(const struct thread_starts *starts, pid_t id)
{
    struct thread_start wanted = {.id = id};
    const struct thread_start *found =
        starts->count > 0 ? bsearch(&wanted, starts->items, starts->count, sizeof wanted, by_id) : NULL;

    return found ? found->address : 0;
}

/* From the ids that the threads know to those that we see. */
static int translate(const struct pidref *process, const struct thread_list *list,
                     struct thread_starts *known, struct thread_starts *ret_starts)
{
    bool is_same = inner_id(process, process->pid) == process->pid;
    int r = list->count > 0 ? ARRAY_RESERVE(ret_starts, list->count, LIMIT_THREADS) : 0;

    if (r < 0)
        return r;
    if (known->count > 0)
        qsort(known->items, known->count, sizeof *known->items, by_id);
    for (size_t i = 0; i < list->count; i++) {
        pid_t id = list->items[i].id;
        uint64_t address = id == process->pid
                               ? program_entry(process)
                               : thread_starts_get(known, is_same ? id : inner_id(process, id));
        ret_starts->items[ret_starts->count++] = (struct thread_start){.id = id, .address = address};
    }
    return 0;
}

int thread_starts_read(const struct pidref *process, const struct thread_list *list,
                       struct thread_starts *ret_starts)
{
    _cleanup_thread_starts_ struct thread_starts known = {0};
    _cleanup_target_ struct target target = {0};
    int r = 0;

    if (list->count > 1 && !proc_memory_is_locked(process->dir_fd) && target_open(process, &target) == 0)
        r = nptl_walk(&target.nptl, &target.maps, target.memory, 0, &known);
    return r < 0 ? r : translate(process, list, &known, ret_starts);
}
