#include "ops/request.h"

#include "access/credential.h"
#include "base/array.h"
#include "base/parse.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum { FIELDS_MAGIC = 0x50534d31 /* "1MSP" */, FIELDS_VERSION = 1 };

struct message_header {
    uint32_t magic;
    uint16_t version, count;
} __attribute__((packed));

struct field_header {
    uint16_t name_size;
    uint32_t value_size;
} __attribute__((packed));

#define ARGUMENT_PREFIX "a:"

void fields_release(struct fields *fields)
{
    if (!fields)
        return;
    for (size_t i = 0; i < fields->count; i++) {
        free(fields->items[i].name);
        free(fields->items[i].value);
    }
    free(fields->items);
    *fields = (struct fields){0};
}

static int fields_add_bytes(struct fields *fields, const char *name, size_t name_size, const char *value,
                            size_t value_size)
{
    _cleanup_free_ char *name_copy = NULL, *value_copy = NULL;
    int r;

    if (name_size == 0 || name_size > UINT16_MAX || value_size > LIMIT_MESSAGE)
        return -EMSGSIZE;
    r = ARRAY_RESERVE(fields, 1, LIMIT_FIELDS);
    if (r < 0)
        return r;
    name_copy = strndup(name, name_size);
    value_copy = strndup(value, value_size);
    if (!name_copy || !value_copy)
        return -ENOMEM;
    fields->items[fields->count++] =
        (struct field){.name = TAKE_PTR(name_copy), .value = TAKE_PTR(value_copy)};
    return 0;
}

int fields_add(struct fields *fields, const char *name, const char *value)
{
    return fields_add_bytes(fields, name, strlen(name), value, strlen(value));
}

int fields_add_format(struct fields *fields, const char *name, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text)
        return -EMSGSIZE;
    return fields_add(fields, name, text);
}

const char *fields_get(const struct fields *fields, const char *name)
{
    for (size_t i = fields->count; i > 0; i--)
        if (strcmp(fields->items[i - 1].name, name) == 0)
            return fields->items[i - 1].value;
    return NULL;
}

int fields_encode(const struct fields *fields, struct buffer *out)
{
    struct message_header header = {.magic = htole32(FIELDS_MAGIC), .version = htole16(FIELDS_VERSION)};
    size_t before = out->size;
    int r;

    if (fields->count > LIMIT_FIELDS)
        return -EMSGSIZE;
    header.count = htole16((uint16_t)fields->count);
    r = buffer_append(out, &header, sizeof header);
    for (size_t i = 0; r == 0 && i < fields->count; i++) {
        const struct field *field = &fields->items[i];
        size_t name_size = strlen(field->name), value_size = strlen(field->value);
        struct field_header sizes = {.name_size = htole16((uint16_t)name_size),
                                     .value_size = htole32((uint32_t)value_size)};
        if (name_size > UINT16_MAX || value_size > LIMIT_MESSAGE)
            return -EMSGSIZE;
        r = buffer_append(out, &sizes, sizeof sizes);
        if (r == 0)
            r = buffer_append(out, field->name, name_size);
        if (r == 0)
            r = buffer_append(out, field->value, value_size);
        if (r == 0 && out->size - before > LIMIT_MESSAGE)
            return -EMSGSIZE;
    }
    return r;
}

int fields_decode(const void *bytes, size_t size, struct fields *ret_fields)
{
    _cleanup_fields_ struct fields fields = {0};
    const char *at = bytes, *end = at + size;
    struct message_header header;

    if (size < sizeof header || size > LIMIT_MESSAGE)
        return -EBADMSG;
    memcpy(&header, at, sizeof header);
    at += sizeof header;
    if (le32toh(header.magic) != FIELDS_MAGIC || le16toh(header.version) != FIELDS_VERSION ||
        le16toh(header.count) > LIMIT_FIELDS)
        return -EBADMSG;
    for (unsigned i = 0; i < le16toh(header.count); i++) {
        struct field_header sizes;
        size_t name_size, value_size;
        int r;

        if ((size_t)(end - at) < sizeof sizes)
            return -EBADMSG;
        memcpy(&sizes, at, sizeof sizes);
        at += sizeof sizes;
        name_size = le16toh(sizes.name_size);
        value_size = le32toh(sizes.value_size);
        if (name_size == 0 || name_size > (size_t)(end - at) || value_size > (size_t)(end - at) - name_size)
            return -EBADMSG;
        /* a NUL inside would make two readers see two different texts */
        if (memchr(at, '\0', name_size + value_size))
            return -EBADMSG;
        r = fields_add_bytes(&fields, at, name_size, at + name_size, value_size);
        if (r < 0)
            return r == -ENOMEM ? r : -EBADMSG;
        at += name_size + value_size;
    }
    if (at != end)
        return -EBADMSG;
    *ret_fields = fields;
    fields = (struct fields){0};
    return 0;
}

