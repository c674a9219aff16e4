/* A heap out of a made-up stream: what is told of it, in pieces of any size, and what is missing. */
#include "base/limits.h"

#include "runtime/dotnet_gcdump.h"
#include "runtime/dotnet_histogram.h"

#include "dotnet_read.h"

#include <errno.h>
#include <inttypes.h>

/* Objects 0x30 -> 0x10 -> 0x20 -> 0x30, of which 0x20 is large; 0x40 hangs on 0x10 by a dependent handle. */
static void tell_heap(struct made_up *made)
{
    static const struct told_node first[] = {{0x30, 24, 100, 1}, {0x10, 24, 100, 2}};
    static const struct told_node second[] = {{0x20, 5000000000, 200, 1}, {0x40, 32, 300, 0}};
    static const uint64_t edges[] = {0x10, 0x20, 0x99, 0x30};

    tell_type(made, 100, 7, "List`1[System.String[]]");
    tell_start(made, 4, 2, 1, 0);
    tell_nodes(made, 0, first, 2);
    tell_edges(made, 0, edges, 3);
    tell_type(made, 200, 7, "System.Byte[]");
    tell_nodes(made, 1, second, 2);
    tell_edges(made, 1, edges + 3, 1);
    tell_root(made, 0x30, 0, 0);
    tell_root(made, 0x30, 2, 2); /* weak: it keeps nothing alive */
    tell_static(made, 0x20, 100, 0, "all");
    tell_static(made, 0x40, 999, 1, "mine");
    put_list(&made->payload, 0, 1);
    put64(&made->payload, 0x10);
    put64(&made->payload, 0x40);
    put64(&made->payload, 6);
    tell(made, 17);
    tell_end(made, 4);
    tell_module(made, 354, 7, "/app/a.dll");
}

static void test_what_is_told(void **state)
{
    static const size_t pieces[] = {1, 7, 64, 100000};
    struct made_up made = MADE_UP_INIT;
    _cleanup_buffer_ struct buffer stream = BUFFER_INIT(0);

    (void)state;
    tell_heap(&made);
    make_stream(&made, &stream);
    for (size_t i = 0; i < ELEMENTS_OF(pieces); i++) {
        _cleanup_dotnet_heap_ struct dotnet_heap heap = {0};
        const struct dotnet_node *nodes;

        assert_int_equal(read_in(&heap, &stream, pieces[i]), 0);
        assert_int_equal(dotnet_heap_finish(&heap), 0);
        nodes = heap.nodes.items;
        assert_int_equal(heap.nodes.count, 4);
        assert_int_equal(heap.total_size, 5000000080);
        assert_int_equal(heap.unknown_edges, 1);
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(dotnet_node_address(&nodes[k]), 0x10 * (k + 1));
        assert_int_equal(dotnet_node_shape(&heap, &nodes[1])->size, INT32_MAX);
        assert_int_equal(heap.targets[nodes[2].first_edge], 0);
        assert_int_equal(heap.targets[nodes[0].first_edge], 1);
        assert_int_equal(heap.targets[nodes[1].first_edge], 2);
        assert_string_equal(heap.types.items[dotnet_node_shape(&heap, &nodes[0])->type].name,
                            "List<System.String[]>");
        assert_string_equal(heap.types.items[dotnet_node_shape(&heap, &nodes[0])->type].module_path,
                            "/app/a.dll");
        assert_string_equal(heap.types.items[dotnet_node_shape(&heap, &nodes[3])->type].name,
                            "UNKNOWN 0x12c");
        assert_int_equal(heap.roots.count, 3);
        assert_int_equal(heap.roots.items[0].group, DOTNET_LOCALS);
        assert_int_equal(heap.roots.items[0].address, 2);
        assert_string_equal(heap.groups.items[heap.roots.items[1].group].name,
                            "[static var List<System.String[]>.all]");
        assert_string_equal(heap.groups.items[heap.roots.items[2].group].name,
                            "[static var Type(0x3e7).mine]");
        assert_int_equal(heap.groups.items[heap.roots.items[2].group].parent, DOTNET_THREAD_STATICS);
        assert_int_equal(heap.pairs.count, 1);
        assert_int_equal(heap.pairs.items[0].key, 0);
        assert_int_equal(heap.pairs.items[0].value, 3);
        assert_true(heap.paused_from > 0 && heap.paused_to > heap.paused_from);
    }
    made_up_release(&made);
}

