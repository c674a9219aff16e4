/* Methods out of a made-up rundown: their names, where they are, and what is broken or too much. */
#include "base/limits.h"

#include "runtime/dotnet_methods.h"

#include "dotnet_stream.h"

#include <errno.h>

enum { FORM_METHOD = 1, FORM_COMPLETE, FORM_OTHER };

struct made {
    struct buffer events, payload;
};

#define MADE_INIT ((struct made){.events = BUFFER_INIT(0), .payload = BUFFER_INIT(0)})

static void made_release(struct made *made)
{
    buffer_release(&made->events);
    buffer_release(&made->payload);
}

static void put_method(struct buffer *out, uint64_t start, uint32_t size, uint32_t flags)
{
    put64(out, 1);
    put64(out, 2);
    put64(out, start);
    put32(out, size);
    put32(out, 0x6000001);
    put32(out, flags);
}

static void tell(struct made *made, uint32_t form)
{
    put_event(&made->events, form, 1, &made->payload);
    buffer_clear(&made->payload);
}

static void tell_method(struct made *made, uint64_t start, uint32_t size, uint32_t flags, const char *type,
                        const char *name, const char *signature)
{
    put_method(&made->payload, start, size, flags);
    put_text(&made->payload, type);
    put_text(&made->payload, name);
    put_text(&made->payload, signature);
    put16(&made->payload, 7); /* which runtime of the process */
    put64(&made->payload, 0);
    tell(made, FORM_METHOD);
}

static void make_stream(const struct made *made, struct buffer *out)
{
    _cleanup_buffer_ struct buffer forms = BUFFER_INIT(0);

    put_form(&forms, FORM_METHOD, "Microsoft-Windows-DotNETRuntimeRundown", 144);
    put_form(&forms, FORM_COMPLETE, "Microsoft-Windows-DotNETRuntimeRundown", 146);
    put_form(&forms, FORM_OTHER, "Microsoft-Windows-DotNETRuntime", 144);
    put_beginning(out, 8);
    put_block(out, "MetadataBlock", &forms);
    put_block(out, "EventBlock", &made->events);
    put8(out, 1);
}

static void read_in(struct made *made, size_t piece, struct dotnet_methods *methods)
{
    _cleanup_buffer_ struct buffer stream = BUFFER_INIT(0);
    _cleanup_dotnet_events_ struct dotnet_events events = DOTNET_EVENTS_INIT;

    make_stream(made, &stream);
    events.take = dotnet_methods_take;
    events.to = methods;
    for (size_t at = 0; at < stream.size; at += piece)
        assert_int_equal(dotnet_events_feed(&events, stream.data + at,
                                            piece < stream.size - at ? piece : stream.size - at),
                         0);
    assert_true(events.is_whole);
    dotnet_methods_finish(methods);
}

static void assert_name(const struct dotnet_methods *methods, uint64_t address, const char *name)
{
    const struct dotnet_method *method = dotnet_methods_find(methods, address);

    if (!name) {
        assert_null(method);
        return;
    }
    assert_non_null(method);
    assert_string_equal(dotnet_method_name(methods, method), name);
}

static void test_names_and_places(void **state)
{
    static const size_t pieces[] = {1, 13, 100000};

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(pieces); i++) {
        _cleanup_(made_release) struct made made = MADE_INIT;
        _cleanup_dotnet_methods_ struct dotnet_methods methods = DOTNET_METHODS_INIT;

        tell_method(&made, 0x3000, 0x100, 0, "A.B`1[System.__Canon]", "Do",
                    "instance void  (int32,class System.String,value class C.D`1<class E,valuetype F>&)");
        tell_method(&made, 0x1000, 0x10, 0, "A", "subclass x", "class R  ()");
        tell_method(&made, 0x1010, 0x10, 1, "dynamicClass", "Made", "void  (int32)");
        tell_method(&made, 0x2000, 0x20, 0, "", "Global", "method void *(int32)  (class G,class H)");
        tell_method(&made, 0x2020, 0x20, 0, "A", "Without", "");
        tell(&made, FORM_COMPLETE);
        read_in(&made, pieces[i], &methods);
        assert_true(methods.is_whole && !methods.is_cut);
        assert_int_equal(methods.count, 5);
        assert_name(&methods, 0xfff, NULL);
        assert_name(&methods, 0x1000, "A.subclass x()");
        assert_name(&methods, 0x100f, "A.subclass x()");
        assert_name(&methods, 0x1010, "dynamicClass.Made(int32)");
        assert_true(dotnet_methods_find(&methods, 0x1010)->is_dynamic);
        assert_false(dotnet_methods_find(&methods, 0x1000)->is_dynamic);
        assert_name(&methods, 0x1020, NULL);
        assert_name(&methods, 0x2010, "Global(G,H)");
        assert_name(&methods, 0x2020, "A.Without");
        assert_name(&methods, 0x30ff, "A.B`1[System.__Canon].Do(int32,System.String,C.D`1<E,F>&)");
        assert_name(&methods, 0x3100, NULL);
        assert_name(&methods, UINT64_MAX, NULL);
    }
}

