#include "capture/unheld.h"

#include "base/parse.h"
#include "capture/stack.h"
#include "proc/read.h"

#include <errno.h>
#include <string.h>

/* The last two numbers of /proc/PID/task/TID/syscall: kernel fs/proc/base.c proc_pid_syscall(). */
static bool parse_position(const char *text, size_t size, uint64_t *ret_pointer, uint64_t *ret_counter)
{
    const char *at = text, *end = text + size;
    uint64_t before = 0, last = 0;
    size_t count = 0;
    int64_t number;

    if (!scan_i64(&at, end, &number))
        return false; /* "running" */
    for (;;) {
        uint64_t value;

        scan_blanks(&at, end);
        if (!scan_char(&at, end, '0') || !scan_char(&at, end, 'x') || !scan_hex(&at, end, &value))
            break;
        before = last;
        last = value;
        count++;
    }
    if (count < 2)
        return false;
    *ret_pointer = before;
    *ret_counter = last;
    return true;
}

static void find_position(int task_fd, struct capture_thread *thread)
{
    char name[32], text[256]; /* 9 numbers of at most 18 characters */
    uint64_t pointer, counter;
    size_t size = 0;

    (void)snprintf(name, sizeof name, "%d/syscall", (int)thread->id); /* fits */
    if (proc_read_small(task_fd, name, text, sizeof text, &size) == 0 &&
        parse_position(text, size, &pointer, &counter))
        registers_set_position(&thread->registers, counter, pointer);
}

/* Nobody reads the bytes of an estimate, so one piece of zeros will do for all; how many find room in a real
 * capture is the same. */
static int add_extended(struct capture *capture)
{
    size_t size = trace_extended_usual_size(), room = LIMIT_EXTENDED_BUDGET;
    int r;

    if (size == 0 || size > room)
        return 0;
    r = buffer_append_zeros(&capture->extended, size);
    for (size_t i = 0; r == 0 && i < capture->thread_count && room >= size; i++, room -= size) {
        capture->threads[i].extended = (const uint8_t *)capture->extended.data;
        capture->threads[i].extended_size = size;
    }
    return r;
}

int unheld_threads(struct capture *capture, int task_fd, const struct thread_list *list, bool extended)
{
    capture->thread_capacity = list->count;
    capture->threads = calloc(list->count + 1, sizeof capture->threads[0]);
    if (!capture->threads)
        return -ENOMEM;
    for (size_t i = 0; i < list->count; i++) {
        const struct thread_info *info = &list->items[i];
        struct capture_thread *thread = &capture->threads[capture->thread_count];

        if (info->state == 'Z' || info->state == 'X')
            continue;
        thread->id = info->id;
        find_position(task_fd, thread);
        if (thread->id == capture->pid || capture->thread_count == 0)
            capture->requesting_thread = thread->id;
        capture->thread_count++;
    }
    if (capture->thread_count == 0)
        return -ESRCH;
    (void)stacks_choose(capture); /* a pointer into no mapping: no stack, as in a dump */
    return extended ? add_extended(capture) : 0;
}
