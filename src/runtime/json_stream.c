#include "runtime/json_stream.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

enum { REPLACEMENT = 0xfffd };

/* Of a text that is cut: the beginning of a character that did not fit, also where it came in pieces. */
static void drop_half(struct json_stream *stream)
{
    size_t at = stream->size, tail = 0, length;
    unsigned char lead;

    while (at > 0 && tail < 3 && ((unsigned char)stream->text[at - 1] & 0xc0) == 0x80) {
        at--;
        tail++;
    }
    lead = at > 0 ? (unsigned char)stream->text[at - 1] : 0;
    length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
    if (length > tail + 1)
        stream->size = at - 1;
}

static void put(struct json_stream *stream, const char *bytes, size_t size)
{
    size_t room = sizeof stream->text - stream->size;
    bool is_cut = size > room;

    if (!stream->is_wanted)
        return;
    memcpy(stream->text + stream->size, bytes, is_cut ? room : size);
    stream->size += is_cut ? room : size;
    if (is_cut) {
        stream->is_wanted = false;
        drop_half(stream);
    }
}

static void put_character(struct json_stream *stream, uint32_t code)
{
    char bytes[4];
    size_t size = 0;

    if (code == 0 || (code >= 0xd800 && code < 0xe000))
        code = REPLACEMENT; /* NUL: names are strings here */
    if (code < 0x80)
        bytes[size++] = (char)code;
    else if (code < 0x800)
        bytes[size++] = (char)(0xc0 | code >> 6);
    else if (code < 0x10000) {
        bytes[size++] = (char)(0xe0 | code >> 12);
        bytes[size++] = (char)(0x80 | (code >> 6 & 0x3f));
    } else {
        bytes[size++] = (char)(0xf0 | code >> 18);
        bytes[size++] = (char)(0x80 | (code >> 12 & 0x3f));
        bytes[size++] = (char)(0x80 | (code >> 6 & 0x3f));
    }
    if (code >= 0x80)
        bytes[size++] = (char)(0x80 | (code & 0x3f));
    if (size <= sizeof stream->text - stream->size)
        put(stream, bytes, size);
    else
        stream->is_wanted = false;
}

/* A first half that no second follows. */
static void end_pair(struct json_stream *stream)
{
    if (stream->high)
        put_character(stream, REPLACEMENT);
    stream->high = 0;
}

static void put_unit(struct json_stream *stream, uint32_t unit)
{
    if (stream->high && unit >= 0xdc00 && unit < 0xe000) {
        uint32_t code = 0x10000 + ((stream->high - 0xd800) << 10) + (unit - 0xdc00);

        stream->high = 0;
        put_character(stream, code);
        return;
    }
    end_pair(stream);
    if (unit >= 0xd800 && unit < 0xdc00)
        stream->high = unit;
    else
        put_character(stream, unit);
}

static int begin_text(struct json_stream *stream)
{
    bool is_key = stream->awaits_key;

    if (stream->wants_numbers || stream->depth == 0)
        return -EBADMSG;
    stream->size = 0;
    stream->high = 0;
    stream->is_wanted = is_key || stream->ops->wants_text(stream->to);
    stream->state = JSON_STREAM_TEXT;
    return 0;
}

static int end_text(struct json_stream *stream)
{
    bool is_key = stream->awaits_key;

    end_pair(stream);
    stream->state = JSON_STREAM_BETWEEN;
    if (is_key) {
        stream->awaits_key = false;
        return stream->ops->key(stream->to, stream->text, stream->size);
    }
    /* one that was cut is not wanted any more, but has begun */
    return stream->is_wanted || stream->size > 0 ? stream->ops->text(stream->to, stream->text, stream->size)
                                                 : 0;
}

/* Returns how much of the piece it took. */
static size_t take_text(struct json_stream *stream, const char *bytes, size_t size, int *ret_result)
{
    size_t at = 0;

    while (at < size && bytes[at] != '"' && bytes[at] != '\\')
        at++;
    if (at > 0) {
        end_pair(stream);
        put(stream, bytes, at);
    }
    if (at == size)
        return at;
    if (bytes[at] == '\\')
        stream->state = JSON_STREAM_ESCAPE;
    else
        *ret_result = end_text(stream);
    return at + 1;
}