static int note_type(void *to, const struct heap_type *type)
{
    return buffer_append_format(to, "%.*s of %.*s: %" PRIu64 " of %" PRIu64 "\n", (int)type->name_size,
                                type->name, (int)type->module_size, type->module ? type->module : "",
                                type->count, type->bytes);
}

static int refuse_type(void *to, const struct heap_type *type)
{
    (void)to;
    return type->count > 0 ? -EPIPE : 0;
}

/* The same with all objects and with none of them: what takes most goes first, types of one name are one. */
static void test_counts(void **state)
{
    static const struct told_node more[] = {{0x50, 24, 101, 0}, {0x60, 40, 102, 0}};
    static const struct told_node nodes[] = {
        {0x30, 24, 100, 1}, {0x10, 24, 100, 1}, {0x20, 5000000000, 200, 0}};
    static const uint64_t edges[] = {0x10, 0x20};

    (void)state;
    for (int counts_only = 0; counts_only < 2; counts_only++) {
        struct made_up made = MADE_UP_INIT;
        _cleanup_buffer_ struct buffer stream = BUFFER_INIT(0), text = BUFFER_INIT(0);
        _cleanup_dotnet_heap_ struct dotnet_heap heap = {0};

        tell_type(&made, 101, 7, "List`1[System.String[]]");
        tell_type(&made, 102, 8, "List`1[System.String[]]");
        tell_start(&made, 4, 2, 1, 0);
        tell_nodes(&made, 0, more, 2);
        tell_end(&made, 5); /* of another one */
        tell_type(&made, 100, 7, "List`1[System.String[]]");
        tell_type(&made, 200, 7, "System.Byte[]");
        tell_nodes(&made, 1, nodes, 3);
        tell_edges(&made, 0, edges, 2);
        tell_root(&made, 0x30, 0, 0);
        tell_static(&made, 0x20, 100, 0, "all");
        tell_end(&made, 4);
        tell_module(&made, 354, 7, "/app/a.dll");
        make_stream(&made, &stream);
        assert_int_equal(read_as(&heap, &stream, 50, counts_only), 0);
        assert_int_equal(dotnet_heap_finish(&heap), 0);
        assert_int_equal(heap.nodes.count, counts_only ? 0 : 5);
        assert_int_equal(heap.roots.count, counts_only ? 0 : 2);
        assert_int_equal(heap.objects, 5);
        assert_int_equal(heap.total_size, 5000000112);
        assert_int_equal(dotnet_histogram(&heap, note_type, &text), 0);
        assert_string_equal(buffer_string(&text), "System.Byte[] of /app/a.dll: 1 of 5000000000\n"
                                                  "List<System.String[]> of /app/a.dll: 3 of 72\n"
                                                  "List<System.String[]> of : 1 of 40\n");
        assert_int_equal(dotnet_histogram(&heap, refuse_type, NULL), -EPIPE);
        made_up_release(&made);
    }
}

/* Other collections are passed over: of the program itself, of fewer generations, in the background. */
static void test_only_the_one_that_was_asked_for(void **state)
{
    static const struct told_node node = {0x10, 24, 100, 0}, other = {0x50, 24, 100, 0};
    struct made_up made = MADE_UP_INIT;
    _cleanup_buffer_ struct buffer stream = BUFFER_INIT(0);
    _cleanup_dotnet_heap_ struct dotnet_heap heap = {0};

    (void)state;
    tell_nodes(&made, 0, &other, 1);
    tell_start(&made, 1, 1, 1, 0);
    tell_nodes(&made, 0, &other, 1);
    tell_start(&made, 2, 2, 0, 0);
    tell_start(&made, 3, 2, 1, 1);
    tell_start(&made, 4, 2, 1, 0);
    tell_end(&made, 4); /* it told nothing: the program's own */
    tell_start(&made, 5, 2, 1, 0);
    tell_end(&made, 3);
    tell_nodes(&made, 0, &node, 1);
    tell_end(&made, 5);
    tell_nodes(&made, 1, &other, 1);
    make_stream(&made, &stream);
    assert_int_equal(read_in(&heap, &stream, 100), 0);
    assert_int_equal(dotnet_heap_finish(&heap), 0);
    assert_int_equal(heap.nodes.count, 1);
    assert_int_equal(dotnet_node_address(&heap.nodes.items[0]), 0x10);
    made_up_release(&made);
}

