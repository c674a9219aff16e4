/* A minidump or an ELF core. Without memory beyond the stacks the target runs again before the first byte is
 * sent, and with a snapshot, too; else it is held until the last of its memory was read or the reader stalls
 * or goes away. */
#include "ops/dump_compress.h"
#include "ops/dump_estimate.h"
#include "ops/dump_form.h"
#include "ops/dump_mode.h"
#include "ops/dump_name.h"
#include "ops/dump_zip.h"
#include "ops/table.h"

#include "dump/minidump.h"
#include "dump/minidump_format.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct dump {
    uint32_t type, ignored;
    uint32_t asked_type; /* of which type is what maxPauseMs leaves */
    struct dump_wish wish;
    bool zip, estimate, redacts_environ;
    uint64_t max_bytes; /* 0: none */
    struct dump_compression compression;
    enum dump_zip_modules modules;
    const struct dump_form *form;
    struct pidref target;
    struct capture capture;
    struct trace *trace; /* NULL once nothing is held any more: neither the target nor a clone */
    void *plan;          /* the form's own */
    struct fields extra;
    char name[DUMP_NAME_SIZE]; /* without ending */
};

static void dump_release(struct dump *dump)
{
    trace_release(dump->trace, NULL); /* first of all: the target waits */
    if (dump->form)
        dump->form->free(dump->plan);
    capture_release(&dump->capture);
    fields_release(&dump->extra);
    pidref_close(&dump->target);
}

/* format=raw|core|zip; in a zip, inner=raw|core. */
static int read_format(const struct request *request, struct dump *dump, struct error *error)
{
    const char *format = request_string(request, "format"), *inner = request_string(request, "inner");

    dump->zip = format && strcasecmp(format, "zip") == 0;
    if (inner && !dump->zip)
        return error_set(error, EINVAL, "'inner' says what a zip holds: it needs format=zip.");
    if (dump->zip)
        format = inner;
    if (!format && !dump->zip && request_string(request, "type"))
        dump->form = &dump_form_core;
    else if (!format || strcasecmp(format, "raw") == 0)
        dump->form = &dump_form_minidump;
    else if (strcasecmp(format, "core") == 0)
        dump->form = &dump_form_core;
    else if (dump->zip)
        return error_set(error, EINVAL, "What a zip holds is raw or core, not '%.60s'.", inner);
    else
        return error_set(error, EINVAL, "The format of a dump is raw, core or zip, not '%.60s'.", format);
    return 0;
}

static int read_redact(const struct request *request, struct dump *dump, struct error *error)
{
    const char *redact = request_string(request, "redact");

    if (redact && strcasecmp(redact, "environ") != 0)
        return error_set(error, EINVAL, "What a dump can be made without is environ, not '%.60s'.", redact);
    dump->redacts_environ = redact != NULL;
    return 0;
}

/* dotnet-monitor's words; otherwise ret_type is left as it is. */
static int read_type_word(const struct request *request, uint64_t *ret_type, struct error *error)
{
    static const struct {
        const char *word;
        uint32_t type;
    } words[] = {
        {"Triage", 0},
        {"Mini", MD_TYPE_DATA_SEGS | MD_TYPE_INDIRECTLY_REFERENCED | MD_TYPE_PROCESS_THREAD_DATA},
        {"WithHeap", MD_TYPE_DATA_SEGS | MD_TYPE_PRIVATE_READ_WRITE},
        {"Full", MD_TYPE_FULL_MEMORY},
    };
    const char *word = request_string(request, "type");

    if (word && request_string(request, "dumpType"))
        return error_set(error, EINVAL, "A dump has either a type or a dumpType.");
    for (size_t i = 0; word && i < ELEMENTS_OF(words); i++)
        if (strcasecmp(word, words[i].word) == 0) {
            *ret_type = words[i].type;
            return 0;
        }
    return word ? error_set(error, EINVAL,
                            "The type of a dump is Mini, Full, Triage or WithHeap, not '%.60s'.", word)
                : 0;
}

