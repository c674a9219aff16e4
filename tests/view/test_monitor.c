#include "view/monitor.h"

#include <stdarg.h>
#include <string.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

#define NOTHING "\"moduleVersionId\":\"00000000-0000-0000-0000-000000000000\",\"hidden\":false"

static void processes_have_dotnet_monitors_members(void **state)
{
    const struct monitor_process process = {.pid = 42,
                                            .uid = "7b03fa5a-88ef-4630-899d-418bc0a3eb76",
                                            .name = "a\"\xff",
                                            .is_default = true,
                                            .assembly = ""};
    _cleanup_buffer_ struct buffer text = {0};
    struct json json = JSON_INIT(&text);
    (void)state;

    json_array_begin(&json);
    monitor_identifier(&json, &process);
    monitor_process(&json, &process);
    json_array_end(&json);
    assert_int_equal(json_finish(&json), 0);
    assert_string_equal(
        text.data,
        "[{\"pid\":42,\"uid\":\"7b03fa5a-88ef-4630-899d-418bc0a3eb76\",\"name\":\"a\\\"\xef\xbf\xbd\","
        "\"isDefault\":true},{\"pid\":42,\"uid\":\"7b03fa5a-88ef-4630-899d-418bc0a3eb76\",\"name\":"
        "\"a\\\"\xef\xbf\xbd\",\"commandLine\":null,\"operatingSystem\":\"Linux\",\"processArchitecture\":"
        "null,\"managedEntryPointAssemblyName\":null}]");
}

/* A native thread, one of Java and one of Python. */
struct made_up {
    struct capture_thread threads[3];
    struct module module;
    struct frame native[2], interpreted[1], managed[3];
    struct thread_stack items[3];
    struct stacks stacks;
    struct stacks_view view;
};

static void make_up(struct made_up *made)
{
    *made = (struct made_up){
        .threads = {{.id = 0x2a, .name = "one"}, {.id = 43, .name = "two"}, {.id = 44, .name = "three"}},
        .module = {.base = 0x1000, .path = (char *)"/lib/libc.so.6"},
        .native = {{.address = 0x1010, .module = &made->module, .function = "poll\n"}, {.address = 0xabc}},
        .interpreted = {{.function = "run", .file = "/srv/app.py", .is_python = true}},
        .managed = {{.function = "Known.Places.Stands.InMonitor(System.String[],int32[,])",
                     .is_dotnet = true},
                    {.function = "Known.Place..ctor()", .is_dotnet = true},
                    {.function = "Main", .is_dotnet = true}},
    };
    made->items[0] = (struct thread_stack){.thread = &made->threads[0], .frames = made->native, .count = 2};
    made->items[1] =
        (struct thread_stack){.thread = &made->threads[1], .frames = made->interpreted, .count = 1};
    made->items[2] = (struct thread_stack){.thread = &made->threads[2], .frames = made->managed, .count = 3};
    made->stacks = (struct stacks){.items = made->items, .count = 3};
    made->view = (struct stacks_view){.stacks = &made->stacks};
}

static void stacks_are_in_dotnets_words(void **state)
{
    _cleanup_buffer_ struct buffer text = {0}, plain = {0};
    struct json json = JSON_INIT(&text);
    struct made_up made;
    (void)state;

    make_up(&made);
    monitor_stacks_json(&json, &made.view);
    assert_int_equal(json_finish(&json), 0);
    assert_string_equal(
        text.data,
        "{\"stacks\":[{\"threadId\":42,\"threadName\":\"one\",\"frames\":[{\"methodName\":\"poll\\n\","
        "\"methodToken\":0,"
        "\"typeName\":\"\",\"moduleName\":\"libc.so.6\"," NOTHING
        "},{\"methodName\":\"0xabc\",\"methodToken\":0,"
        "\"typeName\":\"\",\"moduleName\":\"\"," NOTHING
        "}]},{\"threadId\":43,\"threadName\":\"two\",\"frames\":["
        "{\"methodName\":\"run\",\"methodToken\":0,\"typeName\":\"\",\"moduleName\":\"/srv/app.py\"," NOTHING
        "}]},{\"threadId\":44,\"threadName\":\"three\",\"frames\":["
        "{\"methodName\":\"InMonitor\",\"methodToken\":0,\"typeName\":\"Known.Places.Stands\",\"moduleName\":"
        "\"\"," NOTHING "},{\"methodName\":\".ctor\",\"methodToken\":0,\"typeName\":\"Known.Place\","
        "\"moduleName\":\"\"," NOTHING
        "},{\"methodName\":\"Main\",\"methodToken\":0,\"typeName\":\"\",\"moduleName\":\"\"," NOTHING
        "}]}]}");
    assert_int_equal(monitor_stacks_text(&plain, &made.view), 0);
    assert_string_equal(plain.data, "Thread: (0x2A)\n  libc.so.6!poll\\n\n  ?"
                                    "?!0xabc\n\n"
                                    "Thread: (0x2B)\n  /srv/app.py!run\n\n"
                                    "Thread: (0x2C)\n  ?"
                                    "?!Known.Places.Stands.InMonitor\n  ?"
                                    "?!Known.Place..ctor\n  ?"
                                    "?!Main\n\n");
}

static void metrics_are_a_sequence(void **state)
{
    const struct monitor_metric metric =
                                    {"System.Runtime", "cpu-usage", "CPU Usage", "%", "a:b", 12.5, false},
                                rate = {"p", "n", "d", "", "", 1e9, true};
    _cleanup_buffer_ struct buffer text = {0};
    (void)state;

    assert_int_equal(monitor_metric(&text, 1795242673123456700, &metric), 0);
    assert_int_equal(monitor_metric(&text, 0, &rate), 0);
    assert_string_equal(
        text.data, "\x1e{\"timestamp\":\"2026-11-21T06:31:13.1234567+00:00\",\"provider\":\"System.Runtime\","
                   "\"name\":\"cpu-usage\","
                   "\"displayName\":\"CPU "
                   "Usage\",\"unit\":\"%\",\"counterType\":\"Metric\",\"tags\":\"a:b\",\"value\":12.5,"
                   "\"meterTags\":null,\"instrumentTags\":null}\n"
                   "\x1e{\"timestamp\":\"1970-01-01T00:00:00.0000000+00:00\",\"provider\":\"p\",\"name\":"
                   "\"n\",\"displayName\":\"d\","
                   "\"unit\":\"\",\"counterType\":\"Rate\",\"tags\":\"\",\"value\":1000000000,\"meterTags\":"
                   "null,\"instrumentTags\":null}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_have_dotnet_monitors_members),
        cmocka_unit_test(stacks_are_in_dotnets_words),
        cmocka_unit_test(metrics_are_a_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
