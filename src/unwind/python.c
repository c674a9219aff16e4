#include "unwind/python.h"

#include "base/array.h"
#include "base/limits.h"
#include "unwind/python_code.h"
#include "unwind/python_memory.h"
#include "unwind/python_parts.h"

#include <errno.h>
#include <string.h>

enum { OWNER_MOST = 2, FRAME_MAX = 1024, TAGS = 7 /* low bits of a reference, from 3.14 on */ };

struct reader {
    struct python *python;
    struct python_layout layout;
    struct python_memory memory;
    struct python_codes codes;
    size_t states; /* interpreters and threads that may still be looked at */
    size_t steps;  /* frames likewise */
};

/* One thread of the interpreter. */
struct thread {
    struct reader *reader;
    uint64_t native_id;
    uint64_t stack_top,
        stack_limit; /* from the one to the other the frames' memory is not in use; 0: unknown */
    size_t frames;   /* of it that were taken */
    uint64_t last_mark;
};

struct frame_read {
    uint64_t previous, code, instruction;
    uint8_t owner;
    bool is_entry;
};

struct python *python_new(pid_t only)
{
    struct python *python = calloc(1, sizeof *python);

    if (python)
        python->only = only;
    return python;
}

static void forget(struct python *python)
{
    string_pool_free(python->strings);
    python->strings = NULL;
    python->frames.count = python->runs.count = 0;
}

void python_free(struct python *python)
{
    if (!python)
        return;
    forget(python);
    free(python->frames.items);
    free(python->runs.items);
    free(python);
}

static bool read_word(const struct reader *reader, uint64_t address, uint64_t *ret_value)
{
    return memory_read_u64(&reader->memory.memory, address, ret_value) == 0;
}

static int read_frame(const struct thread *thread, uint64_t address, struct frame_read *ret_frame)
{
    const struct python_layout *layout = &thread->reader->layout;
    uint8_t bytes[FRAME_MAX];

    if (address % 8 != 0 || (address >= thread->stack_top && address < thread->stack_limit) ||
        memory_read_exactly(&thread->reader->memory.memory, address, bytes, layout->frame_size) < 0)
        return -EINVAL;
    memcpy(&ret_frame->previous, bytes + layout->frame_previous, sizeof ret_frame->previous);
    memcpy(&ret_frame->code, bytes + layout->frame_code, sizeof ret_frame->code);
    memcpy(&ret_frame->instruction, bytes + layout->frame_instruction, sizeof ret_frame->instruction);
    ret_frame->owner = bytes[layout->frame_owner];
    ret_frame->is_entry = layout->frame_is_entry && bytes[layout->frame_is_entry];
    ret_frame->code &= ~(uint64_t)TAGS;
    return 0;
}

static int add_frame(struct thread *thread, const struct frame_read *read, struct python_run *run)
{
    struct python *python = thread->reader->python;
    struct python_frame frame;
    int r;

    if (run->is_cut || thread->frames == LIMIT_FRAMES) {
        run->is_cut = true;
        return 0;
    }
    r = python_code_find(&thread->reader->codes, read->code, read->instruction, &frame);
    if (r == 0)
        r = ARRAY_RESERVE(&python->frames, 1, LIMIT_FRAMES_ALL);
    if (r < 0)
        return r;
    python->frames.items[python->frames.count++] = frame;
    thread->frames++;
    run->count++;
    return 0;
}

/* Takes it back where it can't be. Its outermost frames may be missing: then no run further out is taken. */
static int add_run(struct thread *thread, const struct python_run *run)
{
    struct python *python = thread->reader->python;
    int r = 0;

    if (run->mark <= thread->last_mark) /* the C stack grows downwards */
        r = -EINVAL;
    else if (run->count > 0)
        r = ARRAY_RESERVE(&python->runs, 1, LIMIT_FRAMES_ALL);
    if (r < 0) {
        python->frames.count = run->first;
        return r;
    }
    thread->last_mark = run->mark;
    if (run->count > 0)
        python->runs.items[python->runs.count++] = *run;
    return run->is_cut ? -ENODATA : 0;
}

