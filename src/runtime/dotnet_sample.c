#include "runtime/dotnet_sample.h"

#include "base/sorted.h"

#include <errno.h>
#include <string.h>

enum { NONE = UINT32_MAX, BITS = 64, VERY_LARGE = 85000 }; /* these have a heap of their own */

struct tally {
    uint64_t count, bytes; /* of all */
    uint64_t seen;         /* of those that are reached, while they are gone through */
    uint64_t kept;         /* bytes of those that are chosen */
};

/* The shortest way from the root to each object. */
struct ways {
    const struct dotnet_heap *heap;
    const struct dotnet_file_types *types;
    uint32_t *parents; /* of objects: objects, or behind them groups; NONE: not reached */
    uint32_t *order;   /* those that are reached, the nearest first */
    size_t reached;
    struct tally *tallies;
    uint64_t *blocked; /* those whose way is too long for what is left */
};

static void ways_release(struct ways *ways)
{
    free(ways->parents);
    free(ways->order);
    free(ways->tallies);
    free(ways->blocked);
}

static size_t words_of(const struct dotnet_heap *heap)
{
    return (heap->nodes.count + heap->groups.count) / BITS + 1;
}

static int ways_init(struct ways *ways, const struct dotnet_heap *heap, const struct dotnet_file_types *types)
{
    *ways = (struct ways){.heap = heap, .types = types};
    ways->parents = malloc(heap->nodes.count * sizeof *ways->parents);
    ways->order = malloc(heap->nodes.count * sizeof *ways->order);
    ways->tallies = calloc(types->count, sizeof *ways->tallies);
    ways->blocked = calloc(words_of(heap), sizeof *ways->blocked);
    if (!ways->parents || !ways->order || !ways->tallies || !ways->blocked)
        return -ENOMEM;
    memset(ways->parents, 0xff, heap->nodes.count * sizeof *ways->parents);
    return 0;
}

static void reach(struct ways *ways, size_t object, size_t parent)
{
    if (object >= ways->heap->nodes.count || ways->parents[object] != NONE)
        return;
    ways->parents[object] = (uint32_t)parent;
    ways->order[ways->reached++] = (uint32_t)object;
}

static void reach_dependents(struct ways *ways, size_t object)
{
    const struct dotnet_heap *heap = ways->heap;
    size_t i = object ? SORTED_UP_TO(heap->pairs.items, heap->pairs.count, key, object - 1) : 0;

    for (; i < heap->pairs.count && heap->pairs.items[i].key == object; i++)
        reach(ways, heap->pairs.items[i].value, object);
}

static void find_ways(struct ways *ways)
{
    const struct dotnet_heap *heap = ways->heap;

    for (size_t g = 0; g < heap->groups.count; g++)
        for (uint32_t k = 0; k < heap->groups.items[g].root_count; k++)
            reach(ways, heap->roots.items[heap->groups.items[g].first_root + k].address,
                  heap->nodes.count + g);
    for (size_t i = 0; i < ways->reached; i++) {
        size_t object = ways->order[i];
        const struct dotnet_node *node = &heap->nodes.items[object];
        uint32_t edges = dotnet_node_edges(heap, node);

        for (uint32_t k = 0; k < edges; k++)
            reach(ways, heap->targets[node->first_edge + k], object);
        if (heap->pairs.count > 0)
            reach_dependents(ways, object);
    }
}

static uint32_t type_of(const struct ways *ways, size_t object)
{
    return dotnet_file_type(ways->types, ways->heap,
                            dotnet_node_shape(ways->heap, &ways->heap->nodes.items[object]));
}

static uint32_t size_of(const struct ways *ways, size_t object)
{
    return dotnet_node_shape(ways->heap, &ways->heap->nodes.items[object])->size;
}

static void count_all(struct ways *ways)
{
    for (size_t i = 0; i < ways->heap->nodes.count; i++) {
        struct tally *tally = &ways->tallies[type_of(ways, i)];

        tally->count++;
        tally->bytes += size_of(ways, i);
    }
}

static size_t parent_of(const struct ways *ways, size_t id)
{
    size_t objects = ways->heap->nodes.count;
    uint32_t group;

    if (id < objects)
        return ways->parents[id];
    group = ways->heap->groups.items[id - objects].parent;
    return group == UINT32_MAX ? SIZE_MAX : objects + group;
}

static void set(uint64_t *bits, size_t id)
{
    bits[id / BITS] |= 1ull << id % BITS;
}

static bool is_set(const uint64_t *bits, size_t id)
{
    return bits[id / BITS] >> id % BITS & 1;
}

