/* The names in a heap: types, their modules, fields that are static. */
#include "base/limits.h"

#include "runtime/dotnet_heap_parts.h"

#include "base/array.h"

#include <errno.h>
#include <inttypes.h>

/* The pool's copy; "?" where it has no room any more. */
static const char *keep(struct dotnet_heap *heap, const char *text)
{
    const char *kept = string_pool_add(heap->strings, text);

    return kept ? kept : "?";
}

int dotnet_heap_type(struct dotnet_heap *heap, uint64_t id, uint32_t *ret_type)
{
    int r;

    if (dotnet_map_find(&heap->types_by_id, id, ret_type))
        return 0;
    r = ARRAY_RESERVE(&heap->types, 1, LIMIT_DOTNET_TYPES);
    if (r == 0)
        r = dotnet_map_add(&heap->types_by_id, id, (uint32_t)heap->types.count, LIMIT_DOTNET_TYPES);
    if (r < 0)
        return r == -ENOBUFS ? -EFBIG : r;
    *ret_type = (uint32_t)heap->types.count;
    heap->types.items[heap->types.count++] = (struct dotnet_type){.id = id};
    return 0;
}

/* "List`1[System.String[]]" as people write it, and as others' dumps have it: "List<System.String[]>". In
 * place, since it gets no longer. */
static void write_as_people(char *name)
{
    char *out = name;

    for (const char *at = name; *at; at++) {
        if (*at == '`' && at[1] >= '0' && at[1] <= '9') {
            while (at[1] >= '0' && at[1] <= '9')
                at++;
            continue;
        }
        if (*at == '[' && at[1] == ']') {
            *out++ = '[';
            *out++ = *++at;
            continue;
        }
        *out++ = *at;
        if (*at == '[')
            out[-1] = '<';
        else if (*at == ']')
            out[-1] = '>';
    }
    *out = '\0';
}

static int take_type(struct dotnet_heap *heap, struct dotnet_bytes *bytes)
{
    enum { TOKEN_AND_FLAGS = 8, PARAMETER = 8 };
    uint64_t id = dotnet_u64(bytes), module = dotnet_u64(bytes);
    uint32_t index;
    int r;

    (void)dotnet_skip(bytes, TOKEN_AND_FLAGS);
    (void)dotnet_u8(bytes); /* its kind for signatures */
    buffer_clear(&heap->text);
    r = dotnet_text(bytes, &heap->text);
    (void)dotnet_skip(bytes, PARAMETER * (uint64_t)dotnet_u32(bytes));
    if (r < 0 || bytes->is_short)
        return r;
    r = dotnet_heap_type(heap, id, &index);
    if (r < 0)
        return r;
    heap->types.items[index].module = module;
    if (heap->text.size > 0) {
        write_as_people(heap->text.data);
        heap->types.items[index].name = keep(heap, heap->text.data);
    }
    return 0;
}

int dotnet_heap_types(struct dotnet_heap *heap, struct dotnet_bytes *bytes)
{
    size_t count = dotnet_u32(bytes);
    int r = 0;

    (void)dotnet_u16(bytes); /* which runtime of the process */
    for (size_t i = 0; i < count && r == 0 && !bytes->is_short; i++)
        r = take_type(heap, bytes);
    return r;
}

int dotnet_heap_module(struct dotnet_heap *heap, struct dotnet_bytes *bytes)
{
    enum { ASSEMBLY_AND_FLAGS = 16 };
    uint64_t id = dotnet_u64(bytes);
    uint32_t known;
    int r;

    (void)dotnet_skip(bytes, ASSEMBLY_AND_FLAGS);
    buffer_clear(&heap->text);
    r = dotnet_text(bytes, &heap->text);
    if (r < 0 || bytes->is_short || dotnet_map_find(&heap->modules_by_id, id, &known))
        return r;
    r = ARRAY_RESERVE(&heap->modules, 1, LIMIT_MODULES);
    if (r == 0)
        r = dotnet_map_add(&heap->modules_by_id, id, (uint32_t)heap->modules.count, LIMIT_MODULES);
    if (r == 0)
        heap->modules.items[heap->modules.count++] = keep(heap, buffer_string(&heap->text));
    return r == -ENOBUFS ? 0 : r; /* then its types have no module */
}

