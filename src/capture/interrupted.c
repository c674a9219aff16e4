#include "capture/interrupted.h"

#include "base/array.h"
#include "capture/stack.h"
#include "trace/signal_frame.h"

#include <errno.h>
#include <string.h>

enum {
    NESTED_MAX = 4, /* handlers on stacks of their own, one within another */
    FRAMES_MAX = 4, /* of one stack, with those that were left behind */
    LEFT_MAX = 1024 /* stacks of all threads */
};

/* A stack that was left, where its pointer was. */
struct left {
    uint64_t pointer;
    const struct capture_thread *thread; /* whose */
};

struct left_list {
    struct left *items;
    size_t count, capacity;
};

struct search {
    struct capture *capture;
    const struct memory *memory;
    bool copy;
    uint8_t *bytes; /* of one stack that is looked through; owned */
    size_t total;   /* bytes of all pieces */
};

/* The rest of the stack that left stands on, as far as it is known. */
static bool part_of(const struct search *search, const struct left *left, struct stack_part *ret_part)
{
    const struct memory_piece_list *list = &search->capture->interrupted;
    struct memory_piece piece = {left->thread->stack_start,
                                 left->thread->stack_start + left->thread->stack_size, left->thread->stack};
    uint64_t start;

    for (size_t i = 0; (left->pointer < piece.start || left->pointer >= piece.end) && i < list->count; i++)
        piece = list->items[i];
    if (left->pointer < piece.start || left->pointer >= piece.end || (search->copy && !piece.bytes))
        return false;
    start = left->pointer & ~(search->capture->page_size - 1);
    *ret_part =
        (struct stack_part){.bytes = piece.bytes ? piece.bytes + (start - piece.start) : NULL,
                            .size = piece.end - start < LIMIT_STACK_MAX ? piece.end - start : LIMIT_STACK_MAX,
                            .address = start,
                            .pointer = left->pointer};
    return true;
}

/* Adds to further what the handlers on that stack have interrupted. */
static int look_through(struct search *search, const struct left *left, struct left_list *further)
{
    struct stack_part part;
    uint64_t pointer;
    size_t at = 0;
    int r = 0;

    if (!part_of(search, left, &part))
        return 0; /* in no mapping, or there was no room */
    if (!part.bytes) {
        if (!search->bytes && !(search->bytes = malloc(LIMIT_STACK_MAX)))
            return -ENOMEM;
        (void)memory_read_padded(search->memory, part.address, search->bytes, part.size,
                                 search->capture->page_size); /* zeros are well */
        part.bytes = search->bytes;
    }
    for (int i = 0; i < FRAMES_MAX && signal_frame_next(&part, &at, &pointer); i++) {
        r = ARRAY_RESERVE(further, 1, LEFT_MAX);
        if (r < 0)
            return r == -ENOBUFS ? 0 : r; /* the others make do with less */
        further->items[further->count++] = (struct left){pointer, left->thread};
    }
    return 0;
}

static int look_through_threads(struct search *search, struct left_list *further)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < search->capture->thread_count; i++) {
        const struct capture_thread *thread = &search->capture->threads[i];
        const struct left left = {registers_stack_pointer(&thread->registers), thread};

        r = look_through(search, &left, further);
    }
    return r;
}

/* Handlers can be interrupted, too. */
static int look_through_left(struct search *search, const struct left_list *list, struct left_list *further)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < list->count; i++)
        r = look_through(search, &list->items[i], further);
    return r;
}

/* Adds start to end, but not what others have of it, nor more than there is room for. */
static int add_piece(struct search *search, uint64_t start, uint64_t end)
{
    struct memory_piece_list *list = &search->capture->interrupted;
    struct buffer *bytes = &search->capture->interrupted_bytes;
    size_t at = 0;
    int r;

    while (at < list->count && list->items[at].end <= start)
        at++;
    if (at < list->count && list->items[at].start <= start)
        start = list->items[at++].end;
    if (at < list->count && list->items[at].start < end)
        end = list->items[at].start;
    if (start >= end || end - start > LIMIT_INTERRUPTED_BUDGET - search->total)
        return 0;
    r = ARRAY_RESERVE(list, 1, LEFT_MAX);
    if (r < 0)
        return r == -ENOBUFS ? 0 : r;
    memmove(list->items + at + 1, list->items + at, (list->count - at) * sizeof list->items[0]);
    list->items[at] = (struct memory_piece){.start = start, .end = end};
    list->count++;
    search->total += end - start;
    if (!search->copy)
        return 0;
    bytes->limit = LIMIT_INTERRUPTED_BUDGET;
    if (!bytes->data) /* all at once, since pointers into it must stay good; costs nothing until it is used */
        r = buffer_reserve(bytes, LIMIT_INTERRUPTED_BUDGET);
    if (r < 0)
        return r;
    (void)memory_read_padded(search->memory, start, bytes->data + bytes->size, end - start,
                             search->capture->page_size); /* zeros are well */
    list->items[at].bytes = (uint8_t *)bytes->data + bytes->size;
    bytes->size += end - start;
    return 0;
}

static int compare_sizes(const void *a, const void *b)
{
    const struct range *left = a, *right = b;
    uint64_t first = left->end - left->start, second = right->end - right->start;

    return first < second ? -1 : first > second;
}

/* Everybody gets the same share of the room, and what small ones leave of theirs goes to the large ones. */
static int add_pieces(struct search *search, const struct left_list *list)
{
    _cleanup_range_list_ struct range_list ranges = {0};
    struct stack_part unused;
    int r = 0;

    for (size_t i = 0; r == 0 && i < list->count; i++) {
        struct range range;

        if (!part_of(search, &list->items[i], &unused) &&
            stack_piece_at(search->capture, list->items[i].pointer, &range))
            r = range_list_add(&ranges, range.start, range.end);
    }
    range_list_merge(&ranges);
    if (ranges.count > 0)
        qsort(ranges.items, ranges.count, sizeof ranges.items[0], compare_sizes);
    for (size_t i = 0; r == 0 && i < ranges.count; i++) {
        const struct range *range = &ranges.items[i];
        uint64_t share = (LIMIT_INTERRUPTED_BUDGET - search->total) / (ranges.count - i);

        share &= ~(search->capture->page_size - 1);
        r = add_piece(search, range->start,
                      range->end - range->start < share ? range->end : range->start + share);
    }
    return r;
}

int interrupted_stacks_find(struct capture *capture, const struct memory *memory, bool copy)
{
    struct search search = {.capture = capture, .memory = memory, .copy = copy};
    struct left_list list = {0}, further = {0};
    uint8_t probe;
    int r = look_through_threads(&search, &list);

    for (int nested = 1; r == 0 && list.count > 0; nested++) {
        r = add_pieces(&search, &list);
        if (r < 0 || nested == NESTED_MAX)
            break;
        r = look_through_left(&search, &list, &further);
        free(list.items);
        list = further;
        further = (struct left_list){0};
    }
    free(list.items);
    free(further.items);
    free(search.bytes);
    if (r == 0 && search.total > 0 &&
        memory_read(memory, capture->interrupted.items[0].start, &probe, 1) == -ESRCH)
        return -ESRCH;
    return r;
}
