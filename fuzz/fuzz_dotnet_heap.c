/* What a .NET runtime sends, in pieces of a size that the first byte says: whatever it holds, all places lie
 * in their lists, the pieces make no difference, and a .gcdump of it has the length that was said before. The
 * strings of the same bytes as an answer of its diagnostics port. */
#include "base/limits.h"

#include "runtime/dotnet_bytes.h"
#include "runtime/dotnet_gcdump.h"
#include "runtime/dotnet_heap.h"
#include "runtime/dotnet_histogram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        __builtin_trap();
}

static int read_in(struct dotnet_heap *heap, const uint8_t *bytes, size_t size, size_t piece,
                   bool counts_only)
{
    _cleanup_dotnet_events_ struct dotnet_events events = DOTNET_EVENTS_INIT;
    int r = 0;

    check(dotnet_heap_init(heap) == 0);
    heap->counts_only = counts_only;
    events.take = dotnet_heap_take;
    events.to = heap;
    for (size_t at = 0; at < size && r == 0; at += piece)
        r = dotnet_events_feed(&events, bytes + at, piece < size - at ? piece : size - at);
    return r;
}

static void check_heap(const struct dotnet_heap *heap)
{
    for (size_t i = 0; i < heap->nodes.count; i++) {
        const struct dotnet_node *node = &heap->nodes.items[i];

        check(i == 0 || dotnet_node_address(node - 1) <= dotnet_node_address(node));
        check(node->shape < heap->shapes.count && dotnet_node_shape(heap, node)->type < heap->types.count);
        check(heap->types.items[dotnet_node_shape(heap, node)->type].name != NULL);
        check((uint64_t)node->first_edge + dotnet_node_edges(heap, node) <= heap->edges.count);
    }
    for (size_t i = 0; i < heap->roots.count; i++)
        check(heap->roots.items[i].address < heap->nodes.count &&
              heap->roots.items[i].group < heap->groups.count);
    for (size_t i = 0; i < heap->pairs.count; i++)
        check(heap->pairs.items[i].key < heap->nodes.count && heap->pairs.items[i].value < heap->nodes.count);
    for (size_t i = 0; i < heap->groups.count; i++)
        check(heap->groups.items[i].name != NULL);
}

static void check_file(const struct dotnet_heap *heap)
{
    const struct dotnet_gcdump_facts facts = {.machine = "m", .process = "p", .log = "l"};
    _cleanup_buffer_ struct buffer file = BUFFER_INIT(0);
    _cleanup_sink_ struct sink *sink = NULL;
    uint64_t size;

    check(sink_memory_new(&file, &sink) == 0);
    check(dotnet_gcdump_size(heap, &facts, &size) == 0);
    check(dotnet_gcdump_write(heap, &facts, sink) == 0);
    check(file.size == size);
}

/* As few as the first byte says. */
static void check_sample(const struct dotnet_heap *heap, size_t most)
{
    struct dotnet_gcdump_facts facts = {.machine = "m", .process = "p", .log = "l"};
    _cleanup_dotnet_file_types_ struct dotnet_file_types types = {0};
    _cleanup_dotnet_sample_ struct dotnet_sample sample = {0};
    _cleanup_buffer_ struct buffer file = BUFFER_INIT(0);
    _cleanup_sink_ struct sink *sink = NULL;
    uint64_t size;

    check(dotnet_file_types_init(&types, heap) == 0 && dotnet_sample_init(&sample, heap, &types, most) == 0);
    check(sample.count <= most && sample.objects < sample.count &&
          dotnet_sample_has(&sample, heap->nodes.count));
    facts.sample = &sample;
    check(sink_memory_new(&file, &sink) == 0 && dotnet_gcdump_size(heap, &facts, &size) == 0);
    check(dotnet_gcdump_write(heap, &facts, sink) == 0 && file.size == size);
}

static int add_up(void *to, const struct heap_type *type)
{
    uint64_t *sums = to;

    sums[0] += type->count;
    sums[1] += type->bytes;
    return 0;
}

/* Counted with the objects and without them it is the same. */
static void check_counts(const struct dotnet_heap *heap, const struct dotnet_heap *counted)
{
    uint64_t sums[4] = {0};

    check(dotnet_histogram(heap, add_up, sums) == 0 && dotnet_histogram(counted, add_up, sums + 2) == 0);
    check(sums[0] == heap->objects && sums[1] == heap->total_size && heap->objects == heap->nodes.count);
    check(sums[2] == sums[0] && sums[3] == sums[1]);
}

static void read_texts(const uint8_t *data, size_t size)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(64);
    struct dotnet_bytes bytes = {.at = data, .end = data + size};

    while (!bytes.is_short) {
        buffer_clear(&text);
        check(dotnet_counted_text(&bytes, &text) == 0);
        check(strlen(buffer_string(&text)) == text.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_dotnet_heap_ struct dotnet_heap whole = {0}, pieces = {0}, counted = {0};
    int r;

    if (size < 1)
        return 0;
    r = read_in(&whole, data + 1, size - 1, size, false);
    check(read_in(&pieces, data + 1, size - 1, data[0] % 64 + 1, false) == r || r < 0);
    check(r < 0 || (whole.nodes.count == pieces.nodes.count && whole.edges.count == pieces.edges.count &&
                    whole.types.count == pieces.types.count && whole.roots.count == pieces.roots.count));
    if (dotnet_heap_finish(&whole) == 0) {
        /* what only objects are asked for is not looked at by one that counts */
        if (r == 0 && read_in(&counted, data + 1, size - 1, size, true) == 0 &&
            dotnet_heap_finish(&counted) == 0)
            check_counts(&whole, &counted);
        check_heap(&whole);
        check_file(&whole);
        check_sample(&whole, data[0] % 32 + 1);
    }
    read_texts(data, size);
    return 0;
}
