/* Sessions over targets, and what came out of them. */
#pragma once

#include "../trace/target.h"
#include "perf/perf.h"

#include <poll.h>
#include <stdlib.h>

/* Longer than any machine takes, shorter than the test's own limit. */
enum { PATIENCE_MS = 120 * 1000 };

struct range {
    uint64_t start, end;
};

struct spins {
    struct target target;
    struct range seventy, thirty, spin;
};

struct seen {
    struct spins *spins; /* NULL: addresses are not looked at */
    unsigned long kinds[PERF_KIND_THROTTLED + 1];
    unsigned long seventy, thirty, elsewhere, called_by_spin, with_kernel, with_user, disorder;
    pid_t tid;               /* samples of this thread alone ... */
    unsigned long of_thread; /* ... are these */
    uint64_t last_ns;
    struct perf_record sample; /* the last one; what it points to is gone */
    char name[64], path[256];  /* the last ones */
    pid_t named, begun, ended; /* threads: the last ones */
    bool by_exec;
    size_t build_id_size;
};

static inline bool in(const struct range *range, uint64_t address)
{
    return address >= range->start && address < range->end;
}

static inline struct range range_of(const char *said, const char *name)
{
    const char *at = strstr(said, name), *end = said + strlen(said);
    struct range range = {0};

    assert_non_null(at);
    at += strlen(name);
    assert_true(scan_hex(&at, end, &range.start) && scan_char(&at, end, ' ') &&
                scan_hex(&at, end, &range.end));
    return range;
}

static inline struct spins spins_adopt(struct target target)
{
    struct spins spins = {.target = target};
    char said[512];
    size_t size = 0;

    while (size < 4 || memcmp(said + size - 4, "end\n", 4) != 0) {
        assert_true(size + 1 < sizeof said);
        assert_int_equal(read(target.output, said + size, 1), 1);
        said[++size] = '\0';
    }
    spins.seventy = range_of(said, "burn_seventy ");
    spins.thirty = range_of(said, "burn_thirty ");
    spins.spin = range_of(said, "\nspin ");
    return spins;
}

static inline struct spins spins_start(const char *threads)
{
    return spins_adopt(target_start("spins", threads, NULL));
}

/* Skips the test where this is not allowed; all else fails it. */
static inline struct perf *must_open(const struct target *target, const struct perf_options *options)
{
    struct error error = {0};
    struct perf *perf = NULL;
    int r = perf_open(&target->ref, options, &perf, &error);

    if (r == -EACCES || r == -EOPNOTSUPP) {
        print_message("%s\n", error.text);
        skip();
    }
    if (r < 0)
        fail_msg("%s", error.text);
    return perf;
}

static inline void see_sample(struct seen *seen, const struct perf_sample *sample, pid_t tid)
{
    const struct spins *spins = seen->spins;

    seen->with_kernel += sample->kernel_count > 0;
    seen->with_user += sample->user_count > 0;
    seen->of_thread += tid == seen->tid;
    if (!spins || sample->user_count == 0)
        return;
    if (in(&spins->seventy, sample->user[0]))
        seen->seventy++;
    else if (in(&spins->thirty, sample->user[0]))
        seen->thirty++;
    else
        seen->elsewhere++;
    seen->called_by_spin += sample->user_count > 1 && in(&spins->spin, sample->user[1]);
}

static inline int see(void *context, const struct perf_record *record)
{
    struct seen *seen = context;

    seen->kinds[record->kind]++;
    seen->disorder += record->time_ns < seen->last_ns;
    seen->last_ns = record->time_ns;
    if (record->kind == PERF_KIND_SAMPLE) {
        seen->sample = *record;
        see_sample(seen, &record->sample, record->tid);
    } else if (record->kind == PERF_KIND_NAME) {
        (void)snprintf(seen->name, sizeof seen->name, "%s", record->name.text);
        seen->named = record->tid;
        seen->by_exec |= record->name.by_exec;
    } else if (record->kind == PERF_KIND_MAPPING) {
        (void)snprintf(seen->path, sizeof seen->path, "%s", record->mapping.path);
        seen->build_id_size = record->mapping.build_id_size;
    } else if (record->kind == PERF_KIND_BEGIN) {
        seen->begun = record->tid;
    } else if (record->kind == PERF_KIND_END) {
        seen->ended = record->tid;
    }
    return 0;
}

/* Waits as perf_fd_to_poll() says and reads, once. */
static inline void read_once(struct perf *perf, struct seen *seen)
{
    struct pollfd waited = {.fd = perf_fd_to_poll(perf), .events = POLLIN};

    assert_true(poll(&waited, 1, PATIENCE_MS) == 1);
    assert_int_equal(perf_read(perf, false, see, seen), 0);
}

/* Reads until *counter, a member of seen, is at least this. */
static inline void read_until(struct perf *perf, struct seen *seen, const unsigned long *counter,
                              unsigned long wanted)
{
    uint64_t deadline = clock_monotonic_ms() + PATIENCE_MS;

    while (*counter < wanted && clock_monotonic_ms() < deadline)
        read_once(perf, seen);
    if (*counter < wanted)
        fail_msg("%lu where %lu were waited for; %lu samples, %lu lost", *counter, wanted,
                 seen->kinds[PERF_KIND_SAMPLE], (unsigned long)perf_lost(perf));
}

static inline void read_samples(struct perf *perf, struct seen *seen, unsigned long more)
{
    read_until(perf, seen, &seen->kinds[PERF_KIND_SAMPLE], seen->kinds[PERF_KIND_SAMPLE] + more);
}
