#include "ops/dump_compress.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int gzip_new(struct sink *next, unsigned level, uint64_t size, struct sink **ret_sink)
{
    (void)size;
    return sink_gzip_new(next, level, 0, ret_sink);
}

static int zstd_new(struct sink *next, unsigned level, uint64_t size, struct sink **ret_sink)
{
    return sink_zstd_new(next, level, 0, size, ret_sink);
}

static const struct compressor {
    const char *name;
    const struct compression_levels *levels;
    struct dump_compression compression;
} compressors[] = {
    {"gzip", &gzip_levels, {".gz", "application/gzip", 0, gzip_new}},
    {"zstd", &zstd_levels, {".zst", "application/zstd", 0, zstd_new}},
};

/* Within levels, or a sentence with the range. */
static int read_level(const struct request *request, const char *of, const struct compression_levels *levels,
                      unsigned *ret_level, struct error *error)
{
    uint64_t level;
    int r = request_u64(request, "level", levels->otherwise, UINT64_MAX, &level, error);

    if (r < 0)
        return r;
    if (level < levels->least || level > levels->most)
        return error_set(error, EINVAL, "The level of %s is %u (fastest) to %u (smallest), not '%.20s'.", of,
                         levels->least, levels->most, request_string(request, "level"));
    *ret_level = (unsigned)level;
    return 0;
}

int dump_compression_read(const struct request *request, bool zip, struct dump_compression *ret_compression,
                          struct error *error)
{
    const char *name = request_string(request, "compress");
    struct dump_compression none = {.ending = "", .content_type = "application/octet-stream"};
    int r;

    if (name && zip)
        return error_set(error, EINVAL, "A zip is compressed already: 'compress' is for raw and core.");
    if (zip) {
        r = read_level(request, "a zip", &gzip_levels, &none.level, error);
        if (r == 0)
            *ret_compression = none;
        return r;
    }
    if (!name && request_string(request, "level"))
        return error_set(error, EINVAL, "'level' needs compress=gzip, compress=zstd or format=zip.");
    if (!name) {
        *ret_compression = none;
        return 0;
    }
    for (size_t i = 0; i < ELEMENTS_OF(compressors); i++) {
        struct dump_compression found = compressors[i].compression;

        if (strcasecmp(name, compressors[i].name) != 0)
            continue;
        r = read_level(request, compressors[i].name, compressors[i].levels, &found.level, error);
        if (r == 0)
            *ret_compression = found;
        return r;
    }
    return error_set(error, EINVAL, "A dump is compressed with gzip or zstd, not '%.60s'.", name);
}
