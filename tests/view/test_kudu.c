#include "view/kudu.h"

#include <stdarg.h>
#include <string.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

#define BASE "https://host:8443/diagnostics/processes"

static const struct kudu_style style = {.base = BASE, .machine = "BOX"};

#define ASSERT_JSON(call, wanted)                                                                            \
    do {                                                                                                     \
        _cleanup_buffer_ struct buffer _text = {0};                                                          \
        struct json json = JSON_INIT(&_text);                                                                \
        call;                                                                                                \
        assert_int_equal(json_finish(&json), 0);                                                             \
        assert_string_equal(buffer_string(&_text), wanted);                                                  \
    } while (0)

static struct buffer block_of(const char *text, size_t size)
{
    return (struct buffer){.data = (char *)text, .size = size};
}
#define BLOCK(text) block_of(text, sizeof(text) - 1)

static void summaries_have_five_members(void **state)
{
    struct kudu_style relative = style;

    (void)state;
    ASSERT_JSON(kudu_summary(&json, &style, 42, "nginx", 0, NULL),
                "{\"id\":42,\"name\":\"nginx\",\"machineName\":\"BOX\",\"href\":\"" BASE
                "/42\",\"user_name\":\"BOX\\\\root\"}");
    relative.base = "";
    ASSERT_JSON(
        kudu_summary(&json, &relative, 7, "a\n\xff", (uid_t)-1, NULL),
        "{\"id\":7,\"name\":\"a\\n\xef\xbf\xbd\",\"machineName\":\"BOX\",\"href\":\"/api/processes/7\"}");
}

static struct module module_at(uint64_t base, const char *path, const char *version)
{
    struct module module = {.base = base, .size = 0x3000, .path = (char *)path};

    (void)snprintf(module.version, sizeof module.version, "%s", version); /* literals */
    return module;
}

static void modules_have_bare_hexadecimal_bases(void **state)
{
    struct module module = module_at(0x7F0012ABC000, "/usr/lib/libz.so.1.2.13", "1.2.13");

    (void)state;
    ASSERT_JSON(kudu_module(&json, &style, 42, &module, false),
                "{\"base_address\":\"7f0012abc000\",\"file_name\":\"libz.so.1.2.13\",\"href\":\"" BASE
                "/42/modules/7f0012abc000\",\"file_version\":\"1.2.13\"}");
    memcpy(module.build_id, "\x01\xab\xff", 3);
    module.build_id_size = 3;
    module.deleted = true;
    (void)snprintf(module.soname, sizeof module.soname, "libz.so.1");
    ASSERT_JSON(
        kudu_module(&json, &style, 42, &module, true),
        "{\"base_address\":\"7f0012abc000\",\"file_name\":\"libz.so.1.2.13\",\"href\":\"" BASE
        "/42/modules/7f0012abc000\",\"file_path\":\"/usr/lib/libz.so.1.2.13\",\"module_memory_size\":12288,"
        "\"file_version\":\"1.2.13\",\"product_version\":\"1.2.13\",\"is_debug\":false,"
        "\"build_id\":\"01abff\",\"soname\":\"libz.so.1\",\"deleted\":true}");
    module = module_at(0x1000, "[vdso]", "");
    module.is_debug = true;
    ASSERT_JSON(
        kudu_module(&json, &style, 42, &module, true),
        "{\"base_address\":\"1000\",\"file_name\":\"[vdso]\",\"href\":\"" BASE
        "/42/modules/1000\",\"file_path\":\"[vdso]\",\"module_memory_size\":12288,\"is_debug\":true}");
}

