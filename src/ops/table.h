/* The operations' functions, each in the file of its name, and what several of them share. */
#pragma once

#include "ops/operation.h"
#include "proc/host.h"
#include "view/kudu.h"

typedef int operation_function(const struct operation_context *context, const struct request *request,
                               struct answer *answer, struct error *error);

operation_function operation_list, operation_show, operation_threads, operation_thread, operation_modules,
    operation_module, operation_environment, operation_memory, operation_handles, operation_heap,
    operation_heapdump, operation_events, operation_stop, operation_dump, operation_doctor, operation_stacks,
    operation_stack, operation_profile, operation_profile_start, operation_profile_stop, operation_gcdump,
    operation_monitor_list, operation_monitor_show, operation_livemetrics, operation_permit,
    operation_metrics, operation_monitor_trace;

/* How Kudu's JSON is to look for this request. host is filled and must outlive the style. */
int operation_style(const struct operation_context *context, const struct request *request, struct host *host,
                    struct kudu_style *ret_style, struct error *error) _must_check_;

/* The same with ARM's envelopes, where the request asks for them: for the answer itself. request is borrowed.
 */
int operation_answer_style(const struct operation_context *context, const struct request *request,
                           struct host *host, struct kudu_style *ret_style, struct error *error) _must_check_;

/* What the one who asks does not see of a process of `owner`; (uid_t)-1: of anybody's. */
struct mask operation_mask(const struct operation_context *context, uid_t owner);

/* The whole document of `show`, without envelopes. */
int operation_show_json(const struct operation_context *context, const struct request *request,
                        const struct pidref *target, struct json *json, struct error *error) _must_check_;

/* operation_target(), for what reads its memory or its maps. -ETIMEDOUT: it hangs (proc/patient.h). */
int operation_target_with_memory(const struct operation_context *context, const struct request *request,
                                 struct pidref *ret_target, struct error *error) _must_check_;

/* Fills error for something of target that could not be read with the negative errno r; for a lack of
 * permission with what is in the way and the mend. what: "The environment". Returns r. */
int operation_denied(const struct operation_context *context, const struct pidref *target, int r,
                     const char *what, struct error *error) _must_check_;

/* For all its threads to be stopped: what one that hangs in the kernel may cost the others, and for very many
 * threads about ten times what they take on an idle machine. */
uint64_t operation_hold_deadline_ms(const struct pidref *target);
/* For other procscopes that hold the target: half of the operation's time, since what it does then takes
 * some, too. */
uint64_t operation_wait_ms(const struct operation_context *context, bool heavy);

/* For a runtime that is asked beside something else, whatever it does: there is to be time for that, too. */
uint64_t operation_runtime_patience_ms(const struct operation_context *context);

/* Name of the target as Kudu shows it. */
void operation_target_name(const struct pidref *target, char *ret_name, size_t size);