static struct python_run begin_run(const struct thread *thread, uint64_t mark)
{
    return (struct python_run){
        .mark = mark, .native_id = thread->native_id, .first = thread->reader->python->frames.count};
}

/* From *frame outwards to the end of the run, behind which *frame then is. Without a mark so far, the
 * interpreter's own frame at its end is the mark. */
static int read_run(struct thread *thread, uint64_t *frame, struct python_run *run)
{
    bool has_mark = run->mark, ended = false;
    struct frame_read read;
    int r = 0;

    while (r == 0 && !ended) {
        r = *frame && thread->reader->steps > 0 ? read_frame(thread, *frame, &read) : -EINVAL;
        if (r < 0)
            break;
        thread->reader->steps--;
        ended = has_mark ? read.is_entry : read.owner > OWNER_MOST;
        if (read.owner <= OWNER_MOST)
            r = add_frame(thread, &read, run);
        else if (has_mark)
            r = -EINVAL;
        else
            run->mark = *frame;
        *frame = read.previous;
    }
    if (r < 0)
        thread->reader->python->frames.count = run->first;
    return r;
}

/* 3.11: each evaluation function has a _PyCFrame, in which its innermost frame stands. While that is being
 * set up it may hold anything, but not what leads on to the one before. */
static int read_c_frames(struct thread *thread, uint64_t at)
{
    const struct reader *reader = thread->reader;
    uint64_t previous, current, outer;
    int r = 0;

    while (r == 0) {
        struct python_run run = begin_run(thread, at);

        if (!read_word(reader, at + reader->layout.c_frame_previous, &previous) ||
            !read_word(reader, at + reader->layout.c_frame_current, &current))
            return -EINVAL;
        if (previous == 0)
            return 0; /* the one that stands for none */
        if (!read_word(reader, previous + reader->layout.c_frame_current, &outer))
            return -EINVAL;
        r = read_run(thread, &current, &run);
        if (r == 0 && current != outer) {
            reader->python->frames.count = run.first;
            return -EINVAL;
        }
        if (r == 0)
            r = add_run(thread, &run);
        at = previous;
    }
    return r;
}

static int read_frames(struct thread *thread, uint64_t state)
{
    const struct reader *reader = thread->reader;
    uint64_t frame;
    int r = 0;

    if (!read_word(reader, state + reader->layout.thread_frame, &frame))
        return -EINVAL;
    if (reader->layout.frame_is_entry)
        return read_c_frames(thread, frame);
    if (reader->layout.has_c_frames && !read_word(reader, frame + reader->layout.c_frame_current, &frame))
        return -EINVAL;
    while (r == 0 && frame != 0) {
        struct python_run run = begin_run(thread, 0);

        r = read_run(thread, &frame, &run);
        if (r == 0)
            r = add_run(thread, &run);
    }
    return r;
}

/* Of a thread that does not fit, what does is kept: from the innermost function outwards. */
static int read_thread(struct reader *reader, uint64_t state)
{
    const struct python *python = reader->python;
    struct thread thread = {.reader = reader};
    int r;

    if (!read_word(reader, state + reader->layout.thread_native_id, &thread.native_id))
        return 0;
    if (python->only && !python->ids_differ && thread.native_id != (uint64_t)python->only)
        return 0;
    if (reader->layout.thread_stack &&
        (!read_word(reader, state + reader->layout.thread_stack + 8, &thread.stack_top) ||
         !read_word(reader, state + reader->layout.thread_stack + 16, &thread.stack_limit)))
        return 0;
    r = read_frames(&thread, state);
    return r == -ENOMEM ? r : reader->memory.error;
}