static void test_what_is_missing(void **state)
{
    static const struct told_node nodes[] = {{0x10, 24, 100, 2}};
    static const uint64_t edges[] = {0x10, 0x10, 0x10};
    static const struct {
        uint32_t start, nodes_index, edges_index;
        size_t edges;
        bool ends;
        int result;
    } cases[] = {
        {1, 0, 0, 2, true, 0},       {0, 0, 0, 2, true, -ENODATA}, {1, 0, 0, 2, false, -ENODATA},
        {1, 0, 0, 1, true, -EAGAIN}, {1, 0, 0, 3, true, -EAGAIN},  {1, 1, 0, 2, true, -EAGAIN},
        {1, 0, 1, 2, true, -EAGAIN},
    };

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        struct made_up made = MADE_UP_INIT;
        _cleanup_buffer_ struct buffer stream = BUFFER_INIT(0);
        _cleanup_dotnet_heap_ struct dotnet_heap heap = {0};

        if (cases[i].start)
            tell_start(&made, 1, 2, 1, 0);
        tell_nodes(&made, cases[i].nodes_index, nodes, 1);
        tell_edges(&made, cases[i].edges_index, edges, cases[i].edges);
        if (cases[i].ends)
            tell_end(&made, 1);
        make_stream(&made, &stream);
        assert_int_equal(read_in(&heap, &stream, 1000), 0);
        assert_int_equal(dotnet_heap_finish(&heap), cases[i].result);
        made_up_release(&made);
    }
}

static void test_no_stream(void **state)
{
    static const struct told_node node = {0x10, 24, 100, 0};
    struct made_up made = MADE_UP_INIT;
    _cleanup_buffer_ struct buffer stream = BUFFER_INIT(0);

    (void)state;
    tell_start(&made, 1, 2, 1, 0);
    tell_nodes(&made, 0, &node, 1);
    make_stream(&made, &stream);
    /* each byte of its frames in turn is another */
    for (size_t at = 0; at < stream.size; at++) {
        _cleanup_dotnet_heap_ struct dotnet_heap heap = {0};
        _cleanup_dotnet_events_ struct dotnet_events events = DOTNET_EVENTS_INIT;
        char was = stream.data[at];
        int r;

        stream.data[at] = (char)~was;
        assert_int_equal(dotnet_heap_init(&heap), 0);
        events.take = dotnet_heap_take;
        events.to = &heap;
        r = dotnet_events_feed(&events, stream.data, stream.size);
        assert_true(r == 0 || r == -EBADMSG || r == -EFBIG);
        if (at < 32)
            assert_int_equal(r, -EBADMSG);
        assert_true(heap.nodes.count <= 1);
        stream.data[at] = was;
    }
    made_up_release(&made);
}

/* Thousands of objects in no order, or in runs that are. */
static void check_many(bool in_runs)
{
    enum { NODES = 20000, A_TIME = 1000 };
    struct made_up made = MADE_UP_INIT;
    _cleanup_buffer_ struct buffer stream = BUFFER_INIT(0);
    _cleanup_dotnet_heap_ struct dotnet_heap heap = {0};
    uint64_t state_of = 12345;

    tell_start(&made, 1, 2, 1, 0);
    for (uint32_t i = 0; i < NODES / A_TIME; i++) {
        struct told_node nodes[A_TIME];
        uint64_t edges[A_TIME];

        for (size_t k = 0; k < A_TIME; k++) {
            uint64_t number = i * A_TIME + k,
                     spread = in_runs ? i * 7 % (NODES / A_TIME) * A_TIME + k : number * 7919 % NODES;

            state_of = state_of * 6364136223846793005u + 1442695040888963407u;
            nodes[k] =
                (struct told_node){0x7f0000000000 + spread * 24 + (in_runs ? 0 : spread % 3) * 0x1000000000,
                                   24 + spread % 5 * 8, 100 + spread % 7, 1};
            edges[k] = nodes[k].address;
        }
        tell_nodes(&made, i, nodes, A_TIME);
        tell_edges(&made, i, edges, A_TIME);
    }
    tell_end(&made, 1);
    make_stream(&made, &stream);
    assert_int_equal(read_in(&heap, &stream, 65536), 0);
    assert_int_equal(dotnet_heap_finish(&heap), 0);
    assert_int_equal(heap.nodes.count, NODES);
    assert_int_equal(heap.unknown_edges, 0);
    for (size_t i = 0; i < NODES; i++) {
        assert_true(i == 0 || dotnet_node_address(&heap.nodes.items[i - 1]) <
                                  dotnet_node_address(&heap.nodes.items[i]));
        assert_int_equal(heap.targets[heap.nodes.items[i].first_edge], i); /* each refers to itself */
        assert_int_equal(dotnet_heap_find(&heap, dotnet_node_address(&heap.nodes.items[i])), i);
    }
    assert_int_equal(dotnet_heap_find(&heap, 1), NODES);
    made_up_release(&made);
}

