#include "base/limits.h"

#include "runtime/dotnet_counters.h"

#include "runtime/dotnet_bytes.h"

#include <errno.h>
#include <math.h>

enum { FIELDS_MAX = 32, DEPTH_MAX = 4, PROVIDER_SIZE = 256 };

/* .NET's TypeCode, and how many bytes one takes; text ends with a NUL. */
enum { TYPE_OBJECT = 1, TYPE_SINGLE = 13, TYPE_DOUBLE = 14, TYPE_TEXT = 18, TYPES = 19 };
static const uint8_t type_sizes[TYPES] = {
    [3] = 4,  [4] = 2,  [5] = 1,           [6] = 1,           [7] = 2,   [8] = 2,  [9] = 4,  [10] = 4,
    [11] = 8, [12] = 8, [TYPE_SINGLE] = 4, [TYPE_DOUBLE] = 8, [15] = 16, [16] = 8, [17] = 16};

/* What a field is to us. Those before OTHER are text. */
enum role { NAME, DISPLAY_NAME, METADATA, UNIT, OTHER, MEAN, INCREMENT };
enum { TEXTS = OTHER };
static const char *const role_names[] = {
    [NAME] = "Name", [DISPLAY_NAME] = "DisplayName", [METADATA] = "Metadata", [UNIT] = "DisplayUnits",
    [MEAN] = "Mean", [INCREMENT] = "Increment"};

struct counter_field {
    uint8_t type, role;
};

struct counter_kind {
    uint32_t form;
    uint32_t field_count; /* 0: it is none of ours any more */
    struct counter_field fields[FIELDS_MAX];
    char provider[PROVIDER_SIZE];
};

void dotnet_counters_release(struct dotnet_counters *counters)
{
    if (!counters)
        return;
    free(counters->kinds);
    buffer_release(&counters->text);
    counters->kinds = NULL;
    counters->kind_count = 0;
}

static struct counter_kind *find(const struct dotnet_counters *counters, uint32_t form)
{
    for (size_t i = 0; i < counters->kind_count; i++)
        if (counters->kinds[i].form == form)
            return &counters->kinds[i];
    return NULL;
}

/* Passes over the name of a field. */
static uint8_t role_of(struct dotnet_bytes *bytes)
{
    uint8_t role = OTHER;

    for (size_t i = 0; i < ELEMENTS_OF(role_names); i++) {
        struct dotnet_bytes copy = *bytes;

        if (role_names[i] && dotnet_is_text(&copy, role_names[i]))
            role = (uint8_t)i;
    }
    (void)dotnet_is_text(bytes, "");
    return role;
}

/* Fields in the order in which their values stand in an event, those of objects in their place. */
static int take_fields(struct dotnet_bytes *bytes, struct counter_kind *kind, unsigned depth)
{
    uint32_t count = dotnet_u32(bytes);
    int r = count <= FIELDS_MAX && depth < DEPTH_MAX ? 0 : -EBADMSG;

    for (uint32_t i = 0; i < count && r == 0; i++) {
        uint32_t type = dotnet_u32(bytes);
        bool is_object = type == TYPE_OBJECT;
        uint8_t role;

        if (is_object)
            r = take_fields(bytes, kind, depth + 1);
        else if (type >= TYPES || (type_sizes[type] == 0 && type != TYPE_TEXT))
            r = -EBADMSG;
        role = r == 0 ? role_of(bytes) : OTHER;
        if (r < 0 || is_object)
            continue;
        if (kind->field_count == FIELDS_MAX || (role < TEXTS && type != TYPE_TEXT))
            return -EBADMSG;
        if (role > OTHER && type != TYPE_DOUBLE)
            role = OTHER;
        kind->fields[kind->field_count++] = (struct counter_field){.type = (uint8_t)type, .role = role};
    }
    return bytes->is_short ? -EBADMSG : r;
}