static void modules_are_sorted_by_file_name(void **state)
{
    struct module items[] = {module_at(1, "/z/b.so", ""), module_at(2, "/y/C.so", ""),
                             module_at(3, "/x/a.so", ""), module_at(4, "/a/b.so", ""),
                             module_at(5, "/usr/bin/B.so", "")};
    struct module_list list = {.items = items, .count = ELEMENTS_OF(items)}, none = {0};

    (void)state;
    ASSERT_JSON(kudu_modules(&json, &style, 9, &none), "[]");
#define SHORT(base, name)                                                                                    \
    "{\"base_address\":\"" base "\",\"file_name\":\"" name "\",\"href\":\"" BASE "/9/modules/" base "\"}"
    ASSERT_JSON(kudu_modules(&json, &style, 9, &list),
                "[" SHORT("3", "a.so") "," SHORT("5", "B.so") "," SHORT("1", "b.so") "," SHORT(
                    "4", "b.so") "," SHORT("2", "C.so") "]");
}

static void threads_short_and_full(void **state)
{
    struct thread_info thread = {
        .id = 43,
        .name = "worker",
        .state = 'S',
        .priority = 20,
        .start_time = 1795242673123456700,
        .user_time = 1500000000,
        .system_time = 0,
        .start_address = 0x55d0abcdef10,
        .wait_channel = "futex_wait_queue",
        .system_call = -1,
    };

    (void)state;
    ASSERT_JSON(kudu_thread(&json, &style, 42, &thread, false),
                "{\"id\":43,\"href\":\"" BASE "/42/threads/43\",\"state\":\"Wait\",\"name\":\"worker\"}");
    thread.system_call = 99999;
    ASSERT_JSON(
        kudu_thread(&json, &style, 42, &thread, true),
        "{\"id\":43,\"href\":\"" BASE "/42/threads/43\",\"process\":\"" BASE
        "/42\",\"start_address\":\"0x55D0ABCDEF10\",\"current_priority\":8,\"priority_level\":\"Normal\","
        "\"base_priority\":8,\"start_time\":\"2026-11-21T06:31:13.1234567Z\","
        "\"total_processor_time\":\"00:00:01.5000000\",\"user_processor_time\":\"00:00:01.5000000\","
        "\"state\":\"Wait\",\"wait_reason\":\"UserRequest\",\"name\":\"worker\",\"cpu\":0,"
        "\"system_call\":\"syscall_99999\",\"wait_channel\":\"futex_wait_queue\","
        "\"stack\":\"https://host:8443/diagnostics/processes/42/threads/43/stack\"}");
    thread = (struct thread_info){.id = 43, .state = 'R', .priority = 20, .processor = 3, .system_call = -1};
    thread.system_time = 86400 * INT64_C(1000000000);
    ASSERT_JSON(kudu_thread(&json, &style, 42, &thread, true),
                "{\"id\":43,\"href\":\"" BASE "/42/threads/43\",\"process\":\"" BASE
                "/42\",\"current_priority\":8,\"priority_level\":\"Normal\",\"base_priority\":8,"
                "\"total_processor_time\":\"1.00:00:00\",\"priviledged_processor_time\":\"1.00:00:00\","
                "\"state\":\"Running\",\"cpu\":3,"
                "\"stack\":\"https://host:8443/diagnostics/processes/42/threads/43/stack\"}");
}

