/* The model: what is equal is kept once, every bound holds, and totals are whole past each of them. */
#include "base/limits.h"
#include "made_up.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void begin(struct profile *profile)
{
    const struct profile_facts facts = {.pid = 1, .period = 1000};
    assert_int_equal(profile_init(profile, &facts), 0);
}

static uint32_t thread_of(struct profile *profile, pid_t tid, const char *name)
{
    uint32_t thread;

    assert_int_equal(profile_add_thread(profile, tid, name, &thread), 0);
    return thread;
}

static uint32_t frame_of(struct profile *profile, const char *function, uint64_t address)
{
    struct profile_frame_facts facts = {.function = function, .address = address};
    uint32_t frame;

    assert_int_equal(profile_intern_frame(profile, &facts, &frame), 0);
    return frame;
}

/* Whatever happened: the sums agree, and every number leads somewhere. */
static void check_whole(const struct profile *profile, uint64_t samples)
{
    uint64_t counted = 0, logged = 0, by_thread = 0;

    for (size_t i = 0; i < profile->counts.count; i++) {
        assert_true(profile->counts.items[i].node < profile->nodes.count);
        assert_true(profile->counts.items[i].thread < profile->threads.count);
        counted += profile->counts.items[i].count;
        logged += profile->counts.items[i].logged;
    }
    for (size_t i = 0; i < profile->threads.count; i++)
        by_thread += profile->threads.items[i].samples;
    for (size_t i = 1; i < profile->nodes.count; i++) {
        assert_true(profile->nodes.items[i].parent < i);
        assert_true(profile->nodes.items[i].frame < profile->frames.count);
    }
    assert_int_equal(profile->samples, samples);
    assert_int_equal(counted, samples);
    assert_int_equal(by_thread, samples);
    assert_int_equal(logged, profile->log.count);
}

static void equal_is_kept_once(void **state)
{
    _cleanup_profile_ struct profile profile;
    uint32_t frames[3], again[3], main_thread, stack[LIMIT_PROFILE_DEPTH + 1];

    (void)state;
    begin(&profile);
    main_thread = thread_of(&profile, 10, "before");
    assert_int_equal(thread_of(&profile, 10, NULL), main_thread);
    assert_string_equal(profile_string(&profile, profile.threads.items[main_thread].name), "before");
    assert_int_equal(thread_of(&profile, 10, "after"), main_thread);
    assert_string_equal(profile_string(&profile, profile.threads.items[main_thread].name), "after");
    for (unsigned i = 0; i < 3; i++)
        frames[i] = frame_of(&profile, "f", 0x1000 + i);
    for (unsigned i = 0; i < 3; i++)
        again[i] = frame_of(&profile, "f", 0x1000 + i);
    assert_memory_equal(frames, again, sizeof frames);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(profile_add_sample(&profile, i, main_thread, frames, 3), 0);
    assert_int_equal(profile_add_sample(&profile, 5, main_thread, frames + 1, 2), 0);
    assert_int_equal(profile.nodes.count, NODES_OWN + 3);
    assert_int_equal(profile.counts.count, 2);
    assert_int_equal(profile.counts.items[0].count, 5);
    assert_int_equal(profile_stack(&profile, profile.counts.items[0].node, stack), 3);
    assert_memory_equal(stack, frames, sizeof frames);
    check_whole(&profile, 6);
}

static void a_sample_without_a_stack_is_counted(void **state)
{
    _cleanup_profile_ struct profile profile;
    uint32_t stack[LIMIT_PROFILE_DEPTH + 1], wrong = 4711;

    (void)state;
    begin(&profile);
    assert_int_equal(profile_add_sample(&profile, 0, 99, NULL, 0), 0); /* no such thread either */
    assert_int_equal(profile_add_sample(&profile, 0, 0, &wrong, 1), 0);
    assert_int_equal(profile_stack(&profile, profile.counts.items[0].node, stack), 1);
    assert_int_equal(stack[0], FRAME_NO_STACK);
    assert_int_equal(profile_stack(&profile, profile.counts.items[1].node, stack), 1);
    assert_int_equal(stack[0], FRAME_NOT_KEPT);
    check_whole(&profile, 2);
}

