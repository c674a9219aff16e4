/* Stacks that are made up, as JSON and as text. */
#include "view/stacks.h"

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

static struct module libc = {.base = 0x7f0000000000,
                             .size = 0x1000,
                             .path = (char[]){"/usr/lib/libc.so.6"},
                             .build_id = {0xab, 1},
                             .build_id_size = 2};
static struct capture_thread threads[] = {
    {.id = 10, .name = "main", .state = 'S'},
    {.id = 11, .name = "pool\n1", .state = 'S', .user_time = 1500000000},
    {.id = 12, .name = "pool 2", .state = 'R'},
};
static struct frame of_main[] = {
    {.address = 0x7f0000000123,
     .module = &libc,
     .function = "poll",
     .offset = 0x23,
     .by = WALKED_BY_REGISTERS},
    {.address = 0x400100,
     .function = "ns::inner(int)",
     .file = "a b.cc",
     .line = 7,
     .inlined = true,
     .by = WALKED_BY_CFI},
    {.address = 0x400100,
     .function = "main",
     .offset = 16,
     .file = "a b.cc",
     .line = 20,
     .by = WALKED_BY_CFI},
};
static struct frame of_pool[] = {
    {.address = 0x7f0000000200, .module = &libc, .by = WALKED_BY_REGISTERS},
    {.address = 0x500000, .is_signal = true, .by = WALKED_BY_CFI},
    {.address = 0x500010, .function = "\x1b[31mred", .by = WALKED_BY_FRAME_POINTER},
};
static struct thread_stack items[] = {
    {.thread = &threads[0], .frames = of_main, .count = 3, .end = WALK_OUTERMOST},
    {.thread = &threads[1], .frames = of_pool, .count = 3, .end = WALK_LOST},
    {.thread = &threads[2], .frames = of_pool, .count = 3, .end = WALK_LOST},
};
static const struct stacks stacks = {.items = items, .count = 3};
static const struct capture capture = {.pid = 10, .name = "known", .held_ns = 1234567};

static const char *as_json(bool together, const struct kudu_style *style)
{
    static struct buffer out;
    struct stacks_view view = {.style = style, .capture = &capture, .stacks = &stacks, .together = together};
    struct json json = JSON_INIT(&out);

    buffer_release(&out);
    stacks_json(&json, &view);
    assert_int_equal(json_finish(&json), 0);
    return buffer_string(&out);
}

static void test_json(void **state _unused_)
{
    static const struct kudu_style style = {.base = ""};

    assert_string_equal(
        as_json(false, &style),
        "{\"id\":10,\"name\":\"known\",\"href\":\"/api/processes/"
        "10\",\"held_microseconds\":1234,\"thread_count\":3,"
        "\"threads\":[{\"id\":10,\"href\":\"/api/processes/10/threads/"
        "10\",\"name\":\"main\",\"state\":\"Wait\","
        "\"frames\":[{\"address\":\"7f0000000123\",\"module\":\"libc.so.6\",\"build_id\":\"ab01\","
        "\"function\":\"poll\","
        "\"offset\":35,\"found_by\":\"registers\"},"
        "{\"address\":\"400100\",\"function\":\"ns::inner(int)\",\"file\":\"a "
        "b.cc\",\"line\":7,\"inlined\":true,"
        "\"found_by\":\"cfi\"},"
        "{\"address\":\"400100\",\"function\":\"main\",\"offset\":16,\"file\":\"a "
        "b.cc\",\"line\":20,\"found_by\":\"cfi\"}],"
        "\"end\":\"outermost\"},"
        "{\"id\":11,\"href\":\"/api/processes/10/threads/11\",\"name\":\"pool\\n1\",\"state\":\"Wait\","
        "\"total_processor_time\":\"00:00:01.5000000\","
        "\"frames\":[{\"address\":\"7f0000000200\",\"module\":\"libc.so.6\",\"build_id\":\"ab01\",\"module_"
        "offset\":512,"
        "\"found_by\":\"registers\"},"
        "{\"address\":\"500000\",\"signal\":true,\"found_by\":\"cfi\"},"
        "{\"address\":\"500010\",\"function\":\"\\u001b[31mred\",\"offset\":0,\"found_by\":\"frame_pointer\"}"
        "],"
        "\"end\":\"lost\"},"
        "{\"id\":12,\"href\":\"/api/processes/10/threads/12\",\"name\":\"pool 2\",\"state\":\"Running\","
        "\"frames\":[{\"address\":\"7f0000000200\",\"module\":\"libc.so.6\",\"build_id\":\"ab01\",\"module_"
        "offset\":512,"
        "\"found_by\":\"registers\"},"
        "{\"address\":\"500000\",\"signal\":true,\"found_by\":\"cfi\"},"
        "{\"address\":\"500010\",\"function\":\"\\u001b[31mred\",\"offset\":0,\"found_by\":\"frame_pointer\"}"
        "],"
        "\"end\":\"lost\"}]}");
}

