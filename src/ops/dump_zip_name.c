#include "ops/dump_zip_name.h"

#include "base/utf8.h"

#include <string.h>
#include <strings.h>

static int put_escaped(struct buffer *name, const char *bytes, size_t size)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < size; i++)
        r = buffer_append_format(name, "%%%02X", (unsigned char)bytes[i]);
    return r;
}

/* CON, NUL, COM1 and such, with any ending. */
static bool is_device(const char *part, size_t size)
{
    static const char *const devices[] = {"con", "prn", "aux", "nul", "com", "lpt"};
    const char *dot = memchr(part, '.', size);
    size_t stem = dot ? (size_t)(dot - part) : size;

    for (size_t i = 0; i < ELEMENTS_OF(devices); i++)
        if (stem == (i < 4 ? 3 : 4) && strncasecmp(part, devices[i], 3) == 0)
            return i < 4 || (part[3] >= '0' && part[3] <= '9');
    return false;
}

/* How many bytes at `at` go as they are; 0: *ret_bad of them don't. */
static size_t plain(const char *at, size_t size, size_t *ret_bad)
{
    unsigned char first = (unsigned char)*at;
    size_t length = utf8_sequence((const unsigned char *)at, size, ret_bad);

    if (length > 0)
        *ret_bad = length;
    if (first < 0x20 || first == 0x7f || (first < 0x80 && strchr("\\:*?\"<>|%", first)))
        return 0;
    /* U+0080 to U+009F, which terminals act upon, and U+202A to U+202E, U+2066 to U+2069, which turn what
     * follows around */
    if (length == 2 && first == 0xc2 && (unsigned char)at[1] < 0xa0)
        return 0;
    if (length == 3 && first == 0xe2 &&
        ((at[1] == (char)0x80 && (unsigned char)at[2] >= 0xaa && (unsigned char)at[2] <= 0xae) ||
         (at[1] == (char)0x81 && (unsigned char)at[2] >= 0xa6 && (unsigned char)at[2] <= 0xa9)))
        return 0;
    return length;
}

static int put_part(struct buffer *name, const char *part, size_t size)
{
    size_t from = is_device(part, size) ? 1 : 0;
    int r = buffer_append(name, "/", 1);

    if (r == 0)
        r = put_escaped(name, part, from);
    while (r == 0 && from < size) {
        size_t bad, length = plain(part + from, size - from, &bad);

        if (length == 1 && from + 1 == size && (part[from] == '.' || part[from] == ' '))
            length = 0;
        if (length > 0)
            r = buffer_append(name, part + from, length);
        else
            r = put_escaped(name, part + from, bad);
        from += length > 0 ? length : bad;
    }
    return r;
}

/* Takes the last part off that was put behind the first `kept` bytes. */
static void drop_part(struct buffer *name, size_t kept)
{
    while (name->size > kept && name->data[--name->size] != '/')
        ;
    if (name->data)
        name->data[name->size] = '\0';
}

int dump_zip_name(const char *path, struct buffer *name)
{
    size_t kept = name->size;
    int r = 0;

    while (r == 0 && *path) {
        size_t size = strcspn(path, "/");

        if (size == 2 && path[0] == '.' && path[1] == '.')
            drop_part(name, kept);
        else if (size > 0 && !(size == 1 && path[0] == '.'))
            r = put_part(name, path, size);
        path += size + (path[size] == '/');
    }
    return r;
}

int dump_zip_build_id_name(const uint8_t *build_id, size_t size, struct buffer *name)
{
    int r = buffer_append_string(name, ".build-id/");

    for (size_t i = 0; r == 0 && i < size; i++)
        r = buffer_append_format(name, i == 0 ? "%02x/" : "%02x", build_id[i]);
    return r;
}