/* With all that is on its way to the root, which is chosen. False: they are more than there is room for. */
static bool choose(struct ways *ways, struct dotnet_sample *sample, size_t id, size_t room)
{
    size_t needed = 0;

    for (size_t at = id; !is_set(sample->chosen, at); at = parent_of(ways, at))
        if (needed++ == room || is_set(ways->blocked, at)) {
            /* nor has anything that comes by here room, since that gets less: nobody goes this way again */
            for (size_t back = id; back != at; back = parent_of(ways, back))
                set(ways->blocked, back);
            return false;
        }
    for (size_t at = id; !is_set(sample->chosen, at); at = parent_of(ways, at))
        set(sample->chosen, at);
    sample->count += needed;
    return true;
}

/* How a sample is taken. */
struct plan {
    size_t most;
    uint64_t share;    /* of the objects of each type, in 2^32ths */
    bool gives_up;     /* where not all that is wanted has room */
    bool leaves_rares; /* types that are less than one of so many */
};

static bool is_wanted(const struct plan *plan, struct ways *ways, size_t object)
{
    struct tally *tally = &ways->tallies[type_of(ways, object)];
    uint64_t before = tally->seen++;

    if (plan->leaves_rares && tally->count * plan->share >> 32 == 0)
        return false;
    return before == 0 || size_of(ways, object) > VERY_LARGE ||
           (before * plan->share) >> 32 != ((before + 1) * plan->share) >> 32;
}

static bool take(struct ways *ways, struct dotnet_sample *sample, const struct plan *plan)
{
    for (uint32_t i = 0; i < ways->types->count; i++)
        ways->tallies[i].seen = 0;
    for (size_t i = 0; i < ways->reached; i++) {
        size_t object = ways->order[i];

        if (is_wanted(plan, ways, object) && !choose(ways, sample, object, plan->most - sample->count) &&
            plan->gives_up)
            return false;
    }
    return true;
}

static void begin(struct ways *ways, struct dotnet_sample *sample)
{
    memset(sample->chosen, 0, words_of(ways->heap) * sizeof *sample->chosen);
    memset(ways->blocked, 0, words_of(ways->heap) * sizeof *ways->blocked);
    set(sample->chosen, ways->heap->nodes.count + DOTNET_ROOT);
    sample->count = 1;
}

/* How many more are on the ways is known only afterwards: with smaller shares, until all has room. Where the
 * ways alone are too many, what has room is taken, the common types first. */
static void take_most(struct ways *ways, struct dotnet_sample *sample, size_t most)
{
    static const unsigned percents[] = {95, 80, 60, 40, 20, 5};
    struct plan plan = {.most = most, .gives_up = true};
    uint64_t whole = ((uint64_t)most << 32) / (ways->reached + 1);

    for (size_t i = 0; i < ELEMENTS_OF(percents); i++) {
        begin(ways, sample);
        plan.share = whole < 1ull << 32 ? whole * percents[i] / 100 : 1ull << 32;
        if (take(ways, sample, &plan))
            return;
    }
    begin(ways, sample);
    plan = (struct plan){.most = most, .share = whole / 2, .leaves_rares = true};
    (void)take(ways, sample, &plan);
    plan.leaves_rares = false;
    (void)take(ways, sample, &plan);
}

static void sum_up(struct ways *ways, struct dotnet_sample *sample)
{
    const struct dotnet_heap *heap = ways->heap;
    uint32_t rank = 0;

    for (size_t word = 0; word < words_of(heap); word++) {
        sample->ranks[word] = rank;
        rank += (uint32_t)__builtin_popcountll(sample->chosen[word]);
    }
    for (size_t i = 0; i < heap->nodes.count; i++)
        if (is_set(sample->chosen, i)) {
            sample->objects++;
            sample->size += size_of(ways, i);
            ways->tallies[type_of(ways, i)].kept += size_of(ways, i);
        }
    for (uint32_t i = 0; i < ways->types->count; i++) {
        const struct tally *tally = &ways->tallies[i];

        sample->factors[i] = tally->kept ? (float)((double)tally->bytes / (double)tally->kept) : 1;
    }
}

int dotnet_sample_init(struct dotnet_sample *sample, const struct dotnet_heap *heap,
                       const struct dotnet_file_types *types, size_t most)
{
    _cleanup_(ways_release) struct ways ways = {0};
    int r = ways_init(&ways, heap, types);

    *sample = (struct dotnet_sample){0};
    sample->chosen = calloc(words_of(heap), sizeof *sample->chosen);
    sample->ranks = calloc(words_of(heap), sizeof *sample->ranks);
    sample->factors = calloc(types->count, sizeof *sample->factors);
    if (r < 0 || !sample->chosen || !sample->ranks || !sample->factors) {
        dotnet_sample_release(sample);
        return -ENOMEM;
    }
    find_ways(&ways);
    count_all(&ways);
    take_most(&ways, sample, most);
    sum_up(&ways, sample);
    return 0;
}

void dotnet_sample_release(struct dotnet_sample *sample)
{
    if (!sample)
        return;
    free(sample->chosen);
    free(sample->ranks);
    free(sample->factors);
    *sample = (struct dotnet_sample){0};
}
