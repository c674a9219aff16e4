/* What fills the heap: objects and bytes by type. */
#include "ops/heap.h"

#include "base/clock.h"
#include "capture/jvm.h"
#include "ops/table.h"
#include "view/kudu_member.h"

#include <errno.h>

void heap_target_release(struct heap_target *target)
{
    map_list_release(&target->maps);
    pidref_close(&target->process);
}

/* What has a Java virtual machine loaded is taken for one, whatever else it is. */
static int find_runtime(struct heap_target *target, const struct heap_runtime *rather)
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
    if (jvm != JVM_NONE && !(rather && target->runtime.kind == rather->kind))
        target->runtime.kind = jvm == JVM_HOTSPOT ? RUNTIME_JAVA : RUNTIME_OPENJ9;
    return 0;
}

static const struct heap_runtime *const runtimes[] = {&heap_dotnet, &heap_java, &heap_node};

static int choose_runtime(struct heap_target *target, const struct heap_runtime *rather, struct error *error)
{
    char text[RUNTIME_TEXT_MAX];

    for (size_t i = 0; i < ELEMENTS_OF(runtimes); i++)
        if (runtimes[i]->kind == target->runtime.kind) {
            target->how = runtimes[i];
            return 0;
        }
    target->how = rather;
    if (rather && target->runtime.kind != RUNTIME_OPENJ9)
        return 0;
    if (target->runtime.kind == RUNTIME_UNKNOWN)
        return error_set(error, EOPNOTSUPP, "It can't be said which runtime process %d has.",
                         (int)target->process.pid);
    if (target->runtime.kind == RUNTIME_OPENJ9)
        return error_set(
            error, EOPNOTSUPP,
            "This Java virtual machine is OpenJ9, which is asked in another way than HotSpot; its "
            "own jcmd PID Dump.heap writes its heap.");
    runtime_text(&target->runtime, text);
    return error_set(error, EOPNOTSUPP,
                     "The heap of a process is shown and dumped where its runtime is .NET, Java or Node; "
                     "process %d is %s.",
                     (int)target->process.pid, text);
}

int heap_target_open(const struct operation_context *context, const struct request *request,
                     const struct heap_runtime *rather, struct heap_target *ret_target, struct error *error)
{
    _cleanup_heap_target_ struct heap_target target = HEAP_TARGET_INIT;
    int r = operation_target_with_memory(context, request, &target.process, error);

    if (r < 0)
        return r;
    r = find_runtime(&target, rather);
    if (r < 0)
        return operation_denied(context, &target.process, r, "The heap", error);
    r = choose_runtime(&target, rather, error);
    if (r < 0)
        return r;
    target.live = true;
    *ret_target = target;
    target = HEAP_TARGET_INIT;
    return 0;
}

int heap_target_read_live(struct heap_target *target, const struct request *request, struct error *error)
{
    int r = request_bool(request, "live", true, &target->live, error);

    if (r == 0 && !target->live && !target->how->has_all)
        return error_set(error, EINVAL,
                         "%s tells only what can be reached, after a collection: live=false is for Java.",
                         runtime_name(target->runtime.kind));
    return r;
}

/* Nothing is asked for it of a program that would stand still. */
static int answer_head_only(struct answer *answer, struct error *error)
{
    struct answer_head head = {.content_type = JSON_CONTENT_TYPE, .length = -1};
    struct sink *nothing;

    return answer->begin(answer, &head, &nothing, error);
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
        r = heap_target_open(context, request, NULL, &target, error);
    if (r == 0)
        r = heap_target_read_live(&target, request, error);
    if (r < 0)
        return r;
    if (request->head_only)
        return answer_head_only(answer, error);
    json_object_begin(&json);
    kudu_member_href(&json, &style, "process", target.process.pid, "");
    kudu_member_href(&json, &style, "heapdump", target.process.pid, "/heapdump");
    view_heap_begin(&view, &target.runtime, target.live);
    r = target.how->count(context, &target, &view, error);
    view_heap_end(&view);
    kudu_member_date(&json, "time_stamp", clock_realtime_ns());
    json_object_end(&json);
    return r < 0 ? error_ensure(error, r, "The heap could not be counted")
                 : operation_answer_json(answer, &json, error);
}
