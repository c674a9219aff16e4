/* speedscope.app's own format (its file-format-schema.json): one list of functions, and for each thread the
 * stacks in the order in which they were seen, each with the time that it stands for. */
#include "base/json.h"
#include "profile/drain.h"
#include "profile/formats.h"
#include "profile/order.h"
#include "profile/symbols.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Goes through one thread: its samples in the log, those in a row with the same stack as one, and then what
 * the log had no room for. */
struct run {
    uint32_t node;
    uint64_t count;
};

struct speedscope {
    const struct profile *profile;
    struct symbols symbols;
    uint32_t *order;  /* of the log, by thread */
    uint32_t *counts; /* of the counts, by thread */
    struct buffer buffer;
    struct json json;
    struct sink *sink;
};

/* Where one thread's are, in the orders. */
struct part {
    size_t log, log_end, count, count_end;
};

static void speedscope_release(struct speedscope *self)
{
    symbols_release(&self->symbols);
    free(self->order);
    free(self->counts);
    buffer_release(&self->buffer);
}

static int drain(struct speedscope *self, size_t least)
{
    return self->json.error < 0 ? self->json.error : buffer_drain(&self->buffer, self->sink, least);
}

static int compare_counts(const void *left, const void *right, void *context)
{
    const struct profile_count *counts = context;
    uint32_t first = *(const uint32_t *)left, second = *(const uint32_t *)right;

    if (counts[first].thread != counts[second].thread)
        return counts[first].thread < counts[second].thread ? -1 : 1;
    return first < second ? -1 : first > second;
}

static int order_counts(struct speedscope *self)
{
    const struct profile_counts *counts = &self->profile->counts;

    self->counts = calloc(counts->count + 1, sizeof *self->counts);
    if (!self->counts)
        return -ENOMEM;
    for (uint32_t i = 0; i < counts->count; i++)
        self->counts[i] = i;
    qsort_r(self->counts, counts->count, sizeof *self->counts, compare_counts, counts->items);
    return 0;
}

static bool next_run(const struct speedscope *self, struct part *part, struct run *ret_run)
{
    const struct profile_sample *log = self->profile->log.items;

    if (part->log < part->log_end) {
        *ret_run = (struct run){.node = log[self->order[part->log]].node};
        while (part->log < part->log_end && log[self->order[part->log]].node == ret_run->node) {
            ret_run->count++;
            part->log++;
        }
        return true;
    }
    while (part->count < part->count_end) {
        const struct profile_count *count = &self->profile->counts.items[self->counts[part->count++]];
        if (count->count > count->logged) {
            *ret_run = (struct run){.node = count->node, .count = count->count - count->logged};
            return true;
        }
    }
    return false;
}

static int put_frames(struct speedscope *self)
{
    const struct profile *profile = self->profile;
    char label[PROFILE_LABEL_SIZE];
    int r = 0;

    json_key(&self->json, "frames");
    json_array_begin(&self->json);
    for (size_t i = 0; r == 0 && i < self->symbols.count; i++) {
        const struct symbol *symbol = &self->symbols.items[i];
        uint32_t file =
            symbol->file != STRING_NONE ? symbol->file : profile->modules.items[symbol->module].path;

        profile_frame_label(profile, symbol->frame, label, sizeof label);
        json_object_begin(&self->json);
        json_member_string(&self->json, "name", label);
        if (file != STRING_NONE)
            json_member_string(&self->json, "file", profile_string(profile, file));
        json_object_end(&self->json);
        r = drain(self, DRAIN_SIZE);
    }
    json_array_end(&self->json);
    return r;
}

static void put_stack(struct speedscope *self, uint32_t node)
{
    uint32_t frames[LIMIT_PROFILE_DEPTH + 1];
    size_t count = profile_stack(self->profile, node, frames);

    json_array_begin(&self->json);
    while (count-- > 0)
        json_u64(&self->json, self->symbols.of_frame[frames[count]]);
    json_array_end(&self->json);
}