static int read_arguments(const struct request *request, struct dump *dump, struct error *error)
{
    uint64_t type;
    int r = request_u64(request, "dumpType", 0, UINT32_MAX, &type, error);

    if (r == 0)
        r = read_type_word(request, &type, error);
    if (r < 0)
        return r;
    if (type & ~(uint64_t)MINIDUMP_TYPE_VALID)
        return error_set(error, EINVAL, "dumpType %" PRIu64 " has bits that do not exist; valid are 0 to %u.",
                         type, MINIDUMP_TYPE_VALID);
    dump->type = dump->asked_type = (uint32_t)type;
    r = dump_wish_read(request, &dump->wish, error);
    if (r == 0)
        r = request_bool(request, "estimate", false, &dump->estimate, error);
    if (r == 0)
        r = read_redact(request, dump, error);
    if (r == 0)
        r = request_size(request, "maxBytes", 0, &dump->max_bytes, error);
    if (r == 0)
        r = read_format(request, dump, error);
    if (r == 0)
        r = dump_compression_read(request, dump->zip, &dump->compression, error);
    return r < 0 ? r : dump_zip_modules_read(request, dump->zip, &dump->modules, error);
}

static void let_go(void *data)
{
    struct dump *dump = data;

    trace_release(dump->trace, &dump->capture.held_ns);
    dump->trace = NULL;
}

/* The service's network side can't be held while it sends the very dump: all clients would wait until the
 * stall timeout. Without memory it runs again before the first byte. */
static int refuse_front(const struct operation_context *context, const struct dump *dump, struct error *error)
{
    struct proc_stat stat;

    if (!dump->form->reads_memory(dump->type) || proc_stat_read(dump->target.dir_fd, &stat) < 0 ||
        stat.parent != context->service_pid || strcmp(stat.name, "procscope-http") != 0)
        return 0;
    return error_set(error, EBUSY,
                     "Process %d is the network side of this service, which can't be held while it sends the "
                     "dump; on this machine, procscope dump %d --type 0x%x does it.",
                     (int)dump->target.pid, (int)dump->target.pid, dump->type);
}

/* The bits that need no memory but the stacks. */
static uint32_t without_memory(const struct dump_form *form, uint32_t type)
{
    uint32_t reduced = 0;

    for (unsigned bit = 0; bit < 32; bit++)
        if (type >> bit & 1 && !form->reads_memory((uint32_t)1 << bit))
            reduced |= (uint32_t)1 << bit;
    return reduced;
}

static int capture_as(const struct operation_context *context, struct dump *dump,
                      const struct dump_mode *mode, uint64_t *ret_failed_ns, struct error *error)
{
    bool reads_memory = dump->form->reads_memory(dump->type);
    struct snapshot_options snapshot = mode->snapshot;
    uint64_t max_pause_ms = dump->wish.max_pause_ms;
    struct capture_options options = {
        .copy_stacks = !reads_memory && !mode->is_snapshot,
        .files = (dump->type & (MD_TYPE_HANDLE_DATA | MD_TYPE_FULL_AUXILIARY)) != 0,
        .thread_details = (dump->type & MD_TYPE_THREAD_INFO) != 0,
        .find_untouched = reads_memory,
        .extended = dump->form->reads_linkage,
        .copy_linkage = dump->form->reads_linkage && !reads_memory,
        .snapshot = mode->is_snapshot ? &snapshot : NULL,
        .snapshot_only = dump->wish.mode == DUMP_SNAPSHOT || max_pause_ms > 0,
        .deadline_ms = operation_hold_deadline_ms(&dump->target),
        .failed_ns = ret_failed_ns,
        .wait_ms = operation_wait_ms(context, true),
        .once = max_pause_ms > 0, /* which is of all of it */
    };

    if (max_pause_ms > 0 && max_pause_ms < options.deadline_ms)
        options.deadline_ms = max_pause_ms;
    if (reads_memory && !mode->is_snapshot)
        options.most_ms = max_pause_ms;
    if (max_pause_ms > 0 && max_pause_ms < snapshot.deadline_ms)
        snapshot.deadline_ms = max_pause_ms;
    return capture_live(context->procfs, &dump->target, &options, &dump->capture, &dump->trace, error);
}

