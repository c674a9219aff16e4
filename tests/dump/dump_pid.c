/* dump_pid PID TYPE FILE: capture_live and a minidump to a file, without the service around them. Prints how
 * long the process was held and this program's own peak of memory. */
#include "base/clock.h"
#include "base/io.h"
#include "base/parse.h"
#include "dump/minidump.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

/* getrusage counts what our parent had before the exec. */
static uint64_t peak_kb(void)
{
    _cleanup_buffer_ struct buffer text = {0};
    const char *line, *end;
    uint64_t kb = 0;

    if (io_read_file_at(AT_FDCWD, "/proc/self/status", &text) < 0 || !(line = strstr(text.data, "VmHWM:")))
        return 0;
    line += strlen("VmHWM:");
    end = text.data + text.size;
    scan_blanks(&line, end);
    return scan_u64(&line, end, &kb) ? kb : 0;
}

static int fail(const struct error *error)
{
    fprintf(stderr, "dump_pid: %s\n", error->text);
    return 1;
}

static int write_dump(const struct minidump *minidump, const char *path, struct error *error)
{
    _cleanup_sink_ struct sink *sink = NULL;
    int r = sink_file_new(path, &sink, error);

    if (r == 0)
        r = minidump_write(minidump, sink, error);
    if (r == 0 && sink->written != minidump_size(minidump))
        r = error_set(error, EIO, "%" PRIu64 " bytes were written, %" PRIu64 " planned.", sink->written,
                      minidump_size(minidump));
    return r == 0 ? sink_finish(sink, error) : r;
}

static int dump(const struct procfs *procfs, pid_t pid, uint32_t type, const char *path, struct error *error)
{
    _cleanup_capture_ struct capture capture = {0};
    _cleanup_pidref_ struct pidref process = PIDREF_INIT;
    struct capture_options options = {.copy_stacks = !minidump_reads_memory(type),
                                      .files = true,
                                      .thread_details = true,
                                      .find_untouched = minidump_reads_memory(type),
                                      .deadline_ms = 20000};
    struct minidump *minidump = NULL;
    struct trace *trace = NULL;
    uint32_t ignored;
    int r = pidref_open(procfs, pid, &process, error);

    if (r == 0)
        r = capture_live(procfs, &process, &options, &capture, &trace, error);
    if (r == 0)
        r = minidump_plan(&capture, trace ? trace_memory(trace) : NULL, type, &minidump, &ignored, error);
    if (r == 0)
        r = write_dump(minidump, path, error);
    if (trace)
        trace_release(trace, &capture.held_ns);
    if (r == 0)
        printf("threads %zu size %" PRIu64 " held_us %" PRIu64 " ignored 0x%x peak_kb %" PRIu64 "\n",
               capture.thread_count, minidump_size(minidump), capture.held_ns / 1000, ignored, peak_kb());
    minidump_free(minidump);
    return r;
}

int main(int argc, char **argv)
{
    struct error error = {0};
    struct procfs procfs;
    uint64_t pid, type;
    int r;

    signal(SIGPIPE, SIG_IGN);
    if (argc != 4 || parse_u64(argv[1], &pid) < 0 || pid > INT32_MAX || parse_hex(argv[2], &type) < 0 ||
        type > UINT32_MAX) {
        fprintf(stderr, "usage: dump_pid PID TYPE(hex) FILE\n");
        return 2;
    }
    if (procfs_open("/proc", &procfs, &error) < 0)
        return fail(&error);
    r = dump(&procfs, (pid_t)pid, (uint32_t)type, argv[3], &error);
    procfs_close(&procfs);
    return r < 0 ? fail(&error) : 0;
}
