#include "runtime/hotspot_data.h"

#include "base/io.h"
#include "base/parse.h"
#include "capture/mapped_file.h"

#include <errno.h>
#include <string.h>

enum {
    ENTRY_OFFSET = 24, /* in the prologue, as is the number of entries behind it */
    PROLOGUE_SIZE = 32,
    ENTRY_SIZE = 20,
    ENTRY_NAME = 4,   /* in an entry: offset of its name, ... */
    ENTRY_LENGTH = 8, /* ... elements of its value, 0: it is none of several, ... */
    ENTRY_TYPE = 12,  /* ... a letter as in signatures of Java, ... */
    ENTRY_VALUE = 16, /* ... and offset of its value */
};

static const unsigned char magic[] = {0xca, 0xfe, 0xc0, 0xc0};

static uint32_t number_at(const char *bytes, size_t offset)
{
    uint32_t value;

    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

/* An entry of that name; its value is not looked at. NULL: there is none. */
static const char *find(const struct hotspot_data *data, const char *name, size_t *ret_length)
{
    size_t at, name_size = strlen(name) + 1;

    if (data->size < PROLOGUE_SIZE || memcmp(data->bytes, magic, sizeof magic) != 0)
        return NULL;
    at = number_at(data->bytes, ENTRY_OFFSET);
    while (at <= data->size - ENTRY_SIZE) {
        const char *entry = data->bytes + at;
        size_t length = number_at(entry, 0), name_at = number_at(entry, ENTRY_NAME);

        if (length < ENTRY_SIZE || length > data->size - at)
            return NULL;
        if (name_at < length && name_size <= length - name_at &&
            memcmp(entry + name_at, name, name_size) == 0) {
            *ret_length = length;
            return entry;
        }
        at += length;
    }
    return NULL;
}

int hotspot_data_number(const struct hotspot_data *data, const char *name, int64_t *ret_value)
{
    size_t length, at;
    const char *entry = find(data, name, &length);

    if (!entry || entry[ENTRY_TYPE] != 'J' || number_at(entry, ENTRY_LENGTH) != 0)
        return -ENOENT;
    at = number_at(entry, ENTRY_VALUE);
    if (at > length || length - at < sizeof *ret_value)
        return -ENOENT;
    memcpy(ret_value, entry + at, sizeof *ret_value);
    return 0;
}

int hotspot_data_text(const struct hotspot_data *data, const char *name, char *ret_text, size_t size)
{
    size_t length, at, most;
    const char *entry = find(data, name, &length);

    if (!entry || entry[ENTRY_TYPE] != 'B')
        return -ENOENT;
    at = number_at(entry, ENTRY_VALUE);
    most = number_at(entry, ENTRY_LENGTH);
    if (at > length)
        return -ENOENT;
    most = most < length - at ? most : length - at;
    (void)snprintf(ret_text, size, "%.*s", (int)most, entry + at); /* cut: so be it */
    return 0;
}

/* /tmp/hsperfdata_USER/N: tools like jconsole have those of others mapped. */
static bool is_own(const char *path, pid_t inner_pid)
{
    const char *folder = strstr(path, "/hsperfdata_"), *name = folder ? strchr(folder + 1, '/') : NULL;
    int64_t number;

    return name && parse_i64(name + 1, &number) == 0 && number == inner_pid;
}

int hotspot_data_open(const struct pidref *process, const struct map_list *maps, pid_t inner_pid,
                      struct hotspot_data *ret_data)
{
    _cleanup_hotspot_data_ struct hotspot_data data = HOTSPOT_DATA_INIT;
    int r = -ENOENT;

    for (size_t i = 0; i < maps->count && r < 0; i++)
        if (is_own(maps->items[i].path, inner_pid))
            r = mapped_file_open(process, &maps->items[i], &data.fd);
    if (r < 0)
        return r;
    data.bytes = malloc(HOTSPOT_DATA_MOST);
    if (!data.bytes)
        return -ENOMEM;
    r = hotspot_data_read(&data);
    if (r == 0) {
        *ret_data = data;
        data = HOTSPOT_DATA_INIT;
    }
    return r;
}

void hotspot_data_release(struct hotspot_data *data)
{
    data->fd = fd_close(data->fd);
    free(data->bytes);
    data->bytes = NULL;
    data->size = 0;
}

int hotspot_data_read(struct hotspot_data *data)
{
    ssize_t n = io_pread_full(data->fd, data->bytes, HOTSPOT_DATA_MOST, 0);

    data->size = n > 0 ? (size_t)n : 0;
    return n < 0 ? (int)n : 0;
}
