#include "api/event_ring.h"

#include "base/limits.h"
#include "base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void event_unref(struct event *event)
{
    if (event && --event->references == 0)
        free(event);
}

static struct event *event_ref(struct event *event)
{
    if (event)
        event->references++;
    return event;
}

static void drop_first(struct event_ring *ring)
{
    struct event **slot = &ring->ticks[ring->first++ % EVENT_RING_SIZE];

    ring->bytes -= (*slot)->size;
    event_unref(*slot);
    *slot = NULL;
}

void event_ring_clear(struct event_ring *ring)
{
    while (ring->first < ring->next)
        drop_first(ring);
    event_unref(ring->snapshot);
    *ring = (struct event_ring){0};
}

static struct event *event_new(uint64_t epoch, bool is_snapshot, uint64_t number, const char *json,
                               size_t size)
{
    static const char end[] = "\n\n";
    char head[96];
    size_t head_size =
        (size_t)snprintf(head, sizeof head, "id: %" PRIx64 "-%" PRIu64 "\nevent: %s\ndata: ", epoch, number,
                         is_snapshot ? "snapshot" : "tick"); /* fits */
    struct event *event = malloc(sizeof *event + head_size + size + sizeof end - 1);

    if (!event)
        return NULL;
    event->references = 1;
    event->number = number;
    event->size = head_size + size + sizeof end - 1;
    memcpy(event->text, head, head_size);
    memcpy(event->text + head_size, json, size);
    memcpy(event->text + head_size + size, end, sizeof end - 1);
    return event;
}

int event_ring_add(struct event_ring *ring, bool is_snapshot, uint64_t number, const char *json, size_t size)
{
    struct event *event;

    /* a line's end within would end the event; JSON has none outside of strings, and escapes it there */
    if (memchr(json, '\n', size) || (is_snapshot ? number + 1 < ring->next : number != ring->next))
        return -EBADMSG;
    if (is_snapshot && !ring->snapshot)
        ring->first = ring->next = number + 1;
    event = event_new(ring->epoch, is_snapshot, number, json, size);
    if (!event)
        return -ENOMEM;
    if (is_snapshot) {
        event_unref(ring->snapshot);
        ring->snapshot = event;
        return 0;
    }
    if (ring->next - ring->first == EVENT_RING_SIZE)
        drop_first(ring);
    ring->ticks[ring->next++ % EVENT_RING_SIZE] = event;
    ring->bytes += event->size;
    /* the sampler sends another snapshot before one is too old for those that are left */
    while (ring->bytes > LIMIT_EVENTS_KEPT && ring->first + 1 < ring->next)
        drop_first(ring);
    return 0;
}

struct event *event_ring_next(struct event_ring *ring, uint64_t last, bool *ret_late)
{
    *ret_late = last + 1 < ring->first;
    if (*ret_late || last + 1 >= ring->next)
        return NULL;
    return event_ref(ring->ticks[(last + 1) % EVENT_RING_SIZE]);
}

struct event *event_ring_snapshot(struct event_ring *ring)
{
    return event_ref(ring->snapshot);
}

bool event_ring_find(const struct event_ring *ring, const char *id, uint64_t *ret_number)
{
    const char *at = id, *end = id + strlen(id);
    uint64_t epoch, number;

    if (!scan_hex(&at, end, &epoch) || !scan_char(&at, end, '-') || !scan_u64(&at, end, &number) || at != end)
        return false;
    if (!ring->snapshot || epoch != ring->epoch || number + 1 < ring->first || number >= ring->next)
        return false;
    *ret_number = number;
    return true;
}
