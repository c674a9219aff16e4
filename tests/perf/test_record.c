/* Records made by hand, and rings that they wrap in. */
#include "base/cleanup.h"
#include "perf/owners.h"
#include "perf/record.h"
#include "perf/ring.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define IDS(pid, tid) ((uint64_t)(tid) << 32 | (pid))
#define HEADER(type, misc, words) ((uint64_t)((words)*8) << 48 | (uint64_t)(misc) << 32 | (type))

static const struct perf_layout plain = {0}, with_id = {.has_id = true},
                                with_stack = {.has_stack = true, .registers = 2};

static void parses_chains(void **state)
{
    const uint64_t words[] = {HEADER(PERF_RECORD_SAMPLE, 2, 10),
                              IDS(7, 8),
                              99,
                              6,
                              PERF_CONTEXT_KERNEL,
                              0xffff,
                              PERF_CONTEXT_USER,
                              1,
                              2,
                              3};
    struct perf_record record;

    (void)state;
    assert_int_equal(perf_record_parse(&plain, words, sizeof words, &record), sizeof words);
    assert_int_equal(record.kind, PERF_KIND_SAMPLE);
    assert_int_equal(record.pid, 7);
    assert_int_equal(record.tid, 8);
    assert_int_equal(record.time_ns, 99);
    assert_int_equal(record.sample.kernel_count, 1);
    assert_ptr_equal(record.sample.kernel, words + 5);
    assert_int_equal(record.sample.user_count, 3);
    assert_ptr_equal(record.sample.user, words + 7);
    assert_null(record.sample.registers);
    assert_null(record.sample.stack);
}

static void passes_over_other_sides(void **state)
{
    /* addresses before any mark, too */
    uint64_t words[] = {HEADER(PERF_RECORD_SAMPLE, 2, 11),
                        IDS(7, 8),
                        99,
                        7,
                        77,
                        PERF_CONTEXT_USER,
                        1,
                        PERF_CONTEXT_GUEST_USER,
                        2,
                        PERF_CONTEXT_USER,
                        3};
    struct perf_record record;

    (void)state;
    assert_int_equal(perf_record_parse(&plain, words, sizeof words, &record), sizeof words);
    assert_null(record.sample.kernel);
    assert_int_equal(record.sample.user_count, 1);
    assert_int_equal(record.sample.user[0], 1);
    words[3] = 8; /* one more than there are */
    assert_int_equal(perf_record_parse(&plain, words, sizeof words, &record), -EBADMSG);
}

static void parses_registers_and_stack(void **state)
{
    uint64_t words[] = {HEADER(PERF_RECORD_SAMPLE, 2, 11),
                        IDS(7, 8),
                        99,
                        0,
                        PERF_SAMPLE_REGS_ABI_64,
                        10,
                        11,
                        16,
                        0x0102,
                        0,
                        8};
    struct perf_record record;

    (void)state;
    assert_int_equal(perf_record_parse(&with_stack, words, sizeof words, &record), sizeof words);
    assert_ptr_equal(record.sample.registers, words + 5);
    assert_false(record.sample.is_32_bit);
    assert_ptr_equal(record.sample.stack, words + 8);
    assert_int_equal(record.sample.stack_size, 8);
    words[10] = 17; /* more than there is room for */
    assert_int_equal(perf_record_parse(&with_stack, words, sizeof words, &record), -EBADMSG);
    words[7] = UINT64_MAX;
    assert_int_equal(perf_record_parse(&with_stack, words, sizeof words, &record), -EBADMSG);
}

static void parses_threads_of_the_kernel(void **state)
{
    const uint64_t words[] = {HEADER(PERF_RECORD_SAMPLE, 1, 6), IDS(7, 8), 99, 0,
                              PERF_SAMPLE_REGS_ABI_NONE,        0};
    struct perf_record record;

    (void)state;
    assert_int_equal(perf_record_parse(&with_stack, words, sizeof words, &record), sizeof words);
    assert_null(record.sample.registers);
    assert_null(record.sample.stack);
    assert_int_equal(record.sample.user_count + record.sample.kernel_count, 0);
}