/* A snapshot that was tried and did not come about, in words of its own. */
static bool is_refused_snapshot(const struct dump_mode *mode, int r)
{
    return mode->is_snapshot && (r == -EAGAIN || r == -EOPNOTSUPP || r == -ENOMEM);
}

/* What would hold the target for longer than maxPauseMs is taken without memory, unless the mode was asked
 * for. */
static int take_within_pause(const struct operation_context *context, struct dump *dump, struct error *error)
{
    struct dump_mode_question question = {
        .wish = &dump->wish, .procfs = context->procfs, .target = &dump->target};
    char reason[sizeof dump->capture.mode_reason];
    uint64_t failed_ns = 0;
    struct dump_mode mode;
    int r;

    question.reads_memory = dump->form->reads_memory(dump->type);
    dump_mode_expect(&question, &mode);
    r = dump_mode_check(&question, &mode, error);
    if (r == 0)
        r = capture_as(context, dump, &mode, &failed_ns, error);
    if (r == -ETIMEDOUT && dump->wish.max_pause_ms > 0 &&
        dump->wish.max_pause_ms < operation_hold_deadline_ms(&dump->target))
        r = error_set(error, EBUSY,
                      "Process %d could not be stopped within the %" PRIu64 " ms of maxPauseMs. It runs on.",
                      (int)dump->target.pid, dump->wish.max_pause_ms);
    if (r == 0 && !dump->capture.mode_reason[0])
        memcpy(dump->capture.mode_reason, mode.reason, sizeof mode.reason);
    if (dump->wish.mode == DUMP_SNAPSHOT && is_refused_snapshot(&mode, r)) {
        struct error refusal = error ? *error : (struct error){0};

        return error_set(error, EBUSY, "No snapshot could be made of process %d: %.400s",
                         (int)dump->target.pid, refusal.text);
    }
    if (dump->wish.mode != DUMP_AUTO || !question.reads_memory || dump->wish.max_pause_ms == 0 ||
        (r != -EBUSY && !is_refused_snapshot(&mode, r)))
        return r;
    (void)snprintf(reason, sizeof reason, "%.255s", error ? error->text : ""); /* cut is well */
    if (error)
        error->code = 0;
    dump->type = without_memory(dump->form, dump->type);
    r = take_within_pause(context, dump, error);
    if (r == 0) {
        memcpy(dump->capture.mode_reason, reason, sizeof reason);
        dump->capture.held_ns += failed_ns; /* twice held is held for longer */
    }
    return r;
}

/* Its reader was slower than the expectation. Before the first byte that is a refusal, later a cut. */
static int ran_out(const struct dump *dump, int errnum, struct error *error)
{
    return error_set(
        error, errnum,
        "Process %d was let go after the %" PRIu64
        " ms of maxPauseMs, before all of its memory was read: a process without a snapshot is held for "
        "as long as the client takes.",
        (int)dump->target.pid, dump->wish.max_pause_ms);
}

static int take_capture(const struct operation_context *context, struct dump *dump, struct error *error)
{
    int r = take_within_pause(context, dump, error);

    if (r < 0)
        return error_ensure(error, r, "The process could not be captured");
    if (dump->redacts_environ)
        buffer_clear(&dump->capture.environ);
    r = dump->form->plan(&dump->capture, capture_memory(&dump->capture, dump->trace), dump->type, &dump->plan,
                         &dump->ignored, error);
    if (r == 0)
        dump->form->when_read(dump->plan, let_go, dump);
    return r;
}

/* "0x4, 0x20": each bit of the type that has no effect. */
static int add_ignored(struct dump *dump)
{
    char text[ELEMENTS_OF("0x10000000, ") * 32] = "";
    size_t used = 0;

    if (dump->ignored == 0)
        return 0;
    for (unsigned bit = 0; bit < 32; bit++)
        if (dump->ignored >> bit & 1)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s0x%x", used ? ", " : "", 1u << bit);
    return fields_add(&dump->extra, "X-Dump-Flags-Ignored", text);
}