static int read_interpreters(struct reader *reader)
{
    uint64_t interpreter, state;
    int r = 0;

    if (!read_word(reader, reader->python->place.runtime + reader->layout.runtime_interpreters, &interpreter))
        return 0;
    while (interpreter && r == 0 && reader->states > 0) {
        reader->states--;
        if (!read_word(reader, interpreter + reader->layout.interpreter_threads, &state))
            break;
        while (state && r == 0 && reader->states > 0) {
            reader->states--;
            r = read_thread(reader, state);
            if (r == 0 && !read_word(reader, state + reader->layout.thread_next, &state))
                break;
        }
        if (r == 0 && !read_word(reader, interpreter + reader->layout.interpreter_next, &interpreter))
            break;
    }
    return r;
}

static int by_mark(const void *left, const void *right)
{
    const struct python_run *a = left, *b = right;

    return (a->mark > b->mark) - (a->mark < b->mark);
}

static int choose_layout(struct reader *reader)
{
    const struct python_place *place = &reader->python->place;
    const struct python_layout *known = python_layout_known(place->minor);
    int r = 0;

    if (known)
        reader->layout = *known;
    else
        r = python_layout_told(&reader->memory.memory, place->runtime, &reader->layout);
    if (r < 0)
        return r;
    return reader->layout.minor == place->minor && reader->layout.frame_size <= FRAME_MAX ? 0 : -EINVAL;
}

static int read_all(struct reader *reader)
{
    struct python *python = reader->python;

    if (choose_layout(reader) < 0)
        return reader->memory.error;
    python->strings = string_pool_new(LIMIT_STACK_STRINGS);
    if (!python->strings)
        return -ENOMEM;
    reader->codes = (struct python_codes){.memory = &reader->memory.memory,
                                          .layout = &reader->layout,
                                          .code_type = python->place.code_type,
                                          .text_type = python->place.text_type,
                                          .bytes_type = python->place.bytes_type,
                                          .strings = python->strings,
                                          .steps = LIMIT_PYTHON_LINE_STEPS,
                                          .bytes = LIMIT_PYTHON_BYTES};
    return read_interpreters(reader);
}

int python_read(struct python *python, const struct capture *capture, const struct memory *memory)
{
    struct reader reader = {.python = python, .states = LIMIT_PYTHON_STATES, .steps = LIMIT_PYTHON_STEPS};
    size_t pages = LIMIT_PYTHON_PAGES_LEAST + LIMIT_PYTHON_PAGES_THREAD * capture->thread_count;
    int r;

    forget(python);
    if (!python->place.minor)
        return 0;
    r = python_memory_init(&reader.memory, capture, memory,
                           pages < LIMIT_PYTHON_PAGES ? pages : LIMIT_PYTHON_PAGES);
    if (r < 0)
        return r;
    r = read_all(&reader);
    if (python->runs.count > 0)
        qsort(python->runs.items, python->runs.count, sizeof python->runs.items[0], by_mark);
    python_codes_release(&reader.codes);
    python_memory_release(&reader.memory);
    return r == -ENOMEM || r == -ESRCH ? r : 0;
}

static void prepare(void *context, const struct pidref *process, const struct capture *capture)
{
    python_find(context, process, capture);
}

static int read_held(void *context, const struct capture *capture, const struct memory *memory)
{
    return python_read(context, capture, memory);
}

const struct capture_reader_ops python_reader = {.prepare = prepare, .read = read_held};

size_t python_runs(const struct python *python, uint64_t low, uint64_t high,
                   const struct python_run **ret_runs)
{
    size_t first = 0, end = python->runs.count, count = 0;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (python->runs.items[middle].mark < low)
            first = middle + 1;
        else
            end = middle;
    }
    *ret_runs = python->runs.items + first;
    while (first + count < python->runs.count && python->runs.items[first + count].mark < high)
        count++;
    return count;
}

const struct python_frame *python_run_frames(const struct python *python, const struct python_run *run)
{
    return python->frames.items + run->first;
}

bool python_run_is_of(const struct python *python, const struct python_run *run, pid_t id)
{
    return python->ids_differ || run->native_id == (uint64_t)id;
}
