#include "base/text.h"
#include "view/dotnet_runtime.h"
#include "view/java_threads.h"
#include "view/stacks.h"
#include "view/thread_words.h"

#include <inttypes.h>

enum { NAMED_THREADS_MAX = 12 }; /* of a group, in its heading */

const char *stack_end_words(enum walk_end end)
{
    switch (end) {
    case WALK_OUTERMOST:
        return NULL;
    case WALK_LOST:
        return "no way on from here: neither call frame information nor a frame pointer";
    case WALK_NO_MEMORY:
        return "no way on from here: the stack could not be read any further";
    case WALK_TOO_DEEP:
        return "there are more frames";
    case WALK_LOOP:
        return "no way on from here: the next frame would not be further out";
    }
    return NULL;
}

/* #3  0x00007f12 name+0x12 (libc.so.6) at file.c:12 */
static int append_frame(struct buffer *out, size_t number, const struct frame *frame)
{
    int r = frame->address ? buffer_append_format(out, "  #%-3zu 0x%012" PRIx64 " ", number, frame->address)
                           : buffer_append_format(out, "  #%-3zu %-14s ", number, "");

    if (r >= 0 && frame->is_signal)
        r = buffer_append_string(out, "<signal handler called>");
    else if (r >= 0)
        r = text_escape(frame->function ? frame->function : "??", out);
    if (r >= 0 && frame->function && !frame->inlined && !frame->is_signal && !frame->is_python)
        r = buffer_append_format(out, "+0x%" PRIx64, frame->offset);
    if (r >= 0 && frame->inlined)
        r = buffer_append_string(out, " [inlined]");
    if (r >= 0 && frame->is_python)
        r = buffer_append_string(out, " [python]");
    if (r >= 0 && frame->is_dotnet)
        r = buffer_append_string(out, " [.net]");
    if (r >= 0 && frame->module) {
        r = buffer_append_string(out, " (");
        if (r >= 0)
            r = text_escape(stack_module_name(frame->module), out);
        if (r >= 0 && !frame->function)
            r = buffer_append_format(out, "+0x%" PRIx64, frame->address - frame->module->base);
        if (r >= 0)
            r = buffer_append_string(out, ")");
    }
    if (r >= 0 && frame->file) {
        r = buffer_append_string(out, " at ");
        if (r >= 0)
            r = text_escape(frame->file, out);
        if (r >= 0 && frame->line > 0)
            r = buffer_append_format(out, ":%u", frame->line);
    }
    return r < 0 ? r : buffer_append_string(out, "\n");
}

static int append_thread(struct buffer *out, const struct capture_thread *thread)
{
    int r = buffer_append_format(out, "%d", (int)thread->id);

    if (r < 0 || !thread->name[0])
        return r;
    r = buffer_append_string(out, " \"");
    if (r >= 0)
        r = text_escape(thread->name, out);
    return r < 0 ? r : buffer_append_string(out, "\"");
}

static int append_heading(struct buffer *out, const struct stack_group *group)
{
    const struct capture_thread *first = group->threads[0]->thread;
    int r;

    if (group->count == 1) {
        r = buffer_append_string(out, "thread ");
        if (r >= 0)
            r = append_thread(out, first);
        if (r >= 0 && first->state)
            r = buffer_append_format(out, " %s", thread_state_word(first->state));
        return r < 0 ? r : buffer_append_string(out, "\n");
    }
    r = buffer_append_format(out, "%zu threads: ", group->count);
    for (size_t i = 0; i < group->count && i < NAMED_THREADS_MAX && r >= 0; i++) {
        if (i > 0)
            r = buffer_append_string(out, ", ");
        if (r >= 0)
            r = append_thread(out, group->threads[i]->thread);
    }
    if (r >= 0 && group->count > NAMED_THREADS_MAX)
        r = buffer_append_format(out, " and %zu more", group->count - NAMED_THREADS_MAX);
    return r < 0 ? r : buffer_append_string(out, "\n");
}

static int append_group(struct buffer *out, const struct java_stacks *java, const struct stack_group *group)
{
    const struct thread_stack *stack = group->threads[0];
    const char *end = stack_end_words(stack->end);
    int r = append_heading(out, group);

    for (size_t i = 0; i < stack->count && r >= 0; i++)
        r = append_frame(out, i, &stack->frames[i]);
    if (r >= 0 && end)
        r = buffer_append_format(out, "  (%s)\n", end);
    return r < 0 ? r : java_text_group(out, java, group);
}

static int append_process(struct buffer *out, const struct stacks_view *view)
{
    const struct capture *capture = view->capture;
    int r = buffer_append_format(out, "process %d ", (int)capture->pid);

    if (r >= 0)
        r = text_escape(capture->name, out);
    if (r >= 0)
        r = buffer_append_format(out, ": %zu thread%s", view->stacks->count,
                                 view->stacks->count == 1 ? "" : "s");
    if (r >= 0 && capture->held_ns > 0)
        r = buffer_append_format(out, ", held for %.1f ms", (double)capture->held_ns / 1e6);
    return r < 0 ? r : buffer_append_string(out, "\n");
}

static int append_given_up(struct buffer *out, const struct stacks *stacks)
{
    int r =
        buffer_append_string(out, "\nWhat was found out of these files is not all, since it took too long: ");

    for (size_t i = 0; i < stacks->given_up_count && i < STACKS_GIVEN_UP && r >= 0; i++) {
        r = i > 0 ? buffer_append_string(out, ", ") : 0;
        if (r >= 0)
            r = text_escape(stack_module_name(stacks->given_up[i]), out);
    }
    if (r >= 0 && stacks->given_up_count > STACKS_GIVEN_UP)
        r = buffer_append_format(out, " and %zu more", stacks->given_up_count - STACKS_GIVEN_UP);
    return r < 0 ? r : buffer_append_string(out, ".\n");
}

int stacks_text(struct buffer *out, const struct stacks_view *view)
{
    _cleanup_stack_groups_ struct stack_groups groups = {0};
    int r = stack_groups_make(view->stacks, view->java, view->together, &groups);

    if (r == 0)
        r = append_process(out, view);
    if (r >= 0)
        r = java_text_runtime(out, view->java);
    if (r >= 0)
        r = dotnet_text_runtime(out, view->dotnet);
    for (size_t i = 0; i < groups.count && r >= 0; i++) {
        r = buffer_append_string(out, "\n");
        if (r >= 0)
            r = append_group(out, view->java, &groups.items[i]);
    }
    if (r >= 0 && view->stacks->count > 1)
        r = java_text_others(out, view->java);
    if (r >= 0 && view->stacks->given_up_count > 0)
        r = append_given_up(out, view->stacks);
    return r < 0 ? r : 0;
}
