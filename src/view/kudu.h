/* Models -> JSON as Kudu writes it, to the letter: names, default-value omission, dates, time spans, absolute
 * hrefs. `base` is the collection's URI ("http://host/api/processes"); "" makes relative hrefs from
 * "/api/processes". */
#pragma once

#include "access/mask.h"
#include "base/json.h"
#include "capture/process.h"
#include "view/arm.h"

struct kudu_style {
    const char *base;
    const char *machine;
    const struct host *host;
    struct arm_style arm; /* of the objects below; all zeros: no envelopes */
    struct mask mask;     /* what the one who asks does not see; of details and environments */
};

/* user (uid_t)-1: unknown, left out. runtime may be NULL. */
void kudu_summary(struct json *json, const struct kudu_style *style, pid_t pid, const char *name, uid_t user,
                  const struct runtime *runtime);
void kudu_process(struct json *json, const struct kudu_style *style, const struct process_info *info);
void kudu_thread(struct json *json, const struct kudu_style *style, pid_t pid,
                 const struct thread_info *thread, bool full);
void kudu_module(struct json *json, const struct kudu_style *style, pid_t pid, const struct module *module,
                 bool full);
/* The array of threads, in the short form or in full. */
void kudu_threads(struct json *json, const struct kudu_style *style, pid_t pid,
                  const struct thread_list *threads, bool full);
/* The array of the short form, sorted by file name as Kudu does (without regard to case). */
void kudu_modules(struct json *json, const struct kudu_style *style, pid_t pid,
                  const struct module_list *modules);
/* One flat object. filter: "all", or a part of the name in any case. A name that is set twice comes once, as
 * getenv() would find it. */
void kudu_environment(struct json *json, const struct kudu_style *style, const struct buffer *block,
                      const char *filter);

/* Around the elements of an array of the objects above; returns their style. */
struct kudu_style kudu_array_begin(struct json *json, const struct kudu_style *style);
void kudu_array_end(struct json *json, const struct kudu_style *style);

/* ISO 8601 UTC with 7 decimals and Z; [-][d.]hh:mm:ss[.fffffff]. ns. */
enum { KUDU_TIME_SIZE = 48 };
void kudu_date(int64_t ns_since_1970, char text[KUDU_TIME_SIZE]);
void kudu_time_span(int64_t ns, char text[KUDU_TIME_SIZE]);
