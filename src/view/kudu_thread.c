/* Threads. `name`, `cpu`, `system_call`, `wait_channel` and `stack` are beyond Kudu. */
#include "view/kudu_member.h"
#include "view/thread_words.h"

#include <inttypes.h>

static void members_where_it_waits(struct json *json, const struct thread_info *thread)
{
    char system_call[SYSTEM_CALL_NAME_MAX];
    bool is_in_call = thread_system_call_name(thread, system_call);

    kudu_member_text(json, "wait_reason", thread_wait_reason_word(thread, is_in_call ? system_call : NULL));
    kudu_member_text(json, "name", thread->name);
    json_member_i64(json, "cpu", thread->processor); /* 0 is a CPU as good as others: always there */
    if (is_in_call)
        json_member_string(json, "system_call", system_call);
    kudu_member_text(json, "wait_channel", thread->wait_channel);
}

static void members_full(struct json *json, const struct kudu_style *style, pid_t pid,
                         const struct thread_info *thread)
{
    kudu_member_href(json, style, "process", pid, "");
    if (thread->start_address != 0) {
        json_key(json, "start_address");
        json_format(json, "0x%" PRIX64, thread->start_address);
    }
    kudu_member_number(json, "current_priority", thread_current_priority(thread));
    kudu_member_text(json, "priority_level", thread_priority_level_word(thread));
    kudu_member_number(json, "base_priority", thread_base_priority(thread));
    kudu_member_date(json, "start_time", thread->start_time);
    kudu_member_time_span(json, "total_processor_time", thread->user_time + thread->system_time);
    kudu_member_time_span(json, "user_processor_time", thread->user_time);
    kudu_member_time_span(json, "priviledged_processor_time", thread->system_time); /* Kudu spells it so */
}

void kudu_thread(struct json *json, const struct kudu_style *style, pid_t pid,
                 const struct thread_info *thread, bool full)
{
    kudu_object_begin(json, style, thread->id);
    json_key(json, "href");
    json_format(json, "%s/%d/threads/%d", kudu_collection(style), (int)pid, (int)thread->id);
    if (full)
        members_full(json, style, pid, thread);
    json_member_string(json, "state", thread_state_word(thread->state));
    if (full) {
        members_where_it_waits(json, thread);
        json_key(json, "stack");
        json_format(json, "%s/%d/threads/%d/stack", kudu_collection(style), (int)pid, (int)thread->id);
    } else {
        kudu_member_text(json, "name", thread->name);
    }
    arm_object_end(json, &style->arm);
}

void kudu_threads(struct json *json, const struct kudu_style *style, pid_t pid,
                  const struct thread_list *threads, bool full)
{
    const struct kudu_style element = kudu_array_begin(json, style);

    for (size_t i = 0; i < threads->count; i++)
        kudu_thread(json, &element, pid, &threads->items[i], full);
    kudu_array_end(json, style);
}
