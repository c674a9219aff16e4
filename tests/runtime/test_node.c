#include "base/utf8.h"
#include "runtime/json_stream.h"
#include "runtime/node_frames.h"
#include "runtime/node_parts.h"
#include "runtime/node_types.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define META                                                                                                 \
    "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\"],"      \
    "\"node_types\":[[\"hidden\",\"array\",\"string\",\"object\",\"code\",\"closure\",\"native\"],"          \
    "\"string\",\"number\",\"number\",\"number\"]},\"node_count\":6},\n"

static const char snapshot[] =
    META "\"nodes\":[3,1,1,16,1\n,3,1,3,24,0\n,2,2,5,100,0\n,6,3,7,8,0\n,0,2,9,1,0\n,"
         "4,2,11,2,0],\n\"edges\":[1,2,3],\n\"strings\":[\"<dummy>\",\"Known\",\"}]\\\"\","
         "\"\\u00e9\\ud83d\\ude00\\udc00\\u0000\"]}\n";

struct found {
    char text[512];
};

static int put(void *to, const struct heap_type *type)
{
    struct found *found = to;
    size_t used = strlen(found->text);

    (void)snprintf(found->text + used, sizeof found->text - used, "%s=%d,%d ", type->name, (int)type->count,
                   (int)type->bytes);
    return 0;
}

static int count(const char *text, size_t size, size_t piece, struct found *found)
{
    _cleanup_node_types_ struct node_types *types = NULL;
    int r = node_types_new(&types);

    for (size_t at = 0; at < size && r == 0; at += piece)
        r = node_types_take(types, text + at, size - at < piece ? size - at : piece);
    return r < 0 ? r : node_types_finish(types, put, found);
}

static void counts_by_type_however_it_is_cut(void **state)
{
    (void)state;

    for (size_t piece = 1; piece <= sizeof snapshot; piece++) {
        struct found found = {0};

        assert_int_equal(count(snapshot, sizeof snapshot - 1, piece, &found), 0);
        assert_string_equal(found.text,
                            "(string)=1,100 Known=2,40 \xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd=1,8 "
                            "(compiled code)=1,2 (system)=1,1 ");
    }
}

static void what_is_not_whole_is_none(void **state)
{
    static const char *const others[] = {
        "",
        "[]",
        "{\"strings\":[\"a\"],\"nodes\":[]}",
        META "\"nodes\":[3,1,1,16],\"strings\":[\"\",\"a\"]}",
        META "\"nodes\":[3,2,1,16,0],\"strings\":[\"\",\"a\"]}",
        META "\"nodes\":[7,1,1,16,0],\"strings\":[\"\",\"a\"]}",
        META "\"nodes\":[3,-1,1,16,0],\"strings\":[\"\",\"a\"]}",
        META "\"nodes\":[3,\"a\",1,16,0],\"strings\":[\"\",\"a\"]}",
        META "\"nodes\":[3,99999999999999999999,1,16,0],\"strings\":[\"\",\"a\"]}",
        META "\"nodes\":[3,1,1,16,0],\"strings\":[\"\",\"\\q\"]}",
        META "\"nodes\":[3,1,1,16,0],\"nodes\":[3,1,1,16,0],\"strings\":[\"\",\"a\"]}",
        META "\"nodes\":{},\"strings\":[\"\",\"a\"]}",
    };
    struct found found = {0};
    (void)state;

    for (size_t size = 0; size < sizeof snapshot - 2; size++)
        assert_true(count(snapshot, size, 64, &found) < 0);
    for (size_t i = 0; i < ELEMENTS_OF(others); i++)
        assert_true(count(others[i], strlen(others[i]), 64, &found) < 0);
    assert_string_equal(found.text, "");
}

