#include "cmd/progress.h"

#include "base/clock.h"
#include "cmd/format.h"
#include "cmd/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { LINE_MAX_COLUMNS = 320, BAR_COLUMNS = 24, NS_BETWEEN_DRAWS = 100000000 };

void progress_begin(struct progress *progress, int64_t total, bool quiet)
{
    *progress = (struct progress){.quiet = quiet, .total = total, .started_ns = clock_monotonic_ns()};
    if (terminal_look(STDERR_FILENO, "never", &progress->terminal) < 0 || !progress->terminal.is_terminal)
        progress->quiet = true;
}

/* Results of snprintf are ignored below: a line that is too long is cut, as it has to be. */
static void describe(const struct progress *progress, uint64_t done, uint64_t now, char *line, size_t size)
{
    char bytes[FORMAT_SIZE], all[FORMAT_SIZE], rate_text[FORMAT_SIZE], left[FORMAT_SIZE];
    double seconds = (double)(now - progress->started_ns) / 1e9;
    double rate = seconds > 0.01 ? (double)done / seconds : 0;
    format_bytes((int64_t)done, bytes);
    format_bytes((int64_t)rate, rate_text);
    if (progress->total <= 0) {
        (void)snprintf(line, size, "%s  %s/s", bytes, rate_text);
        return;
    }
    uint64_t total = (uint64_t)progress->total;
    double share = done >= total ? 1 : (double)done / (double)total;
    format_bytes(progress->total, all);
    if (rate > 0)
        format_duration_ns((uint64_t)((double)(total - (done < total ? done : total)) / rate * 1e9), left);
    else
        (void)snprintf(left, sizeof left, "?");
    char bar[BAR_COLUMNS + 1];
    memset(bar, '-', BAR_COLUMNS);
    memset(bar, '#', (size_t)(share * BAR_COLUMNS));
    bar[BAR_COLUMNS] = '\0';
    (void)snprintf(line, size, "%3d%% [%s] %s of %s  %s/s  %s left", (int)(share * 100), bar, bytes, all,
                   rate_text, left);
}

static void draw(struct progress *progress, const char *line)
{
    unsigned columns = progress->terminal.columns - 1; /* the last one would make some terminals wrap */
    unsigned width = (unsigned)strlen(line) < columns ? (unsigned)strlen(line) : columns;
    unsigned blanks = progress->shown > width ? progress->shown - width : 0;
    (void)fprintf(stderr, "\r%.*s%*s%s", (int)width, line, (int)blanks, "", width ? "" : "\r");
    (void)fflush(stderr); /* a terminal that is gone shows nothing */
    progress->shown = width;
}

void progress_at(struct progress *progress, uint64_t done)
{
    char line[LINE_MAX_COLUMNS];
    if (progress->quiet)
        return;
    /* A terminal that takes nothing (its window or ssh session may be the very process that we hold) is not
     * waited for. */
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&room, 1, 0) <= 0)
        return;
    uint64_t now = clock_monotonic_ns();
    if (progress->drawn_ns && now - progress->drawn_ns < NS_BETWEEN_DRAWS)
        return;
    progress->drawn_ns = now;
    describe(progress, done, now, line, sizeof line);
    draw(progress, line);
}

void progress_clear(struct progress *progress)
{
    if (!progress->quiet && progress->shown)
        draw(progress, "");
}

struct progress_sink {
    struct sink sink;
    struct sink *next;
    struct progress *progress;
};

static int progress_sink_write(struct sink *sink, const void *bytes, size_t size)
{
    struct progress_sink *this = (struct progress_sink *)sink;
    if (interrupt_came())
        return -ECANCELED;
    int r = sink_write(this->next, bytes, size);
    if (r >= 0)
        progress_at(this->progress, this->next->written);
    return r;
}

static int progress_sink_finish(struct sink *sink, struct error *error)
{
    return sink_finish(((struct progress_sink *)sink)->next, error);
}

static void progress_sink_free(struct sink *sink)
{
    sink_free(((struct progress_sink *)sink)->next);
    free(sink);
}

int progress_sink_new(struct sink *next, struct progress *progress, struct sink **ret_sink)
{
    static const struct sink_ops ops = {"progress", progress_sink_write, progress_sink_finish,
                                        progress_sink_free};
    struct progress_sink *this = calloc(1, sizeof *this);
    if (!this)
        return -ENOMEM;
    *this = (struct progress_sink){.sink = {.ops = &ops}, .next = next, .progress = progress};
    *ret_sink = &this->sink;
    return 0;
}
