/* The layout of an archive: for each entry a local header, its deflated bytes and a descriptor with checksum
 * and sizes; at the end the central directory, which says all that again with offsets, and the two end
 * records. */
#include "stream/zip.h"

#include "base/array.h"
#include "base/limits.h"
#include "stream/deflate.h"

#include <endian.h>
#include <errno.h>
#include <isa-l/crc.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
    LOCAL_HEADER = 0x04034b50,
    DESCRIPTOR = 0x08074b50,
    CENTRAL_HEADER = 0x02014b50,
    END = 0x06054b50,
    END_64 = 0x06064b50,
    END_64_LOCATOR = 0x07064b50,
    SIZES_FOLLOW = 1 << 3, /* behind the bytes */
    NAME_IS_UTF8 = 1 << 11,
    STORED = 0,
    DEFLATED = 8,
    VERSION = 20,
    VERSION_64 = 45,
    MADE_BY_UNIX = 3 << 8,
    EXTRA_64 = 0x0001,
    EXTRA_TIME = 0x5455,
    NAME_MAX_SIZE = 4096,
};

/* Deflate can grow incompressible input by 5 bytes a stored block; so much below 4 GiB both sizes fit into 32
 * bits. */
#define SMALL_ENTRY_MAX 0xff000000u

struct entry {
    char *name;
    uint64_t offset, size, packed_size;
    uint32_t checksum, dos_time, unix_time, mode;
    bool is_64, is_stored; /* stored: all is known before */
};

struct entry_list {
    struct entry *items;
    size_t count, capacity;
};

struct zip {
    struct sink entry_sink; /* first: the sink of the open entry is the zip itself */
    struct sink *out;
    struct deflater *deflater;
    struct entry_list entries;
    uint64_t offset, data_start, maximum; /* in the archive; of the open entry */
    bool open;
};

/* Little-endian fields, gathered and then written at once. */
struct record {
    uint8_t bytes[NAME_MAX_SIZE + 128];
    size_t size;
};

static void put16(struct record *record, unsigned value)
{
    uint16_t little = htole16((uint16_t)value);
    memcpy(record->bytes + record->size, &little, sizeof little);
    record->size += sizeof little;
}

static void put32(struct record *record, uint32_t value)
{
    uint32_t little = htole32(value);
    memcpy(record->bytes + record->size, &little, sizeof little);
    record->size += sizeof little;
}

static void put64(struct record *record, uint64_t value)
{
    uint64_t little = htole64(value);
    memcpy(record->bytes + record->size, &little, sizeof little);
    record->size += sizeof little;
}

static void put_name(struct record *record, const char *name)
{
    size_t size = strlen(name);
    memcpy(record->bytes + record->size, name, size);
    record->size += size;
}

static void put_time_extra(struct record *record, const struct entry *entry)
{
    put16(record, EXTRA_TIME);
    put16(record, 5);
    record->bytes[record->size++] = 1; /* the time of modification only */
    put32(record, entry->unix_time);
}

static int put_record(struct zip *zip, const struct record *record)
{
    int r = sink_write(zip->out, record->bytes, record->size);
    if (r == 0)
        zip->offset += record->size;
    return r;
}

/* MS-DOS time, in UTC: date in the upper half, two-second steps, 1980 to 2107. */
static uint32_t dos_time_of(time_t seconds)
{
    struct tm at;

    if (!gmtime_r(&seconds, &at) || at.tm_year < 80)
        return 1 << 21 | 1 << 16;
    if (at.tm_year > 207)
        return 0xff9fbf7d;
    return (uint32_t)(at.tm_year - 80) << 25 | (uint32_t)(at.tm_mon + 1) << 21 | (uint32_t)at.tm_mday << 16 |
           (uint32_t)at.tm_hour << 11 | (uint32_t)at.tm_min << 5 | (uint32_t)at.tm_sec / 2;
}

static bool good_name(const char *name)
{
    size_t size = strlen(name);

    if (size == 0 || size > NAME_MAX_SIZE || name[0] == '/' || strchr(name, '\\'))
        return false;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return false;
    }
    return true;
}

static int entry_write(struct sink *sink, const void *bytes, size_t size)
{
    struct zip *zip = (struct zip *)sink;
    struct entry *entry = &zip->entries.items[zip->entries.count - 1];

    if (!zip->open)
        return -EINVAL;
    if (size > zip->maximum - entry->size)
        return -EFBIG;
    entry->size += size;
    return deflater_write(zip->deflater, zip->out, bytes, size, false);
}

