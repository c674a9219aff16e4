/* Rules that narrow what roles allow, by who asks and by the process that he asks for:
 *
 *     deny dump,heap* name=vault
 *     allow dump user=www-data cgroup=/system.slice/web.service
 *     deny * who=ci
 *
 * allow or deny, then operations (names of src/ops/table.c, with commas between; * and ? as in file names),
 * then conditions that must all hold: name= (of the process, or of its program's file), user= (its owner, by
 * name or number), cgroup= (one of its control groups), who= (the name of the one who asks). The first rule
 * that fits decides; where none does, the role alone has decided. A rule never allows what a role does not.
 */
#pragma once

#include "access/principal.h"
#include "base/array.h"
#include "base/error.h"

enum { RULES_MAX = 256 };

struct rule {
    bool allows;
    char *operations; /* owned, as are the others; NULL: any */
    char *name, *cgroup, *who;
    bool has_user;
    uid_t user;
};

struct rule_list {
    struct rule *items;
    size_t count, capacity;
};
void rule_list_release(struct rule_list *list);

/* -EINVAL with a sentence. */
int rule_list_add(struct rule_list *list, const char *text, struct error *error) _must_check_;

/* One a line. */
int rule_list_read(const char *text, struct rule_list *list, struct error *error) _must_check_;

/* What rules know of a process. */
struct rule_target {
    const char *name, *program; /* "" unknown */
    const char *cgroups;        /* paths, one a line; "" unknown */
    uid_t user;                 /* (uid_t)-1 unknown */
};

/* What is unknown fits what denies and nothing that allows: who hides something wins nothing by it. target
 * NULL: the operation has none, and rules with conditions on one say nothing of it. */
bool rule_list_allows(const struct rule_list *list, const struct principal *principal, const char *operation,
                      const struct rule_target *target);
