#include "view/monitor.h"

#include "base/text.h"
#include "view/java_threads.h"

#include <errno.h>
#include <string.h>

static void member_known(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text(json, text && *text ? text : NULL);
}

static void members_identity(struct json *json, const struct monitor_process *process)
{
    json_member_i64(json, "pid", process->pid);
    json_member_string(json, "uid", process->uid);
    json_member_string(json, "name", process->name);
}

void monitor_identifier(struct json *json, const struct monitor_process *process)
{
    json_object_begin(json);
    members_identity(json, process);
    json_member_bool(json, "isDefault", process->is_default);
    json_object_end(json);
}

void monitor_process(struct json *json, const struct monitor_process *process)
{
    json_object_begin(json);
    members_identity(json, process);
    member_known(json, "commandLine", process->command_line);
    json_member_string(json, "operatingSystem", "Linux");
    member_known(json, "processArchitecture", process->architecture);
    member_known(json, "managedEntryPointAssemblyName", process->assembly);
    json_object_end(json);
}

/* One function in the words of .NET. */
struct call {
    const char *method, *type, *module; /* "" unknown */
    size_t method_size, type_size;
    uint64_t address; /* where there is no name */
};

/* Known.Places.Stands.InMonitor(System.String[],int32[,]), Known.Place..ctor(): the dot before the name. */
static const char *dot_of(const char *name, size_t size)
{
    for (size_t i = size; i > 1; i--)
        if (name[i - 1] == '.')
            return name + i - 1 - (name[i - 2] == '.');
    return NULL;
}

static void take_dotnet(const char *name, struct call *call)
{
    size_t size = strcspn(name, "(");
    const char *dot = dot_of(name, size);

    call->type = name;
    call->type_size = dot ? (size_t)(dot - name) : 0;
    call->method = dot ? dot + 1 : name;
    call->method_size = size - (size_t)(call->method - name);
}

static void take_java(const struct java_frame *frame, struct call *ret_call)
{
    *ret_call = (struct call){.method = frame->method ? frame->method : "",
                              .type = frame->class_name ? frame->class_name : "",
                              .module = frame->module ? frame->module : ""};
    ret_call->method_size = strlen(ret_call->method);
    ret_call->type_size = strlen(ret_call->type);
}

static void take_frame(const struct frame *frame, struct call *ret_call)
{
    *ret_call = (struct call){.method = frame->function ? frame->function : "",
                              .type = "",
                              .module = frame->is_python ? (frame->file ? frame->file : "")
                                        : frame->module  ? stack_module_name(frame->module)
                                                         : "",
                              .address = frame->address};
    if (frame->is_signal)
        ret_call->method = "<signal handler called>";
    ret_call->method_size = strlen(ret_call->method);
    if (frame->is_dotnet && frame->function)
        take_dotnet(frame->function, ret_call);
}

static size_t call_count(const struct thread_stack *stack, const struct java_thread *java)
{
    return java && java->frame_count > 0 ? java->frame_count : stack->count;
}

static void take_call(const struct stacks_view *view, const struct thread_stack *stack,
                      const struct java_thread *java, size_t at, struct call *ret_call)
{
    if (java && java->frame_count > 0)
        take_java(&view->java->dump.frames.items[java->first_frame + at], ret_call);
    else
        take_frame(&stack->frames[at], ret_call);
}

static const struct java_thread *java_of(const struct stacks_view *view, const struct thread_stack *stack)
{
    return view->java ? java_stacks_find(view->java, stack->thread->id) : NULL;
}

static void write_call(struct json *json, const struct call *call)
{
    json_object_begin(json);
    json_key(json, "methodName");
    if (call->method_size > 0)
        json_bytes(json, call->method, call->method_size);
    else
        json_format(json, "0x%llx", (unsigned long long)call->address);
    json_member_i64(json, "methodToken", 0);
    json_key(json, "typeName");
    json_bytes(json, call->type, call->type_size);
    json_member_string(json, "moduleName", call->module);
    json_member_string(json, "moduleVersionId", "00000000-0000-0000-0000-000000000000");
    json_member_bool(json, "hidden", false);
    json_object_end(json);
}

