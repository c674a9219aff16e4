/* Members of Kudu's objects, with its rule that a default value (0, false, null, an empty time span) is not
 * written. Used by kudu*.c only. */
#pragma once

#include "view/kudu.h"

void kudu_member_number(struct json *json, const char *key, int64_t value);
void kudu_member_flag(struct json *json, const char *key, bool value);
void kudu_member_text(struct json *json, const char *key, const char *text); /* NULL and "": left out */
void kudu_member_date(struct json *json, const char *key, int64_t ns);       /* <= 0 unknown: left out */
void kudu_member_time_span(struct json *json, const char *key, int64_t ns);  /* 0: left out */

void kudu_member_build_id(struct json *json, const struct module *module); /* none: left out */

/* The beginning of a process or thread, with its id. */
void kudu_object_begin(struct json *json, const struct kudu_style *style, int64_t id);

/* {collection}/{pid}{rest}: what every href begins with. */
const char *kudu_collection(const struct kudu_style *style);
void kudu_member_href(struct json *json, const struct kudu_style *style, const char *key, pid_t pid,
                      const char *rest);