/* How it was taken. */
static int describe_mode(struct dump *dump)
{
    const struct capture *capture = &dump->capture;
    int r = fields_add(&dump->extra, "X-Dump-Mode", capture->is_snapshot ? "snapshot" : "stop");

    if (r == 0 && !capture->is_snapshot && capture->mode_reason[0])
        r = fields_add(&dump->extra, "X-Dump-Mode-Reason", capture->mode_reason);
    /* known before the first byte only where the target runs again already */
    if (r == 0 && (!dump->trace || capture->is_snapshot))
        r = fields_add_format(&dump->extra, "X-Dump-Pause-Microseconds", "%" PRIu64, capture->held_ns / 1000);
    if (r == 0 && dump->type != dump->asked_type)
        r = fields_add_format(&dump->extra, "X-Dump-Type-Reduced", "0x%x instead of 0x%x", dump->type,
                              dump->asked_type);
    return r;
}

static int describe(struct dump *dump)
{
    int r = add_ignored(dump);

    if (r == 0)
        r = describe_mode(dump);
    if (r == 0)
        r = fields_add_format(&dump->extra, "X-Dump-Threads", "%zu", dump->capture.thread_count);
    if (r == 0)
        r = fields_add_format(&dump->extra, "X-Dump-Memory-Bytes", "%" PRIu64,
                              dump->form->memory_bytes(dump->plan));
    if (r == 0 && dump->capture.is_snapshot)
        r = fields_add_format(&dump->extra, "X-Dump-Live-Bytes", "%" PRIu64,
                              dump->form->live_bytes(dump->plan));
    return r;
}

static int answer_file(struct dump *dump, struct answer *answer, struct error *error)
{
    const struct dump_compression *compression = &dump->compression;
    _cleanup_sink_ struct sink *compressed = NULL;
    uint64_t size = dump->form->size(dump->plan);
    char file_name[DUMP_NAME_SIZE + 16];
    struct answer_head head = {.content_type = compression->content_type,
                               .file_name = file_name,
                               .length = compression->sink_new ? -1 : (int64_t)size,
                               .extra = &dump->extra,
                               .holds = dump->trace != NULL};
    struct sink *sink;
    int r;

    (void)snprintf(file_name, sizeof file_name, "%s.%s%s", dump->name, dump->form->ending,
                   compression->ending); /* fits */
    r = answer->begin(answer, &head, &sink, error);
    if (r < 0)
        return r;
    if (!compression->sink_new)
        return dump->form->write(dump->plan, sink, error);
    r = compression->sink_new(sink, compression->level, size, &compressed);
    if (r < 0)
        return error_ensure(error, r, "The dump could not be compressed");
    r = dump->form->write(dump->plan, compressed, error);
    return r < 0 ? r : sink_finish(compressed, error);
}

/* What the request and the service allow; UINT64_MAX: anything. */
static uint64_t size_limit(const struct operation_context *context, const struct dump *dump)
{
    uint64_t ours = context->max_dump_bytes ? context->max_dump_bytes : UINT64_MAX;
    uint64_t asked = dump->max_bytes ? dump->max_bytes : UINT64_MAX;

    return ours < asked ? ours : asked;
}

static int answer_zip(const struct operation_context *context, const struct request *request,
                      struct dump *dump, struct answer *answer, struct error *error)
{
    const struct dump_zip zip = {.context = context,
                                 .request = request,
                                 .target = &dump->target,
                                 .capture = &dump->capture,
                                 .form = dump->form,
                                 .plan = dump->plan,
                                 .extra = &dump->extra,
                                 .type = dump->type,
                                 .name = dump->name,
                                 .level = dump->compression.level,
                                 .maximum = size_limit(context, dump),
                                 .modules = dump->modules};
    char file_name[DUMP_NAME_SIZE + 8];
    struct answer_head head = {.content_type = "application/zip",
                               .file_name = file_name,
                               .length = -1,
                               .extra = &dump->extra,
                               .holds = dump->trace != NULL};
    struct sink *sink;
    int r;

