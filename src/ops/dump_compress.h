/* compress= and level= of a dump. */
#pragma once

#include "base/error.h"
#include "ops/request.h"
#include "stream/compress.h"

struct dump_compression {
    const char *ending;       /* of the file's name: ".gz"; "" where nothing is compressed */
    const char *content_type; /* of the file */
    unsigned level;
    int (*sink_new)(struct sink *next, unsigned level, uint64_t size,
                    struct sink **ret_sink); /* NULL: none */
};

/* zip: what is asked for is a zip, which has a level, but is compressed already. */
int dump_compression_read(const struct request *request, bool zip, struct dump_compression *ret_compression,
                          struct error *error) _must_check_;
