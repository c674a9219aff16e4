#include "view/events.h"

#include "proc/users.h"

#include <string.h>

static const struct {
    unsigned badge;
    const char *name;
} badges[] = {
    {BADGE_KERNEL, "kernel"},   {BADGE_SECCOMP, "seccomp"}, {BADGE_TRACED, "traced"},
    {BADGE_DELETED, "deleted"}, {BADGE_SCM, "scm"},         {BADGE_WEBJOB, "webjob"},
    {BADGE_HUNG, "hung"},
};

static void member_permille(struct json *json, const char *key, uint64_t value)
{
    json_key(json, key);
    json_double(json, (double)value / 10);
}

/* What is unknown or unlimited is left out. */
static void member_known(struct json *json, const char *key, double value)
{
    if (value < 0)
        return;
    json_key(json, key);
    json_double(json, value);
}

static void member_text(struct json *json, const char *key, const char *text)
{
    if (*text)
        json_member_string(json, key, text);
}

static void member_badges(struct json *json, unsigned set)
{
    if (set == 0)
        return;
    json_key(json, "badges");
    json_array_begin(json);
    for (size_t i = 0; i < ELEMENTS_OF(badges); i++)
        if (set & badges[i].badge)
            json_text(json, badges[i].name);
    json_array_end(json);
}

static void member_state(struct json *json, char state)
{
    json_key(json, "state");
    json_bytes(json, &state, 1);
}

static void members_values(struct json *json, const struct watched_values *values, unsigned which)
{
    if (which & WATCHED_STATE)
        member_state(json, values->state);
    if (which & WATCHED_CPU)
        member_permille(json, "cpu", values->cpu_permille);
    if (which & WATCHED_MEMORY)
        json_member_u64(json, "memory", values->memory);
    if (which & WATCHED_THREADS)
        json_member_u64(json, "threads", values->threads);
    if (which & WATCHED_READ)
        json_member_u64(json, "read", values->read);
    if (which & WATCHED_WRITTEN)
        json_member_u64(json, "written", values->written);
}

static void member_command(struct json *json, const char *command, const struct mask *mask)
{
    _cleanup_buffer_ struct buffer shown = {0};
    int r;

    if (mask->commands)
        return;
    r = mask_append(mask, command, strlen(command), &shown);
    if (r < 0 && json->error == 0)
        json->error = r;
    member_text(json, "command", buffer_string(&shown));
}

static void write_whole(struct json *json, const struct watch *watch, const struct watched *item,
                        const struct mask *mask)
{
    const struct watch_facts *facts = item->facts;

    json_object_begin(json);
    json_member_i64(json, "id", item->pid);
    json_member_i64(json, "parent", item->values.parent);
    json_member_i64(json, "start", host_time_of_ticks(&watch->host, item->start_ticks) / 1000000);
    json_member_string(json, "name", facts->name);
    if (facts->user != (uid_t)-1)
        json_member_string(json, "user", user_name(facts->user));
    member_command(json, facts->command, mask);
    member_text(json, "unit", facts->cgroup.unit);
    member_text(json, "container", facts->cgroup.container);
    member_text(json, "runtime", facts->runtime);
    member_badges(json, facts->badges);
    members_values(json, &item->values, ~0u);
    json_object_end(json);
}

static void write_host(struct json *json, const struct watch *watch)
{
    const struct host_load *load = &watch->load;

    json_key(json, "host");
    json_object_begin(json);
    member_permille(json, "cpu", watch->host_cpu_permille);
    json_member_u64(json, "processors", load->processors);
    member_known(json, "memory_total", (double)load->memory_total);
    member_known(json, "memory_available", (double)load->memory_available);
    member_known(json, "swap_total", (double)load->swap_total);
    member_known(json, "swap_free", (double)load->swap_free);
    member_known(json, "load", load->load);
    member_known(json, "cpu_pressure", load->cpu_pressure);
    member_known(json, "memory_pressure", load->memory_pressure);
    member_known(json, "io_pressure", load->io_pressure);
    json_object_end(json);
}

static void write_common(struct json *json, const struct watch *watch, uint64_t interval_ms)
{
    json_member_i64(json, "time", watch->time_ns / 1000000);
    json_member_u64(json, "interval", interval_ms);
    write_host(json, watch);
    json_member_u64(json, "count", watch->count + watch->left_out);
}

void events_snapshot(struct json *json, const struct watch *watch, uint64_t interval_ms,
                     const struct mask *mask)
{
    json_object_begin(json);
    write_common(json, watch, interval_ms);
    json_member_string(json, "machine", watch->host.name);
    json_key(json, "processes");
    json_array_begin(json);
    for (size_t i = 0; i < watch->count; i++)
        write_whole(json, watch, &watch->items[i], mask);
    json_array_end(json);
    json_object_end(json);
}

static void write_ended(struct json *json, const struct watch *watch)
{
    if (watch->ended_count == 0)
        return;
    json_key(json, "ended");
    json_array_begin(json);
    for (size_t i = 0; i < watch->ended_count; i++)
        json_i64(json, watch->ended[i]);
    json_array_end(json);
}

static void write_items(struct json *json, const struct watch *watch, bool whole, const struct mask *mask)
{
    bool begun = false;

    for (size_t i = 0; i < watch->count; i++) {
        const struct watched *item = &watch->items[i];

        if (item->changes == 0 || whole != ((item->changes & WATCHED_WHOLE) != 0))
            continue;
        if (!begun) {
            json_key(json, whole ? "processes" : "changed");
            json_array_begin(json);
            begun = true;
        }
        if (whole) {
            write_whole(json, watch, item, mask);
            continue;
        }
        json_object_begin(json);
        json_member_i64(json, "id", item->pid);
        members_values(json, &item->values, item->changes);
        json_object_end(json);
    }
    if (begun)
        json_array_end(json);
}

void events_tick(struct json *json, const struct watch *watch, uint64_t interval_ms, const struct mask *mask)
{
    json_object_begin(json);
    write_common(json, watch, interval_ms);
    write_ended(json, watch);
    write_items(json, watch, true, mask);
    write_items(json, watch, false, mask);
    json_object_end(json);
}
