/* The heap of a runtime as that writes it itself, passed on as it comes. */
#include "ops/heap_file.h"
#include "ops/table.h"

#include <errno.h>
#include <strings.h>

static int read_compression(const struct request *request, struct heap_file *file, struct error *error)
{
    const char *name = request_string(request, "compress");
    int r;

    if (name && strcasecmp(name, "gzip") != 0)
        return error_set(error, EINVAL, "A heap dump is compressed with gzip, not '%.60s'.", name);
    r = dump_compression_read(request, false, &file->compression, error);
    if (r == 0 && file->compression.sink_new)
        file->wrap = &heap_wrap_compressed;
    return r;
}

int operation_heapdump(const struct operation_context *context, const struct request *request,
                       struct answer *answer, struct error *error)
{
    _cleanup_heap_file_ struct heap_file file = HEAP_FILE_INIT;
    int r = read_compression(request, &file, error);

    if (r == 0)
        r = heap_target_open(context, request, NULL, &file.target, error);
    if (r == 0)
        r = heap_target_read_live(&file.target, request, error);
    return r < 0 ? r : heap_file_send(context, request, &file, answer, error);
}
