#include "instances/members.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

void members_release(struct members *members)
{
    for (size_t i = 0; i < members->count; i++)
        free(members->items[i]);
    members->count = 0;
}

int members_add(struct members *members, struct member **ret_member)
{
    struct member *member;

    if (members->count == MEMBERS_MAX)
        return -ENOBUFS;
    member = calloc(1, sizeof *member);
    if (!member)
        return -ENOMEM;
    members->items[members->count++] = member;
    *ret_member = member;
    return 0;
}

struct member *members_find_url(const struct members *members, const char *url)
{
    for (size_t i = 0; i < members->count; i++)
        if (strcmp(members->items[i]->facts.url, url) == 0)
            return members->items[i];
    return NULL;
}

struct member *members_find_run(const struct members *members, const char *id, const char *run)
{
    for (size_t i = 0; i < members->count; i++) {
        const struct member_facts *facts = &members->items[i]->facts;
        if (strcmp(facts->id, id) == 0 && strcmp(facts->run, run) == 0)
            return members->items[i];
    }
    return NULL;
}

void member_seen(struct member *member, const struct member_facts *facts)
{
    member->facts = *facts;
    member->state = MEMBER_RUNNING;
    member->problem[0] = 0;
    member->seen_ns = clock_realtime_ns();
    member->seen_ms = clock_monotonic_ms();
}

void member_lost(struct member *member, enum member_state state, const char *problem)
{
    member->state = state;
    (void)snprintf(member->problem, sizeof member->problem, "%s", problem); /* cut: for people */
}

void members_forget(struct members *members, uint64_t now_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < members->count; i++) {
        struct member *member = members->items[i];
        if (member->state == MEMBER_GONE && now_ms - member->seen_ms > MEMBER_FORGET_MS)
            free(member);
        else
            members->items[kept++] = member;
    }
    members->count = kept;
}

int members_find(const struct members *members, const char *id, struct member **ret_member,
                 struct error *error)
{
    struct member *best = NULL;

    for (size_t i = 0; i < members->count; i++) {
        struct member *member = members->items[i];

        if (member->is_self || strcasecmp(member->facts.id, id) != 0)
            continue;
        if (best && best->state == MEMBER_RUNNING && member->state == MEMBER_RUNNING &&
            strcmp(best->facts.run, member->facts.run) != 0)
            return error_set(error, EBUSY,
                             "Two instances go by the id '%.64s', at %s and %s: give one of them another "
                             "instance-id.",
                             id, best->facts.url, member->facts.url);
        if (!best || member->state < best->state ||
            (member->state == best->state && member->seen_ms > best->seen_ms))
            best = member;
    }
    if (!best)
        return error_set(error, ENOENT,
                         "There is no instance '%.128s'; GET /api/instances lists those that there are.", id);
    *ret_member = best;
    return 0;
}

void member_label(const struct member *member, char text[MEMBER_LABEL_SIZE])
{
    (void)snprintf(text, MEMBER_LABEL_SIZE, "%.100s (%.*s) at %s", /* fits */
                   member->facts.name[0] ? member->facts.name : "?", INSTANCE_SHORT,
                   member->facts.id[0] ? member->facts.id : "?", member->facts.url);
}

void member_last_seen(const struct member *member, char text[MEMBER_SEEN_SIZE])
{
    time_t seconds = (time_t)(member->seen_ns / 1000000000);
    char when[32] = "";
    struct tm parts;

    if (member->seen_ns == 0) {
        (void)snprintf(text, MEMBER_SEEN_SIZE, "it was never seen"); /* fits */
        return;
    }
    if (gmtime_r(&seconds, &parts))
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts);                /* fits */
    (void)snprintf(text, MEMBER_SEEN_SIZE, "it was last seen %" PRIu64 " s ago, at %s", /* fits */
                   (clock_monotonic_ms() - member->seen_ms) / 1000, when);
}