void monitor_stacks_json(struct json *json, const struct stacks_view *view)
{
    json_object_begin(json);
    json_key(json, "stacks");
    json_array_begin(json);
    for (size_t i = 0; i < view->stacks->count; i++) {
        const struct thread_stack *stack = &view->stacks->items[i];
        const struct java_thread *java = java_of(view, stack);
        struct call call;

        json_object_begin(json);
        json_member_i64(json, "threadId", stack->thread->id);
        json_member_string(json, "threadName", java && java->name ? java->name : stack->thread->name);
        json_key(json, "frames");
        json_array_begin(json);
        for (size_t at = 0; at < call_count(stack, java); at++) {
            take_call(view, stack, java, at, &call);
            write_call(json, &call);
        }
        json_array_end(json);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

static int append_part(struct buffer *out, const char *text, size_t size)
{
    _cleanup_free_ char *part = strndup(text, size);

    return part ? text_escape(part, out) : -ENOMEM;
}

/*   libc.so.6!__poll */
static int append_call(struct buffer *out, const struct call *call)
{
    int r = buffer_append_string(out, "  ");

    if (r == 0)
        r = text_escape(*call->module ? call->module : "??", out);
    if (r == 0)
        r = buffer_append_string(out, "!");
    if (r == 0 && call->type_size > 0)
        r = append_part(out, call->type, call->type_size);
    if (r == 0 && call->type_size > 0)
        r = buffer_append_string(out, ".");
    if (r == 0 && call->method_size > 0)
        r = append_part(out, call->method, call->method_size);
    else if (r == 0)
        r = buffer_append_format(out, "0x%llx", (unsigned long long)call->address);
    return r < 0 ? r : buffer_append_string(out, "\n");
}

int monitor_stacks_text(struct buffer *out, const struct stacks_view *view)
{
    int r = 0;

    for (size_t i = 0; i < view->stacks->count && r == 0; i++) {
        const struct thread_stack *stack = &view->stacks->items[i];
        const struct java_thread *java = java_of(view, stack);
        struct call call;

        r = buffer_append_format(out, "Thread: (0x%X)\n", (unsigned)stack->thread->id);
        for (size_t at = 0; at < call_count(stack, java) && r == 0; at++) {
            take_call(view, stack, java, at, &call);
            r = append_call(out, &call);
        }
        if (r == 0)
            r = buffer_append_string(out, "\n");
    }
    return r;
}

void monitor_date(int64_t ns_since_1970, char text[KUDU_TIME_SIZE])
{
    char date[KUDU_TIME_SIZE];

    kudu_date(ns_since_1970, date);
    (void)snprintf(text, KUDU_TIME_SIZE, "%.*s+00:00", (int)strlen(date) - 1, date); /* fits; without its Z */
}

int monitor_metric(struct buffer *out, int64_t time, const struct monitor_metric *metric)
{
    char date[KUDU_TIME_SIZE];
    struct json json = JSON_INIT(out);
    int r = buffer_append_string(out, "\x1e");

    if (r < 0)
        return r;
    monitor_date(time, date);
    json_object_begin(&json);
    json_member_string(&json, "timestamp", date);
    json_member_string(&json, "provider", metric->provider);
    json_member_string(&json, "name", metric->name);
    json_member_string(&json, "displayName", metric->display_name);
    json_member_string(&json, "unit", metric->unit);
    json_member_string(&json, "counterType", metric->is_rate ? "Rate" : "Metric");
    json_member_string(&json, "tags", metric->tags);
    json_key(&json, "value");
    json_double(&json, metric->value);
    json_key(&json, "meterTags"); /* of meters alone */
    json_nothing(&json);
    json_key(&json, "instrumentTags");
    json_nothing(&json);
    json_object_end(&json);
    r = json_finish(&json);
    return r < 0 ? r : buffer_append_string(out, "\n");
}
