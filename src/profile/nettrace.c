/* nettrace, version 6, with the events that TraceEvent and PerfView know of any machine (microsoft/perfview,
 * NetTraceFormat.md and UniversalProviders.md): Universal.System says what is mapped where and which
 * addresses are which functions, Universal.Events' cpu is a sample.
 *
 * Each group of events stands behind the stacks that it needs and before a sequence point, so that readers
 * can forget them. All events are said to be captured by one thread of their own, whose sequence numbers tell
 * what was lost. */
#include "base/json.h"
#include "base/limits.h"
#include "base/sorted.h"
#include "profile/blocks.h"
#include "profile/formats.h"
#include "profile/order.h"
#include "profile/spots.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

enum {
    TICKS_PER_SECOND = 1000000000, /* a tick is a nanosecond */
    FIRST_TICK = 1000000000,       /* not 0, which readers may take for unknown */
    GROUP_SIZE = 64 * 1024,        /* bytes of events that are gathered ... */
    STACKS_SIZE = 512 * 1024,      /* ... or of their stacks */
    TYPE_VARUINT = 21,
    TYPE_UTF8 = 23,
};

enum event { EVENT_NONE, EVENT_PROCESS, EVENT_MAPPING, EVENT_SYMBOL, EVENT_METADATA, EVENT_CPU };

/* What is in front of an event's payload. */
enum {
    HAS_METADATA = 1,
    HAS_SEQUENCE = 2, /* and capturing thread, and processor */
    HAS_THREAD = 4,
    HAS_STACK = 8,
    IS_SORTED = 64,
    HAS_SIZE = 128,
};

static const struct event_type {
    const char *provider, *name;
    unsigned id; /* as the provider has it */
    const char *fields[6];
} event_types[] = {
    [EVENT_PROCESS] = {"Universal.System", "ExistingProcess", 0, {"NamespaceId", "Name$", "NamespaceName$"}},
    [EVENT_MAPPING] = {"Universal.System",
                       "ProcessMapping",
                       3,
                       {"Id", "StartAddress", "EndAddress", "FileOffset", "FileName$", "MetadataId"}},
    [EVENT_SYMBOL] = {"Universal.System",
                      "ProcessSymbol",
                      4,
                      {"Id", "MappingId", "StartAddress", "EndAddress", "Name$"}},
    [EVENT_METADATA] = {"Universal.System",
                        "ProcessMappingMetadata",
                        5,
                        {"Id", "SymbolMetadata$", "VersionMetadata$"}},
    [EVENT_CPU] = {"Universal.Events", "cpu", 1, {"Value"}},
};

struct nettrace {
    const struct profile *profile;
    struct sink *sink;
    struct spots spots;
    struct block block, row, payload; /* of whatever is written just now */
    struct block events, stacks;      /* of this group */
    uint32_t *stack_of;               /* by node: in this group, counted from its first; 0: not yet */
    uint32_t *nodes;                  /* that have one */
    uint32_t first_stack, stack_count;
    uint32_t sequence; /* of the last event */
    uint64_t first_time, time;
    uint64_t rest; /* ns of samples' time that no event has told yet */
};

static void nettrace_release(struct nettrace *self)
{
    spots_release(&self->spots);
    block_release(&self->block);
    block_release(&self->row);
    block_release(&self->payload);
    block_release(&self->events);
    block_release(&self->stacks);
    free(self->stack_of);
    free(self->nodes);
}

