#include "cmd/heap_compare.h"

#include "base/array.h"
#include "base/io.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

void heap_comparison_release(struct heap_comparison *comparison)
{
    free(comparison->items);
    *comparison = (struct heap_comparison){0};
}

int heap_file_read(const char *path, json_t **ret_json, struct error *error)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_HEAP_FILE);
    json_error_t why;
    json_t *json;
    int r = io_read_file_at(AT_FDCWD, path, &text);

    if (r == -ENOBUFS)
        return error_set(error, EFBIG, "'%.200s' has more than %u MiB: that is no count of a heap.", path,
                         LIMIT_HEAP_FILE >> 20);
    if (r < 0)
        return error_set(error, EINVAL, "'%.200s' can't be read: %s.", path, strerror(-r));
    json = json_loadb(buffer_string(&text), text.size, 0, &why);
    if (!json)
        return error_set(error, EINVAL, "'%.200s' is no JSON: %.80s.", path, why.text);
    *ret_json = json;
    return 0;
}

static bool read_figure(const json_t *type, const char *name, int64_t *ret_figure, int64_t *total)
{
    const json_t *value = json_object_get(type, name);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret_figure = json_integer_value(value);
    return !__builtin_add_overflow(*total, *ret_figure, total);
}

static int add(struct heap_comparison *comparison, const json_t *json, struct heap_figures *total,
               bool is_now, const char *name, struct error *error)
{
    const json_t *types = json_object_get(json, "types"), *one;
    struct heap_figures figures;
    size_t i;
    int r;

    if (!json_is_array(types))
        return error_set(
            error, is_now ? EBADMSG : EINVAL,
            "%.200s is no count of a heap: it has no array \"types\", as procscope heap PID --json "
            "writes it.",
            name);
    if (json_array_size(types) > LIMIT_HEAP_TYPES)
        return error_set(error, is_now ? EBADMSG : EINVAL, "%.200s has more than %u types.", name,
                         LIMIT_HEAP_TYPES);
    r = ARRAY_RESERVE(comparison, json_array_size(types), 2 * LIMIT_HEAP_TYPES);
    if (r < 0)
        return error_set(error, -r, "Out of memory.");
    json_array_foreach(types, i, one)
    {
        const json_t *module = json_object_get(one, "module");
        const char *type = json_string_value(json_object_get(one, "type"));

        if (!type || (module && !json_is_string(module)) ||
            !read_figure(one, "count", &figures.count, &total->count) ||
            !read_figure(one, "bytes", &figures.bytes, &total->bytes))
            return error_set(
                error, is_now ? EBADMSG : EINVAL,
                "%.200s is no count of a heap: entry %zu of its \"types\" is no type with a count and "
                "bytes.",
                name, i + 1);
        comparison->items[comparison->count++] = (struct heap_change){
            .type = type,
            .module = json_string_value(module),
            .before = is_now ? (struct heap_figures){0} : figures,
            .now = is_now ? figures : (struct heap_figures){0},
        };
    }
    return 0;
}

int heap_comparison_before(struct heap_comparison *comparison, const json_t *json, const char *name,
                           struct error *error)
{
    comparison->before_json = json;
    return add(comparison, json, &comparison->before, false, name, error);
}

int heap_comparison_now(struct heap_comparison *comparison, const json_t *json, const char *name,
                        struct error *error)
{
    comparison->now_json = json;
    return add(comparison, json, &comparison->now, true, name, error);
}

/* A module's name without its folder and version. */
static const char *module_key(const char *module, size_t *ret_size)
{
    const char *slash = module ? strrchr(module, '/') : NULL, *key = slash ? slash + 1 : module ? module : "";
    const char *at = strrchr(key, '@');

    *ret_size = at ? (size_t)(at - key) : strlen(key);
    return key;
}

static int by_name(const void *left, const void *right)
{
    const struct heap_change *a = left, *b = right;
    size_t a_size, b_size;
    const char *a_key = module_key(a->module, &a_size), *b_key = module_key(b->module, &b_size);
    int order = strcmp(a->type, b->type);

    if (order == 0)
        order = memcmp(a_key, b_key, a_size < b_size ? a_size : b_size);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_growth(const void *left, const void *right)
{
    const struct heap_change *a = left, *b = right;
    int order = compare(heap_change_bytes(b), heap_change_bytes(a));

    if (order == 0)
        order = compare(heap_change_count(b), heap_change_count(a));
    return order ? order : by_name(a, b);
}

static int by_size_of_change(const void *left, const void *right)
{
    const struct heap_change *a = left, *b = right;
    int order = compare(llabs(heap_change_bytes(b)), llabs(heap_change_bytes(a)));

    if (order == 0)
        order = compare(llabs(heap_change_count(b)), llabs(heap_change_count(a)));
    return order ? order : by_name(a, b);
}

static void sort(struct heap_comparison *comparison, int (*order)(const void *, const void *))
{
    if (comparison->count > 1)
        qsort(comparison->items, comparison->count, sizeof *comparison->items, order);
}

void heap_comparison_finish(struct heap_comparison *comparison)
{
    size_t kept = 0;

    sort(comparison, by_name);
    for (size_t i = 0; i < comparison->count; i++) {
        const struct heap_change *next = &comparison->items[i];
        struct heap_change *last = kept ? &comparison->items[kept - 1] : NULL;

        if (!last || by_name(last, next) != 0) {
            comparison->items[kept++] = *next;
            continue;
        }
        if (next->now.count && next->module)
            last->module = next->module;          /* as it is called now */
        last->before.count += next->before.count; /* no overflow: the totals had none */
        last->before.bytes += next->before.bytes;
        last->now.count += next->now.count;
        last->now.bytes += next->now.bytes;
    }
    comparison->count = kept;
    sort(comparison, by_growth);
}

void heap_comparison_cut(struct heap_comparison *comparison, size_t most)
{
    sort(comparison, by_size_of_change);
    if (comparison->count > most)
        comparison->count = most;
    while (comparison->count > 0) {
        const struct heap_change *last = &comparison->items[comparison->count - 1];

        if (heap_change_bytes(last) != 0 || heap_change_count(last) != 0)
            break;
        comparison->count--;
    }
    sort(comparison, by_growth);
}

bool heap_comparison_caution(const struct heap_comparison *comparison, struct error *ret_caution)
{
    const char *before = json_string_value(json_object_get(comparison->before_json, "runtime"));
    const char *now = json_string_value(json_object_get(comparison->now_json, "runtime"));
    bool of_all = json_is_false(json_object_get(comparison->now_json, "live"));

    if (before && now && strcmp(before, now) != 0)
        return error_set(ret_caution, EINVAL,
                         "The older count is of %.60s, this one of %.60s: their types have little in common.",
                         before, now) < 0;
    if (of_all != json_is_false(json_object_get(comparison->before_json, "live")))
        return error_set(ret_caution, EINVAL,
                         "The %s count is of all objects, the other of those that can be reached.",
                         of_all ? "newer" : "older") < 0;
    return false;
}
