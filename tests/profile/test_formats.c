/* What all writers share: they say so where the sink fails, manage without any samples and with every table
 * full, and let no name out of its place. What readers make of them:
 * tests/integration/test_profile_formats.py. */
#include "base/limits.h"
#include "made_up.h"
#include "profile/formats.h"
#include "profile/protobuf.h"
#include "profile/spots.h"
#include "profile/tree.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int discard(struct sink *sink, const void *bytes, size_t size)
{
    (void)sink;
    (void)bytes;
    (void)size;
    return 0;
}

static void not_freed(struct sink *sink)
{
    (void)sink;
}

static const struct sink_ops nowhere = {.name = "nowhere", .write = discard, .free = not_freed};

static void begin(struct profile *profile)
{
    const struct profile_facts facts = {.pid = 1, .period = 1000};
    assert_int_equal(profile_init(profile, &facts), 0);
}

static void a_sink_that_fails_is_told(void **state)
{
    _cleanup_profile_ struct profile profile;

    (void)state;
    assert_int_equal(made_up_profile(false, &profile), 0);
    for (const struct profile_format *format = profile_formats; format->name; format++) {
        _cleanup_buffer_ struct buffer whole = {0};
        _cleanup_sink_ struct sink *sink = NULL;

        assert_ptr_equal(profile_format_find(format->name), format);
        assert_int_equal(sink_memory_new(&whole, &sink), 0);
        assert_int_equal(format->write(&profile, sink), 0);
        for (size_t limit = 1; limit < whole.size; limit += limit / 3 + 1) {
            _cleanup_buffer_ struct buffer part = BUFFER_INIT(limit);
            _cleanup_sink_ struct sink *short_sink = NULL;

            assert_int_equal(sink_memory_new(&part, &short_sink), 0);
            assert_int_equal(format->write(&profile, short_sink), -EFBIG);
        }
    }
    assert_null(profile_format_find("exe"));
}

static void no_samples_will_do(void **state)
{
    _cleanup_profile_ struct profile profile;

    (void)state;
    begin(&profile);
    for (const struct profile_format *format = profile_formats; format->name; format++) {
        struct sink sink = {.ops = &nowhere};

        assert_int_equal(format->write(&profile, &sink), 0);
        assert_true(sink.written > 0 || strcmp(format->name, "folded") == 0);
    }
}

/* Every table full, of stacks as different as can be, with names that grow when they are escaped. */
static void fill(struct profile *profile)
{
    char name[200];
    uint32_t thread, module = 0, frame, stack[3];

    for (unsigned i = 0; i < LIMIT_PROFILE_THREADS; i++)
        assert_int_equal(profile_add_thread(profile, (pid_t)(i + 1), "<&\">", &thread), 0);
    for (unsigned i = 0; i < LIMIT_PROFILE_MODULES; i++) {
        struct profile_module_facts facts = {
            .path = "/<&\">", .build_id = "ff", .start = 0x1000 + i * 0x800ull, .end = 0x2000 + i * 0x800ull};
        assert_int_equal(profile_add_module(profile, &facts, &module), 0);
    }
    for (unsigned i = 0; i < LIMIT_PROFILE_FRAMES; i++) {
        struct profile_frame_facts facts = {.function = i % 3 ? name : NULL,
                                            .address = 0x1000 + i * 37ull,
                                            .module = i % LIMIT_PROFILE_MODULES,
                                            .kernel = i % 5 == 0,
                                            .inlined = i % 4 == 0};
        (void)snprintf(name, sizeof name, "\"&<\x01%u>", i);
        assert_int_equal(profile_intern_frame(profile, &facts, &frame), 0);
    }
    for (unsigned i = 0; i < LIMIT_PROFILE_LOG + 1000; i++) {
        unsigned what = i % (LIMIT_PROFILE_NODES + 1000);
        stack[0] = what % 60000;
        stack[1] = what / 60000;
        stack[2] = what % 7;
        assert_int_equal(
            profile_add_sample(profile, (i * 7919ull) % 1000003, i % LIMIT_PROFILE_THREADS, stack, 3), 0);
    }
    assert_int_equal(profile->log.count, LIMIT_PROFILE_LOG);
    assert_true(profile->counts.count >= LIMIT_PROFILE_COUNTS);
    assert_int_equal(profile->frames.count, LIMIT_PROFILE_FRAMES);
}

static void full_tables_can_be_written(void **state)
{
    _cleanup_profile_ struct profile profile;

    (void)state;
    begin(&profile);
    fill(&profile);
    for (const struct profile_format *format = profile_formats; format->name; format++) {
        struct sink sink = {.ops = &nowhere};

        assert_int_equal(format->write(&profile, &sink), 0);
    }
}

struct total {
    const struct tree *tree;
    uint64_t self, last_end[LIMIT_PROFILE_DEPTH + 2];
    unsigned nodes;
};

static int add_up(void *context, uint32_t node, unsigned depth, uint64_t before)
{
    struct total *total = context;
    const struct tree_node *at = &total->tree->items[node];

    assert_true(before >= total->last_end[depth]); /* siblings don't overlap */
    total->last_end[depth] = before + at->total;
    if (depth > 0)
        assert_true(before + at->total <= total->last_end[depth - 1]); /* nor leave what they are in */
    total->self += at->self;
    total->nodes++;
    return 1;
}