static int put_trace(struct nettrace *self)
{
    const struct profile_facts *facts = &self->profile->facts;
    time_t seconds = (time_t)(facts->began / 1000000000);
    const char *const keys[] = {"HardwareThreadCount",
                                "ProcessId",
                                "ExpectedCPUSamplingRate",
                                "MachineName",
                                "OSInformation",
                                "Command",
                                "Collected"};
    char numbers[3][24];
    const char *const values[] = {numbers[0],     numbers[1],          numbers[2], facts->host,
                                  facts->machine, facts->command_line, facts->how};
    static const uint8_t head[] = {'N', 'e', 't', 't', 'r', 'a', 'c', 'e', 0, 0,
                                   0,   0,   6,   0,   0,   0,   0,   0,   0, 0};
    struct tm at = {0};
    int r = sink_write(self->sink, head, sizeof head);

    if (r < 0)
        return r;
    (void)gmtime_r(&seconds, &at); /* a year that does not fit: 1900 */
    block_u16(&self->block, (uint16_t)(at.tm_year + 1900));
    block_u16(&self->block, (uint16_t)(at.tm_mon + 1));
    block_u16(&self->block, (uint16_t)at.tm_wday);
    block_u16(&self->block, (uint16_t)(at.tm_mday ? at.tm_mday : 1));
    block_u16(&self->block, (uint16_t)at.tm_hour);
    block_u16(&self->block, (uint16_t)at.tm_min);
    block_u16(&self->block, (uint16_t)at.tm_sec);
    block_u16(&self->block, (uint16_t)(facts->began / 1000000 % 1000));
    block_u64(&self->block, FIRST_TICK);
    block_u64(&self->block, TICKS_PER_SECOND);
    block_u32(&self->block, sizeof(uint64_t)); /* of a pointer */
    (void)snprintf(numbers[0], sizeof numbers[0], "%u", facts->processors);
    (void)snprintf(numbers[1], sizeof numbers[1], "%d", (int)facts->pid);
    (void)snprintf(numbers[2], sizeof numbers[2], "%" PRIu64, facts->period);
    block_u32(&self->block, ELEMENTS_OF(keys));
    for (size_t i = 0; i < ELEMENTS_OF(keys); i++) {
        block_string(&self->block, keys[i]);
        block_string(&self->block, values[i]);
    }
    return block_write(&self->block, BLOCK_TRACE, self->sink);
}

/* Strings are told as what TraceEvent has no type for: 16 bits of size, and UTF-8. Its own writers do
 * likewise. */
static int put_event_types(struct nettrace *self)
{
    block_u16(&self->block, 0); /* nothing more in the head */
    for (unsigned i = EVENT_NONE + 1; i < ELEMENTS_OF(event_types); i++) {
        const struct event_type *type = &event_types[i];
        uint16_t count = 0;

        while (count < ELEMENTS_OF(type->fields) && type->fields[count])
            count++;
        block_varint(&self->row, i);
        block_string(&self->row, type->provider);
        block_varint(&self->row, type->id);
        block_string(&self->row, type->name);
        block_u16(&self->row, count);
        for (unsigned field = 0; field < count; field++) {
            size_t size = strcspn(type->fields[field], "$");

            block_varint(&self->payload, size);
            block_put(&self->payload, type->fields[field], size);
            block_u8(&self->payload, type->fields[field][size] ? TYPE_UTF8 : TYPE_VARUINT);
            block_row(&self->row, &self->payload);
        }
        block_u16(&self->row, 0); /* nothing optional */
        block_row(&self->block, &self->row);
    }
    return block_write(&self->block, BLOCK_METADATA, self->sink);
}

/* A thread's index is its number + 2: 0 is none, 1 is the one that captured. */
static uint32_t index_of(uint32_t thread)
{
    return thread + 2;
}
enum { CAPTURING_THREAD = 1 };

static void put_thread(struct nettrace *self, uint32_t index, const char *name, uint32_t tid)
{
    enum { NAME = 1, PROCESS, THREAD };

    block_varint(&self->row, index);
    block_u8(&self->row, NAME);
    block_string(&self->row, name);
    block_u8(&self->row, PROCESS);
    block_varint(&self->row, (uint64_t)self->profile->facts.pid);
    block_u8(&self->row, THREAD);
    block_varint(&self->row, tid);
    block_row(&self->block, &self->row);
}

static int put_threads(struct nettrace *self)
{
    const struct profile *profile = self->profile;
    int r = 0;

    put_thread(self, CAPTURING_THREAD, "procscope", 0);
    for (uint32_t i = 0; r == 0 && i < profile->threads.count; i++) {
        const struct profile_thread *thread = &profile->threads.items[i];

        put_thread(self, index_of(i), profile_string(profile, thread->name), thread->tid);
        if (self->block.bytes.size >= BLOCK_SIZE_MAX / 2)
            r = block_write(&self->block, BLOCK_THREAD, self->sink);
    }
    return r == 0 ? block_write(&self->block, BLOCK_THREAD, self->sink) : r;
}

static int put_sequence_point(struct nettrace *self, uint64_t time, uint64_t sequence)
{
    block_u64(&self->block, time);
    block_u32(&self->block, 0); /* threads and types stay */
    block_u32(&self->block, 1);
    block_varint(&self->block, CAPTURING_THREAD);
    block_varint(&self->block, sequence < UINT32_MAX ? sequence : UINT32_MAX);
    return block_write(&self->block, BLOCK_SEQUENCE_POINT, self->sink);
}

