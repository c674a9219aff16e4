#include "instances/fleet.h"
#include "view/arm.h"
#include "view/instance.h"

#include "base/clock.h"

#include <string.h>
#include <strings.h>

static const char *const state_names[] = {
    [MEMBER_RUNNING] = "running", [MEMBER_UNREACHABLE] = "unreachable", [MEMBER_GONE] = "gone"};

/* Two that go by one id. */
static bool is_in_conflict(const struct fleet *fleet, const struct member *member)
{
    if (member->state != MEMBER_RUNNING || !member->facts.id[0])
        return false;
    if (strcmp(member->facts.id, fleet->self.id) == 0)
        return true;
    for (size_t i = 0; i < fleet->members.count; i++) {
        const struct member *other = fleet->members.items[i];
        if (other->state == MEMBER_RUNNING && !other->is_self &&
            strcmp(other->facts.id, member->facts.id) == 0 &&
            strcmp(other->facts.run, member->facts.run) != 0)
            return true;
    }
    return false;
}

/* The same one under another address, or gone while another run of it is there. */
static bool is_shown_elsewhere(const struct fleet *fleet, size_t index)
{
    const struct member *member = fleet->members.items[index];

    if (!member->facts.id[0])
        return false;
    if (member->state == MEMBER_GONE && strcmp(member->facts.id, fleet->self.id) == 0)
        return true; /* we, before a restart */
    for (size_t i = 0; i < fleet->members.count; i++) {
        const struct member *other = fleet->members.items[i];
        if (i == index || other->is_self || strcmp(other->facts.id, member->facts.id) != 0)
            continue;
        if (other->state < member->state)
            return true;
        if (other->state == member->state && i < index && strcmp(other->facts.run, member->facts.run) == 0)
            return true;
    }
    return false;
}

/* The instance at *cursor of the list, which moves on; false: that was all. 0 is ourselves. */
static bool next_view(const struct fleet *fleet, size_t *cursor, struct instance_view *ret_view)
{
    const struct member_facts *facts = &fleet->self;
    const struct member *member = NULL;
    bool is_double = false;

    while (*cursor > 0 && *cursor <= fleet->members.count &&
           (fleet->members.items[*cursor - 1]->is_self || is_shown_elsewhere(fleet, *cursor - 1)))
        (*cursor)++;
    if (*cursor > fleet->members.count)
        return false;
    if (*cursor > 0) {
        member = fleet->members.items[*cursor - 1];
        facts = &member->facts;
        is_double = is_in_conflict(fleet, member);
    }
    (*cursor)++;
    *ret_view = (struct instance_view){
        .id = facts->id,
        .name = facts->name,
        .version = facts->version,
        .url = facts->url,
        .state = is_double ? "conflict" : state_names[member ? member->state : MEMBER_RUNNING],
        .problem = is_double ? "Another instance goes by the same id; give one of them another instance-id."
                   : member  ? member->problem
                             : NULL,
        .last_seen_ns = member ? member->seen_ns : clock_realtime_ns(),
        .is_self = !member,
    };
    return true;
}

static void write_one(struct json *json, const char *base, struct instance_view *view)
{
    _cleanup_free_ char *href = NULL;

    if (*view->id && asprintf(&href, "%s/instances/%s", base, view->id) < 0) {
        href = NULL;
        json->error = -ENOMEM;
    }
    view->href = href;
    view_instance(json, view);
}

/* Asked through /instances/ID, which is us, the others are beside that and not below it. */
static size_t base_size(const struct fleet *fleet, const char *base)
{
    static const char above[] = "/instances/";
    size_t size = strlen(base), id = strlen(fleet->self.id), own = sizeof above - 1 + id;

    if (size < own || strcasecmp(base + size - id, fleet->self.id) != 0 ||
        strncmp(base + size - own, above, sizeof above - 1) != 0)
        return size;
    return size - own;
}

int list_write(const struct fleet *fleet, const char *asked_base, struct buffer *out)
{
    _cleanup_free_ char *base = strndup(asked_base, base_size(fleet, asked_base));
    struct json json = JSON_INIT(out);
    struct instance_view view;
    size_t cursor = 0;

    if (!base)
        return -ENOMEM;
    json_array_begin(&json);
    while (next_view(fleet, &cursor, &view))
        write_one(&json, base, &view);
    json_array_end(&json);
    return json_finish(&json);
}

int list_write_arm(const struct fleet *fleet, const char *resource, struct buffer *out)
{
    struct arm_style style = {.id = resource, .is_short = true}, element;
    struct json json = JSON_INIT(out);
    struct instance_view view;
    size_t cursor = 0;

    element = arm_array_begin(&json, &style);
    while (next_view(fleet, &cursor, &view)) {
        if (!*view.id) /* never heard of: there is no path to it */
            continue;
        arm_object_begin(&json, &element, view.id);
        json_member_string(&json, "state", strcmp(view.state, "running") == 0 ? "READY" : "UNKNOWN");
        json_member_string(&json, "machineName", view.name);
        arm_object_end(&json, &element);
    }
    arm_array_end(&json, &style);
    return json_finish(&json);
}
