#include "profile/tables.h"

#include "base/array.h"
#include "base/limits.h"

#include <string.h>

static uint64_t hash_frame(const struct profile_frame *frame)
{
    uint64_t hash = hash_pair(frame->address, (uint64_t)frame->function << 32 | frame->file);

    return hash_mix(hash, (uint64_t)frame->line << 32 | (uint64_t)frame->module << 2 |
                              (uint64_t)frame->kernel << 1 | (uint64_t)frame->inlined);
}

static bool frame_is(const void *owner, uint32_t number, const void *key)
{
    const struct profile *profile = owner;
    const struct profile_frame *one = &profile->frames.items[number], *other = key;

    return one->address == other->address && one->function == other->function && one->file == other->file &&
           one->line == other->line && one->module == other->module && one->kernel == other->kernel &&
           one->inlined == other->inlined;
}

static uint64_t frame_hash(const void *owner, uint32_t number)
{
    const struct profile *profile = owner;
    return hash_frame(&profile->frames.items[number]);
}

static bool node_is(const void *owner, uint32_t number, const void *key)
{
    const struct profile *profile = owner;
    return memcmp(&profile->nodes.items[number], key, sizeof(struct profile_node)) == 0;
}

static uint64_t node_hash(const void *owner, uint32_t number)
{
    const struct profile *profile = owner;
    return hash_pair(profile->nodes.items[number].parent, profile->nodes.items[number].frame);
}

static bool thread_is(const void *owner, uint32_t number, const void *key)
{
    const struct profile *profile = owner;
    return profile->threads.items[number].tid == *(const uint32_t *)key;
}

static uint64_t thread_hash(const void *owner, uint32_t number)
{
    const struct profile *profile = owner;
    return hash_pair(profile->threads.items[number].tid, 0);
}

static bool count_is(const void *owner, uint32_t number, const void *key)
{
    const struct profile *profile = owner;
    const struct profile_count *one = &profile->counts.items[number], *other = key;

    return one->node == other->node && one->thread == other->thread;
}

static uint64_t count_hash(const void *owner, uint32_t number)
{
    const struct profile *profile = owner;
    return hash_pair(profile->counts.items[number].node, profile->counts.items[number].thread);
}

static const struct index_kind frame_kind = {.is = frame_is, .hash = frame_hash};
static const struct index_kind node_kind = {.is = node_is, .hash = node_hash};
static const struct index_kind thread_kind = {.is = thread_is, .hash = thread_hash};
static const struct index_kind count_kind = {.is = count_is, .hash = count_hash};

int profile_find_or_add_frame(struct profile *profile, const struct profile_frame *frame, uint32_t *ret_frame)
{
    uint64_t hash = hash_frame(frame);
    int r;

    if (index_find(&profile->frame_index, &frame_kind, profile, hash, frame, ret_frame))
        return 0;
    r = ARRAY_RESERVE(&profile->frames, 1, LIMIT_PROFILE_FRAMES);
    if (r == 0)
        r = index_add(&profile->frame_index, &frame_kind, profile, hash, (uint32_t)profile->frames.count);
    if (r < 0)
        return r;
    *ret_frame = (uint32_t)profile->frames.count;
    profile->frames.items[profile->frames.count++] = *frame;
    return 0;
}

int profile_find_or_add_node(struct profile *profile, uint32_t parent, uint32_t frame, uint32_t *ret_node)
{
    struct profile_node node = {.parent = parent, .frame = frame};
    uint64_t hash = hash_pair(parent, frame);
    int r;

    if (index_find(&profile->node_index, &node_kind, profile, hash, &node, ret_node))
        return 0;
    r = ARRAY_RESERVE(&profile->nodes, 1, LIMIT_PROFILE_NODES);
    if (r == 0)
        r = index_add(&profile->node_index, &node_kind, profile, hash, (uint32_t)profile->nodes.count);
    if (r < 0)
        return r;
    *ret_node = (uint32_t)profile->nodes.count;
    profile->nodes.items[profile->nodes.count++] = node;
    return 0;
}

int profile_find_or_add_thread(struct profile *profile, uint32_t tid, uint32_t *ret_thread)
{
    uint64_t hash = hash_pair(tid, 0);
    int r;

    if (index_find(&profile->thread_index, &thread_kind, profile, hash, &tid, ret_thread))
        return 0;
    r = ARRAY_RESERVE(&profile->threads, 1, LIMIT_PROFILE_THREADS);
    if (r == 0)
        r = index_add(&profile->thread_index, &thread_kind, profile, hash, (uint32_t)profile->threads.count);
    if (r < 0)
        return r;
    *ret_thread = (uint32_t)profile->threads.count;
    profile->threads.items[profile->threads.count++] = (struct profile_thread){.tid = tid};
    return 0;
}

int profile_find_or_add_count(struct profile *profile, uint32_t node, uint32_t thread,
                              struct profile_count **ret_count)
{
    struct profile_count count = {.node = node, .thread = thread};
    /* Each thread has room for what is not kept. */
    size_t limit = LIMIT_PROFILE_COUNTS + (node == NODE_NOT_KEPT ? LIMIT_PROFILE_THREADS : 0);
    uint64_t hash = hash_pair(node, thread);
    uint32_t number;
    int r = 0;

    if (!index_find(&profile->count_index, &count_kind, profile, hash, &count, &number)) {
        number = (uint32_t)profile->counts.count;
        r = ARRAY_RESERVE(&profile->counts, 1, limit);
        if (r == 0)
            r = index_add(&profile->count_index, &count_kind, profile, hash, number);
        if (r < 0)
            return r;
        profile->counts.items[profile->counts.count++] = count;
    }
    *ret_count = &profile->counts.items[number];
    return 0;
}