static int entry_finish(struct sink *sink, struct error *error)
{
    struct zip *zip = (struct zip *)sink;
    struct entry *entry = &zip->entries.items[zip->entries.count - 1];
    struct record record = {.size = 0};
    int r;

    if (!zip->open)
        return error_set(error, EINVAL, "No entry of the archive is open.");
    r = deflater_write(zip->deflater, zip->out, NULL, 0, true);
    if (r < 0)
        return error_ensure(error, r, "Can't write the archive");
    zip->open = false;
    entry->checksum = deflater_crc32(zip->deflater);
    entry->packed_size = zip->out->written - zip->data_start;
    zip->offset += entry->packed_size;
    put32(&record, DESCRIPTOR);
    put32(&record, entry->checksum);
    if (entry->is_64) {
        put64(&record, entry->packed_size);
        put64(&record, entry->size);
    } else {
        put32(&record, (uint32_t)entry->packed_size);
        put32(&record, (uint32_t)entry->size);
    }
    return error_ensure(error, put_record(zip, &record), "Can't write the archive");
}

static void entry_free(struct sink *sink)
{
    (void)sink; /* the zip's */
}

static const struct sink_ops entry_ops = {
    .name = "zip entry", .write = entry_write, .finish = entry_finish, .free = entry_free};

int zip_new(struct sink *out, unsigned level, struct zip **ret_zip)
{
    struct zip *zip = calloc(1, sizeof *zip);
    int r;

    if (!zip)
        return -ENOMEM;
    r = deflater_new(level, 0, true, &zip->deflater);
    if (r < 0) {
        free(zip);
        return r;
    }
    zip->out = out;
    *ret_zip = zip;
    return 0;
}

void zip_free(struct zip *zip)
{
    if (!zip)
        return;
    for (size_t i = 0; i < zip->entries.count; i++)
        free(zip->entries.items[i].name);
    free(zip->entries.items);
    deflater_free(zip->deflater);
    free(zip);
}

static unsigned flags_of(const struct entry *entry)
{
    return NAME_IS_UTF8 | (entry->is_stored ? 0 : SIZES_FOLLOW);
}

static int put_local_header(struct zip *zip, const struct entry *entry)
{
    struct record record = {.size = 0};

    put32(&record, LOCAL_HEADER);
    put16(&record, entry->is_64 ? VERSION_64 : VERSION);
    put16(&record, flags_of(entry));
    put16(&record, entry->is_stored ? STORED : DEFLATED);
    put32(&record, entry->dos_time);
    put32(&record, entry->checksum); /* 0, as the sizes, where the descriptor has them */
    put32(&record, entry->is_64 ? UINT32_MAX : (uint32_t)entry->packed_size);
    put32(&record, entry->is_64 ? UINT32_MAX : (uint32_t)entry->size);
    put16(&record, (unsigned)strlen(entry->name));
    put16(&record, entry->is_64 ? 20 + 9 : 9);
    put_name(&record, entry->name);
    if (entry->is_64) {
        put16(&record, EXTRA_64);
        put16(&record, 16);
        put64(&record, 0);
        put64(&record, 0);
    }
    put_time_extra(&record, entry);
    return put_record(zip, &record);
}

/* A further entry, without its bytes. */
static int add_entry(struct zip *zip, const char *name, int64_t modified, struct entry **ret_entry)
{
    struct entry *entry;
    int r;

    if (zip->open || !good_name(name))
        return -EINVAL;
    r = ARRAY_RESERVE(&zip->entries, 1, LIMIT_ZIP_ENTRIES);
    if (r < 0)
        return r;
    entry = &zip->entries.items[zip->entries.count];
    *entry = (struct entry){.name = strdup(name),
                            .offset = zip->offset,
                            .unix_time = (uint32_t)(modified / 1000000000),
                            .dos_time = dos_time_of((time_t)(modified / 1000000000)),
                            .mode = S_IFREG | 0600};
    if (!entry->name)
        return -ENOMEM;
    zip->entries.count++;
    *ret_entry = entry;
    return 0;
}

void zip_entry_sha256(struct zip *zip, char text[SHA256_TEXT_SIZE])
{
    deflater_sha256(zip->deflater, text);
}

