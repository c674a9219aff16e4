#include "view/stack_groups.h"

#include "view/java_threads.h"

#include <errno.h>
#include <stdlib.h>

void stack_groups_release(struct stack_groups *groups)
{
    free(groups->items);
    free(groups->threads);
    *groups = (struct stack_groups){0};
}

static int compare_addresses(const void *a, const void *b)
{
    return a == b ? 0 : (uintptr_t)a < (uintptr_t)b ? -1 : 1;
}

/* Addresses tell all: names come from them. But for Python: at the same line the interpreter can be in
 * several places; there names tell, each of which is kept once. */
static int compare_frame(const struct frame *a, const struct frame *b)
{
    int order;

    if (a->is_python != b->is_python)
        return a->is_python ? 1 : -1;
    if (!a->is_python)
        return (a->address > b->address) - (a->address < b->address);
    order = compare_addresses(a->function, b->function);
    if (order == 0)
        order = compare_addresses(a->file, b->file);
    return order ? order : (a->line > b->line) - (a->line < b->line);
}

/* By what they hold alone. */
static int compare_frames(const struct thread_stack *a, const struct thread_stack *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (size_t i = 0; i < a->count; i++) {
        int order = compare_frame(&a->frames[i], &b->frames[i]);

        if (order)
            return order;
    }
    return (a->end > b->end) - (a->end < b->end);
}

static int compare_threads(const struct java_stacks *java, const struct thread_stack *a,
                           const struct thread_stack *b)
{
    int order = compare_frames(a, b);

    return order ? order : java_threads_compare(java, a->thread->id, b->thread->id);
}

/* The same ones beside each other, in their own order. */
static int by_frames(const void *left, const void *right, void *java)
{
    const struct thread_stack *a = *(const struct thread_stack *const *)left;
    const struct thread_stack *b = *(const struct thread_stack *const *)right;
    int order = compare_threads(java, a, b);

    return order ? order : (a > b) - (a < b);
}

static int largest_first(const void *left, const void *right)
{
    const struct stack_group *a = left, *b = right;

    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return (a->threads[0] > b->threads[0]) - (a->threads[0] < b->threads[0]);
}

int stack_groups_make(const struct stacks *stacks, const struct java_stacks *java, bool together,
                      struct stack_groups *ret_groups)
{
    _cleanup_stack_groups_ struct stack_groups groups = {0};

    groups.items = calloc(stacks->count + 1, sizeof groups.items[0]);
    groups.threads = calloc(stacks->count + 1, sizeof groups.threads[0]);
    if (!groups.items || !groups.threads)
        return -ENOMEM;
    for (size_t i = 0; i < stacks->count; i++)
        groups.threads[i] = &stacks->items[i];
    if (together)
        qsort_r(groups.threads, stacks->count, sizeof groups.threads[0], by_frames, (void *)java);
    for (size_t i = 0; i < stacks->count; i++) {
        if (together && i > 0 && compare_threads(java, groups.threads[i - 1], groups.threads[i]) == 0)
            groups.items[groups.count - 1].count++;
        else
            groups.items[groups.count++] = (struct stack_group){&groups.threads[i], 1};
    }
    if (together)
        qsort(groups.items, groups.count, sizeof groups.items[0], largest_first);
    *ret_groups = groups;
    groups = (struct stack_groups){0};
    return 0;
}
