#include "instances/member_json.h"
#include "instances/registry.h"
#include "instances/self_url.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <string.h>

/* etcd's v3 API through its JSON gateway (etcd.io, "gRPC gateway"): a lease that is kept alive, a key under
 * it with who we are, and all keys of the prefix read again and again. When we end without a word, the lease
 * runs out and etcd drops the key. */
enum { CALL_TIMEOUT_MS = 3000, SMALL_ANSWER_MAX = 64 * 1024, KEY_SIZE = 320 };

enum step { STEP_GRANT, STEP_PUT, STEP_KEEP, STEP_REVOKE };

struct etcd_registry {
    struct registry registry;     /* first */
    struct call write_call, poll; /* of ours; of all */
    struct fleet *fleet;
    struct loop_timer write_timer, poll_timer;
    size_t url;    /* which of its members is asked; the next one where it fails */
    int64_t lease; /* 0: none */
    enum step step;
    uint64_t answered_ms; /* when it was last heard of */
    bool has_failed, has_no_address, is_leaving, has_left;
};

static struct etcd_registry *of_write(struct call *call)
{
    return (struct etcd_registry *)((char *)call - offsetof(struct etcd_registry, write_call));
}

static struct etcd_registry *of_poll(struct call *call)
{
    return (struct etcd_registry *)((char *)call - offsetof(struct etcd_registry, poll));
}

static void key_of(const struct etcd_registry *etcd, char key[KEY_SIZE])
{
    const struct member_facts *self = &etcd->fleet->self;

    /* of this run, so that two with one id are both seen */
    (void)snprintf(key, KEY_SIZE, "%s/instances/%s/%s", etcd->fleet->registry_config.prefix, self->id,
                   self->run); /* fits */
}

static int begin(struct etcd_registry *etcd, struct call *call, const char *path, const struct buffer *body,
                 size_t answer_max, void (*done)(struct call *))
{
    char url[URL_SIZE + 64];
    struct call_request request = {.url = url,
                                   .body = buffer_string(body),
                                   .body_size = body->size,
                                   .trust = &etcd->fleet->registry_trust,
                                   .answer_max = answer_max,
                                   .timeout_ms = CALL_TIMEOUT_MS};

    (void)snprintf(url, sizeof url, "%s%s", etcd->fleet->registry_config.urls[etcd->url], path); /* fits */
    return call_begin(call, etcd->fleet->loop, &request, done);
}

/* Notes how a call went. True: it is good. */
static bool check(struct etcd_registry *etcd, const struct call *call, const char *what)
{
    const struct registry_config *config = &etcd->fleet->registry_config;
    char words[CURL_ERROR_SIZE];

    if (call->status == 200) {
        if (etcd->has_failed)
            log_info("etcd at %s answers again.", config->urls[etcd->url]);
        etcd->has_failed = false;
        etcd->answered_ms = clock_monotonic_ms();
        return true;
    }
    if (call->status == 0)
        (void)snprintf(words, sizeof words, "%s", call->failure); /* fits */
    else
        etcd_read_problem(buffer_string(&call->body), call->body.size, words, sizeof words);
    if (!etcd->has_failed)
        log_warning("etcd at %s: %s failed: %s.", config->urls[etcd->url], what, words);
    etcd->has_failed = true;
    etcd->url = (etcd->url + 1) % config->url_count;
    return false;
}

/* --- Ourselves --- */

static bool know_address(struct etcd_registry *etcd, const char *local_address)
{
    struct fleet *fleet = etcd->fleet;

    if (fleet->self.url[0])
        return true;
    if (self_url_find(fleet->listeners, local_address, fleet->config->path_prefix, fleet->self.url) == 0) {
        log_info("Other instances reach this one at %s.", fleet->self.url);
        return true;
    }
    if (!etcd->has_no_address)
        log_warning(
            "Other instances can't reach this one, so it does not tell etcd of itself: it listens on no "
            "address that they could use. Give it one with listen, or say it with instance-url.");
    etcd->has_no_address = true;
    return false;
}

