/* Java's threads beside the native ones; used by stacks_*.c and stack_groups.c. All accept NULL for java:
 * there is no Java virtual machine. */
#pragma once

#include "base/json.h"
#include "runtime/java_stacks.h"
#include "view/stack_groups.h"

/* < 0, 0, > 0: whether two of a capture's threads are in the same Java frames, waiting for the same kinds of
 * locks. */
int java_threads_compare(const struct java_stacks *java, pid_t left, pid_t right);

/* The member "runtime": which virtual machine it is, and what is wrong; with others the threads of Java that
 * are none of the captured ones, too. */
void java_member_runtime(struct json *json, const struct java_stacks *java, bool others);
/* The member "java" of a thread: all of it, or without frames. None where Java knows no such thread. */
void java_member_thread(struct json *json, const struct java_stacks *java, pid_t tid, bool frames);
/* The member "java" of a group: the frames alone. Locks have an address where all of them have the same. */
void java_member_group(struct json *json, const struct java_stacks *java, const struct stack_group *group);

/* The same for people, as the virtual machine writes them. */
int java_text_runtime(struct buffer *out, const struct java_stacks *java) _must_check_;
int java_text_group(struct buffer *out, const struct java_stacks *java,
                    const struct stack_group *group) _must_check_;
int java_text_others(struct buffer *out, const struct java_stacks *java) _must_check_;

/* Of the lock at this place among the thread's: its address, where the whole group has the same; else 0. */
uint64_t java_group_address(const struct java_stacks *java, const struct stack_group *group, uint32_t lock);