static void parses_mappings(void **state)
{
    union {
        uint64_t words[13];
        char bytes[104];
    } record_of = {.words = {HEADER(PERF_RECORD_MMAP2, 0, 13), IDS(7, 8), 0x1000, 0x2000, 0x3000,
                             (uint64_t)9 << 32 | 8, 123, 456, (uint64_t)2 << 32 | 5, 0, IDS(7, 8), 99, 1234}};
    struct perf_record record;

    (void)state;
    memcpy(record_of.words + 9, "/a/b.so", 8);
    assert_int_equal(perf_record_parse(&with_id, &record_of, sizeof record_of, &record), sizeof record_of);
    assert_int_equal(record.kind, PERF_KIND_MAPPING);
    assert_int_equal(record.time_ns, 99);
    assert_int_equal(record.id, 1234);
    assert_int_equal(record.mapping.start, 0x1000);
    assert_int_equal(record.mapping.size, 0x2000);
    assert_int_equal(record.mapping.offset, 0x3000);
    assert_int_equal(record.mapping.device_major, 8);
    assert_int_equal(record.mapping.device_minor, 9);
    assert_int_equal(record.mapping.inode, 123);
    assert_int_equal(record.mapping.inode_generation, 456);
    assert_int_equal(record.mapping.protection, 5);
    assert_int_equal(record.mapping.flags, 2);
    assert_int_equal(record.mapping.build_id_size, 0);
    assert_string_equal(record.mapping.path, "/a/b.so");

    record_of.words[0] = HEADER(PERF_RECORD_MMAP2, PERF_RECORD_MISC_MMAP_BUILD_ID, 13);
    record_of.words[5] = 0x5655545300000003; /* its size, three bytes of nothing, and the id */
    assert_int_equal(perf_record_parse(&with_id, &record_of, sizeof record_of, &record), sizeof record_of);
    assert_int_equal(record.mapping.build_id_size, 3);
    assert_memory_equal(record.mapping.build_id, "STU", 3);
    assert_int_equal(record.mapping.inode, 0);

    memset(record_of.words + 9, 'x', 8); /* the end of the name is not to be found in what follows */
    assert_int_equal(perf_record_parse(&with_id, &record_of, sizeof record_of, &record), -EBADMSG);
}

static void parses_threads_coming_and_going(void **state)
{
    uint64_t words[] = {HEADER(PERF_RECORD_FORK, 0, 6), IDS(7, 1), IDS(9, 8), 98, IDS(9, 8), 99};
    struct perf_record record;

    (void)state;
    assert_int_equal(perf_record_parse(&plain, words, sizeof words, &record), sizeof words);
    assert_int_equal(record.kind, PERF_KIND_BEGIN);
    assert_int_equal(record.pid, 7);
    assert_int_equal(record.tid, 9);
    assert_int_equal(record.parent, 1);
    assert_int_equal(record.time_ns, 99);
    words[0] = HEADER(PERF_RECORD_EXIT, 0, 6);
    assert_int_equal(perf_record_parse(&plain, words, sizeof words, &record), sizeof words);
    assert_int_equal(record.kind, PERF_KIND_END);
    assert_int_equal(perf_record_parse(&plain, words, sizeof words - 1, &record), -EBADMSG);
}

static void refuses_every_shorter_one(void **state)
{
    static const struct {
        uint64_t type, least; /* bytes of one that says nothing */
    } cases[] = {{PERF_RECORD_SAMPLE, 48}, {PERF_RECORD_MMAP2, 88}, {PERF_RECORD_COMM, 40},
                 {PERF_RECORD_FORK, 40},   {PERF_RECORD_EXIT, 40},  {PERF_RECORD_LOST, 40}};
    struct perf_record record;

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++)
        for (size_t size = 0; size < cases[i].least; size += 8) {
            _cleanup_free_ uint64_t *words = calloc(1, size > 0 ? size : 1); /* so that reading on is seen */

            assert_non_null(words);
            if (size > 0)
                words[0] = HEADER(cases[i].type, 0, size / 8);
            if (perf_record_parse(&with_stack, words, size, &record) != -EBADMSG)
                fail_msg("type %d with %zu bytes", (int)cases[i].type, size);
        }
}

