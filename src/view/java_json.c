#include "view/java_threads.h"
#include "view/kudu_member.h"

#include <inttypes.h>

/* group NULL: of one thread */
static void write_lock(struct json *json, const struct java_stacks *java, uint32_t at,
                       const struct stack_group *group)
{
    const struct java_lock *lock = &java->dump.locks.items[at];
    uint64_t address = group ? java_group_address(java, group, at) : lock->address;

    json_object_begin(json);
    json_member_string(json, "kind", java_lock_words(lock->kind));
    if (address) {
        json_key(json, "address");
        json_format(json, "%" PRIx64, address);
    }
    kudu_member_text(json, "class", lock->class_name);
    json_object_end(json);
}

static void member_locks(struct json *json, const char *key, const struct java_stacks *java, uint32_t first,
                         uint32_t count, const struct stack_group *group)
{
    if (count == 0)
        return;
    json_key(json, key);
    json_array_begin(json);
    for (uint32_t i = 0; i < count; i++)
        write_lock(json, java, first + i, group);
    json_array_end(json);
}

static void member_frames(struct json *json, const struct java_stacks *java, uint32_t first, uint32_t count,
                          const struct stack_group *group)
{
    json_key(json, "frames");
    json_array_begin(json);
    for (uint32_t i = 0; i < count; i++) {
        const struct java_frame *frame = &java->dump.frames.items[first + i];

        json_object_begin(json);
        kudu_member_text(json, "class", frame->class_name);
        json_member_string(json, "method", frame->method);
        kudu_member_text(json, "module", frame->module);
        kudu_member_text(json, "file", frame->file);
        kudu_member_number(json, "line", frame->line);
        kudu_member_flag(json, "native", frame->is_native);
        member_locks(json, "locks", java, frame->first_lock, frame->lock_count, group);
        json_object_end(json);
    }
    json_array_end(json);
}

static void members_frames(struct json *json, const struct java_stacks *java,
                           const struct java_thread *thread, const struct stack_group *group)
{
    member_frames(json, java, thread->first_frame, thread->frame_count, group);
    kudu_member_flag(json, "more_frames", thread->has_more);
    if (thread->virtual_number == 0)
        return;
    json_key(json, "virtual_thread");
    json_object_begin(json);
    if (!group || group->count == 1)
        json_member_u64(json, "id", thread->virtual_number);
    if (thread->virtual_count > 0)
        member_frames(json, java, thread->first_frame + thread->frame_count, thread->virtual_count, group);
    json_object_end(json);
}

static void write_thread(struct json *json, const struct java_stacks *java, const struct java_thread *thread,
                         bool frames)
{
    json_object_begin(json);
    json_member_string(json, "name", thread->name);
    kudu_member_number(json, "id", (int64_t)thread->number);
    kudu_member_flag(json, "daemon", thread->is_daemon);
    kudu_member_text(json, "state", thread->state);
    kudu_member_text(json, "state_reason", thread->state_reason);
    if (frames)
        members_frames(json, java, thread, NULL);
    member_locks(json, "synchronizers", java, thread->first_owned, thread->owned_count, NULL);
    json_object_end(json);
}

void java_member_thread(struct json *json, const struct java_stacks *java, pid_t tid, bool frames)
{
    const struct java_thread *thread = java ? java_stacks_find(java, tid) : NULL;

    if (!thread)
        return;
    json_key(json, "java");
    write_thread(json, java, thread, frames);
}

void java_member_group(struct json *json, const struct java_stacks *java, const struct stack_group *group)
{
    const struct java_thread *first = java ? java_stacks_find(java, group->threads[0]->thread->id) : NULL;

    if (!first)
        return;
    json_key(json, "java");
    json_object_begin(json);
    members_frames(json, java, first, group);
    json_object_end(json);
}

static void member_others(struct json *json, const struct java_stacks *java)
{
    json_key(json, "other_threads");
    json_array_begin(json);
    for (size_t i = 0; i < java->dump.threads.count; i++)
        if (java->dump.threads.items[i].tid == 0)
            write_thread(json, java, &java->dump.threads.items[i], true);
    json_array_end(json);
}

void java_member_runtime(struct json *json, const struct java_stacks *java, bool others)
{
    if (!java || java->kind == JVM_NONE)
        return;
    json_key(json, "runtime");
    json_object_begin(json);
    json_member_string(json, "kind", "java");
    kudu_member_text(json, "name", java->kind == JVM_OPENJ9 ? "OpenJ9" : java->dump.machine);
    kudu_member_text(json, "version", java->dump.version);
    kudu_member_date(json, "time_stamp", java->time);
    kudu_member_number(json, "deadlocks", (int64_t)java->dump.deadlocks);
    if (java->error.code)
        json_member_string(json, "error", java->error.text);
    if (others && java->dump.threads.count > 0)
        member_others(json, java);
    json_object_end(json);
}
