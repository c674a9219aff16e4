#include "runtime/node_types.h"

#include "base/limits.h"
#include "base/string_pool.h"
#include "runtime/json_stream.h"

#include <errno.h>
#include <string.h>

enum { FIELDS_MAX = 32, KINDS_MAX = 64, KIND_SIZE = 40, CAPACITY_FIRST = 1024 };

/* Where in the document we are: by keys, as far as they matter. */
enum part { PART_OTHER, PART_FIELDS, PART_KINDS, PART_NODES, PART_STRINGS };
/* Depth of what stands in it: {"snapshot":{"meta":{"node_fields":[ ... */
enum { DEPTH_ROOT = 1, DEPTH_LIST = 2, DEPTH_META = 3, DEPTH_META_LIST = 4, DEPTH_KINDS = 5 };

struct counted {
    uint64_t count, bytes;
};

/* Objects with one name. */
struct named {
    uint32_t name; /* index of the string */
    bool is_used, is_found;
    const char *text; /* in the pool; NULL: no room was left */
    struct counted counted;
};

struct node_types {
    struct json_stream stream;
    enum part part;
    bool has_nodes, has_strings;
    unsigned fields, type_field, name_field, size_field; /* fields: how many a node has */
    unsigned kinds;
    char kind[KINDS_MAX][KIND_SIZE];
    bool kind_has_name[KINDS_MAX];
    unsigned field; /* of the present node */
    uint64_t type, name, size;
    struct counted of_kind[KINDS_MAX], others;
    struct named *named; /* by hash, of a power of two, at most half full */
    size_t capacity, named_count;
    uint64_t strings;   /* so far */
    struct named *wish; /* who wants the text that comes */
    struct string_pool *pool;
};

static int begin_nodes(struct node_types *types)
{
    if (types->has_nodes || types->has_strings || !types->fields || !types->kinds ||
        types->type_field == FIELDS_MAX || types->name_field == FIELDS_MAX || types->size_field == FIELDS_MAX)
        return -EBADMSG;
    types->has_nodes = true;
    types->part = PART_NODES;
    return 0;
}

static int take_key(void *to, const char *text, size_t size)
{
    struct node_types *types = to;
    unsigned depth = types->stream.depth;
    char key[16];

    types->part = PART_OTHER;
    if (size >= sizeof key)
        return 0;
    memcpy(key, text, size);
    key[size] = '\0';
    if (depth == DEPTH_META && strcmp(key, "node_fields") == 0)
        types->part = PART_FIELDS;
    else if (depth == DEPTH_META && strcmp(key, "node_types") == 0)
        types->part = PART_KINDS;
    else if (depth == DEPTH_ROOT && strcmp(key, "nodes") == 0)
        return begin_nodes(types);
    else if (depth == DEPTH_ROOT && strcmp(key, "strings") == 0) {
        if (!types->has_nodes || types->has_strings)
            return -EBADMSG;
        types->has_strings = true;
        types->part = PART_STRINGS;
    }
    return 0;
}

static int open_list(void *to, char kind)
{
    struct node_types *types = to;

    if (types->part == PART_NODES) {
        if (kind != '[' || types->stream.depth != DEPTH_LIST)
            return -EBADMSG;
        types->stream.wants_numbers = true;
    }
    return 0;
}

static int close_list(void *to)
{
    struct node_types *types = to;
    unsigned depth = types->stream.depth;

    /* only the first list of node_types names kinds, the rest are words for other fields */
    if (types->part == PART_KINDS && depth == DEPTH_META_LIST && types->kinds)
        types->part = PART_OTHER;
    if (types->part != PART_NODES)
        return 0;
    types->stream.wants_numbers = false;
    types->part = PART_OTHER;
    return types->field == 0 ? 0 : -EBADMSG;
}

static size_t place_of(const struct node_types *types, uint32_t name)
{
    size_t at = (name * 0x9e3779b1u) & (types->capacity - 1);

    while (types->named[at].is_used && types->named[at].name != name)
        at = (at + 1) & (types->capacity - 1);
    return at;
}

static int grow(struct node_types *types)
{
    size_t old_capacity = types->capacity;
    struct named *old = types->named, *bigger = calloc(old_capacity * 2, sizeof *bigger);

    if (!bigger)
        return -ENOMEM;
    types->named = bigger;
    types->capacity = old_capacity * 2;
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].is_used)
            types->named[place_of(types, old[i].name)] = old[i];
    free(old);
    return 0;
}

static int counted_of_name(struct node_types *types, uint32_t name, struct counted **ret_counted)
{
    size_t at = place_of(types, name);
    int r;

    if (!types->named[at].is_used) {
        if (types->named_count == LIMIT_HEAP_TYPES) {
            *ret_counted = &types->others;
            return 0;
        }
        if (types->named_count * 2 >= types->capacity) {
            r = grow(types);
            if (r < 0)
                return r;
            at = place_of(types, name);
        }
        types->named[at] = (struct named){.name = name, .is_used = true};
        types->named_count++;
    }
    *ret_counted = &types->named[at].counted;
    return 0;
}

static int take_node(struct node_types *types)
{
    struct counted *counted;
    int r;

    if (types->type >= types->kinds || types->name > UINT32_MAX)
        return -EBADMSG;
    counted = &types->of_kind[types->type];
    if (types->kind_has_name[types->type]) {
        r = counted_of_name(types, (uint32_t)types->name, &counted);
        if (r < 0)
            return r;
    }
    counted->count++;
    if (__builtin_add_overflow(counted->bytes, types->size, &counted->bytes))
        return -EBADMSG;
    return 0;
}

