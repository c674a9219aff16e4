#include "perf/record.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>

/* What is left of a record. */
struct reader {
    const char *at;
    size_t left;
};

/* Gives the next bytes and steps over them. */
static const void *take(struct reader *reader, size_t size)
{
    const char *at = reader->at;

    if (size > reader->left)
        return NULL;
    reader->at += size;
    reader->left -= size;
    return at;
}

static bool take_copy(struct reader *reader, void *ret_value, size_t size)
{
    const void *from = take(reader, size);

    if (from)
        memcpy(ret_value, from, size);
    return from != NULL;
}

static const uint64_t *take_words(struct reader *reader, uint64_t count)
{
    return count > reader->left / sizeof(uint64_t) ? NULL : take(reader, (size_t)count * sizeof(uint64_t));
}

static bool take_ids(struct reader *reader, struct perf_record *record)
{
    uint32_t ids[2];

    if (!take_copy(reader, ids, sizeof ids))
        return false;
    record->pid = (pid_t)ids[0];
    record->tid = (pid_t)ids[1];
    return true;
}

static bool take_time(const struct perf_layout *layout, struct reader *reader, struct perf_record *record)
{
    return take_copy(reader, &record->time_ns, sizeof record->time_ns) &&
           (!layout->has_id || take_copy(reader, &record->id, sizeof record->id));
}

/* A chain is one list, with a mark before the addresses of each side. Marks that stand for other sides (a
 * guest's) are none of ours; a side that comes twice counts once. */
static void split_chain(const uint64_t *chain, size_t count, struct perf_sample *sample)
{
    const uint64_t **side = NULL;
    size_t *side_count = NULL;

    for (size_t i = 0; i < count; i++) {
        if (chain[i] < PERF_CONTEXT_MAX) {
            if (side)
                ++*side_count;
            continue;
        }
        side = chain[i] == PERF_CONTEXT_KERNEL && !sample->kernel ? &sample->kernel
               : chain[i] == PERF_CONTEXT_USER && !sample->user   ? &sample->user
                                                                  : NULL;
        side_count = side == &sample->kernel ? &sample->kernel_count : &sample->user_count;
        if (side)
            *side = chain + i + 1;
    }
    if (sample->kernel_count == 0)
        sample->kernel = NULL;
    if (sample->user_count == 0)
        sample->user = NULL;
}

static bool take_registers(unsigned count, struct reader *reader, struct perf_sample *sample)
{
    uint64_t abi;

    if (!take_copy(reader, &abi, sizeof abi))
        return false;
    if (abi == PERF_SAMPLE_REGS_ABI_NONE)
        return true;
    sample->is_32_bit = abi == PERF_SAMPLE_REGS_ABI_32;
    sample->registers = take_words(reader, count);
    return sample->registers != NULL;
}

/* The room is as large as was asked for; how much of it was filled stands behind it. Where there is no room,
 * not even that is there. */
static bool take_stack(struct reader *reader, struct perf_sample *sample)
{
    uint64_t room, filled;
    const void *bytes;

    if (!take_copy(reader, &room, sizeof room))
        return false;
    if (room == 0)
        return true;
    if (room > reader->left)
        return false;
    bytes = take(reader, (size_t)room);
    if (!bytes || !take_copy(reader, &filled, sizeof filled) || filled > room)
        return false;
    sample->stack = filled > 0 ? bytes : NULL;
    sample->stack_size = (size_t)filled;
    return true;
}

static bool parse_sample(const struct perf_layout *layout, struct reader *reader, struct perf_record *record)
{
    const uint64_t *chain;
    uint64_t count;

    record->kind = PERF_KIND_SAMPLE;
    record->sample = (struct perf_sample){0};
    if (!take_ids(reader, record) || !take_time(layout, reader, record) ||
        !take_copy(reader, &count, sizeof count))
        return false;
    chain = take_words(reader, count);
    if (!chain)
        return false;
    split_chain(chain, (size_t)count, &record->sample);
    return !layout->has_stack || (take_registers(layout->registers, reader, &record->sample) &&
                                  take_stack(reader, &record->sample));
}

/* All other records end with who, when and which event again. Cuts that off, so that a string before it ends
 * where it must. */
static bool take_trailer(const struct perf_layout *layout, struct reader *reader, struct perf_record *record)
{
    size_t size = 2 * sizeof(uint64_t) + (layout->has_id ? sizeof(uint64_t) : 0);
    struct reader trailer;
    struct perf_record unused;

    if (reader->left < size)
        return false;
    reader->left -= size;
    trailer = (struct reader){.at = reader->at + reader->left, .left = size};
    return take_ids(&trailer, &unused) && take_time(layout, &trailer, record);
}

