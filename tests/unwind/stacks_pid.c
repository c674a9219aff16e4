/* stacks_pid PID [ROUNDS]: capture_live and the stacks of all threads, without the service around them: a
 * line "THREAD END" for each, then one a frame: "ADDRESS INLINED BY FUNCTION+OFFSET FILE:LINE MODULE". With
 * ROUNDS it is unwound as often, and only the nanoseconds of each are printed. */
#include "base/clock.h"
#include "base/parse.h"
#include "unwind/stack.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

static void print(const struct stacks *stacks)
{
    for (size_t i = 0; i < stacks->count; i++) {
        const struct thread_stack *stack = &stacks->items[i];

        printf("%d %d\n", stack->thread->id, stack->end);
        for (size_t j = 0; j < stack->count; j++) {
            const struct frame *frame = &stack->frames[j];

            printf("  %" PRIx64 " %d %d %s+%" PRIx64 " %s:%u %s\n", frame->address, frame->inlined, frame->by,
                   frame->function ? frame->function : "?", frame->offset, frame->file ? frame->file : "?",
                   frame->line, frame->module ? frame->module->path : "?");
        }
    }
}

static int unwind(const struct capture *capture, const struct stacks_options *options, uint64_t rounds)
{
    int r = 0;

    for (uint64_t i = 0; r == 0 && i < (rounds ? rounds : 1); i++) {
        _cleanup_stacks_ struct stacks stacks = {0};
        uint64_t begin = clock_monotonic_ns();

        r = stacks_unwind(capture, options, &stacks);
        if (rounds)
            printf("%" PRIu64 "\n", clock_monotonic_ns() - begin);
        else if (r == 0)
            print(&stacks);
    }
    return r;
}

static int show(pid_t pid, uint64_t rounds, bool lines, struct error *error)
{
    _cleanup_procfs_ struct procfs procfs = {.fd = -1};
    _cleanup_pidref_ struct pidref process = PIDREF_INIT;
    _cleanup_capture_ struct capture capture = {0};
    _cleanup_memory_ struct memory *memory = NULL;
    const struct capture_options options = {.copy_stacks = true, .deadline_ms = 20000};
    struct stacks_options how = {.lines = lines, .process = &process};
    struct trace *trace = NULL;
    int fd, r = procfs_open("/proc", &procfs, error);

    if (r == 0)
        r = pidref_open(&procfs, pid, &process, error);
    if (r == 0)
        r = capture_live(&procfs, &process, &options, &capture, &trace, error);
    if (r < 0)
        return r;
    fd = openat(process.dir_fd, "mem", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && memory_fd_new(fd, &memory) < 0)
        (void)fd_close(fd);
    how.memory = memory;
    r = unwind(&capture, &how, rounds);
    return r < 0 ? error_ensure(error, r, "unwinding") : 0;
}

int main(int argc, char **argv)
{
    struct error error = {0};
    uint64_t pid = 0, rounds = 0;

    if (argc < 2 || argc > 3 || parse_u64(argv[1], &pid) < 0 ||
        (argc > 2 && parse_u64(argv[2], &rounds) < 0)) {
        fprintf(stderr, "usage: stacks_pid PID [ROUNDS]\n");
        return 2;
    }
    if (show((pid_t)pid, rounds, rounds == 0, &error) < 0) {
        fprintf(stderr, "stacks_pid: %s\n", error.text);
        return 1;
    }
    return 0;
}
