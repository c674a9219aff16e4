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
/* Whether the samples are those of a .NET runtime itself. */
int profile_source_read(const struct request *request, bool *ret_eventpipe, struct error *error) _must_check_;
/* Takes them and answers. */
int profile_of_eventpipe(const struct operation_context *context, const struct request *request,
                         const struct profile_wish *wish, struct answer *answer,
                         struct error *error) _must_check_;

/* Samples the target and answers. */
int profile_take(const struct operation_context *context, const struct pidref *target,
                 const struct profile_wish *wish, struct answer *answer, struct error *error) _must_check_;
/* Answers with what a session, which has begun, sends for as long as is wished. how: for people. */
struct dotnet_session;
int profile_pass_on(const struct operation_context *context, const struct pidref *target,
                    struct dotnet_session *session, const struct profile_wish *wish, const char *how,
                    struct answer *answer, struct error *error) _must_check_;

/* Kudu's name of a profile's file. */
enum { PROFILE_NAME_SIZE = 368 };
void profile_file_name(const struct operation_context *context, const char *process, pid_t pid,
                       const struct profile_format *format, char *ret_name, size_t size);

/* When sampling is over: names that a runtime alone knows. What goes wrong is in profile->unnamed. -ENOMEM.
 */
int profile_name_methods(const struct pidref *target, uint64_t patience_ms,
                         struct profile *profile) _must_check_;
/* Sends the profile, whole by now. */
int profile_answer(const struct operation_context *context, const struct profile *profile,
                   const struct profile_format *format, struct answer *answer,
                   struct error *error) _must_check_;
