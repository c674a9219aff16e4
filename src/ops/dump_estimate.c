#include "ops/dump_estimate.h"

#include "dump/minidump_format.h"
#include "ops/dump_name.h"
#include "ops/dump_zip_bound.h"
#include "ops/table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

struct estimate {
    const struct dump_estimate_question *question;
    struct capture capture;
    struct memory *memory;             /* of the running target */
    uint64_t size, memory_bytes;       /* of what was asked for */
    uint64_t minidump_size, core_size; /* 0: not possible */
    struct dump_mode mode;
};

static void estimate_release(struct estimate *estimate)
{
    memory_free(estimate->memory);
    capture_release(&estimate->capture);
}

uint64_t dump_compressed_bound(uint64_t size)
{
    enum { FRAME = 64 * 1024 };

    /* deflate falls back to stored blocks: 5 bytes in 65,535, and what its tables cost at the seams */
    return size + size / 256 + FRAME;
}

static bool reads_memory(uint32_t type)
{
    return dump_form_minidump.reads_memory(type) || dump_form_core.reads_memory(type);
}

/* Through a thread that lives: a first one that has ended has no memory, though the process has. */
static int open_memory(struct estimate *estimate, const struct pidref *target)
{
    const struct capture *capture = &estimate->capture;
    int r = -ESRCH;

    for (size_t i = 0; i < capture->thread_count && r == -ESRCH; i++) {
        _cleanup_close_ int fd = -1;
        char name[48];

        (void)snprintf(name, sizeof name, "task/%d/mem", (int)capture->threads[i].id); /* fits */
        fd = openat(target->dir_fd, name, O_RDONLY | O_CLOEXEC);
        r = fd >= 0 ? memory_fd_new(fd, &estimate->memory) : errno == ENOENT ? -ESRCH : -errno;
        if (r == 0)
            (void)TAKE_FD(fd); /* the memory's now */
    }
    return r;
}

static int look(const struct operation_context *context, const struct pidref *target,
                struct estimate *estimate, struct error *error)
{
    uint32_t type = estimate->question->type;
    struct capture_options options = {.unheld = true,
                                      .files = (type & (MD_TYPE_HANDLE_DATA | MD_TYPE_FULL_AUXILIARY)) != 0,
                                      .find_untouched = reads_memory(type),
                                      .extended = true};
    struct trace *trace = NULL;
    int r = dump_allowed(context->procfs, target, error);

    if (r == 0)
        r = capture_live(context->procfs, target, &options, &estimate->capture, &trace, error);
    if (r == 0 && estimate->question->redacts_environ)
        buffer_clear(&estimate->capture.environ);
    if (r == 0)
        r = open_memory(estimate, target);
    return r == -ESRCH ? operation_denied(context, target, r, "The process", error)
                       : error_ensure(error, r, "The process could not be looked at");
}

/* The threads that just ran have shown no stack. They are taken to be as the others. */
static uint64_t missing_stacks(const struct capture *capture)
{
    enum { USUAL_STACK = 16 * 1024 };
    uint64_t bytes = 0, known = 0;

    for (size_t i = 0; i < capture->thread_count; i++) {
        bytes += capture->threads[i].stack_size;
        known += capture->threads[i].stack_size > 0;
    }
    return (capture->thread_count - known) * (known ? bytes / known : USUAL_STACK);
}

/* The same layout that a dump is written by. */
static int plan_size(struct estimate *estimate, const struct dump_form *form, uint64_t *ret_size,
                     uint64_t *ret_memory, struct error *error)
{
    uint32_t type = estimate->question->type, ignored;

    void *plan = NULL;
    int r = form->plan(&estimate->capture, estimate->memory, type, &plan, &ignored, error);

    if (r < 0)
        return r;
    *ret_size = form->size(plan) + missing_stacks(&estimate->capture);
    *ret_memory = form->memory_bytes(plan) + missing_stacks(&estimate->capture);
    form->free(plan);
    return 0;
}

/* Of the answer, with what else is in it. */
static int answer_size(const struct operation_context *context, const struct request *request,
                       const struct pidref *target, struct estimate *estimate, uint64_t dump,
                       struct error *error)
{
    const struct dump_estimate_question *question = estimate->question;
    uint64_t beside = 0;
    int r = 0;

    if (question->is_zip)
        r = dump_zip_beside(context, request, target, &estimate->capture, question->modules, &beside, error);
    estimate->size = question->is_compressed ? dump_compressed_bound(dump + beside) : dump;
    return r;
}