static void on_written(struct call *call);

static void write_next(struct etcd_registry *etcd, enum step step)
{
    _cleanup_buffer_ struct buffer body = BUFFER_INIT(64 * 1024), value = BUFFER_INIT(MEMBER_JSON_MAX);
    const char *path = NULL;
    char key[KEY_SIZE];
    int r = 0;

    etcd->step = step;
    switch (step) {
    case STEP_GRANT:
        path = "/v3/lease/grant";
        r = buffer_append_format(&body, "{\"TTL\":%" PRIu64 "}", etcd->fleet->config->registry_ttl / 1000);
        break;
    case STEP_PUT:
        path = "/v3/kv/put";
        key_of(etcd, key);
        r = member_json_write(&etcd->fleet->self, &value);
        if (r == 0)
            r = etcd_write_put(key, value.data, value.size, etcd->lease, &body);
        break;
    case STEP_KEEP:
    case STEP_REVOKE:
        path = step == STEP_KEEP ? "/v3/lease/keepalive" : "/v3/lease/revoke";
        r = buffer_append_format(&body, "{\"ID\":\"%" PRId64 "\"}", etcd->lease);
        break;
    }
    if (r == 0)
        r = begin(etcd, &etcd->write_call, path, &body, SMALL_ANSWER_MAX, on_written);
    if (r < 0) {
        etcd->write_timer.due_ms = clock_monotonic_ms() + etcd->fleet->config->registry_interval;
        etcd->has_left = etcd->has_left || step == STEP_REVOKE;
    }
}

static void on_written(struct call *call)
{
    static const char *const names[] = {[STEP_GRANT] = "granting a lease",
                                        [STEP_PUT] = "writing down this instance",
                                        [STEP_KEEP] = "keeping the lease",
                                        [STEP_REVOKE] = "taking back the lease"};
    struct etcd_registry *etcd = of_write(call);
    const struct config *config = etcd->fleet->config;
    bool is_good = check(etcd, call, names[etcd->step]);
    uint64_t now = clock_monotonic_ms();
    int64_t left = 0;

    if (etcd->step == STEP_REVOKE) {
        etcd->has_left = true;
        return;
    }
    etcd->write_timer.due_ms = now + (is_good ? config->registry_ttl / 3 : config->registry_interval);
    if (etcd->step == STEP_GRANT && is_good) {
        if (etcd_read_lease(buffer_string(&call->body), call->body.size, &etcd->lease) == 0 &&
            know_address(etcd, call->local_address))
            write_next(etcd, STEP_PUT);
    } else if (etcd->step == STEP_PUT && !is_good) {
        etcd->lease = 0;
    } else if (etcd->step == STEP_KEEP && is_good &&
               (etcd_read_keepalive(buffer_string(&call->body), call->body.size, &left) < 0 || left <= 0)) {
        etcd->lease = 0; /* it had run out, and the key with it */
        etcd->write_timer.due_ms = 0;
    }
}

static void on_write_due(struct loop_timer *timer)
{
    struct etcd_registry *etcd =
        (struct etcd_registry *)((char *)timer - offsetof(struct etcd_registry, write_timer));

    if (etcd->is_leaving || etcd->write_call.is_running)
        return;
    write_next(etcd, etcd->lease ? STEP_KEEP : STEP_GRANT);
}

/* --- The others --- */

static void take_member(void *context, const struct member_facts *facts)
{
    struct etcd_registry *etcd = context;
    struct members *members = &etcd->fleet->members;
    struct member *member = members_find_run(members, facts->id, facts->run);

    if (!member && members_add(members, &member) < 0)
        return;
    member_seen(member, facts);
    member->is_listed = true;
    member->is_self = strcmp(facts->run, etcd->fleet->self.run) == 0;
}

