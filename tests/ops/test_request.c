#include "ops/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

/* By hand, so that the form on the wire is fixed: a front and an inspector of two builds never meet, but a
 * change must be seen. */
static const char wire[] = "1MSP\1\0\2\0"
                           "\11\0\4\0\0\0"
                           "operationlist"
                           "\2\0\2\0\0\0"
                           "id-1";

static void the_form_on_the_wire(void **state)
{
    _cleanup_request_ struct request request = {0};
    _cleanup_buffer_ struct buffer again = {0};
    (void)state;

    assert_int_equal(request_decode(wire, sizeof wire - 1, &request, NULL), 0);
    assert_string_equal(request.operation, "list");
    assert_int_equal(request.id, REQUEST_ID_MAIN);
    assert_int_equal(request_encode(&request, &again), 0);
    assert_int_equal(again.size, sizeof wire - 1);
    assert_memory_equal(again.data, wire, sizeof wire - 1);
}

static void all_parts_arrive(void **state)
{
    _cleanup_request_ struct request request = {.operation = "module", .id = 42, .child = (int64_t)~0ull},
                                     back = {0};
    _cleanup_buffer_ struct buffer message = {0};
    (void)state;

    (void)snprintf(request.base, sizeof request.base, "https://host:1/api/processes");
    (void)snprintf(request.resource, sizeof request.resource, "/subscriptions/s");
    (void)snprintf(request.location, sizeof request.location, "West Europe");
    (void)snprintf(request.wanted_uid, sizeof request.wanted_uid, "7b03fa5a-88ef-4630-899d-418bc0a3eb76");
    (void)snprintf(request.wanted_name, sizeof request.wanted_name, "nginx");
    request.dialect = DIALECT_ARM;
    request.for_reader = true;
    assert_int_equal(fields_add(&request.arguments, "a", ""), 0);
    assert_int_equal(fields_add(&request.arguments, "b", "\n\xff\"first"), 0);
    assert_int_equal(fields_add(&request.arguments, "b", "last"), 0);
    assert_int_equal(request_encode(&request, &message), 0);
    assert_int_equal(request_decode(message.data, message.size, &back, NULL), 0);
    assert_string_equal(back.base, request.base);
    assert_int_equal(back.child, request.child);
    assert_string_equal(back.resource, request.resource);
    assert_string_equal(back.location, request.location);
    assert_int_equal(back.dialect, DIALECT_ARM);
    assert_string_equal(back.wanted_uid, request.wanted_uid);
    assert_string_equal(back.wanted_name, request.wanted_name);
    assert_true(back.for_reader && !back.head_only);
    assert_int_equal(back.arguments.count, 3);
    assert_string_equal(request_string(&back, "a"), "");
    assert_string_equal(back.arguments.items[1].value, "\n\xff\"first");
    assert_string_equal(request_string(&back, "b"), "last");
    assert_null(request_string(&back, "c"));
}

static void every_cut_and_every_flipped_byte_is_safe(void **state)
{
    char bytes[sizeof wire];
    (void)state;

    for (size_t size = 0; size < sizeof wire - 1; size++) {
        struct request request = {.id = 7};
        assert_int_equal(request_decode(wire, size, &request, NULL), -EBADMSG);
        assert_int_equal(request.id, 7);
    }
    assert_int_equal(request_decode(wire, sizeof wire, &(struct request){0}, NULL), -EBADMSG); /* one more */
    for (size_t i = 0; i < sizeof wire - 1; i++) {
        for (int bit = 0; bit < 8; bit++) {
            _cleanup_request_ struct request request = {0};
            memcpy(bytes, wire, sizeof wire);
            bytes[i] = (char)(bytes[i] ^ 1 << bit);
            int r = request_decode(bytes, sizeof wire - 1, &request, NULL);
            /* only another value of the same size is still a message */
            assert_true(r == -EBADMSG || (r == 0 && i >= 8));
        }
    }
}

static void bad_messages(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
#define MESSAGE(text) {text, sizeof(text) - 1}
        MESSAGE("1MSP\1\0\0\0"),                                          /* no operation */
        MESSAGE("1MSP\1\0\1\0\11\0\1\0\0\0operation\0"),                  /* a NUL */
        MESSAGE("1MSP\1\0\1\0\0\0\1\0\0\0x"),                             /* no name */
        MESSAGE("1MSP\1\0\1\0\11\0\xff\xff\xff\xffoperationx"),           /* beyond the end */
        MESSAGE("1MSP\1\0\xff\xff\11\0\1\0\0\0operationx"),               /* too many fields */
        MESSAGE("1MSP\1\0\2\0\11\0\1\0\0\0operationx\2\0\1\0\0\0idx"),    /* no number */
        MESSAGE("1MSP\1\0\2\0\11\0\1\0\0\0operationx\2\0\1\0\0\0a:x"),    /* an argument without name */
        MESSAGE("1MSP\1\0\2\0\11\0\1\0\0\0operationx\5\0\1\0\0\0otherx"), /* unknown */
        MESSAGE("1MSP\1\0\1\0\11\0\41\0\0\0operationaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), /* a long name */
    };
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
        struct error error = {0};
        struct request request = {0};
        if (request_decode(bad[i].bytes, bad[i].size, &request, &error) != -EBADMSG)
            fail_msg("message %zu was taken", i);
        assert_int_equal(error.code, EBADMSG);
    }
}

