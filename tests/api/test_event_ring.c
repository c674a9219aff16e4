#include "api/event_ring.h"

#include "ops/events.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void add(struct event_ring *ring, bool is_snapshot, uint64_t number)
{
    assert_int_equal(event_ring_add(ring, is_snapshot, number, "{}", 2), 0);
}

static void an_event_as_it_is_sent(void **state)
{
    static const char expected[] = "id: ab-7\nevent: snapshot\ndata: {}\n\n";
    struct event_ring ring = {.epoch = 0xab};
    struct event *event;
    (void)state;

    assert_null(event_ring_snapshot(&ring));
    add(&ring, true, 7);
    event = event_ring_snapshot(&ring);
    assert_int_equal(event->size, strlen(expected));
    assert_memory_equal(event->text, expected, event->size);
    event_unref(event);
    event_ring_clear(&ring);
}

static void all_ticks_in_order(void **state)
{
    struct event_ring ring = {.epoch = 1};
    bool late;
    (void)state;

    add(&ring, true, 0);
    assert_null(event_ring_next(&ring, 0, &late));
    assert_false(late);
    assert_int_equal(event_ring_add(&ring, false, 2, "{}", 2), -EBADMSG);
    for (uint64_t n = 1; n <= 10; n++)
        add(&ring, false, n);
    for (uint64_t n = 0; n < 10; n++) {
        struct event *event = event_ring_next(&ring, n, &late);
        assert_int_equal(event->number, n + 1);
        event_unref(event);
    }
    assert_null(event_ring_next(&ring, 10, &late));
    assert_false(late);
    assert_int_equal(event_ring_add(&ring, false, 11, "{\n}", 3), -EBADMSG);
    assert_int_equal(event_ring_add(&ring, true, 3, "{}", 2), -EBADMSG);
    event_ring_clear(&ring);
}

static void who_is_late_is_told(void **state)
{
    struct event_ring ring = {.epoch = 1};
    struct event *held;
    bool late;
    (void)state;

    add(&ring, true, 0);
    add(&ring, false, 1);
    held = event_ring_next(&ring, 0, &late);
    for (uint64_t n = 2; n <= EVENT_RING_SIZE + 1; n++)
        add(&ring, false, n);
    assert_null(event_ring_next(&ring, 0, &late));
    assert_true(late);
    assert_int_equal(held->number, 1); /* it lives as long as it is sent */
    event_unref(held);
    event_ring_clear(&ring);
}

/* On a machine where ten thousands of processes do something all the time. */
static void large_ticks_have_room(void **state)
{
    static char json[LIMIT_EVENTS_FRAME];
    (void)state;

    memset(json, ' ', sizeof json);
    for (size_t size = LIMIT_EVENTS_KEPT / 16; size <= sizeof json; size *= 2) {
        struct event_ring ring = {.epoch = 1};
        size_t ticks_size = 0;
        bool late;

        add(&ring, true, 0);
        for (uint64_t n = 1; n <= 40; n++) {
            struct event *event;

            assert_int_equal(event_ring_add(&ring, false, n, json, size), 0);
            event = event_ring_next(&ring, n - 1, &late); /* who is not late stays */
            assert_non_null(event);
            event_unref(event);
            assert_true(ring.bytes <= LIMIT_EVENTS_KEPT || ring.first + 1 == ring.next);
            ticks_size += size;
            if (events_snapshot_is_due(n, ticks_size)) {
                add(&ring, true, n);
                ticks_size = 0;
            }
            event = event_ring_snapshot(&ring); /* who comes knows all that is kept behind it */
            event_unref(event_ring_next(&ring, event->number, &late));
            assert_false(late);
            event_unref(event);
        }
        event_ring_clear(&ring);
    }
}

static void ids_are_found_again(void **state)
{
    struct event_ring ring = {.epoch = 0xab};
    uint64_t number = 99;
    (void)state;

    assert_false(event_ring_find(&ring, "ab-0", &number));
    add(&ring, true, 0);
    for (uint64_t n = 1; n <= EVENT_RING_SIZE + 5; n++)
        add(&ring, false, n);
    assert_true(event_ring_find(&ring, "ab-69", &number));
    assert_int_equal(number, 69);
    assert_true(event_ring_find(&ring, "ab-5", &number));
    assert_false(event_ring_find(&ring, "ab-4", &number)); /* 5 is not kept any more */
    assert_false(event_ring_find(&ring, "ab-70", &number));
    assert_false(event_ring_find(&ring, "ac-69", &number));
    assert_false(event_ring_find(&ring, "ab-69x", &number));
    assert_false(event_ring_find(&ring, "ab-", &number));
    assert_false(event_ring_find(&ring, "", &number));
    assert_false(event_ring_find(&ring, "ab-18446744073709551615", &number));
    event_ring_clear(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_as_it_is_sent), cmocka_unit_test(all_ticks_in_order),
        cmocka_unit_test(who_is_late_is_told),    cmocka_unit_test(large_ticks_have_room),
        cmocka_unit_test(ids_are_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
