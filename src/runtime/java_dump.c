#include "runtime/java_dump.h"

#include "base/array.h"
#include "base/limits.h"
#include "runtime/java_line.h"

#include <errno.h>
#include <string.h>

int java_dump_init(struct java_dump *dump)
{
    *dump = (struct java_dump){.line = BUFFER_INIT(LIMIT_JAVA_LINE)};
    dump->strings = string_pool_new(LIMIT_JAVA_STRINGS);
    return dump->strings ? 0 : -ENOMEM;
}

void java_dump_release(struct java_dump *dump)
{
    free(dump->threads.items);
    free(dump->frames.items);
    free(dump->locks.items);
    string_pool_free(dump->strings);
    buffer_release(&dump->line);
    *dump = (struct java_dump){0};
}

/* The piece of the line becomes a string that stays; without room for it nothing is known. */
static void keep(struct java_dump *dump, const char **text)
{
    const char *kept;

    if (!*text)
        return;
    kept = string_pool_add(dump->strings, *text);
    dump->is_cut = dump->is_cut || !kept;
    *text = kept;
}

static struct java_thread *last_thread(struct java_dump *dump)
{
    return &dump->threads.items[dump->threads.count - 1];
}

/* -ENOBUFS of an array is no failure: what comes past the limit is left out. */
static int left_out(struct java_dump *dump, int r)
{
    if (r == -ENOBUFS)
        dump->is_cut = true;
    return r == -ENOBUFS ? 0 : r;
}

static int add_thread(struct java_dump *dump, char *line)
{
    struct java_thread thread;
    int r;

    /* what follows one that isn't understood is nobody's */
    dump->in_stack = dump->in_virtual = dump->in_owned = false;
    if (!java_line_thread(line, &thread))
        return 0;
    r = ARRAY_RESERVE(&dump->threads, 1, LIMIT_JAVA_THREADS);
    if (r < 0)
        return left_out(dump, r);
    keep(dump, &thread.name);
    if (!thread.name)
        return 0;
    thread.first_frame = (uint32_t)dump->frames.count;
    dump->threads.items[dump->threads.count++] = thread;
    dump->in_stack = true;
    return 0;
}

static int add_frame(struct java_dump *dump, struct java_frame *frame)
{
    struct java_thread *thread = last_thread(dump);
    int r = ARRAY_RESERVE(&dump->frames, 1, LIMIT_FRAMES_ALL);

    if (r < 0) {
        thread->has_more = true;
        return left_out(dump, r);
    }
    keep(dump, &frame->class_name);
    keep(dump, &frame->method);
    keep(dump, &frame->module);
    keep(dump, &frame->file);
    if (!frame->class_name || !frame->method) {
        thread->has_more = true;
        return 0;
    }
    frame->first_lock = (uint32_t)dump->locks.count;
    dump->frames.items[dump->frames.count++] = *frame;
    if (dump->in_virtual)
        thread->virtual_count++;
    else
        thread->frame_count++;
    return 0;
}

static int add_lock(struct java_dump *dump, struct java_lock *lock)
{
    int r = ARRAY_RESERVE(&dump->locks, 1, LIMIT_FRAMES_ALL);

    if (r < 0)
        return left_out(dump, r);
    keep(dump, &lock->class_name);
    dump->locks.items[dump->locks.count++] = *lock;
    return 0;
}

/* Of the frame before: a thread that has none yet has no locks, either. */
static int add_frame_lock(struct java_dump *dump, struct java_lock *lock)
{
    struct java_thread *thread = last_thread(dump);
    size_t before = dump->locks.count;
    int r;

    if (thread->frame_count + thread->virtual_count == 0)
        return 0;
    r = add_lock(dump, lock);
    dump->frames.items[dump->frames.count - 1].lock_count += (uint32_t)(dump->locks.count - before);
    return r;
}

static int add_owned(struct java_dump *dump, struct java_lock *lock)
{
    struct java_thread *thread = last_thread(dump);
    size_t before = dump->locks.count;
    int r = add_lock(dump, lock);

    if (thread->owned_count == 0)
        thread->first_owned = (uint32_t)before;
    thread->owned_count += (uint32_t)(dump->locks.count - before);
    return r;
}

/* A line of the thread that was named last. */
static int take_of_thread(struct java_dump *dump, char *line)
{
    struct java_thread *thread = last_thread(dump);
    struct java_frame frame;
    struct java_lock lock;

    if (dump->in_owned)
        return java_line_owned(line, &lock) ? add_owned(dump, &lock) : 0;
    if (thread->has_more) /* where some are left out, what comes next is not where it seems to be */
        return 0;
    if (java_line_frame(line, &frame))
        return add_frame(dump, &frame);
    if (java_line_lock(line, &lock))
        return add_frame_lock(dump, &lock);
    if (strcmp(line, "\t...") == 0) {
        thread->has_more = true;
    } else if (java_line_state(line, thread)) {
        keep(dump, &thread->state);
        keep(dump, &thread->state_reason);
    } else if (java_line_number(line, "   Carrying virtual thread #", &thread->virtual_number)) {
        ; /* that was all */
    } else if (java_line_number(line, "   Mounted virtual thread #", &thread->virtual_number)) {
        dump->in_virtual = true;
    }
    return 0;
}

static void take_head(struct java_dump *dump, char *line)
{
    if (dump->threads.count > 0 || !java_line_machine(line, &dump->machine, &dump->version))
        return;
    keep(dump, &dump->machine);
    keep(dump, &dump->version);
}

static int take_line(struct java_dump *dump, char *line)
{
    /* what is told of deadlocks shows their threads again */
    if (dump->behind_threads) {
        (void)java_line_deadlocks(line, &dump->deadlocks); /* else any other line */
        return 0;
    }
    if (strncmp(line, "JNI global ref", strlen("JNI global ref")) == 0) {
        dump->behind_threads = dump->is_whole = true;
        return 0;
    }
    if (line[0] == '"')
        return add_thread(dump, line);
    if (line[0] == '\0') {
        dump->in_owned = false;
        return 0;
    }
    if (dump->in_stack && strcmp(line, "   Locked ownable synchronizers:") == 0) {
        dump->in_owned = true;
        return 0;
    }
    if (dump->in_stack)
        return take_of_thread(dump, line);
    take_head(dump, line);
    return 0;
}

static int end_line(struct java_dump *dump)
{
    int r = 0;

    if (dump->line.data) {
        r = take_line(dump, dump->line.data);
        buffer_clear(&dump->line);
    }
    dump->skips = false;
    return r;
}

/* Of a line that is too long the beginning. */
static int append(struct java_dump *dump, const char *bytes, size_t size)
{
    size_t room = LIMIT_JAVA_LINE - dump->line.size;

    if (dump->skips)
        return 0;
    dump->skips = size > room;
    return buffer_append(&dump->line, bytes, size < room ? size : room);
}

int java_dump_feed(struct java_dump *dump, const char *bytes, size_t size)
{
    while (size > 0) {
        const char *end = memchr(bytes, '\n', size);
        size_t piece = end ? (size_t)(end - bytes) : size;
        int r = append(dump, bytes, piece);

        if (r == 0 && end)
            r = end_line(dump);
        if (r < 0)
            return r;
        piece += end != NULL;
        bytes += piece;
        size -= piece;
    }
    return 0;
}

int java_dump_end(struct java_dump *dump)
{
    return dump->line.size > 0 ? end_line(dump) : 0;
}
