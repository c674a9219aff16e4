#include "view/java_threads.h"

#include <string.h>

/* Strings are kept once, so the same ones are in the same place. */
static int compare_places(const void *left, const void *right)
{
    return (left > right) - (left < right);
}

static int compare_numbers(uint64_t left, uint64_t right)
{
    return (left > right) - (left < right);
}

static int compare_locks(const struct java_lock *a, const struct java_lock *b)
{
    int order = compare_numbers(a->kind, b->kind);

    return order ? order : compare_places(a->class_name, b->class_name);
}

static int compare_frames(const struct java_dump *dump, const struct java_frame *a,
                          const struct java_frame *b)
{
    int order = compare_places(a->class_name, b->class_name);

    if (order == 0)
        order = compare_places(a->method, b->method);
    if (order == 0)
        order = compare_places(a->file, b->file);
    if (order == 0)
        order = compare_numbers(a->line, b->line);
    if (order == 0)
        order = compare_numbers(a->lock_count, b->lock_count);
    for (uint32_t i = 0; i < a->lock_count && order == 0; i++)
        order = compare_locks(&dump->locks.items[a->first_lock + i], &dump->locks.items[b->first_lock + i]);
    return order;
}

static int compare_threads(const struct java_dump *dump, const struct java_thread *a,
                           const struct java_thread *b)
{
    int order = compare_numbers(a->frame_count, b->frame_count);

    if (order == 0)
        order = compare_numbers(a->virtual_count, b->virtual_count);
    if (order == 0)
        order = compare_places(a->state, b->state);
    if (order == 0)
        order = compare_places(a->state_reason, b->state_reason);
    for (uint32_t i = 0; i < a->frame_count + a->virtual_count && order == 0; i++)
        order = compare_frames(dump, &dump->frames.items[a->first_frame + i],
                               &dump->frames.items[b->first_frame + i]);
    return order;
}

int java_threads_compare(const struct java_stacks *java, pid_t left, pid_t right)
{
    const struct java_thread *a = java ? java_stacks_find(java, left) : NULL;
    const struct java_thread *b = java ? java_stacks_find(java, right) : NULL;

    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return compare_threads(&java->dump, a, b);
}

/* Where the locks of a thread's frames begin; the frames of a group have as many. */
static uint32_t first_lock_of(const struct java_dump *dump, const struct java_thread *thread)
{
    return dump->frames.items[thread->first_frame].first_lock;
}

uint64_t java_group_address(const struct java_stacks *java, const struct stack_group *group, uint32_t lock)
{
    const struct java_dump *dump = &java->dump;
    const struct java_thread *first = java_stacks_find(java, group->threads[0]->thread->id);
    uint32_t at = lock - first_lock_of(dump, first);

    for (size_t i = 1; i < group->count; i++) {
        const struct java_thread *thread = java_stacks_find(java, group->threads[i]->thread->id);

        if (dump->locks.items[first_lock_of(dump, thread) + at].address != dump->locks.items[lock].address)
            return 0;
    }
    return dump->locks.items[lock].address;
}
