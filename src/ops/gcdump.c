/* The heap of a runtime, in the forms that Kudu has for that of .NET: its objects and what they refer to, or
 * what the runtime writes in their place. */
#include "ops/heap_file.h"
#include "ops/table.h"

#include <errno.h>
#include <strings.h>

static int read_format(const struct request *request, struct heap_file *file, struct error *error)
{
    /* the first is for who names none, as in Kudu */
    static const struct heap_wrap *const wraps[] = {&heap_wrap_diagsession, &heap_wrap_none, &heap_wrap_zip};
    const char *format = request_string(request, "format");

    for (size_t i = 0; i < ELEMENTS_OF(wraps); i++)
        if (strcasecmp(format ? format : wraps[0]->name, wraps[i]->name) == 0) {
            file->wrap = wraps[i];
            return 0;
        }
    return error_set(error, EINVAL,
                     "The format of a dump of the managed heap is raw, zip or diagsession, not '%.60s'.",
                     format);
}

static int read_maximum(const struct request *request, struct heap_target *target, struct error *error)
{
    uint64_t thousands;
    int r = request_u64(request, "maxDumpCountK", 0, UINT32_MAX, &thousands, error);

    if (r == 0 && thousands > 0 && !target->how->samples)
        r = error_set(error, EOPNOTSUPP,
                      "A sample of the objects (maxDumpCountK) is had of .NET only: %s dumps all.",
                      runtime_name(target->runtime.kind));
    if (r == 0)
        target->most_nodes = thousands * 1000;
    return r;
}

int operation_gcdump(const struct operation_context *context, const struct request *request,
                     struct answer *answer, struct error *error)
{
    _cleanup_heap_file_ struct heap_file file = HEAP_FILE_INIT;
    int r = read_format(request, &file, error);

    /* what has none of these runtimes is asked as if it was .NET: it may be linked into the program */
    if (r == 0)
        r = heap_target_open(context, request, &heap_dotnet, &file.target, error);
    if (r == 0)
        r = read_maximum(request, &file.target, error);
    return r < 0 ? r : heap_file_send(context, request, &file, answer, error);
}
