/* The stacks of a dump: pieces in address order, overlaps merged. */
#include "dump/stack_bytes.h"

#include "base/sorted.h"

#include <errno.h>
#include <string.h>

static int compare_pieces(const void *a, const void *b)
{
    const struct stack_piece *left = a, *right = b;

    if (left->start != right->start)
        return left->start < right->start ? -1 : 1;
    return left->end < right->end ? -1 : left->end > right->end;
}

static void collect_pieces(struct stack_bytes *stacks)
{
    for (size_t i = 0; i < stacks->capture->thread_count; i++) {
        const struct capture_thread *thread = &stacks->capture->threads[i];

        if (thread->stack_size == 0 || thread->stack_size > UINT64_MAX - thread->stack_start)
            continue;
        if (!thread->stack && !stacks->memory)
            continue;
        stacks->pieces[stacks->piece_count++] = (struct stack_piece){
            .start = thread->stack_start,
            .end = thread->stack_start + thread->stack_size,
            .bytes = thread->stack,
            .thread = i,
        };
    }
    for (size_t i = 0; i < stacks->capture->interrupted.count; i++) {
        const struct memory_piece *piece = &stacks->capture->interrupted.items[i];

        if (piece->bytes || stacks->memory)
            stacks->pieces[stacks->piece_count++] =
                (struct stack_piece){piece->start, piece->end, piece->bytes, SIZE_MAX};
    }
    qsort(stacks->pieces, stacks->piece_count, sizeof stacks->pieces[0], compare_pieces);
}

int stack_bytes_init(struct stack_bytes *stacks, const struct capture *capture, const struct memory *memory)
{
    size_t most = capture->thread_count + capture->interrupted.count;
    struct stack_run *run = NULL;

    *stacks = (struct stack_bytes){.capture = capture, .memory = memory};
    stacks->pieces = calloc(most ? most : 1, sizeof stacks->pieces[0]);
    stacks->runs = calloc(most ? most : 1, sizeof stacks->runs[0]);
    if (!stacks->pieces || !stacks->runs)
        return -ENOMEM;
    collect_pieces(stacks);
    for (size_t i = 0; i < stacks->piece_count; i++) {
        const struct stack_piece *piece = &stacks->pieces[i];

        if (!run || piece->start > run->end) {
            run = &stacks->runs[stacks->run_count++];
            *run = (struct stack_run){.start = piece->start, .end = piece->end, .first_piece = i};
        } else if (piece->end > run->end) {
            run->end = piece->end;
        }
        run->piece_count++;
    }
    for (size_t i = 0; i < stacks->run_count; i++) {
        stacks->runs[i].offset = stacks->size;
        stacks->size += stacks->runs[i].end - stacks->runs[i].start;
        stacks->size = (stacks->size + STACK_ALIGNMENT - 1) & ~(uint64_t)(STACK_ALIGNMENT - 1);
    }
    return 0;
}

void stack_bytes_release(struct stack_bytes *stacks)
{
    free(stacks->pieces);
    free(stacks->runs);
}

const struct stack_run *stack_bytes_find(const struct stack_bytes *stacks, uint64_t address)
{
    size_t begun = SORTED_UP_TO(stacks->runs, stacks->run_count, start, address);
    const struct stack_run *run = begun > 0 ? &stacks->runs[begun - 1] : NULL;

    return run && address < run->end ? run : NULL;
}

static void visit_words(const uint8_t *bytes, size_t size, void (*visit)(void *context, uint64_t word),
                        void *context)
{
    for (size_t at = 0; at + sizeof(uint64_t) <= size; at += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, bytes + at, sizeof word);
        visit(context, word);
    }
}

int stack_bytes_scan(const struct stack_bytes *stacks, void (*visit)(void *context, uint64_t word),
                     void *context)
{
    _cleanup_free_ uint8_t *chunk = NULL;

    for (size_t i = 0; i < stacks->piece_count; i++) {
        const struct stack_piece *piece = &stacks->pieces[i];
        uint64_t at = piece->start;

        if (piece->bytes) {
            visit_words(piece->bytes, piece->end - piece->start, visit, context);
            continue;
        }
        if (!chunk && !(chunk = malloc(LIMIT_STREAM_CHUNK)))
            return -ENOMEM;
        while (at < piece->end) {
            size_t size = piece->end - at < LIMIT_STREAM_CHUNK ? piece->end - at : LIMIT_STREAM_CHUNK;

            (void)memory_read_padded(stacks->memory, at, chunk, size, stacks->capture->page_size);
            visit_words(chunk, size, visit, context);
            at += size;
        }
    }
    return 0;
}