int dotnet_heap_field(struct dotnet_heap *heap, struct dotnet_bytes *bytes, uint32_t *ret_group)
{
    enum { OF_A_THREAD = 1 };
    uint64_t type = dotnet_u64(bytes), key;
    uint32_t of_a_thread = dotnet_u32(bytes) & OF_A_THREAD;
    struct dotnet_group group = {.type = type,
                                 .parent = of_a_thread ? DOTNET_THREAD_STATICS : DOTNET_STATICS};
    const char *text;
    int r;

    /* what tells it apart from others, with its name at the end */
    buffer_clear(&heap->text);
    r = buffer_append_format(&heap->text, "%" PRIx64 " ", type);
    if (r == 0)
        r = dotnet_text(bytes, &heap->text);
    if (r < 0)
        return r;
    text = keep(heap, buffer_string(&heap->text));
    group.name = strchr(text, ' ') ? strchr(text, ' ') + 1 : text;
    key = (uint64_t)(uintptr_t)text << 1 | of_a_thread; /* addresses leave the top free */
    if (dotnet_map_find(&heap->groups_by_name, key, ret_group))
        return 0;
    r = ARRAY_RESERVE(&heap->groups, 1, LIMIT_DOTNET_FIELDS);
    if (r == 0)
        r = dotnet_map_add(&heap->groups_by_name, key, (uint32_t)heap->groups.count, LIMIT_DOTNET_FIELDS);
    if (r == -ENOBUFS) {
        *ret_group = group.parent;
        return 0;
    }
    if (r < 0)
        return r;
    *ret_group = (uint32_t)heap->groups.count;
    heap->groups.items[heap->groups.count++] = group;
    return 0;
}

/* Whose type is told behind the fields. It is the field's own type that runtimes tell, not the one that it is
 * a field of; others' dumps have these names, too. */
static int name_fields(struct dotnet_heap *heap)
{
    int r = 0;

    for (size_t i = DOTNET_GROUPS; i < heap->groups.count && r == 0; i++) {
        struct dotnet_group *group = &heap->groups.items[i];
        uint32_t type;
        bool known = dotnet_map_find(&heap->types_by_id, group->type, &type) && heap->types.items[type].name;

        buffer_clear(&heap->text);
        r = known ? buffer_append_format(&heap->text, "[static var %s.%s]", heap->types.items[type].name,
                                         group->name)
                  : buffer_append_format(&heap->text, "[static var Type(0x%" PRIx64 ").%s]", group->type,
                                         group->name);
        if (r == 0)
            group->name = keep(heap, heap->text.data);
        r = r == -ENOBUFS ? 0 : r; /* a name that is too long stays the field's alone */
    }
    return r;
}

/* Into the first type of its name and module. */
static void fold_counts(struct dotnet_heap *heap, struct dotnet_type *type)
{
    struct dotnet_type *same = &heap->types.items[type->same];

    if (same == type)
        return;
    same->count += type->count;
    same->bytes += type->bytes;
    type->count = type->bytes = 0;
}

static int name_type(struct dotnet_heap *heap, struct dotnet_type *type)
{
    uint32_t module;
    int r;

    buffer_clear(&heap->text);
    if (!type->name) {
        r = buffer_append_format(&heap->text, "UNKNOWN 0x%" PRIx64, type->id);
        if (r < 0)
            return r;
        type->name = keep(heap, heap->text.data);
        buffer_clear(&heap->text);
    }
    if (type->module && dotnet_map_find(&heap->modules_by_id, type->module, &module))
        type->module_path = heap->modules.items[module];
    r = buffer_append_format(&heap->text, "%s!%s", type->module_path ? type->module_path : "", type->name);
    return r == -ENOBUFS ? 0 : r;
}

int dotnet_heap_name(struct dotnet_heap *heap)
{
    int r = name_fields(heap);

    for (size_t i = 0; i < heap->types.count && r == 0; i++) {
        struct dotnet_type *type = &heap->types.items[i];
        uint64_t key;

        r = name_type(heap, type);
        if (r < 0)
            return r;
        type->same = (uint32_t)i;
        key = (uintptr_t)keep(heap, buffer_string(&heap->text));
        if (!dotnet_map_find(&heap->types_by_name, key, &type->same))
            r = dotnet_map_add(&heap->types_by_name, key, (uint32_t)i, LIMIT_DOTNET_TYPES);
        fold_counts(heap, type);
    }
    return r;
}