void request_release(struct request *request)
{
    if (!request)
        return;
    fields_release(&request->arguments);
    if (request->authorization)
        explicit_bzero(request->authorization, strlen(request->authorization));
    free(request->authorization);
    free(request->certificate);
    free(request->asked);
    request->authorization = request->certificate = request->asked = NULL;
}

static int encode_principal(const struct request *request, struct fields *fields)
{
    const struct principal *principal = &request->principal;
    int r = fields_add(fields, "who", principal->name);

    if (r == 0)
        r = fields_add_format(fields, "role", "%d", (int)principal->role);
    if (r == 0)
        r = fields_add_format(fields, "kind", "%d", (int)principal->kind);
    if (r == 0)
        r = fields_add_format(fields, "user", "%" PRId64, (int64_t)(int32_t)principal->user);
    if (r == 0)
        r = fields_add_format(fields, "expires", "%" PRId64, principal->expires);
    if (r == 0)
        r = fields_add_format(fields, "number", "%" PRIu64, request->number);
    if (r == 0)
        r = fields_add(fields, "from", request->from);
    return r;
}

int request_encode(const struct request *request, struct buffer *out)
{
    _cleanup_fields_ struct fields fields = {0};
    int r = fields_add(&fields, "operation", request->operation);

    if (r == 0)
        r = fields_add_format(&fields, "id", "%" PRId64, request->id);
    if (r == 0 && request->child)
        r = fields_add_format(&fields, "child", "%" PRId64, request->child);
    if (r == 0 && request->base[0])
        r = fields_add(&fields, "base", request->base);
    if (r == 0 && request->dialect != DIALECT_KUDU)
        r = fields_add_format(&fields, "dialect", "%d", (int)request->dialect);
    if (r == 0 && request->resource[0])
        r = fields_add(&fields, "resource", request->resource);
    if (r == 0 && request->location[0])
        r = fields_add(&fields, "location", request->location);
    if (r == 0 && request->wanted_uid[0])
        r = fields_add(&fields, "uid", request->wanted_uid);
    if (r == 0 && request->wanted_name[0])
        r = fields_add(&fields, "name", request->wanted_name);
    if (r == 0 && request->for_reader)
        r = fields_add(&fields, "reader", "1");
    if (r == 0 && request->head_only)
        r = fields_add(&fields, "head", "1");
    if (r == 0 && request->authorization)
        r = fields_add(&fields, "authorization", request->authorization);
    if (r == 0 && request->asked)
        r = fields_add(&fields, "asked", request->asked);
    if (r == 0 && request->certificate)
        r = fields_add(&fields, "certificate", request->certificate);
    if (r == 0 && request->certificate)
        r = fields_add_format(&fields, "certificate-expires", "%" PRId64, request->certificate_expires);
    if (r == 0 && request->principal.role != ROLE_NONE)
        r = encode_principal(request, &fields);
    for (size_t i = 0; r == 0 && i < request->arguments.count; i++) {
        _cleanup_free_ char *name = NULL;
        if (asprintf(&name, ARGUMENT_PREFIX "%s", request->arguments.items[i].name) < 0) {
            name = NULL;
            return -ENOMEM;
        }
        r = fields_add(&fields, name, request->arguments.items[i].value);
    }
    return r < 0 ? (r == -ENOBUFS ? -EMSGSIZE : r) : fields_encode(&fields, out);
}

