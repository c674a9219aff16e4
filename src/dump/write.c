/* Writes what was planned, once, in order, through one buffer of fixed size. */
#include "dump/batch.h"
#include "dump/layout.h"

#include <errno.h>
#include <string.h>

/* FilterMemory: words that point to nothing that is mapped may be anybody's data, so they go. */
static void filter_words(const struct map_list *maps, uint8_t *bytes, size_t size)
{
    const struct map *last = NULL;

    for (size_t at = 0; at + sizeof(uint64_t) <= size; at += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, bytes + at, sizeof word);
        if (last && word >= last->start && word < last->end)
            continue;
        last = word ? maps_find(maps, word) : NULL;
        if (!last)
            memset(bytes + at, 0, sizeof word);
    }
}

/* The part of the run from start to end lies in one piece. */
static int put_stack_part(const struct minidump *minidump, struct batch *batch,
                          const struct stack_piece *piece, uint64_t start, uint64_t end)
{
    bool filter = layout_wants(minidump, MD_TYPE_FILTER_MEMORY | MD_TYPE_FILTER_TRIAGE);

    while (start < end) {
        size_t room, now, before;
        int r = batch_make_room(batch, &room);

        if (r < 0)
            return r;
        now = end - start < room ? (size_t)(end - start) : room;
        before = batch->used;
        r = piece->bytes ? batch_put(batch, piece->bytes + (start - piece->start), now)
                         : batch_put_memory(batch, start, start + now);
        if (r < 0)
            return r;
        if (filter)
            filter_words(&minidump->capture->maps, batch->bytes + before, now);
        start += now;
    }
    return 0;
}

static int put_stacks(const struct minidump *minidump, struct batch *batch)
{
    const struct stack_bytes *stacks = &minidump->stacks;
    int r = 0;

    for (size_t i = 0; r == 0 && i < stacks->run_count; i++) {
        const struct stack_run *run = &stacks->runs[i];
        uint64_t done = run->start;

        r = batch_pad(batch, minidump->stacks_rva + run->offset);
        for (size_t j = 0; r == 0 && j < run->piece_count; j++) {
            const struct stack_piece *piece = &stacks->pieces[run->first_piece + j];

            if (piece->end <= done)
                continue;
            r = put_stack_part(minidump, batch, piece, done > piece->start ? done : piece->start, piece->end);
            done = piece->end;
        }
    }
    return r < 0 ? r : batch_pad(batch, minidump->regions_rva);
}

static int put_all(const struct minidump *minidump, struct batch *batch)
{
    int r = batch_put(batch, minidump->head.data, minidump->head.size);

    for (size_t i = 0; r == 0 && i < minidump->text_count; i++) {
        const struct text_piece *piece = &minidump->texts[i];

        r = batch_pad(batch, piece->rva);
        if (r == 0)
            r = batch_put(batch, piece->text->data, piece->text->size);
    }
    if (r == 0)
        r = batch_pad(batch, minidump->contexts_rva);
    for (size_t i = 0; r == 0 && i < minidump->capture->thread_count; i++) {
        uint8_t context[CONTEXT_SIZE];

        context_fill(&minidump->capture->threads[i].registers, context);
        r = batch_put(batch, context, sizeof context);
    }
    if (r == 0)
        r = batch_pad(batch, minidump->stacks_rva);
    if (r == 0)
        r = put_stacks(minidump, batch);
    for (size_t i = 0; r == 0 && i < minidump->regions.count; i++)
        r = batch_put_memory(batch, minidump->regions.items[i].start, minidump->regions.items[i].end);
    if (r == 0 && minidump->when_read)
        minidump->when_read(minidump->when_read_data);
    return r < 0 ? r : batch_flush(batch);
}

int minidump_write(const struct minidump *minidump, struct sink *sink, struct error *error)
{
    _cleanup_(batch_release) struct batch batch;
    int r = batch_init(&batch, minidump->memory, minidump->capture->page_size, sink, error);

    return r < 0 ? r : put_all(minidump, &batch);
}
