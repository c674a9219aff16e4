/* The members are named as in Kudu's other objects. */
#include "view/dotnet_runtime.h"
#include "view/java_threads.h"
#include "view/kudu_member.h"
#include "view/stacks.h"
#include "view/thread_words.h"

#include <inttypes.h>
#include <string.h>

const char *stack_module_name(const struct module *module)
{
    const char *slash = strrchr(module->path, '/');

    return slash && slash[1] ? slash + 1 : module->path;
}

static const char *found_word(enum walked_by by)
{
    switch (by) {
    case WALKED_BY_REGISTERS:
        return "registers";
    case WALKED_BY_CFI:
        return "cfi";
    case WALKED_BY_FRAME_POINTER:
        return "frame_pointer";
    case WALKED_BY_GUESS:
        return "guess";
    }
    return NULL;
}

static const char *end_word(enum walk_end end)
{
    switch (end) {
    case WALK_OUTERMOST:
        return "outermost";
    case WALK_LOST:
        return "lost";
    case WALK_NO_MEMORY:
        return "no_memory";
    case WALK_TOO_DEEP:
        return "too_deep";
    case WALK_LOOP:
        return "loop";
    }
    return NULL;
}

static void members_module(struct json *json, const struct module *module)
{
    json_member_string(json, "module", stack_module_name(module));
    kudu_member_build_id(json, module);
}

/* The module, offset and how it was found are those of the interpreter, and not of it. */
static void write_python_frame(struct json *json, const struct frame *frame)
{
    json_object_begin(json);
    json_member_string(json, "kind", "python");
    if (frame->address) {
        json_key(json, "address");
        json_format(json, "%" PRIx64, frame->address);
    }
    json_member_string(json, "function", frame->function ? frame->function : "");
    kudu_member_text(json, "file", frame->file);
    kudu_member_number(json, "line", frame->line);
    json_object_end(json);
}

static void write_frame(struct json *json, const struct frame *frame)
{
    if (frame->is_python) {
        write_python_frame(json, frame);
        return;
    }
    json_object_begin(json);
    if (frame->is_dotnet)
        json_member_string(json, "kind", "dotnet");
    json_key(json, "address");
    json_format(json, "%" PRIx64, frame->address);
    if (frame->module)
        members_module(json, frame->module);
    if (frame->function) {
        json_member_string(json, "function", frame->function);
        if (!frame->inlined)
            json_member_u64(json, "offset", frame->offset);
    } else if (frame->module) {
        json_member_u64(json, "module_offset", frame->address - frame->module->base);
    }
    kudu_member_text(json, "file", frame->file);
    kudu_member_number(json, "line", frame->line);
    kudu_member_flag(json, "inlined", frame->inlined);
    kudu_member_flag(json, "signal", frame->is_signal);
    json_member_string(json, "found_by", found_word(frame->by));
    json_object_end(json);
}

static void member_frames(struct json *json, const struct thread_stack *stack)
{
    json_key(json, "frames");
    json_array_begin(json);
    for (size_t i = 0; i < stack->count; i++)
        write_frame(json, &stack->frames[i]);
    json_array_end(json);
    json_member_string(json, "end", end_word(stack->end));
}

static void members_thread(struct json *json, const struct stacks_view *view,
                           const struct capture_thread *thread)
{
    json_member_i64(json, "id", thread->id);
    if (view->style) {
        json_key(json, "href");
        json_format(json, "%s/%d/threads/%d", kudu_collection(view->style), (int)view->capture->pid,
                    (int)thread->id);
    }
    kudu_member_text(json, "name", thread->name);
    if (thread->state)
        json_member_string(json, "state", thread_state_word(thread->state));
    kudu_member_time_span(json, "total_processor_time", thread->user_time + thread->system_time);
}

static void member_given_up(struct json *json, const struct stacks *stacks)
{
    if (!stacks->given_up_count)
        return;
    json_key(json, "given_up");
    json_array_begin(json);
    for (size_t i = 0; i < stacks->given_up_count && i < STACKS_GIVEN_UP; i++)
        json_text(json, stack_module_name(stacks->given_up[i]));
    json_array_end(json);
    json_member_u64(json, "given_up_count", stacks->given_up_count);
}

static void write_stack(struct json *json, const struct stacks_view *view, const struct thread_stack *stack,
                        bool alone)
{
    json_object_begin(json);
    members_thread(json, view, stack->thread);
    member_frames(json, stack);
    java_member_thread(json, view->java, stack->thread->id, true);
    if (alone) {
        java_member_runtime(json, view->java, false);
        dotnet_member_runtime(json, view->dotnet);
        member_given_up(json, view->stacks);
    }
    json_object_end(json);
}

void stack_json(struct json *json, const struct stacks_view *view, const struct thread_stack *stack)
{
    write_stack(json, view, stack, true);
}

static void write_group(struct json *json, const struct stacks_view *view, const struct stack_group *group)
{
    json_object_begin(json);
    json_member_u64(json, "count", group->count);
    json_key(json, "threads");
    json_array_begin(json);
    for (size_t i = 0; i < group->count; i++) {
        json_object_begin(json);
        members_thread(json, view, group->threads[i]->thread);
        java_member_thread(json, view->java, group->threads[i]->thread->id, false);
        json_object_end(json);
    }
    json_array_end(json);
    member_frames(json, group->threads[0]);
    java_member_group(json, view->java, group);
    json_object_end(json);
}

static void members_process(struct json *json, const struct stacks_view *view)
{
    const struct capture *capture = view->capture;

    json_member_i64(json, "id", capture->pid);
    json_member_string(json, "name", capture->name);
    if (view->style)
        kudu_member_href(json, view->style, "href", capture->pid, "");
    kudu_member_date(json, "time_stamp", capture->time);
    kudu_member_number(json, "held_microseconds", (int64_t)(capture->held_ns / 1000));
    json_member_u64(json, "thread_count", view->stacks->count);
    java_member_runtime(json, view->java, true);
    dotnet_member_runtime(json, view->dotnet);
}

void stacks_json(struct json *json, const struct stacks_view *view)
{
    _cleanup_stack_groups_ struct stack_groups groups = {0};
    int r = stack_groups_make(view->stacks, view->java, view->together, &groups);

    if (r < 0) {
        json->error = json->error ? json->error : r;
        return;
    }
    json_object_begin(json);
    members_process(json, view);
    json_key(json, view->together ? "groups" : "threads");
    json_array_begin(json);
    for (size_t i = 0; i < groups.count; i++) {
        if (view->together)
            write_group(json, view, &groups.items[i]);
        else
            write_stack(json, view, groups.items[i].threads[0], false);
    }
    json_array_end(json);
    member_given_up(json, view->stacks);
    json_object_end(json);
}
