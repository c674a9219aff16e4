#include "base/limits.h"

#include "runtime/dotnet_events.h"

#include "runtime/dotnet_bytes.h"

#include <errno.h>

struct dotnet_form {
    uint16_t id;
    uint8_t source;
    bool is_known;
};

/* Tags of the library that frames objects, FastSerialization. */
enum { TAG_NULL = 1, TAG_PRIVATE_OBJECT = 5, TAG_END = 6 };

static const char beginning[] = "Nettrace\x14\0\0\0!FastSerialization.1";
enum { BEGINNING_SIZE = sizeof beginning - 1, NAME_MAX_SIZE = 64, TRACE_SIZE = 48 };

void dotnet_events_release(struct dotnet_events *events)
{
    if (!events)
        return;
    buffer_release(&events->bytes);
    free(events->forms);
    events->forms = NULL;
    events->form_count = 0;
}

static enum dotnet_source source_of(const struct dotnet_bytes *bytes)
{
    static const struct {
        const char *name;
        enum dotnet_source source;
    } sources[] = {{"Microsoft-Windows-DotNETRuntime", DOTNET_RUNTIME},
                   {"Microsoft-Windows-DotNETRuntimeRundown", DOTNET_RUNDOWN},
                   {"Microsoft-DotNETCore-SampleProfiler", DOTNET_SAMPLES}};

    for (size_t i = 0; i < ELEMENTS_OF(sources); i++) {
        struct dotnet_bytes copy = *bytes;

        if (dotnet_is_text(&copy, sources[i].name))
            return sources[i].source;
    }
    return DOTNET_OTHER;
}

/* A kind of event is told of before the first of them. */
static int take_form(struct dotnet_events *events, const struct dotnet_event *event)
{
    struct dotnet_bytes bytes = {.at = event->payload, .end = event->payload + event->size};
    uint32_t number = dotnet_u32(&bytes), id;
    enum dotnet_source source = source_of(&bytes);
    struct dotnet_event kind = *event;

    (void)dotnet_is_text(&bytes, ""); /* its name */
    id = dotnet_u32(&bytes);
    if (bytes.is_short || number >= LIMIT_DOTNET_FORMS)
        return -EBADMSG;
    if (number >= events->form_count) {
        size_t count = number + 64;
        struct dotnet_form *forms = reallocarray(events->forms, count, sizeof *forms);

        if (!forms)
            return -ENOMEM;
        memset(forms + events->form_count, 0, (count - events->form_count) * sizeof *forms);
        events->forms = forms;
        events->form_count = count;
    }
    events->forms[number] =
        (struct dotnet_form){.id = (uint16_t)id, .source = (uint8_t)source, .is_known = id <= UINT16_MAX};
    if (!events->learn)
        return 0;
    kind.form = number;
    return events->learn(events->to, &kind);
}

static int hand_on(struct dotnet_events *events, uint32_t number, struct dotnet_event *event)
{
    const struct dotnet_form *form = number < events->form_count ? &events->forms[number] : NULL;

    if (!form || !form->is_known)
        return 0;
    event->id = form->id;
    event->form = number;
    event->source = form->source;
    return events->take(events->to, event);
}

/* Each field of an event's head is there only where it differs from that of the one before. */
struct heads {
    uint32_t form, size;
    uint64_t time;
};

enum {
    HAS_FORM = 1,
    HAS_SEQUENCE = 2,
    HAS_THREAD = 4,
    HAS_STACK = 8,
    HAS_ACTIVITY = 16,
    HAS_RELATED = 32,
    HAS_SIZE = 128,
    ID_SIZE = 16,
};

static void take_head(struct dotnet_bytes *bytes, struct heads *heads)
{
    uint8_t flags = dotnet_u8(bytes);

    if (flags & HAS_FORM)
        heads->form = (uint32_t)dotnet_packed(bytes);
    if (flags & HAS_SEQUENCE) {
        (void)dotnet_packed(bytes); /* sequence number, thread, processor: not needed */
        (void)dotnet_packed(bytes);
        (void)dotnet_packed(bytes);
    }
    if (flags & HAS_THREAD)
        (void)dotnet_packed(bytes);
    if (flags & HAS_STACK)
        (void)dotnet_packed(bytes);
    heads->time += dotnet_packed(bytes);
    if (flags & HAS_ACTIVITY)
        (void)dotnet_skip(bytes, ID_SIZE);
    if (flags & HAS_RELATED)
        (void)dotnet_skip(bytes, ID_SIZE);
    if (flags & HAS_SIZE)
        heads->size = (uint32_t)dotnet_packed(bytes);
}

static int take_block(struct dotnet_events *events, struct dotnet_bytes bytes, bool is_forms)
{
    enum { COMPRESSED = 1, HEAD_LEAST = 20 };
    struct heads heads = {0};
    const uint8_t *start = bytes.at;
    uint16_t head_size = dotnet_u16(&bytes), flags = dotnet_u16(&bytes);
    int r = 0;

    if (bytes.is_short || head_size < HEAD_LEAST || !(flags & COMPRESSED))
        return -EBADMSG;
    bytes.at = start;
    (void)dotnet_skip(&bytes, head_size); /* is_short is looked at below */
    while (r == 0 && !bytes.is_short && bytes.at < bytes.end) {
        struct dotnet_event event = {0};

        take_head(&bytes, &heads);
        event.time = heads.time;
        event.size = heads.size;
        event.payload = dotnet_skip(&bytes, heads.size);
        if (!event.payload)
            return -EBADMSG;
        r = is_forms ? take_form(events, &event) : hand_on(events, heads.form, &event);
    }
    return bytes.is_short ? -EBADMSG : r;
}