static const char *take_string(struct reader *reader)
{
    return memchr(reader->at, '\0', reader->left) ? reader->at : NULL;
}

static bool parse_mapping(uint16_t misc, struct reader *reader, struct perf_record *record)
{
    struct perf_mapping *mapping = &record->mapping;
    struct {
        uint64_t start, size, offset;
        union {
            struct {
                uint32_t device_major, device_minor;
                uint64_t inode, inode_generation;
            };
            struct {
                uint8_t build_id_size, reserved[3];
                uint8_t build_id[PERF_BUILD_ID_MAX];
            };
        };
        uint32_t protection, flags;
    } fields;

    record->kind = PERF_KIND_MAPPING;
    if (!take_ids(reader, record) || !take_copy(reader, &fields, sizeof fields))
        return false;
    *mapping = (struct perf_mapping){.start = fields.start,
                                     .size = fields.size,
                                     .offset = fields.offset,
                                     .protection = fields.protection,
                                     .flags = fields.flags,
                                     .path = take_string(reader)};
    if (misc & PERF_RECORD_MISC_MMAP_BUILD_ID) {
        if (fields.build_id_size > sizeof mapping->build_id)
            return false;
        memcpy(mapping->build_id, fields.build_id, fields.build_id_size);
        mapping->build_id_size = fields.build_id_size;
    } else {
        mapping->device_major = fields.device_major;
        mapping->device_minor = fields.device_minor;
        mapping->inode = fields.inode;
        mapping->inode_generation = fields.inode_generation;
    }
    return mapping->path != NULL;
}

static bool parse_name(uint16_t misc, struct reader *reader, struct perf_record *record)
{
    record->kind = PERF_KIND_NAME;
    if (!take_ids(reader, record))
        return false;
    record->name.by_exec = misc & PERF_RECORD_MISC_COMM_EXEC;
    record->name.text = take_string(reader);
    return record->name.text != NULL;
}

/* Process and parent process, thread and parent thread. */
static bool parse_task(enum perf_kind kind, struct reader *reader, struct perf_record *record)
{
    uint32_t ids[4];

    record->kind = kind;
    if (!take_copy(reader, ids, sizeof ids))
        return false;
    record->pid = (pid_t)ids[0];
    record->tid = (pid_t)ids[2];
    record->parent = (pid_t)ids[1];
    return true;
}

static bool parse_lost(struct reader *reader, struct perf_record *record)
{
    record->kind = PERF_KIND_LOST;
    return take(reader, sizeof(uint64_t)) && take_copy(reader, &record->lost, sizeof record->lost);
}

static bool parse_body(const struct perf_layout *layout, const struct perf_event_header *header,
                       struct reader *reader, struct perf_record *record)
{
    switch (header->type) {
    case PERF_RECORD_SAMPLE:
        return parse_sample(layout, reader, record);
    case PERF_RECORD_MMAP2:
        return take_trailer(layout, reader, record) && parse_mapping(header->misc, reader, record);
    case PERF_RECORD_COMM:
        return take_trailer(layout, reader, record) && parse_name(header->misc, reader, record);
    case PERF_RECORD_FORK:
        return take_trailer(layout, reader, record) && parse_task(PERF_KIND_BEGIN, reader, record);
    case PERF_RECORD_EXIT:
        return take_trailer(layout, reader, record) && parse_task(PERF_KIND_END, reader, record);
    case PERF_RECORD_LOST:
        return take_trailer(layout, reader, record) && parse_lost(reader, record);
    case PERF_RECORD_THROTTLE:
        record->kind = PERF_KIND_THROTTLED;
        return take_trailer(layout, reader, record);
    default:
        return true;
    }
}

int perf_record_parse(const struct perf_layout *layout, const void *bytes, size_t size,
                      struct perf_record *ret_record)
{
    struct perf_record record = {.kind = PERF_KIND_OTHER};
    struct reader reader = {.at = bytes, .left = size};
    struct perf_event_header header;

    if (!take_copy(&reader, &header, sizeof header) || header.size < sizeof header || header.size > size ||
        header.size % sizeof(uint64_t) != 0)
        return -EBADMSG;
    reader.left = header.size - sizeof header;
    if (!parse_body(layout, &header, &reader, &record))
        return -EBADMSG;
    *ret_record = record;
    return header.size;
}
