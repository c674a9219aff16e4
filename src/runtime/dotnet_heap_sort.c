/* Objects by ascending address. They are told region by region, in each by ascending address: few long runs,
 * which only change places. In place, since a second copy is what the memory is not there for. */
#include "runtime/dotnet_heap_parts.h"

#include "base/array.h"
#include "base/sorted.h"

#include <errno.h>

/* Nodes that ascend. */
struct run {
    uint64_t key; /* of the first */
    size_t from, count;
    size_t to; /* where they belong */
};

struct runs {
    struct run *items;
    size_t count, capacity;
};

static void insertion_sort(struct dotnet_node *nodes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct dotnet_node node = nodes[i];
        size_t place = i;

        for (; place > 0 && nodes[place - 1].key > node.key; place--)
            nodes[place] = nodes[place - 1];
        nodes[place] = node;
    }
}

/* By the digit at `shift` and those below it: for what is in no order. */
static void radix_sort(struct dotnet_node *nodes, size_t count, int shift)
{
    enum { DIGITS = 256, FEW = 32 };
    size_t begins[DIGITS + 1] = {0}, next[DIGITS];

    if (count <= FEW) {
        insertion_sort(nodes, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        begins[(nodes[i].key >> shift & 0xff) + 1]++;
    for (size_t digit = 0; digit < DIGITS; digit++) {
        begins[digit + 1] += begins[digit];
        next[digit] = begins[digit];
    }
    for (size_t digit = 0; digit < DIGITS; digit++)
        while (next[digit] < begins[digit + 1]) {
            struct dotnet_node *here = &nodes[next[digit]], moved = *here;
            size_t belongs = moved.key >> shift & 0xff;

            *here = nodes[next[belongs]];
            nodes[next[belongs]++] = moved;
        }
    for (size_t digit = 0; shift > 0 && digit < DIGITS; digit++)
        radix_sort(nodes + begins[digit], begins[digit + 1] - begins[digit], shift - 8);
}

/* -ENOBUFS: they are too many to be worth it. */
static int find_runs(const struct dotnet_heap *heap, struct runs *runs)
{
    enum { NODES_A_RUN = 64, FEW = 1024 };
    const struct dotnet_node *nodes = heap->nodes.items;
    size_t most = heap->nodes.count / NODES_A_RUN + FEW;

    for (size_t i = 0; i < heap->nodes.count; i++) {
        if (i == 0 || nodes[i].key < nodes[i - 1].key) {
            int r = ARRAY_RESERVE(runs, 1, most);

            if (r < 0)
                return r;
            runs->items[runs->count++] = (struct run){.key = nodes[i].key, .from = i};
        }
        runs->items[runs->count - 1].count++;
    }
    return 0;
}

static int compare_runs(const void *a, const void *b)
{
    const struct run *left = a, *right = b;

    return (left->key > right->key) - (left->key < right->key);
}

/* False: they overlap. */
static bool place_runs(const struct dotnet_heap *heap, struct runs *runs)
{
    size_t to = 0;

    qsort(runs->items, runs->count, sizeof *runs->items, compare_runs);
    for (size_t i = 0; i < runs->count; i++) {
        struct run *run = &runs->items[i];

        if (i + 1 < runs->count && heap->nodes.items[run->from + run->count - 1].key > run[1].key)
            return false;
        run->to = to;
        to += run->count;
    }
    return true;
}

static size_t source_of(const struct runs *runs, size_t place)
{
    const struct run *run = &runs->items[SORTED_UP_TO(runs->items, runs->count, to, place) - 1];

    return run->from + (place - run->to);
}

/* Each place gets its node, whose own place then gets its, until the circle closes. -ENOMEM */
static int move_runs(struct dotnet_heap *heap, const struct runs *runs)
{
    enum { BITS = 64 };
    struct dotnet_node *nodes = heap->nodes.items;
    _cleanup_free_ uint64_t *done = calloc(heap->nodes.count / BITS + 1, sizeof *done);

    if (!done)
        return -ENOMEM;
    for (size_t start = 0; start < heap->nodes.count; start++) {
        struct dotnet_node first = nodes[start];
        size_t place = start, source;

        if (done[start / BITS] >> start % BITS & 1)
            continue;
        while ((source = source_of(runs, place)) != start) {
            nodes[place] = nodes[source];
            done[place / BITS] |= 1ull << place % BITS;
            place = source;
        }
        nodes[place] = first;
        done[place / BITS] |= 1ull << place % BITS;
    }
    return 0;
}

void dotnet_heap_sort(struct dotnet_heap *heap)
{
    enum { TOP_DIGIT = 56 };
    struct runs runs = {0};
    int r = find_runs(heap, &runs);

    if (r == 0 && runs.count > 1)
        r = place_runs(heap, &runs) ? move_runs(heap, &runs) : -EINVAL;
    if (r < 0)
        radix_sort(heap->nodes.items, heap->nodes.count, TOP_DIGIT);
    free(runs.items);
}