int zip_entry(struct zip *zip, const char *name, uint64_t size, int64_t modified, struct sink **ret_sink)
{
    struct entry *entry;
    int r = add_entry(zip, name, modified, &entry);

    if (r < 0)
        return r;
    entry->is_64 = size > SMALL_ENTRY_MAX;
    r = put_local_header(zip, entry);
    if (r < 0)
        return r;

    zip->data_start = zip->out->written;
    zip->maximum = size;
    zip->open = true;
    zip->entry_sink = (struct sink){.ops = &entry_ops};
    *ret_sink = &zip->entry_sink;
    return 0;
}

/* What `to` is called in the folder of name, or NULL where it is not below that. */
static const char *below_folder_of(const char *name, const char *to)
{
    const char *slash = strrchr(name, '/');
    size_t folder = slash ? (size_t)(slash - name) + 1 : 0;

    return strncmp(name, to, folder) == 0 && to[folder] && good_name(to) ? to + folder : NULL;
}

bool zip_can_link(const char *name, const char *to)
{
    return below_folder_of(name, to) != NULL;
}

int zip_link(struct zip *zip, const char *name, const char *to, int64_t modified)
{
    const char *text = below_folder_of(name, to);
    size_t size = text ? strlen(text) : 0;
    struct entry *entry;
    int r = text ? add_entry(zip, name, modified, &entry) : -EINVAL;

    if (r < 0)
        return r;
    entry->is_stored = true;
    entry->mode = S_IFLNK | 0777;
    entry->size = entry->packed_size = size;
    entry->checksum = crc32_gzip_refl(0, (const uint8_t *)text, size);
    r = put_local_header(zip, entry);
    if (r == 0)
        r = sink_write(zip->out, text, size);
    if (r == 0)
        zip->offset += size;
    return r;
}

static int write_central_header(struct zip *zip, const struct entry *entry)
{
    struct record record = {.size = 0};
    bool far = entry->offset >= UINT32_MAX, is_64 = entry->is_64 || far;

    put32(&record, CENTRAL_HEADER);
    put16(&record, MADE_BY_UNIX | VERSION_64);
    put16(&record, is_64 ? VERSION_64 : VERSION);
    put16(&record, flags_of(entry));
    put16(&record, entry->is_stored ? STORED : DEFLATED);
    put32(&record, entry->dos_time);
    put32(&record, entry->checksum);
    put32(&record, is_64 ? UINT32_MAX : (uint32_t)entry->packed_size);
    put32(&record, is_64 ? UINT32_MAX : (uint32_t)entry->size);
    put16(&record, (unsigned)strlen(entry->name));
    put16(&record, is_64 ? 28 + 9 : 9);
    put16(&record, 0); /* comment */
    put16(&record, 0); /* disk */
    put16(&record, 0); /* internal attributes */
    put32(&record, entry->mode << 16);
    put32(&record, is_64 ? UINT32_MAX : (uint32_t)entry->offset);
    put_name(&record, entry->name);
    if (is_64) {
        put16(&record, EXTRA_64);
        put16(&record, 24);
        put64(&record, entry->size);
        put64(&record, entry->packed_size);
        put64(&record, entry->offset);
    }
    put_time_extra(&record, entry);
    return put_record(zip, &record);
}

int zip_finish(struct zip *zip)
{
    uint64_t start = zip->offset, size, count = zip->entries.count;
    struct record record = {.size = 0};
    int r;

    if (zip->open)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        r = write_central_header(zip, &zip->entries.items[i]);
        if (r < 0)
            return r;
    }
    size = zip->offset - start;
    if (count >= UINT16_MAX || start >= UINT32_MAX || size >= UINT32_MAX) {
        uint64_t end_64 = zip->offset;
        put32(&record, END_64);
        put64(&record, 44); /* bytes of this record behind this field */
        put16(&record, MADE_BY_UNIX | VERSION_64);
        put16(&record, VERSION_64);
        put32(&record, 0);
        put32(&record, 0);
        put64(&record, count);
        put64(&record, count);
        put64(&record, size);
        put64(&record, start);
        put32(&record, END_64_LOCATOR);
        put32(&record, 0);
        put64(&record, end_64);
        put32(&record, 1);
    }
    put32(&record, END);
    put16(&record, 0);
    put16(&record, 0);
    put16(&record, count >= UINT16_MAX ? UINT16_MAX : (unsigned)count);
    put16(&record, count >= UINT16_MAX ? UINT16_MAX : (unsigned)count);
    put32(&record, size >= UINT32_MAX ? UINT32_MAX : (uint32_t)size);
    put32(&record, start >= UINT32_MAX ? UINT32_MAX : (uint32_t)start);
    put16(&record, 0);
    return put_record(zip, &record);
}
