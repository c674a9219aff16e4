#include "capture/stack.h"

#include <errno.h>
#include <string.h>

/* The System V ABI of x86-64 lets a function use so much below its stack pointer; aarch64 has none. */
enum { RED_ZONE = 128 };

/* How far below its stack the pointer of a thread may be that has used it up: the kernel keeps so much free
 * below that of the main thread (stack_guard_gap, 256 pages). */
enum { GAP = 1024 * 1024 };

/* Below the main thread's stack nothing is mapped. */
static const struct map *main_stack_above(const struct map_list *maps, uint64_t address)
{
    size_t low = 0, high = maps->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (maps->items[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == maps->count || maps->items[low].start - address > GAP ||
        strcmp(maps->items[low].path, "[stack]") != 0)
        return NULL;
    return &maps->items[low];
}

/* The mapping of the stack that address is in. After an overflow the pointer stands in the guard below the
 * stack: the stack is the readable mapping right above then. */
static const struct map *stack_map(const struct map_list *maps, uint64_t address)
{
    const struct map *map = maps_find(maps, address);

    if (!map)
        return main_stack_above(maps, address);
    if (map->permissions & MAP_READ)
        return map;
    if (map + 1 < maps->items + maps->count && map[1].start == map->end && map[1].permissions & MAP_WRITE)
        return map + 1;
    return NULL;
}

bool stack_piece_at(const struct capture *capture, uint64_t pointer, struct range *ret_piece)
{
    const struct map *map = stack_map(&capture->maps, pointer);
    uint64_t page_mask = ~(capture->page_size - 1);
    uint64_t start = pointer < RED_ZONE ? 0 : (pointer - RED_ZONE) & page_mask;

    if (!map)
        return false;
    if (start < map->start)
        start = map->start;
    ret_piece->start = start;
    ret_piece->end = map->end - start < LIMIT_STACK_MAX ? map->end : start + LIMIT_STACK_MAX;
    return true;
}

/* Cuts the stacks to what fits: everybody gets the same share, and what small stacks leave of theirs goes to
 * the large ones. */
static void keep_to_budget(struct capture *capture)
{
    uint64_t share = LIMIT_STACK_MAX, wanted = 0;

    for (size_t i = 0; i < capture->thread_count; i++)
        wanted += capture->threads[i].stack_size;
    if (wanted <= LIMIT_STACK_BUDGET)
        return;
    share = LIMIT_STACK_BUDGET / capture->thread_count;
    for (unsigned round = 0; round < 3; round++) { /* each brings the share nearer to what just fits */
        uint64_t spare = 0;
        size_t large = 0;

        for (size_t i = 0; i < capture->thread_count; i++) {
            if (capture->threads[i].stack_size > share)
                large++;
            else
                spare += share - capture->threads[i].stack_size;
        }
        if (large == 0)
            break;
        share = (LIMIT_STACK_BUDGET - ((capture->thread_count - large) * share - spare)) / large;
    }
    share &= ~(capture->page_size - 1);
    if (share < LIMIT_STACK_MIN)
        share = LIMIT_STACK_MIN;
    if (share < capture->page_size)
        share = capture->page_size;
    for (size_t i = 0; i < capture->thread_count; i++)
        if (capture->threads[i].stack_size > share)
            capture->threads[i].stack_size = share;
}

size_t stacks_choose(struct capture *capture)
{
    size_t lost = 0;

    for (size_t i = 0; i < capture->thread_count; i++) {
        struct capture_thread *thread = &capture->threads[i];
        uint64_t pointer = registers_stack_pointer(&thread->registers);
        struct range piece = {0};

        if (!stack_piece_at(capture, pointer, &piece) && pointer != 0)
            lost++;
        thread->stack_start = piece.start;
        thread->stack_size = piece.end - piece.start;
    }
    keep_to_budget(capture);
    return lost;
}

static int compare_threads(const void *a, const void *b)
{
    const struct capture_thread *left = *(struct capture_thread *const *)a;
    const struct capture_thread *right = *(struct capture_thread *const *)b;

    return left->stack_start < right->stack_start ? -1 : left->stack_start > right->stack_start;
}

/* Gives the union of the stacks of threads first .. first + count - 1, which overlap, its place in the
 * buffer.
 */
static void place_run(struct capture *capture, struct capture_thread **threads, size_t count, uint64_t end,
                      struct memory_piece_read *ret_run)
{
    uint64_t start = threads[0]->stack_start;
    uint8_t *bytes = (uint8_t *)capture->stacks.data + capture->stacks.size;

    *ret_run = (struct memory_piece_read){start, bytes, end - start};
    capture->stacks.size += end - start;
    for (size_t i = 0; i < count; i++)
        threads[i]->stack = bytes + (threads[i]->stack_start - start);
}

/* Zeros where there is nothing; but not where there is no process any more. */
static int copy_runs(struct capture *capture, const struct memory *memory,
                     const struct memory_piece_read *runs, size_t count)
{
    uint8_t probe;

    if (memory_read_many_padded(memory, runs, count, capture->page_size) == capture->stacks.size)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (memory_read(memory, runs[i].address, &probe, 1) == -ESRCH)
            return -ESRCH;
    return 0;
}

int stacks_copy(struct capture *capture, const struct memory *memory)
{
    _cleanup_free_ struct capture_thread **threads = calloc(capture->thread_count + 1, sizeof threads[0]);
    _cleanup_free_ struct memory_piece_read *runs = calloc(capture->thread_count + 1, sizeof runs[0]);
    size_t count = 0, run_count = 0, next;
    uint64_t total = 0;
    int r = 0;

    if (!threads || !runs)
        return -ENOMEM;
    for (size_t i = 0; i < capture->thread_count; i++) {
        if (capture->threads[i].stack_size == 0)
            continue;
        threads[count++] = &capture->threads[i];
        total += capture->threads[i].stack_size;
    }
    /* enough for all: pointers into the buffer must stay good */
    buffer_clear(&capture->stacks);
    r = buffer_reserve(&capture->stacks, total);
    qsort(threads, count, sizeof threads[0], compare_threads);
    for (size_t first = 0; r == 0 && first < count; first = next) {
        uint64_t end = threads[first]->stack_start + threads[first]->stack_size;

        for (next = first + 1; next < count && threads[next]->stack_start < end; next++)
            if (threads[next]->stack_start + threads[next]->stack_size > end)
                end = threads[next]->stack_start + threads[next]->stack_size;
        place_run(capture, threads + first, next - first, end, &runs[run_count++]);
    }
    return r < 0 ? r : copy_runs(capture, memory, runs, run_count);
}