static void test_json_in_groups(void **state _unused_)
{
    assert_string_equal(
        as_json(true, NULL),
        "{\"id\":10,\"name\":\"known\",\"held_microseconds\":1234,\"thread_count\":3,"
        "\"groups\":[{\"count\":2,\"threads\":[{\"id\":11,\"name\":\"pool\\n1\",\"state\":\"Wait\","
        "\"total_processor_time\":\"00:00:01.5000000\"},{\"id\":12,\"name\":\"pool "
        "2\",\"state\":\"Running\"}],"
        "\"frames\":[{\"address\":\"7f0000000200\",\"module\":\"libc.so.6\",\"build_id\":\"ab01\",\"module_"
        "offset\":512,"
        "\"found_by\":\"registers\"},"
        "{\"address\":\"500000\",\"signal\":true,\"found_by\":\"cfi\"},"
        "{\"address\":\"500010\",\"function\":\"\\u001b[31mred\",\"offset\":0,\"found_by\":\"frame_pointer\"}"
        "],"
        "\"end\":\"lost\"},"
        "{\"count\":1,\"threads\":[{\"id\":10,\"name\":\"main\",\"state\":\"Wait\"}],"
        "\"frames\":[{\"address\":\"7f0000000123\",\"module\":\"libc.so.6\",\"build_id\":\"ab01\","
        "\"function\":\"poll\","
        "\"offset\":35,\"found_by\":\"registers\"},"
        "{\"address\":\"400100\",\"function\":\"ns::inner(int)\",\"file\":\"a "
        "b.cc\",\"line\":7,\"inlined\":true,"
        "\"found_by\":\"cfi\"},"
        "{\"address\":\"400100\",\"function\":\"main\",\"offset\":16,\"file\":\"a "
        "b.cc\",\"line\":20,\"found_by\":\"cfi\"}],"
        "\"end\":\"outermost\"}]}");
}

static void check_text(bool together, const char *expected)
{
    struct stacks_view view = {.capture = &capture, .stacks = &stacks, .together = together};
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(65536);

    assert_int_equal(stacks_text(&out, &view), 0);
    assert_string_equal(buffer_string(&out), expected);
}

static void test_text(void **state _unused_)
{
    check_text(false, "process 10 known: 3 threads, held for 1.2 ms\n"
                      "\n"
                      "thread 10 \"main\" Wait\n"
                      "  #0   0x7f0000000123 poll+0x23 (libc.so.6)\n"
                      "  #1   0x000000400100 ns::inner(int) [inlined] at a b.cc:7\n"
                      "  #2   0x000000400100 main+0x10 at a b.cc:20\n"
                      "\n"
                      "thread 11 \"pool\\n1\" Wait\n"
                      "  #0   0x7f0000000200 ?? (libc.so.6+0x200)\n"
                      "  #1   0x000000500000 <signal handler called>\n"
                      "  #2   0x000000500010 \\e[31mred+0x0\n"
                      "  (no way on from here: neither call frame information nor a frame pointer)\n"
                      "\n"
                      "thread 12 \"pool 2\" Running\n"
                      "  #0   0x7f0000000200 ?? (libc.so.6+0x200)\n"
                      "  #1   0x000000500000 <signal handler called>\n"
                      "  #2   0x000000500010 \\e[31mred+0x0\n"
                      "  (no way on from here: neither call frame information nor a frame pointer)\n");
    check_text(true, "process 10 known: 3 threads, held for 1.2 ms\n"
                     "\n"
                     "2 threads: 11 \"pool\\n1\", 12 \"pool 2\"\n"
                     "  #0   0x7f0000000200 ?? (libc.so.6+0x200)\n"
                     "  #1   0x000000500000 <signal handler called>\n"
                     "  #2   0x000000500010 \\e[31mred+0x0\n"
                     "  (no way on from here: neither call frame information nor a frame pointer)\n"
                     "\n"
                     "thread 10 \"main\" Wait\n"
                     "  #0   0x7f0000000123 poll+0x23 (libc.so.6)\n"
                     "  #1   0x000000400100 ns::inner(int) [inlined] at a b.cc:7\n"
                     "  #2   0x000000400100 main+0x10 at a b.cc:20\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_in_groups),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