static int take_escape(struct json_stream *stream, char letter)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *found = letter ? strchr(letters, letter) : NULL;

    if (letter == 'u') {
        stream->hex = stream->hex_digits = 0;
        stream->state = JSON_STREAM_HEX;
        return 0;
    }
    if (!found)
        return -EBADMSG;
    end_pair(stream);
    put(stream, &meant[found - letters], 1);
    stream->state = JSON_STREAM_TEXT;
    return 0;
}

static int take_hex(struct json_stream *stream, char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = digit ? strchr(digits, digit >= 'A' && digit <= 'F' ? digit + 32 : digit) : NULL;

    if (!found)
        return -EBADMSG;
    stream->hex = stream->hex << 4 | (uint32_t)(found - digits);
    if (++stream->hex_digits == 4) {
        put_unit(stream, stream->hex);
        stream->state = JSON_STREAM_TEXT;
    }
    return 0;
}

static int open_one(struct json_stream *stream, char kind)
{
    if (stream->is_over || stream->wants_numbers || stream->awaits_key || stream->depth == JSON_STREAM_DEPTH)
        return -EBADMSG;
    stream->is_object[++stream->depth] = kind == '{';
    stream->awaits_key = kind == '{';
    return stream->ops->enter(stream->to, kind);
}

static int close_one(struct json_stream *stream, char kind)
{
    if (stream->depth == 0 || stream->is_object[stream->depth] != (kind == '}'))
        return -EBADMSG;
    stream->depth--;
    stream->awaits_key = false;
    stream->is_over = stream->depth == 0;
    return stream->ops->leave(stream->to);
}

static int take_between(struct json_stream *stream, char byte)
{
    switch (byte) {
    case '{':
    case '[':
        return open_one(stream, byte);
    case '}':
    case ']':
        return close_one(stream, byte);
    case '"':
        return begin_text(stream);
    case ',':
        stream->awaits_key = stream->is_object[stream->depth];
        return stream->depth ? 0 : -EBADMSG;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return 0;
    default:
        break;
    }
    if (byte >= '0' && byte <= '9' && stream->wants_numbers) {
        stream->number = (uint64_t)(byte - '0');
        stream->state = JSON_STREAM_NUMBER;
        return 0;
    }
    /* ':', and numbers and words that nobody asked for */
    return stream->depth && !stream->wants_numbers && byte > ' ' && byte <= '~' ? 0 : -EBADMSG;
}

/* Numbers, which most of it consists of, in one go. */
static size_t take_number(struct json_stream *stream, const char *bytes, size_t size, int *ret_result)
{
    uint64_t number = stream->number;
    size_t at = 0;

    for (; at < size && bytes[at] >= '0' && bytes[at] <= '9'; at++) {
        if (number > (UINT64_MAX - 9) / 10) {
            *ret_result = -EBADMSG;
            return at;
        }
        number = number * 10 + (uint64_t)(bytes[at] - '0');
    }
    stream->number = number;
    if (at < size) {
        stream->state = JSON_STREAM_BETWEEN;
        *ret_result = stream->ops->number(stream->to, number);
    }
    return at;
}

/* Numbers in an array that nobody asked for: up to what could be anything else. */
static size_t pass_over(const struct json_stream *stream, const char *bytes, size_t size)
{
    size_t at = 0;

    if (stream->wants_numbers || stream->depth == 0 || stream->is_object[stream->depth])
        return 0;
    while (at < size && ((bytes[at] >= '0' && bytes[at] <= '9') || bytes[at] == ',' || bytes[at] == '\n'))
        at++;
    return at;
}

int json_stream_take(struct json_stream *stream, const char *bytes, size_t size)
{
    size_t at = 0;
    int r = 0;

    while (at < size && r == 0) {
        switch (stream->state) {
        case JSON_STREAM_TEXT:
            at += take_text(stream, bytes + at, size - at, &r);
            break;
        case JSON_STREAM_NUMBER:
            at += take_number(stream, bytes + at, size - at, &r);
            break;
        case JSON_STREAM_ESCAPE:
            r = take_escape(stream, bytes[at++]);
            break;
        case JSON_STREAM_HEX:
            r = take_hex(stream, bytes[at++]);
            break;
        default:
            at += pass_over(stream, bytes + at, size - at);
            if (at < size)
                r = take_between(stream, bytes[at++]);
            break;
        }
    }
    return r;
}

bool json_stream_is_over(const struct json_stream *stream)
{
    return stream->is_over;
}