static void too_much_is_refused(void **state)
{
    _cleanup_request_ struct request request = {.operation = "x"};
    _cleanup_buffer_ struct buffer message = {0};
    static char large[LIMIT_MESSAGE];
    (void)state;

    memset(large, 'x', sizeof large - 1);
    assert_int_equal(fields_add(&request.arguments, "a", large), 0);
    assert_int_equal(request_encode(&request, &message), -EMSGSIZE);
    fields_release(&request.arguments);
    for (unsigned i = 0; i < LIMIT_FIELDS; i++)
        assert_int_equal(fields_add(&request.arguments, "a", "x"), 0);
    assert_int_equal(fields_add(&request.arguments, "a", "x"), -ENOBUFS);
    buffer_clear(&message);
    assert_int_equal(request_encode(&request, &message), -EMSGSIZE);
}

static void typed_arguments(void **state)
{
    _cleanup_request_ struct request request = {.operation = "x"};
    struct error error = {0};
    uint64_t number = 0;
    bool flag = false;
    (void)state;

    assert_int_equal(fields_add(&request.arguments, "dec", "33554431"), 0);
    assert_int_equal(fields_add(&request.arguments, "hex", "0x1FF"), 0);
    assert_int_equal(fields_add(&request.arguments, "word", "many"), 0);
    assert_int_equal(fields_add(&request.arguments, "empty", ""), 0);
    assert_int_equal(fields_add(&request.arguments, "yes", "True"), 0);
    assert_int_equal(fields_add(&request.arguments, "time", "1.5"), 0);
    assert_int_equal(request_u64(&request, "dec", 0, 0x1ffffff, &number, &error), 0);
    assert_int_equal(number, 0x1ffffff);
    assert_int_equal(request_u64(&request, "dec", 0, 0x1fffffe, &number, &error), -EINVAL);
    assert_int_equal(request_u64(&request, "hex", 0, 4096, &number, &error), 0);
    assert_int_equal(number, 0x1ff);
    assert_int_equal(request_u64(&request, "none", 5, 1, &number, &error), 0);
    assert_int_equal(number, 5);
    assert_int_equal(request_u64(&request, "word", 0, 4096, &number, &error), -EINVAL);
    assert_non_null(strstr(error.text, "word"));
    assert_non_null(strstr(error.text, "many"));
    assert_int_equal(request_u64(&request, "empty", 0, 4096, &number, &error), -EINVAL);
    assert_int_equal(request_bool(&request, "yes", false, &flag, &error), 0);
    assert_true(flag);
    assert_int_equal(request_bool(&request, "word", false, &flag, &error), -EINVAL);
    assert_int_equal(request_duration_ms(&request, "time", 0, 2000, &number, &error), 0);
    assert_int_equal(number, 1500);
    assert_int_equal(request_duration_ms(&request, "time", 0, 1000, &number, &error), -EINVAL);
    assert_int_equal(request_duration_ms(&request, "word", 0, 1000, &number, &error), -EINVAL);
}

static void a_head_alone_is_only_a_look(void **state)
{
    static const struct operation heavy = {.name = "x", .flags = OPERATION_HEAVY, .light = "look"};
    _cleanup_request_ struct request request = {.operation = "dump", .id = 42}, back = {0};
    _cleanup_buffer_ struct buffer message = {0};
    (void)state;

    assert_int_equal(operation_request_flags(&heavy, &request), OPERATION_HEAVY);
    request.head_only = true;
    assert_int_equal(operation_request_flags(&heavy, &request), 0);
    assert_int_equal(request_encode(&request, &message), 0);
    assert_int_equal(request_decode(message.data, message.size, &back, NULL), 0);
    assert_true(back.head_only);
    request.head_only = false;
    assert_int_equal(fields_add(&request.arguments, "look", "false"), 0);
    assert_int_equal(operation_request_flags(&heavy, &request), OPERATION_HEAVY);
    assert_int_equal(fields_add(&request.arguments, "look", "true"), 0);
    assert_int_equal(operation_request_flags(&heavy, &request), 0);
}

static void sizes(void **state)
{
    _cleanup_request_ struct request request = {0};
    struct error error = {0};
    uint64_t size = 0;
    (void)state;

    assert_int_equal(fields_add(&request.arguments, "good", "64K"), 0);
    assert_int_equal(fields_add(&request.arguments, "bad", "64 apples"), 0);
    assert_int_equal(fields_add(&request.arguments, "large", "99999999999999999999G"), 0);
    assert_int_equal(request_size(&request, "good", 1, &size, &error), 0);
    assert_int_equal(size, 65536);
    assert_int_equal(request_size(&request, "none", 5, &size, &error), 0);
    assert_int_equal(size, 5);
    assert_int_equal(request_size(&request, "bad", 1, &size, &error), -EINVAL);
    assert_int_equal(request_size(&request, "large", 1, &size, &error), -EINVAL);
    assert_int_equal(size, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_on_the_wire),
        cmocka_unit_test(all_parts_arrive),
        cmocka_unit_test(every_cut_and_every_flipped_byte_is_safe),
        cmocka_unit_test(bad_messages),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(typed_arguments),
        cmocka_unit_test(a_head_alone_is_only_a_look),
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
