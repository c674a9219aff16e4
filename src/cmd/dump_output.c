#include "cmd/dump_output.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd/exit_code.h"
#include "cmd/format.h"
#include "cmd/interrupt.h"

#include <errno.h>

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static int begin(struct answer *answer, const struct answer_head *head, struct sink **ret_sink,
                 struct error *error);

void dump_output_init(struct dump_output *output, const char *path)
{
    *output = (struct dump_output){.answer = {.begin = begin}, .path = path, .stdout_fd = -1, .length = -1};
}

void dump_output_release(struct dump_output *output)
{
    progress_clear(&output->progress);
    sink_free(output->sink);
    output->sink = NULL;
    output->stdout_fd = fd_close(output->stdout_fd);
    free(output->file);
    output->file = NULL;
    fields_release(&output->heads);
}

static bool to_stdout(const struct dump_output *output)
{
    return output->path && strcmp(output->path, "-") == 0;
}

static int check_file(const struct dump_output *output, const char *path, struct error *error)
{
    struct stat facts;
    if (output->force || stat(path, &facts) < 0 || !S_ISREG(facts.st_mode))
        return 0;
    return error_set(error, EEXIST, "%s is there already: --force writes over it, -o FILE goes elsewhere.",
                     path);
}

/* What can be said before a process is touched: -EEXIST a file that is there, -EINVAL a terminal. */
static int check(const struct dump_output *output, struct error *error)
{
    if (to_stdout(output) && isatty(STDOUT_FILENO))
        return error_set(error, EINVAL, "A dump is no text for a terminal: give -o FILE, or a pipe.");
    return output->path && !to_stdout(output) ? check_file(output, output->path, error) : 0;
}

/* The head's name, which may come from another machine, within a directory of ours: without slashes, and not
 * hidden. */
static char *file_name_in(const char *directory, const char *name)
{
    char *path = NULL;
    if (!name || !*name)
        name = "process.dmp";
    if (asprintf(&path, "%s%s%s", directory ? directory : "", directory ? "/" : "", name) < 0)
        return NULL;
    char *own = path + (directory ? strlen(directory) + 1 : 0);
    if (*own == '.' || *own == '-')
        *own = '_';
    for (; *own; own++)
        if (*own == '/' || (unsigned char)*own < ' ' || *own == 0x7f)
            *own = '_';
    return path;
}

static int open_file(struct dump_output *output, const struct answer_head *head, struct sink **ret_sink,
                     struct error *error)
{
    struct stat facts;
    if (!output->path)
        output->file = file_name_in(NULL, head->file_name);
    else if (stat(output->path, &facts) == 0 && S_ISDIR(facts.st_mode))
        output->file = file_name_in(output->path, head->file_name);
    else
        output->file = strdup(output->path);
    if (!output->file)
        return error_set(error, ENOMEM, "Out of memory.");
    int r = check_file(output, output->file, error);
    return r < 0 ? r : sink_file_new(output->file, ret_sink, error);
}

/* A reader that stops reading must not hold a target or its clone for ever, so a pipe is opened once more
 * without blocking: O_NONBLOCK on stdout itself would also be set for whoever shares it. */
static int open_stdout(struct dump_output *output, bool held, struct sink **ret_sink)
{
    enum { PIPE_SIZE = 1024 * 1024 };
    struct stat facts;
    if (fstat(STDOUT_FILENO, &facts) == 0 && S_ISFIFO(facts.st_mode)) {
        (void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, PIPE_SIZE); /* only faster */
        if (held)
            output->stdout_fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    }
    return output->stdout_fd >= 0
               ? sink_fd_paced_new(output->stdout_fd, output->stall_ms, output->min_rate, ret_sink)
               : sink_fd_new(STDOUT_FILENO, -1, ret_sink);
}

static int begin(struct answer *answer, const struct answer_head *head, struct sink **ret_sink,
                 struct error *error)
{
    struct dump_output *output = (struct dump_output *)answer;
    _cleanup_sink_ struct sink *bytes = NULL;
    int r = interrupt_came() ? -ECANCELED : 0;
    for (size_t i = 0; head->extra && i < head->extra->count && r >= 0; i++)
        r = fields_add(&output->heads, head->extra->items[i].name, head->extra->items[i].value);
    if (r >= 0)
        r = to_stdout(output) ? open_stdout(output, head->holds, &bytes)
                              : open_file(output, head, &bytes, error);
    if (r < 0)
        return error_ensure(error, r, "Could not open the output");
    output->length = head->length;
    output->begun_ns = clock_monotonic_ns();
    progress_begin(&output->progress, head->length, output->quiet);
    r = progress_sink_new(bytes, &output->progress, &output->sink);
    if (r < 0)
        return error_set(error, -r, "Out of memory.");
    bytes = NULL; /* the progress's now */
    *ret_sink = output->sink;
    return 0;
}

