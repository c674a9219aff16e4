/* The heap of a Node.js process, which V8 writes itself; its types are counted as that streams past. */
#include "base/limits.h"
#include "ops/heap.h"
#include "ops/table.h"
#include "runtime/node_heap.h"

#include <errno.h>

/* Some time is left to pass it on. */
static struct node_heap_wish wish_of(const struct operation_context *context)
{
    uint64_t whole_ms = context->heavy_ms ? context->heavy_ms : LIMIT_WAIT_MS;

    return (struct node_heap_wish){.patience_ms = operation_wait_ms(context, true),
                                   .walk_ms = whole_ms / 4 * 3};
}

/* Many a program is called node, and may do anything on the signal by which Node opens its inspector. */
static int check(const struct heap_target *target, struct error *error)
{
    if (*target->runtime.version)
        return 0;
    return error_set(error, EOPNOTSUPP,
                     "Process %d is called as Node is, but its program has no text by which Node says its "
                     "version: it isn't sent SIGUSR1, which might end it.",
                     (int)target->process.pid);
}

static int take(void *to, const struct heap_type *type)
{
    return view_heap_type(to, type->name, NULL, 0, type->count, type->bytes);
}

static int count(const struct operation_context *context, const struct heap_target *target,
                 struct view_heap *view, struct error *error)
{
    struct node_heap_wish wish = wish_of(context);
    int r = check(target, error);

    return r < 0 ? r : node_heap_types(&target->process, &wish, take, view, error);
}

static int dump(const struct operation_context *context, const struct heap_target *target,
                struct heap_output *output, struct error *error)
{
    struct node_heap_wish wish = wish_of(context);
    int r = check(target, error);

    return r < 0 ? r : node_heap_dump(&target->process, &wish, output->take, output->to, error);
}

const struct heap_runtime heap_node = {.kind = RUNTIME_NODE,
                                       .ending = ".heapsnapshot",
                                       .content_type = "application/octet-stream",
                                       .resource = "DiagnosticsHub.Resource.File",
                                       .holds = true,
                                       .count = count,
                                       .dump = dump};