static void deep_stacks_keep_their_innermost(void **state)
{
    enum { DEPTH = LIMIT_PROFILE_DEPTH + 100 };
    _cleanup_profile_ struct profile profile;
    uint32_t frames[DEPTH], stack[LIMIT_PROFILE_DEPTH + 1];
    size_t count;

    (void)state;
    begin(&profile);
    for (unsigned i = 0; i < DEPTH; i++)
        frames[i] = frame_of(&profile, "f", 0x1000 + i);
    assert_int_equal(profile_add_sample(&profile, 0, thread_of(&profile, 1, NULL), frames, DEPTH), 0);
    count = profile_stack(&profile, profile.counts.items[0].node, stack);
    assert_int_equal(count, LIMIT_PROFILE_DEPTH + 1);
    assert_memory_equal(stack, frames, LIMIT_PROFILE_DEPTH * sizeof *frames);
    assert_int_equal(stack[LIMIT_PROFILE_DEPTH], FRAME_OUTER_LEFT_OUT);
    check_whole(&profile, 1);
}

static void names_are_cleaned_and_cut(void **state)
{
    _cleanup_profile_ struct profile profile;
    char name[2 * LIMIT_PROFILE_NAME], label[PROFILE_LABEL_SIZE];
    const char *kept;

    (void)state;
    begin(&profile);
    profile_frame_label(&profile, frame_of(&profile, "a\xff\xc3\xa4\xe2\x82", 1), label, sizeof label);
    assert_string_equal(label, "a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd");
    for (size_t i = 0; i < sizeof name; i += 2)
        memcpy(name + i, "\xc3\xa4", 2);
    name[sizeof name - 1] = '\0';
    profile_frame_label(&profile, frame_of(&profile, name, 2), label, sizeof label);
    assert_true(strlen(label) <= LIMIT_PROFILE_NAME && strlen(label) >= LIMIT_PROFILE_NAME - 1);
    kept = label + strlen(label) - 5; /* no character is cut in two */
    assert_memory_equal(kept, "\xc3\xa4...", 5);
    profile_frame_label(&profile, frame_of(&profile, NULL, 0xabc), label, sizeof label);
    assert_string_equal(label, "0xabc");
    profile_frame_label(&profile, frame_of(&profile, NULL, 0), label, sizeof label);
    assert_string_equal(label, "[unknown]");
}

static void a_full_log_loses_no_counts(void **state)
{
    enum { MORE = 1000 };
    _cleanup_profile_ struct profile profile;
    uint32_t frames[2], thread;
    uint64_t total = (uint64_t)LIMIT_PROFILE_LOG + MORE;

    (void)state;
    begin(&profile);
    thread = thread_of(&profile, 1, NULL);
    frames[0] = frame_of(&profile, "one", 1);
    frames[1] = frame_of(&profile, "other", 2);
    for (uint64_t i = 0; i < total; i++)
        assert_int_equal(profile_add_sample(&profile, i, thread, &frames[i % 2], 1), 0);
    assert_int_equal(profile.log.count, LIMIT_PROFILE_LOG);
    assert_int_equal(profile.duration, total - 1);
    assert_int_equal(profile.counts.items[0].count, total / 2);
    assert_int_equal(profile.counts.items[0].logged, LIMIT_PROFILE_LOG / 2);
    check_whole(&profile, total);
}

static void full_tables_lose_no_counts(void **state)
{
    enum { FRAMES = LIMIT_PROFILE_FRAMES + 100, STACKS = LIMIT_PROFILE_COUNTS + 70000 };
    _cleanup_profile_ struct profile profile;
    uint64_t not_kept = 0;
    uint32_t last = 0;

    (void)state;
    begin(&profile);
    for (uint32_t i = 0; i < FRAMES; i++)
        last = frame_of(&profile, "f", i);
    assert_int_equal(last, FRAME_NOT_KEPT);
    assert_int_equal(profile.frames.count, LIMIT_PROFILE_FRAMES);
    for (uint32_t i = 0; i < LIMIT_PROFILE_THREADS + 5; i++)
        last = thread_of(&profile, (pid_t)(i + 1), NULL);
    assert_int_equal(last, THREAD_NOT_KEPT);
    for (uint32_t i = 0; i < STACKS; i++) { /* all different */
        uint32_t stack[2] = {i % 60000, i / 60000};
        assert_int_equal(profile_add_sample(&profile, i, i % LIMIT_PROFILE_THREADS, stack, 2), 0);
    }
    for (size_t i = 0; i < profile.counts.count; i++)
        if (profile.counts.items[i].node == NODE_NOT_KEPT)
            not_kept += profile.counts.items[i].count;
    assert_int_equal(not_kept, STACKS - LIMIT_PROFILE_COUNTS);
    for (uint32_t i = 0; i < LIMIT_PROFILE_NODES; i++) { /* until there are no nodes either */
        uint32_t stack[3] = {i % 60000, i / 60000, 5};
        assert_int_equal(profile_add_sample(&profile, i, 1, stack, 3), 0);
    }
    assert_int_equal(profile.nodes.count, LIMIT_PROFILE_NODES);
    check_whole(&profile, (uint64_t)STACKS + LIMIT_PROFILE_NODES);
}