static int plan_sizes(const struct pidref *target, struct estimate *estimate, struct error *error)
{
    const struct dump_estimate_question *question = estimate->question;
    bool is_core = question->form == &dump_form_core;
    uint64_t *asked = is_core ? &estimate->core_size : &estimate->minidump_size;
    uint64_t *other = is_core ? &estimate->minidump_size : &estimate->core_size;
    struct dump_mode_question mode = {.wish = question->wish,
                                      .target = target,
                                      .reads_memory = question->form->reads_memory(question->type),
                                      .threads = estimate->capture.thread_count};
    uint64_t ignored;
    int r = plan_size(estimate, question->form, asked, &estimate->memory_bytes, error);

    if (r < 0)
        return r;
    /* where the other kind is not possible it has no size */
    (void)!plan_size(estimate, is_core ? &dump_form_minidump : &dump_form_core, other, &ignored, NULL);
    mode.memory_bytes = estimate->memory_bytes;
    dump_mode_expect(&mode, &estimate->mode);
    return 0;
}

static void write_sizes(struct json *json, const struct estimate *estimate)
{
    json_key(json, "sizes");
    json_object_begin(json);
    if (estimate->minidump_size)
        json_member_u64(json, "raw", estimate->minidump_size);
    if (estimate->core_size)
        json_member_u64(json, "core", estimate->core_size);
    json_object_end(json);
}

static int answer_json(const struct pidref *target, const struct estimate *estimate, struct answer *answer,
                       struct error *error)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);

    json_object_begin(&json);
    json_member_i64(&json, "id", target->pid);
    json_member_string(&json, "name", estimate->capture.name);
    json_member_u64(&json, "type", estimate->question->type);
    json_member_string(&json, "format", estimate->question->format);
    json_member_u64(&json, "size", estimate->size);
    json_member_bool(&json, "size_is_upper_bound", estimate->question->is_compressed);
    write_sizes(&json, estimate);
    json_member_u64(&json, "threads", estimate->capture.thread_count);
    json_member_u64(&json, "memory_bytes", estimate->memory_bytes);
    json_member_string(&json, "mode", estimate->mode.name);
    if (estimate->mode.reason[0])
        json_member_string(&json, "mode_reason", estimate->mode.reason);
    json_member_u64(&json, "expected_pause_microseconds", estimate->mode.pause_us);
    json_object_end(&json);
    return operation_answer_json(answer, &json, error);
}

/* Without a length, which a dump could differ from (RFC 9110, 9.3.2 lets a head leave it out). */
static int answer_head(const struct operation_context *context, const struct estimate *estimate,
                       struct answer *answer, struct error *error)
{
    _cleanup_fields_ struct fields extra = {0};
    char name[DUMP_NAME_SIZE], file_name[DUMP_NAME_SIZE + 16];
    struct answer_head head = {.content_type = estimate->question->content_type,
                               .file_name = file_name,
                               .length = -1,
                               .extra = &extra};
    struct sink *sink;
    int r = fields_add_format(&extra, "X-Dump-Estimated-Bytes", "%" PRIu64, estimate->size);

    if (r == 0)
        r = fields_add(&extra, "X-Dump-Mode", estimate->mode.name);
    if (r == 0 && estimate->mode.reason[0])
        r = fields_add(&extra, "X-Dump-Mode-Reason", estimate->mode.reason);
    if (r == 0)
        r = fields_add_format(&extra, "X-Dump-Expected-Pause-Microseconds", "%" PRIu64,
                              estimate->mode.pause_us);
    if (r == 0)
        r = fields_add_format(&extra, "X-Dump-Threads", "%zu", estimate->capture.thread_count);
    if (r == 0)
        r = fields_add_format(&extra, "X-Dump-Memory-Bytes", "%" PRIu64, estimate->memory_bytes);
    if (r < 0)
        return error_ensure(error, r, "The dump could not be described");
    dump_name(estimate->capture.name, context->instance_id, estimate->capture.time, name);
    (void)snprintf(file_name, sizeof file_name, "%s.%s", name, estimate->question->ending); /* fits */
    return answer->begin(answer, &head, &sink, error);
}

int dump_estimate(const struct operation_context *context, const struct request *request,
                  const struct pidref *target, const struct dump_estimate_question *question,
                  struct answer *answer, struct error *error)
{
    _cleanup_(estimate_release) struct estimate estimate = {.question = question};
    int r = look(context, target, &estimate, error);

    if (r == 0)
        r = plan_sizes(target, &estimate, error);
    if (r == 0)
        r = answer_size(context, request, target, &estimate,
                        question->form == &dump_form_core ? estimate.core_size : estimate.minidump_size,
                        error);
    if (r < 0)
        return r;
    return request->head_only ? answer_head(context, &estimate, answer, error)
                              : answer_json(target, &estimate, answer, error);
}
