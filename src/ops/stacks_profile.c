#include "ops/stacks_profile.h"

#include "base/limits.h"

#include <errno.h>

struct conversion {
    const struct stacks_view *view;
    struct profile *profile;
    uint32_t *of_module; /* number in the profile, by module of the capture; MODULE_NONE: not yet */
    uint64_t time;       /* of the next: in the order of the view */
};

static int number_of(struct conversion *self, const struct module *module, uint32_t *ret_number)
{
    uint32_t *number = &self->of_module[module - self->view->capture->modules.items];
    const struct profile_module_facts facts = {
        .path = module->path, .start = module->base, .end = module->base + module->size};
    int r = *number == MODULE_NONE ? profile_add_module(self->profile, &facts, number) : 0;

    *ret_number = *number;
    return r;
}

static int add_frame(struct conversion *self, const struct frame *frame, uint32_t *ret_number)
{
    struct profile_frame_facts facts = {.function =
                                            frame->is_signal ? "<signal handler called>" : frame->function,
                                        .file = frame->file,
                                        .line = frame->line,
                                        .address = frame->address,
                                        .inlined = frame->inlined};
    int r = frame->module ? number_of(self, frame->module, &facts.module) : 0;

    return r < 0 ? r : profile_intern_frame(self->profile, &facts, ret_number);
}

/* What it keeps of deeper ones, LIMIT_PROFILE_DEPTH functions, is its own business. */
static int add_stack(struct conversion *self, const struct thread_stack *stack, uint32_t thread)
{
    uint32_t frames[LIMIT_PROFILE_DEPTH + 1] = {FRAME_NO_STACK};
    size_t count = 0;
    int r = 0;

    for (; r == 0 && count < stack->count && count < ELEMENTS_OF(frames); count++)
        r = add_frame(self, &stack->frames[count], &frames[count]);
    return r < 0 ? r : profile_add_sample(self->profile, self->time++, thread, frames, count > 0 ? count : 1);
}

static int add_group(struct conversion *self, const struct stack_group *group)
{
    const struct capture *capture = self->view->capture;
    uint32_t number;
    int r = 0;

    for (size_t i = 0; i < group->count && r == 0; i++) {
        const struct capture_thread *thread = group->threads[i]->thread;

        r = self->view->together ? profile_add_thread(self->profile, capture->pid, "all threads", &number)
                                 : profile_add_thread(self->profile, thread->id, thread->name, &number);
        if (r == 0)
            r = add_stack(self, group->threads[i], number);
    }
    return r;
}

int stacks_profile(const struct stacks_view *view, struct profile *ret_profile)
{
    const struct profile_facts facts = {.pid = view->capture->pid,
                                        .name = view->capture->name,
                                        .began = view->capture->time,
                                        .period = 1,
                                        .what = PROFILE_INSTANT};
    _cleanup_free_ uint32_t *of_module =
        calloc(view->capture->modules.count + 1, sizeof of_module[0]); /* MODULE_NONE is 0 */
    _cleanup_stack_groups_ struct stack_groups groups = {0};
    _cleanup_profile_ struct profile profile = {0};
    struct conversion self = {.view = view, .profile = &profile, .of_module = of_module};
    int r = of_module ? profile_init(&profile, &facts) : -ENOMEM;

    if (r == 0)
        r = stack_groups_make(view->stacks, NULL, view->together, &groups);
    for (size_t i = 0; i < groups.count && r == 0; i++)
        r = add_group(&self, &groups.items[i]);
    if (r < 0)
        return r;
    profile.duration = self.time;
    *ret_profile = profile;
    profile = (struct profile){0};
    return 0;
}