/* A ring without a kernel: one page of head and tail, and records that wrap. */
static void reads_across_the_end(void **state)
{
    static struct perf_event_mmap_page page;
    static uint64_t words[16], spare[16];
    struct perf_ring ring = {.page = &page, .bytes = (const char *)words, .size = sizeof words};
    struct perf_glance glance;

    (void)state;
    ring.read = 14 * 8 + 16 * 8 * 1000; /* it has gone round a thousand times */
    words[14] = HEADER(PERF_RECORD_SAMPLE, 0, 4);
    words[15] = IDS(7, 8);
    words[0] = 99;
    words[1] = 0;
    words[2] = HEADER(PERF_RECORD_EXIT, 0, 6);
    words[3] = IDS(5, 1);
    words[7] = 100;
    page.data_head = ring.read + 10 * 8;
    perf_ring_refresh(&ring);
    assert_true(perf_ring_glance(&ring, false, &glance));
    assert_int_equal(glance.header.size, 32);
    assert_int_equal(glance.time_ns, 99);
    assert_true(glance.names_process);
    assert_int_equal(glance.pid, 7);
    assert_ptr_equal(perf_ring_record(&ring, glance.header.size, spare), spare);
    assert_int_equal(spare[1], IDS(7, 8));
    assert_int_equal(spare[2], 99);
    perf_ring_skip(&ring, glance.header.size);
    assert_true(perf_ring_glance(&ring, false, &glance));
    assert_int_equal(glance.time_ns, 100);
    assert_int_equal(glance.pid, 5);
    assert_ptr_equal(perf_ring_record(&ring, glance.header.size, spare), words + 2);
    perf_ring_skip(&ring, glance.header.size);
    assert_false(perf_ring_glance(&ring, false, &glance));
    assert_int_equal(page.data_tail, 0);
    perf_ring_give_back(&ring);
    assert_int_equal(page.data_tail, page.data_head);
}

/* Nobody's any more is not the same as not said whose. */
static void tells_whose_a_record_is(void **state)
{
    static const struct {
        uint64_t type;
        uint32_t pid;
        bool names;
    } cases[] = {{PERF_RECORD_SAMPLE, 7, true},
                 {PERF_RECORD_SAMPLE, UINT32_MAX, true}, /* of a thread that has been reaped */
                 {PERF_RECORD_LOST, 7, false},
                 {PERF_RECORD_THROTTLE, UINT32_MAX, false}};
    static struct perf_event_mmap_page page;
    static uint64_t words[16];
    struct perf_ring ring = {.page = &page, .bytes = (const char *)words, .size = sizeof words};
    struct perf_glance glance;

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        words[0] = HEADER(cases[i].type, 0, 4);
        words[1] = IDS(cases[i].pid, cases[i].pid);
        page.data_head = 4 * 8;
        perf_ring_refresh(&ring);
        assert_true(perf_ring_glance(&ring, false, &glance));
        assert_int_equal(glance.names_process, cases[i].names);
        if (cases[i].names)
            assert_int_equal(glance.pid, (pid_t)cases[i].pid);
    }
}

static void counts_a_thread_once(void **state)
{
    struct perf_owners *owners = perf_owners_new(10);

    (void)state;
    assert_non_null(owners);
    assert_true(perf_owners_count(owners, 7, 0, 100, 1000));
    assert_false(perf_owners_count(owners, 7, 0, 200, 1005)); /* the other event of it */
    assert_true(perf_owners_count(owners, 7, 1, 200, 1006));  /* on another processor */
    assert_true(perf_owners_count(owners, 8, 0, 200, 1007));  /* another thread */
    assert_true(perf_owners_count(owners, 7, 0, 100, 1010));
    assert_false(perf_owners_count(owners, 7, 0, 200, 1015));
    assert_true(perf_owners_count(owners, 7, 0, 200, 1040)); /* the first one was silent: it has gone */
    assert_false(perf_owners_count(owners, 7, 0, 100, 1045));
    for (int tid = 10; tid < 100000; tid++) /* more than are remembered */
        assert_true(perf_owners_count(owners, tid, 0, 1, 2000));
    perf_owners_free(owners);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_chains),
        cmocka_unit_test(passes_over_other_sides),
        cmocka_unit_test(parses_registers_and_stack),
        cmocka_unit_test(parses_threads_of_the_kernel),
        cmocka_unit_test(parses_mappings),
        cmocka_unit_test(parses_threads_coming_and_going),
        cmocka_unit_test(refuses_every_shorter_one),
        cmocka_unit_test(reads_across_the_end),
        cmocka_unit_test(tells_whose_a_record_is),
        cmocka_unit_test(counts_a_thread_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
