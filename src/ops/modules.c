/* The modules of a process, in short, and one of them in full. */
#include "ops/table.h"

#include "proc/living.h"

#include <errno.h>
#include <inttypes.h>

static int read_modules(const struct operation_context *context, const struct pidref *target,
                        struct module_list *modules, struct error *error)
{
    _cleanup_map_list_ struct map_list maps = {0};
    _cleanup_living_ struct pidref living = PIDREF_INIT;
    const struct pidref *memory_of = living_open(target, &living) == 0 ? &living : target;
    int r = maps_read(memory_of->dir_fd, &maps, NULL);

    if (r == 0)
        r = modules_read(memory_of, &maps, true, modules);
    return r < 0 ? operation_denied(context, target, r, "The modules", error) : 0;
}

int operation_modules(const struct operation_context *context, const struct request *request,
                      struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_module_list_ struct module_list modules = {0};
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);
    struct host host;
    struct kudu_style style;
    int r = operation_answer_style(context, request, &host, &style, error);

    if (r == 0)
        r = operation_target_with_memory(context, request, &target, error);
    if (r == 0)
        r = read_modules(context, &target, &modules, error);
    if (r < 0)
        return r;
    kudu_modules(&json, &style, target.pid, &modules);
    return operation_answer_json(answer, &json, error);
}

static const struct module *find_module(const struct module_list *modules, uint64_t base)
{
    for (size_t i = 0; i < modules->count; i++)
        if (modules->items[i].base == base)
            return &modules->items[i];
    return NULL;
}

int operation_module(const struct operation_context *context, const struct request *request,
                     struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_module_list_ struct module_list modules = {0};
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);
    const struct module *module;
    struct host host;
    struct kudu_style style;
    int r = operation_answer_style(context, request, &host, &style, error);

    if (r == 0)
        r = operation_target_with_memory(context, request, &target, error);
    if (r == 0)
        r = read_modules(context, &target, &modules, error);
    if (r < 0)
        return r;
    module = find_module(&modules, (uint64_t)request->child);
    if (!module)
        return error_set(error, ENOENT,
                         "Module with a base address of %" PRIx64 " is not part of process %d.",
                         (uint64_t)request->child, (int)target.pid);
    kudu_module(&json, &style, target.pid, module, true);
    return operation_answer_json(answer, &json, error);
}
