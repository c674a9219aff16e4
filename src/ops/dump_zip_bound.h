/* For estimates: what a zip holds beside its dump. */
#pragma once

#include "ops/dump_zip.h"

/* How many bytes at most, not compressed. */
int dump_zip_beside(const struct operation_context *context, const struct request *request,
                    const struct pidref *target, const struct capture *capture, enum dump_zip_modules modules,
                    uint64_t *ret_bytes, struct error *error) _must_check_;
