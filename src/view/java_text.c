#include "base/text.h"
#include "view/java_threads.h"

#include <inttypes.h>

static int append_if(struct buffer *out, const char *before, const char *text, const char *behind)
{
    int r = text && *text ? buffer_append_string(out, before) : 0;

    if (r < 0 || !text || !*text)
        return r;
    r = text_escape(text, out);
    return r < 0 ? r : buffer_append_string(out, behind);
}

/* - waiting to lock <0xffd1a860> (a java.lang.Object) */
static int append_lock(struct buffer *out, const struct java_lock *lock, const char *words, uint64_t address)
{
    int r = buffer_append_format(out, "    - %s", words);

    if (r >= 0 && address)
        r = buffer_append_format(out, " <0x%" PRIx64 ">", address);
    if (r >= 0)
        r = lock->kind == JAVA_WAITING_FOR_CLASS ? append_if(out, " ", lock->class_name, "")
                                                 : append_if(out, " (a ", lock->class_name, ")");
    return r < 0 ? r : buffer_append_string(out, "\n");
}

static int append_place(struct buffer *out, const struct java_frame *frame)
{
    int r = append_if(out, "", frame->module, "/");

    if (r < 0 || frame->is_native)
        return r < 0 ? r : buffer_append_string(out, "Native Method");
    if (!frame->file)
        return buffer_append_string(out, "Unknown Source");
    r = text_escape(frame->file, out);
    return r < 0 || frame->line == 0 ? r : buffer_append_format(out, ":%u", frame->line);
}

static int append_frame(struct buffer *out, const struct java_stacks *java, const struct java_frame *frame,
                        const struct stack_group *group)
{
    int r = buffer_append_string(out, "    at ");

    if (r >= 0)
        r = append_if(out, "", frame->class_name, ".");
    if (r >= 0)
        r = text_escape(frame->method, out);
    if (r >= 0)
        r = buffer_append_string(out, "(");
    if (r >= 0)
        r = append_place(out, frame);
    if (r >= 0)
        r = buffer_append_string(out, ")\n");
    for (uint32_t i = 0; i < frame->lock_count && r >= 0; i++) {
        uint32_t at = frame->first_lock + i;
        const struct java_lock *lock = &java->dump.locks.items[at];

        r = append_lock(out, lock, java_lock_words(lock->kind),
                        group ? java_group_address(java, group, at) : lock->address);
    }
    return r;
}

static int append_frames(struct buffer *out, const struct java_stacks *java, const struct java_thread *thread,
                         const struct stack_group *group)
{
    const struct java_frame *frames = &java->dump.frames.items[thread->first_frame];
    int r = 0;

    for (uint32_t i = 0; i < thread->frame_count && r >= 0; i++)
        r = append_frame(out, java, &frames[i], group);
    if (r >= 0 && thread->has_more)
        r = buffer_append_string(out, "    ...\n");
    if (r >= 0 && thread->virtual_count > 0)
        r = buffer_append_string(out, "    mounted virtual thread:\n");
    for (uint32_t i = thread->frame_count; i < thread->frame_count + thread->virtual_count && r >= 0; i++)
        r = append_frame(out, java, &frames[i], group);
    for (uint32_t i = 0; i < thread->owned_count && r >= 0 && (!group || group->count == 1); i++) {
        const struct java_lock *lock = &java->dump.locks.items[thread->first_owned + i];

        r = append_lock(out, lock, "holds", lock->address);
    }
    return r;
}

/*   Java "main" #1 daemon WAITING (parking) */
static int append_heading(struct buffer *out, const struct java_thread *thread, bool named)
{
    int r = buffer_append_string(out, "  Java");

    if (r >= 0 && named)
        r = append_if(out, " \"", thread->name[0] ? thread->name : " ", "\"");
    if (r >= 0 && named && thread->number)
        r = buffer_append_format(out, " #%" PRIu64, thread->number);
    if (r >= 0 && named && thread->is_daemon)
        r = buffer_append_string(out, " daemon");
    if (r >= 0)
        r = append_if(out, " ", thread->state, "");
    if (r >= 0)
        r = append_if(out, " (", thread->state_reason, ")");
    if (r >= 0 && thread->virtual_number)
        r = named ? buffer_append_format(out, " carrying virtual thread #%" PRIu64, thread->virtual_number)
                  : buffer_append_string(out, " carrying a virtual thread");
    return r < 0 ? r : buffer_append_string(out, "\n");
}

int java_text_group(struct buffer *out, const struct java_stacks *java, const struct stack_group *group)
{
    const struct java_thread *first = java ? java_stacks_find(java, group->threads[0]->thread->id) : NULL;
    int r = first ? append_heading(out, first, group->count == 1) : 0;

    return r < 0 || !first ? r : append_frames(out, java, first, group);
}

int java_text_others(struct buffer *out, const struct java_stacks *java)
{
    bool any = false;
    int r = 0;

    for (size_t i = 0; java && i < java->dump.threads.count && r >= 0; i++) {
        const struct java_thread *thread = &java->dump.threads.items[i];

        if (thread->tid != 0)
            continue;
        if (!any)
            r = buffer_append_string(out, "\nthreads that Java had when it was asked, a moment later\n");
        any = true;
        if (r >= 0)
            r = append_heading(out, thread, true);
        if (r >= 0)
            r = append_frames(out, java, thread, NULL);
    }
    return r;
}

int java_text_runtime(struct buffer *out, const struct java_stacks *java)
{
    const struct java_dump *dump = java ? &java->dump : NULL;
    int r = 0;

    if (!java || java->kind == JVM_NONE)
        return 0;
    if (dump->machine) {
        r = append_if(out, "", dump->machine, "");
        if (r >= 0)
            r = append_if(out, " ", dump->version, "");
        if (r >= 0)
            r = buffer_append_string(out, ", asked a moment later");
        if (r >= 0 && dump->deadlocks)
            r = buffer_append_format(out, ": %" PRIu64 " deadlock%s", dump->deadlocks,
                                     dump->deadlocks == 1 ? "" : "s");
        if (r >= 0)
            r = buffer_append_string(out, "\n");
    }
    if (r >= 0 && java->error.code)
        r = append_if(out, dump->machine ? "" : "no Java frames: ", java->error.text, "\n");
    return r;
}