/* The stacks of the group, its events, and a sequence point; then the next group begins. */
static int flush(struct nettrace *self)
{
    int r = 0;

    if (self->events.bytes.size == 0)
        return self->events.error;
    if (self->stack_count) {
        block_u32(&self->block, self->first_stack);
        block_u32(&self->block, self->stack_count);
        block_put(&self->block, self->stacks.bytes.data, self->stacks.bytes.size);
        r = self->stacks.error ? self->stacks.error : block_write(&self->block, BLOCK_STACK, self->sink);
    }
    block_u16(&self->block, 20); /* the head's size, with this */
    block_u16(&self->block, 1);  /* events are compressed */
    block_u64(&self->block, self->first_time);
    block_u64(&self->block, self->time);
    block_put(&self->block, self->events.bytes.data, self->events.bytes.size);
    if (r == 0)
        r = self->events.error ? self->events.error : block_write(&self->block, BLOCK_EVENT, self->sink);
    buffer_clear(&self->events.bytes);
    buffer_clear(&self->stacks.bytes);
    for (uint32_t i = 0; i < self->stack_count; i++)
        self->stack_of[self->nodes[i]] = 0;
    self->first_stack += self->stack_count;
    self->stack_count = 0;
    return r == 0 ? put_sequence_point(self, self->time, self->sequence) : r;
}

/* payload becomes an event. Times never go back; in a group the first is told in full, the others as
 * differences. */
static int put_event(struct nettrace *self, enum event event, uint32_t thread_index, uint32_t stack,
                     uint64_t time)
{
    bool is_first = self->events.bytes.size == 0;

    block_u8(&self->events,
             HAS_METADATA | HAS_THREAD | HAS_STACK | IS_SORTED | HAS_SIZE | (is_first ? HAS_SEQUENCE : 0));
    block_varint(&self->events, event);
    if (is_first) {
        block_varint(&self->events, self->sequence);
        block_varint(&self->events, CAPTURING_THREAD);
        block_varint(&self->events, 0); /* processor */
        self->first_time = time;
    }
    block_varint(&self->events, thread_index);
    block_varint(&self->events, stack);
    block_varint(&self->events, is_first ? time : time - self->time);
    block_varint(&self->events, self->payload.bytes.size);
    block_put(&self->events, self->payload.bytes.data, self->payload.bytes.size);
    if (self->events.error == 0)
        self->events.error = self->payload.error;
    buffer_clear(&self->payload.bytes);
    self->time = time;
    self->sequence++;
    if (self->events.bytes.size < GROUP_SIZE && self->stacks.bytes.size < STACKS_SIZE)
        return self->events.error;
    return flush(self);
}

static int put_fact(struct nettrace *self, enum event event)
{
    return put_event(self, event, CAPTURING_THREAD, 0, FIRST_TICK);
}

/* What PerfView looks up debug information by. */
static int put_build_id(struct nettrace *self, uint32_t number)
{
    const struct profile_module *module = &self->profile->modules.items[number];
    _cleanup_buffer_ struct buffer text = {0};
    struct json json = JSON_INIT(&text);
    int r;

    json_object_begin(&json);
    json_member_string(&json, "type", "ELF");
    json_member_string(&json, "build_id", profile_string(self->profile, module->build_id));
    json_key(&json, "p_vaddr");
    json_format(&json, "0x%" PRIx64, module->linked);
    json_member_string(&json, "p_offset", "0x0");
    json_object_end(&json);
    r = json_finish(&json);
    if (r < 0)
        return r;
    block_varint(&self->payload, number);
    block_short_string(&self->payload, text.data);
    block_short_string(&self->payload, "");
    return put_fact(self, EVENT_METADATA);
}

static int put_mapping(struct nettrace *self, uint32_t number)
{
    const struct spot_range *mapping = &self->spots.mappings.items[number];
    const struct profile_module *module = &self->profile->modules.items[mapping->module];
    bool has_id = module->build_id != STRING_NONE && mapping->start == module->start;
    int r = has_id ? put_build_id(self, mapping->module) : 0;

    if (r < 0)
        return r;
    block_varint(&self->payload, number + 1u);
    block_varint(&self->payload, mapping->start);
    block_varint(&self->payload, mapping->end);
    block_varint(&self->payload, 0); /* in the file */
    block_short_string(&self->payload, profile_string(self->profile, module->path));
    block_varint(&self->payload, has_id ? mapping->module : 0);
    return put_fact(self, EVENT_MAPPING);
}

