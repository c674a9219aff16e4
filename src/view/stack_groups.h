/* Threads whose stacks are the same, put together: of 500 threads of a pool there are few different ones. */
#pragma once

#include "unwind/stack.h"

struct java_stacks;

struct stack_group {
    const struct thread_stack *const *threads; /* in the order of the stacks */
    size_t count;
};

struct stack_groups {
    struct stack_group *items;
    size_t count;
    const struct thread_stack **threads; /* of all groups */
};

/* together: one group for all threads with the same frames, of Java (NULL: none), too, the largest first;
 * else each thread is one, as they come. The stacks must outlive it. -ENOMEM. */
int stack_groups_make(const struct stacks *stacks, const struct java_stacks *java, bool together,
                      struct stack_groups *ret_groups) _must_check_;
void stack_groups_release(struct stack_groups *groups);
#define _cleanup_stack_groups_ _cleanup_(stack_groups_release)
