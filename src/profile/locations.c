#include "profile/locations.h"

#include "base/array.h"
#include "base/limits.h"

#include <errno.h>
#include <string.h>

static bool location_is(const void *owner, uint32_t number, const void *key)
{
    const struct locations *locations = owner;
    return memcmp(&locations->items[number], key, sizeof(struct location)) == 0;
}

static uint64_t location_hash(const void *owner, uint32_t number)
{
    const struct locations *locations = owner;
    return hash_pair(locations->items[number].outer, locations->items[number].frame);
}

static int find_or_add(struct locations *locations, const struct location *location, uint32_t *ret_number)
{
    static const struct index_kind kind = {.is = location_is, .hash = location_hash};
    uint64_t hash = hash_pair(location->outer, location->frame);
    int r;

    if (index_find(&locations->index, &kind, locations, hash, location, ret_number))
        return 0;
    r = ARRAY_RESERVE(locations, 1, LIMIT_PROFILE_NODES);
    if (r < 0)
        return r;
    *ret_number = (uint32_t)locations->count;
    locations->items[locations->count] = *location;
    return index_add(&locations->index, &kind, locations, hash, (uint32_t)locations->count++);
}

/* Whether the node's function is inlined into its parent's, at one address. */
static bool is_inlined(const struct profile *profile, uint32_t number)
{
    const struct profile_node *node = &profile->nodes.items[number];
    const struct profile_frame *frame = &profile->frames.items[node->frame], *outer;

    if (!frame->inlined || node->parent == NODE_ROOT)
        return false;
    outer = &profile->frames.items[profile->nodes.items[node->parent].frame];
    return outer->address == frame->address && outer->module == frame->module;
}

size_t locations_stack(const struct profile *profile, const struct locations *locations, uint32_t node,
                       uint32_t *ret_stack)
{
    size_t count = 0;

    while (node != NODE_ROOT && count <= LIMIT_PROFILE_DEPTH) {
        ret_stack[count++] = locations->of_node[node];
        while (is_inlined(profile, node))
            node = profile->nodes.items[node].parent;
        node = profile->nodes.items[node].parent;
    }
    return count;
}

static int mark_used(const struct profile *profile, struct locations *locations)
{
    uint32_t stack[LIMIT_PROFILE_DEPTH + 1];

    locations->is_used = calloc(locations->count + 1, sizeof *locations->is_used);
    if (!locations->is_used)
        return -ENOMEM;
    for (size_t i = 0; i < profile->counts.count; i++) {
        size_t depth = locations_stack(profile, locations, profile->counts.items[i].node, stack);
        while (depth-- > 0)
            locations->is_used[stack[depth]] = true;
    }
    return 0;
}

int locations_of(const struct profile *profile, struct locations *ret_locations)
{
    _cleanup_locations_ struct locations locations = {0};
    int r = 0;

    locations.of_node = calloc(profile->nodes.count, sizeof *locations.of_node);
    if (!locations.of_node)
        return -ENOMEM;
    for (uint32_t i = NODE_ROOT + 1; r == 0 && i < profile->nodes.count; i++) {
        const struct profile_node *node = &profile->nodes.items[i];
        struct location location = {.frame = node->frame};

        if (is_inlined(profile, i))
            location.outer = locations.of_node[node->parent] + 1;
        r = find_or_add(&locations, &location, &locations.of_node[i]);
    }
    if (r == 0)
        r = mark_used(profile, &locations);
    if (r < 0)
        return r;
    *ret_locations = locations;
    locations = (struct locations){0};
    return 0;
}

void locations_release(struct locations *locations)
{
    free(locations->items);
    free(locations->of_node);
    free(locations->is_used);
    index_release(&locations->index);
    *locations = (struct locations){0};
}