static void environments_are_filtered_flat_objects(void **state)
{
    struct buffer block =
        BLOCK("PATH=/bin:/usr/bin\0Home=/root\0EMPTY=\0X=a=b\0rubbish\0=none\0PATH=second\0tail=no NUL");
    struct buffer empty = {0}, odd = BLOCK("B\xff=\xfe\0Q\"=\\\n");

    (void)state;
    ASSERT_JSON(
        kudu_environment(&json, &style, &block, "all"),
        "{\"PATH\":\"/bin:/usr/bin\",\"Home\":\"/root\",\"EMPTY\":\"\",\"X\":\"a=b\",\"tail\":\"no NUL\"}");
    ASSERT_JSON(
        kudu_environment(&json, &style, &block, "ALL"),
        "{\"PATH\":\"/bin:/usr/bin\",\"Home\":\"/root\",\"EMPTY\":\"\",\"X\":\"a=b\",\"tail\":\"no NUL\"}");
    ASSERT_JSON(kudu_environment(&json, &style, &block, "om"), "{\"Home\":\"/root\"}");
    ASSERT_JSON(kudu_environment(&json, &style, &block, "pAt"), "{\"PATH\":\"/bin:/usr/bin\"}");
    ASSERT_JSON(kudu_environment(&json, &style, &block, "PATH=/"), "{}"); /* names only, never values */
    ASSERT_JSON(kudu_environment(&json, &style, &block, "root"), "{}");
    ASSERT_JSON(kudu_environment(&json, &style, &empty, "all"), "{}");
    ASSERT_JSON(kudu_environment(&json, &style, &odd, "all"),
                "{\"B\xef\xbf\xbd\":\"\xef\xbf\xbd\",\"Q\\\"\":\"\\\\\\n\"}");
}

/* The document with the value of "time_stamp", which is now, taken out. */
static void write_process(const struct process_info *info, struct buffer *text)
{
    struct json json = JSON_INIT(text);
    char *stamp, *end;

    kudu_process(&json, &style, info);
    assert_int_equal(json_finish(&json), 0);
    stamp = strstr(text->data, "\"time_stamp\":\"");
    assert_non_null(stamp);
    stamp += strlen("\"time_stamp\":\"");
    assert_true(strspn(stamp, "0123456789-T:.") == strlen("2026-11-21T06:31:13.1234567"));
    end = strchr(stamp, '"');
    assert_true(end[-1] == 'Z');
    memmove(stamp, end, strlen(end) + 1);
}

#define MEMORY_ZERO                                                                                          \
    .vm_peak = 0, .vm_size = 0, .vm_hwm = 0, .vm_rss = 0, .vm_data = 0, .vm_pte = 0, .vm_swap = 0

static void details_leave_defaults_out_but_not_arrays(void **state)
{
    struct process_info info = {
        .stat = {.pid = 42, .parent = 0, .state = 'S'},
        .status = {.uid = {0, (uid_t)-1, 0, 0}, MEMORY_ZERO},
        .name = "a",
        .environ_denied = true,
    };
    _cleanup_buffer_ struct buffer text = {0};

    (void)state;
    write_process(&info, &text);
    assert_string_equal(text.data,
                        "{\"id\":42,\"name\":\"a\",\"machineName\":\"BOX\",\"href\":\"" BASE
                        "/42\",\"minidump\":\"" BASE "/42/dump\",\"gcdump\":\"" BASE
                        "/42/gcdump\",\"parent\":\"" BASE
                        "/-1\",\"children\":[],\"threads\":[],\"open_file_handles\":[],\"modules\":[],"
                        "\"file_name\":\"N/A\",\"peak_paged_memory\":-1,\"time_stamp\":\"\"}");
}

