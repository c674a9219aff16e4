#include "view/heap.h"

void view_heap_begin(struct view_heap *view, const struct runtime *runtime, bool live)
{
    struct json *json = view->json;

    json_member_string(json, "runtime", runtime_name(runtime->kind));
    if (*runtime->version)
        json_member_string(json, "runtime_version", runtime->version);
    json_member_bool(json, "live", live);
    json_key(json, "types");
    json_array_begin(json);
}

int view_heap_type(struct view_heap *view, const char *name, const char *module, size_t module_size,
                   uint64_t count, uint64_t bytes)
{
    struct json *json = view->json;

    view->count += count;
    view->bytes += bytes;
    json_object_begin(json);
    json_member_string(json, "type", name);
    if (module) {
        json_key(json, "module");
        json_bytes(json, module, module_size);
    }
    json_member_u64(json, "count", count);
    json_member_u64(json, "bytes", bytes);
    json_object_end(json);
    return json->error;
}

void view_heap_end(struct view_heap *view)
{
    json_array_end(view->json);
    json_member_u64(view->json, "count", view->count);
    json_member_u64(view->json, "bytes", view->bytes);
    if (view->pause_us)
        json_member_u64(view->json, "pause_microseconds", view->pause_us);
}
