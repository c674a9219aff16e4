#include "unwind/stack_merge.h"

#include "base/array.h"
#include "base/limits.h"

#include <errno.h>
#include <string.h>

void stack_merge_release(struct stack_merge *merge)
{
    free(merge->frames.items);
    *merge = (struct stack_merge){0};
}

static int add(struct stack_merge *merge, const struct frame *frame)
{
    int r = merge->frames.count < merge->most ? ARRAY_RESERVE(&merge->frames, 1, LIMIT_FRAMES_ALL) : -ENOBUFS;

    if (r == 0)
        merge->frames.items[merge->frames.count++] = *frame;
    return r;
}

/* By its name, which is exported. Compilers put parts of it elsewhere: those have the name with a suffix. */
static bool is_evaluation(const struct frame *frame)
{
    static const char name[] = "_PyEval_EvalFrameDefault";

    return frame->function && strncmp(frame->function, name, sizeof name - 1) == 0;
}

static int add_run(struct stack_merge *merge, const struct python_run *run, const struct walked_frame *walked,
                   uint64_t address)
{
    const struct python_frame *frames = python_run_frames(merge->python, run);
    int r = 0;

    for (size_t i = 0; i < run->count && r == 0; i++) {
        const struct frame frame = {.address = address,
                                    .function = string_pool_add(merge->strings, frames[i].function),
                                    .file = frames[i].file ? string_pool_add(merge->strings, frames[i].file)
                                                           : NULL,
                                    .line = frames[i].line,
                                    .is_python = true,
                                    .by = walked->by};

        r = add(merge, &frame);
    }
    return r == 0 && run->is_cut ? -ENOBUFS : r;
}

/* Behind the highest address that can belong to it: where the next frame begins. Behind the last one, and a
 * signal that came in on a stack of its own, that is the end of the mapping. */
static uint64_t end_of(const struct stack_merge *merge, const struct walked_frame *walked, bool is_last)
{
    const struct map *map;

    if (!is_last && walked[1].position > walked[0].position)
        return walked[1].position;
    map = maps_find(merge->maps, walked[0].position);
    return map ? map->end : walked[0].position;
}

static size_t runs_of(const struct stack_merge *merge, const struct walked_frame *walked, bool is_last,
                      const struct python_run **ret_runs)
{
    if (!merge->python)
        return 0;
    return python_runs(merge->python, walked->position, end_of(merge, walked, is_last), ret_runs);
}

/* A run takes the place of the function that runs it. Further ones, behind where the C functions are lost,
 * have none to take the place of. */
static int add_walked(struct stack_merge *merge, pid_t thread, const struct walked_frame *walked,
                      bool is_last)
{
    const struct python_run *runs = NULL;
    const struct frame *frames;
    size_t count, run_count = runs_of(merge, walked, is_last, &runs), next = 0;
    int r = stack_names_get(merge->names, walked, &frames, &count);

    for (size_t i = 0; i < count && r == 0; i++) {
        struct frame frame = frames[i];

        frame.by = walked->by;
        frame.is_return = walked->is_return;
        frame.is_signal = walked->is_signal;
        while (next < run_count && !python_run_is_of(merge->python, &runs[next], thread))
            next++;
        if (next < run_count && is_evaluation(&frame))
            r = add_run(merge, &runs[next++], walked, frame.address);
        else
            r = add(merge, &frame);
    }
    for (; next < run_count && r == 0; next++)
        if (python_run_is_of(merge->python, &runs[next], thread))
            r = add_run(merge, &runs[next], walked, 0);
    return r;
}

int stack_merge(struct stack_merge *merge, pid_t thread, const struct walked_frame *walked, size_t count,
                enum walk_end *end)
{
    int r = 0;

    merge->frames.count = 0;
    for (size_t i = 0; i < count && r == 0; i++)
        r = add_walked(merge, thread, &walked[i], i + 1 == count);
    if (r == -ENOBUFS)
        *end = WALK_TOO_DEEP;
    return r == -ENOBUFS ? 0 : r;
}
