#include "ops/core_stacks.h"

#include "capture/core_file.h"
#include "ops/stacks.h"

#include <errno.h>
#include <fcntl.h>

static int run(const struct operation_context *context _unused_, const struct request *request,
               struct answer *answer, struct error *error)
{
    _cleanup_capture_ struct capture capture = {0};
    _cleanup_memory_ struct memory *memory = NULL;
    _cleanup_python_ struct python *python = NULL;
    _cleanup_close_ int fd = -1;
    struct stacks_sources sources = {0};
    struct stacks_wish wish = {0};
    const char *path = request_string(request, "core");
    int r = stacks_wish_read(request, &wish, error);

    if (r < 0)
        return r;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a pipe would wait for a writer */
    if (fd < 0)
        return error_errno(error, errno, "'%.500s' can't be opened", path);
    r = capture_core(fd, &capture, &memory, error);
    if (r < 0)
        return r;
    if (request->child < 0 || request->child > (int64_t)LIMIT_PROCESSES)
        return error_set(error, ENOENT, "Thread with an Id of %lld is not in the core.",
                         (long long)request->child);
    wish.only = (pid_t)request->child;
    python = python_new(wish.only);
    if (!python)
        return error_set(error, ENOMEM, "Out of memory.");
    if (wish.runtime)
        python_find(python, NULL, &capture);
    r = python_read(python, &capture, memory);
    if (r < 0)
        return error_errno(error, -r, "The core file could not be read");
    sources = (struct stacks_sources){&capture, NULL, memory, python};
    return stacks_answer(&wish, &sources, NULL, answer, error);
}

static const struct operation_argument arguments[] = {
    {"core", ARGUMENT_STRING, "the core file"},
    {"format", ARGUMENT_STRING, "json, text or speedscope"},
    {"group", ARGUMENT_BOOLEAN, "threads with the same frames once"},
    {"lines", ARGUMENT_BOOLEAN, "files, lines and inlined functions"},
    {"runtime", ARGUMENT_BOOLEAN, "functions of Python, too"},
    {0},
};

const struct operation operation_core_stacks = {.name = "core-stacks",
                                                .summary = "Show the stacks in a core file",
                                                .arguments = arguments,
                                                .forms = stacks_forms,
                                                .run = run};
