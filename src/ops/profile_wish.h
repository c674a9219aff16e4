/* What is asked of a profile; and its answer. */
#pragma once

#include "ops/operation.h"
#include "profile/formats.h"
#include "profile/sampler.h"

struct profile_wish {
    struct sampler_options sampler;
    uint64_t duration_ms;
    const struct profile_format *format;
};

extern const struct operation_form profile_forms[];

/* format: the one for who names none. duration: the argument that says for how long; NULL: there is none. */
int profile_wish_read(const struct request *request, const char *format, const char *duration,
                      struct profile_wish *ret_wish, struct error *error) _must_check_;
/* When sampling is over: names that a runtime alone knows. What goes wrong is in profile->unnamed. -ENOMEM.
 */
int profile_name_methods(const struct pidref *target, uint64_t patience_ms,
                         struct profile *profile) _must_check_;
/* Sends the profile, whole by now. */
int profile_answer(const struct operation_context *context, const struct profile *profile,
                   const struct profile_format *format, struct answer *answer,
                   struct error *error) _must_check_;