static int copy_text(const char *value, char *text, size_t size)
{
    if (strlen(value) >= size)
        return -EBADMSG;
    (void)snprintf(text, size, "%s", value); /* fits: measured */
    return 0;
}

static int parse_dialect(const char *value, enum dialect *ret_dialect)
{
    uint64_t number;

    if (parse_u64(value, &number) < 0 || number > DIALECT_MONITOR)
        return -EBADMSG;
    *ret_dialect = (enum dialect)number;
    return 0;
}

static int take_number(const char *value, int64_t least, int64_t most, int64_t *ret_number)
{
    int r = parse_i64(value, ret_number);

    return r < 0 ? r : *ret_number < least || *ret_number > most ? -EBADMSG : 0;
}

/* > 0: it is none of these. */
static int take_principal(struct request *request, const struct field *field)
{
    struct principal *principal = &request->principal;
    int64_t number = 0;
    int r;

    if (strcmp(field->name, "who") == 0)
        return copy_text(field->value, principal->name, sizeof principal->name);
    if (strcmp(field->name, "from") == 0)
        return copy_text(field->value, request->from, sizeof request->from);
    if (strcmp(field->name, "number") == 0)
        return parse_u64(field->value, &request->number);
    if (strcmp(field->name, "expires") == 0)
        return take_number(field->value, 0, INT64_MAX, &principal->expires);
    if (strcmp(field->name, "role") == 0) {
        r = take_number(field->value, ROLE_READER, ROLE_ADMIN, &number);
        principal->role = r == 0 ? (enum role)number : ROLE_NONE;
        return r;
    }
    if (strcmp(field->name, "kind") == 0) {
        r = take_number(field->value, 0, PRINCIPAL_INSTANCE, &number);
        principal->kind = (enum principal_kind)number;
        return r;
    }
    if (strcmp(field->name, "user") == 0) {
        r = take_number(field->value, INT32_MIN, INT32_MAX, &number);
        principal->user = (uid_t)(int32_t)number;
        return r;
    }
    return 1;
}

static char **credential_place(struct request *request, const char *name)
{
    if (strcmp(name, "authorization") == 0)
        return &request->authorization;
    if (strcmp(name, "certificate") == 0)
        return &request->certificate;
    return strcmp(name, "asked") == 0 ? &request->asked : NULL;
}

/* > 0: it is none of these. */
static int take_credential(struct request *request, const struct field *field)
{
    char **place = credential_place(request, field->name);

    if (strcmp(field->name, "certificate-expires") == 0)
        return take_number(field->value, 0, INT64_MAX, &request->certificate_expires);
    if (!place)
        return 1;
    if (*place || (place != &request->asked && strlen(field->value) > CREDENTIAL_MAX))
        return -EBADMSG;
    *place = strdup(field->value);
    return *place ? 0 : -ENOMEM;
}

/* One field of a message into the request. What it does not know is an error: both sides are of one build. */
static int take_field(struct request *request, const struct field *field, bool is_admitted)
{
    int r = is_admitted ? take_principal(request, field) : take_credential(request, field);

    if (r <= 0)
        return r;
    if (strcmp(field->name, "operation") == 0)
        return copy_text(field->value, request->operation, sizeof request->operation);
    if (strcmp(field->name, "id") == 0)
        return parse_i64(field->value, &request->id);
    if (strcmp(field->name, "child") == 0)
        return parse_i64(field->value, &request->child);
    if (strcmp(field->name, "base") == 0)
        return copy_text(field->value, request->base, sizeof request->base);
    if (strcmp(field->name, "dialect") == 0)
        return parse_dialect(field->value, &request->dialect);
    if (strcmp(field->name, "resource") == 0)
        return copy_text(field->value, request->resource, sizeof request->resource);
    if (strcmp(field->name, "location") == 0)
        return copy_text(field->value, request->location, sizeof request->location);
    if (strcmp(field->name, "uid") == 0)
        return copy_text(field->value, request->wanted_uid, sizeof request->wanted_uid);
    if (strcmp(field->name, "name") == 0)
        return copy_text(field->value, request->wanted_name, sizeof request->wanted_name);
    if (strcmp(field->name, "reader") == 0)
        return parse_bool(field->value, &request->for_reader);
    if (strcmp(field->name, "head") == 0)
        return parse_bool(field->value, &request->head_only);
    if (strncmp(field->name, ARGUMENT_PREFIX, strlen(ARGUMENT_PREFIX)) == 0 &&
        field->name[strlen(ARGUMENT_PREFIX)])
        return fields_add(&request->arguments, field->name + strlen(ARGUMENT_PREFIX), field->value);
    return -EBADMSG;
}

