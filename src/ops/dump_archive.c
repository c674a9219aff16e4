#include "ops/dump_archive.h"

#include "base/array.h"
#include "base/io.h"
#include "base/limits.h"

#include <errno.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>

struct archive_name {
    dev_t device; /* of a file that was added; else 0, as the inode */
    ino_t inode;
    char name[];
};

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const struct archive_name *)left)->name, ((const struct archive_name *)right)->name);
}

int archive_init(struct archive *archive, struct sink *sink, unsigned level, int64_t time, uint64_t maximum)
{
    *archive = (struct archive){.text = BUFFER_INIT(LIMIT_JSON_ANSWER), .time = time, .maximum = maximum};
    archive->manifest = JSON_INIT(&archive->text);
    archive->bytes = malloc(LIMIT_STREAM_CHUNK);
    if (!archive->bytes)
        return -ENOMEM;
    return zip_new(sink, level, &archive->zip);
}

void archive_release(struct archive *archive)
{
    zip_free(archive->zip);
    buffer_release(&archive->text);
    for (size_t i = 0; i < archive->left_out.count; i++)
        free(archive->left_out.items[i].path);
    free(archive->left_out.items);
    tdestroy(archive->names, free);
    free(archive->bytes);
}

static int64_t nanoseconds(const struct timespec *time)
{
    return time->tv_sec * 1000000000 + time->tv_nsec;
}

static struct archive_name *make_name(const char *name, dev_t device, ino_t inode)
{
    size_t size = strlen(name) + 1;
    struct archive_name *made = malloc(sizeof *made + size);

    if (made) {
        made->device = device;
        made->inode = inode;
        memcpy(made->name, name, size);
    }
    return made;
}

/* -EEXIST: an entry of that name is there. Two would be one file or the other, as the reader likes. */
static int add_name(struct archive *archive, const char *name, dev_t device, ino_t inode)
{
    struct archive_name *made = make_name(name, device, inode);
    void *node = made ? tsearch(made, &archive->names, compare_names) : NULL;

    if (!node || *(struct archive_name **)node != made) {
        free(made);
        return node ? -EEXIST : -ENOMEM;
    }
    return 0;
}

bool archive_has(const struct archive *archive, const char *name, dev_t device, ino_t inode, bool *ret_same)
{
    struct archive_name *wanted = make_name(name, 0, 0);
    void *node = wanted ? tfind(wanted, &archive->names, compare_names) : NULL;
    const struct archive_name *found = node ? *(struct archive_name **)node : NULL;

    free(wanted);
    if (found && ret_same)
        *ret_same = found->inode == inode && found->device == device;
    return found != NULL;
}

/* facts: of the file that it is made of, or zeros but for size and time of modification. */
static int begin(struct archive *archive, const char *name, const struct stat *facts, struct sink **ret_sink)
{
    int r = add_name(archive, name, facts->st_dev, facts->st_ino);

    if (r == 0)
        r = zip_entry(archive->zip, name, (uint64_t)facts->st_size, nanoseconds(&facts->st_mtim),
                      &archive->entry);
    if (r < 0)
        return r;
    archive->entry_name = name;
    *ret_sink = archive->entry;
    return 0;
}

int archive_begin(struct archive *archive, const char *name, uint64_t size, struct sink **ret_sink)
{
    const struct stat facts = {.st_size = (off_t)size,
                               .st_mtim = {archive->time / 1000000000, archive->time % 1000000000}};

    return size > INT64_MAX ? -EFBIG : begin(archive, name, &facts, ret_sink);
}

