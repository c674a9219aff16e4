/* What all threads of a process are doing, or one of them. The process is held for as long as it takes to
 * copy registers and stacks; everything else is found out from the copy while it runs on. */
#include "ops/stacks.h"
#include "ops/table.h"

#include "capture/code_memory.h"
#include "proc/living.h"

#include <errno.h>

static int answer_stacks(const struct operation_context *context, const struct request *request,
                         struct stacks_wish *wish, struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_living_ struct pidref living = PIDREF_INIT;
    _cleanup_capture_ struct capture capture = {0};
    _cleanup_memory_ struct memory *code = NULL;
    _cleanup_java_stacks_ struct java_stacks java = JAVA_STACKS_INIT;
    _cleanup_python_ struct python *python = python_new(wish->only);
    struct capture_options options = {.copy_stacks = true,
                                      .no_texts = true,
                                      .general_only = true,
                                      .reader = &python_reader,
                                      .reader_context = python};
    const struct pidref *memory_of;
    struct host host;
    struct kudu_style style;
    struct stacks_sources sources;
    _cleanup_dotnet_names_ struct dotnet_names dotnet =
        DOTNET_NAMES_INIT(&target, operation_runtime_patience_ms(context));
    struct trace *none;
    int r = python ? operation_style(context, request, &host, &style, error)
                   : error_set(error, ENOMEM, "Out of memory.");

    if (r == 0)
        r = operation_target_with_memory(context, request, &target, error);
    if (r < 0)
        return r;
    if (!wish->runtime)
        options.reader = NULL;
    else
        java_stacks_begin(&java, &target, operation_runtime_patience_ms(context));
    options.deadline_ms = operation_hold_deadline_ms(&target);
    options.wait_ms = operation_wait_ms(context, false);
    r = capture_live(context->procfs, &target, &options, &capture, &none, error);
    if (r < 0)
        return error_ensure(error, r, "The stacks could not be captured");
    answer_held(answer, capture.held_ns);
    if (wish->runtime)
        r = java_stacks_take(&java, &target, &capture);
    if (r < 0)
        return error_errno(error, -r, "The stacks of Java could not be kept");
    wish->java = wish->runtime ? &java : NULL;
    memory_of = living_open(&target, &living) == 0 ? &living : &target;
    r = code_memory_new(memory_of, &capture.maps, &code);
    if (r < 0 && r != -ESRCH) /* it has ended: the copy is all that there is */
        return operation_denied(context, &target, r, "The memory", error);
    sources = (struct stacks_sources){&capture, memory_of, code, python, wish->runtime ? &dotnet : NULL};
    dotnet.process = memory_of;
    return stacks_answer(wish, &sources, &style, answer, error);
}

int operation_stacks(const struct operation_context *context, const struct request *request,
                     struct answer *answer, struct error *error)
{
    struct stacks_wish wish = {0};
    int r = stacks_wish_read(request, &wish, error);

    return r < 0 ? r : answer_stacks(context, request, &wish, answer, error);
}

int operation_stack(const struct operation_context *context, const struct request *request,
                    struct answer *answer, struct error *error)
{
    struct stacks_wish wish = {0};
    int r = stacks_wish_read(request, &wish, error);

    if (r < 0)
        return r;
    if (request->child <= 0 || request->child > (int64_t)LIMIT_PROCESSES)
        return error_set(error, ENOENT, "Thread with an Id of %lld is not part of process %lld.",
                         (long long)request->child, (long long)request->id);
    wish.only = (pid_t)request->child;
    return answer_stacks(context, request, &wish, answer, error);
}
