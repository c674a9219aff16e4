#include "profile/formats.h"

#include <string.h>

const struct profile_format profile_formats[] = {
    {"diagsession", ".diagsession", "application/octet-stream", profile_write_diagsession},
    {"nettrace", ".nettrace", "application/octet-stream", profile_write_nettrace},
    {"pprof", ".pb.gz", "application/vnd.google.protobuf+gzip", profile_write_pprof},
    {"speedscope", ".speedscope.json", "application/speedscope+json", profile_write_speedscope},
    {"folded", ".folded", "text/plain; charset=utf-8", profile_write_folded},
    {"svg", ".svg", "image/svg+xml", profile_write_svg},
    {0},
};

const struct profile_format *profile_format_find(const char *name)
{
    for (const struct profile_format *format = profile_formats; format->name; format++)
        if (strcmp(format->name, name) == 0)
            return format;
    return NULL;
}