static void full_names_and_modules_are_said_so(void **state)
{
    _cleanup_profile_ struct profile profile;
    char name[64], label[PROFILE_LABEL_SIZE];
    struct profile_module_facts facts = {.path = "/lib/x", .start = 0x1000, .end = 0x2000};
    uint32_t last = 1, first;

    (void)state;
    begin(&profile);
    assert_int_equal(profile_add_module(&profile, &facts, &first), 0);
    assert_int_not_equal(first, MODULE_NONE);
    assert_int_equal(profile_add_module(&profile, &facts, &last), 0);
    assert_int_equal(last, first);
    for (unsigned i = 0; i < LIMIT_PROFILE_MODULES; i++) {
        facts.start += 0x1000;
        facts.end += 0x1000;
        assert_int_equal(profile_add_module(&profile, &facts, &last), 0);
    }
    assert_int_equal(last, MODULE_NONE);
    for (unsigned i = 0; i < LIMIT_PROFILE_STRINGS; i++) {
        (void)snprintf(name, sizeof name, "function number %u of a program that has too many", i);
        (void)thread_of(&profile, 1, name);
    }
    assert_string_equal(profile_string(&profile, profile.threads.items[1].name), "[name not kept]");
    assert_true(profile.strings.text.size <= LIMIT_PROFILE_TEXT);
    profile_frame_label(&profile, frame_of(&profile, name, 0), label, sizeof label);
    assert_string_equal(label, "[name not kept]");
}

static void memory_is_bounded(void **state)
{
    (void)state;
    assert_true((uint64_t)LIMIT_PROFILE_LOG * sizeof(struct profile_sample) +
                    (uint64_t)(LIMIT_PROFILE_COUNTS + LIMIT_PROFILE_THREADS) * sizeof(struct profile_count) +
                    (uint64_t)LIMIT_PROFILE_NODES * sizeof(struct profile_node) +
                    (uint64_t)LIMIT_PROFILE_FRAMES * sizeof(struct profile_frame) +
                    (uint64_t)LIMIT_PROFILE_MODULES * sizeof(struct profile_module) +
                    (uint64_t)LIMIT_PROFILE_THREADS * sizeof(struct profile_thread) +
                    (uint64_t)LIMIT_PROFILE_STRINGS * sizeof(uint32_t) + LIMIT_PROFILE_TEXT +
                    2 * sizeof(uint32_t) *
                        (uint64_t)(2 * LIMIT_PROFILE_COUNTS + LIMIT_PROFILE_NODES + LIMIT_PROFILE_FRAMES +
                                   LIMIT_PROFILE_THREADS + LIMIT_PROFILE_STRINGS) <=
                32u << 20);
}

static void what_is_made_up_is_whole(void **state)
{
    _cleanup_profile_ struct profile profile;

    (void)state;
    assert_int_equal(made_up_profile(false, &profile), 0);
    check_whole(&profile, MADE_UP_SAMPLES);
    assert_int_equal(profile.threads.items[1].samples, 700);
    assert_int_equal(profile.threads.items[2].samples, 300);
}

static void a_profile_needs_a_period(void **state)
{
    struct profile profile;
    const struct profile_facts facts = {.pid = 1};

    (void)state;
    assert_int_equal(profile_init(&profile, &facts), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_is_kept_once),
        cmocka_unit_test(a_sample_without_a_stack_is_counted),
        cmocka_unit_test(deep_stacks_keep_their_innermost),
        cmocka_unit_test(names_are_cleaned_and_cut),
        cmocka_unit_test(a_full_log_loses_no_counts),
        cmocka_unit_test(full_tables_lose_no_counts),
        cmocka_unit_test(full_names_and_modules_are_said_so),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(what_is_made_up_is_whole),
        cmocka_unit_test(a_profile_needs_a_period),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