static void a_name_too_long_is_cut(void **state)
{
    enum { LETTERS = 5000 };
    static char text[sizeof META + 2 * LETTERS + 100];
    struct found found = {0};
    size_t used;
    (void)state;

    (void)snprintf(text, sizeof text, META "\"nodes\":[3,1,1,16,0],\"strings\":[\"\",\"x");
    for (used = strlen(text); used < sizeof META + 2 * LETTERS; used += 2)
        memcpy(text + used, "\xc3\xa9", 2);
    memcpy(text + used, "\"]}", 3);
    assert_int_equal(count(text, used + 3, 1000, &found), 0);
    assert_memory_equal(found.text, "x\xc3\xa9\xc3\xa9", 5);
}

static int no_enter(void *to, char kind)
{
    (void)to, (void)kind;
    return 0;
}

static int no_leave(void *to)
{
    (void)to;
    return 0;
}

static bool wants_all(void *to)
{
    (void)to;
    return true;
}

static int check_whole(void *to, const char *text, size_t size)
{
    size_t at = 0, bad;

    while (at < size) {
        size_t length = utf8_sequence((const unsigned char *)text + at, size - at, &bad);

        assert_true(length > 0); /* no half of one at the end */
        at += length;
    }
    assert_true(size > LIMIT_HEAP_LINE - 4 && size <= LIMIT_HEAP_LINE);
    *(bool *)to = true;
    return 0;
}

static void no_half_characters(void **state)
{
    static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    static const struct json_stream_ops ops = {
        .enter = no_enter, .leave = no_leave, .wants_text = wants_all, .text = check_whole};
    static char text[2 * LIMIT_HEAP_LINE];
    (void)state;

    for (size_t which = 0; which < ELEMENTS_OF(characters); which++)
        for (int before = 0; before < 4; before++)
            for (size_t piece = 1; piece < 9; piece++) {
                size_t size = (size_t)snprintf(text, sizeof text, "[\"%.*s", before, "abc");
                bool was_told = false;
                struct json_stream *stream = calloc(1, sizeof *stream);

                assert_non_null(stream);
                *stream = JSON_STREAM_INIT(&ops, &was_told);
                for (; size < LIMIT_HEAP_LINE + 64; size += strlen(characters[which]))
                    memcpy(text + size, characters[which], strlen(characters[which]));
                memcpy(text + size, "\"]", 2);
                size += 2;
                for (size_t at = 0; at < size; at += piece)
                    assert_int_equal(
                        json_stream_take(stream, text + at, size - at < piece ? size - at : piece), 0);
                assert_true(was_told);
                free(stream);
            }
}