static void tell_build_id(struct json *json, const struct archive_facts *facts)
{
    char text[2 * LIMIT_BUILD_ID + 1] = "";

    for (size_t i = 0; i < facts->build_id_size && i < LIMIT_BUILD_ID; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", facts->build_id[i]); /* fits */
    if (text[0])
        json_member_string(json, "buildId", text);
}

int archive_end(struct archive *archive, const struct archive_facts *facts, const char *remark,
                struct error *error)
{
    struct json *json = &archive->manifest;
    char sha256[SHA256_TEXT_SIZE];
    int r = sink_finish(archive->entry, error);

    if (r < 0)
        return r;
    archive->total += archive->entry->written;
    zip_entry_sha256(archive->zip, sha256);
    json_object_begin(json);
    json_member_string(json, "name", archive->entry_name);
    json_member_u64(json, "size", archive->entry->written);
    json_member_string(json, "sha256", sha256);
    if (facts && facts->path)
        json_member_string(json, "path", facts->path);
    if (facts)
        tell_build_id(json, facts);
    if (facts && facts->is_program)
        json_member_bool(json, "program", true);
    if (facts && facts->deleted)
        json_member_bool(json, "deleted", true);
    if (remark)
        json_member_string(json, "remark", remark);
    json_object_end(json);
    return 0;
}

int archive_add_bytes(struct archive *archive, const char *name, const void *bytes, size_t size,
                      struct error *error)
{
    struct sink *sink;
    int r = archive_begin(archive, name, size, &sink);

    if (r == 0)
        r = sink_write(sink, bytes, size);
    return r < 0 ? error_ensure(error, r, "The zip could not be written")
                 : archive_end(archive, NULL, NULL, error);
}

/* Why the entry is not the file that it should be; NULL: it is. */
static const char *remark_on(int fd, const struct stat *before, uint64_t were_read, int failure)
{
    struct stat after;

    if (failure < 0)
        return "The file could not be read to its end.";
    if (were_read != (uint64_t)before->st_size || fstat(fd, &after) < 0 || after.st_size != before->st_size ||
        nanoseconds(&after.st_mtim) != nanoseconds(&before->st_mtim) ||
        nanoseconds(&after.st_ctim) != nanoseconds(&before->st_ctim))
        return "The file changed while it was read.";
    return NULL;
}

/* Up to size bytes; *ret_failure: why there were fewer, 0 where the file just ended. */
static int copy_file(struct archive *archive, int fd, uint64_t size, struct sink *sink, int *ret_failure)
{
    uint64_t at = 0;
    int r = 0;

    *ret_failure = 0;
    while (r == 0 && at < size) {
        size_t most = size - at < LIMIT_STREAM_CHUNK ? (size_t)(size - at) : LIMIT_STREAM_CHUNK;
        ssize_t n = io_pread_full(fd, archive->bytes, most, (off_t)at);

        if (n <= 0) {
            *ret_failure = (int)n;
            break;
        }
        r = sink_write(sink, archive->bytes, (size_t)n);
        at += (uint64_t)n;
    }
    return r;
}

int archive_add_file(struct archive *archive, const char *name, int fd, const struct archive_facts *facts,
                     struct error *error)
{
    struct stat before;
    struct sink *sink;
    int failure, r;

    if (fstat(fd, &before) < 0)
        return archive_leave_out(archive, facts->path, "Its facts can't be read.");
    if (before.st_size > (off_t)LIMIT_MODULE_FILE)
        return archive_leave_out(archive, facts->path, "It is larger than 8 GiB.");
    if (archive->total > archive->maximum || (uint64_t)before.st_size > archive->maximum - archive->total)
        return archive_leave_out(archive, facts->path, "The zip would hold more bytes than it may.");
    r = begin(archive, name, &before, &sink);
    if (r < 0)
        return error_ensure(error, r, "The zip could not be written");
    r = copy_file(archive, fd, (uint64_t)before.st_size, sink, &failure);
    if (r < 0)
        return error_ensure(error, r, "The zip could not be written");
    return archive_end(archive, facts, remark_on(fd, &before, sink->written, failure), error);
}

int archive_add_link(struct archive *archive, const char *name, const char *to, struct error *error)
{
    struct json *json = &archive->manifest;
    int r = add_name(archive, name, 0, 0);

    if (r == 0)
        r = zip_link(archive->zip, name, to, archive->time);
    if (r < 0)
        return error_ensure(error, r, "The zip could not be written");
    json_object_begin(json);
    json_member_string(json, "name", name);
    json_member_string(json, "linkTo", to);
    json_object_end(json);
    return 0;
}

int archive_leave_out(struct archive *archive, const char *path, const char *reason)
{
    int r = ARRAY_RESERVE(&archive->left_out, 1, 2 * LIMIT_MODULES);
    char *copy = r < 0 ? NULL : strdup(path);

    if (!copy)
        return r < 0 ? r : -ENOMEM;
    archive->left_out.items[archive->left_out.count++] = (struct archive_left_out){copy, reason};
    return 0;
}

int archive_finish(struct archive *archive, struct error *error)
{
    struct json *json = &archive->manifest;
    struct sink *sink;
    int r;

    json_array_end(json);
    json_key(json, "leftOut");
    json_array_begin(json);
    for (size_t i = 0; i < archive->left_out.count; i++) {
        json_object_begin(json);
        json_member_string(json, "path", archive->left_out.items[i].path);
        json_member_string(json, "reason", archive->left_out.items[i].reason);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
    r = json_finish(json);
    if (r == 0)
        r = zip_entry(archive->zip, "manifest.json", archive->text.size, archive->time, &sink);
    if (r == 0)
        r = sink_write(sink, archive->text.data, archive->text.size);
    if (r == 0)
        r = sink_finish(sink, error);
    if (r == 0)
        r = zip_finish(archive->zip);
    return error_ensure(error, r, "The zip could not be written");
}
