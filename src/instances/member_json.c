#include "instances/member_json.h"

#include "base/json.h"
#include "base/parse.h"

#include <errno.h>
#include <jansson.h>
#include <nettle/base64.h>
#include <string.h>

static void cleanup_json(json_t **root)
{
    json_decref(*root);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

/* Names come from other machines, and end in logs and pages. */
static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

/* False: it is there and unfit. */
static bool take(const json_t *root, const char *key, bool is_needed, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(root, key));

    if (!value)
        return !is_needed;
    if (strlen(value) >= size || !is_plain(value))
        return false;
    (void)snprintf(text, size, "%s", value); /* fits */
    return true;
}

int member_json_read(const char *text, size_t size, struct member_facts *ret_facts)
{
    struct member_facts facts = {0};
    _cleanup_json_ json_t *root = size <= MEMBER_JSON_MAX ? json_loadb(text, size, 0, NULL) : NULL;

    if (!take(root, "id", true, facts.id, sizeof facts.id) || !instance_id_is_valid(facts.id) ||
        !take(root, "run", true, facts.run, sizeof facts.run) ||
        !take(root, "name", false, facts.name, sizeof facts.name) ||
        !take(root, "version", false, facts.version, sizeof facts.version) ||
        !take(root, "url", false, facts.url, sizeof facts.url) ||
        (facts.url[0] && !url_is_valid(facts.url, strlen(facts.url))))
        return -EBADMSG;
    *ret_facts = facts;
    return 0;
}

int member_json_write(const struct member_facts *facts, struct buffer *out)
{
    struct json json = JSON_INIT(out);

    json_object_begin(&json);
    json_member_string(&json, "id", facts->id);
    json_member_string(&json, "run", facts->run);
    json_member_string(&json, "name", facts->name);
    json_member_string(&json, "version", facts->version);
    json_member_string(&json, "url", facts->url);
    json_object_end(&json);
    return json_finish(&json);
}

/* etcd's gateway writes 64-bit numbers as texts. */
static int number_of(const json_t *value, int64_t *ret_number)
{
    const char *text = json_string_value(value);

    if (json_is_integer(value))
        *ret_number = json_integer_value(value);
    else if (!text || parse_i64(text, ret_number) < 0)
        return -EBADMSG;
    return 0;
}

int etcd_read_lease(const char *text, size_t size, int64_t *ret_id)
{
    _cleanup_json_ json_t *root = json_loadb(text, size, 0, NULL);
    int64_t id;

    if (number_of(json_object_get(root, "ID"), &id) < 0 || id == 0)
        return -EBADMSG;
    *ret_id = id;
    return 0;
}

int etcd_read_keepalive(const char *text, size_t size, int64_t *ret_left)
{
    _cleanup_json_ json_t *root = json_loadb(text, size, 0, NULL);
    const json_t *result = json_object_get(root, "result"), *left = json_object_get(result, "TTL");

    if (!result)
        return -EBADMSG;
    *ret_left = 0; /* as it leaves numbers out that are 0 */
    return left ? number_of(left, ret_left) : 0;
}

int etcd_read_range(const char *text, size_t size,
                    void (*take_member)(void *context, const struct member_facts *facts), void *context)
{
    _cleanup_json_ json_t *root = size <= ETCD_ANSWER_MAX ? json_loadb(text, size, 0, NULL) : NULL;
    const json_t *all = json_object_get(root, "kvs"), *one;
    size_t i;

    if (!json_is_object(root) || (all && !json_is_array(all)))
        return -EBADMSG;
    json_array_foreach(all, i, one)
    {
        const char *value = json_string_value(json_object_get(one, "value"));
        size_t length = value ? strlen(value) : 0, decoded_size = BASE64_DECODE_LENGTH(MEMBER_JSON_MAX);
        struct base64_decode_ctx decoder;
        struct member_facts facts;
        uint8_t decoded[BASE64_DECODE_LENGTH(MEMBER_JSON_MAX)];

        if (length == 0 || length > MEMBER_JSON_MAX)
            continue;
        base64_decode_init(&decoder);
        if (base64_decode_update(&decoder, &decoded_size, decoded, length, value) &&
            base64_decode_final(&decoder) &&
            member_json_read((const char *)decoded, decoded_size, &facts) == 0 && facts.url[0])
            take_member(context, &facts);
    }
    return 0;
}

void etcd_read_problem(const char *text, size_t size, char *words, size_t words_size)
{
    _cleanup_json_ json_t *root = json_loadb(text, size, 0, NULL);
    const char *message = json_string_value(json_object_get(root, "message"));

    if (!message)
        message = json_string_value(json_object_get(root, "error"));
    (void)snprintf(words, words_size, "%s", message && is_plain(message) ? message : "no words"); /* cut */
}

static void member_base64(struct json *json, const char *key, const void *bytes, size_t size)
{
    _cleanup_free_ char *text = malloc(BASE64_ENCODE_RAW_LENGTH(size) + 1);

    if (!text) {
        json->error = -ENOMEM;
        return;
    }
    base64_encode_raw(text, size, bytes);
    json_key(json, key);
    json_bytes(json, text, BASE64_ENCODE_RAW_LENGTH(size));
}

int etcd_write_put(const char *key, const char *value, size_t value_size, int64_t lease, struct buffer *out)
{
    struct json json = JSON_INIT(out);

    json_object_begin(&json);
    member_base64(&json, "key", key, strlen(key));
    member_base64(&json, "value", value, value_size);
    json_member_i64(&json, "lease", lease);
    json_object_end(&json);
    return json_finish(&json);
}

int etcd_write_range(const char *prefix, struct buffer *out)
{
    struct json json = JSON_INIT(out);
    size_t size = strlen(prefix);
    char end[256];

    if (size == 0 || size >= sizeof end)
        return -EINVAL;
    memcpy(end, prefix, size);
    end[size - 1]++; /* the first key behind all of them: the last byte is a '/' */
    json_object_begin(&json);
    member_base64(&json, "key", prefix, size);
    member_base64(&json, "range_end", end, size);
    json_member_i64(&json, "limit", MEMBERS_MAX);
    json_object_end(&json);
    return json_finish(&json);
}
