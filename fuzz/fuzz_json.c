/* The JSON emitter: whatever bytes come in as names and values, another reader takes the document, and gets
 * the bytes back where they were UTF-8. The first byte is where the key ends and the value begins. */
#include "base/json.h"

#include <jansson.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(const json_t *object, const uint8_t *bytes, size_t size)
{
    json_t *wanted = json_stringn((const char *)bytes, size), *value = json_object_get(object, "value");

    if (!json_is_string(value))
        __builtin_trap();
    if (wanted && !json_equal(value, wanted)) /* NULL: not UTF-8 */
        __builtin_trap();
    if (!wanted && !strstr(json_string_value(value), "\xef\xbf\xbd") &&
        strlen(json_string_value(value)) == json_string_length(value))
        __builtin_trap();
    json_decref(wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_buffer_ struct buffer out = {0};
    struct json json = JSON_INIT(&out);
    json_t *document;
    size_t cut;

    if (size < 1)
        return 0;
    cut = data[0] < size ? data[0] : size - 1;
    json_object_begin(&json);
    json_key(&json, "value");
    json_bytes(&json, (const char *)data + 1 + cut, size - 1 - cut);
    json_key(&json, "list");
    json_array_begin(&json);
    json_bytes(&json, (const char *)data + 1, cut);
    json_double(&json, size / 3.0);
    json_array_end(&json);
    json_object_end(&json);
    if (json_finish(&json) < 0)
        __builtin_trap();
    document = json_loadb(out.data, out.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (!document)
        __builtin_trap();
    check_value(document, data + 1 + cut, size - 1 - cut);
    json_decref(document);
    return 0;
}