static void targets_and_upgrades(void **state)
{
    static const char list[] = "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n[ {\n  \"id\": \"35ed-2A\",\n";
    static const char upgrade[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81";
    char id[NODE_TARGET_SIZE];
    (void)state;

    assert_int_equal(node_target_id(list, sizeof list - 1, id), 1);
    assert_string_equal(id, "35ed-2A");
    assert_int_equal(node_target_id(list, sizeof list - 8, id), 0);
    assert_int_equal(node_target_id("HTTP/1.0 404 No", 15, id), -EBADMSG);
    assert_int_equal(node_target_id("HTTP/1.0 200 \"id\": \"../x\"", 25, id), -EBADMSG);
    assert_int_equal(node_upgrade_size(upgrade, sizeof upgrade - 1), sizeof upgrade - 2);
    assert_int_equal(node_upgrade_size(upgrade, sizeof upgrade - 3), 0);
    assert_int_equal(node_upgrade_size(list, sizeof list - 1), -EBADMSG);
}

static void frames_however_they_are_cut(void **state)
{
    static const char bytes[] = "\x01\x03{\"a\x89\x01p\x80\x02\":\x81\x03{1}\x88\x02\x03\xe8rest";
    (void)state;

    for (size_t piece = 1; piece < sizeof bytes; piece++) {
        struct node_frames frames = {0};

        for (size_t at = 0; at < sizeof bytes - 1; at += piece)
            assert_int_equal(node_frames_take(&frames, bytes + at,
                                              sizeof bytes - 1 - at < piece ? sizeof bytes - 1 - at : piece),
                             0);
        assert_true(frames.is_closed && frames.has_message);
        assert_string_equal(frames.message, "{1}");
    }
    assert_int_equal(node_frames_take(&(struct node_frames){0}, "\x81\x81", 2), -EBADMSG);
}

static void frames_of_a_client(void **state)
{
    _cleanup_buffer_ struct buffer small = BUFFER_INIT(1024), large = BUFFER_INIT(1024);
    static char text[300];
    (void)state;

    assert_int_equal(node_frame_put(&small, "abc", 3), 0);
    assert_int_equal(small.size, 9);
    assert_memory_equal(small.data, "\x81\x83\0\0\0\0abc", 9);
    memset(text, 'x', sizeof text);
    assert_int_equal(node_frame_put(&large, text, sizeof text), 0);
    assert_int_equal(large.size, 8 + sizeof text);
    assert_memory_equal(large.data, "\x81\xfe\x01\x2c\0\0\0\0x", 9);
}

static struct node_options options_of(const char *arguments, size_t size, const char *environment)
{
    _cleanup_buffer_ struct buffer block = BUFFER_INIT(1024);
    struct node_options options;

    assert_int_equal(buffer_append(&block, arguments, size), 0);
    node_options_parse(&block, environment, &options);
    return options;
}
#define OPTIONS(arguments, environment) options_of(arguments, sizeof(arguments), environment)

static void options(void **state)
{
    struct node_options found = OPTIONS("node\0app.js\0--inspect=1", NULL);
    (void)state;

    assert_true(found.port == 9229 && !found.is_told && !found.is_secret && !found.is_restricted);
    found = OPTIONS("node\0--inspect-port=[::1]:9300\0-r\0x\0--permission\0app.js", NULL);
    assert_true(found.port == 9300 && !found.is_told && found.is_restricted);
    found = OPTIONS("node\0--inspect-port\0009301\0--inspect-brk\0app.js", NULL);
    assert_true(found.port == 9301 && found.is_told);
    found = OPTIONS("node", "--max-old-space-size=9 --inspect=host:9302 --inspect-publish-uid=stderr");
    assert_true(found.port == 9302 && found.is_told && found.is_secret);
    found = OPTIONS("node\0--inspect-publish-uid=stderr,http", "");
    assert_false(found.is_secret);
}

static void ports(void **state)
{
    static const char line[] = "   0: 0100007F:240D 00000000:0000 0A 00000000:00000000 00:00000000 00000000"
                               "     0        0 175831 1 0000000000000000 100 0 0 10 0";
    static const char other[] = "   0: 0100007F:240D 0100007F:8000 01 00000000:00000000 00:00000000 00000000"
                                "     0        0 175831 1 0000000000000000 100 0 0 10 0";
    struct node_port port;
    struct sockaddr_storage address;
    char text[NODE_PORT_TEXT];
    socklen_t size;
    (void)state;

    assert_true(node_port_parse(line, sizeof line - 1, &port));
    assert_int_equal(port.inode, 175831);
    node_port_address(&port, &address, &size, text);
    assert_string_equal(text, "127.0.0.1:9229");
    assert_false(node_port_parse(other, sizeof other - 1, &port));
    port = (struct node_port){.family = AF_INET6, .port = 80};
    node_port_address(&port, &address, &size, text);
    assert_string_equal(text, "[::1]:80");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_by_type_however_it_is_cut),
        cmocka_unit_test(what_is_not_whole_is_none),
        cmocka_unit_test(a_name_too_long_is_cut),
        cmocka_unit_test(no_half_characters),
        cmocka_unit_test(targets_and_upgrades),
        cmocka_unit_test(frames_however_they_are_cut),
        cmocka_unit_test(frames_of_a_client),
        cmocka_unit_test(options),
        cmocka_unit_test(ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