static int decode(const void *bytes, size_t size, bool is_admitted, struct request *ret_request,
                  struct error *error)
{
    _cleanup_fields_ struct fields fields = {0};
    _cleanup_request_ struct request request = {0};
    int r = fields_decode(bytes, size, &fields);

    for (size_t i = 0; r == 0 && i < fields.count; i++)
        r = take_field(&request, &fields.items[i], is_admitted);
    if (r == 0 && (!request.operation[0] || is_admitted != (request.principal.role != ROLE_NONE)))
        r = -EBADMSG;
    if (r == -ENOMEM)
        return error_errno(error, ENOMEM, "An operation message could not be read");
    if (r < 0)
        return error_set(error, EBADMSG, "An operation message is malformed.");
    *ret_request = request;
    request = (struct request){0};
    return 0;
}

int request_decode(const void *bytes, size_t size, struct request *ret_request, struct error *error)
{
    return decode(bytes, size, false, ret_request, error);
}

int request_decode_admitted(const void *bytes, size_t size, struct request *ret_request, struct error *error)
{
    return decode(bytes, size, true, ret_request, error);
}

const char *request_string(const struct request *request, const char *name)
{
    return fields_get(&request->arguments, name);
}

int request_u64(const struct request *request, const char *name, uint64_t otherwise, uint64_t maximum,
                uint64_t *ret_value, struct error *error)
{
    const char *text = request_string(request, name);
    uint64_t value = otherwise;
    int r = 0;

    if (text && text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        r = parse_hex(text, &value);
    else if (text)
        r = parse_u64(text, &value);
    if (r == -EINVAL)
        return error_set(error, EINVAL, "%s is not a number: '%.100s'.", name, text);
    if (r < 0 || (text && value > maximum))
        return error_set(error, EINVAL, "%s is larger than %" PRIu64 ": '%.100s'.", name, maximum, text);
    *ret_value = value;
    return 0;
}

int request_bool(const struct request *request, const char *name, bool otherwise, bool *ret_value,
                 struct error *error)
{
    const char *text = request_string(request, name);
    bool value = otherwise;

    if (text && parse_bool(text, &value) < 0)
        return error_set(error, EINVAL, "%s is neither true nor false: '%.100s'.", name, text);
    *ret_value = value;
    return 0;
}

int request_size(const struct request *request, const char *name, uint64_t otherwise, uint64_t *ret_value,
                 struct error *error)
{
    const char *text = request_string(request, name);
    uint64_t value = otherwise;
    int r = text ? parse_size(text, &value) : 0;

    if (r == -EINVAL)
        return error_set(error, EINVAL, "%s is not a size such as 4096, 64K or 2G: '%.100s'.", name, text);
    if (r < 0)
        return error_set(error, EINVAL, "%s is too large: '%.100s'.", name, text);
    *ret_value = value;
    return 0;
}

int request_duration_ms(const struct request *request, const char *name, uint64_t otherwise, uint64_t maximum,
                        uint64_t *ret_value, struct error *error)
{
    const char *text = request_string(request, name);
    uint64_t value = otherwise;
    int r = text ? parse_duration_ms(text, &value) : 0;

    if (r == -EINVAL)
        return error_set(error, EINVAL, "%s is not a duration such as 250ms, 10s or 5m: '%.100s'.", name,
                         text);
    if (r < 0 || (text && value > maximum))
        return error_set(error, EINVAL, "%s is longer than %" PRIu64 " ms: '%.100s'.", name, maximum, text);
    *ret_value = value;
    return 0;
}
