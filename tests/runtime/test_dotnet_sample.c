/* A sample of a heap: its factors count all there is, and all of it can be reached. */
#include "dotnet_read.h"

#include "runtime/dotnet_gcdump.h"
#include "runtime/dotnet_sample.h"

/* An array of Many, a chain of Links with a Load each, and one object that is very large. */
enum { MANY = 5000, LINKS = 3000, MANY_TYPE = 100, LINK_TYPE, LOAD_TYPE, ARRAY_TYPE, LARGE_TYPE };

static void tell_for_sample(struct made_up *made)
{
    enum {
        FIRST_MANY = 0x100000,
        FIRST_LINK = 0x200000,
        FIRST_LOAD = 0x300000,
        ARRAY = 0x1000,
        LARGE = 0x2000
    };
    static struct told_node nodes[MANY + 2 * LINKS + 2];
    static uint64_t edges[MANY + 2 * LINKS];
    size_t count = 0, edge = 0;

    nodes[count++] = (struct told_node){ARRAY, 8 * MANY + 24, ARRAY_TYPE, MANY};
    nodes[count++] = (struct told_node){LARGE, 100000, LARGE_TYPE, 0};
    for (size_t i = 0; i < MANY; i++) {
        edges[edge++] = FIRST_MANY + 24 * i;
        nodes[count++] = (struct told_node){FIRST_MANY + 24 * i, 24, MANY_TYPE, 0};
    }
    for (size_t i = 0; i < LINKS; i++) {
        edges[edge++] = FIRST_LOAD + 48 * i;
        if (i + 1 < LINKS)
            edges[edge++] = FIRST_LINK + 32 * (i + 1);
        nodes[count++] = (struct told_node){FIRST_LINK + 32 * i, 32, LINK_TYPE, i + 1 < LINKS ? 2 : 1};
    }
    for (size_t i = 0; i < LINKS; i++)
        nodes[count++] = (struct told_node){FIRST_LOAD + 48 * i, 48, LOAD_TYPE, 0};
    tell_start(made, 1, 2, 1, 0);
    tell_nodes(made, 0, nodes, count);
    tell_edges(made, 0, edges, edge);
    tell_static(made, ARRAY, ARRAY_TYPE, 0, "array");
    tell_static(made, FIRST_LINK, LINK_TYPE, 0, "chain");
    tell_root(made, LARGE, 2, 0);
    tell_end(made, 1);
}

/* Every object that is chosen can be reached by way of others that are. */
static void check_reached(const struct dotnet_heap *heap, const struct dotnet_sample *sample)
{
    _cleanup_free_ bool *reached = calloc(heap->nodes.count, sizeof *reached);
    bool more = true;

    for (size_t i = 0; i < heap->roots.count; i++)
        reached[heap->roots.items[i].address] =
            dotnet_sample_has(sample, heap->nodes.count + heap->roots.items[i].group);
    while (more) {
        more = false;
        for (size_t i = 0; i < heap->nodes.count; i++) {
            const struct dotnet_node *node = &heap->nodes.items[i];

            for (uint32_t k = 0;
                 reached[i] && dotnet_sample_has(sample, i) && k < dotnet_node_edges(heap, node); k++) {
                more = more || !reached[heap->targets[node->first_edge + k]];
                reached[heap->targets[node->first_edge + k]] = true;
            }
        }
    }
    for (size_t i = 0; i < heap->nodes.count; i++)
        assert_true(reached[i] || !dotnet_sample_has(sample, i));
}

static void test_sample(void **state)
{
    static const size_t mosts[] = {1, 20, 200, 1000, 5000, 10000};
    struct made_up made = MADE_UP_INIT;
    _cleanup_buffer_ struct buffer stream = BUFFER_INIT(0);
    _cleanup_dotnet_heap_ struct dotnet_heap heap = {0};
    _cleanup_dotnet_file_types_ struct dotnet_file_types types = {0};

    (void)state;
    tell_for_sample(&made);
    make_stream(&made, &stream);
    assert_int_equal(read_in(&heap, &stream, 65536), 0);
    assert_int_equal(dotnet_heap_finish(&heap), 0);
    assert_int_equal(dotnet_file_types_init(&types, &heap), 0);
    for (size_t m = 0; m < ELEMENTS_OF(mosts); m++) {
        _cleanup_dotnet_sample_ struct dotnet_sample sample = {0}, again = {0};
        uint64_t counts[LARGE_TYPE + 1 - MANY_TYPE] = {0};
        size_t place = 0;

        assert_int_equal(dotnet_sample_init(&sample, &heap, &types, mosts[m]), 0);
        assert_int_equal(dotnet_sample_init(&again, &heap, &types, mosts[m]), 0);
        assert_memory_equal(sample.chosen, again.chosen, heap.nodes.count / 8);
        assert_true(sample.count <= mosts[m] && sample.objects < sample.count);
        assert_true(dotnet_sample_has(&sample, heap.nodes.count));
        check_reached(&heap, &sample);
        for (size_t i = 0; i < heap.nodes.count + heap.groups.count; i++)
            if (dotnet_sample_has(&sample, i)) {
                assert_int_equal(dotnet_sample_place(&sample, i), place++);
                if (i < heap.nodes.count)
                    counts[heap.types.items[dotnet_node_shape(&heap, &heap.nodes.items[i])->type].id -
                           MANY_TYPE]++;
            }
        assert_int_equal(place, sample.count);
        if (mosts[m] < 20)
            continue;
        for (size_t i = 0; i < heap.nodes.count; i++) {
            const struct dotnet_shape *shape = dotnet_node_shape(&heap, &heap.nodes.items[i]);
            const struct dotnet_type *type = &heap.types.items[shape->type];
            double stands_for =
                (double)counts[type->id - MANY_TYPE] * sample.factors[dotnet_file_type(&types, &heap, shape)];

            /* of so few some types may have none */
            assert_true(counts[type->id - MANY_TYPE] > 0 || mosts[m] < 200);
            if (counts[type->id - MANY_TYPE] > 0)
                assert_float_equal(stands_for, (double)type->count, 0.01);
        }
    }
    made_up_release(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