/* Each named range lies in one. */
static uint32_t mapping_at(const struct spots *spots, uint64_t address)
{
    size_t begun = SORTED_UP_TO(spots->mappings.items, spots->mappings.count, start, address);

    return begun > 0 ? (uint32_t)(begun - 1) : 0;
}

static int put_system(struct nettrace *self)
{
    const struct spots *spots = &self->spots;
    char label[PROFILE_LABEL_SIZE];
    int r;

    block_varint(&self->payload, (uint64_t)self->profile->facts.pid);
    block_short_string(&self->payload, self->profile->facts.name);
    block_short_string(&self->payload, "");
    r = put_fact(self, EVENT_PROCESS);
    for (uint32_t i = 0; r == 0 && i < spots->mappings.count; i++)
        r = put_mapping(self, i);
    for (uint32_t i = 0; r == 0 && i < spots->named.count; i++) {
        const struct spot_range *range = &spots->named.items[i];

        profile_frame_label(self->profile, spots->symbols.items[range->symbol].frame, label, sizeof label);
        block_varint(&self->payload, i + 1u);
        block_varint(&self->payload, mapping_at(spots, range->start) + 1u);
        block_varint(&self->payload, range->start);
        block_varint(&self->payload, range->end);
        block_short_string(&self->payload, label);
        r = put_fact(self, EVENT_SYMBOL);
    }
    return r;
}

/* The number of the node's stack in this group; added where it is not there yet. */
static uint32_t stack_of(struct nettrace *self, uint32_t node)
{
    uint32_t frames[LIMIT_PROFILE_DEPTH + 1];
    size_t depth;

    if (!self->stack_of[node]) {
        depth = profile_stack(self->profile, node, frames);
        block_u32(&self->stacks, (uint32_t)(depth * sizeof(uint64_t)));
        for (size_t i = 0; i < depth; i++)
            block_u64(&self->stacks, self->spots.of_frame[frames[i]]);
        self->nodes[self->stack_count++] = node;
        self->stack_of[node] = self->stack_count;
    }
    return self->first_stack + self->stack_of[node] - 1;
}

/* An event's value is in milliseconds: what is left over is told by the next. */
static int put_sample(struct nettrace *self, uint32_t node, uint32_t thread, uint64_t count, uint64_t time)
{
    self->rest += count * self->profile->facts.period;
    block_varint(&self->payload, self->rest / 1000000);
    self->rest %= 1000000;
    return put_event(self, EVENT_CPU, index_of(thread), stack_of(self, node),
                     FIRST_TICK + (uint64_t)self->profile->facts.began % 1000000 + time);
}

/* The log, and behind it what it had no room for: one event for each stack. */
static int put_samples(struct nettrace *self)
{
    const struct profile *profile = self->profile;
    _cleanup_free_ uint32_t *order = NULL;
    int r = order_log(profile, ORDER_BY_TIME, &order);

    for (size_t i = 0; r == 0 && i < profile->log.count; i++) {
        const struct profile_sample *sample = &profile->log.items[order[i]];
        r = put_sample(self, sample->node, sample->thread, 1, sample->time);
    }
    for (size_t i = 0; r == 0 && i < profile->counts.count; i++) {
        const struct profile_count *count = &profile->counts.items[i];
        if (count->count > count->logged)
            r = put_sample(self, count->node, count->thread, count->count - count->logged, profile->duration);
    }
    return r == 0 ? flush(self) : r;
}

static int put_end(struct nettrace *self)
{
    uint64_t end = FIRST_TICK + (uint64_t)self->profile->facts.began % 1000000 + self->profile->duration;
    int r =
        put_sequence_point(self, end > self->time ? end : self->time, self->sequence + self->profile->lost);

    return r == 0 ? block_write(&self->block, BLOCK_END, self->sink) : r;
}

int profile_write_nettrace(const struct profile *profile, struct sink *sink)
{
    _cleanup_(nettrace_release) struct nettrace self = {.profile = profile, .sink = sink, .first_stack = 1};
    int r = spots_of(profile, &self.spots);

    if (r < 0)
        return r;
    self.stack_of = calloc(profile->nodes.count, sizeof *self.stack_of);
    self.nodes = calloc(profile->nodes.count, sizeof *self.nodes);
    if (!self.stack_of || !self.nodes)
        return -ENOMEM;
    r = put_trace(&self);
    if (r == 0)
        r = put_event_types(&self);
    if (r == 0)
        r = put_threads(&self);
    if (r == 0)
        r = put_system(&self);
    if (r == 0)
        r = put_samples(&self);
    return r == 0 ? put_end(&self) : r;
}
