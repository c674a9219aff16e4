/* The heap of a Java virtual machine, which writes and counts it itself. */
#include "ops/heap.h"
#include "ops/table.h"
#include "runtime/hotspot_heap.h"

static struct hotspot_heap_wish wish_of(const struct operation_context *context,
                                        const struct heap_target *target)
{
    return (struct hotspot_heap_wish){.live = target->live, .patience_ms = operation_wait_ms(context, true)};
}

static int take(void *to, const struct heap_type *type)
{
    enum { NAME_SIZE = LIMIT_HEAP_LINE + 64 };
    char name[NAME_SIZE];

    hotspot_class_name(type->name, type->name_size, name, sizeof name);
    return view_heap_type(to, name, type->module, type->module_size, type->count, type->bytes);
}

static int count(const struct operation_context *context, const struct heap_target *target,
                 struct view_heap *view, struct error *error)
{
    struct hotspot_heap_wish wish = wish_of(context, target);

    return hotspot_heap_types(&target->process, &target->maps, &wish, take, view, error);
}

static int dump(const struct operation_context *context, const struct heap_target *target,
                struct heap_output *output, struct error *error)
{
    struct hotspot_heap_wish wish = wish_of(context, target);

    return hotspot_heap_dump(&target->process, &target->maps, &wish, output->take, output->to, error);
}

const struct heap_runtime heap_java = {.kind = RUNTIME_JAVA,
                                       .ending = ".hprof",
                                       .content_type = "application/octet-stream",
                                       .resource = "DiagnosticsHub.Resource.File",
                                       .has_all = true,
                                       .holds = true,
                                       .count = count,
                                       .dump = dump};
