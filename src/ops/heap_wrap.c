/* What the file of a heap is wrapped in. */
#include "ops/heap_file.h"

#include "stream/diagsession.h"
#include "stream/zip.h"

#include <string.h>

/* An archive wants to know whether 32 bits do for a size. */
static uint64_t most(const struct heap_file *file)
{
    return file->output.length >= 0 ? (uint64_t)file->output.length : INT64_MAX;
}

static int none_begin(struct heap_file *file, struct sink *out, struct sink **ret_sink)
{
    (void)file;
    *ret_sink = out;
    return 0;
}

static int none_finish(struct heap_file *file)
{
    (void)file;
    return 0;
}

static void none_release(struct heap_file *file)
{
    (void)file;
}

const struct heap_wrap heap_wrap_none = {
    .name = "raw", .ending = "", .begin = none_begin, .finish = none_finish, .release = none_release};

static int compressed_begin(struct heap_file *file, struct sink *out, struct sink **ret_sink)
{
    struct sink *sink;
    int r = file->compression.sink_new(out, file->compression.level, 0, &sink);

    if (r == 0)
        file->wrapped = *ret_sink = sink;
    return r;
}

static int compressed_finish(struct heap_file *file)
{
    return sink_finish(file->wrapped, file->error);
}

static void compressed_release(struct heap_file *file)
{
    sink_free(file->wrapped);
}

const struct heap_wrap heap_wrap_compressed = {
    .begin = compressed_begin, .finish = compressed_finish, .release = compressed_release};

static int zip_begin(struct heap_file *file, struct sink *out, struct sink **ret_sink)
{
    struct zip *zip;
    int r = zip_new(out, gzip_levels.otherwise, &zip);

    if (r < 0)
        return r;
    file->wrapped = zip;
    return zip_entry(zip, file->own_name, most(file), file->time, ret_sink);
}

static int zip_end(struct heap_file *file)
{
    int r = sink_finish(file->sink, file->error);

    return r == 0 ? zip_finish(file->wrapped) : r;
}

static void zip_release(struct heap_file *file)
{
    zip_free(file->wrapped);
}

const struct heap_wrap heap_wrap_zip = {.name = "zip",
                                        .ending = ".zip",
                                        .content_type = "application/zip",
                                        .begin = zip_begin,
                                        .finish = zip_end,
                                        .release = zip_release};

static int diagsession_open(struct heap_file *file, struct sink *out, struct sink **ret_sink)
{
    const struct heap_runtime *how = file->target.how;
    const struct diagsession_resource resource = {
        .type = how->resource,
        .extension = how->ending + strlen("."),
        .name = file->process,
        .pid = (int)file->target.process.pid,
        .id = {(uint64_t)file->time,
               (uint64_t)file->target.process.pid << 32 ^ file->target.process.start_time},
        .most = most(file),
        .time = file->time};
    struct diagsession *session;
    int r = diagsession_begin(&resource, out, &session, ret_sink);

    if (r == 0)
        file->wrapped = session;
    return r;
}

static int diagsession_close(struct heap_file *file)
{
    return diagsession_finish(file->wrapped);
}

static void diagsession_release(struct heap_file *file)
{
    diagsession_free(file->wrapped);
}

const struct heap_wrap heap_wrap_diagsession = {.name = "diagsession",
                                                .ending = ".diagsession",
                                                .replaces = true,
                                                .content_type = "application/octet-stream",
                                                .begin = diagsession_open,
                                                .finish = diagsession_close,
                                                .release = diagsession_release};
