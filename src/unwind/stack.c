#include "unwind/stack.h"

#include "base/limits.h"
#include "unwind/stack_merge.h"

#include <errno.h>
#include <string.h>

/* The stacks of one thread where they were copied, all else through another memory. */
struct stack_memory {
    struct memory memory;
    const struct capture *capture;
    const struct capture_thread *thread;
    const struct memory *beyond; /* NULL: there is nothing else */
};

static ssize_t stack_memory_read(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    const struct stack_memory *self = (const struct stack_memory *)memory;
    size_t copied = capture_read_stack(self->capture, self->thread, address, bytes, size);

    if (copied < size && self->beyond) {
        ssize_t n = memory_read(self->beyond, address + copied, (char *)bytes + copied, size - copied);

        if (n > 0)
            copied += (size_t)n;
    }
    return copied > 0 ? (ssize_t)copied : -EIO;
}

static const struct memory_ops stack_memory_ops = {.name = "stack", .read = stack_memory_read};

struct unwinding {
    struct stack_memory memory;
    struct walk_process process;
    struct stack_names names;
    struct walked_frame *walked; /* owned */
    size_t most;
    struct stack_merge merge; /* its most: frames that all other threads together may still have */
};

static void unwinding_release(struct unwinding *unwinding)
{
    stack_merge_release(&unwinding->merge);
    stack_names_release(&unwinding->names);
    images_free(unwinding->process.images);
    free(unwinding->walked);
}

static int unwinding_init(const struct capture *capture, const struct stacks_options *options,
                          struct string_pool *strings, struct unwinding *unwinding)
{
    unsigned most = options->most_frames ? options->most_frames : LIMIT_FRAMES;
    int r;

    unwinding->memory =
        (struct stack_memory){.memory.ops = &stack_memory_ops, .capture = capture, .beyond = options->memory};
    unwinding->most = most < LIMIT_FRAMES ? most : LIMIT_FRAMES;
    unwinding->walked = calloc(unwinding->most, sizeof unwinding->walked[0]);
    if (!unwinding->walked)
        return -ENOMEM;
    unwinding->process.maps = &capture->maps;
    unwinding->process.memory = &unwinding->memory.memory;
    r = images_new(&capture->maps, &capture->modules, options->process, options->memory,
                   &unwinding->process.images);
    if (r == 0)
        images_limit(unwinding->process.images);
    unwinding->names = (struct stack_names){
        .images = unwinding->process.images, .strings = strings, .lines = options->lines};
    unwinding->merge = (struct stack_merge){.names = &unwinding->names,
                                            .strings = strings,
                                            .python = options->python,
                                            .maps = &capture->maps,
                                            .most = LIMIT_FRAMES_ALL};
    return r;
}

static int thread_unwind(struct unwinding *unwinding, const struct capture_thread *thread,
                         struct thread_stack *ret_stack)
{
    size_t walked;
    int r;

    *ret_stack = (struct thread_stack){.thread = thread, .end = WALK_LOST};
    if (registers_program_counter(&thread->registers) == 0 &&
        registers_stack_pointer(&thread->registers) == 0)
        return 0; /* it ended before they were read, or was not held */
    unwinding->memory.thread = thread;
    walked = walk_stack(&unwinding->process, &thread->registers, unwinding->walked, unwinding->most,
                        &ret_stack->end);
    r = stack_merge(&unwinding->merge, thread->id, unwinding->walked, walked, &ret_stack->end);
    if (r < 0 || unwinding->merge.frames.count == 0)
        return r;
    ret_stack->frames = calloc(unwinding->merge.frames.count, sizeof ret_stack->frames[0]);
    if (!ret_stack->frames)
        return -ENOMEM;
    ret_stack->count = unwinding->merge.frames.count;
    memcpy(ret_stack->frames, unwinding->merge.frames.items, ret_stack->count * sizeof ret_stack->frames[0]);
    unwinding->merge.most -= ret_stack->count;
    return 0;
}

int stacks_unwind(const struct capture *capture, const struct stacks_options *options,
                  struct stacks *ret_stacks)
{
    _cleanup_stacks_ struct stacks stacks = {.strings = string_pool_new(LIMIT_STACK_STRINGS)};
    _cleanup_(unwinding_release) struct unwinding unwinding = {0};
    int r;

    stacks.items = calloc(capture->thread_count ? capture->thread_count : 1, sizeof stacks.items[0]);
    if (!stacks.strings || !stacks.items)
        return -ENOMEM;
    r = unwinding_init(capture, options, stacks.strings, &unwinding);
    for (size_t i = 0; r == 0 && i < capture->thread_count; i++)
        if (options->only == 0 || options->only == capture->threads[i].id)
            r = thread_unwind(&unwinding, &capture->threads[i], &stacks.items[stacks.count++]);
    if (r < 0)
        return r;
    stacks.given_up_count =
        images_given_up(unwinding.process.images, stacks.given_up, ELEMENTS_OF(stacks.given_up));
    *ret_stacks = stacks;
    stacks = (struct stacks){0};
    return 0;
}

void stacks_release(struct stacks *stacks)
{
    for (size_t i = 0; i < stacks->count; i++)
        free(stacks->items[i].frames);
    free(stacks->items);
    string_pool_free(stacks->strings);
    *stacks = (struct stacks){0};
}