static int take_number(void *to, uint64_t number)
{
    struct node_types *types = to;

    if (types->field == types->type_field)
        types->type = number;
    else if (types->field == types->name_field)
        types->name = number;
    else if (types->field == types->size_field)
        types->size = number;
    if (++types->field < types->fields)
        return 0;
    types->field = 0;
    return take_node(types);
}

static bool wants_text(void *to)
{
    struct node_types *types = to;
    unsigned depth = types->stream.depth;
    size_t at;

    types->wish = NULL;
    if (types->part == PART_FIELDS)
        return depth == DEPTH_META_LIST;
    if (types->part == PART_KINDS)
        return depth == DEPTH_KINDS;
    if (types->part != PART_STRINGS || depth != DEPTH_LIST || types->strings++ > UINT32_MAX)
        return false;
    at = place_of(types, (uint32_t)(types->strings - 1));
    if (!types->named[at].is_used)
        return false;
    types->wish = &types->named[at];
    types->wish->is_found = true;
    types->wish->text = "";
    return true;
}

static void take_field(struct node_types *types, const char *text, size_t size)
{
    if (size == strlen("type") && memcmp(text, "type", size) == 0)
        types->type_field = types->fields;
    else if (size == strlen("name") && memcmp(text, "name", size) == 0)
        types->name_field = types->fields;
    else if (size == strlen("self_size") && memcmp(text, "self_size", size) == 0)
        types->size_field = types->fields;
    types->fields++;
}

static void take_kind(struct node_types *types, const char *text, size_t size)
{
    char *kind = types->kind[types->kinds];
    int shown = size < KIND_SIZE - 3 ? (int)size : KIND_SIZE - 3;

    (void)snprintf(kind, KIND_SIZE, "(%.*s)", shown, text); /* fits */
    types->kind_has_name[types->kinds] = strcmp(kind, "(object)") == 0 || strcmp(kind, "(native)") == 0;
    if (strcmp(kind, "(hidden)") == 0)
        (void)snprintf(kind, KIND_SIZE, "(system)"); /* fits */
    else if (strcmp(kind, "(code)") == 0)
        (void)snprintf(kind, KIND_SIZE, "(compiled code)"); /* fits */
    types->kinds++;
}

static int take_text(void *to, const char *text, size_t size)
{
    struct node_types *types = to;
    char name[LIMIT_HEAP_LINE + 1];

    if (types->part == PART_FIELDS || types->part == PART_KINDS) {
        bool is_field = types->part == PART_FIELDS;

        if (types->has_nodes || (is_field ? types->fields == FIELDS_MAX : types->kinds == KINDS_MAX))
            return -EBADMSG;
        is_field ? take_field(types, text, size) : take_kind(types, text, size);
        return 0;
    }
    if (!types->wish)
        return 0;
    memcpy(name, text, size);
    name[size] = '\0';
    types->wish->text = string_pool_add(types->pool, name);
    return 0;
}

static const struct json_stream_ops ops = {.enter = open_list,
                                           .leave = close_list,
                                           .key = take_key,
                                           .wants_text = wants_text,
                                           .text = take_text,
                                           .number = take_number};

int node_types_new(struct node_types **ret_types)
{
    _cleanup_node_types_ struct node_types *types = calloc(1, sizeof *types);

    if (!types)
        return -ENOMEM;
    types->stream = JSON_STREAM_INIT(&ops, types);
    types->type_field = types->name_field = types->size_field = FIELDS_MAX;
    types->pool = string_pool_new(LIMIT_NODE_STRINGS);
    types->named = calloc(CAPACITY_FIRST, sizeof *types->named);
    types->capacity = CAPACITY_FIRST;
    if (!types->pool || !types->named)
        return -ENOMEM;
    *ret_types = TAKE_PTR(types);
    return 0;
}

void node_types_free(struct node_types *types)
{
    if (!types)
        return;
    string_pool_free(types->pool);
    free(types->named);
    free(types);
}

int node_types_take(void *types, const char *bytes, size_t size)
{
    return json_stream_take(&((struct node_types *)types)->stream, bytes, size);
}

static int compare(const void *a, const void *b)
{
    const struct heap_type *one = a, *other = b;

    if (one->bytes != other->bytes)
        return one->bytes < other->bytes ? 1 : -1;
    return (one->count < other->count) - (one->count > other->count);
}

static void add(struct heap_type *list, size_t *count, const char *name, const struct counted *counted)
{
    if (counted->count)
        list[(*count)++] = (struct heap_type){
            .name = name, .name_size = strlen(name), .count = counted->count, .bytes = counted->bytes};
}

int node_types_finish(struct node_types *types, int (*take)(void *to, const struct heap_type *type), void *to)
{
    _cleanup_free_ struct heap_type *list = calloc(types->named_count + KINDS_MAX + 1, sizeof *list);
    size_t count = 0;
    int r = 0;

    if (!list)
        return -ENOMEM;
    if (!json_stream_is_over(&types->stream) || !types->has_strings)
        return -EBADMSG;
    for (size_t i = 0; i < types->capacity; i++) {
        const struct named *named = &types->named[i];

        if (named->is_used && !named->is_found)
            return -EBADMSG;
        if (named->is_used && named->text)
            add(list, &count, named->text, &named->counted);
        else if (named->is_used) {
            types->others.count += named->counted.count;
            types->others.bytes += named->counted.bytes;
        }
    }
    for (unsigned i = 0; i < types->kinds; i++)
        add(list, &count, types->kind[i], &types->of_kind[i]);
    add(list, &count, "(others)", &types->others);
    qsort(list, count, sizeof *list, compare);
    for (size_t i = 0; i < count && r == 0; i++)
        r = take(to, &list[i]);
    return r;
}
