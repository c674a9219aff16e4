#include "dump/batch.h"

#include "base/limits.h"

#include <errno.h>
#include <string.h>

int batch_init(struct batch *batch, const struct memory *memory, size_t page_size, struct sink *sink,
               struct error *error)
{
    *batch = (struct batch){.memory = memory, .page_size = page_size, .sink = sink, .error = error};
    batch->bytes = malloc(LIMIT_STREAM_CHUNK);
    return batch->bytes ? 0 : error_errno(error, ENOMEM, "Can't write the dump");
}

void batch_release(struct batch *batch)
{
    free(batch->bytes);
}

int batch_flush(struct batch *batch)
{
    size_t size = batch->used;
    int r;

    batch->used = 0;
    r = sink_write(batch->sink, batch->bytes, size);
    return r < 0 ? error_ensure(batch->error, r, "Can't write the dump") : 0;
}

int batch_make_room(struct batch *batch, size_t *ret_room)
{
    int r = batch->used == LIMIT_STREAM_CHUNK ? batch_flush(batch) : 0;

    *ret_room = LIMIT_STREAM_CHUNK - batch->used;
    return r;
}

int batch_put(struct batch *batch, const void *bytes, uint64_t size)
{
    const uint8_t *from = bytes;

    while (size > 0) {
        size_t room, now;
        int r = batch_make_room(batch, &room);

        if (r < 0)
            return r;
        now = size < room ? (size_t)size : room;
        if (from) {
            memcpy(batch->bytes + batch->used, from, now);
            from += now;
        } else {
            memset(batch->bytes + batch->used, 0, now);
        }
        batch->used += now;
        batch->written += now;
        size -= now;
    }
    return 0;
}

int batch_pad(struct batch *batch, uint64_t until)
{
    return batch_put(batch, NULL, until - batch->written);
}

/* How much of start .. end goes into the room. Where more is to come a piece ends with a page of the process:
 * the kernel looks up every page by itself, so a read that begins within one costs twice. 0: not even the
 * rest of a page fits. */
static size_t piece_of(const struct batch *batch, uint64_t start, uint64_t end, size_t room)
{
    uint64_t last;

    if (end - start <= room)
        return (size_t)(end - start);
    last = (start + room) & ~((uint64_t)batch->page_size - 1);
    if (last > start)
        return (size_t)(last - start);
    return batch->used > 0 ? 0 : room; /* a page that no batch holds */
}

int batch_put_memory(struct batch *batch, uint64_t start, uint64_t end)
{
    const struct memory *memory = batch->memory;

    while (start < end) {
        size_t room, now, were_read;
        uint8_t probe;
        int r = batch_make_room(batch, &room);

        if (r < 0)
            return r;
        now = piece_of(batch, start, end, room);
        if (now == 0) {
            r = batch_flush(batch);
            if (r < 0)
                return r;
            continue;
        }
        were_read = memory_read_padded(memory, start, batch->bytes + batch->used, now, batch->page_size);
        /* Looked at after every gap, not only where nothing could be read: it may have ended within this
         * piece. */
        if (were_read < now && memory_read(memory, start, &probe, 1) == -ESRCH)
            return error_set(batch->error, ESRCH, "The process ended while it was being dumped.");
        batch->used += now;
        batch->written += now;
        start += now;
    }
    return 0;
}
