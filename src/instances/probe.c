#include "instances/probe.h"

#include "base/clock.h"
#include "base/log.h"
#include "instances/member_json.h"

#include <string.h>

enum { PROBE_TIMEOUT_MS = 5000 };

static void learn(struct probe *probe, const struct member_facts *facts)
{
    const struct fleet *fleet = probe->fleet;
    struct member *member = probe->member;
    struct member_facts known = *facts;
    bool is_own_id = strcmp(facts->id, fleet->self.id) == 0;
    bool was_seen = member->seen_ns != 0;

    (void)snprintf(known.url, sizeof known.url, "%s", member->facts.url); /* fits: under which we reach it */
    member->is_self = is_own_id && strcmp(facts->run, fleet->self.run) == 0;
    member_seen(member, &known);
    if (is_own_id && !member->is_self && !was_seen)
        log_warning("The instance at %s goes by our id, too: give one of them another instance-id.",
                    member->facts.url);
}

static void on_answer(struct call *call)
{
    struct probe *probe = (struct probe *)call;
    struct member_facts facts;
    char problem[MEMBER_PROBLEM_SIZE];

    if (call->status == 200 && member_json_read(buffer_string(&call->body), call->body.size, &facts) == 0) {
        learn(probe, &facts);
    } else {
        if (call->status == 0)
            (void)snprintf(problem, sizeof problem, "It does not answer: %.100s.", call->failure); /* cut */
        else
            (void)snprintf(problem, sizeof problem, "What answers there (%ld) is no instance of procscope.",
                           call->status); /* fits */
        if (probe->member->state != MEMBER_UNREACHABLE && !probe->member->is_self)
            log_info("The instance at %s can't be reached. %s", probe->member->facts.url, problem);
        member_lost(probe->member, MEMBER_UNREACHABLE, problem);
    }
    probe->timer.due_ms = clock_monotonic_ms() + probe->fleet->config->registry_interval;
}

static void on_due(struct loop_timer *timer)
{
    struct probe *probe = (struct probe *)((char *)timer - offsetof(struct probe, timer));
    char url[URL_SIZE + 32];
    struct call_request request = {.url = url,
                                   .trust = &probe->fleet->trust,
                                   .answer_max = MEMBER_JSON_MAX,
                                   .timeout_ms = PROBE_TIMEOUT_MS};

    (void)snprintf(url, sizeof url, "%s/api/instances/self", probe->member->facts.url); /* fits */
    if (call_begin(&probe->call, probe->fleet->loop, &request, on_answer) < 0)
        timer->due_ms = clock_monotonic_ms() + probe->fleet->config->registry_interval;
}

void probe_start(struct probe *probe, struct fleet *fleet, struct member *member)
{
    probe->fleet = fleet;
    probe->member = member;
    probe->timer = (struct loop_timer){.due_ms = 0, .run = on_due};
    loop_timer_add(fleet->loop, &probe->timer);
}

void probe_stop(struct probe *probe)
{
    if (!probe->fleet)
        return;
    loop_timer_remove(probe->fleet->loop, &probe->timer);
    call_cancel(&probe->call);
    probe->fleet = NULL;
}
