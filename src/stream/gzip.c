#include "stream/compress.h"
#include "stream/deflate.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

struct gzip_sink {
    struct sink sink;
    struct sink *next;
    struct deflater *deflater;
    bool begun;
};

const struct compression_levels gzip_levels = {0, DEFLATE_LEVEL_MAX, DEFLATE_LEVEL_DEFAULT};

static int begin(struct gzip_sink *self)
{
    /* deflated, no flags, no time, made on Unix */
    static const uint8_t header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};

    if (self->begun)
        return 0;
    self->begun = true;
    return sink_write(self->next, header, sizeof header);
}

static int gzip_write(struct sink *sink, const void *bytes, size_t size)
{
    struct gzip_sink *self = (struct gzip_sink *)sink;
    int r = begin(self);

    if (r < 0)
        return r;
    return deflater_write(self->deflater, self->next, bytes, size, false);
}

static int gzip_finish(struct sink *sink, struct error *error)
{
    struct gzip_sink *self = (struct gzip_sink *)sink;
    uint32_t trailer[2] = {0, htole32((uint32_t)sink->written)}; /* checksum; size modulo 2^32 */
    int r = begin(self);

    if (r == 0)
        r = deflater_write(self->deflater, self->next, NULL, 0, true);
    trailer[0] = htole32(deflater_crc32(self->deflater));
    if (r == 0)
        r = sink_write(self->next, trailer, sizeof trailer);
    return error_ensure(error, r, "The end of the compressed data could not be written");
}

static void gzip_free(struct sink *sink)
{
    struct gzip_sink *self = (struct gzip_sink *)sink;

    deflater_free(self->deflater);
    free(self);
}

static const struct sink_ops gzip_ops = {
    .name = "gzip", .write = gzip_write, .finish = gzip_finish, .free = gzip_free};

int sink_gzip_new(struct sink *next, unsigned level, unsigned threads, struct sink **ret_sink)
{
    struct gzip_sink *self = malloc(sizeof *self);
    int r;

    if (!self)
        return -ENOMEM;
    *self = (struct gzip_sink){.sink.ops = &gzip_ops, .next = next};
    r = deflater_new(level, threads, false, &self->deflater);
    if (r < 0) {
        free(self);
        return r;
    }
    *ret_sink = &self->sink;
    return 0;
}