    (void)snprintf(file_name, sizeof file_name, "%s.zip", dump->name); /* fits */
    r = answer->begin(answer, &head, &sink, error);
    return r < 0 ? r : dump_zip_write(&zip, sink, error);
}

static bool is_compressed(const struct dump *dump)
{
    return dump->zip || dump->compression.sink_new;
}

/* Before the first byte, when the size is known. What is compressed on the way counts as it is before. */
static int check_size(const struct operation_context *context, const struct dump *dump, struct error *error)
{
    uint64_t size = dump->form->size(dump->plan), most = size_limit(context, dump);
    bool is_ours = most != dump->max_bytes;

    if (size <= most)
        return 0;
    return error_set(error, EFBIG,
                     "The dump would have %" PRIu64 " bytes%s, more than the %" PRIu64 " of %s.", size,
                     is_compressed(dump) ? " before it is compressed" : "", most,
                     is_ours ? "this service's max-dump-bytes" : "maxBytes");
}

static int estimate(const struct operation_context *context, const struct request *request,
                    const struct dump *dump, struct answer *answer, struct error *error)
{
    char ending[32];
    struct dump_estimate_question question = {
        .type = dump->type,
        .wish = &dump->wish,
        .form = dump->form,
        .format = dump->zip                       ? "zip"
                  : dump->form == &dump_form_core ? "core"
                                                  : "raw",
        .is_zip = dump->zip,
        .modules = dump->modules,
        .redacts_environ = dump->redacts_environ,
        .is_compressed = is_compressed(dump),
        .content_type = dump->zip ? "application/zip" : dump->compression.content_type,
        .ending = ending,
    };

    (void)snprintf(ending, sizeof ending, "%s%s", dump->zip ? "zip" : dump->form->ending,
                   dump->zip ? "" : dump->compression.ending); /* fits */
    return dump_estimate(context, request, &dump->target, &question, answer, error);
}

/* Of one that is still held the time is known when it is let go: its memory was read, or its reader is gone.
 */
static void tell_pause(struct dump *dump, struct answer *answer)
{
    if (dump->trace && !dump->capture.is_snapshot)
        let_go(dump);
    answer_held(answer, dump->capture.held_ns);
}

int operation_dump(const struct operation_context *context, const struct request *request,
                   struct answer *answer, struct error *error)
{
    _cleanup_(dump_release) struct dump dump = {.target = PIDREF_INIT};
    int r = read_arguments(request, &dump, error);

    dump.redacts_environ = dump.redacts_environ || context->redacts_environ;
    if (r == 0)
        r = operation_target_with_memory(context, request, &dump.target, error);
    if (r == 0)
        r = refuse_front(context, &dump, error);
    if (r < 0)
        return r;
    if (dump.estimate || request->head_only)
        return estimate(context, request, &dump, answer, error);
    r = take_capture(context, &dump, error);
    if (r == 0)
        r = check_size(context, &dump, error);
    if (r < 0)
        return r;
    if (dump.trace && trace_ran_out(dump.trace))
        return ran_out(&dump, EBUSY, error);
    dump_name(dump.capture.name, context->instance_id, dump.capture.time, dump.name);
    r = describe(&dump);
    if (r < 0)
        return error_ensure(error, r, "The dump could not be described");
    r = dump.zip ? answer_zip(context, request, &dump, answer, error) : answer_file(&dump, answer, error);
    if (r == -ESRCH && dump.trace && dump.capture.is_snapshot)
        r = error_set(error, EAGAIN, "%s", trace_clone_lost(dump.trace));
    else if (r == -ESRCH && dump.trace && trace_ran_out(dump.trace))
        r = ran_out(&dump, EAGAIN, error);
    tell_pause(&dump, answer);
    return r;
}