static void test_many(void **state)
{
    (void)state;
    check_many(false);
    check_many(true);
}

/* More references than an object's own bits count. */
static void test_large_array(void **state)
{
    enum { MANY = 70000 };
    static const struct told_node nodes[] = {{0x7f0000000010, 8 * MANY + 24, 100, MANY},
                                             {0x10, 24, 100, 65535}};
    struct made_up made = MADE_UP_INIT;
    _cleanup_buffer_ struct buffer stream = BUFFER_INIT(0);
    _cleanup_dotnet_heap_ struct dotnet_heap heap = {0};
    uint64_t *edges = calloc(MANY, sizeof *edges);

    (void)state;
    assert_non_null(edges);
    for (size_t i = 0; i < MANY; i++)
        edges[i] = i % 2 ? 0x10 : 0x7f0000000010;
    edges[7] = UINT64_MAX; /* no address */
    tell_start(&made, 1, 2, 1, 0);
    tell_nodes(&made, 0, nodes, 2);
    tell_edges(&made, 0, edges, MANY);
    tell_edges(&made, 1, edges, 65535);
    tell_end(&made, 1);
    make_stream(&made, &stream);
    assert_int_equal(read_in(&heap, &stream, 65536), 0);
    assert_int_equal(dotnet_heap_finish(&heap), 0);
    assert_int_equal(dotnet_node_edges(&heap, &heap.nodes.items[1]), MANY);
    assert_int_equal(dotnet_node_edges(&heap, &heap.nodes.items[0]), 65535);
    assert_int_equal(heap.unknown_edges, 2);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(heap.targets[heap.nodes.items[1].first_edge + i], i == 7 ? 2 : i % 2 ? 0 : 1);
    free(edges);
    made_up_release(&made);
}

static void test_size_is_known_before(void **state)
{
    const struct dotnet_gcdump_facts facts = {
        .machine = "m", .process = "p", .log = "l", .pid = 1, .time = 1700000000000000000};
    struct made_up made = MADE_UP_INIT;
    _cleanup_buffer_ struct buffer stream = BUFFER_INIT(0), file = BUFFER_INIT(0);
    _cleanup_dotnet_heap_ struct dotnet_heap heap = {0};
    _cleanup_sink_ struct sink *sink = NULL;
    uint64_t size;

    (void)state;
    tell_heap(&made);
    make_stream(&made, &stream);
    assert_int_equal(read_in(&heap, &stream, 1000), 0);
    assert_int_equal(dotnet_heap_finish(&heap), 0);
    assert_int_equal(sink_memory_new(&file, &sink), 0);
    assert_int_equal(dotnet_gcdump_size(&heap, &facts, &size), 0);
    assert_int_equal(dotnet_gcdump_write(&heap, &facts, sink), 0);
    assert_int_equal(file.size, size);
    assert_memory_equal(file.data, "\x14\0\0\0!FastSerialization.1", 24);
    made_up_release(&made);
}

static void test_size_classes(void **state)
{
    static const struct {
        uint32_t size;
        unsigned class;
    } cases[] = {{0, 0}, {1000, 0}, {1001, 1}, {10000, 1}, {10001, 2}, {INT32_MAX, 6}};

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++)
        assert_int_equal(dotnet_size_class(cases[i].size), cases[i].class);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_told),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_only_the_one_that_was_asked_for),
        cmocka_unit_test(test_what_is_missing),
        cmocka_unit_test(test_no_stream),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_large_array),
        cmocka_unit_test(test_size_is_known_before),
        cmocka_unit_test(test_size_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
