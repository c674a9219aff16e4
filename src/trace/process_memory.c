/* The memory of a process whose first thread is held. A read of /proc/PID/mem goes through a page of the
 * kernel's, and for one place at a time; process_vm_readv copies from many places straight to where they
 * belong. */
#include "trace/trace_parts.h"

#include <errno.h>
#include <sys/uio.h>

enum { AT_ONCE = 256 }; /* the kernel takes 1,024 */

struct process_memory {
    struct memory memory;
    struct memory *of; /* owned: for all else */
    pid_t pid;
};

static ssize_t process_read(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    return memory_read(((const struct process_memory *)memory)->of, address, bytes, size);
}

static size_t process_read_many(const struct memory *memory, const struct memory_piece_read *pieces,
                                size_t count)
{
    const struct process_memory *self = (const struct process_memory *)memory;
    struct iovec here[AT_ONCE] = {0}, there[AT_ONCE] = {0};
    size_t n = count < AT_ONCE ? count : AT_ONCE, whole = 0;
    ssize_t were_read;

    for (size_t i = 0; i < n; i++) {
        here[i] = (struct iovec){pieces[i].bytes, pieces[i].size};
        there[i] = (struct iovec){(void *)(uintptr_t)pieces[i].address, pieces[i].size};
    }
    were_read = process_vm_readv(self->pid, here, n, there, n, 0);
    while (whole < n && were_read >= (ssize_t)pieces[whole].size)
        were_read -= (ssize_t)pieces[whole++].size;
    return whole;
}

static void process_free(struct memory *memory)
{
    memory_free(((struct process_memory *)memory)->of);
    free(memory);
}

static const struct memory_ops process_ops = {
    .name = "process", .read = process_read, .free = process_free, .read_many = process_read_many};

int process_memory_new(struct memory *of, pid_t pid, struct memory **ret_memory)
{
    struct process_memory *self = malloc(sizeof *self);

    if (!self)
        return -ENOMEM;
    *self = (struct process_memory){.memory.ops = &process_ops, .of = of, .pid = pid};
    *ret_memory = &self->memory;
    return 0;
}