static int take_trace(struct dotnet_events *events, struct dotnet_bytes *bytes)
{
    enum { TIME = 16, SYNC = 8, REST = 12 };

    (void)dotnet_skip(bytes, TIME + SYNC);
    events->frequency = dotnet_u64(bytes);
    events->pointer_size = dotnet_u32(bytes);
    (void)dotnet_skip(bytes, REST);
    return bytes->is_short ? -EAGAIN : 0;
}

/* The name of an object's kind. -EAGAIN: not all of it is there yet. */
static int take_kind(struct dotnet_bytes *bytes, char ret_name[NAME_MAX_SIZE])
{
    uint32_t size;
    const uint8_t *name;
    uint8_t tag = dotnet_u8(bytes), null = dotnet_u8(bytes);

    (void)dotnet_u64(bytes); /* version, and least version of a reader */
    size = dotnet_u32(bytes);
    if (bytes->is_short)
        return -EAGAIN;
    if (tag != TAG_PRIVATE_OBJECT || null != TAG_NULL || size >= NAME_MAX_SIZE)
        return -EBADMSG;
    name = dotnet_skip(bytes, size);
    tag = dotnet_u8(bytes);
    if (!name || bytes->is_short)
        return -EAGAIN;
    memcpy(ret_name, name, size);
    ret_name[size] = '\0';
    return tag == TAG_END ? 0 : -EBADMSG;
}

/* Blocks begin at multiples of 4 of the stream. */
static int find_block(const struct dotnet_events *events, struct dotnet_bytes *bytes,
                      struct dotnet_bytes *ret_block)
{
    const uint8_t *start = (const uint8_t *)events->bytes.data;
    uint32_t size = dotnet_u32(bytes);
    uint64_t at = events->at + (uint64_t)(bytes->at - start);

    if (!bytes->is_short && size > LIMIT_DOTNET_BLOCK / 2)
        return -EFBIG;
    (void)dotnet_skip(bytes, (4 - at % 4) % 4);
    ret_block->at = dotnet_skip(bytes, size);
    ret_block->end = bytes->at;
    ret_block->is_short = false;
    return bytes->is_short ? -EAGAIN : 0;
}

static int take_object(struct dotnet_events *events, struct dotnet_bytes *bytes)
{
    char name[NAME_MAX_SIZE];
    struct dotnet_bytes block = {0};
    int r = take_kind(bytes, name);
    bool is_trace = r == 0 && strcmp(name, "Trace") == 0;

    if (r == 0)
        r = is_trace ? take_trace(events, bytes) : find_block(events, bytes, &block);
    if (r == 0 && bytes->at == bytes->end)
        return -EAGAIN;
    if (r == 0 && dotnet_u8(bytes) != TAG_END)
        return -EBADMSG;
    if (r == 0 && strcmp(name, "EventBlock") == 0)
        r = take_block(events, block, false);
    else if (r == 0 && strcmp(name, "MetadataBlock") == 0)
        r = take_block(events, block, true);
    return r;
}

/* -EAGAIN: it needs more. */
static int step(struct dotnet_events *events, struct dotnet_bytes *bytes)
{
    uint8_t tag;

    if (!events->is_begun) {
        const uint8_t *found = dotnet_skip(bytes, BEGINNING_SIZE);

        if (!found)
            return -EAGAIN;
        if (memcmp(found, beginning, BEGINNING_SIZE) != 0)
            return -EBADMSG;
        events->is_begun = true;
        return 0;
    }
    tag = dotnet_u8(bytes);
    if (bytes->is_short)
        return -EAGAIN;
    if (tag == TAG_NULL) {
        events->is_whole = true;
        return 0;
    }
    return tag == TAG_PRIVATE_OBJECT ? take_object(events, bytes) : -EBADMSG;
}

int dotnet_events_feed(struct dotnet_events *events, const void *bytes, size_t size)
{
    int r = buffer_append(&events->bytes, bytes, size);
    size_t used = 0;

    if (r < 0)
        return r == -ENOBUFS ? -EFBIG : r;
    while (r == 0 && !events->is_whole) {
        struct dotnet_bytes rest = {.at = (const uint8_t *)events->bytes.data + used,
                                    .end = (const uint8_t *)events->bytes.data + events->bytes.size};

        r = step(events, &rest);
        if (r == 0)
            used = (size_t)(rest.at - (const uint8_t *)events->bytes.data);
    }
    if (r < 0 && r != -EAGAIN)
        return r;
    events->at += used;
    memmove(events->bytes.data, events->bytes.data + used, events->bytes.size - used);
    events->bytes.size -= used;
    return 0;
}
