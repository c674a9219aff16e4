/* What fills the heap: objects and bytes by type. */
#include "ops/heap.h"

#include "base/clock.h"
#include "capture/jvm.h"
#include "ops/table.h"
#include "runtime/hotspot_heap.h"
#include "view/heap.h"
#include "view/kudu_member.h"

#include <errno.h>

void heap_target_release(struct heap_target *target)
{
    map_list_release(&target->maps);
    pidref_close(&target->process);
}

/* What has a Java virtual machine loaded is taken for one, whatever else it is. */
static int find_runtime(struct heap_target *target)
{
    struct proc_stat stat;
    enum jvm_kind jvm;
    int r = maps_read(target->process.dir_fd, &target->maps, NULL);

    if (r == 0)
        r = proc_stat_read(target->process.dir_fd, &stat);
    if (r < 0)
        return r;
    runtime_read(target->process.dir_fd, &stat, &target->runtime);
    jvm = jvm_kind_of(&target->maps);
    if (jvm != JVM_NONE)
        target->runtime.kind = jvm == JVM_HOTSPOT ? RUNTIME_JAVA : RUNTIME_OPENJ9;
    return 0;
}

static int check_runtime(const struct heap_target *target, struct error *error)
{
    char text[RUNTIME_TEXT_MAX];

    switch (target->runtime.kind) {
    case RUNTIME_JAVA:
        return 0;
    case RUNTIME_UNKNOWN:
        return error_set(error, EOPNOTSUPP, "It can't be said which runtime process %d has.",
                         (int)target->process.pid);
    case RUNTIME_OPENJ9:
        return error_set(
            error, EOPNOTSUPP,
            "This Java virtual machine is OpenJ9, which is asked in another way than HotSpot; its "
            "own jcmd PID Dump.heap writes its heap.");
    default:
        runtime_text(&target->runtime, text);
        return error_set(error, EOPNOTSUPP,
                         "The heap of a process is shown and dumped where it is Java's; process %d is %s.",
                         (int)target->process.pid, text);
    }
}

int heap_target_open(const struct operation_context *context, const struct request *request,
                     struct heap_target *ret_target, struct error *error)
{
    _cleanup_heap_target_ struct heap_target target = HEAP_TARGET_INIT;
    int r = request_bool(request, "live", true, &target.live, error);

    if (r == 0)
        r = operation_target_with_memory(context, request, &target.process, error);
    if (r < 0)
        return r;
    r = find_runtime(&target);
    if (r < 0)
        return operation_denied(context, &target.process, r, "The heap", error);
    r = check_runtime(&target, error);
    if (r < 0)
        return r;
    *ret_target = target;
    target = HEAP_TARGET_INIT;
    return 0;
}

static int take_java(void *to, const struct heap_type *type)
{
    enum { NAME_SIZE = LIMIT_HEAP_LINE + 64 };
    char name[NAME_SIZE];
    struct view_heap *view = to;

    hotspot_class_name(type->name, type->name_size, name, sizeof name);
    return view_heap_type(view, name, type->module, type->module_size, type->count, type->bytes);
}

static int write_types(const struct operation_context *context, const struct heap_target *target,
                       struct view_heap *view, struct error *error)
{
    struct hotspot_heap_wish wish = {.live = target->live, .patience_ms = operation_wait_ms(context, true)};

    return error_ensure(error,
                        hotspot_heap_types(&target->process, &target->maps, &wish, take_java, view, error),
                        "The heap could not be counted");
}

int operation_heap(const struct operation_context *context, const struct request *request,
                   struct answer *answer, struct error *error)
{
    _cleanup_heap_target_ struct heap_target target = HEAP_TARGET_INIT;
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);
    struct view_heap view = {.json = &json};
    struct host host;
    struct kudu_style style;
    int r = operation_style(context, request, &host, &style, error);

    if (r == 0)
        r = heap_target_open(context, request, &target, error);
    if (r < 0)
        return r;
    json_object_begin(&json);
    kudu_member_href(&json, &style, "process", target.process.pid, "");
    kudu_member_href(&json, &style, "heapdump", target.process.pid, "/heapdump");
    view_heap_begin(&view, &target.runtime, target.live);
    r = write_types(context, &target, &view, error);
    view_heap_end(&view);
    kudu_member_date(&json, "time_stamp", clock_realtime_ns());
    json_object_end(&json);
    return r < 0 ? r : operation_answer_json(answer, &json, error);
}