static void details_have_every_member_in_order(void **state)
{
    pid_t children[] = {50, 51};
    struct thread_info threads[] = {{.id = 42, .name = "web", .state = 'R'}};
    struct open_file files[] = {{.fd = 0, .text = (char *)"/dev/null"}};
    struct module modules[] = {module_at(0x400000, "/srv/web", "")};
    struct process_info info = {
        .stat = {.pid = 42, .parent = 1, .state = 'S'},
        .status = {.uid = {0, 0, 0, 0},
                   .vm_rss = 1,
                   .vm_hwm = 2,
                   .vm_data = 3,
                   .vm_size = 4,
                   .vm_peak = 5,
                   .vm_swap = 6,
                   .vm_pte = 7},
        .name = "web",
        .file_name = (char *)"/srv/web",
        .command_line = BLOCK("web -x"),
        .environ = BLOCK("APP_POOL_ID=~1x\0WEBJOBS_NAME=j\0WEBJOBS_TYPE=Continuous"),
        .start_time = 1795242673000000000,
        .user_time = 60000000000,
        .system_time = 10000000,
        .handle_count = 1,
        .children = {.items = children, .count = 2},
        .threads = {.items = threads, .count = 1},
        .files = {.items = files, .count = 1},
        .modules = {.items = modules, .count = 1},
    };
    _cleanup_buffer_ struct buffer text = {0};

    (void)state;
    write_process(&info, &text);
    assert_string_equal(
        text.data,
        "{\"id\":42,\"name\":\"web\",\"machineName\":\"BOX\",\"href\":\"" BASE "/42\",\"minidump\":\"" BASE
        "/42/dump\",\"gcdump\":\"" BASE "/42/gcdump\",\"parent\":\"" BASE "/1\",\"children\":[\"" BASE
        "/50\",\"" BASE "/51\"],\"threads\":[{\"id\":42,\"href\":\"" BASE
        "/42/threads/42\",\"state\":\"Running\",\"name\":\"web\"}],\"open_file_handles\":[\"/dev/null\"],"
        "\"modules\":[{\"base_address\":\"400000\",\"file_name\":\"web\",\"href\":\"" BASE
        "/42/modules/400000\"}],\"file_name\":\"/srv/web\",\"command_line\":\"web "
        "-x\",\"user_name\":\"BOX\\\\root\","
        "\"handle_count\":1,\"module_count\":1,\"thread_count\":1,\"start_time\":\"2026-11-21T06:31:13."
        "0000000Z\","
        "\"total_cpu_time\":\"00:01:00.0100000\",\"user_cpu_time\":\"00:01:00\","
        "\"privileged_cpu_time\":\"00:00:00.0100000\",\"working_set\":1,\"peak_working_set\":2,\"private_"
        "memory\":3,"
        "\"virtual_memory\":4,\"peak_virtual_memory\":5,\"paged_system_memory\":6,\"non_paged_system_"
        "memory\":7,"
        "\"paged_memory\":6,\"peak_paged_memory\":-1,\"time_stamp\":\"\",\"environment_variables\":{\"APP_"
        "POOL_ID\":"
        "\"~1x\",\"WEBJOBS_NAME\":\"j\",\"WEBJOBS_TYPE\":\"Continuous\"},\"is_scm_site\":true,\"is_webjob\":"
        "true,"
        "\"description\":\"WebJob: j, Type: Continuous\"}");
}

static void the_unknown_is_minus_one_but_no_memory_is_none(void **state)
{
    struct process_info info = {
        .stat = {.pid = 42, .parent = 1, .state = 'S'},
        .status = {.vm_rss = -1,
                   .vm_hwm = -1,
                   .vm_data = -1,
                   .vm_size = -1,
                   .vm_peak = -1,
                   .vm_swap = -1,
                   .vm_pte = -1},
        .name = "x",
        .handle_count = -1,
        .modules_denied = true,
    };
    _cleanup_buffer_ struct buffer unknown = {0}, none = {0};

    (void)state;
    write_process(&info, &unknown);
    assert_non_null(strstr(unknown.data, "\"handle_count\":-1,\"module_count\":-1,"));
    assert_non_null(
        strstr(unknown.data, "\"working_set\":-1,\"peak_working_set\":-1,\"private_memory\":-1,"));
    info.stat.state = 'Z';
    write_process(&info, &none);
    assert_null(strstr(none.data, "working_set"));
    assert_null(strstr(none.data, "paged_memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summaries_have_five_members),
        cmocka_unit_test(modules_have_bare_hexadecimal_bases),
        cmocka_unit_test(modules_are_sorted_by_file_name),
        cmocka_unit_test(threads_short_and_full),
        cmocka_unit_test(environments_are_filtered_flat_objects),
        cmocka_unit_test(details_leave_defaults_out_but_not_arrays),
        cmocka_unit_test(details_have_every_member_in_order),
        cmocka_unit_test(the_unknown_is_minus_one_but_no_memory_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