static void test_the_last_told_counts(void **state)
{
    _cleanup_(made_release) struct made made = MADE_INIT;
    _cleanup_dotnet_methods_ struct dotnet_methods methods = DOTNET_METHODS_INIT;

    (void)state;
    tell_method(&made, 0x1000, 0x10, 0, "A", "First", "void  ()");
    tell_method(&made, 0x1000, 0x10, 0, "A", "Second", "void  ()");
    read_in(&made, 100, &methods);
    assert_name(&methods, 0x1000, "A.Second()");
    assert_false(methods.is_whole); /* its end is missing */
}

static void test_what_is_broken_is_passed_over(void **state)
{
    _cleanup_(made_release) struct made made = MADE_INIT;
    _cleanup_dotnet_methods_ struct dotnet_methods methods = DOTNET_METHODS_INIT;
    _cleanup_free_ char *name = malloc(3 * LIMIT_DOTNET_NAME);
    const struct dotnet_method *method;

    (void)state;
    assert_non_null(name);
    memset(name, 'n', 3 * LIMIT_DOTNET_NAME - 1);
    name[3 * LIMIT_DOTNET_NAME - 1] = '\0';
    tell_method(&made, 0x1000, 0, 0, "A", "NoSize", "void  ()");
    tell_method(&made, 0x1000, UINT32_MAX, 0, "A", "TooLarge", "void  ()");
    tell_method(&made, UINT64_MAX - 4, 16, 0, "A", "Wraps", "void  ()");
    tell_method(&made, 0x1000, 16, 0, "", "", "");
    put_method(&made.payload, 0x1000, 16, 0); /* no names */
    tell(&made, FORM_METHOD);
    put_method(&made.payload, 0x1000, 16, 0);
    put_text(&made.payload, "A");
    put16(&made.payload, 'B'); /* and no end of it */
    tell(&made, FORM_METHOD);
    put64(&made.payload, 1);
    tell(&made, FORM_METHOD);
    put_method(&made.payload, 0x1000, 16, 0);
    put_text(&made.payload, "A");
    put_text(&made.payload, "OfAnotherProvider");
    put_text(&made.payload, "void  ()");
    tell(&made, FORM_OTHER);
    tell_method(&made, 0x2000, 16, 0, name, name, name);
    read_in(&made, 1000, &methods);
    assert_int_equal(methods.count, 1);
    method = dotnet_methods_find(&methods, 0x2000);
    assert_int_equal(strlen(dotnet_method_name(&methods, method)), LIMIT_DOTNET_NAME);
}

/* Past the bound what is there stays, and that it isn't all is said. */
static void test_too_many(void **state)
{
    _cleanup_(made_release) struct made made = MADE_INIT;
    _cleanup_dotnet_methods_ struct dotnet_methods methods = DOTNET_METHODS_INIT;
    struct dotnet_event event = {.source = DOTNET_RUNDOWN, .id = 144};

    (void)state;
    methods.text.limit = 1000;
    put_method(&made.payload, 0x1000, 16, 0);
    put_text(&made.payload, "A");
    put_text(&made.payload, "Method");
    put_text(&made.payload, "void  ()");
    event.payload = (const uint8_t *)made.payload.data;
    event.size = made.payload.size;
    for (int i = 0; i < 200; i++)
        assert_int_equal(dotnet_methods_take(&methods, &event), 0);
    assert_true(methods.is_cut);
    assert_int_equal(methods.count, 1000 / sizeof "A.Method()");
    dotnet_methods_finish(&methods);
    assert_name(&methods, 0x1000, "A.Method()");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_places),
        cmocka_unit_test(test_the_last_told_counts),
        cmocka_unit_test(test_what_is_broken_is_passed_over),
        cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