/* -EPROTO where bytes are missing; the file appears. */
static int finish(struct dump_output *output, struct error *error)
{
    progress_clear(&output->progress);
    if (!output->sink)
        return error_set(error, CODE_CUT, "There was no answer.");
    if (output->length >= 0 && output->sink->written != (uint64_t)output->length)
        return error_set(error, CODE_CUT, "The dump was cut after %" PRIu64 " of %" PRId64 " bytes.",
                         output->sink->written, output->length);
    return sink_finish(output->sink, error);
}

const char *dump_output_head(const struct dump_output *output, const char *name)
{
    for (size_t i = 0; i < output->heads.count; i++)
        if (strcasecmp(output->heads.items[i].name, name) == 0)
            return output->heads.items[i].value;
    return "";
}

/* Of what was taken; a service adds heads about other things. */
static bool is_about_it(const char *head)
{
    static const char *const beginnings[] = {"X-Dump-", "X-Gcdump-", "X-Heap-", "X-Profile-"};
    for (size_t i = 0; i < ELEMENTS_OF(beginnings); i++)
        if (strncasecmp(head, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

static int report_json(const struct dump_output *output)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    struct json json = JSON_INIT(&text);
    json_object_begin(&json);
    json_member_string(&json, "file", output->file);
    json_member_u64(&json, "size", output->sink->written);
    for (size_t i = 0; i < output->heads.count; i++)
        if (is_about_it(output->heads.items[i].name))
            json_member_string(&json, output->heads.items[i].name, output->heads.items[i].value);
    json_object_end(&json);
    int r = json_finish(&json);
    if (r >= 0)
        (void)printf("%s\n", text.data); /* looked at at the end */
    return r;
}

static int report(const struct session *session, const struct dump_output *output,
                  dump_output_describe describe, struct error *error)
{
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(0), shown = BUFFER_INIT(0);
    char size[FORMAT_SIZE];
    int r;
    format_bytes((int64_t)output->sink->written, size);
    r = buffer_append_format(&line, "wrote %s: %s", output->file ? output->file : "to stdout", size);
    if (r >= 0)
        r = describe(output, &line);
    if (r >= 0)
        r = text_escape(buffer_string(&line), &shown);
    if (r >= 0 && !output->quiet)
        (void)fprintf(stderr, "procscope: %s\n", buffer_string(&shown)); /* nobody is left to tell */
    if (r >= 0 && session->json && output->file)
        r = report_json(output);
    return error_ensure(error, r, "What was written could not be described");
}

/* An interrupt must find either nothing to clean up, as with a pipe, where dying lets the target go; or be
 * noted, so that the file that was begun goes away. */
static int care_for_interrupts(const struct dump_output *output, struct session *session, struct error *error)
{
    struct stat facts;
    const char *path = output->path;
    interrupt_no_stop();
    if (output->ends_early && !session->remote.url) { /* a service that is left alone ends by itself */
        session->context.early_end = interrupt_fd;
        return error_ensure(error, interrupt_end_early(), "Interrupts could not be taken care of");
    }
    if (!to_stdout(output) &&
        (!path || stat(path, &facts) < 0 || S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode)))
        interrupt_note();
    return 0;
}

int dump_output_take(struct dump_output *output, struct session *session, const struct request *request,
                     dump_output_describe describe)
{
    struct error error = {0};
    int r = check(output, &error);
    if (r >= 0)
        r = care_for_interrupts(output, session, &error);
    if (r >= 0)
        r = session_run(session, request, &output->answer, &error);
    if (r == -ETIMEDOUT && output->sink && output->stdout_fd >= 0)
        r = error_set(
            &error, ETIMEDOUT,
            "The reader of the pipe took nothing, or hardly anything, for %d ms, so the process was let go.",
            output->stall_ms);
    if (r >= 0)
        r = finish(output, &error);
    if (r >= 0)
        r = report(session, output, describe, &error);
    dump_output_release(output);
    interrupt_obey();
    return r < 0 ? complain(&error) : EXIT_GOOD;
}