static bool read_kind(const struct dotnet_event *event, struct counter_kind *ret_kind)
{
    enum { KEYWORDS_VERSION_LEVEL = 16 };
    struct dotnet_bytes bytes = {.at = event->payload, .end = event->payload + event->size};
    struct buffer name = BUFFER_INIT(sizeof ret_kind->provider);
    bool is_counter;
    int r;

    *ret_kind = (struct counter_kind){.form = event->form};
    (void)dotnet_u32(&bytes);
    r = dotnet_text(&bytes, &name);
    (void)snprintf(ret_kind->provider, sizeof ret_kind->provider, "%s",
                   buffer_string(&name)); /* cut: as is */
    buffer_release(&name);
    (void)dotnet_u32(&bytes);
    is_counter = dotnet_is_text(&bytes, "EventCounters");
    (void)dotnet_skip(&bytes, KEYWORDS_VERSION_LEVEL);
    return r == 0 && is_counter && take_fields(&bytes, ret_kind, 0) == 0;
}

int dotnet_counters_learn(void *to, const struct dotnet_event *event)
{
    struct dotnet_counters *counters = to;
    struct counter_kind kind, *known = find(counters, event->form), *kinds;
    bool is_good = read_kind(event, &kind);

    if (known) { /* told again; what it was doesn't count any more */
        if (!is_good)
            kind.field_count = 0;
        *known = kind;
        return 0;
    }
    if (!is_good || counters->kind_count == LIMIT_DOTNET_COUNTER_KINDS)
        return 0;
    kinds = reallocarray(counters->kinds, counters->kind_count + 1, sizeof *kinds);
    if (!kinds)
        return -ENOMEM;
    counters->kinds = kinds;
    kinds[counters->kind_count++] = kind;
    return 0;
}

/* Where its text begins, with a NUL behind it. -ENOBUFS: no room. */
static int take_text(struct dotnet_bytes *bytes, struct buffer *text, size_t *ret_at)
{
    int r;

    *ret_at = text->size;
    r = dotnet_text(bytes, text);
    return r < 0 ? r : buffer_append(text, "", 1);
}

static double double_of(const uint8_t *bytes)
{
    uint64_t bits;
    double value;

    memcpy(&bits, bytes, sizeof bits);
    bits = le64toh(bits);
    memcpy(&value, &bits, sizeof value);
    return isfinite(value) ? value : 0;
}

int dotnet_counters_take(void *to, const struct dotnet_event *event)
{
    struct dotnet_counters *counters = to;
    const struct counter_kind *kind = find(counters, event->form);
    struct dotnet_bytes bytes = {.at = event->payload, .end = event->payload + event->size};
    struct dotnet_counter counter = {0};
    size_t texts[TEXTS] = {0}, ignored;
    bool has_value = false;
    int r = 0;

    if (!kind)
        return 0;
    buffer_clear(&counters->text);
    r = buffer_append(&counters->text, "", 1); /* what is not there is "" */
    for (uint32_t i = 0; i < kind->field_count && r == 0; i++) {
        const struct counter_field *field = &kind->fields[i];
        const uint8_t *value;

        if (field->type == TYPE_TEXT) {
            r = take_text(&bytes, &counters->text, field->role < TEXTS ? &texts[field->role] : &ignored);
            continue;
        }
        value = dotnet_skip(&bytes, type_sizes[field->type]);
        if (!value || field->role <= OTHER)
            continue;
        counter.value = double_of(value);
        counter.is_rate = field->role == INCREMENT;
        has_value = true;
    }
    if (r < 0 || bytes.is_short || !has_value)
        return r == -ENOMEM ? r : 0;
    counter.provider = kind->provider;
    counter.name = counters->text.data + texts[NAME];
    counter.display_name = counters->text.data + texts[DISPLAY_NAME];
    counter.metadata = counters->text.data + texts[METADATA];
    counter.unit = counters->text.data + texts[UNIT];
    return counters->take(counters->to, &counter);
}