/* Not known is not gone: its members are asked all the same. */
static void doubt_members(struct etcd_registry *etcd)
{
    struct members *members = &etcd->fleet->members;

    if (clock_monotonic_ms() - etcd->answered_ms < etcd->fleet->config->registry_ttl)
        return;
    for (size_t i = 0; i < members->count; i++)
        if (members->items[i]->state == MEMBER_RUNNING)
            member_lost(members->items[i], MEMBER_UNREACHABLE,
                        "etcd does not answer, so it is not known whether this instance runs.");
}

static void on_polled(struct call *call)
{
    struct etcd_registry *etcd = of_poll(call);
    struct members *members = &etcd->fleet->members;

    etcd->poll_timer.due_ms = clock_monotonic_ms() + etcd->fleet->config->registry_interval;
    for (size_t i = 0; i < members->count; i++)
        members->items[i]->is_listed = false;
    if (!check(etcd, call, "reading the instances") ||
        etcd_read_range(buffer_string(&call->body), call->body.size, take_member, etcd) < 0) {
        doubt_members(etcd);
        return;
    }
    for (size_t i = 0; i < members->count; i++)
        if (!members->items[i]->is_listed && members->items[i]->state != MEMBER_GONE)
            member_lost(members->items[i], MEMBER_GONE, "its registration in etcd has ended");
}

static void on_poll_due(struct loop_timer *timer)
{
    struct etcd_registry *etcd =
        (struct etcd_registry *)((char *)timer - offsetof(struct etcd_registry, poll_timer));
    _cleanup_buffer_ struct buffer body = BUFFER_INIT(4096);
    char prefix[KEY_SIZE];
    int r;

    (void)snprintf(prefix, sizeof prefix, "%s/instances/", etcd->fleet->registry_config.prefix); /* fits */
    r = etcd_write_range(prefix, &body);
    if (r == 0)
        r = begin(etcd, &etcd->poll, "/v3/kv/range", &body, ETCD_ANSWER_MAX, on_polled);
    if (r < 0)
        timer->due_ms = clock_monotonic_ms() + etcd->fleet->config->registry_interval;
}

static int etcd_start(struct fleet *fleet, struct registry **ret_registry)
{
    struct etcd_registry *etcd = calloc(1, sizeof *etcd);

    if (!etcd)
        return -ENOMEM;
    etcd->registry.ops = &registry_etcd_ops;
    etcd->fleet = fleet;
    etcd->write_timer = (struct loop_timer){.due_ms = 0, .run = on_write_due};
    etcd->poll_timer = (struct loop_timer){.due_ms = 0, .run = on_poll_due};
    loop_timer_add(fleet->loop, &etcd->write_timer);
    loop_timer_add(fleet->loop, &etcd->poll_timer);
    *ret_registry = &etcd->registry;
    return 0;
}

static void etcd_leave(struct registry *registry)
{
    struct etcd_registry *etcd = (struct etcd_registry *)registry;

    if (etcd->is_leaving)
        return;
    etcd->is_leaving = true;
    call_cancel(&etcd->write_call);
    if (etcd->lease)
        write_next(etcd, STEP_REVOKE);
    else
        etcd->has_left = true;
}

static bool etcd_has_left(const struct registry *registry)
{
    return ((const struct etcd_registry *)registry)->has_left;
}

static void etcd_free(struct registry *registry)
{
    struct etcd_registry *etcd = (struct etcd_registry *)registry;

    loop_timer_remove(etcd->fleet->loop, &etcd->write_timer);
    loop_timer_remove(etcd->fleet->loop, &etcd->poll_timer);
    call_cancel(&etcd->write_call);
    call_cancel(&etcd->poll);
    free(etcd);
}

const struct registry_ops registry_etcd_ops = {
    .start = etcd_start, .leave = etcd_leave, .has_left = etcd_has_left, .free = etcd_free};