static void a_tree_has_every_sample_once(void **state)
{
    _cleanup_profile_ struct profile profile;
    _cleanup_tree_ struct tree tree = {0};
    struct total total = {.tree = &tree};

    (void)state;
    begin(&profile);
    fill(&profile);
    assert_int_equal(tree_of(&profile, &tree), 0);
    assert_int_equal(tree_walk(&tree, add_up, &total), 0);
    assert_int_equal(tree.items[0].total, profile.samples);
    assert_int_equal(total.self, profile.samples);
    assert_int_equal(total.nodes, tree.count);
}

/* Whatever is mapped where, each address that is given out is in one range, and that is its function's. */
static void a_spot_is_one_function(void **state)
{
    _cleanup_profile_ struct profile profile;
    _cleanup_spots_ struct spots spots = {0};

    (void)state;
    begin(&profile);
    fill(&profile);
    assert_int_equal(spots_of(&profile, &spots), 0);
    for (size_t i = 1; i < spots.mappings.count; i++)
        assert_true(spots.mappings.items[i - 1].end < spots.mappings.items[i].start);
    for (uint32_t i = 0; i < profile.frames.count; i += 61) {
        uint64_t address = spots.of_frame[i];
        unsigned named = 0, mapped = 0;

        for (size_t at = 0; at < spots.named.count; at++) {
            const struct spot_range *range = &spots.named.items[at];
            if (address < range->start || address > range->end)
                continue;
            named++;
            assert_int_equal(range->symbol, spots.symbols.of_frame[i]);
            assert_int_equal(range->module, profile.frames.items[i].module);
        }
        for (size_t at = 0; at < spots.mappings.count; at++)
            mapped += address >= spots.mappings.items[at].start && address <= spots.mappings.items[at].end &&
                      spots.mappings.items[at].module == profile.frames.items[i].module;
        assert_int_equal(named, 1);
        assert_int_equal(mapped, 1);
    }
}

static void protobuf_is_as_documented(void **state)
{
    _cleanup_protobuf_ struct protobuf message = {0}, inner = {0};
    static const uint8_t wanted[] = {0x08, 0x96, 0x01, 0x12, 0x07, 't',  'e',  's',  't',  'i',
                                     'n',  'g',  0x1a, 0x03, 0x08, 0x96, 0x01, 0x20, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};

    (void)state; /* the first three are the documentation's own examples */
    protobuf_u64(&message, 1, 150);
    protobuf_string(&message, 2, "testing");
    protobuf_u64(&inner, 1, 150);
    protobuf_message(&message, 3, &inner);
    protobuf_u64(&message, 4, UINT64_MAX);
    protobuf_u64(&message, 5, 0); /* is not there */
    assert_int_equal(message.error, 0);
    assert_int_equal(message.bytes.size, sizeof wanted);
    assert_memory_equal(message.bytes.data, wanted, sizeof wanted);
}

/* No byte below a blank but the line feeds between what we write, and no name's bracket. */
static void names_stay_text_in_svg(void **state)
{
    static const char *const names[] = {"\x01\x02\x1b[31m",
                                        "\xef\xbf\xbf\xef\xbf\xbe",
                                        "]]>",
                                        "<g onclick=\"x\">",
                                        "&lt;&#60;",
                                        "\xff\xfe",
                                        "\xed\xa0\x80",
                                        "a\tb\rc\nd"};
    _cleanup_buffer_ struct buffer out = {0};
    _cleanup_profile_ struct profile profile;
    _cleanup_sink_ struct sink *sink = NULL;
    const char *script;
    unsigned groups = 0;

    (void)state;
    begin(&profile);
    for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
        struct profile_frame_facts facts = {.function = names[i]};
        uint32_t frame;

        assert_int_equal(profile_intern_frame(&profile, &facts, &frame), 0);
        assert_int_equal(profile_add_sample(&profile, 0, 0, &frame, 1), 0);
    }
    assert_int_equal(sink_memory_new(&out, &sink), 0);
    assert_int_equal(profile_write_svg(&profile, sink), 0);
    script = strstr(out.data, "<script>");
    assert_non_null(script);
    for (const char *at = out.data; at < script; at++) {
        groups += strncmp(at, "<g", 2) == 0;
        assert_true((unsigned char)*at >= ' ' || *at == '\n');
        assert_int_not_equal(strncmp(at, "\xef\xbf\xbf", 3), 0);
        assert_int_not_equal(strncmp(at, "]]>", 3), 0);
    }
    assert_int_equal(groups, 1 + ELEMENTS_OF(names));
    assert_non_null(strstr(out.data, "<title>&lt;g onclick=&quot;x&quot;&gt; (1 samples, 12.50%)</title>"));
    assert_non_null(strstr(out.data, "<title>&amp;lt;&amp;#60; ("));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sink_that_fails_is_told),  cmocka_unit_test(no_samples_will_do),
        cmocka_unit_test(full_tables_can_be_written), cmocka_unit_test(a_tree_has_every_sample_once),
        cmocka_unit_test(a_spot_is_one_function),     cmocka_unit_test(protobuf_is_as_documented),
        cmocka_unit_test(names_stay_text_in_svg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
