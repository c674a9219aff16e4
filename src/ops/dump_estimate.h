/* What a dump would be: its size, its mode and how long it would hold the target. Made from /proc alone, with
 * the same layouts that a dump is written by: the target is neither stopped nor traced. */
#pragma once

#include "ops/dump_form.h"
#include "ops/dump_mode.h"
#include "ops/dump_zip.h"
#include "ops/operation.h"

struct dump_estimate_question {
    uint32_t type;
    const struct dump_wish *wish;
    const struct dump_form *form; /* what is dumped, within an archive too */
    const char *format;           /* as asked: raw, core, zip */
    bool is_zip;
    enum dump_zip_modules modules; /* in the zip */
    bool redacts_environ;
    bool is_compressed;                /* its size can't be known, only what it will not pass */
    const char *content_type, *ending; /* of the dump's answer */
};

/* Answers with JSON, or to a request for the head alone with the dump's own head, as far as it is known. The
 * errors are those that the dump would give. */
int dump_estimate(const struct operation_context *context, const struct request *request,
                  const struct pidref *target, const struct dump_estimate_question *question,
                  struct answer *answer, struct error *error) _must_check_;

/* What `size` bytes take at most when they don't compress at all, with the frame around them. */
uint64_t dump_compressed_bound(uint64_t size);