static int put_thread(struct speedscope *self, const struct profile_thread *thread, const struct part *part)
{
    const struct profile *profile = self->profile;
    struct part at = *part;
    struct run run;
    int r = 0;

    json_object_begin(&self->json);
    json_member_string(&self->json, "type", "sampled");
    json_key(&self->json, "name");
    json_format(&self->json, "%s (%" PRIu32 ")", profile_string(profile, thread->name), thread->tid);
    json_member_string(&self->json, "unit", profile->facts.what == PROFILE_INSTANT ? "none" : "nanoseconds");
    json_member_u64(&self->json, "startValue", 0);
    json_member_u64(&self->json, "endValue", thread->samples * profile->facts.period);
    json_key(&self->json, "samples");
    json_array_begin(&self->json);
    while (r == 0 && next_run(self, &at, &run)) {
        put_stack(self, run.node);
        r = drain(self, DRAIN_SIZE);
    }
    json_array_end(&self->json);
    json_key(&self->json, "weights");
    json_array_begin(&self->json);
    at = *part;
    while (r == 0 && next_run(self, &at, &run)) {
        json_u64(&self->json, run.count * profile->facts.period);
        r = drain(self, DRAIN_SIZE);
    }
    json_array_end(&self->json);
    json_object_end(&self->json);
    return r;
}

/* Those that were seen. A reader wants one at least: the first stands for none. */
static int put_threads(struct speedscope *self)
{
    const struct profile *profile = self->profile;
    struct part part = {0};
    int r = 0;

    json_key(&self->json, "profiles");
    json_array_begin(&self->json);
    for (uint32_t i = 0; r == 0 && i < profile->threads.count; i++) {
        while (part.log_end < profile->log.count && profile->log.items[self->order[part.log_end]].thread == i)
            part.log_end++;
        while (part.count_end < profile->counts.count &&
               profile->counts.items[self->counts[part.count_end]].thread == i)
            part.count_end++;
        if (profile->threads.items[i].samples > 0 || (profile->samples == 0 && i == 0))
            r = put_thread(self, &profile->threads.items[i], &part);
        part.log = part.log_end;
        part.count = part.count_end;
    }
    json_array_end(&self->json);
    return r;
}

/* Among those that are written. */
static uint64_t busiest(const struct profile *profile)
{
    uint64_t place = 0, best = 0, most = 0;

    for (size_t i = 0; i < profile->threads.count; i++) {
        if (profile->threads.items[i].samples > most) {
            most = profile->threads.items[i].samples;
            best = place;
        }
        place += profile->threads.items[i].samples > 0;
    }
    return best;
}

static const char *what_word(enum profile_what what)
{
    switch (what) {
    case PROFILE_CPU:
        return "CPU time";
    case PROFILE_WALL:
        return "wall time";
    case PROFILE_INSTANT:
        return "stacks";
    }
    return "";
}

static int put_all(struct speedscope *self)
{
    const struct profile_facts *facts = &self->profile->facts;
    int r;

    json_object_begin(&self->json);
    json_member_string(&self->json, "$schema", "https://www.speedscope.app/file-format-schema.json");
    json_member_string(&self->json, "exporter", "procscope " PROCSCOPE_VERSION);
    json_key(&self->json, "name");
    json_format(&self->json, "%s (%d), %s", facts->name, (int)facts->pid, what_word(facts->what));
    json_member_u64(&self->json, "activeProfileIndex", busiest(self->profile));
    json_key(&self->json, "shared");
    json_object_begin(&self->json);
    r = put_frames(self);
    json_object_end(&self->json);
    if (r == 0)
        r = put_threads(self);
    json_object_end(&self->json);
    if (r == 0)
        r = json_finish(&self->json);
    return r == 0 ? drain(self, 0) : r;
}

int profile_write_speedscope(const struct profile *profile, struct sink *sink)
{
    _cleanup_(speedscope_release) struct speedscope self = {.profile = profile, .sink = sink};
    int r = symbols_of(profile, &self.symbols);

    self.json = JSON_INIT(&self.buffer);
    if (r == 0)
        r = order_log(profile, ORDER_BY_THREAD, &self.order);
    if (r == 0)
        r = order_counts(&self);
    return r == 0 ? put_all(&self) : r;
}
